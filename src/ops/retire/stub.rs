//! The file in the directory of a retired stream that says why, and where each build is.
//!
//! Only a stream with a directory of its own has one. A file of others at its path is never replaced.

use super::RetireError;
use super::served::address;
use crate::layout::Place;
use crate::mirror::{Mirror, WriteLock};
use crate::model::{BuildId, RETIRED_NAME, RelPath, Stamp, Stream, shown};
use crate::record::Retirement;
use crate::store::Put;
use std::collections::BTreeSet;

/// The start of the file, by which it is recognized.
const FIRST: &str = "This file was written by mirrorkeep.\n";

/// The largest size of it that is read, in bytes.
const LIMIT: u64 = 64 << 20;

/// Returns the path of the stub of a stream.
pub(super) fn path(mirror: &Mirror, stream: &Stream) -> Result<RelPath, RetireError> {
    Ok(mirror.layout().stream_path(stream)?.child(RETIRED_NAME).unwrap_or_default())
}

/// Returns whether the stub of a stream may be written: its directory belongs to no other stream, and no one else wrote the file.
fn is_free(mirror: &Mirror, stream: &Stream, at: &RelPath) -> Result<bool, RetireError> {
    let dir = mirror.layout().stream_path(stream)?;
    let is_own = matches!(mirror.layout().place(&dir), Place::Stream { stream: of } if of == *stream);
    if !is_own {
        return Ok(false);
    }
    match mirror.store().read(at, LIMIT) {
        Err(error) if error.is_not_found() => Ok(true),
        bytes => Ok(bytes?.starts_with(FIRST.as_bytes())),
    }
}

/// Writes the stub of a stream.
pub(super) fn write(
    lock: &WriteLock<'_>,
    one: &Retirement,
    builds: &BTreeSet<BuildId>,
) -> Result<(), RetireError> {
    let (mirror, at) = (lock.mirror(), path(lock.mirror(), &one.stream)?);
    if !is_free(mirror, &one.stream, &at)? {
        mirror.warnings().add(format!(
            "`{at}`, which would say where the builds of `{}` are, is not written: the directory is not that of this stream alone, \
             or something else is there",
            one.stream
        ));
        return Ok(());
    }
    mirror.store().put(&at, text(mirror, one, builds)?.as_bytes(), Put::Replace)?;
    Ok(())
}

/// Removes the stub of a stream, if mirrorkeep wrote it.
pub(super) fn remove(lock: &WriteLock<'_>, stream: &Stream) -> Result<(), RetireError> {
    let at = path(lock.mirror(), stream)?;
    if lock.mirror().store().look(&at)?.is_some() && is_free(lock.mirror(), stream, &at)? {
        lock.mirror().store().remove(&at)?;
    }
    Ok(())
}

fn text(mirror: &Mirror, one: &Retirement, builds: &BTreeSet<BuildId>) -> Result<String, RetireError> {
    let mut text = format!("{FIRST}The stream {} is retired: {}\n", one.stream, shown(&one.why));
    let day = |at: Stamp| at.spell("%Y-%m-%d");
    match (one.retired_at, one.removal_at) {
        (Some(at), _) => text.push_str(&format!("Its builds were removed by {} (UTC).\n", day(at))),
        (None, Some(at)) => text.push_str(&format!("Its builds are removed from {} (UTC) on.\n", day(at))),
        (None, None) => {}
    }
    text.push_str(match (&one.url, &one.archive) {
        (Some(_), _) => "They stay at these addresses:\n",
        (None, Some(_)) => "They stay in an archive; ask the operators of this mirror for them:\n",
        (None, None) => "No copy of them is kept here:\n",
    });
    for id in builds {
        let at = mirror.layout().build_path(id)?;
        match one.url.as_ref().and_then(|url| address(url, &at).ok()) {
            Some(url) => text.push_str(&format!("{id} {url}/\n")),
            None => text.push_str(&format!("{id}\n")),
        }
    }
    Ok(text)
}
