//! How far each copy is by what `sync` noted last. No target is asked.

use super::error::TargetsError;
use super::lacking::behind;
use super::settings::targets_file;
use crate::decide::targets::Target;
use crate::mirror::{Mirror, chain};
use crate::model::Stamp;
use schemars::JsonSchema;
use serde::Serialize;

/// How far a copy was when `sync` last looked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TargetStatus {
    /// Its name.
    pub name: String,
    /// How it is reached: `directory`, `rsync`, `mirror`, `http`.
    pub via: &'static str,
    /// Whether the mirror needs it.
    pub required: bool,
    /// Whether a process sends to it now.
    pub running: bool,
    /// The number of the last event that is there with all before it; `null` where nothing was sent yet.
    pub serial: Option<u64>,
    /// When `sync` last came to its end there.
    pub synced: Option<Stamp>,
    /// How many events it lacks; `null` where that is not known.
    pub events: Option<u64>,
    /// For how many seconds it lacks the first of them, 0 without one; `null` where that is not known.
    pub seconds: Option<u64>,
    /// After how many seconds a person should look.
    pub alarm: u64,
    /// Why the last run did not come to its end, or why nothing is known.
    pub problem: Option<String>,
    /// Whether a person should look: the mirror needs it, and it lacks an event for too long or is not known.
    pub attention: bool,
}

/// Returns how far each target is; none where there is no targets.yaml.
pub fn target_status(mirror: &Mirror, now: Stamp) -> Result<Vec<TargetStatus>, TargetsError> {
    let file = targets_file(mirror)?;
    Ok(file.iter().flat_map(|file| &file.to).map(|target| of(mirror, target, now)).collect())
}

fn of(mirror: &Mirror, target: &Target, now: Stamp) -> TargetStatus {
    let mut status = TargetStatus {
        name: target.name.clone(),
        via: target.way.key(),
        required: target.required,
        running: mirror.is_sending(&target.name).unwrap_or_default(),
        serial: None,
        synced: None,
        events: None,
        seconds: None,
        alarm: u64::try_from(target.alarm.seconds()).unwrap_or_default(),
        problem: None,
        attention: false,
    };
    match mirror.sent(&target.name) {
        Err(error) => status.problem = Some(chain(&error)),
        Ok(sent) => match sent.filter(|sent| sent.address == Some(target.address())) {
            None => status.problem = Some("nothing was sent yet".to_owned()),
            Some(sent) => {
                (status.synced, status.problem) = (sent.at, sent.failure);
                let serial = sent.trace.map(|_| sent.serial);
                status.serial = serial;
                match behind(mirror, target, &sent.streams, serial.unwrap_or_default()) {
                    Err(error) => status.problem = Some(chain(&error)),
                    Ok(behind) => {
                        status.events = Some(behind.values().map(|behind| behind.events).sum());
                        let since = behind.values().map(|behind| behind.since).min();
                        let seconds = |since| now.since(since).try_into().unwrap_or_default();
                        status.seconds = Some(since.map_or(0, seconds));
                    }
                }
            }
        },
    }
    let late = status.events > Some(0) && status.seconds >= Some(status.alarm);
    status.attention = status.required && (late || status.serial.is_none());
    status
}
