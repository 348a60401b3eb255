//! Every hold, with the build that it protects.

use crate::census::Census;
use crate::mirror::Mirror;
use crate::model::{BuildId, Stamp};
use crate::ops::archive::is_archived;
use crate::record::Hold;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// A hold without a term that is older than this many seconds may have been forgotten.
const OLD: i64 = 90 * 86400;

/// One hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct HeldBuild {
    /// The ID of the build.
    pub id: BuildId,
    /// Who set it.
    pub who: String,
    /// The reason.
    pub why: String,
    /// When it was set.
    pub since: Option<Stamp>,
    /// When it ends; nothing if it stays until somebody removes it.
    pub until: Option<Stamp>,
    /// Whether it protects now: its term is not over.
    pub active: bool,
    /// Whether it has no term and is older than 90 days, and is not that of an archived build.
    pub old: bool,
    /// Whether the build is in the mirror.
    pub present: bool,
}

/// Returns every hold, sorted by build; the survey reports holds that cannot be read.
pub fn held(mirror: &Mirror, census: &Census) -> Vec<HeldBuild> {
    let mut holds: BTreeMap<BuildId, (bool, Vec<Hold>)> = BTreeMap::new();
    for (id, held) in mirror.holds().unwrap_or_default() {
        holds.insert(id, (false, held));
    }
    // Includes holds that are files in builds.
    for (id, build) in census.builds().filter(|(_, build)| !build.holds.is_empty()) {
        holds.insert(id, (true, build.holds.clone()));
    }
    let one = |(id, (present, holds)): (BuildId, (bool, Vec<Hold>))| {
        let each = move |hold: Hold| {
            let age = hold.since.map(|since| census.at.since(since));
            HeldBuild {
                active: hold.is_active(census.at),
                old: hold.until.is_none() && age.is_some_and(|age| age > OLD) && !is_archived(&hold.why),
                id: id.clone(),
                who: hold.who,
                why: hold.why,
                since: hold.since,
                until: hold.until,
                present,
            }
        };
        holds.into_iter().map(each).collect::<Vec<_>>()
    };
    holds.into_iter().flat_map(one).collect()
}
