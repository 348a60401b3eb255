//! The targets.yaml of a mirror.

use super::TargetsError;
use crate::decide::targets::{Target, Targets};
use crate::mirror::{Commands, Mirror, SETTINGS_LIMIT};
use crate::model::RelPath;

/// The name of the file beside mirror.yaml.
const FILE: &str = "targets.yaml";

/// Returns the targets.yaml of a mirror; nothing where there is none.
pub fn targets_file(mirror: &Mirror) -> Result<Option<Targets>, TargetsError> {
    match mirror.store().read(&RelPath::state(FILE), SETTINGS_LIMIT) {
        Err(error) if error.is_not_found() => Ok(None),
        bytes => Ok(Some(Targets::load(&String::from_utf8_lossy(&bytes?), FILE)?)),
    }
}

/// Returns the targets.yaml of a mirror, which it must have.
pub fn required_targets(mirror: &Mirror) -> Result<Targets, TargetsError> {
    targets_file(mirror)?.ok_or(TargetsError::NoFile)
}

/// Fails where whoever writes to a bucket could act from this machine.
pub fn may_act(mirror: &Mirror) -> Result<(), TargetsError> {
    let is_ours = mirror.directory().is_some() || mirror.commands() == Commands::Run;
    if is_ours { Ok(()) } else { Err(TargetsError::Bucket) }
}

/// Returns the targets of these names, in the order of the file; all without names.
pub fn chosen<'t>(targets: &'t Targets, names: &[String]) -> Result<Vec<&'t Target>, TargetsError> {
    if let Some(name) = names.iter().find(|name| targets.named(name).is_none()) {
        let known: Vec<String> = targets.to.iter().map(|one| format!("`{}`", one.name)).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        return Err(TargetsError::NoTarget { name: name.escape_debug().to_string(), known });
    }
    Ok(targets.to.iter().filter(|one| names.is_empty() || names.contains(&one.name)).collect())
}
