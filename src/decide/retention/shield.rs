//! Protections: what keeps a build whatever the policy says.
//!
//! Aliases and every other link outside the builds (S1, S2), holds (S3), locks (S4), the first hours after publishing
//! (S5) and after an alias moved away (S6), leases (S7), the stages of the pipeline, image pins, the retirement of a stream, and copies elsewhere that
//! lack what retired a build, for as long as the policy says. What kept builds need (S8) is added last, in another
//! module. No family can switch one of them off, and whatever is not known protects.

use crate::census::{AliasCensus, Census, StreamCensus, TargetCensus};
use crate::decide::policy::{Family, Mirrored, Policy};
use crate::decide::retention::plan::Reason;
use crate::decide::retention::ranking::Item;
use crate::model::{RelPath, Stamp, Stream};
use std::collections::{BTreeMap, HashMap};

/// Which builds of the census aliases and links protect.
#[derive(Debug, Default)]
pub(super) struct Shields<'a> {
    /// The aliases that resolve to a build, or into it.
    leading: HashMap<usize, Vec<&'a RelPath>>,
    /// When aliases moved away from a build.
    leaving: HashMap<usize, Vec<(&'a RelPath, Stamp)>>,
    aliases: Vec<&'a RelPath>,
    /// What the copies elsewhere lack.
    targets: &'a [TargetCensus],
    /// The stream of each build.
    streams: Vec<&'a Stream>,
    paths: HashMap<usize, &'a RelPath>,
    /// Frozen streams, by their index in the census, with the reason.
    pub frozen: BTreeMap<usize, String>,
    /// Warnings for the user.
    pub warnings: Vec<String>,
}

/// When an alias moved away from a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AliasHistory {
    /// It never pointed there.
    Never,
    /// It still points there.
    Not,
    /// No alias with that name is known.
    Unknown,
    /// At this instant.
    At(Stamp),
}

/// Finds builds by their paths.
#[derive(Debug)]
pub(super) struct Places {
    builds: HashMap<RelPath, usize>,
    /// Directories with the builds of a stream.
    streams: HashMap<RelPath, Vec<usize>>,
}

impl Places {
    /// Records the path of each build of the census.
    pub(super) fn of(census: &Census) -> Self {
        let mut places = Self { builds: HashMap::new(), streams: HashMap::new() };
        let mut index = 0;
        for (number, stream) in census.streams.iter().enumerate() {
            let mut note = |dir: RelPath| {
                let streams = places.streams.entry(dir).or_default();
                if streams.last() != Some(&number) {
                    streams.push(number);
                }
            };
            note(stream.stream.as_path().clone());
            for build in &stream.builds {
                let path = match &build.path {
                    Some(path) => {
                        path.parent().map(&mut note);
                        path.clone()
                    }
                    None => stream.stream.as_path().child(build.build.as_str()).unwrap_or_default(),
                };
                places.builds.insert(path, index);
                index += 1;
            }
        }
        places
    }

    /// Returns the build that is at a path or above it.
    pub(super) fn build_at(&self, path: &RelPath) -> Option<usize> {
        std::iter::once(path.clone()).chain(path.ancestors()).find_map(|at| self.builds.get(&at).copied())
    }

    /// Returns the streams in whose directory an alias is; if there are none, all streams below the alias's directory.
    fn streams_around(&self, alias: &RelPath) -> Vec<usize> {
        let dir = alias.parent().unwrap_or_default();
        match std::iter::once(dir.clone()).chain(dir.ancestors()).find_map(|at| self.streams.get(&at)) {
            Some(streams) => streams.clone(),
            None => self
                .streams
                .iter()
                .filter(|(path, _)| path.is_within(&dir))
                .flat_map(|(_, all)| all.clone())
                .collect(),
        }
    }
}

impl<'a> Shields<'a> {
    /// Evaluates every alias of the census.
    pub(super) fn raise(census: &'a Census, places: &'a Places) -> Self {
        let paths = places.builds.iter().map(|(path, build)| (*build, path)).collect();
        let of = |stream: &'a StreamCensus| stream.builds.iter().map(|_| &stream.stream);
        let streams = census.streams.iter().flat_map(of).collect();
        let mut shields = Self { paths, streams, targets: &census.targets, ..Self::default() };
        for alias in &census.aliases {
            shields.aliases.push(&alias.path);
            match &alias.target {
                Some(target) => {
                    if let Some(build) = places.build_at(target) {
                        shields.leading.entry(build).or_default().push(&alias.path);
                    }
                }
                None => shields.dangling(alias, places),
            }
            for step in &alias.moves {
                if let Some(build) = step.from.as_ref().and_then(|from| places.build_at(from)) {
                    shields.leaving.entry(build).or_default().push((&alias.path, step.at));
                }
            }
        }
        shields
    }

    fn dangling(&mut self, alias: &AliasCensus, places: &Places) {
        let why = alias.problem.as_deref().unwrap_or("it resolves to nothing");
        let loops = why.contains("loop");
        let what = match (alias.required, loops) {
            (true, _) => "the required alias",
            (false, true) => "the link",
            (false, false) => {
                self.warnings.push(format!("`{}`: {why}", alias.path));
                return;
            }
        };
        let text = format!("{what} `{}` cannot be followed: {why}", alias.path);
        let around = places.streams_around(&alias.path);
        // An alias that loops outside every stream belongs to none; a required alias there may belong to any of them.
        let in_stream = alias.path.ancestors().any(|dir| places.streams.contains_key(&dir));
        if alias.required || in_stream {
            for stream in around {
                self.frozen.entry(stream).or_insert_with(|| text.clone());
            }
        }
        self.warnings.push(text);
    }

    /// Returns when an alias, given by its name or full path, moved away from a build.
    pub(super) fn left(&self, build: usize, alias: &str) -> AliasHistory {
        let meant = |path: &RelPath| path.as_str() == alias || path.name() == alias;
        if self.leading.get(&build).is_some_and(|paths| paths.iter().any(|path| meant(path))) {
            return AliasHistory::Not;
        }
        let times = self.leaving.get(&build).into_iter().flatten().filter(|(path, _)| meant(path));
        match times.map(|(_, at)| *at).max() {
            Some(at) => AliasHistory::At(at),
            None if self.knows(build, meant) => AliasHistory::Never,
            None => AliasHistory::Unknown,
        }
    }

    /// Returns whether a given alias is in the stream of a build, or in a directory above it.
    fn knows(&self, build: usize, meant: impl Fn(&RelPath) -> bool) -> bool {
        let above = |alias: &RelPath| {
            let dir = alias.parent().unwrap_or_default();
            self.paths.get(&build).is_some_and(|path| path.is_within(&dir))
        };
        self.aliases.iter().any(|alias| meant(alias) && above(alias))
    }

    /// Returns every protection of a build that is in force at `now`.
    pub(super) fn of(&self, item: &Item<'_>, family: &Family, policy: &Policy, now: Stamp) -> Vec<Reason> {
        let mut reasons = self.named(item.index);
        let build = item.build;
        reasons.extend(build.stages.iter().map(|why| Reason::lasting("stage", why.clone())));
        reasons.extend(build.pins.iter().map(|why| Reason::lasting("pin", why.clone())));
        reasons.extend(build.retiring.iter().map(|why| Reason::lasting("retire", why.clone())));
        for hold in build.holds.iter().filter(|hold| hold.is_active(now)) {
            let detail = format!("{} ({})", hold.why, hold.who);
            reasons.push(Reason { until: hold.until, ..Reason::lasting("hold", detail) });
        }
        if let Some(until) = build.locked_until.filter(|until| now <= *until) {
            reasons.push(Reason { until: Some(until), ..Reason::lasting("lock", None) });
        }
        let mut grace =
            |rule: String, basis: &str, from: Stamp, span: crate::decide::policy::Span, detail| {
                if let Some(until) = span.protects(from, policy.zone, now) {
                    let basis = Some(basis.into());
                    reasons.push(Reason { until: Some(until), basis, ..Reason::lasting(rule, detail) });
                }
            };
        let (published, basis) = match build.published {
            Some(published) => (published, "published"),
            None => (item.created, "created"),
        };
        grace(format!("min_age {}", family.min_age), basis, published, family.min_age, None);
        let left = self.leaving.get(&item.index).into_iter().flatten().max_by_key(|(_, at)| *at);
        if let Some((alias, at)) = left {
            let rule = format!("superseded_grace {}", family.superseded_grace);
            grace(rule, "left", *at, family.superseded_grace, Some(format!("{alias} pointed to it")));
        }
        if let Some(mirrored) = &policy.mirrored
            && let Some(retired) = self.retired(item)
            && let Some(until) = mirrored.at_most.protects(retired, policy.zone, now)
        {
            for target in self.lacking(mirrored, item.index, retired) {
                let basis = Some("retired".into());
                let detail = format!("the copy `{target}` lacks the event that retired it");
                let rule = format!("mirrored {}", mirrored.at_most);
                reasons.push(Reason { until: Some(until), basis, ..Reason::lasting(rule, detail) });
            }
        }
        for lease in build.leases.iter().filter(|lease| lease.until.is_none_or(|until| now <= until)) {
            reasons.push(Reason { until: lease.until, ..Reason::lasting("lease", lease.who.clone()) });
        }
        reasons.into_iter().map(Reason::protecting).collect()
    }

    /// Returns when a name last left a build or a newer success superseded it, whichever was later.
    fn retired(&self, item: &Item<'_>) -> Option<Stamp> {
        let left = self.leaving.get(&item.index).into_iter().flatten().map(|(_, at)| *at);
        left.chain(item.build.superseded).max()
    }

    /// Returns the copies elsewhere for which a policy waits and that may lack what happened to a build up to an instant.
    fn lacking(&self, mirrored: &Mirrored, build: usize, at: Stamp) -> impl Iterator<Item = &'a str> {
        let stream = self.streams.get(build).copied();
        let lacks = |target: &&TargetCensus| {
            // The census may have those of another policy, with which this one is compared.
            mirrored.by.contains(&target.name) && !stream.is_some_and(|stream| target.has(stream, at))
        };
        let lacking: Vec<&'a str> =
            self.targets.iter().filter(lacks).map(|target| target.name.as_str()).collect();
        lacking.into_iter()
    }

    /// Returns the copies elsewhere for which a build waited as long as the policy says, and that lack what retired it.
    pub(super) fn given_up(&self, mirrored: &Mirrored, item: &Item<'_>) -> Vec<&'a str> {
        let lacking = |retired| self.lacking(mirrored, item.index, retired).collect();
        self.retired(item).map(lacking).unwrap_or_default()
    }

    /// Returns a reason for each alias that resolves to a build or into it.
    pub(super) fn named(&self, build: usize) -> Vec<Reason> {
        let paths = self.leading.get(&build).into_iter().flatten();
        paths.map(|path| Reason::lasting("alias", path.to_string()).protecting()).collect()
    }
}
