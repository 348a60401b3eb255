//! The aliases beside the bundles of a stream: one link to the current bundle, and each file through that link.

use super::BundleError;
use crate::commit::repoint::{self, Moved, repoint};
use crate::layout::{Bundle, Place};
use crate::mirror::{Mirror, WriteLock};
use crate::model::{BuildId, RelPath};
use crate::record::NameMove;

/// Returns the moves that make a build the current bundle: first the files that are not reached through the link,
/// then the link.
pub(crate) fn links(mirror: &Mirror, bundle: &Bundle, to: &BuildId) -> Result<Vec<NameMove>, BundleError> {
    let link = place(mirror, bundle, &bundle.link)?;
    let mut moves = Vec::new();
    for file in &bundle.files {
        let alias = place(mirror, bundle, &file.file)?;
        moves.push(step(mirror, alias, link.child(&file.file).unwrap_or_default())?);
    }
    moves.retain(|step| step.from != step.to);
    moves.push(step(mirror, link, mirror.layout().build_path(to)?)?);
    Ok(moves)
}

/// Makes the missing link, to the build in which the files are, so that they can be moved to it without a change for
/// readers. DLRN has a link into the build for each file.
pub(crate) fn through_old(lock: &WriteLock<'_>, moves: &[NameMove]) -> Result<Option<Moved>, BundleError> {
    let Some((link, files)) = moves.split_last() else { return Ok(None) };
    let old = files.iter().find_map(|step| step.from.as_ref()?.parent());
    let is_build = |at: &RelPath| matches!(lock.mirror().layout().place(at), Place::Build { .. });
    match old.filter(is_build) {
        Some(old) if link.from.is_none() => Ok(Some(repoint(lock, &link.alias, &old, lock.now())?)),
        _ => Ok(None),
    }
}

fn place(mirror: &Mirror, bundle: &Bundle, name: &str) -> Result<RelPath, BundleError> {
    Ok(mirror.layout().stream_path(&bundle.stream)?.child(name).unwrap_or_default())
}

fn step(mirror: &Mirror, alias: RelPath, to: RelPath) -> Result<NameMove, BundleError> {
    repoint::step(mirror, alias.clone(), Some(to))?.ok_or(BundleError::Taken(alias))
}
