//! Builds that should exist and do not.
//!
//! The records and the journal list what must exist, so a missing build is a fault, like a missing file. A build that
//! is pruned or published during the run is not.

use crate::census::Census;
use crate::mirror::{ExpectedError, Mirror, Unreadable, chain};
use crate::model::{BuildId, RelPath};
use crate::ops::verify::Which;
use crate::ops::verify::report::{FaultKind, VerifyReport};
use std::collections::BTreeSet;

/// Reports every build of `which` that should exist and does not, and returns these builds.
pub(crate) fn look(
    mirror: &Mirror,
    (census, troubles): (&Census, &[Unreadable]),
    which: &Which,
    report: &mut VerifyReport,
) -> BTreeSet<BuildId> {
    let there: BTreeSet<BuildId> = census.builds().map(|(id, _)| id).collect();
    let asked = |id: &BuildId| match which {
        Which::Builds(ids) => ids.contains(id),
        Which::All { .. } | Which::Sample(_) => true,
    };
    let place = |id: &BuildId| mirror.layout().build_path(id).unwrap_or_else(|_| id.as_path());
    // Nothing is known about what is below an unreadable path; that path is a fault already.
    let hidden = |id: &BuildId| troubles.iter().any(|trouble| place(id).is_within(&trouble.path));
    let mut absent: BTreeSet<BuildId> = match mirror.expected() {
        Ok(expected) => expected,
        Err(error) => return unknown(&error, report),
    };
    absent.retain(|id| !there.contains(id) && asked(id) && !hidden(id));
    if absent.is_empty() {
        return absent;
    }
    let mut found = BTreeSet::new();
    for id in absent {
        match mirror.has_build(&id) {
            Ok(true) => {}
            Ok(false) => drop(found.insert(id)),
            Err(error) => report.fault(&place(&id), FaultKind::Unreadable, &chain(&error)),
        }
    }
    // A build that was pruned after the census is not expected any more.
    match mirror.expected() {
        Ok(expected) => found.retain(|id| expected.contains(id)),
        Err(error) => return unknown(&error, report),
    }
    for id in &found {
        report.fault(&place(id), FaultKind::Missing, "the build is recorded and was not pruned");
    }
    found
}

/// Reports that it is not known which builds should exist.
fn unknown(error: &ExpectedError, report: &mut VerifyReport) -> BTreeSet<BuildId> {
    let why = format!("it is not known which builds should be there: {}", chain(error));
    report.fault(&RelPath::state(""), FaultKind::Unreadable, &why);
    BTreeSet::new()
}
