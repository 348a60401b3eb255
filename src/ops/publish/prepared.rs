//! The build to publish, checked as far as possible without copying: its path, time, result and CONTEXT, and that
//! everything in it has a place in the layout.

use crate::commit::reveal::{AliasUpdate, was_moved};
use crate::commit::stage::Claim;
use crate::layout::{Created, Place};
use crate::mirror::{Mirror, StateError, builds_of};
use crate::model::{BuildId, CLOCK_SKEW, Label, Outcome, RelPath, Stamp, is_sums};
use crate::ops::publish::error::{CONTEXT_LIMIT, PublishError};
use crate::ops::publish::inputs_report::{Compared, InputsReport};
use crate::ops::publish::request::{ContextFrom, PublishRequest};
use crate::ops::retention::clock::store_clock;
use crate::record::{BUILD_RECORD_VERSION, BuildRecord, Context, LabelValue, Manifest, Origin};
use crate::sign::{Checksums, SignError};
use crate::source::gather::{Exclusions, some_of};
use crate::source::{Source, SourceError, SourceProblem, SourceSpec, context_of};
use crate::store::Take;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;

/// Everything of a build except the bytes of its files, checked.
pub(crate) struct Prepared {
    pub(crate) path: RelPath,
    created: Stamp,
    /// The respin; nothing if the name does not state it.
    seq: Option<u64>,
    pub(crate) result: Outcome,
    pub(crate) source: Source,
    /// Small files that mirrorkeep writes: CONTEXT and marker.
    pub(crate) own: Vec<(RelPath, Vec<u8>)>,
    pub(crate) warnings: Vec<String>,
    /// The record of another mirror, if the build is copied from there.
    pub(crate) known: Option<BuildRecord>,
    /// The build of this mirror whose bytes it has, if it is inherited from there.
    pub(crate) like: Option<BuildId>,
    /// Its checksums, if they are more than the list of its files.
    pub(crate) sums: Checksums,
    /// The claim in its stage, if its name came from the clock.
    pub(crate) claim: Option<Claim>,
    /// Whether the build exists and its files were moved out of the source.
    pub(crate) moved: bool,
    /// How its inputs compare with those of the newest success, once compared.
    pub(crate) inputs: Option<InputsReport>,
    /// What was compared, where the build is to be published since its inputs are others.
    pub(crate) compared: Option<Compared>,
}

impl Prepared {
    /// Returns what to write at `path` from another mirror: the record there, and its SHA256SUMS, if it differs from
    /// the one that mirrorkeep would write, with its signatures.
    pub(crate) fn copied(path: RelPath, source: Source, record: BuildRecord, sums: Checksums) -> Self {
        let (created, seq) = (record.created.unwrap_or_default(), Some(record.seq));
        let (result, own, warnings) = (record.result, Vec::new(), Vec::new());
        Self {
            path,
            created,
            seq,
            result,
            source,
            own,
            warnings,
            sums,
            known: Some(record),
            like: None,
            claim: None,
            moved: false,
            inputs: None,
            compared: None,
        }
    }

    /// Gives the build another name of its stream.
    pub(crate) fn rename(&mut self, mirror: &Mirror, id: &BuildId, now: Stamp) -> Result<(), PublishError> {
        self.path = mirror.layout().build_path(id)?;
        if let Created::At(stamp, seq) = mirror.layout().created(id) {
            (self.created, self.seq) = (in_time(id, stamp, now)?, Some(seq));
        }
        Ok(())
    }

    /// Returns the number of its files and bytes.
    pub(crate) fn size(&self) -> (u64, u64) {
        let own = self.own.iter().map(|(_, bytes)| bytes.len() as u64);
        let files = self.source.files.len() + self.own.len();
        (files as u64, self.source.bytes() + own.sum::<u64>())
    }

    /// Returns when its aliases move: those of copies when all builds are copied.
    pub(crate) fn names(&self) -> AliasUpdate {
        if self.known.is_some() { AliasUpdate::Deferred } else { AliasUpdate::Now }
    }

    /// Has the checksums of a build with these contents signed, unless they came with their signatures.
    pub(crate) fn sign(&mut self, publishing: &PublishRequest, manifest: &Manifest) -> Result<(), SignError> {
        if self.known.is_none() {
            self.sums.signatures = publishing.signers.sign(manifest)?;
        }
        Ok(())
    }
}

/// Checks everything that can be checked without copying.
pub(crate) fn prepare(
    mirror: &Mirror,
    publishing: &PublishRequest,
    now: Stamp,
) -> Result<Prepared, PublishError> {
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
    if publishing.filling.take.is_some() {
        is_no_part_of(mirror, &publishing.sources)?;
    }
    let moved =
        publishing.filling.take == Some(Take::Move) && mirror.has_build(id)? && was_moved(mirror, id)?;
    let root = if mirror.store().abilities().inodes { mirror.store().look(&RelPath::root())? } else { None };
    let markers = mirror.layout().markers();
    let kept: Vec<RelPath> =
        markers.results.iter().flat_map(|marker| &marker.paths).chain(&markers.hold).cloned().collect();
    let places: Vec<RelPath> = markers.places().cloned().collect();
    let apart = Exclusions {
        exclude: &publishing.exclude,
        listed: publishing.listed.as_ref(),
        places: &places,
        kept: &kept,
        mirror: root.map(|entry| entry.inode),
    };
    let mut source = gathered(&publishing.sources, apart, moved).map_err(PublishError::Source)?;
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
    if artifacts == 0 && result == Outcome::Success && !moved {
        return Err(PublishError::Nothing { result, own: !source.files.is_empty() });
    }
    let mut own: Vec<(RelPath, Vec<u8>)> = marker.into_iter().collect();
    own.extend(context(mirror, publishing, &source, &mut warnings)?);
    for (to, _) in &own {
        if source.files.iter().any(|file| file.to == *to) {
            warnings.push(format!("`{to}` of the source is replaced by the given one"));
        }
    }
    let places: Vec<RelPath> = own.iter().map(|(to, _)| to.clone()).collect();
    let dangling = source.dangling(&places);
    if !dangling.is_empty() {
        let (some, is) = some_of(&dangling);
        warnings.push(format!("{some} {is} published as a link whose target is not in the build"));
    }
    warnings.extend(without_directories(mirror, &mut source));
    warnings.extend(unserved_links(mirror, &source));
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
        like: None,
        sums: Checksums::default(),
        claim: None,
        moved,
        inputs: None,
        compared: None,
    })
}

/// Returns what is to be published; for a build whose files were moved out of the source, what is left there.
fn gathered(specs: &[SourceSpec], apart: Exclusions<'_>, moved: bool) -> Result<Source, SourceError> {
    match Source::gather(specs, apart) {
        Err(error) if moved && error.0.iter().all(SourceProblem::is_gone) => {
            let there = |spec: &&SourceSpec| {
                !Source::gather(std::slice::from_ref(*spec), apart)
                    .is_err_and(|error| error.0.iter().all(SourceProblem::is_gone))
            };
            let there: Vec<SourceSpec> = specs.iter().filter(there).cloned().collect();
            Source::gather(&there, apart)
        }
        gathered => gathered,
    }
}

/// Omits empty directories if the mirror cannot keep them, with a warning.
pub(crate) fn without_directories(mirror: &Mirror, source: &mut Source) -> Option<String> {
    if mirror.store().abilities().directories || source.dirs.is_empty() {
        return None;
    }
    let count = std::mem::take(&mut source.dirs).len();
    Some(format!("an object store keeps no empty directories; {count} of the source are left out"))
}

/// Warns of links if the mirror keeps them as objects, which no reader except mirrorkeep follows.
pub(crate) fn unserved_links(mirror: &Mirror, source: &Source) -> Option<String> {
    if mirror.store().abilities().symlinks {
        return None;
    }
    let first = source.links.iter().map(|(to, _)| to).min()?;
    let count = source.links.len();
    let links =
        if count == 1 { "1 link is an object".to_owned() } else { format!("{count} links are objects") };
    Some(format!(
        "{links} named `*.mirrorkeep-link` in an object store, the first `{first}`: readers get 404 at these paths \
         (docs/object-store.md)"
    ))
}

/// Returns when a build was made; fails for a time in the future.
fn in_time(id: &BuildId, created: Stamp, now: Stamp) -> Result<Stamp, PublishError> {
    if created.since(now) > CLOCK_SKEW {
        return Err(PublishError::Future(id.clone(), format!("it is {now} now")));
    }
    Ok(created)
}

/// Compares the clock with that of the mirror's store and with the last event; fails if by the store's clock the
/// stamp of a build is in the future, and returns warnings.
pub(crate) fn clocks(
    mirror: &Mirror,
    prepared: &Prepared,
    id: &BuildId,
    last: Option<Stamp>,
    now: Stamp,
) -> Result<Vec<String>, PublishError> {
    let mut warnings = Vec::new();
    if let Some(store) = store_clock(mirror)? {
        let (there, here) = (store.iso(), now.iso());
        if prepared.created.since(store) > CLOCK_SKEW {
            let why = format!(
                "it is {there} by the clock of the mirror's store, and {here} by the clock of this machine"
            );
            return Err(PublishError::Future(id.clone(), why));
        }
        if store.since(now).abs() > CLOCK_SKEW {
            warnings.push(format!(
                "the clock of the mirror's store says {there}, the clock of this machine {here}; times in the \
                 record may be wrong"
            ));
        }
    }
    if let Some(last) = last.filter(|last| last.since(now) > CLOCK_SKEW) {
        warnings.push(format!(
            "the last event of the mirror is dated {}, in the future: it is {} now; a clock is wrong or was",
            last.iso(),
            now.iso()
        ));
    }
    Ok(warnings)
}

/// Fails if a build could not be moved from its stage to its path in one step.
fn one_file_system(mirror: &Mirror, path: &RelPath) -> Result<(), PublishError> {
    let store = mirror.store();
    let stage = RelPath::state("stage");
    let Some(device) = store.look(&stage)?.map(|entry| entry.inode.0) else { return Ok(()) };
    // A bind mount of the same disk has the same device, and no rename crosses it either.
    let mounts = store.mounts()?;
    let mount_of =
        |at: &RelPath| mounts.iter().filter(|mount| at.is_within(mount)).max_by_key(|mount| mount.depth());
    let apart = mount_of(path).filter(|mount| mount_of(&stage) != Some(mount));
    if let Some(mount) = apart
        && store.look(mount)?.is_none_or(|entry| entry.inode.0 == device)
    {
        return Err(PublishError::Mounted { mount: mount.clone(), stage });
    }
    for home in path.ancestors().chain([RelPath::root()]) {
        if let Some(entry) = store.look(&home)? {
            let apart = PublishError::CrossDevice { home, stage };
            return if entry.inode.0 == device { Ok(()) } else { Err(apart) };
        }
    }
    Ok(())
}

/// Fails if files would be moved or linked out of the mirror itself, whose builds never change.
fn is_no_part_of(mirror: &Mirror, sources: &[SourceSpec]) -> Result<(), PublishError> {
    if !mirror.store().abilities().inodes {
        return Ok(());
    }
    let Some(root) = mirror.store().look(&RelPath::root())?.map(|entry| entry.inode) else { return Ok(()) };
    for spec in sources {
        // A missing path is reported when the source is gathered.
        let Ok(from) = std::fs::canonicalize(&spec.from) else { continue };
        let is_root =
            |dir: &std::path::Path| std::fs::metadata(dir).is_ok_and(|meta| (meta.dev(), meta.ino()) == root);
        if from.ancestors().any(is_root) {
            return Err(PublishError::OwnSource(spec.from.display().to_string()));
        }
    }
    Ok(())
}

/// Returns the files for which the layout has no place.
pub(crate) fn strays(mirror: &Mirror, root: &RelPath, source: &Source) -> Vec<String> {
    let files = source.files.iter().map(|file| &file.to);
    let links = source.links.iter().map(|(to, _)| to);
    let mut strays = no_files(mirror, source);
    for to in files.chain(links).chain(&source.dirs) {
        if is_sums(to.as_str().split('/').next().unwrap_or_default()) {
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

/// Returns what is at the path of a marker or CONTEXT and is not a regular file.
///
/// A link there would have the contents of its target at the time of reading, past every check that is made here.
fn no_files(mirror: &Mirror, source: &Source) -> Vec<String> {
    let mut wrong: Vec<String> = Vec::new();
    for place in mirror.layout().markers().places() {
        let link = source.links.iter().any(|(to, _)| to == place);
        let files = source.files.iter().map(|file| &file.to);
        let mut others = files.chain(source.links.iter().map(|(to, _)| to)).chain(&source.dirs);
        let is_dir = source.dirs.contains(place) || others.any(|to| to != place && to.is_within(place));
        let is = match (link, is_dir) {
            (true, _) => "a symlink",
            (_, true) => "a directory",
            _ => continue,
        };
        wrong.push(format!("`{place}` is {is}; a regular file is accepted there"));
    }
    wrong
}

/// Returns whether a file of the source is a marker or CONTEXT and not an artifact.
fn is_own_file(mirror: &Mirror, to: &RelPath) -> bool {
    let markers = mirror.layout().markers();
    markers.context.as_ref() == Some(to) || markers.results.iter().any(|marker| marker.paths.contains(to))
}

/// A small file that mirrorkeep writes, with its path.
type OwnFile = (RelPath, Vec<u8>);

/// Returns the result of the build, and the marker to write if the source has none.
fn result(
    mirror: &Mirror,
    wanted: Option<Outcome>,
    source: &Source,
) -> Result<(Outcome, Option<OwnFile>), PublishError> {
    let layout = mirror.layout();
    let told = layout.result_of(source)?;
    if let Some(problem) = told.problem {
        return Err(PublishError::Unfit(problem));
    }
    match (told.marker, wanted) {
        (Some(marker), _) if told.outcome == Outcome::Partial => {
            Err(PublishError::Unfit(format!("`{marker}` states that the build is not finished")))
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

/// Returns the CONTEXT to write; one among the sources is checked and stays where it is.
fn context(
    mirror: &Mirror,
    publishing: &PublishRequest,
    source: &Source,
    warnings: &mut Vec<String>,
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
            let found = context_of(dir)?;
            warnings.extend(found.warnings);
            Ok(Some((at, found.context.to_string().into_bytes())))
        }
    }
}

/// Returns the record with which the stage is sealed; what is known only later is filled in then.
pub(crate) fn record(
    mirror: &Mirror,
    publishing: &PublishRequest,
    prepared: &Prepared,
) -> Result<BuildRecord, StateError> {
    if let Some(known) = &prepared.known {
        let (published, confirmed_at) = (None, None);
        return Ok(BuildRecord { published, confirmed_at, origin: Origin::Published, ..known.clone() });
    }
    let said = |label: &Label| {
        let value = label.value().to_owned();
        (
            label.key().to_owned(),
            LabelValue { value, since: None, who: Some(mirror.who().to_owned()), url: None },
        )
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
        confirmed_at: None,
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

/// Returns the respin of a build whose name does not state it: the next after the stream's builds of the same
/// instant.
fn respin(mirror: &Mirror, id: &BuildId, created: Stamp) -> Result<u64, StateError> {
    let builds = builds_of(mirror, &id.stream, None)?;
    let same = builds.iter().filter(|build| build.build != id.name && build.created == Some(created));
    Ok(same.map(|build| build.seq + 1).max().unwrap_or_default())
}
