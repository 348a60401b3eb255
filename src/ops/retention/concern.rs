//! What a person must look at after a nightly run, whether or not anything was due, as far as a census shows it.

use crate::census::{AliasCensus, BuildCensus, Census, StreamCensus};
use crate::decide::{Age, latest, meets, newest};
use crate::layout::{AliasRule, Place};
use crate::mirror::{ExpectedError, Mirror, chain};
use crate::model::{BuildId, RelPath, Stream, shell_word};
use crate::store::{Kind, StoreError};
use schemars::JsonSchema;
use serde::Serialize;
use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::fmt;

/// A problem that needs a person.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Concern {
    /// The path.
    pub path: RelPath,
    /// What is wrong.
    pub why: String,
    /// A command that helps, if there is one.
    pub hint: Option<String>,
    /// The builds that it is about, if the path is not that of one.
    pub builds: Vec<BuildId>,
    /// Whether it is only that something could not be read at the moment, such as on a failing disk.
    #[serde(skip)]
    pub(crate) passing: bool,
}

impl Concern {
    /// Returns the path; nothing where it is that of a file that only holds the news.
    pub fn subject(&self) -> Option<&RelPath> {
        let news = ["last-check.json", "last-run.json", "readers.json", "site.json"].map(RelPath::state);
        Some(&self.path).filter(|path| !path.is_root() && !news.contains(path))
    }
}

impl fmt::Display for Concern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.path, self.why)?;
        self.hint.as_ref().map_or(Ok(()), |hint| write!(f, "; {hint}"))
    }
}

/// Returns whether an error means that the store could not be read, not that its contents are wrong.
pub(crate) fn fails_for_the_moment(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source())
        .any(|error| error.downcast_ref::<StoreError>().is_some_and(|error| !error.kind().is_damage()))
}

/// Returns the reports of directories that no event made.
pub(crate) fn alien(alien: Vec<(RelPath, String)>) -> Vec<Concern> {
    let concern = |(path, why): (RelPath, String)| {
        let why =
            format!("no event of the journal made this directory of the trash, so it is left alone: {why}");
        Concern { path, why, hint: Some("move it out of the mirror".to_owned()), ..Concern::default() }
    };
    alien.into_iter().map(concern).collect()
}

/// Returns the required aliases that resolve to nothing, and the missing builds.
pub(crate) fn concerns(mirror: &Mirror, census: &Census) -> Vec<Concern> {
    let required = census.aliases.iter().filter(|alias| alias.required);
    let mut concerns: Vec<Concern> = Vec::new();
    // Read once, and only if something is broken. What cannot be read permits nothing.
    let (told, recorded) = (OnceCell::new(), OnceCell::new());
    let ours = |id: &BuildId| {
        let read = || mirror.recorded().unwrap_or_default().into_iter().collect::<BTreeSet<_>>();
        recorded.get_or_init(read).contains(id)
    };
    for alias in required {
        let Some(broken) = broken(mirror, census, alias, &ours) else { continue };
        let stated = || {
            let told = told.get_or_init(|| mirror.expected_state().ok()).as_ref();
            told.and_then(|told| told.aliases.get(&alias.path).cloned().flatten())
        };
        if !broken.by_result || alias.target.is_none() || stated() != alias.target {
            concerns.push(broken.concern);
        }
    }
    match vanished(mirror, census) {
        Ok(vanished) => {
            let layout = mirror.layout().unreserved();
            let hidden =
                if vanished.is_empty() { Vec::new() } else { mirror.covered_builds().unwrap_or_default() };
            concerns.extend(vanished.into_iter().map(|id| {
                let path = layout.build_path(&id).unwrap_or_else(|_| id.as_path());
                let covers = |at: &RelPath| path.is_within(at) || at.is_within(&path);
                match hidden.iter().find(|one| covers(&one.path)) {
                    Some(one) => Concern {
                        why: format!("`{}.path` in mirror.yaml hides the build", one.key),
                        hint: Some(format!("give `{}.path` another directory", one.key)),
                        path,
                        ..Concern::default()
                    },
                    None => Concern {
                        path,
                        why: "the build is recorded, was not pruned, and is missing".to_owned(),
                        hint: Some(format!(
                            "restore it from a copy, or `mirrorkeep adopt --changed {id}` records that it is missing"
                        )),
                        ..Concern::default()
                    },
                }
            }));
        }
        Err(error) => concerns.push(Concern {
            path: RelPath::state("builds"),
            why: format!("it is not known which builds should be there: {}", chain(&error)),
            passing: fails_for_the_moment(&error),
            ..Concern::default()
        }),
    }
    concerns
}

/// Returns the aliases that a rule requires and that resolve to nothing while no build of their stream fits: readers find
/// nothing there, and no prune has to wait for it.
pub(crate) fn abandoned(mirror: &Mirror, census: &Census) -> Vec<Concern> {
    let dangling = census.aliases.iter().filter(|alias| !alias.required && alias.target.is_none());
    dangling.filter_map(|alias| Some(broken(mirror, census, alias, &|_| true)?.concern)).collect()
}

/// The problem of a required alias.
struct Broken {
    concern: Concern,
    /// Whether it resolves to a build whose result its rule does not allow; mirrorkeep sets it so only with the
    /// user's permission.
    by_result: bool,
}

/// Returns the problem of a required alias: it resolves to nothing, or to a build that its rule does not allow or that is
/// dated in the future. `ours` says which builds were published or adopted.
fn broken(
    mirror: &Mirror,
    census: &Census,
    alias: &AliasCensus,
    ours: &dyn Fn(&BuildId) -> bool,
) -> Option<Broken> {
    let path = &alias.path;
    let (stream, builds, rule) = ruled(mirror, census, path).filter(|(.., rule)| rule.required)?;
    let latest = latest(census.at);
    let id = |build: &BuildCensus| BuildId::new(stream.clone(), build.build.clone());
    let age = |build: &BuildCensus| Age::of(mirror.layout(), &stream, build);
    let newest = newest(&rule.when, builds, latest, |build| (ours(&id(build)), age(build)));
    let current = alias.target.as_ref().and_then(|target| {
        builds.iter().find(|build| mirror.layout().build_path(&id(build)).is_ok_and(|at| at == *target))
    });
    let why = match (&alias.target, current) {
        (None, _) => {
            let other = mirror.look(path).ok().flatten().is_some_and(|entry| entry.kind != Kind::Link);
            if other {
                let concern = Concern {
                    path: path.clone(),
                    why: "the required alias is broken: something that is not a symlink is in its place"
                        .to_owned(),
                    hint: Some("move it away; the next publish creates the alias".to_owned()),
                    ..Concern::default()
                };
                return Some(Broken { concern, by_result: false });
            }
            alias.problem.clone().unwrap_or_else(|| "it resolves to nothing".to_owned())
        }
        (Some(_), Some(current)) if !meets(&rule.when, current) => {
            format!("it resolves to `{}`, which does not meet its condition", current.build)
        }
        (Some(_), Some(current)) if current.is_after(latest) => {
            format!("it resolves to `{}`, which is dated in the future", current.build)
        }
        (Some(_), _) => return None,
    };
    let shown = shell_word(path.as_str().as_ref());
    let hint = newest.map(|build| {
        let back =
            if current.is_some_and(|current| age(build) < age(current)) { " --allow-backwards" } else { "" };
        format!("`mirrorkeep alias set{back} {shown} {}` sets it to the newest build that fits", build.build)
    });
    let hint = hint.or_else(|| {
        let is_link = alias.target.is_none();
        is_link.then(|| format!("`mirrorkeep alias remove {shown}` removes it; no build of the stream fits"))
    });
    let by_result = current.is_some_and(|current| !rule.when.results.contains(&current.result));
    let why = format!("the required alias is broken: {why}");
    let concern = Concern { path: path.clone(), why, hint, ..Concern::default() };
    Some(Broken { concern, by_result })
}

/// Returns the stream of an alias, its builds, and the rule of the alias.
fn ruled<'a>(
    mirror: &Mirror,
    census: &'a Census,
    alias: &RelPath,
) -> Option<(Stream, &'a [BuildCensus], AliasRule)> {
    let dir = alias.parent().unwrap_or_default();
    let is_there =
        |stream: &&StreamCensus| mirror.layout().stream_path(&stream.stream).is_ok_and(|path| path == dir);
    let (stream, builds) = match census.streams.iter().find(is_there) {
        Some(found) => (found.stream.clone(), &*found.builds),
        // All of its builds are gone.
        None => match mirror.layout().place(&dir) {
            Place::Stream { stream } => (stream, &[][..]),
            _ => return None,
        },
    };
    let rules = mirror.alias_rules(&stream, builds);
    Some((stream, builds, rules.into_iter().find(|rule| rule.name == alias.name())?))
}

/// Returns the builds that are recorded, were not pruned, and are missing.
pub(crate) fn vanished(mirror: &Mirror, census: &Census) -> Result<BTreeSet<BuildId>, ExpectedError> {
    let there: BTreeSet<BuildId> = census.builds().map(|(id, _)| id).collect();
    mirror.vanished(&there)
}
