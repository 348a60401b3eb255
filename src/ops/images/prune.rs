//! Deleting images after their builds: the fixed tags of builds that were deleted for good are deleted in the
//! registry.
//!
//! What is unknown stays, and a repository that cannot be read completely is skipped. Everything is read without the
//! lock; a repository in which something is deleted is read once more, and under the lock it is only checked that no
//! event was added since. The rules are in `docs/decisions/0018-images.md`.

use super::repository::{ReadTag, read};
use super::world::World;
use super::{ImagesError, grammar};
use crate::commit::carried::CarryError;
use crate::commit::tags::at_once;
use crate::decide::image_prune::TagKept;
use crate::decide::pipeline::{TagIndex, TagOf};
use crate::decide::policy::Brake;
use crate::mirror::{Commands, Mirror, WriteLock, chain};
use crate::model::registry::{Host, Image, Repository};
use crate::model::{BuildId, Classify, Digest};
use crate::ops::Mode;
use crate::ops::retention::{PlanError, policy_of};
use crate::record::Payload;
use crate::registry::{Registries, RegistryError};
use crate::session::Session;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};

/// How many digests are deleted before other processes get the lock.
const TURN: usize = 50;

/// How often a repository is read again if the mirror changes during that time.
const TRIES: usize = 5;

/// What happens to the tags in the repositories to which stages carried images.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ImagePruneReport {
    /// The digest of the list of deletions, for `--accept`; `null` if there are none.
    pub plan: Option<Digest>,
    /// Why nothing was deleted; `null` if nothing was withheld.
    pub withheld: Option<String>,
    /// The deleted builds whose tags are deleted.
    pub builds: BTreeSet<BuildId>,
    /// The repositories, sorted by address.
    pub repositories: Vec<RepositoryReport>,
    /// The number of digests that were deleted.
    pub deleted: usize,
    /// What failed.
    pub failures: Vec<String>,
    /// What helps against the failures, each once.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub hints: BTreeSet<String>,
}

/// A repository with its tags.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RepositoryReport {
    /// The address of the repository.
    pub repository: String,
    /// The tags, sorted; empty for a repository that cannot be read.
    pub tags: Vec<TagReport>,
}

/// A tag and what happens to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TagReport {
    /// The tag.
    pub tag: String,
    /// The digest to which it points.
    pub digest: Digest,
    /// What happens to it.
    pub fate: TagFate,
    /// Why it stays; `null` if it is deleted.
    pub why: Option<TagKept>,
    /// The builds whose tag it is.
    pub builds: BTreeSet<BuildId>,
}

/// What happens to a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TagFate {
    /// It stays.
    Stays,
    /// It would be deleted: in a dry run, or because a brake or a failure withholds it.
    Goes,
    /// It was deleted with its digest.
    Deleted,
}

/// Deletes the fixed tags of builds that were deleted for good.
pub fn prune_images(
    session: &Session<'_>,
    accepted: Option<Digest>,
    mode: Mode,
) -> Result<ImagePruneReport, ImagesError> {
    let mirror = session.mirror();
    let mut world = World::read(mirror, session.now())?;
    let Some(stage) = world.pipeline.stages.iter().find(|stage| !stage.images.is_empty()) else {
        return Err(ImagesError::CarriesNone);
    };
    if mirror.commands() == Commands::Refuse {
        return Err(CarryError::Refused(stage.name.clone()).into());
    }
    let registries = Registries::new(session.stop().clone()).map_err(CarryError::from)?;
    let mut report = ImagePruneReport::default();
    let mut going = Vec::new();
    let index = world.index(mirror)?;
    let mut silent: BTreeMap<Host, usize> = BTreeMap::new();
    for (repository, names) in world.targets().0.clone() {
        if let Some(others) = silent.get_mut(repository.host()) {
            *others += 1;
            report.add(&repository, &[]);
            continue;
        }
        match read_one(session, &registries, (&world, &index), (&repository, &names)) {
            Ok(tags) => {
                report.add(&repository, &tags);
                going.push((repository, gone(&tags)));
            }
            Err(error) => {
                session.check_cancelled().map_err(RegistryError::from).map_err(CarryError::from)?;
                report.add(&repository, &[]);
                report.fails(&error);
                if matches!(&error, ImagesError::Carry(CarryError::Registry(error)) if error.is_silence()) {
                    silent.insert(repository.host().clone(), 0);
                }
            }
        }
    }
    for (host, others) in silent.into_iter().filter(|(_, others)| *others > 0) {
        let repositories = if others == 1 { "repository" } else { "repositories" };
        report.failures.push(format!(
            "{others} more {repositories} not read: the registry `{}` does not answer",
            host.name()
        ));
    }
    going.retain(|(_, digests)| !digests.is_empty());
    report.plan = plan(&going);
    report.withheld = withheld(session, &report, accepted)?;
    if mode == Mode::Trial || report.withheld.is_some() {
        return Ok(report);
    }
    let mut refusing: BTreeSet<Host> = BTreeSet::new();
    let mut pruner = Pruner { session, registries: &registries, world: &mut world, read_at: None };
    for (repository, planned) in going {
        if refusing.contains(repository.host()) {
            continue;
        }
        match pruner.delete(&repository, &planned, &mut report) {
            Ok(()) => {}
            Err(ImagesError::Carry(CarryError::Registry(error @ RegistryError::NoDelete { .. }))) => {
                refusing.insert(repository.host().clone());
                report.fails(&error);
            }
            Err(ImagesError::Carry(error)) => {
                session.check_cancelled().map_err(RegistryError::from).map_err(CarryError::from)?;
                if matches!(&error, CarryError::Registry(error) if error.is_silence()) {
                    refusing.insert(repository.host().clone());
                }
                report.fails(&error);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(report)
}

/// Reads a repository and decides which of its tags are deleted.
fn read_one(
    session: &Session<'_>,
    registries: &Registries,
    (world, index): (&World, &TagIndex<'_>),
    (repository, names): (&Repository, &BTreeSet<String>),
) -> Result<Vec<ReadTag>, ImagesError> {
    let (mirror, images) = (session.mirror(), grammar(session.mirror())?);
    let about = |tag: &str, digest| {
        let (builds, swept) = match index.builds(repository, names, tag) {
            TagOf::Here(builds) => (builds, Err(TagKept::Build)),
            TagOf::Swept(builds) => (builds, Ok(())),
            TagOf::Unknown => (BTreeSet::new(), Err(TagKept::Unknown)),
        };
        let image = repository.tagged(tag).ok();
        let pins = |image: &Image| world.pins_copy(images, image, &builds).then_some(TagKept::Pinned);
        let named = image.and_then(|image| world.names(&image, digest).or_else(|| pins(&image)));
        (builds.iter().copied().cloned().collect(), swept.and_then(|()| named.map_or(Ok(()), Err)))
    };
    Ok(read(mirror, registries, repository, about, &world.stated(repository))?)
}

/// The digests to delete, those of indexes first, each with its tags.
type Going = Vec<(Digest, Vec<String>)>;

fn gone(tags: &[ReadTag]) -> Going {
    let mut digests: BTreeMap<(bool, Digest), Vec<String>> = BTreeMap::new();
    for tag in tags.iter().filter(|tag| tag.kept.is_none()) {
        digests.entry((!tag.is_index, tag.digest)).or_default().push(tag.tag.clone());
    }
    digests.into_iter().map(|((_, digest), tags)| (digest, tags)).collect()
}

/// Returns what the user accepts: the digest of all deletions; nothing if there are none.
fn plan(going: &[(Repository, Going)]) -> Option<Digest> {
    let line = |repository: &Repository, digest: &Digest, tags: &[String]| {
        format!("{repository}@sha256:{digest} {}\n", tags.join(" "))
    };
    let mut lines: Vec<String> = going
        .iter()
        .flat_map(|(repository, digests)| {
            digests.iter().map(move |(digest, tags)| line(repository, digest, tags))
        })
        .collect();
    lines.sort();
    (!lines.is_empty()).then(|| Digest::of(lines.concat().as_bytes()))
}

/// Returns why nothing is deleted.
fn withheld(
    session: &Session<'_>,
    report: &ImagePruneReport,
    accepted: Option<Digest>,
) -> Result<Option<String>, ImagesError> {
    let Some(plan) = report.plan else { return Ok(None) };
    if let Some(accepted) = accepted {
        return Ok((accepted != plan).then(|| format!("another plan was accepted, sha256:{accepted}")));
    }
    let brake = match policy_of(session.mirror()) {
        Err(PlanError::NoPolicy) => return Ok(None),
        policy => policy.map_err(Box::new)?.brakes.run,
    };
    Ok(exceeded(&brake, report))
}

/// Returns which limit of a brake is exceeded: that of deleted builds, or of the share of tags.
fn exceeded(brake: &Brake, report: &ImagePruneReport) -> Option<String> {
    let builds = report.builds.len();
    if let Some(most) = brake.count.filter(|most| builds > *most) {
        return Some(format!("brake run count {most}: the images of {builds} builds would go"));
    }
    let tags: Vec<&TagReport> = report.repositories.iter().flat_map(|one| &one.tags).collect();
    let going = tags.iter().filter(|tag| tag.fate == TagFate::Goes).count();
    #[expect(clippy::cast_precision_loss, reason = "there are fewer tags than a double holds exactly")]
    let share = going as f64 * 100.0 / tags.len().max(1) as f64;
    let (percent, _) = brake.percent.filter(|(percent, sample)| tags.len() >= *sample && share > *percent)?;
    Some(format!("brake run percent {percent}: {going} of {} tags would go", tags.len()))
}

impl ImagePruneReport {
    fn add(&mut self, repository: &Repository, tags: &[ReadTag]) {
        let tag = |one: &ReadTag| TagReport {
            tag: one.tag.clone(),
            digest: one.digest,
            fate: if one.kept.is_some() { TagFate::Stays } else { TagFate::Goes },
            why: one.kept,
            builds: one.builds.clone(),
        };
        let going = tags.iter().filter(|tag| tag.kept.is_none());
        self.builds.extend(going.flat_map(|tag| tag.builds.iter().cloned()));
        let tags = tags.iter().map(tag).collect();
        self.repositories.push(RepositoryReport { repository: repository.to_string(), tags });
    }

    /// Records that a repository failed.
    fn fails<E: std::error::Error + Classify + 'static>(&mut self, error: &E) {
        self.failures.push(chain(error));
        self.hints.extend(error.class().hint);
    }

    /// Records that digests of a repository were deleted.
    fn deleted(&mut self, repository: &Repository, digests: &BTreeMap<Digest, Vec<String>>) {
        self.deleted += digests.len();
        let repository = repository.to_string();
        let of = self.repositories.iter_mut().filter(|one| one.repository == repository);
        for tag in of.flat_map(|one| &mut one.tags).filter(|tag| digests.contains_key(&tag.digest)) {
            tag.fate = TagFate::Deleted;
        }
    }
}

/// Deletes the tags of one repository after another.
struct Pruner<'a, 's> {
    session: &'a Session<'s>,
    registries: &'a Registries,
    world: &'a mut World,
    /// The next number of the journal when the world was read.
    read_at: Option<u64>,
}

impl Pruner<'_, '_> {
    /// Deletes those tags of a repository that are both in the plan and still to be deleted now.
    fn delete(
        &mut self,
        repository: &Repository,
        planned: &Going,
        report: &mut ImagePruneReport,
    ) -> Result<(), ImagesError> {
        let mirror = self.session.mirror();
        'again: for _ in 0..TRIES {
            let seq = self.session.begin()?.next_seq();
            if self.read_at != Some(seq) {
                *self.world = World::read(mirror, self.session.now())?;
                self.read_at = Some(seq);
            }
            let index = self.world.index(mirror)?;
            let names = self.world.targets().0.get(repository).cloned().unwrap_or_default();
            let of = (repository, &names);
            let now = gone(&read_one(self.session, self.registries, (self.world, &index), of)?);
            let both: Going = now.into_iter().filter(|one| planned.contains(one)).collect();
            let mut seq = seq;
            for batch in both.chunks(TURN) {
                self.session.check_cancelled().map_err(RegistryError::from).map_err(CarryError::from)?;
                let lock = self.session.begin()?;
                if lock.next_seq() != seq {
                    continue 'again;
                }
                delete_batch(&lock, self.registries, repository, batch, report)?;
                seq = lock.next_seq();
                // What was deleted is removed from what was read.
                self.read_at = Some(seq);
            }
            return Ok(());
        }
        report.failures.push(format!("`{repository}`: the mirror changed again and again while it was read"));
        Ok(())
    }
}

/// Deletes digests and their tags under the lock, with an event; what fails stays, and with it everything after it.
fn delete_batch(
    lock: &WriteLock<'_>,
    registries: &Registries,
    repository: &Repository,
    batch: &[(Digest, Vec<String>)],
    report: &mut ImagePruneReport,
) -> Result<(), ImagesError> {
    let mirror: &Mirror = lock.mirror();
    let digests: BTreeMap<Digest, Vec<String>> = batch.iter().cloned().collect();
    let pending = lock.begin(lock.now(), repository, &Payload::Untagged { digests })?;
    let is_silent = AtomicBool::new(false);
    let tried = at_once(mirror, batch, |(digest, _)| {
        // The lock is held, so that a registry that does not answer is asked no more.
        if is_silent.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let tried = registries.delete(repository, *digest);
        if tried.as_ref().is_err_and(RegistryError::is_silence) {
            is_silent.store(true, Ordering::Relaxed);
        }
        Ok(Some(tried))
    })?;
    let mut failed = None;
    let mut deleted = BTreeMap::new();
    for ((digest, tags), tried) in batch.iter().zip(tried) {
        match tried {
            None => {}
            Some(Ok(_)) => drop(deleted.insert(*digest, tags.clone())),
            Some(Err(error)) => failed = Some(failed.unwrap_or(error)),
        }
    }
    report.deleted(repository, &deleted);
    let now = lock.now();
    if deleted.is_empty() {
        pending.undone(now)?;
    } else {
        pending.done_as(now, &Payload::Untagged { digests: deleted })?;
    }
    failed.map_or(Ok(()), |error| Err(CarryError::from(error).into()))
}
