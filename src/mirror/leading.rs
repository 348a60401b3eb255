//! Where links resolve to, as readers of the mirror follow them.

use super::{Mirror, Resolved, StateError};
use crate::model::RelPath;
use crate::store::{LinkTarget, Pointer, StoreError, StoreErrorKind};

/// A link and what it resolves to.
pub(super) type Leading = (RelPath, Resolved);

/// Returns what a link resolves to for readers.
pub(super) fn leads(mirror: &Mirror, link: &RelPath) -> Result<Resolved, StoreError> {
    Ok(match mirror.store().target(link)? {
        LinkTarget::To(target) => Resolved::To(target),
        LinkTarget::Missing(target) => Resolved::Dangles(target),
        LinkTarget::Outside => Resolved::Leaves(mirror.store().link_text(link)?.unwrap_or_default()),
        LinkTarget::Unknown => mirror.resolve(link)?,
    })
}

/// Returns every link below a directory that is neither a build nor above one.
pub(super) fn below_other(mirror: &Mirror, dir: &RelPath) -> Result<Vec<Leading>, StateError> {
    let found = match mirror.store().pointers(dir) {
        // A check of the file system puts what it found there, for the administrator alone.
        Err(error) if error.kind() == StoreErrorKind::Denied && dir.as_str() == "lost+found" => Vec::new(),
        found => found?,
    };
    resolved(mirror, found)
}

/// Returns every link with a name that a path cannot represent, and those below such names.
pub(super) fn below_odd(mirror: &Mirror, dir: &RelPath) -> Result<Vec<Leading>, StateError> {
    resolved(mirror, mirror.store().odd_pointers(dir)?)
}

fn resolved(mirror: &Mirror, found: Vec<Pointer>) -> Result<Vec<Leading>, StateError> {
    let resolved = |Pointer { path, target }| {
        let to = match target {
            LinkTarget::To(target) => Resolved::To(target),
            LinkTarget::Missing(target) => Resolved::Dangles(target),
            LinkTarget::Outside => Resolved::Leaves(String::new()),
            LinkTarget::Unknown => match mirror.resolve(&path)? {
                // The displayed name is not the real one.
                Resolved::Dangles(at) if at == path => Resolved::Leaves(String::new()),
                to => to,
            },
        };
        Ok((path, to))
    };
    found.into_iter().map(resolved).collect()
}
