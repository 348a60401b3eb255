//! Releases: requests in a git repository, the rules that they must obey, and the messages of tags.
//!
//! A request is a file `requests/<series>/<name>.yaml`; each of its entries is one version with the commits of its
//! repositories. Everything here is text in, findings out (`docs/decisions/0025-releases.md`).

mod finding;
mod kinds;
mod labels;
mod load;
mod message;
mod object;
mod request;
mod rules;
mod schema;
mod settings;
mod version;

pub use finding::{Finding, Rule};
pub use kinds::{ReleaseModel, Status};
pub use labels::without_followed;
pub use message::{MessageError, TagMessage};
pub use object::{ObjectError, Signed, TagObject};
pub use request::{Entry, EntryId, Project, REQUESTS, Request};
pub use rules::{Applied, Contents, Files, Judged, SETTINGS, judge};
pub use settings::{Series, Settings};
pub use version::{ReleaseType, ReleaseVersion, VersionError};
