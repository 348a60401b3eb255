//! What was said of a build since it was copied.
//!
//! A label goes along when the target has none of its key, or an older one. None is ever taken away, and what was said
//! at the target later stays.

use crate::commit::relabel::relabel;
use crate::model::BuildId;
use crate::ops::Mode;
use crate::ops::copy::{Copy, CopyError};
use crate::record::{BuildRecord, LabelValue, Labels};
use serde_json::{Map, Value};

impl Copy<'_> {
    /// Brings the labels of a build that is there already, with who said them and when; returns their keys.
    pub(crate) fn bring_labels(&self, id: &BuildId, from: &BuildRecord) -> Result<Vec<String>, CopyError> {
        let Some(there) = self.to.record(id)? else { return Ok(Vec::new()) };
        let newer = newer(&from.labels, &there.labels);
        if newer.is_empty() || self.copying.mode == Mode::Trial {
            return Ok(newer.into_iter().map(|(key, _)| key).collect());
        }
        let lock = self.session.begin()?;
        // Somebody may have said something meanwhile, or taken the build away.
        let Some(old) = self.to.record(id)? else { return Ok(Vec::new()) };
        let mut record = old.clone();
        let newer = crate::ops::copy::labels::newer(&from.labels, &record.labels);
        let said: Map<String, Value> =
            newer.iter().map(|(key, label)| (key.clone(), Value::from(&*label.value))).collect();
        let keys = newer.iter().map(|(key, _)| key.clone()).collect();
        for (key, label) in newer {
            record.labels.insert(key, label);
        }
        let stands = relabel(&lock, &old, &record, said, lock.now())?;
        Ok(if stands { keys } else { Vec::new() })
    }
}

/// Returns the labels that are missing or older at the target.
fn newer(from: &Labels, there: &Labels) -> Vec<(String, LabelValue)> {
    let comes = |key: &String, label: &LabelValue| match there.get(key) {
        None => true,
        Some(old) => old.value != label.value && label.since > old.since,
    };
    from.iter()
        .filter(|(key, label)| comes(key, label))
        .map(|(key, label)| (key.clone(), label.clone()))
        .collect()
}
