//! What tests share: a mirror driven through the real binary, servers, and a view of what readers see.

pub(crate) mod attempt;
pub(crate) mod broken;
pub(crate) mod dice;
pub(crate) mod http;
pub(crate) mod receiver;
pub(crate) mod requests;
pub(crate) mod rig;
pub(crate) mod served;
pub(crate) mod servers;
pub(crate) mod shapes;
pub(crate) mod shared;
pub(crate) mod trunk;
pub(crate) mod twice;
pub(crate) mod view;
