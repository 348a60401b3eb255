//! The image pins that are in force, by the journal: what a command put in force last under each name.

use super::{JournalError, Mirror};
use crate::model::ImageRef;
use crate::record::{Event, EventKind, Phase};
use std::collections::BTreeMap;

/// The pinned images by the name under which they were put in force.
pub type PinsInForce = BTreeMap<String, Vec<ImageRef>>;

impl Mirror {
    /// Returns the image pins that are in force.
    pub fn pins(&self) -> Result<PinsInForce, JournalError> {
        Ok(in_force(self.history(&[EventKind::Pinned])?))
    }
}

/// Returns the image pins that are in force after these events.
pub(super) fn in_force(events: impl IntoIterator<Item = Event>) -> PinsInForce {
    let mut pins = PinsInForce::new();
    for event in events {
        if event.what != EventKind::Pinned || event.phase != Phase::Done {
            continue;
        }
        match event.stated().pins {
            Some(none) if none.is_empty() => drop(pins.remove(&event.to)),
            Some(some) => drop(pins.insert(event.to, some)),
            // Of a form that is not known here: what was pinned before stays so.
            None => {}
        }
    }
    pins
}
