//! Copying builds of one mirror into another, of whatever kind the two are.
//!
//! A copy is a publish whose source is a build elsewhere: every byte is held against that build's manifest while it is
//! read, what is there already is not sent again, and readers see the whole build or none. Killed anywhere, running it
//! again goes on. What is a fact of the build goes along: when it was made, its result, its labels and what it needs.
//! What is a matter of the mirror does not: holds, and when it was published. Names move last, when their builds are
//! there. The source is only read.

pub(crate) mod choose;
mod error;
mod labels;
pub(crate) mod names;

pub use error::CopyError;

use crate::commit::filling::{Check, Filling, Tally, TimeRule};
use crate::commit::repoint::{Moved, Permit};
use crate::mirror::{Mirror, build_of, chain};
use crate::model::{BuildId, Digest, Outcome, RelPath, SUMS_NAME, shown};
use crate::ops::Mode;
use crate::ops::adopt::Scope;
use crate::ops::publish::{
    Named, Prepared, PublishError, PublishOutcome, PublishReport, PublishRequest, PublishRun, strays,
    unserved_links, without_directories,
};
use crate::ops::retention::report::Failure;
use crate::ops::withdraw::tombstones;
use crate::record::{BuildRecord, Manifest};
use crate::session::Session;
use crate::sign::{Checksums, Signers, there as signatures};
use crate::source::gather::leads_to;
use crate::source::{Lines, Source, hash};
use crate::store::{Share, StoreError, io_pool};
use choose::Chosen;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// How many files are on their way at once where a store answers slowly.
const AT_ONCE: usize = 8;

/// More than the checksums of a build ever have, in bytes.
const SUMS_LIMIT: u64 = crate::mirror::MANIFEST_LIMIT;

/// What is to be copied.
#[derive(Debug, Clone)]
pub struct CopyOptions {
    /// Builds and streams; none means everything.
    pub what: Vec<Scope>,
    /// Builds among these that are left out.
    pub without: BTreeSet<BuildId>,
    /// What names may do that they may not otherwise.
    pub permit: Permit,
    /// Whether it is done, or only told.
    pub mode: Mode,
}

/// What copying did.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct CopyReport {
    /// The requested builds that are at the target now, in the order of copying.
    pub builds: Vec<Copied>,
    /// Names that moved.
    pub aliases: Vec<Moved>,
    /// Names that resolve to one of the builds at the source, and were not moved.
    pub left: Vec<UnmovedAlias>,
    /// The builds that could not be copied.
    pub failures: Vec<Failure>,
    /// Warnings for a person.
    pub warnings: Vec<String>,
    /// Whether it was stopped before its end.
    pub interrupted: bool,
    /// What ended it early, where the rest would fail alike.
    #[serde(skip)]
    pub ended_by: Option<CopyError>,
}

/// A build that is at the target now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Copied {
    /// Which build.
    pub id: BuildId,
    /// Its path in both mirrors.
    pub path: RelPath,
    /// Whether it was copied.
    pub outcome: CopyOutcome,
    /// How the build went.
    pub result: Outcome,
    /// How many files it has, SHA256SUMS not counted.
    pub files: u64,
    /// How many bytes they have.
    pub bytes: u64,
    /// How many bytes were read at the source and written.
    pub copied_bytes: u64,
    /// How many files share their bytes with earlier builds of the target.
    pub shared_files: u64,
    /// How many bytes these have.
    pub shared_bytes: u64,
    /// How many files an interrupted run had copied already.
    pub resumed_files: u64,
    /// The keys of labels that were added to a build that was at the target already.
    pub labels: Vec<String>,
}

/// Whether a build was copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CopyOutcome {
    /// It is there now and was not before.
    Copied,
    /// It was there already, with the same content.
    Unchanged,
    /// Nothing was done: this is a dry run.
    Trial,
}

/// A name that was left as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct UnmovedAlias {
    /// The alias.
    pub alias: RelPath,
    /// What it points at in the source.
    pub to: RelPath,
    /// Why it does not at the target.
    pub why: String,
}

/// Copies builds of the mirror `from` into the session's mirror, the oldest first, and then the names that lead to them.
///
/// Fails before anything is touched when the choice or the layouts are wrong; afterwards each failure ends its build
/// and is in the report, but for what would end every other as well.
pub fn copy(from: &Mirror, session: &Session<'_>, copying: &CopyOptions) -> Result<CopyReport, CopyError> {
    let to = session.mirror();
    let copy = Copy { from, to, session, copying };
    on_threads(from, to, || copy.run())
}

/// Runs something on as many threads as two stores need.
pub(crate) fn on_threads<T: Send, E: From<StoreError> + Send>(
    from: &Mirror,
    to: &Mirror,
    run: impl FnOnce() -> Result<T, E> + Send,
) -> Result<T, E> {
    if !(from.store().abilities().slow_calls || to.store().abilities().slow_calls) {
        return run();
    }
    io_pool(to.store(), AT_ONCE.max(rayon::current_num_threads()))?.install(run)
}

/// One copying, with what all its steps share.
struct Copy<'a> {
    from: &'a Mirror,
    to: &'a Mirror,
    session: &'a Session<'a>,
    copying: &'a CopyOptions,
}

impl Copy<'_> {
    fn run(&self) -> Result<CopyReport, CopyError> {
        let mut chosen = choose::choose(self.from, self.to, &self.copying.what)?;
        let mut report = CopyReport::default();
        chosen.order.retain(|id| !self.copying.without.contains(id));
        self.leave_withdrawn(&mut chosen, &mut report)?;
        let mut coming: BTreeSet<&BuildId> = chosen.order.iter().collect();
        for id in &chosen.order {
            if self.session.check_cancelled().is_err() {
                report.interrupted = true;
                return Ok(report);
            }
            match self.bring(id, &coming, &mut report.warnings) {
                Ok(copied) => report.builds.push(copied),
                Err(error) if error.is_interruption() => {
                    report.interrupted = true;
                    return Ok(report);
                }
                Err(error) => {
                    coming.remove(id);
                    report.failures.push(Failure { path: id.to_string(), error: chain(&error) });
                    if error.ends_all() {
                        report.ended_by = Some(error);
                        return Ok(report);
                    }
                }
            }
        }
        self.move_names(&chosen, &mut report);
        Ok(report)
    }

    /// Leaves out what a person withdrew from the target, unless a person names it here: a copy that runs every night
    /// would bring a leaked secret back.
    fn leave_withdrawn(&self, chosen: &mut Chosen, report: &mut CopyReport) -> Result<(), CopyError> {
        let withdrawn = tombstones(self.to)?;
        chosen.order.retain(|id| {
            let named = self.copying.what.iter().any(|scope| matches!(scope, Scope::Build(one) if one == id));
            let Some(stone) = withdrawn.get(&id.to_string()).filter(|_| !named) else { return true };
            let why = shown(&stone.why);
            report.warnings.push(format!(
                "`{id}` is not copied: it was withdrawn from the target at {}: {why}; naming this ID copies it",
                stone.at.iso()
            ));
            false
        });
        Ok(())
    }

    /// Brings one build, or finds it there.
    fn bring(
        &self,
        id: &BuildId,
        coming: &BTreeSet<&BuildId>,
        warnings: &mut Vec<String>,
    ) -> Result<Copied, CopyError> {
        let unreadable = |error| CopyError::Source(self.from.store().shown(), error);
        let record = self.from.record(id).map_err(unreadable)?;
        let manifest = self.from.manifest(id).map_err(unreadable)?;
        let (Some(record), Some(manifest)) = (record, manifest) else {
            return Err(CopyError::NoRecord(id.clone(), self.from.store().shown()));
        };
        for required in &record.requires {
            if !coming.contains(required) && !self.to.has_build(required)? {
                return Err(CopyError::Requires { id: id.clone(), required: required.clone() });
            }
        }
        let publishing = as_publishing(id, record.result);
        let run = PublishRun { session: self.session, publishing: &publishing };
        let prepared = brought((self.from, id), (self.to, id), record.clone(), manifest)?;
        let mut done = match self.copying.mode {
            Mode::Real => run.lay_out(prepared)?,
            Mode::Trial => tried(&run, &prepared)?,
        };
        warnings.append(&mut done.warnings);
        let labels = match done.outcome {
            PublishOutcome::Unchanged | PublishOutcome::InputsUnchanged => self.bring_labels(id, &record)?,
            PublishOutcome::Published | PublishOutcome::Trial => Vec::new(),
        };
        Ok(copied(done, labels))
    }

    /// Moves the names, unless there is none that could lead to what came.
    fn move_names(&self, chosen: &Chosen, report: &mut CopyReport) {
        let there: BTreeSet<BuildId> = report.builds.iter().map(|copied| copied.id.clone()).collect();
        if there.is_empty() {
            return;
        }
        if let Err(error) = self.names(chosen, &there, report) {
            report.failures.push(Failure { path: "names".to_owned(), error: chain(&error) });
            report.ended_by = Some(error);
        }
    }
}

/// Returns what brings a build of one mirror to another, or to another stream of the same; fails if the target has no place for
/// everything of it.
pub(crate) fn brought(
    (from, source): (&Mirror, &BuildId),
    (to, id): (&Mirror, &BuildId),
    record: BuildRecord,
    manifest: Manifest,
) -> Result<Prepared, CopyError> {
    let (there, path) = (from.layout().build_path(source)?, to.layout().build_path(id)?);
    let brought = foreign_sums(from, &there, &record, &manifest)?;
    let signatures = signatures(from.store(), &there);
    let signatures = signatures.map_err(|error| CopyError::Source(from.store().shown(), error.into()))?;
    let sums = Checksums { brought, signatures };
    let mut source = Source::elsewhere(Arc::new(from.shared_store()), there, manifest);
    links_stay(to, &path, &source)?;
    let strays = strays(to, &path, &source);
    if !strays.is_empty() {
        return Err(PublishError::Strays(strays).into());
    }
    if !from.store().abilities().directories
        && let Some(there) = to.manifest(id)?
    {
        // Of empty directories an object store says nothing, so those that are there are no difference.
        source.dirs = there.dirs;
    }
    let warnings = [without_directories(to, &mut source), unserved_links(to, &source)];
    let mut prepared = Prepared::copied(path, source, record, sums);
    let warnings = warnings.into_iter().flatten();
    prepared.warnings.extend(warnings.map(|warning| format!("{id}: {warning}")));
    Ok(prepared)
}

/// Returns SHA256SUMS of a build where somebody else wrote it, so that what signs it stays right.
fn foreign_sums(
    from: &Mirror,
    path: &RelPath,
    record: &BuildRecord,
    manifest: &Manifest,
) -> Result<Option<Vec<u8>>, CopyError> {
    let ours = hash(&mut Lines::sums(manifest)).map_err(CopyError::Hash)?;
    let Some(wanted) = record.sums.filter(|sums| *sums != ours) else { return Ok(None) };
    let at = path.child(SUMS_NAME).unwrap_or_default();
    let bytes = from.store().read(&at, SUMS_LIMIT);
    let bytes = bytes.map_err(|error| CopyError::Source(from.store().shown(), error.into()))?;
    let found = Digest::of(&bytes);
    if found != wanted {
        return Err(CopyError::Sums { at, found, wanted });
    }
    Ok(Some(bytes))
}

/// Fails for a link that leads elsewhere than into the build or into another, through whatever other links of it.
pub(crate) fn links_stay(to: &Mirror, root: &RelPath, source: &Source) -> Result<(), CopyError> {
    let placed: Vec<(RelPath, &str)> =
        source.links.iter().map(|(to, text)| (root.join(to), text.as_str())).collect();
    let texts: HashMap<&str, &str> = placed.iter().map(|(at, text)| (at.as_str(), *text)).collect();
    let stays = |at: &RelPath| {
        let target = leads_to(at, &texts).and_then(|path| path.parse::<RelPath>().ok());
        target.is_some_and(|target| target.is_within(root) || build_of(to, &target).is_some())
    };
    match placed.iter().find(|(at, text)| !stays(at) || text.chars().any(char::is_control)) {
        None => Ok(()),
        Some((at, text)) => Err(CopyError::LinkOut { at: at.clone(), text: text.escape_debug().to_string() }),
    }
}

/// Returns what bringing a build would do.
pub(crate) fn tried(run: &PublishRun<'_>, prepared: &Prepared) -> Result<PublishReport, CopyError> {
    if let Some(there) = run.there_already(prepared)? {
        return Ok(there);
    }
    run.session.mirror().refuse_retiring(&run.publishing.id.stream)?;
    let size = (prepared.source.files.len() as u64, prepared.source.bytes());
    Ok(run.report(prepared, size, &Tally::default(), PublishOutcome::Trial))
}

/// Returns how a build is published that comes from another mirror.
pub(crate) fn as_publishing(id: &BuildId, result: Outcome) -> PublishRequest {
    PublishRequest {
        id: id.clone(),
        named: Named::Given,
        sources: Vec::new(),
        exclude: Vec::new(),
        listed: None,
        if_changed: None,
        result: Some(result),
        context: None,
        labels: Vec::new(),
        allow_shrink: false,
        // These are left out before.
        allow_withdrawn: true,
        requires: Vec::new(),
        filling: Filling {
            take: None,
            dedupe: Some(Share::Link),
            check: Check::Bytes,
            times: TimeRule::Exact,
        },
        signers: Signers::default(),
    }
}

pub(crate) fn copied(done: PublishReport, labels: Vec<String>) -> Copied {
    let outcome = match done.outcome {
        PublishOutcome::Published => CopyOutcome::Copied,
        PublishOutcome::Unchanged | PublishOutcome::InputsUnchanged => CopyOutcome::Unchanged,
        PublishOutcome::Trial => CopyOutcome::Trial,
    };
    let PublishReport { id, path, result, files, bytes, copied_bytes, .. } = done;
    let PublishReport { shared_files, shared_bytes, resumed_files, .. } = done;
    Copied {
        id,
        path,
        outcome,
        result,
        files,
        bytes,
        copied_bytes,
        shared_files,
        shared_bytes,
        resumed_files,
        labels,
    }
}
