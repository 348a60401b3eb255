//! Whether a mirror is what its layout says: what was seen, held against the rules, as a list of findings.
//!
//! Pure and table-driven: the same sight gives the same findings, in the same order, and what complies gives none.
//! What is not seen is not judged; what could not be read is a finding of its own, never taken for right.

mod aliases;
mod baseline;
mod build;
mod code;
mod context;
mod drift;
mod finding;
mod fix;
mod group;
mod images;
mod lists;
mod marker;
mod outside;
mod plain;
mod rules;
mod seen;
mod streams;

pub use baseline::Baseline;
pub use code::{Code, Severity};
pub use drift::{Drift, changes, comply_drift};
pub use finding::Finding;
pub use fix::{Fix, MendKind, mends};
pub use group::{Grouped, grouped};
pub use rules::{IgnoreText, Ignored, Rules};
pub use seen::{Leads, Seen, SeenAlias, SeenBuild, SeenDir, SeenEntry, SeenImages, SeenItem, SeenKind};

use super::policy::Policy;
use crate::census::BuildCensus;
use crate::layout::Layout;
use crate::model::Stamp;

/// What else findings depend on.
#[derive(Debug, Clone, Copy, Default)]
pub struct Terms<'a> {
    /// The mirror's policy.
    pub policy: Option<&'a Policy>,
    /// After how many seconds without a success a stream counts as stalled.
    pub stalled: Option<i64>,
    /// What the mirror changes of the findings, which [`Rules::apply`] does when all are there.
    pub rules: Option<&'a Rules>,
}

/// How far a clock may be ahead where no policy says so, in seconds.
const SKEW: i64 = 3600;

impl Terms<'_> {
    /// Returns how far a clock may be ahead, in seconds.
    fn skew(&self) -> i64 {
        self.policy.map_or(SKEW, |policy| policy.skew.seconds())
    }
}

/// Returns what is wrong outside the builds, with the streams, the aliases and the records.
pub fn comply(seen: &Seen, layout: &Layout, terms: Terms<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    outside::judge(seen, layout, &mut findings);
    aliases::judge(seen, layout, terms, &mut findings);
    streams::judge(seen, layout, terms, &mut findings);
    for (path, why) in &seen.unread {
        findings.push(Finding::new(Code::CannotRead, path, why, "a path that can be read"));
    }
    for (path, how, id) in &seen.unheld {
        let finding = Finding::new(Code::HoldsLost, path, how, "every hold that the journal states");
        findings.push(finding.of(id));
    }
    for (path, how) in &seen.lost {
        findings.push(Finding::new(Code::JournalLost, path, how, "a journal with every event"));
    }
    for (path, whose) in &seen.unsealed {
        findings.push(Finding::new(Code::Unsealed, path, whose, "a build with its seal, or nothing"));
    }
    for path in &seen.stale {
        let found = "it is left from a command that was interrupted";
        findings.push(Finding::new(Code::TmpStale, path, found, "nothing"));
    }
    for (path, age, bytes) in &seen.stages {
        let code = if *age < STAGE_TERM { Code::StageWaiting } else { Code::StageStale };
        let found = format!("an interrupted publish left {bytes} bytes there, {}", ago(*age));
        findings.push(Finding::new(code, path, &found, "nothing"));
    }
    for (path, bytes) in &seen.unknown_stages {
        let found = format!("{bytes} bytes that no publish left");
        findings.push(Finding::new(Code::StageUnknown, path, found, "nothing"));
    }
    for (path, why) in &seen.unknown_trash {
        findings.push(Finding::new(
            Code::TrashUnknown,
            path,
            why,
            "a directory that an event filled, or nothing",
        ));
    }
    for (path, why) in &seen.locks {
        findings.push(Finding::new(Code::LockDamaged, path, why, "a file that can be locked, or nothing"));
    }
    if let Some((path, found)) = &seen.readers {
        findings.push(Finding::new(Code::ReadersStale, path, found, "files as the names say"));
    }
    for path in &seen.uploads {
        let found = "parts of it were sent, and the upload never came to its end";
        findings.push(Finding::new(Code::UploadUnfinished, path, found, "a file, or nothing"));
    }
    findings.sort();
    findings.dedup();
    findings
}

/// How long an interrupted publish is likely to be resumed, in seconds.
pub const STAGE_TERM: i64 = 24 * 3600;

/// Returns how long ago something was, in one unit.
fn ago(seconds: i64) -> String {
    match seconds {
        ..60 => "less than a minute ago".to_owned(),
        60..3600 => format!("{}min ago", seconds / 60),
        3600..172_800 => format!("{}h ago", seconds / 3600),
        _ => format!("{}d ago", seconds / 86400),
    }
}

/// Returns what is wrong inside one build, as far as `census` does not say that it must be so, and what changed in it, of
/// which [`comply_drift`] makes findings.
pub fn comply_build(
    seen: &SeenBuild,
    census: &BuildCensus,
    layout: &Layout,
    now: Stamp,
) -> (Vec<Finding>, Option<Drift>) {
    let mut findings = Vec::new();
    let drift = build::judge(seen, census, layout, now, &mut findings);
    for (path, why) in &seen.unread {
        findings.push(Finding::new(Code::CannotRead, seen.path.join(path), why, "a path that can be read"));
    }
    findings.sort();
    findings.dedup();
    (findings, drift)
}
