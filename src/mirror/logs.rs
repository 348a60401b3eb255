//! What gates and carried commands wrote last, kept for each build beside its record.
//!
//! No decision needs it: a file that is damaged is replaced by the next log, and one that speaks of another build of
//! that name counts for nothing.

use super::{Mirror, RECORD_LIMIT, Tree, WriteLock};
use crate::model::Stamp;
use crate::record::BuildRecord;
use crate::store::{Put, StoreError, StoreErrorKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The most bytes of all logs of a build; the oldest go first.
const MOST: usize = 4 << 20;

/// The logs of one build, as they are written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BuildLogs {
    /// The version of this form: 1.
    logs: u32,
    /// When the build was published, which tells it from others of its name.
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
    /// How: `success`, `failure`, or in words.
    pub result: String,
    /// How many seconds it took.
    pub seconds: u64,
    /// The end of what it wrote.
    pub log: String,
}

impl Mirror {
    /// Returns the logs of a build; none where they cannot be used.
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
    /// Keeps the logs of runs on a build.
    pub fn keep_logs(&self, record: &BuildRecord, runs: Vec<(String, RunLog)>) -> Result<(), StoreError> {
        if runs.is_empty() {
            return Ok(());
        }
        let mut logs = self.mirror().logs(record)?;
        logs.runs.extend(runs);
        logs.shorten();
        // Logs are plain data.
        let text = serde_json::to_vec_pretty(&logs).unwrap_or_default();
        self.mirror().store().put(&Tree::Logs.at(&record.id), &text, Put::Replace)
    }
}

impl BuildLogs {
    /// Forgets the oldest logs where all of them are too long.
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
