//! CONTEXT: the file of a build with the commits of its sources.

use crate::census::BuildCensus;
use crate::decide::check::marker::meant;
use crate::decide::check::{Code, Finding, SeenBuild, SeenKind};
use crate::layout::Layout;
use crate::model::Outcome;
use crate::record::Context;

/// Finds a CONTEXT that is missing or cannot be read.
pub(super) fn judge(seen: &SeenBuild, census: &BuildCensus, layout: &Layout, findings: &mut Vec<Finding>) {
    let Some(at) = &layout.markers().context else { return };
    let path = seen.path.join(at);
    match seen.context.as_deref().map(Context::parse) {
        Some(Ok(_)) => {}
        Some(Err(error)) => {
            let expected = "lines `(cd ./DIRECTORY && git checkout -f COMMIT)`";
            findings.push(Finding::new(Code::ContextForm, path, error.to_string(), expected));
        }
        None => {
            let there = seen.find(at).is_some_and(|item| item.kind == SeenKind::File);
            let unread = seen.unread.iter().any(|(unread, _)| unread == at);
            let spelled = || seen.items().any(|(_, item)| meant(&item.name, layout).as_ref() == Some(at));
            let wanted = census.result == Outcome::Success && !layout.markers().context_optional;
            if wanted && !there && !unread && !spelled() {
                let expected = "the commits from which it was made";
                findings
                    .push(Finding::new(Code::ContextMissing, &path, "nothing", expected).near(Some(&path)));
            }
        }
    }
}
