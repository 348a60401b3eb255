//! The client of registries over real registries and over stand-ins that answer as no registry should.

mod broken;
mod carried;
mod checked;
mod contract;
mod helpers;
mod pruned;
mod real;
mod scene;
mod standin;
mod strange;
