//! Whether a build of a stream is due: its runs in the journal, compared with the present state of a branch, a tag or
//! a file.

mod answer;
mod context_source;
mod git;
mod known;
mod runs;

pub use answer::{Answer, compared, every, requested};
pub use context_source::{ContextSource, ContextSourceError};
pub use git::{GitSource, GitSourceError, check_address, commit_in};
pub use known::checkout_of;
pub use runs::{Request, Runs, TELLING, Tried};
