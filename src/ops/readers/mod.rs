//! Additional files for readers of aliases: public files with lists of builds, and rules of a web server.
//!
//! `docs/decisions/0012-readers.md` has the order of writes and the state after a kill. A failure here never fails
//! the command that moved an alias: its caller warns, and the next command that changes something tries again.

mod compute;
mod error;
mod server;
mod state;
mod update;

pub use compute::{Look, hides_names, lists};
pub use error::ReadersError;
pub use server::replace;
pub use state::{NameState, ReadersState};
pub use update::{NOT_UPDATED, ReadersReport, differing, update};
pub(crate) use update::{before_removal, behind};
