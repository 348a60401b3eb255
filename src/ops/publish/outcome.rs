//! What publishing did.

use crate::commit::{Moved, Tally, TimeRule};
use crate::model::{BuildId, Outcome, RelPath};
use crate::ops::publish::prepared::Prepared;
use crate::ops::publish::run::PublishRun;
use crate::sign::Signature;
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::atomic::Ordering;

/// What publishing did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PublishReport {
    /// Which build.
    pub id: BuildId,
    /// Its path.
    pub path: RelPath,
    /// Whether it was published now or had been there with the same content.
    pub outcome: PublishOutcome,
    /// How the build went.
    pub result: Outcome,
    /// How many files it has, SHA256SUMS not counted.
    pub files: u64,
    /// How many bytes they have.
    pub bytes: u64,
    /// How many bytes were written.
    pub copied_bytes: u64,
    /// How many files share their bytes with earlier builds.
    pub shared_files: u64,
    /// How many bytes these have.
    pub shared_bytes: u64,
    /// How many files share their bytes with another file of the same build.
    pub joined_files: u64,
    /// How many bytes these have.
    pub joined_bytes: u64,
    /// How many files, links and directories of the source were left out on request.
    pub excluded: u64,
    /// How many files and links of the source are not in the list of `--only-listed`.
    pub unlisted: u64,
    /// How many files an interrupted run had copied already.
    pub resumed_files: u64,
    /// How many files got a later time than their source, since their bytes changed and their size and time did not show it.
    pub later_files: u64,
    /// How many links it has that no reader but mirrorkeep follows, as in an object store.
    pub unserved_links: u64,
    /// The new signatures of its checksums.
    pub signatures: Vec<Signature>,
    /// Labels, `key=value`, that were set on a build that was there already.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub labelled: Vec<String>,
    /// Names that moved.
    pub aliases: Vec<Moved>,
    /// Warnings for a person.
    pub warnings: Vec<String>,
}

/// Whether a build was published now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PublishOutcome {
    /// It is visible now and was not before.
    Published,
    /// It was there already, with the same content.
    Unchanged,
    /// Nothing was done: this is a dry run.
    Trial,
}

impl PublishRun<'_> {
    /// Returns a warning where clients may keep old bytes, since the times of the source are kept.
    fn misleading(&self, tally: &Tally) -> Option<String> {
        let first = tally.first_unnoticed.as_ref()?;
        let files = match tally.unnoticed {
            1 => "1 file has".to_owned(),
            count => format!("{count} files have"),
        };
        (self.publishing.filling.times == TimeRule::Source).then(|| {
            format!(
                "{files} other bytes than in earlier builds, but the same size and no later time, the first `{first}`: clients that \
                 compare size and time (rsync, wget -N, rclone, web caches) keep the old bytes; without `--keep-times` such \
                 files get a later time"
            )
        })
    }

    /// Returns the report of a build with so many files and bytes.
    pub(crate) fn report(
        &self,
        prepared: &Prepared,
        (files, bytes): (u64, u64),
        tally: &Tally,
        outcome: PublishOutcome,
    ) -> PublishReport {
        PublishReport {
            id: self.publishing.id.clone(),
            path: prepared.path.clone(),
            outcome,
            result: prepared.result,
            files,
            bytes,
            copied_bytes: tally.copied.load(Ordering::Relaxed),
            shared_files: tally.shared.load(Ordering::Relaxed),
            shared_bytes: tally.shared_bytes.load(Ordering::Relaxed),
            joined_files: tally.joined.load(Ordering::Relaxed),
            joined_bytes: tally.joined_bytes.load(Ordering::Relaxed),
            excluded: prepared.source.excluded,
            unlisted: prepared.source.unlisted,
            resumed_files: tally.resumed.load(Ordering::Relaxed),
            later_files: if self.publishing.filling.times == TimeRule::Later { tally.unnoticed } else { 0 },
            unserved_links: if self.session.mirror().store().abilities().symlinks {
                0
            } else {
                prepared.source.links.len() as u64
            },
            signatures: prepared.sums.signatures.clone(),
            labelled: Vec::new(),
            aliases: Vec::new(),
            warnings: prepared
                .warnings
                .iter()
                .cloned()
                .chain(tally.damaged())
                .chain(self.misleading(tally))
                .collect(),
        }
    }
}
