//! The deliver.yaml of a mirror.

use super::DeliverError;
use crate::decide::deliver::{Deliver, Subscriber};
use crate::mirror::{Commands, Mirror, SETTINGS_LIMIT};
use crate::model::RelPath;

/// The name of the file beside mirror.yaml.
const FILE: &str = "deliver.yaml";

/// Returns the deliver.yaml of a mirror; nothing where there is none.
pub fn deliver_file(mirror: &Mirror) -> Result<Option<Deliver>, DeliverError> {
    let bytes = match mirror.store().read(&RelPath::state(FILE), SETTINGS_LIMIT) {
        Err(error) if error.is_not_found() => return Ok(None),
        bytes => bytes?,
    };
    Ok(Some(Deliver::load(&String::from_utf8_lossy(&bytes), FILE)?))
}

/// Returns the deliver.yaml of a mirror, which it must have.
pub fn required_deliver(mirror: &Mirror) -> Result<Deliver, DeliverError> {
    deliver_file(mirror)?.ok_or(DeliverError::NoFile)
}

/// Fails where whoever writes to a bucket could act from this machine.
pub(super) fn may_act(mirror: &Mirror) -> Result<(), DeliverError> {
    let is_ours = mirror.directory().is_some() || mirror.commands() == Commands::Run;
    if is_ours { Ok(()) } else { Err(DeliverError::Bucket) }
}

/// Returns the subscribers of these names, in the order of the file; all without names.
pub(super) fn chosen<'d>(
    deliver: &'d Deliver,
    names: &[String],
) -> Result<Vec<&'d Subscriber>, DeliverError> {
    if let Some(name) = names.iter().find(|name| deliver.to.iter().all(|one| one.name != **name)) {
        let known: Vec<String> = deliver.to.iter().map(|one| format!("`{}`", one.name)).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        return Err(DeliverError::NoSubscriber { name: name.escape_debug().to_string(), known });
    }
    Ok(deliver.to.iter().filter(|one| names.is_empty() || names.contains(&one.name)).collect())
}

/// Returns the subscriber of a name.
pub(super) fn named<'d>(deliver: &'d Deliver, name: &str) -> Result<&'d Subscriber, DeliverError> {
    let found = chosen(deliver, &[name.to_owned()])?;
    found.into_iter().next().ok_or(DeliverError::NoFile)
}
