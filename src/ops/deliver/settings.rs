//! The deliver.yaml of a mirror.

use super::DeliverError;
use crate::decide::deliver::{Deliver, Subscriber};
use crate::mirror::{Commands, Mirror, SETTINGS_LIMIT};
use crate::model::RelPath;

/// The name of the file beside mirror.yaml.
const FILE: &str = "deliver.yaml";

/// Returns the deliver.yaml of a mirror; nothing if there is none.
pub fn deliver_file(mirror: &Mirror) -> Result<Option<Deliver>, DeliverError> {
    deliver_text(mirror)?.as_deref().map(read_deliver).transpose()
}

/// Returns the text of the deliver.yaml of a mirror; nothing if there is none.
pub(super) fn deliver_text(mirror: &Mirror) -> Result<Option<String>, DeliverError> {
    match mirror.store().read(&RelPath::state(FILE), SETTINGS_LIMIT) {
        Err(error) if error.is_not_found() => Ok(None),
        bytes => Ok(Some(String::from_utf8_lossy(&bytes?).into_owned())),
    }
}

/// Reads the text of a deliver.yaml.
pub(super) fn read_deliver(text: &str) -> Result<Deliver, DeliverError> {
    Ok(Deliver::load(text, FILE)?)
}

/// Returns the deliver.yaml of a mirror; fails without one.
pub fn required_deliver(mirror: &Mirror) -> Result<Deliver, DeliverError> {
    deliver_file(mirror)?.ok_or(DeliverError::NoFile)
}

/// Fails if anyone who can write to the bucket could thereby act from this machine.
pub(super) fn may_act(mirror: &Mirror) -> Result<(), DeliverError> {
    let is_ours = mirror.directory().is_some() || mirror.commands() == Commands::Run;
    if is_ours { Ok(()) } else { Err(DeliverError::Bucket) }
}

/// Returns the subscribers with these names, in the order of the file; all if none are named.
pub(super) fn chosen<'d>(
    deliver: &'d Deliver,
    names: &[String],
) -> Result<Vec<&'d Subscriber>, DeliverError> {
    if let Some(name) = names.iter().find(|name| deliver.to.iter().all(|one| one.name != **name)) {
        let known: Vec<String> = deliver.to.iter().map(|one| format!("`{}`", one.name)).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        return Err(DeliverError::NoSubscriber { name: name.escape_debug().to_string(), known });
    }
    Ok(present(deliver, names))
}

/// Returns those of the subscribers with these names that the file has; all if none are named.
pub(super) fn present<'d>(deliver: &'d Deliver, names: &[String]) -> Vec<&'d Subscriber> {
    deliver.to.iter().filter(|one| names.is_empty() || names.contains(&one.name)).collect()
}

/// Returns the subscriber with a name.
pub(super) fn named<'d>(deliver: &'d Deliver, name: &str) -> Result<&'d Subscriber, DeliverError> {
    let found = chosen(deliver, &[name.to_owned()])?;
    found.into_iter().next().ok_or(DeliverError::NoFile)
}
