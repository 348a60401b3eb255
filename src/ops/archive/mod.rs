//! Builds that move to an archive: another mirror, which has each of them before it is removed here.
//!
//! A build is *proved* if the archive has its content, holds it, and every byte of it was read there. Nothing is removed
//! here: the caller does that afterwards, under the lock, and compares [`content_of`] with what was proved.
//! `docs/decisions/0028-archiving.md` has the steps, what a kill leaves, and the attacks.

mod content;
mod error;
mod held;
mod keep;
mod place;
mod prove;

pub use content::{Content, content_of};
pub use error::ArchiveError;
use held::hold_reason;
pub use held::is_archived;
pub use keep::{Archived, Archiving, archive};
pub use place::open;
