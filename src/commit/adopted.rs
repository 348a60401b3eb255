//! What tells whether the record of an adopted build was written.

use crate::mirror::{KeptError, Mirror};
use crate::model::{BuildId, Digest, Stamp};
use crate::record::{Event, Manifest, Sums};

/// Returns the text of the SHA256SUMS of these files.
pub(crate) fn sums_of(manifest: &Manifest) -> String {
    Sums::of(manifest.files.iter().map(|file| (file.path.clone(), file.digest))).to_string()
}

/// Returns one digest of the paths and bytes of all files.
pub(crate) fn content(manifest: &Manifest) -> Digest {
    Digest::of(sums_of(manifest).as_bytes())
}

/// Returns whether a build is kept as the intent of an adoption says it is to be; the record is written last.
pub(crate) fn is_taken(mirror: &Mirror, id: &BuildId, intent: &Event) -> Result<bool, KeptError> {
    let Some(record) = mirror.record(id)? else { return Ok(false) };
    let said = |key: &str| intent.details.get(key);
    if said("created").and_then(|created| created.as_str()) != record.created.map(Stamp::iso).as_deref() {
        return Ok(false);
    }
    let Some(wanted) = said("content").and_then(|digest| digest.as_str()) else { return Ok(true) };
    let sums = record.sums.map(|sums| sums.to_string());
    let same = said("files").and_then(serde_json::Value::as_u64) == Some(record.files)
        && said("bytes").and_then(serde_json::Value::as_u64) == Some(record.bytes)
        && said("result").and_then(|result| result.as_str()) == Some(record.result.as_str())
        && said("sums").and_then(|sums| sums.as_str()) == sums.as_deref();
    Ok(same && mirror.manifest(id)?.is_some_and(|manifest| content(&manifest).to_string() == wanted))
}
