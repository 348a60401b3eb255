//! Adopting one build: what its name, its files and the journal state is recorded, the record last.

use crate::census::{BuildCensus, LabelCensus};
use crate::commit::adopted::{content, sums_of};
use crate::commit::choose::protocol;
use crate::commit::stage::{Underway, stage_of};
use crate::commit::unsealed::trashed;
use crate::mirror::{JournalError, Mirror, StateError};
use crate::model::{BuildId, Digest, Outcome, RelPath, SUMS_NAME, Scheme, is_sums};
use crate::ops::Mode;
use crate::ops::adopt::reading::Reading;
use crate::ops::adopt::request::{AdoptOptions, Adopted, Changed, Scope, Stopped, SumsIn, UnreadList};
use crate::ops::observe::disk::Disk;
use crate::ops::observe::inventory::{Holdings, Listed, Lists, holdings, listed};
use crate::record::{
    BUILD_RECORD_VERSION, BuildRecord, Event, EventKind, Labels, Manifest, Origin, Payload, Phase,
};
use crate::session::Session;
use crate::store::{Entry, Guard, Put, StoreErrorKind};
use std::collections::HashMap;

/// How long a build without a result may still be filled by its publisher, in seconds.
const FILLING: i64 = 24 * 3600;

/// Adopts builds.
pub(crate) struct Taking<'a> {
    pub(crate) session: &'a Session<'a>,
    pub(crate) adopting: &'a AdoptOptions,
    pub(crate) origin: Origin,
    /// The record that the new one replaces.
    pub(crate) before: Option<BuildRecord>,
}

impl Taking<'_> {
    /// Adopts one build.
    pub(crate) fn build(&self, id: &BuildId, census: &BuildCensus) -> Result<Adopted, Stopped> {
        let refuse = |why: String| Err(Stopped::Build(why));
        if let Some(problem) = &census.problem {
            return refuse(problem.clone());
        }
        let path = self.session.mirror().layout().build_path(id).unwrap_or_else(|_| id.as_path());
        let before = self.session.mirror().store().look(&path)?;
        if before.is_none() {
            return refuse("it was removed in the meantime".to_owned());
        }
        let held = holdings(&self.session.mirror().apart(), id, &path);
        if let Some((at, why)) = held.unread.first() {
            return refuse(format!("`{at}` cannot be looked at: {why}"));
        }
        if let Some(unfit) = held.unfit.first() {
            return refuse(unfit.clone());
        }
        let idle = self.session.now().unix() - held.changed;
        // A person who names the build and its result knows that it is whole.
        let is_stated = self.adopting.result.is_some() && matches!(self.adopting.scope, Scope::Build(_));
        if census.result == Outcome::Partial && idle < FILLING && !is_stated {
            return refuse(format!(
                "it has no result yet and changed within a day, so it may still be filled; `mirrorkeep adopt --result success {id}` \
                 takes it all the same"
            ));
        }
        let (result, held) = match self.adopting.result.filter(|_| census.result == Outcome::Partial) {
            Some(result) => (result, self.marked(id, &path, result)?.unwrap_or(held)),
            None => (census.result, held),
        };
        let lists = if self.before.is_some() { Lists::Replaced } else { Lists::Others };
        let rewrite = self.before.is_some() && self.adopting.changed == Changed::Rewrite;
        let listed =
            if rewrite { Listed::default() } else { listed(self.session.mirror(), id, &path, &held, lists) };
        if let Some((at, why)) = listed.damaged.first() {
            return refuse(format!("the list of checksums `{at}` cannot be read: {why}"));
        }
        if let Some(at) = listed.disagreed.first() {
            return refuse(format!("`{at}` differs from a list of checksums beside it: they disagree"));
        }
        let disk = Disk::of(self.session.mirror());
        let hint = match self.before {
            Some(_) => {
                format!("; `mirrorkeep adopt --changed --rewrite-sums {id}` takes the files as they are")
            }
            None => String::new(),
        };
        let reading =
            Reading { hint: &hint, session: self.session, disk: disk.as_ref(), trust: self.adopting.trust };
        let manifest = reading.manifest(&path, &held, &listed)?;
        let sums: RelPath = SUMS_NAME.parse().unwrap_or_default();
        let known = listed.files.keys().filter(|at| held.files.contains_key(*at)).count();
        let text = rewrite.then(|| sums_of(&manifest));
        let own_sums = match &text {
            Some(text) => Some(Digest::of(text.as_bytes())),
            None if held.files.contains_key(&sums) => Some(reading.digest(&path, &sums)?),
            None => None,
        };
        let is_other = text.is_some() && self.before.as_ref().is_some_and(|before| before.sums != own_sums);
        let signatures = Scheme::ALL.iter().filter_map(|scheme| scheme.file().parse::<RelPath>().ok());
        let signatures = signatures.filter(|at| is_other && held.files.contains_key(at));
        let unfit = signatures.map(|at| path.join(&at)).collect();
        let record = BuildRecord {
            record: BUILD_RECORD_VERSION,
            id: id.clone(),
            created: census.created,
            seq: census.seq,
            // If a file is older than the build, its time at most shows when it was copied.
            published: census.published.filter(|at| census.created.is_none_or(|created| *at >= created)),
            confirmed_at: self.before.as_ref().and_then(|before| before.confirmed_at),
            result,
            // What files of the build state is always read from them.
            labels: match (self.origin, &self.before) {
                (_, Some(before)) => before.labels.clone(),
                (Origin::Rebuilt, None) => census.labels.clone(),
                (Origin::Adopted | Origin::Published, None) => Labels::default(),
            },
            requires: census.requires.clone(),
            trimmed: self.before.as_ref().map(|before| before.trimmed.clone()).unwrap_or_default(),
            files: manifest.files.len() as u64,
            bytes: manifest.bytes(),
            sums: own_sums,
            origin: self.origin,
            problem: None,
        };
        let adopted = Adopted {
            id: id.clone(),
            path: path.clone(),
            created: record.created,
            result: record.result,
            files: record.files,
            bytes: record.bytes,
            listed: known as u64,
            unread: listed
                .unread
                .into_iter()
                .map(|(at, why)| UnreadList { path: path.join(&at), why })
                .collect(),
            unfit,
        };
        if self.adopting.mode == Mode::Real {
            self.commit(record, (&manifest, text), &path, before.as_ref())?;
        }
        Ok(adopted)
    }

    /// Writes the marker of a result into a build that states none, and returns the build's contents after that;
    /// nothing in a dry run.
    ///
    /// After a kill here, the build has its marker and no record, as if a person had written the marker.
    fn marked(&self, id: &BuildId, path: &RelPath, result: Outcome) -> Result<Option<Holdings>, Stopped> {
        let mirror = self.session.mirror();
        let markers = mirror.layout().markers().results.iter().filter(|marker| marker.outcome == result);
        let written = markers.filter_map(|marker| Some((marker.paths.first()?, marker.content.as_ref()?)));
        let Some((at, content)) = written.into_iter().next() else {
            return Err(Stopped::Build(format!(
                "the layout `{}` has no marker with content for `{result}`",
                mirror.layout().name()
            )));
        };
        if self.adopting.mode == Mode::Trial {
            return Ok(None);
        }
        mirror.store().put(&path.join(at), content.as_bytes(), Put::Create)?;
        Ok(Some(holdings(&mirror.apart(), id, path)))
    }

    /// Writes what was found, the record last.
    fn commit(
        &self,
        mut record: BuildRecord,
        (manifest, rewritten): (&Manifest, Option<String>),
        path: &RelPath,
        before: Option<&Entry>,
    ) -> Result<(), Stopped> {
        let id = record.id.clone();
        let ticket = self.ticket(&id)?;
        let lock = self.session.begin()?;
        if ticket.is_some() {
            self.is_unclaimed(&id)?;
        }
        let there = self.session.mirror().store().look(path)?;
        if there.is_none() || there.map(|entry| entry.inode) != before.map(|entry| entry.inode) {
            return Err(Stopped::Build("it was moved or replaced while it was read".to_owned()));
        }
        if !self.session.mirror().store().abilities().inodes && !self.is_unchanged(&id, path, manifest)? {
            return Err(Stopped::Build("files were added, removed or changed while it was read".to_owned()));
        }
        if self.session.mirror().record(&id)? != self.before {
            return Err(Stopped::Build("another process wrote its record in the meantime".to_owned()));
        }
        let now = self.session.now();
        let written = if self.adopting.sums == SumsIn::Build && record.sums.is_none() {
            let text = sums_of(manifest);
            record.sums = Some(Digest::of(text.as_bytes()));
            Some(text)
        } else {
            None
        };
        // If there is an old record, only these fields show whether the new one replaced it.
        let (content, sums) = match &self.before {
            Some(_) => (Some(content(manifest)), record.sums),
            None => (None, None),
        };
        let payload = Payload::Adopted {
            result: record.result,
            created: record.created,
            files: record.files,
            bytes: record.bytes,
            rebuilt: self.origin == Origin::Rebuilt,
            content,
            sums,
        };
        let pending = lock.begin(now, &id, &payload)?;
        let at = path.child(SUMS_NAME).unwrap_or_default();
        if let Some(text) = rewritten {
            // In one step, so that a reader sees the old list or the new one. If the command is killed here, the
            // record still has the digest of the old list, and the next run makes both again.
            self.session.mirror().store().put(&at, text.as_bytes(), Put::Replace)?;
        } else if let Some(text) = written {
            self.session.mirror().store().put(&at, text.as_bytes(), Put::Create)?;
        }
        lock.keep_manifest(&id, manifest)?;
        match self.before {
            None => protocol(self.session.mirror()).enter(&lock, &record)?,
            Some(_) => lock.write_record(&record)?,
        }
        pending.done(now)?;
        if ticket.is_some() {
            self.session.mirror().store().discard(&stage_of(&id))?;
        }
        Ok(())
    }
}

impl Taking<'_> {
    /// Locks the ticket of a build that is to get its seal, so that no other process uploads or sweeps it at the same
    /// time.
    fn ticket(&self, id: &BuildId) -> Result<Option<Guard>, Stopped> {
        if self.before.is_some() {
            return Ok(None);
        }
        match protocol(self.session.mirror()).adopting(self.session.mirror(), id) {
            Err(error) if error.kind() == StoreErrorKind::Busy => {
                Err(Stopped::Build("it is being published or swept".to_owned()))
            }
            ticket => Ok(ticket?),
        }
    }

    /// Fails if the files without a seal belong to a publisher, or to a build that was deleted after they were found.
    fn is_unclaimed(&self, id: &BuildId) -> Result<(), Stopped> {
        let refuse = |why: &str| Err(Stopped::Build(why.to_owned()));
        if Underway::read(self.session.mirror().store(), &stage_of(id))?.is_some() {
            return refuse("it is being published");
        }
        let (trashed, sure) = trashed(self.session.mirror())?;
        if trashed.contains(id) {
            return refuse("it was pruned in the meantime");
        }
        if !sure {
            return refuse("the trash cannot be read, so it may be what is left of a pruned build");
        }
        Ok(())
    }

    /// Returns whether the store lists exactly what was read.
    fn is_unchanged(&self, id: &BuildId, path: &RelPath, manifest: &Manifest) -> Result<bool, StateError> {
        let apart = self.session.mirror().apart().of(id)?;
        let files = manifest.files.iter().map(|file| (path.join(&file.path), Some(file.size)));
        let links = manifest.links.iter().map(|link| (path.join(&link.path), None));
        let mut wanted: HashMap<RelPath, Option<u64>> = files.chain(links).collect();
        let left_out = |inner: RelPath| is_sums(inner.as_str()) || apart.contains(&inner);
        let counts = |at: &RelPath| !at.below(path).is_some_and(left_out);
        for found in
            self.session.mirror().store().below(path)?.into_iter().filter(|found| counts(&found.path))
        {
            match wanted.remove(&found.path) {
                Some(size) if size.is_none_or(|size| size == found.size) => {}
                _ => return Ok(false),
            }
        }
        Ok(wanted.is_empty())
    }
}

/// The journal's facts about builds, read once for many of them.
pub(crate) struct Remembered(HashMap<String, Vec<Event>>);

impl Remembered {
    /// Reads the journal.
    pub(crate) fn of(mirror: &Mirror) -> Result<Self, JournalError> {
        let wanted = [EventKind::Published, EventKind::Adopted, EventKind::Labelled];
        let mut events: HashMap<String, Vec<Event>> = HashMap::new();
        for event in mirror.history(&wanted)?.into_iter().filter(|event| event.phase == Phase::Done) {
            events.entry(event.to.clone()).or_default().push(event);
        }
        Ok(Self(events))
    }

    /// Fills in the result of a build, the time since when it is in the mirror, and its labels.
    pub(crate) fn fill(&self, id: &BuildId, build: &mut BuildCensus) {
        build.labels.clear();
        let undated = build.created.is_none();
        for event in self.0.get(&id.to_string()).into_iter().flatten() {
            if event.what == EventKind::Published {
                build.published = Some(event.at);
            }
            let said = event.stated();
            if let Some(result) = said.result {
                build.result = result;
            }
            if undated && let Some(at) = said.created {
                build.created = Some(at);
            }
            for (key, value) in said.labels.iter().flatten() {
                match value.as_str() {
                    Some(value) => {
                        let (value, since, who) = (value.to_owned(), Some(event.at), Some(event.by.clone()));
                        build.labels.insert(key.clone(), LabelCensus { value, since, who, url: None });
                    }
                    None => drop(build.labels.remove(key)),
                }
            }
        }
    }
}
