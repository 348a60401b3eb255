//! The image pins in force, by the journal: the last ones that a command set under each name.

use super::{JournalError, Mirror};
use crate::model::ImageRef;
use crate::record::{Event, EventKind, Phase};
use std::collections::BTreeMap;

/// The pinned images by the name of their pins.
pub type PinsInForce = BTreeMap<String, Vec<ImageRef>>;

impl Mirror {
    /// Returns the image pins in force.
    pub fn pins(&self) -> Result<PinsInForce, JournalError> {
        Ok(in_force(self.history(&[EventKind::Pinned])?))
    }
}

/// Returns the image pins in force after these events.
pub(super) fn in_force(events: impl IntoIterator<Item = Event>) -> PinsInForce {
    let mut pins = PinsInForce::new();
    for event in events {
        if event.what != EventKind::Pinned || event.phase != Phase::Done {
            continue;
        }
        match event.stated().pins {
            Some(none) if none.is_empty() => drop(pins.remove(&event.to)),
            Some(some) => drop(pins.insert(event.to, some)),
            // In an unknown form: what was pinned before stays pinned.
            None => {}
        }
    }
    pins
}
