//! What an alias resolves to, every link on the way followed, by looking at one name at a time.
//!
//! Nothing here relies on the kernel to stay below the root: each link's text is applied to the path as text, so that
//! a link out of the mirror is seen and reported, never followed.

use crate::model::RelPath;
use crate::store::{Entry, Kind, Result, Store, StoreErrorKind};

/// The maximum number of links in a row, as in Linux.
const HOPS: usize = 40;

/// What an alias resolves to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolved {
    /// Something that exists below the root.
    To(RelPath),
    /// A path below the root where nothing exists.
    Dangles(RelPath),
    /// A loop.
    Loops,
    /// A path outside the mirror, or an absolute path.
    Leaves(String),
}

impl Resolved {
    /// Returns the path below the root to which it resolves, whether or not something exists there.
    pub fn path(self) -> Option<RelPath> {
        match self {
            Self::To(path) | Self::Dangles(path) => Some(path),
            Self::Loops | Self::Leaves(_) => None,
        }
    }
}

/// What is at a path, as far as following links is concerned.
pub(super) enum Step {
    /// A link with that text.
    Link(String),
    /// Anything else.
    There,
}

/// Returns what the path resolves to when every link on the way is followed.
pub fn resolve(store: &dyn Store, path: &RelPath) -> Result<Resolved> {
    follow(path, |at| look(store, at))
}

/// Returns what the store has at a path.
pub(super) fn look(store: &dyn Store, at: &RelPath) -> Result<Option<Step>> {
    let step = |entry: Entry| match entry.kind {
        Kind::Link => Step::Link(entry.link.unwrap_or_default()),
        _ => Step::There,
    };
    match store.look(at) {
        Err(error) if error.kind() == StoreErrorKind::WrongKind => Ok(None),
        found => Ok(found?.map(step)),
    }
}

/// Returns the same by what `look` returns for each path on the way; nothing means that nothing exists there.
pub(super) fn follow(path: &RelPath, look: impl Fn(&RelPath) -> Result<Option<Step>>) -> Result<Resolved> {
    let mut ahead: Vec<String> = path.names().rev().map(str::to_owned).collect();
    let mut at = RelPath::root();
    let mut hops = 0;
    while let Some(name) = ahead.pop() {
        let Ok(next) = at.child(&name) else { return Ok(Resolved::Leaves(name)) };
        let text = match look(&next)? {
            None => {
                let rest = ahead.iter().rev().try_fold(next, |path, name| path.child(name));
                return Ok(Resolved::Dangles(rest.unwrap_or_default()));
            }
            Some(Step::There) => {
                at = next;
                continue;
            }
            Some(Step::Link(text)) => text,
        };
        hops += 1;
        if hops > HOPS {
            return Ok(Resolved::Loops);
        }
        let Some(target) = next.follow(&text) else { return Ok(Resolved::Leaves(text)) };
        // The target is resolved from the root again, since it may itself go through links.
        ahead.extend(target.names().rev().map(str::to_owned));
        at = RelPath::root();
    }
    Ok(Resolved::To(at))
}
