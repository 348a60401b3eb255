//! What readers of an alias get: its present build, and its recent former builds.
//!
//! A client that began with one build finds the files of that build although the alias moved, since the policy keeps
//! it for that time (`superseded_grace`). Public files, which clients read, and rules for web servers are made from
//! the lists.

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
