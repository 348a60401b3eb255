//! The client of registries over real registries and over stand-ins that answer as no registry should.

mod advised;
mod broken;
mod carried;
mod checked;
mod contract;
mod healed;
mod helpers;
mod lost;
mod pruned;
mod real;
mod scene;
mod standin;
mod stored;
mod strange;
