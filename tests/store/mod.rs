//! Stores: the contract that each keeps, what is written in one, and copies between them.

pub(crate) mod contract;
pub(crate) mod copy;
pub(crate) mod materialize;
pub(crate) mod object;
pub(crate) mod protocol;
pub(crate) mod record;
pub(crate) mod times;
pub(crate) mod tls;
