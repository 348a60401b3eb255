//! What changed in a build since it was published or taken in, told by names, sizes and times alone.
//!
//! Bytes that changed under the same size and time are not told from here: `verify` reads them.

use crate::decide::check::lists::{Named, Tally, names};
use crate::decide::check::{Code, Finding, SeenBuild, SeenKind};
use crate::layout::Layout;
use crate::model::{RelPath, is_sums};
use crate::record::{ManifestError, ManifestLine, manifest_lines};
use std::collections::BTreeSet;

/// Holds the manifest against what is there; what SHA256SUMS `told` already is not told again.
pub(super) fn judge(seen: &SeenBuild, layout: &Layout, told: &BTreeSet<String>, findings: &mut Vec<Finding>) {
    match changes(seen, layout, told) {
        Ok(None) => {}
        Ok(Some(found)) => {
            let expected = "what was published or taken in, by size and time";
            findings.push(Finding::new(Code::BuildChanged, &seen.path, found, expected));
        }
        Err(error) => {
            let why = format!("its manifest: {error}");
            findings.push(Finding::new(Code::RecordDamaged, &seen.path, why, "what mirrorkeep wrote"));
        }
    }
}

/// Returns in words what changed since the manifest was written, of what is not in `told`; nothing when nothing did.
pub fn changes(
    seen: &SeenBuild,
    layout: &Layout,
    told: &BTreeSet<String>,
) -> Result<Option<String>, ManifestError> {
    let Some(bytes) = &seen.manifest else { return Ok(None) };
    let mut tally = Tally::of(seen);
    let (mut changed, mut gone) = (Vec::new(), Vec::new());
    for line in manifest_lines(bytes) {
        let line = line?;
        let path = line.path();
        match (tally.name(path), &line) {
            (Named::Nothing, ManifestLine::File(_) | ManifestLine::Link { .. }) => gone.push(path.to_owned()),
            (Named::Item(item), ManifestLine::File(file)) => {
                let same_time = item.mtime.is_none_or(|mtime| mtime == file.mtime);
                if item.kind != SeenKind::File || item.size != file.size || !same_time {
                    changed.push(path.to_owned());
                }
            }
            (Named::Item(item), ManifestLine::Link { text, .. }) => {
                if !matches!(&item.kind, SeenKind::Link(found, _) if found == text) {
                    changed.push(path.to_owned());
                }
            }
            (_, ManifestLine::Dir(_)) | (Named::Twice, _) => {}
        }
    }
    let added = tally.rest().filter(|(_, item)| matches!(item.kind, SeenKind::File | SeenKind::Link(..)));
    let added = added.map(|(dir, item)| dir.at(item));
    let said = |path: &RelPath| layout.is_said(path) || is_sums(path.as_str());
    let added = added.filter(|path| !said(path)).map(|path| path.as_str().to_owned());
    let mut found = Vec::new();
    for (what, mut all) in [("changed", changed), ("gone", gone), ("new", added.collect::<Vec<_>>())] {
        all.retain(|path| !told.contains(path));
        all.sort();
        if !all.is_empty() {
            found.push(format!("{} {what}: {}", all.len(), names(&all)));
        }
    }
    Ok(Some(found.join("; ")).filter(|found| !found.is_empty()))
}
