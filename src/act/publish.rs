//! Publishing a build: everything beside the mirror first, then one rename that makes it visible.
//!
//! A reader sees the whole build or none. Killed before the rename, nothing is visible and the next try goes on
//! where this one stopped; killed after it, the next command that changes anything finishes record, aliases and
//! event from what the stage's seal says. Publishing the same build with the same content again succeeds and
//! changes nothing; with other content it fails and says what differs.

use crate::act::recover::{RecoverError, settle};
use crate::act::reveal::{Names, RevealError, Revealed, reveal};
use crate::act::send::send;
use crate::act::{
    ActError, Checksums, Filling, GitError, Interrupted, Moved, RepointError, Sealed, SignError, Signature,
    Signers, Source, SourceEntry, SourceError, SourceSpec, StageError, Staged, Stop, Tally, Watch, Watched,
    context_of, hash,
};
use crate::decide::Reuse;
use crate::layout::{Created, NoPlace, Place};
use crate::mirror::{JournalError, KeptError, LeaseError, Mirror, builds_of};
use crate::record::{
    BUILD_RECORD_VERSION, BuildRecord, Change, Context, ContextError, FileEntry, LabelValue, LinkEntry,
    Manifest, Origin,
};
use crate::store::{StoreError, StoreErrorKind, Take};
use crate::word::{BuildId, Digest, Label, Outcome, RelPath, Stamp, is_sums};
use rayon::prelude::*;
use serde::Serialize;
use std::{fs::File, io::Read, path::PathBuf, sync::atomic::Ordering};

/// How far in the future a build's stamp may lie, in seconds: clocks of several machines differ.
const SKEW: i64 = 3600;

/// How many earlier builds are asked for bytes that are there already.
const ASKED: usize = 30;

/// More than a line for each of a hundred thousand checkouts, in bytes.
const CONTEXT_LIMIT: u64 = 16 << 20;

/// What is to be published.
#[derive(Debug, Clone)]
pub struct Publishing {
    /// As which build.
    pub id: BuildId,
    /// From where.
    pub sources: Vec<SourceSpec>,
    /// How the build went; nothing means as its marker says, and success without one.
    pub result: Option<Outcome>,
    /// Its CONTEXT, if it is to have one that is not among the sources.
    pub context: Option<ContextFrom>,
    /// What is said of it from the start.
    pub labels: Vec<Label>,
    /// Builds that it needs.
    pub requires: Vec<BuildId>,
    /// How its bytes come in.
    pub filling: Filling,
    /// Who signs its checksums.
    pub signers: Signers,
}

/// Where a CONTEXT comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContextFrom {
    /// From a file made elsewhere.
    File(PathBuf),
    /// From the git checkouts below a directory.
    Checkouts(PathBuf),
}

/// What publishing did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PublishReport {
    /// Which build.
    pub id: BuildId,
    /// Where it lies, below the root.
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
    /// How many files an interrupted try had laid out already.
    pub resumed_files: u64,
    /// What signs its checksums since now.
    pub signatures: Vec<Signature>,
    /// Names that moved.
    pub aliases: Vec<Moved>,
    /// What a person should know.
    pub warnings: Vec<String>,
}

/// Whether a build was published now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PublishOutcome {
    /// It is visible now and was not before.
    Published,
    /// It was there already, with the same content.
    Unchanged,
    /// Nothing was done, since only a trial was asked for.
    Trial,
}

/// Says why a build was not published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The layout has no place for the build.
    #[error(transparent)]
    NoPlace(#[from] NoPlace),
    /// The stamp lies in the future.
    #[error("the build `{0}` would come from the future: it is {1} now")]
    Future(BuildId, String),
    /// Files that have no place in the build.
    #[error("the layout has no place for {} of the source's files:\n  {}", .0.len(), told(.0))]
    Strays(Vec<String>),
    /// The source cannot be taken.
    #[error("the source cannot be published")]
    Source(#[source] SourceError),
    /// There is nothing in it.
    #[error("the source holds no file, and a build with result `{0}` has some")]
    Nothing(Outcome),
    /// The layout has no CONTEXT.
    #[error("the layout `{0}` has no place for a CONTEXT file")]
    NoContext(String),
    /// The CONTEXT file cannot be read.
    #[error("cannot read the context file `{path}`")]
    ReadContext {
        /// Which file.
        path: String,
        /// Why not.
        source: std::io::Error,
    },
    /// The CONTEXT file is no list of checkouts.
    #[error("`{0}` is larger than the {CONTEXT_LIMIT} bytes that a CONTEXT file may have")]
    LargeContext(String),
    /// The CONTEXT file is not of the strict form.
    #[error("`{0}` is no CONTEXT that is safe to source: {1}")]
    Context(String, ContextError),
    /// The checkouts cannot be asked.
    #[error("cannot make a CONTEXT")]
    Git(#[from] GitError),
    /// Two results.
    #[error("the source holds the marker `{marker}`, and the result is to be `{result}`")]
    TwoResults {
        /// The marker that is there.
        marker: RelPath,
        /// The result that was asked for.
        result: Outcome,
    },
    /// The layout has no such marker, or none that is not the build's own matter.
    #[error("the layout `{layout}` has no marker for the result `{result}`{}", brought(.given))]
    NoMarker {
        /// Which layout.
        layout: String,
        /// Which result.
        result: Outcome,
        /// The files that would tell it.
        given: Vec<RelPath>,
    },
    /// What the source says of the build makes no sense, or that it is not finished.
    #[error("the source cannot be published as it is: {0}")]
    Unfit(String),
    /// A file that says something of the build cannot be read.
    #[error("cannot read what the source says of the build")]
    Said(#[from] std::io::Error),
    /// A build that is needed is not there.
    #[error("`{0}` is required, but it is not in the mirror")]
    NoRequired(BuildId),
    /// The stage and the place of the build do not lie together.
    #[error("`{home}` lies on another file system than `{stage}`; a build cannot be moved there in one step")]
    Apart {
        /// The directory that is there already on the way to the build.
        home: RelPath,
        /// Where builds are laid out.
        stage: RelPath,
    },
    /// It is there with other content.
    #[error("`{id}` is published already, with other content:\n  {}", differences(.changes))]
    Differs {
        /// Which build.
        id: BuildId,
        /// What differs.
        changes: Vec<Change>,
    },
    /// A build is there that mirrorkeep did not publish.
    #[error("`{0}` is there already, but was laid down by others")]
    Foreign(BuildId),
    /// It waits in the trash, whose bytes lie where it would go.
    #[error(
        "`{0}` is in the trash; `mirrorkeep restore` takes it back, `mirrorkeep sweep` makes room for another"
    )]
    InTrash(BuildId),
    /// The trash cannot be read.
    #[error("cannot tell whether the build waits in the trash")]
    Trash(#[from] Box<ActError>),
    /// Its checksums could not be signed.
    #[error("the build could not be signed, and is not published")]
    Sign(#[from] SignError),
    /// It could not be laid out.
    #[error(transparent)]
    Stage(#[from] StageError),
    /// It could not be made visible.
    #[error(transparent)]
    Reveal(#[from] RevealError),
    /// An earlier command's leftovers could not be settled.
    #[error(transparent)]
    Recover(#[from] RecoverError),
    /// The mirror could not be locked.
    #[error(transparent)]
    Lease(#[from] LeaseError),
    /// What is kept of a build cannot be read.
    #[error(transparent)]
    Kept(#[from] KeptError),
    /// An alias could not be moved; the build itself is published.
    #[error("the build is published, but a name could not be moved")]
    Repoint(#[from] RepointError),
    /// The journal cannot be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The store failed.
    #[error("cannot reach the mirror")]
    Store(#[from] StoreError),
    /// Asked to stop.
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
}

fn brought(given: &[RelPath]) -> String {
    let files: Vec<String> = given.iter().map(|path| format!("`{path}`")).collect();
    if files.is_empty() {
        String::new()
    } else {
        format!(" but what the build says itself in {}", files.join(", "))
    }
}

fn told(strays: &[String]) -> String {
    let more = strays.len().saturating_sub(20);
    let shown: Vec<&str> = strays.iter().take(20).map(String::as_str).collect();
    let tail = if more > 0 { format!("\n  and {more} more") } else { String::new() };
    shown.join("\n  ") + &tail
}

fn differences(changes: &[Change]) -> String {
    let lines = changes.iter().map(|change| match change {
        Change::Added(path) => format!("new here: {path}"),
        Change::Missing(path) => format!("missing here: {path}"),
        Change::Changed(path) => format!("changed: {path}"),
    });
    told(&lines.collect::<Vec<_>>())
}

/// Everything of a build but the bytes of its files: what is to be published, checked.
pub(super) struct Prepared {
    pub(super) path: RelPath,
    created: Stamp,
    /// The respin; nothing where the name does not say it.
    seq: Option<u64>,
    result: Outcome,
    pub(super) source: Source,
    /// Small files of ours: CONTEXT and marker.
    pub(super) own: Vec<(RelPath, Vec<u8>)>,
    pub(super) warnings: Vec<String>,
    /// What another mirror knows of it, when it is copied from there.
    pub(super) known: Option<BuildRecord>,
    /// Its checksums, as far as they are more than the list of its files.
    pub(super) sums: Checksums,
}

impl Prepared {
    /// Returns what of another mirror is to be laid out at `path`: its record there, and its SHA256SUMS, where that is
    /// not the one that mirrorkeep would write, and what signs it.
    pub(super) fn copied(path: RelPath, source: Source, record: BuildRecord, sums: Checksums) -> Self {
        let (created, seq) = (record.created.unwrap_or_default(), Some(record.seq));
        let (result, own, warnings) = (record.result, Vec::new(), Vec::new());
        Self { path, created, seq, result, source, own, warnings, sums, known: Some(record) }
    }

    /// Returns when its names move: those of copies when all of them are there.
    pub(super) fn names(&self) -> Names {
        if self.known.is_some() { Names::Later } else { Names::Follow }
    }

    /// Has the checksums signed of a build that holds this, unless it brings them with their signatures.
    pub(super) fn sign(&mut self, publishing: &Publishing, manifest: &Manifest) -> Result<(), SignError> {
        if self.known.is_none() {
            self.sums.signatures = publishing.signers.sign(manifest)?;
        }
        Ok(())
    }
}

/// Publishes a build; `clock` tells the time, and is asked when a time is written down.
pub fn publish(
    mirror: &Mirror,
    publishing: &Publishing,
    clock: &dyn Fn() -> Stamp,
    watch: &dyn Watch,
    stop: &Stop,
) -> Result<PublishReport, PublishError> {
    let prepared = prepare(mirror, publishing, clock())?;
    lay_out(mirror, publishing, prepared, clock, watch, stop)
}

/// Lays a build out that is prepared, and makes it visible.
pub(super) fn lay_out(
    mirror: &Mirror,
    publishing: &Publishing,
    mut prepared: Prepared,
    clock: &dyn Fn() -> Stamp,
    watch: &dyn Watch,
    stop: &Stop,
) -> Result<PublishReport, PublishError> {
    settle(&mirror.lease()?, clock)?;
    if let Some(mut report) = there_already(mirror, publishing, &prepared, watch, stop)? {
        if publishing.filling.take == Some(Take::Move) {
            // What a try that was cut off had published and not yet removed.
            let files = prepared.source.files.par_iter();
            report.warnings.extend(leave(files.filter(|entry| is_shared(mirror, &prepared, entry))));
        }
        return Ok(report);
    }
    if mirror.by_seal() {
        return send(mirror, publishing, prepared, clock, watch, stop);
    }
    let mut staged = Staged::open(mirror, &publishing.id, mirror.who(), mirror.wait())?;
    // Whoever held the ticket before us may have published it.
    if let Some(report) = there_already(mirror, publishing, &prepared, watch, stop)? {
        staged.discard()?;
        return Ok(report);
    }
    let filled = fill(mirror, publishing, &prepared, &mut staged, watch, stop);
    let tally = match filled {
        Ok(tally) => tally,
        Err(error) => {
            if !error.leaves_a_good_stage() {
                staged.discard().ok();
            }
            return Err(error.into());
        }
    };
    // Without a signature the stage stays as it is for the next try.
    prepared.sign(publishing, staged.manifest())?;
    let sealed =
        staged.seal(record(mirror, publishing, &prepared)?, prepared.path.clone(), &prepared.sums)?;
    stop.check()?;
    show(mirror, publishing, prepared, sealed, &tally, clock)
}

/// Makes a build visible whose files are all there, and says what was done.
pub(super) fn show(
    mirror: &Mirror,
    publishing: &Publishing,
    mut prepared: Prepared,
    sealed: Sealed,
    tally: &Tally,
    clock: &dyn Fn() -> Stamp,
) -> Result<PublishReport, PublishError> {
    let size = (sealed.manifest.files.len() as u64, sealed.manifest.bytes());
    let lease = mirror.lease()?;
    settle(&lease, clock)?;
    let Revealed { aliases, warnings } = reveal(&lease, sealed, prepared.names(), clock)?;
    prepared.warnings.extend(warnings);
    drop(lease);
    if publishing.filling.take == Some(Take::Move) {
        prepared.warnings.extend(leave(prepared.source.files.par_iter()));
    }
    Ok(report(publishing, &prepared, size, tally, aliases, PublishOutcome::Published))
}

/// Returns whether a file of the source and the published one are two names for the same bytes.
fn is_shared(mirror: &Mirror, prepared: &Prepared, entry: &SourceEntry) -> bool {
    let there = mirror.store().look(&prepared.path.join(&entry.to)).ok().flatten();
    there.is_some_and(|there| {
        there.names > 1 && (there.inode.1, there.size, there.mtime) == (entry.inode, entry.size, entry.mtime)
    })
}

/// Removes files that were moved from the source, and returns which of them stayed.
fn leave<'a>(moved: impl ParallelIterator<Item = &'a SourceEntry>) -> Vec<String> {
    let stayed = moved.filter_map(|entry| entry.remove().err());
    stayed.map(|problem| format!("published, but not removed from the source: {problem}")).collect()
}

/// Says what publishing would do, and changes nothing.
pub fn try_publish(
    mirror: &Mirror,
    publishing: &Publishing,
    clock: &dyn Fn() -> Stamp,
    watch: &dyn Watch,
    stop: &Stop,
) -> Result<PublishReport, PublishError> {
    let prepared = prepare(mirror, publishing, clock())?;
    if let Some(report) = there_already(mirror, publishing, &prepared, watch, stop)? {
        return Ok(report);
    }
    let tally = Tally::default();
    let mut report = report(publishing, &prepared, (0, 0), &tally, Vec::new(), PublishOutcome::Trial);
    report.files = (prepared.source.files.len() + prepared.own.len()) as u64;
    report.bytes =
        prepared.source.bytes() + prepared.own.iter().map(|(_, bytes)| bytes.len() as u64).sum::<u64>();
    Ok(report)
}

/// Checks everything that can be checked without copying.
fn prepare(mirror: &Mirror, publishing: &Publishing, now: Stamp) -> Result<Prepared, PublishError> {
    let id = &publishing.id;
    let path = mirror.layout().build_path(id)?;
    let named = match mirror.layout().created(id) {
        Created::At(stamp, seq) => Some((in_time(id, stamp, now)?, Some(seq))),
        Created::Unnamed => None,
        Created::Impossible(why) => return Err(mirror.layout().no_build_name(id, &why).into()),
    };
    for required in &publishing.requires {
        mirror.layout().build_path(required)?;
        if !mirror.has_build(required)? {
            return Err(PublishError::NoRequired(required.clone()));
        }
    }
    one_file_system(mirror, &path)?;
    let mut source = Source::gather(&publishing.sources).map_err(PublishError::Source)?;
    let mut warnings = std::mem::take(&mut source.warnings);
    let strays = strays(mirror, &path, &source);
    if !strays.is_empty() {
        return Err(PublishError::Strays(strays));
    }
    let (created, seq) = match (named, mirror.layout().told_time(&source)?) {
        (Some(named), _) => named,
        (None, Some(Ok(stamp))) => (in_time(id, stamp, now)?, None),
        (None, Some(Err(why))) => return Err(PublishError::Unfit(why)),
        (None, None) => (now, None),
    };
    let (result, marker) = result(mirror, publishing.result, &source)?;
    let artifacts = source.files.iter().filter(|file| !is_own_file(mirror, &file.to)).count();
    if artifacts == 0 && result == Outcome::Success {
        return Err(PublishError::Nothing(result));
    }
    let mut own: Vec<(RelPath, Vec<u8>)> = marker.into_iter().collect();
    own.extend(context(mirror, publishing, &source)?);
    for (to, _) in &own {
        if source.files.iter().any(|file| file.to == *to) {
            warnings.push(format!("`{to}` of the source is replaced by the one that was asked for"));
        }
    }
    warnings.extend(without_directories(mirror, &mut source));
    source.files.retain(|file| !own.iter().any(|(to, _)| *to == file.to));
    Ok(Prepared {
        path,
        created,
        seq,
        result,
        source,
        own,
        warnings,
        known: None,
        sums: Checksums::default(),
    })
}

/// Leaves empty directories out where the mirror cannot keep them, and says so.
pub(super) fn without_directories(mirror: &Mirror, source: &mut Source) -> Option<String> {
    if !mirror.by_seal() || source.dirs.is_empty() {
        return None;
    }
    let count = std::mem::take(&mut source.dirs).len();
    Some(format!("an object store keeps no empty directories; {count} of the source are left out"))
}

/// Returns when a build was made, and fails for one from the future.
fn in_time(id: &BuildId, created: Stamp, now: Stamp) -> Result<Stamp, PublishError> {
    if created.since(now) > SKEW {
        return Err(PublishError::Future(id.clone(), now.to_string()));
    }
    Ok(created)
}

/// Returns the respin of a build whose name does not say it: after those of the stream's builds of the same instant.
fn respin(mirror: &Mirror, id: &BuildId, created: Stamp) -> Result<u64, KeptError> {
    let builds = builds_of(mirror, &id.stream, None)?;
    let same = builds.iter().filter(|build| build.build != id.name && build.created == Some(created));
    Ok(same.map(|build| build.seq + 1).max().unwrap_or_default())
}

/// Fails when a build could not be moved from its stage to its place in one step.
fn one_file_system(mirror: &Mirror, path: &RelPath) -> Result<(), PublishError> {
    let store = mirror.store();
    let stage = RelPath::own("stage");
    let Some(device) = store.look(&stage)?.map(|entry| entry.inode.0) else { return Ok(()) };
    for home in path.ancestors().chain([RelPath::root()]) {
        if let Some(entry) = store.look(&home)? {
            let apart = PublishError::Apart { home, stage };
            return if entry.inode.0 == device { Ok(()) } else { Err(apart) };
        }
    }
    Ok(())
}

/// Returns what the layout has no place for.
pub(super) fn strays(mirror: &Mirror, root: &RelPath, source: &Source) -> Vec<String> {
    let files = source.files.iter().map(|file| &file.to);
    let links = source.links.iter().map(|(to, _)| to);
    let mut strays = Vec::new();
    for to in files.chain(links).chain(&source.dirs) {
        if is_sums(to.as_str()) {
            strays.push(format!("`{to}`: mirrorkeep writes this file itself; leave it out of the source"));
            continue;
        }
        match mirror.layout().place(&root.join(to)) {
            Place::Inside { .. } => {}
            Place::Stray(stray) => {
                let nearest =
                    stray.nearest.as_deref().and_then(|near| near.strip_prefix(&format!("{root}/")));
                let nearest = nearest.map(|near| format!(" (nearest: `{near}`)")).unwrap_or_default();
                strays.push(format!("`{to}`: {}{nearest}", stray.why));
            }
            other => strays.push(format!("`{to}`: this is the place of {}", other.kind())),
        }
    }
    strays
}

/// Returns whether a file of the source is a marker or CONTEXT and no artifact.
fn is_own_file(mirror: &Mirror, to: &RelPath) -> bool {
    let markers = mirror.layout().markers();
    markers.context.as_ref() == Some(to) || markers.results.iter().any(|marker| marker.paths.contains(to))
}

/// A small file of ours with its place.
type OwnFile = (RelPath, Vec<u8>);

/// Returns how the build went, and the marker that is to be written if the source has none.
fn result(
    mirror: &Mirror,
    wanted: Option<Outcome>,
    source: &Source,
) -> Result<(Outcome, Option<OwnFile>), PublishError> {
    let layout = mirror.layout();
    let told = layout.told_result(source)?;
    if let Some(problem) = told.problem {
        return Err(PublishError::Unfit(problem));
    }
    match (told.marker, wanted) {
        (Some(marker), _) if told.outcome == Outcome::Partial => {
            Err(PublishError::Unfit(format!("`{marker}` says that the build is not finished")))
        }
        (Some(marker), Some(result)) if told.outcome != result => {
            Err(PublishError::TwoResults { marker, result })
        }
        (Some(_), _) => Ok((told.outcome, None)),
        (None, wanted) => {
            let result = wanted.unwrap_or(Outcome::Success);
            let markers = layout.markers().results.iter().filter(|marker| marker.outcome == result);
            let written =
                markers.clone().find_map(|marker| Some((marker.paths.first()?, marker.content.as_ref()?)));
            match written {
                Some((at, content)) => Ok((result, Some((at.clone(), content.clone().into_bytes())))),
                None if result == layout.markers().without => Ok((result, None)),
                None => {
                    let given = markers.flat_map(|marker| marker.paths.clone()).collect();
                    Err(PublishError::NoMarker { layout: layout.name().to_owned(), result, given })
                }
            }
        }
    }
}

/// Returns the CONTEXT that is to be written; one among the sources is checked and stays where it is.
fn context(
    mirror: &Mirror,
    publishing: &Publishing,
    source: &Source,
) -> Result<Option<OwnFile>, PublishError> {
    let read = |path: &std::path::Path| {
        let shown = path.display().to_string();
        let mut bytes = Vec::new();
        let opened = File::open(path).and_then(|file| file.take(CONTEXT_LIMIT + 1).read_to_end(&mut bytes));
        let read = opened.map_err(|source| PublishError::ReadContext { path: shown.clone(), source })?;
        if read as u64 > CONTEXT_LIMIT {
            return Err(PublishError::LargeContext(shown));
        }
        Context::parse(&bytes).map_err(|error| PublishError::Context(shown, error))
    };
    let at = mirror.layout().markers().context.clone();
    match (&publishing.context, at) {
        (None, Some(at)) => {
            if let Some(file) = source.files.iter().find(|file| file.to == at) {
                read(&file.from())?;
            }
            Ok(None)
        }
        (None, None) => Ok(None),
        (Some(_), None) => Err(PublishError::NoContext(mirror.layout().name().to_owned())),
        (Some(ContextFrom::File(path)), Some(at)) => Ok(Some((at, read(path)?.to_string().into_bytes()))),
        (Some(ContextFrom::Checkouts(dir)), Some(at)) => {
            Ok(Some((at, context_of(dir)?.to_string().into_bytes())))
        }
    }
}

/// Fills a stage with everything that belongs to the build.
fn fill(
    mirror: &Mirror,
    publishing: &Publishing,
    prepared: &Prepared,
    staged: &mut Staged<'_>,
    watch: &dyn Watch,
    stop: &Stop,
) -> Result<Tally, StageError> {
    watch.expect("publishing", prepared.source.files.len() as u64, prepared.source.bytes());
    let reuse = match publishing.filling.dedupe {
        Some(_) => earlier(mirror, publishing, prepared, watch),
        None => Reuse::default(),
    };
    let tally = staged.fill(&prepared.source, &reuse, publishing.filling, watch, stop)?;
    for (to, bytes) in &prepared.own {
        staged.add(to, bytes)?;
    }
    Ok(tally)
}

/// Returns what the stream's earlier builds hold; what cannot be read of them is not reused.
pub(super) fn earlier(
    mirror: &Mirror,
    publishing: &Publishing,
    prepared: &Prepared,
    watch: &dyn Watch,
) -> Reuse {
    let stream = &publishing.id.stream;
    let mut builds = match builds_of(mirror, stream, None) {
        Ok(builds) => builds,
        Err(error) => {
            watch.say(&format!("earlier builds are not reused: {error}"));
            return Reuse::default();
        }
    };
    builds.retain(|build| build.problem.is_none());
    builds.sort_by_key(|build| std::cmp::Reverse((build.published, build.created)));
    let sizes = prepared.source.files.iter().map(|file| file.size).collect();
    // One manifest at a time: each is as large as the build.
    let found = builds.iter().take(ASKED).filter_map(|build| {
        let id = BuildId::new(stream.clone(), build.build.clone());
        Some((mirror.layout().build_path(&id).ok()?, mirror.manifest(&id).ok()??))
    });
    Reuse::of(found, &sizes)
}

/// Returns the report of a build that is there already with the same content, or fails when it is another.
pub(super) fn there_already(
    mirror: &Mirror,
    publishing: &Publishing,
    prepared: &Prepared,
    watch: &dyn Watch,
    stop: &Stop,
) -> Result<Option<PublishReport>, PublishError> {
    let id = &publishing.id;
    if !mirror.has_build(id)? {
        return Ok(None);
    }
    let (Some(record), Some(manifest)) = (mirror.record(id)?, mirror.manifest(id)?) else {
        return Err(PublishError::Foreign(id.clone()));
    };
    watch.expect("comparing", prepared.source.files.len() as u64, prepared.source.bytes());
    let wanted = wanted(prepared, watch, stop)?;
    let changes = manifest.changes(&wanted);
    if !changes.is_empty() {
        return Err(PublishError::Differs { id: id.clone(), changes });
    }
    let size = (manifest.files.len() as u64, manifest.bytes());
    let mut report =
        report(publishing, prepared, size, &Tally::default(), Vec::new(), PublishOutcome::Unchanged);
    report.result = record.result;
    Ok(Some(report))
}

/// Returns what the build would hold, by reading the whole source.
fn wanted(prepared: &Prepared, watch: &dyn Watch, stop: &Stop) -> Result<Manifest, PublishError> {
    let read = |entry: &SourceEntry| -> Result<FileEntry, StageError> {
        if let Some(digest) = entry.digest() {
            return Ok(file_entry(&entry.to, entry.size, digest, entry.mode()));
        }
        let mut open = entry.open()?;
        let digest = hash(&mut Watched { from: &mut open, watch, stop });
        let digest = digest.map_err(|source| match stop.check() {
            Err(interrupted) => StageError::from(interrupted),
            Ok(()) => StageError::Read { path: entry.from().display().to_string(), source },
        })?;
        entry.unchanged(&open)?;
        watch.file(&entry.to);
        Ok(file_entry(&entry.to, entry.size, digest, entry.mode()))
    };
    let files: Result<Vec<FileEntry>, StageError> = prepared.source.files.par_iter().map(read).collect();
    let mut files = files?;
    let own = prepared.own.iter();
    files.extend(own.map(|(to, bytes)| file_entry(to, bytes.len() as u64, Digest::of(bytes), 0o444)));
    let links = prepared.source.links.iter();
    let links = links.map(|(path, text)| LinkEntry { path: path.clone(), text: text.clone() }).collect();
    let mut manifest = Manifest { files, links, dirs: prepared.source.dirs.clone() };
    manifest.sort();
    Ok(manifest)
}

fn file_entry(path: &RelPath, size: u64, digest: Digest, mode: u32) -> FileEntry {
    FileEntry { path: path.clone(), size, digest, mode, mtime: 0, inode: 0, seen: None }
}

/// Returns the record that the stage is sealed with; what is known only later is filled in then.
pub(super) fn record(
    mirror: &Mirror,
    publishing: &Publishing,
    prepared: &Prepared,
) -> Result<BuildRecord, KeptError> {
    if let Some(known) = &prepared.known {
        return Ok(BuildRecord { published: None, origin: Origin::Published, ..known.clone() });
    }
    let said = |label: &Label| {
        let value = label.value().to_owned();
        (label.key().to_owned(), LabelValue { value, since: None, who: Some(mirror.who().to_owned()) })
    };
    let seq = match prepared.seq {
        Some(seq) => seq,
        None => respin(mirror, &publishing.id, prepared.created)?,
    };
    Ok(BuildRecord {
        record: BUILD_RECORD_VERSION,
        id: publishing.id.clone(),
        created: Some(prepared.created),
        seq,
        published: None,
        result: prepared.result,
        labels: publishing.labels.iter().map(said).collect(),
        requires: publishing.requires.clone(),
        trimmed: Vec::new(),
        files: 0,
        bytes: 0,
        sums: None,
        origin: Origin::Published,
        problem: None,
    })
}

pub(super) fn report(
    publishing: &Publishing,
    prepared: &Prepared,
    (files, bytes): (u64, u64),
    tally: &Tally,
    aliases: Vec<Moved>,
    outcome: PublishOutcome,
) -> PublishReport {
    PublishReport {
        id: publishing.id.clone(),
        path: prepared.path.clone(),
        outcome,
        result: prepared.result,
        files,
        bytes,
        copied_bytes: tally.copied.load(Ordering::Relaxed),
        shared_files: tally.shared.load(Ordering::Relaxed),
        shared_bytes: tally.shared_bytes.load(Ordering::Relaxed),
        resumed_files: tally.resumed.load(Ordering::Relaxed),
        signatures: prepared.sums.signatures.clone(),
        aliases,
        warnings: prepared.warnings.clone(),
    }
}

impl StageError {
    /// Returns whether what is staged can be gone on with: nothing is wrong with the mirror's own disk.
    fn leaves_a_good_stage(&self) -> bool {
        match self {
            Self::Busy(_) | Self::Source(_) | Self::Read { .. } | Self::Apart(_) | Self::Interrupted(_) => {
                true
            }
            Self::Store(error) => matches!(error.kind(), StoreErrorKind::Busy | StoreErrorKind::TooManyOpen),
        }
    }
}
