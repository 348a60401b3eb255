//! What readers of a name get: the build that it points to now, and those that it left a short time ago.
//!
//! A client that began with one build finds the files of that build although the name moved, since the policy keeps it for
//! that time (`superseded_grace`). From the lists follow public files, which clients read, and rules for web servers.

mod apache;
mod files;
mod list;
mod nginx;
mod pattern;
mod repository;
mod rules;

pub use files::{Facts, Listed, Place, PublicFile, is_ours, public_files};
pub use list::{Departure, ReaderName, ReaderNames, Terms, list, names};
pub use repository::{Kind, Repository, repositories};
pub use rules::{Rules, RulesFor, rules};
