//! The input of a command of the site: its environment, and the build as JSON on its standard input.

use crate::exec::MINISIGN_PASSWORD;
use crate::mirror::Mirror;
use crate::model::{BuildId, RelPath};
use crate::record::BuildRecord;
use serde_json::{Value, json};

/// The variables that are withheld from every command of the site.
pub(crate) const WITHOUT: [&str; 1] = [MINISIGN_PASSWORD];

/// Returns the environment of a command about a build.
pub(crate) fn environment(mirror: &Mirror, id: Option<&BuildId>) -> Vec<(&'static str, String)> {
    let directory = mirror.directory();
    let address = directory.as_ref().map_or_else(|| mirror.store().shown(), |dir| dir.display().to_string());
    let path = id.and_then(|id| Some(directory?.join(mirror.layout().build_path(id).ok()?.as_str())));
    vec![
        ("MIRRORKEEP_MIRROR", address),
        ("MIRRORKEEP_BUILD", id.map(ToString::to_string).unwrap_or_default()),
        ("MIRRORKEEP_STREAM", id.map(|id| id.stream.to_string()).unwrap_or_default()),
        ("MIRRORKEEP_PATH", path.map(|path| path.display().to_string()).unwrap_or_default()),
    ]
}

/// Returns the facts about a build, for the standard input of a command.
pub(crate) fn described(mirror: &Mirror, record: &BuildRecord) -> Value {
    let path: RelPath = mirror.layout().build_path(&record.id).unwrap_or_default();
    json!({
        "id": record.id, "stream": record.id.stream, "path": path, "result": record.result,
        "created": record.created, "published": record.published, "files": record.files, "bytes": record.bytes,
        "labels": serde_json::to_value(record).ok().and_then(|mut value| Some(value.get_mut("labels")?.take())),
        "requires": record.requires, "trimmed": record.trimmed,
    })
}
