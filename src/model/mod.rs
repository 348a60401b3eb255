//! Names and values that every other folder uses.
//!
//! Text is parsed into one of these types once, at the edge, and prints back the same. Nothing here does I/O, reads
//! the clock or uses other modules of the crate.

mod build;
mod classify;
mod digest;
mod fold;
mod image;
mod label;
mod misspelt;
mod one_or_many;
mod outcome;
mod path;
mod patience;
pub mod registry;
mod shell;
mod shipped;
mod shown;
mod stamp;
mod sums;
mod url;
mod version;
mod version_order;
mod yaml;

pub use build::{BuildId, BuildName, NameError, Stream};
pub use classify::{Class, Classify, ErrorKind};
pub use digest::{Digest, DigestError, Hasher};
pub use fold::{folded_name, same_form};
pub use image::{ImageRef, ImageRefError};
pub use label::{Label, LabelError, REJECTED, VOTE, job_name};
pub use misspelt::{is_misspelt, nearest};
pub use one_or_many::OneOrMany;
pub use outcome::{Outcome, OutcomeError};
pub use path::{OWN_DIR, PathError, RETENTION_NAME, RETIRED_NAME, RelPath};
pub use patience::{Patience, PatienceError, RETRIES, retry_after};
pub use shell::shell_word;
pub use shipped::Shipped;
pub use shown::{LineError, check_line, is_unprintable, named, show, shown, unprintable};
pub use stamp::{CLOCK_SKEW, Stamp, StampError};
pub use sums::{SUMS_NAME, Scheme, is_sums, sums_names};
pub use url::{quoted, url_link, url_name, url_path};
pub use version::Version;
pub use version_order::{by_runs, version_order};
pub use yaml::{Document, Mark, Problem, by_place};
