//! Where links lead, as readers of the mirror follow them.

use super::{Mirror, Resolved, StateError};
use crate::model::RelPath;
use crate::store::{LinkTarget, Pointer, StoreError, StoreErrorKind};

/// A link and where it leads.
pub(super) type Leading = (RelPath, Resolved);

/// Returns where a link leads for readers.
pub(super) fn leads(mirror: &Mirror, link: &RelPath) -> Result<Resolved, StoreError> {
    Ok(match mirror.store().target(link)? {
        LinkTarget::To(target) => Resolved::To(target),
        LinkTarget::Missing(target) => Resolved::Dangles(target),
        LinkTarget::Outside => Resolved::Leaves(mirror.store().link_text(link)?.unwrap_or_default()),
        LinkTarget::Unknown => mirror.resolve(link)?,
    })
}

/// Returns every link below a directory that neither is a build nor leads to any.
pub(super) fn below_other(mirror: &Mirror, dir: &RelPath) -> Result<Vec<Leading>, StateError> {
    let found = match mirror.store().pointers(dir) {
        // What a check of the file system found lies there, for its administrator alone.
        Err(error) if error.kind() == StoreErrorKind::Denied && dir.as_str() == "lost+found" => Vec::new(),
        found => found?,
    };
    resolved(mirror, found)
}

/// Returns every link by a name in a directory that no path can hold, and those below such names.
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
                // Its name is not the one that is shown.
                Resolved::Dangles(at) if at == path => Resolved::Leaves(String::new()),
                to => to,
            },
        };
        Ok((path, to))
    };
    found.into_iter().map(resolved).collect()
}
