//! How to see whether the record of an adopted build was written.

use crate::mirror::{Mirror, StateError};
use crate::model::{BuildId, Digest};
use crate::record::{Event, Manifest, Sums};

/// Returns the text of the SHA256SUMS of these files.
pub(crate) fn sums_of(manifest: &Manifest) -> String {
    Sums::of(manifest.files.iter().map(|file| (file.path.clone(), file.digest))).to_string()
}

/// Returns one digest of the paths and bytes of all files.
pub(crate) fn content(manifest: &Manifest) -> Digest {
    Digest::of(sums_of(manifest).as_bytes())
}

/// Returns whether the record and manifest of a build are those that the intent of an adoption states; the record is
/// written last.
pub(crate) fn is_adopted(mirror: &Mirror, id: &BuildId, intent: &Event) -> Result<bool, StateError> {
    let Some(record) = mirror.record(id)? else { return Ok(false) };
    let said = intent.stated();
    if said.created != record.created {
        return Ok(false);
    }
    let Some(wanted) = said.content else { return Ok(true) };
    let same = (said.files, said.bytes) == (Some(record.files), Some(record.bytes))
        && said.result == Some(record.result)
        && said.sums == record.sums;
    Ok(same && mirror.manifest(id)?.is_some_and(|manifest| content(&manifest) == wanted))
}
