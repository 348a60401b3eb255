//! What identifies two publishes without a build name as the same, so that a killed one is resumed.

use crate::commit::stage::Claim;
use crate::model::Digest;
use crate::ops::publish::request::{ContextFrom, PublishRequest};
use crate::source::Source;
use std::path::Path;

/// Returns the claim of a publisher on its stage.
pub(crate) fn claim_of(publishing: &PublishRequest, source: &Source) -> Claim {
    Claim::new(publishing.id.clone(), digest(publishing, source))
}

/// Returns a digest of everything that distinguishes two builds except their names.
fn digest(publishing: &PublishRequest, source: &Source) -> Digest {
    let shown = |path: &Path| {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        path.as_os_str().as_encoded_bytes().escape_ascii().to_string()
    };
    let context = publishing.context.as_ref().map(|context| match context {
        ContextFrom::File(path) => ("file", shown(path)),
        ContextFrom::Checkouts(path) => ("checkouts", shown(path)),
    });
    let sources = publishing.sources.iter();
    let sources: Vec<_> = sources
        .map(|spec| (&spec.to, shown(&spec.from), spec.only.as_ref().map(glob::Pattern::as_str)))
        .collect();
    let files = source.files.iter();
    let files: Vec<_> = files
        .map(|file| (&file.to, file.size, file.mtime.unwrap_or_default().to_string(), file.executable))
        .collect();
    let labels: Vec<_> = publishing.labels.iter().map(|label| (label.key(), label.value())).collect();
    let mut excluded: Vec<&str> = publishing.exclude.iter().map(glob::Pattern::as_str).collect();
    excluded.sort_unstable();
    let what = (
        (&publishing.id.stream, publishing.result, context, labels, &publishing.requires),
        (sources, excluded, &publishing.listed, files, &source.links, &source.dirs),
    );
    // Plain data always serializes.
    Digest::of(&serde_json::to_vec(&what).unwrap_or_default())
}
