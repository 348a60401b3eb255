//! Where expired builds go: the archive of their family, if it has one, else the trash.

use crate::census::Census;
use crate::decide::policy::Policy;
use crate::decide::retention::draft::Drafts;
use crate::decide::retention::plan::{Fate, GoesTo, Verdict};
use crate::model::Stamp;
use std::sync::Arc;

/// Notes the archive at each expired build whose family has one.
pub(super) fn direct(builds: &mut [Verdict], policy: &Policy, now: Stamp) {
    for stream in builds.chunk_by_mut(|a, b| a.id.stream == b.id.stream) {
        let family = stream.first().and_then(|verdict| policy.family(&verdict.id.stream));
        let Some(archive) = family.and_then(|family| family.archive.as_ref()) else { continue };
        let until = archive.until.map(|until| until.after(now, policy.zone));
        for verdict in stream.iter_mut().filter(|verdict| verdict.fate == Fate::Expire) {
            verdict.archive = Some(GoesTo { to: Arc::clone(&archive.to), until });
        }
    }
}

/// Returns the expired builds that would go to the trash, and to an archive by the policy before.
pub(super) fn loses(drafts: &Drafts<'_>, census: &Census, policy: &Policy, before: &Policy) -> Vec<usize> {
    let has = |policy: &Policy, number: usize| {
        let family = census.streams.get(number).and_then(|stream| policy.family(&stream.stream));
        family.is_some_and(|family| family.archive.is_some())
    };
    let lost: Vec<bool> =
        (0..census.streams.len()).map(|number| has(before, number) && !has(policy, number)).collect();
    drafts.expiring().filter(|index| lost.get(drafts.stream(*index)) == Some(&true)).collect()
}
