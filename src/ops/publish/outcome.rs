//! The result of publishing.

use crate::commit::{Moved, Tally, TimeRule};
use crate::model::{BuildId, Outcome, RelPath};
use crate::ops::publish::inputs_report::InputsReport;
use crate::ops::publish::prepared::Prepared;
use crate::ops::publish::run::PublishRun;
use crate::sign::Signature;
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::atomic::Ordering;

/// The result of publishing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PublishReport {
    /// The ID of the build; if the inputs did not change, of the newest success, which has them.
    pub id: BuildId,
    /// Its path.
    pub path: RelPath,
    /// Whether it was published now or already existed with the same content.
    pub outcome: PublishOutcome,
    /// The result of the build.
    pub result: Outcome,
    /// The number of its files, without SHA256SUMS.
    pub files: u64,
    /// Their size in bytes.
    pub bytes: u64,
    /// The number of bytes that were written.
    pub copied_bytes: u64,
    /// The number of files that share their bytes with earlier builds.
    pub shared_files: u64,
    /// The size of these files in bytes.
    pub shared_bytes: u64,
    /// The number of files that share their bytes with another file of the same build.
    pub joined_files: u64,
    /// The size of these files in bytes.
    pub joined_bytes: u64,
    /// The number of files, links and directories of the source that were excluded on request.
    pub excluded: u64,
    /// The number of files and links of the source that are not in the list of `--only-listed`.
    pub unlisted: u64,
    /// The number of files that an interrupted run had already copied.
    pub resumed_files: u64,
    /// The number of files that got a later time than their source, since their bytes changed and their size and time
    /// did not show it.
    pub later_files: u64,
    /// The number of its links that no reader except mirrorkeep follows, as in an object store.
    pub unserved_links: u64,
    /// The new signatures of its checksums.
    pub signatures: Vec<Signature>,
    /// Labels, `key=value`, that were set on a build that already existed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub labelled: Vec<String>,
    /// How the inputs compare with those of the newest success; absent unless requested and known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inputs: Option<InputsReport>,
    /// The aliases that moved.
    pub aliases: Vec<Moved>,
    /// Warnings for the user.
    pub warnings: Vec<String>,
}

/// Whether a build was published now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PublishOutcome {
    /// It is visible now and was not before.
    Published,
    /// It already existed, with the same content.
    Unchanged,
    /// Nothing was done: this is a dry run.
    Trial,
    /// Nothing was published, since the inputs are those of the newest success, which is confirmed unless this is a dry run.
    #[serde(rename = "inputs-unchanged")]
    InputsUnchanged,
}

impl PublishRun<'_> {
    /// Returns a warning if clients may keep old bytes, since the times of the source are kept.
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

    /// Returns the report of a build with this number of files and bytes.
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
            inputs: prepared.inputs.clone(),
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
