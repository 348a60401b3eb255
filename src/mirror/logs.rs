//! The last logs of gates and carried commands, stored for each build beside its record.
//!
//! No decision depends on them: the next log replaces a damaged file, and the logs of another build of that name are
//! ignored.

use super::{Mirror, RECORD_LIMIT, Tree, WriteLock};
use crate::model::Stamp;
use crate::record::BuildRecord;
use crate::store::{Put, StoreError, StoreErrorKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The maximum size of all logs of a build; the oldest are removed first.
const MOST: usize = 4 << 20;

/// The logs of one build, as they are written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BuildLogs {
    /// The version of this form: 1.
    logs: u32,
    /// When the build was published, which distinguishes it from others of its name.
    published: Option<Stamp>,
    /// The last run of each, by name: `gate/NAME`, or `carry/STAGE/NUMBER/STEP`.
    pub runs: BTreeMap<String, RunLog>,
}

/// The log of one run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunLog {
    /// When it ended.
    pub at: Stamp,
    /// Its result: `success`, `failure`, or a text.
    pub result: String,
    /// How long it took, in seconds.
    pub seconds: u64,
    /// The end of its output.
    pub log: String,
}

impl Mirror {
    /// Returns the logs of a build; none if they cannot be used.
    pub fn logs(&self, record: &BuildRecord) -> Result<BuildLogs, StoreError> {
        let none = || BuildLogs { logs: 1, published: record.published, runs: BTreeMap::new() };
        let bytes = match self.store().read(&Tree::Logs.at(&record.id), RECORD_LIMIT) {
            Err(error) if error.is_not_found() || error.kind() == StoreErrorKind::TooLarge => {
                return Ok(none());
            }
            bytes => bytes?,
        };
        let read: Option<BuildLogs> = serde_json::from_slice(&bytes).ok();
        let of_it = |logs: &BuildLogs| logs.logs == 1 && logs.published == record.published;
        Ok(read.filter(of_it).unwrap_or_else(none))
    }
}

impl WriteLock<'_> {
    /// Stores the logs of runs on a build.
    pub fn keep_logs(&self, record: &BuildRecord, runs: Vec<(String, RunLog)>) -> Result<(), StoreError> {
        if runs.is_empty() {
            return Ok(());
        }
        let mut logs = self.mirror().logs(record)?;
        logs.runs.extend(runs);
        logs.shorten();
        // Plain data always serializes.
        let text = serde_json::to_vec_pretty(&logs).unwrap_or_default();
        self.mirror().store().put(&Tree::Logs.at(&record.id), &text, Put::Replace)
    }
}

impl BuildLogs {
    /// Removes the oldest logs if all of them are too long.
    fn shorten(&mut self) {
        while self.runs.len() > 1 && self.runs.values().map(|run| run.log.len()).sum::<usize>() > MOST {
            let oldest = self.runs.iter().min_by_key(|(_, run)| run.at).map(|(name, _)| name.clone());
            self.runs.remove(&oldest.unwrap_or_default());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_long_logs_the_newest_stay() {
        let mut logs = BuildLogs::default();
        for number in 0..100_i64 {
            let log = RunLog {
                at: Stamp::from_unix(number).unwrap(),
                result: "success".to_owned(),
                seconds: 1,
                log: "x".repeat(64 << 10),
            };
            logs.runs.insert(format!("gate/{number}"), log);
        }
        logs.shorten();
        assert_eq!(logs.runs.len(), 64);
        assert!(logs.runs.contains_key("gate/99") && !logs.runs.contains_key("gate/0"));
    }
}
