//! Whether what a server states of a build can be a build: nothing is written before.

use super::PullError;
use crate::decide::changes::ListedBuild;
use crate::layout::Created;
use crate::mirror::Mirror;
use crate::model::{CLOCK_SKEW, RelPath, Stamp, is_sums, shown, unprintable};
use crate::record::{BUILD_RECORD_VERSION, BuildRecord, Labels, Manifest, Origin, Sums};
use std::collections::BTreeSet;

/// The latest time of a file, in nanoseconds since 1970: the end of the year 9999.
const LATEST: i128 = 253_402_300_799 * 1_000_000_000;

fn unsound(why: impl Into<String>) -> PullError {
    PullError::Unsound(why.into())
}

/// Returns the record of a build; fails where the list states another path or time than the name has.
pub(super) fn record(mirror: &Mirror, listed: &ListedBuild, now: Stamp) -> Result<BuildRecord, PullError> {
    let id = &listed.id;
    let path = mirror.layout().build_path(id).map_err(|error| unsound(error.to_string()))?;
    if path != listed.path {
        let why = format!(
            "it is at `{}` there, and would be at `{path}` by the layout of this mirror",
            listed.path
        );
        return Err(unsound(why));
    }
    let (created, seq) = match mirror.layout().created(id) {
        Created::At(stamp, seq) => (Some(stamp), seq),
        Created::Unnamed => (listed.created, listed.seq),
        Created::Impossible(why) => return Err(unsound(why)),
    };
    if created.is_some_and(|created| created.since(now) > CLOCK_SKEW) {
        return Err(unsound(format!("its time is in the future: it is {} now", now.iso())));
    }
    // They are shown to people.
    if let Some(odd) = listed.trimmed.iter().find(|part| unprintable(part).is_some() || part.len() > 100) {
        return Err(unsound(format!(
            "`{}` is not the name of a part",
            shown(odd).chars().take(100).collect::<String>()
        )));
    }
    if listed.requires.contains(id) {
        return Err(unsound("it needs itself"));
    }
    Ok(BuildRecord {
        record: BUILD_RECORD_VERSION,
        id: id.clone(),
        created,
        seq,
        published: None,
        confirmed_at: None,
        result: listed.result,
        labels: Labels::new(),
        requires: listed.requires.clone(),
        trimmed: listed.trimmed.clone(),
        files: listed.files,
        bytes: listed.bytes,
        sums: Some(listed.sums),
        origin: Origin::Published,
        problem: None,
    })
}

/// Fails for a manifest that no build can have.
pub(super) fn manifest(manifest: &Manifest, listed: &ListedBuild) -> Result<(), PullError> {
    let mut bytes = 0_u64;
    for file in &manifest.files {
        bytes = bytes.checked_add(file.size).ok_or_else(|| unsound("the sizes of its files overflow"))?;
        if !(0..=LATEST).contains(&file.mtime) {
            return Err(unsound(format!("the time of `{}` is impossible", file.path)));
        }
    }
    if (manifest.files.len() as u64, bytes) != (listed.files, listed.bytes) {
        let (files, stated) = (manifest.files.len(), listed.files);
        return Err(unsound(format!(
            "its manifest has {files} files with {bytes} bytes, and the change list states {stated} with {}",
            listed.bytes
        )));
    }
    let mut taken: BTreeSet<&RelPath> = BTreeSet::new();
    for path in manifest.paths().chain(&manifest.dirs) {
        if is_sums(path.as_str()) || path.is_root() {
            return Err(unsound(format!("its manifest has `{path}`")));
        }
        if !taken.insert(path) {
            return Err(unsound(format!("its manifest has `{path}` twice")));
        }
    }
    for path in &taken {
        if let Some(above) = path.ancestors().find(|above| taken.contains(above)) {
            return Err(unsound(format!("its manifest has `{path}` below `{above}`, which is no directory")));
        }
    }
    Ok(())
}

/// Fails where SHA256SUMS states other digests than the manifest; `whole` also where it lacks a file.
pub(super) fn sums(bytes: &[u8], manifest: &Manifest, whole: bool) -> Result<(), PullError> {
    let sums = Sums::parse(bytes).map_err(|error| unsound(format!("its SHA256SUMS: {error}")))?;
    let listed = sums.files();
    for file in &manifest.files {
        let found = listed.binary_search_by(|(path, _)| path.cmp(&file.path));
        match found.ok().and_then(|at| listed.get(at)) {
            Some((_, digest)) if *digest == file.digest => {}
            Some(_) => {
                let why = format!("its manifest and its SHA256SUMS state two digests of `{}`", file.path);
                return Err(unsound(why));
            }
            None if whole => return Err(unsound(format!("its SHA256SUMS lacks `{}`", file.path))),
            None => {}
        }
    }
    Ok(())
}
