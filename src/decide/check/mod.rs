//! Whether a mirror is as its layout defines it: observations, judged by the rules, become a list of findings.
//!
//! Pure and table-driven: the same observations give the same findings, in the same order, and what complies gives
//! none. What was not observed is not judged; what could not be read is a finding of its own, never taken for right.

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
use crate::model::{CLOCK_SKEW, Stamp};
use indicatif::HumanBytes;

/// Other inputs of the findings.
#[derive(Debug, Clone, Copy, Default)]
pub struct Terms<'a> {
    /// The mirror's policy.
    pub policy: Option<&'a Policy>,
    /// After how many seconds without a success a stream counts as stalled.
    pub stalled: Option<i64>,
    /// How the mirror changes the findings; [`Rules::apply`] does that at the end.
    pub rules: Option<&'a Rules>,
}

impl Terms<'_> {
    /// Returns how far a clock may be ahead, in seconds.
    fn skew(&self) -> i64 {
        self.policy.map_or(CLOCK_SKEW, |policy| policy.skew.seconds())
    }
}

/// Returns the findings outside the builds, about streams, aliases and records.
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
        let found = format!("an interrupted publish left {} there, {}", HumanBytes(*bytes), ago(*age));
        findings.push(Finding::new(code, path, &found, "nothing"));
    }
    for (path, bytes) in &seen.unknown_stages {
        let found = format!("{} that no publish left", HumanBytes(*bytes));
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
        findings.push(Finding::new(Code::ReadersStale, path, found, "files for the current aliases"));
    }
    for path in &seen.uploads {
        let found = "parts of it were sent, and the upload never came to its end";
        findings.push(Finding::new(Code::UploadUnfinished, path, found, "a file, or nothing"));
    }
    findings.sort();
    findings.dedup();
    findings
}

/// How long an interrupted publish is expected to be resumed, in seconds.
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

/// Returns the findings inside one build, except for what `census` requires, and what changed in it, from which
/// [`comply_drift`] makes findings.
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
