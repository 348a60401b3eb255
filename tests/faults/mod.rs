//! Faults: every call, system call and request broken in turn, races, power cuts, and hostile input.

pub(crate) mod canary;
pub(crate) mod crash;
pub(crate) mod deep;
pub(crate) mod disks;
pub(crate) mod fuzzed;
pub(crate) mod hands;
pub(crate) mod hostile;
pub(crate) mod mounts;
pub(crate) mod network;
pub(crate) mod power;
pub(crate) mod races;
pub(crate) mod spied;
pub(crate) mod verbs;
