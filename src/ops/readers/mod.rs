//! What readers of names get beyond the names: public files with lists of builds, and rules of a web server.
//!
//! `docs/decisions/0012-readers.md` has the order of writes and what a kill leaves. Nothing here may fail the command that
//! moved a name: its caller warns, and the next command that changes something tries again.

mod compute;
mod error;
mod server;
mod state;
mod update;

pub use compute::{Look, hides_names, lists};
pub use error::ReadersError;
pub use server::replace;
pub use state::{NameState, ReadersState};
pub(crate) use update::before_removal;
pub use update::{NOT_UPDATED, ReadersReport, differing, update};
