//! Writing the next edition of a change list: manifests, the part, the head, and then what no head names is removed.

use super::ChangesWriteError;
use super::look::{AT_ONCE, Look, public};
use super::published::Published;
use crate::decide::changes::{
    ChangesError, Edition, HEAD_LIMIT, Head, Item, Known, ListedBuild, PART_LIMIT, Part, PartRef, SignedHead,
};
use crate::mirror::Mirror;
use crate::model::{Digest, RelPath, Scheme};
use crate::ops::Mode;
use crate::session::Session;
use crate::sign::Signers;
use crate::store::{Guard, Kind, Put, StoreError, at_once};
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// The comment of a signature of minisign.
const COMMENT: &str = "signature of a change list";

/// How much is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// What changed.
    Changes,
    /// Everything, also where nothing changed: every manifest is read and written again.
    Full,
}

/// What becomes of the kinds of signatures that the list had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signatures {
    /// None is lost: copies may require it.
    Keep,
    /// Those without a key are left out from now on.
    Drop,
}

/// What was written of a change list, or would be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ChangesReport {
    /// The number of the edition.
    pub serial: u64,
    /// The number of the newest event of the journal that it has.
    pub event: u64,
    /// How many builds and names changed.
    pub changed: u64,
    /// The paths of the files that are new or replaced.
    pub written: Vec<RelPath>,
    /// The paths of the files that were removed.
    pub removed: Vec<RelPath>,
    /// How the head is signed.
    pub signed: Vec<Scheme>,
    /// Warnings for a person.
    pub warnings: Vec<String>,
}

/// The list as it was found.
#[derive(Default)]
struct Found {
    head: Option<Head>,
    known: Known,
    /// How the head is signed.
    signed: BTreeSet<Scheme>,
    /// The highest serial in names of files: a head that was lost is followed by one above it.
    seen: u64,
    /// Why it cannot be continued.
    broken: Option<String>,
}

/// Writes the next edition of the change list.
///
/// Killed anywhere, readers find the last edition or the next one, whole.
pub fn export(
    session: &Session<'_>,
    (signers, signatures): (&Signers, Signatures),
    extent: Extent,
    mode: Mode,
) -> Result<ChangesReport, ChangesWriteError> {
    let mirror = session.mirror();
    let config = mirror.config().changes.as_ref().ok_or(ChangesWriteError::NoSection)?;
    let dir = &config.path;
    // Taken before the mirror is looked at: of two writers the later one has seen what the other has.
    let _alone = if mode == Mode::Real { Some(alone(mirror)?) } else { None };
    // Before the look, which has seen at least so much.
    let (event, _) = mirror.last_that_stays()?;
    let found = Found::at(mirror, dir)?;
    let published = Published::read(mirror)?;
    let signed: BTreeSet<Scheme> = found.signed.iter().copied().chain(published.schemes()).collect();
    let made = signers.schemes();
    let lacking: Vec<Scheme> = signed.iter().copied().filter(|by| !made.contains(by)).collect();
    if !lacking.is_empty() && signatures == Signatures::Keep {
        let (at, signed) = (SignedHead::place(dir), signed.into_iter().collect());
        return Err(ChangesWriteError::Unsigned { at, signed, lacking });
    }
    let mut report = ChangesReport::default();
    if let Some(why) = &found.broken {
        report
            .warnings
            .push(format!("the change list cannot be continued, and is written from the start: {why}"));
    }
    let last = found.head.as_ref().filter(|_| found.broken.is_none()).map(|head| (head, &found.known));
    // One that was put back from a copy: readers know later editions.
    let behind = last.is_some_and(|(head, _)| head.serial < published.serial);
    let full = extent == Extent::Full;
    let look = Look::at(mirror, &found.known, full)?;
    report.warnings.extend(look.warnings);
    session.check_cancelled()?;
    let before = found.head.as_ref().map_or(0, |head| head.serial).max(found.seen).max(published.serial);
    let id = mirror.config().id.as_str();
    let edition = Edition::next(last, &look.present, (id, event, session.now()), (full || behind, before));
    (report.serial, report.event) = (edition.head.serial, event);
    report.changed = edition.changed as u64;
    let writer = Writer { session, mirror, dir, mode };
    let lists: Vec<&ListedBuild> = match &edition.part {
        None => Vec::new(),
        // What the last edition has is there.
        Some(part) => {
            builds(part).filter(|build| full || found.known.build(&build.id) != Some(*build)).collect()
        }
    };
    writer.manifests(&lists, &mut report)?;
    if let Some(part) = &edition.part
        && let Some(named) = edition.head.parts.last()
    {
        let bytes = part.write();
        if bytes.len() as u64 > PART_LIMIT {
            return Err(ChangesWriteError::TooLarge(bytes.len()));
        }
        writer.put(dir.child(&named.file()).unwrap_or_default(), &bytes, &mut report)?;
    }
    let mut signed = SignedHead::of(&edition.head);
    for one in signers.sign_text(&signed.head, COMMENT)? {
        let text = String::from_utf8(one.bytes).ok();
        match one.by {
            Scheme::OpenPgp => signed.gpg = text,
            Scheme::Minisign => signed.minisign = text,
        }
        report.signed.push(one.by);
    }
    if mode == Mode::Real {
        // Before the head: whatever readers see is known here, also after the list was lost.
        published.then(edition.head.serial, &report.signed).keep(mirror, &published)?;
    }
    writer.put(SignedHead::place(dir), &signed.write(), &mut report)?;
    writer.clear(&edition, &found, &look.present.builds.values().collect::<Vec<_>>(), &mut report)?;
    report.written.sort();
    Ok(report)
}

/// Returns the builds of a part.
fn builds(part: &Part) -> impl Iterator<Item = &ListedBuild> {
    part.items.iter().filter_map(|change| match &change.item {
        Item::Build(build) => Some(&**build),
        _ => None,
    })
}

/// Takes the right to write the list, waiting for others as for the lock of the mirror.
fn alone(mirror: &Mirror) -> Result<Guard, StoreError> {
    mirror.store().lock(&RelPath::state("changes.lock"), mirror.who(), mirror.wait())
}

impl Found {
    /// Reads the list that is there.
    fn at(mirror: &Mirror, dir: &RelPath) -> Result<Self, StoreError> {
        let store = mirror.store();
        let mut found = Self { seen: highest(mirror, dir)?, ..Self::default() };
        let signed = match store.read(&SignedHead::place(dir), HEAD_LIMIT) {
            Err(error) if error.is_not_found() => return Ok(found),
            bytes => SignedHead::parse(&bytes?),
        };
        let head = signed.and_then(|signed| {
            found.signed = Scheme::ALL.into_iter().filter(|by| signed.signature(*by).is_some()).collect();
            Head::parse(&signed.head)
        });
        match head {
            Ok(head) if head.mirror == mirror.config().id => found.head = Some(head),
            Ok(_) => found.broken = Some("it is of another mirror".to_owned()),
            Err(error) => found.broken = Some(error.to_string()),
        }
        let parts = found.head.as_ref().map(|head| head.parts.clone()).unwrap_or_default();
        let read = || {
            parts.par_iter().map(|part| self::part(mirror, dir, part)).collect::<Result<Vec<_>, StoreError>>()
        };
        for part in at_once(store, (AT_ONCE, parts.len()), read)?? {
            match part {
                Ok(part) => found.known.add(part),
                Err(error) => {
                    found.broken = Some(error.to_string());
                    found.known = Known::default();
                    break;
                }
            }
        }
        if found.broken.is_none()
            && let Some(head) = &found.head
            && let Err(error) = found.known.fits(head)
        {
            found.broken = Some(error.to_string());
            found.known = Known::default();
        }
        Ok(found)
    }
}

/// Returns the highest serial of a file of the list.
fn highest(mirror: &Mirror, dir: &RelPath) -> Result<u64, StoreError> {
    let listing = match mirror.store().list(dir) {
        Err(error) if error.is_not_found() => return Ok(0),
        listing => listing?,
    };
    let serial = |name: &str| {
        let name = name.strip_suffix(".jsonl")?;
        name.strip_suffix("-all").unwrap_or(name).parse().ok()
    };
    Ok(listing.entries.iter().filter_map(|entry| serial(&entry.name)).max().unwrap_or_default())
}

/// Reads one part, if it is what the head names.
fn part(mirror: &Mirror, dir: &RelPath, named: &PartRef) -> Result<Result<Part, ChangesError>, StoreError> {
    let file = named.file();
    let wrong = |why: &str| Ok(Err(ChangesError::Contradiction(format!("`{file}` {why}"))));
    match mirror.store().read(&dir.child(&file).unwrap_or_default(), PART_LIMIT) {
        Err(error) if error.is_not_found() => wrong("is missing"),
        Err(error) => Err(error),
        Ok(bytes) if Digest::of(&bytes) != named.sha256 => wrong("has another digest"),
        Ok(bytes) => Ok(Part::parse(&bytes)),
    }
}

/// Writes the files of a list.
struct Writer<'w> {
    session: &'w Session<'w>,
    mirror: &'w Mirror,
    dir: &'w RelPath,
    mode: Mode,
}

impl Writer<'_> {
    fn put(&self, at: RelPath, bytes: &[u8], report: &mut ChangesReport) -> Result<(), StoreError> {
        if self.mode == Mode::Real {
            self.mirror.store().put(&at, bytes, Put::Replace)?;
        }
        report.written.push(at);
        Ok(())
    }

    /// Writes the lists of files of these builds.
    fn manifests(
        &self,
        builds: &[&ListedBuild],
        report: &mut ChangesReport,
    ) -> Result<(), ChangesWriteError> {
        report.written.extend(builds.iter().map(|build| build.manifest_at(self.dir)));
        if self.mode == Mode::Trial {
            return Ok(());
        }
        let one = |build: &&ListedBuild| -> Result<(), ChangesWriteError> {
            self.session.check_cancelled()?;
            let Some(manifest) = self.mirror.manifest(&build.id)? else { return Ok(()) };
            let text = public(manifest).write();
            // A build that changes at this moment has another one, and is in the next edition.
            Ok(self.mirror.store().put(&build.manifest_at(self.dir), text.as_bytes(), Put::Replace)?)
        };
        let all = || builds.par_iter().map(one).collect::<Result<(), _>>();
        at_once(self.mirror.store(), (AT_ONCE, builds.len()), all)?
    }

    /// Removes what no reader needs any more: the lists of files of builds that went, and parts that neither this head nor the one
    /// before has.
    fn clear(
        &self,
        edition: &Edition,
        found: &Found,
        builds: &[&ListedBuild],
        report: &mut ChangesReport,
    ) -> Result<(), StoreError> {
        let Some(part) = &edition.part else { return Ok(()) };
        let store = self.mirror.store();
        let mut unneeded: BTreeMap<RelPath, Kind> = BTreeMap::new();
        let needed: BTreeSet<RelPath> = builds.iter().map(|build| build.manifest_at(self.dir)).collect();
        if part.after == 0 {
            let heads = found.head.iter().chain([&edition.head]);
            let parts: BTreeSet<String> =
                heads.flat_map(|head| head.parts.iter().map(PartRef::file)).collect();
            let is_kept = |path: &RelPath| match path.below(self.dir) {
                Some(below) if below.depth() == 1 => {
                    parts.contains(below.as_str()) || !below.as_str().ends_with(".jsonl")
                }
                Some(below) => !below.as_str().starts_with("manifests/") || needed.contains(path),
                None => true,
            };
            let there = store.below(self.dir)?.into_iter().filter(|one| one.kind == Kind::File);
            unneeded.extend(there.filter(|one| !is_kept(&one.path)).map(|one| (one.path, one.kind)));
        } else {
            let before = part.items.iter().filter_map(|change| match &change.item {
                Item::Build(build) => found.known.build(&build.id),
                Item::BuildGone { id, .. } => found.known.build(id),
                _ => None,
            });
            let before = before.map(|build| build.manifest_at(self.dir));
            unneeded.extend(before.filter(|at| !needed.contains(at)).map(|at| (at, Kind::File)));
        }
        report.removed.extend(unneeded.keys().cloned());
        if self.mode == Mode::Trial || unneeded.is_empty() {
            return Ok(());
        }
        let these: Vec<(RelPath, Kind)> = unneeded.into_iter().collect();
        let swept = store.remove_all(&these);
        for dir in these.iter().flat_map(|(path, _)| path.ancestors().take_while(|dir| dir != self.dir)) {
            // One that has other files stays.
            store.remove_dir(&dir).ok();
        }
        swept.failures.into_iter().next().map_or(Ok(()), Err)
    }
}
