//! Writing the change list of a mirror, below one directory of it.
//!
//! `docs/decisions/0023-change-list-and-pull.md` has the order of writes and what a kill leaves. The next edition is made
//! from the last one as it is there; beside it only the highest serial and the kinds of signatures are kept.

mod error;
mod look;
mod published;
mod write;

pub use error::ChangesWriteError;
pub use write::{ChangesReport, Extent, Signatures, export};
