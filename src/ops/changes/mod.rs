//! Writing the change list of a mirror, below one directory of it.
//!
//! `docs/decisions/0023-change-list-and-pull.md` has the order of writes and what a kill leaves. What was published is the only
//! state: the next edition is made from the last one as it is there.

mod error;
mod look;
mod write;

pub use error::ChangesWriteError;
pub use write::{ChangesReport, Extent, export};
