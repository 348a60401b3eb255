//! Updating the files for readers, in the order: public files, the rules, the server, the state file.

use super::compute::{Look, Seen, by_census, facts, inputs, look, paths, policy};
use super::state::{NameState, ReadersState, alone};
use super::{ReadersError, server};
use crate::census::Census;
use crate::decide::readers::{
    Listed, Place, PublicFile, ReaderName, ReaderNames, Rules, RulesFor, Terms, is_ours, list, public_files,
    rules,
};
use crate::mirror::{Mirror, ReadersConfig, chain};
use crate::model::{BuildId, Digest, RelPath, Stamp, unprintable};
use crate::ops::Mode;
use crate::session::Session;
use crate::store::{Kind, Put, StoreError, at_once};
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The number of files that are written at once.
const AT_ONCE: usize = 16;

/// More bytes than a public file ever has.
const LIMIT: u64 = 16 << 20;

/// The beginning of the warning about a failure.
pub const NOT_UPDATED: &str = "the public files for readers are not up to date";

/// What was written for readers, or would be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ReadersReport {
    /// Public files that are new or replaced.
    pub written: Vec<RelPath>,
    /// Public files that were removed.
    pub removed: Vec<RelPath>,
    /// Whether the file of the rules changed; `null` without one.
    pub out: Option<bool>,
    /// Whether the server loaded it.
    pub reloaded: bool,
    /// Warnings for the user.
    pub warnings: Vec<String>,
    /// Why the rules or the server are not up to date; the next command tries again.
    pub failure: Option<String>,
}

/// The aliases with their files, as they should be.
struct Wanted {
    names: BTreeMap<RelPath, NameState>,
    /// The texts of the files of aliases that may have changed.
    texts: BTreeMap<RelPath, String>,
    warnings: Vec<String>,
}

/// Updates the public files and the rules; does nothing if the mirror's settings have no `readers`.
///
/// Builds of `without` are about to be removed and are on no list any more. After a kill at any point, each file is
/// the old one or the new one, and the next call continues.
pub fn update(
    session: &Session<'_>,
    how: Look<'_>,
    without: &[BuildId],
    mode: Mode,
) -> Result<Option<ReadersReport>, ReadersError> {
    let mirror = session.mirror();
    let Some(config) = &mirror.config().readers else { return Ok(None) };
    let _alone = if mode == Mode::Real { Some(alone(mirror)?) } else { None };
    let (policy, now) = (policy(mirror), session.now());
    let inputs = inputs(config, policy.as_ref());
    let state = ReadersState::read(mirror)?;
    let known = state.as_ref().filter(|state| state.inputs == inputs);
    let Seen { names, changed, seq } = look(mirror, how, known, without, now)?;
    let terms = Terms { policy: policy.as_ref(), newest: config.newest };
    let whole = changed.is_none();
    let affected = |name: &RelPath| changed.as_ref().is_none_or(|changed| changed.contains(name));
    let wanted = wanted(mirror, config, &names, state.as_ref(), terms, &affected, &|_| now)?;
    let mut report = ReadersReport { warnings: wanted.warnings, ..ReadersReport::default() };
    let old: BTreeMap<RelPath, Digest> = match (&state, whole) {
        (_, true) => there(mirror, config)?,
        (Some(state), false) => files(&state.names),
        (None, false) => BTreeMap::new(),
    };
    let new = files(&wanted.names);
    let write: Vec<(&RelPath, &String)> =
        wanted.texts.iter().filter(|(path, _)| old.get(*path) != new.get(*path)).collect();
    let remove: Vec<&RelPath> = old.keys().filter(|path| !new.contains_key(*path)).collect();
    report.written = write.iter().map(|(path, _)| (*path).clone()).collect();
    report.removed = remove.iter().map(|path| (*path).clone()).collect();
    if mode == Mode::Real {
        put(mirror, config, &write, &remove)?;
    }
    let before = state.as_ref().and_then(|state| state.loaded);
    let (loaded, failure) = serve(mirror, config, &wanted.names, before, mode, &mut report);
    let after = ReadersState {
        readers: 1,
        mirror: mirror.config().id.clone(),
        seq,
        inputs,
        names: wanted.names,
        loaded,
    };
    let moved_on = |old: &ReadersState| {
        (old.inputs, old.loaded) != (after.inputs, after.loaded) || old.names != after.names
    };
    // Events about something else are read again by the next command, until one changes an alias.
    let far = state.as_ref().is_none_or(|old| seq.saturating_sub(old.seq) > 200);
    if mode == Mode::Real && (far || state.as_ref().is_none_or(moved_on)) {
        after.keep(mirror)?;
    }
    report.failure = failure.map(|error| chain(&error));
    Ok(Some(report))
}

/// Removes builds from all lists before they are deleted; a failure is a warning, since the deletion must go on.
pub(crate) fn before_removal(session: &Session<'_>, how: Look<'_>, without: &[BuildId]) {
    let why = match update(session, how, without, Mode::Real) {
        Ok(report) => report.and_then(|report| report.failure),
        Err(error) => Some(chain(&error)),
    };
    if let Some(why) = why {
        session.mirror().warnings().add(format!("{NOT_UPDATED}: {why}"));
    }
}

/// Returns the public files that differ from the aliases of a census, each with the difference; nothing is changed.
pub fn differing(
    mirror: &Mirror,
    census: &Census,
    now: Stamp,
) -> Result<Vec<(RelPath, &'static str)>, ReadersError> {
    let Some(config) = &mirror.config().readers else { return Ok(Vec::new()) };
    let policy = policy(mirror);
    let state = ReadersState::read(mirror)?;
    let state = state.as_ref();
    let terms = Terms { policy: policy.as_ref(), newest: config.newest };
    let names = by_census(mirror, census, &[])?;
    // A build whose time on a list ended since the list was made stays on it until the next change.
    let at = |name: &RelPath| state.and_then(|state| state.names.get(name)).map_or(now, |name| name.at);
    let wanted = wanted(mirror, config, &names, state, terms, &|_| true, &at)?;
    let (old, new) = (there(mirror, config)?, files(&wanted.names));
    let missing = new.keys().filter(|path| !old.contains_key(*path)).map(|path| (path.clone(), "missing"));
    let changed = |(path, digest): (&RelPath, &Digest)| {
        let how = match new.get(path) {
            None => "of an alias that was removed",
            Some(wanted) if wanted != digest => "out of date",
            Some(_) => return None,
        };
        Some((path.clone(), how))
    };
    let mut found: Vec<_> = old.iter().filter_map(changed).chain(missing).collect();
    found.sort();
    Ok(found)
}

/// Returns the aliases with their files; those that are not affected, as they were written.
fn wanted(
    mirror: &Mirror,
    config: &ReadersConfig,
    names: &ReaderNames,
    state: Option<&ReadersState>,
    terms: Terms<'_>,
    affected: &dyn Fn(&RelPath) -> bool,
    at: &dyn Fn(&RelPath) -> Stamp,
) -> Result<Wanted, ReadersError> {
    let mut wanted = Wanted { names: BTreeMap::new(), texts: BTreeMap::new(), warnings: Vec::new() };
    let known = |name: &RelPath| state.and_then(|state| state.names.get(name));
    for name in names.keys().filter(|name| !affected(name)) {
        wanted.names.extend(known(name).map(|known| (name.clone(), known.clone())));
    }
    // If two aliases conflict, the one that has a file keeps it.
    let kept = names.keys().filter_map(|name| Some((name, known(name)?)));
    let mut taken: BTreeMap<RelPath, RelPath> =
        kept.flat_map(|(name, known)| known.files.keys().map(|file| (file.clone(), name.clone()))).collect();
    let place = Place { dir: &config.path, url: config.address() };
    for (path, name) in names.iter().filter(|(name, _)| affected(name)) {
        if unprintable(path.as_str()).is_some() {
            let why = "it contains a character that is not printable";
            wanted.warnings.push(format!("the alias `{path}` has no public files: {why}"));
            continue;
        }
        let at = at(path);
        let builds = list(names, path, terms, at);
        let facts = facts(mirror, &name.build, known(path))?;
        let listed: Vec<Listed> = (builds.iter().zip(paths(mirror, &builds)))
            .map(|(build, path)| Listed { build: build.clone(), path })
            .collect();
        let mut files = BTreeMap::new();
        for PublicFile { path: at, text } in
            public_files(place, path, &listed, &facts, terms.grace(&name.build))
        {
            if let Some(other) = in_the_way(&taken, &at, path) {
                let why = format!(
                    "`{at}` of the alias `{path}` is not written: `{other}` of another alias is in the way"
                );
                wanted.warnings.push(why);
                continue;
            }
            let digest = Digest::of(text.as_bytes());
            files.insert(at.clone(), digest);
            taken.insert(at.clone(), path.clone());
            wanted.texts.insert(at, text);
        }
        let mut name = name.clone();
        name.left.retain(|left| terms.keeps(left, at));
        name.left.sort();
        wanted.names.insert(path.clone(), NameState { name, facts, list: builds, at, files });
    }
    Ok(wanted)
}

/// Returns the file of another alias at a path, above it or below it.
fn in_the_way<'a>(
    taken: &'a BTreeMap<RelPath, RelPath>,
    at: &RelPath,
    name: &RelPath,
) -> Option<&'a RelPath> {
    let others = taken.iter().filter(|(_, owner)| *owner != name);
    others.map(|(other, _)| other).find(|other| at.is_within(other) || other.is_within(at))
}

/// Returns every file of these aliases.
fn files(names: &BTreeMap<RelPath, NameState>) -> BTreeMap<RelPath, Digest> {
    names.values().flat_map(|name| name.files.clone()).collect()
}

/// Returns the existing public files that mirrorkeep wrote.
fn there(mirror: &Mirror, config: &ReadersConfig) -> Result<BTreeMap<RelPath, Digest>, ReadersError> {
    let store = mirror.store();
    let files = store
        .below(&config.path)?
        .into_iter()
        .filter(|found| found.kind == Kind::File && found.size <= LIMIT);
    let files: Vec<RelPath> = files.map(|found| found.path).collect();
    let read = |path: &RelPath| match store.read(path, LIMIT) {
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
        Ok(bytes) => Ok(is_ours(&bytes).then(|| (path.clone(), Digest::of(&bytes)))),
    };
    let read = || files.par_iter().map(read).collect::<Result<Vec<_>, StoreError>>();
    Ok(at_once(store, (AT_ONCE, files.len()), read)??.into_iter().flatten().collect())
}

/// Writes and removes public files; continues after a failure and returns the first.
fn put(
    mirror: &Mirror,
    config: &ReadersConfig,
    write: &[(&RelPath, &String)],
    remove: &[&RelPath],
) -> Result<(), ReadersError> {
    let store = mirror.store();
    // A file to remove may be in the way of one to write.
    let removed: Result<Vec<()>, StoreError> = remove.iter().map(|path| store.remove(path)).collect();
    for dir in remove.iter().flat_map(|path| path.ancestors().take_while(|dir| *dir != config.path)) {
        // A directory that has other files stays.
        store.remove_dir(&dir).ok();
    }
    let one = |(path, text): &(&RelPath, &String)| store.put(path, text.as_bytes(), Put::ReplaceSoon);
    let all = || write.par_iter().map(one).collect::<Vec<Result<(), StoreError>>>();
    let written = at_once(store, (AT_ONCE, write.len()), all)?;
    removed?;
    Ok(written.into_iter().collect::<Result<(), StoreError>>()?)
}

/// Returns the rules for the server, and their file; nothing if the settings have none.
fn rules_of<'c>(
    mirror: &Mirror,
    config: &'c ReadersConfig,
    names: &BTreeMap<RelPath, NameState>,
) -> Option<(&'c PathBuf, Rules)> {
    let server = match config.server.as_deref() {
        Some("nginx") => RulesFor::Nginx,
        Some("apache") => RulesFor::Apache,
        _ => return None,
    };
    let lists: Vec<(RelPath, Vec<RelPath>)> =
        names.iter().map(|(path, name)| (path.clone(), paths(mirror, &name.list))).collect();
    Some((config.out.as_ref()?, rules(server, &lists, &RelPath::root())))
}

/// Returns why what readers get is older than the aliases of a census, as far as what was written says so; nothing if it is
/// not.
pub(crate) fn behind(mirror: &Mirror, census: &Census) -> Result<Option<String>, ReadersError> {
    let Some(config) = &mirror.config().readers else { return Ok(None) };
    let names = by_census(mirror, census, &[])?;
    let Some(state) = ReadersState::read(mirror)? else {
        return Ok((!names.is_empty()).then(|| "no public files for readers were written yet".to_owned()));
    };
    let is_as_written = |(path, name): (&RelPath, &ReaderName)| {
        state
            .names
            .get(path)
            .map_or(unprintable(path.as_str()).is_some(), |known| known.name.build == name.build)
    };
    if !names.iter().all(is_as_written) {
        return Ok(Some("the public files for readers are older than the aliases".to_owned()));
    }
    let rules = rules_of(mirror, config, &state.names);
    let stale = rules.is_some_and(|(_, rules)| state.loaded != Some(Digest::of(rules.text.as_bytes())));
    Ok(stale.then(|| "the web server has not loaded the newest rules for the aliases".to_owned()))
}

/// Writes the rules and makes the server load them; returns the digest of the loaded rules, and why not all are
/// loaded.
fn serve(
    mirror: &Mirror,
    config: &ReadersConfig,
    names: &BTreeMap<RelPath, NameState>,
    loaded: Option<Digest>,
    mode: Mode,
    report: &mut ReadersReport,
) -> (Option<Digest>, Option<ReadersError>) {
    let Some((out, Rules { text, left_out })) = rules_of(mirror, config, names) else { return (None, None) };
    let left_out = left_out.into_iter();
    report.warnings.extend(left_out.map(|(name, why)| format!("the rules omit the alias `{name}`: {why}")));
    let changed = match server::replace(out, &text, mode) {
        Ok(changed) => changed,
        Err(error) => return (loaded, Some(error)),
    };
    report.out = Some(changed);
    let digest = Some(Digest::of(text.as_bytes()));
    if config.reload.is_empty() || mode == Mode::Trial || !changed && loaded == digest {
        return (digest, None);
    }
    match server::run(&config.reload) {
        Ok(()) => {
            report.reloaded = true;
            (digest, None)
        }
        Err(error) => (None, Some(error)),
    }
}
