//! The names that lead to what was copied.
//!
//! A name of the source goes along when it leads to a copied build, into one, or to a directory above one. Names that
//! the target keeps by its own rules and that the source does not have follow these rules. No name goes back to an
//! older build or to one that is no success unless that is permitted, and none to a build that is not there.

use crate::commit::repoint::{Moved, Permit, RepointError, due, legacy, may_point, pointed_at, repoint};
use crate::decide::{Age, meets};
use crate::mirror::{Mirror, Resolved, WriteLock, builds_of, chain};
use crate::model::{BuildId, RelPath, Stream};
use crate::ops::Mode;
use crate::ops::copy::choose::Chosen;
use crate::ops::copy::{Copy, CopyError, CopyReport, UnmovedAlias};
use crate::session::Session;
use std::collections::BTreeSet;

/// A name of the source and what it points at there.
#[derive(Debug, Clone)]
pub(crate) struct Name {
    pub(crate) alias: RelPath,
    pub(crate) target: RelPath,
}

/// Sets names of another mirror in this one.
pub(crate) struct Naming<'n> {
    pub(crate) session: &'n Session<'n>,
    pub(crate) to: &'n Mirror,
    pub(crate) permit: Permit,
    pub(crate) mode: Mode,
}

/// What became of names.
#[derive(Debug, Default)]
pub(crate) struct Names {
    pub(crate) aliases: Vec<Moved>,
    pub(crate) left: Vec<UnmovedAlias>,
    pub(crate) warnings: Vec<String>,
}

impl Copy<'_> {
    /// Moves every name that leads to one of these builds.
    pub(crate) fn names(
        &self,
        chosen: &Chosen,
        there: &BTreeSet<BuildId>,
        report: &mut CopyReport,
    ) -> Result<(), CopyError> {
        let names = self.wanted(chosen, there)?;
        let own: BTreeSet<RelPath> = names.iter().map(|name| name.alias.clone()).collect();
        let Self { to, session, copying, .. } = self;
        let naming = Naming { session, to, permit: copying.permit, mode: copying.mode };
        let mut done = Names::default();
        let moved = naming.set_all(names, there, &own, &mut done);
        report.aliases.extend(done.aliases);
        report.left.extend(done.left);
        report.warnings.extend(done.warnings);
        moved
    }
    /// Returns the names of the source that go along, sorted.
    fn wanted(&self, chosen: &Chosen, there: &BTreeSet<BuildId>) -> Result<Vec<Name>, CopyError> {
        let paths: Result<Vec<RelPath>, _> = there.iter().map(|id| self.to.layout().build_path(id)).collect();
        let paths: BTreeSet<RelPath> = paths?.into_iter().collect();
        let above: BTreeSet<RelPath> = paths.iter().flat_map(RelPath::ancestors).collect();
        let mut names = Vec::new();
        for (alias, to) in &chosen.links.links {
            let Resolved::To(real) = to else { continue };
            let leads = paths.contains(real)
                || above.contains(real)
                || real.ancestors().any(|dir| paths.contains(&dir));
            let target = if leads { pointed_at(self.from, alias) } else { Ok(None) };
            let target =
                target.map_err(|error| CopyError::Source(self.from.store().shown(), error.into()))?;
            names.extend(target.map(|target| Name { alias: alias.clone(), target }));
        }
        names.sort_by(|a, b| a.alias.cmp(&b.alias));
        Ok(names)
    }
}

impl Naming<'_> {
    /// Sets these names, those that point at others after these; `own` are all names of the other mirror, which no rule of this
    /// one moves.
    pub(crate) fn set_all(
        &self,
        mut names: Vec<Name>,
        there: &BTreeSet<BuildId>,
        own: &BTreeSet<RelPath>,
        report: &mut Names,
    ) -> Result<(), CopyError> {
        if self.mode == Mode::Trial {
            return self.try_names(names, report);
        }
        let lock = self.session.begin()?;
        // A name that points at another waits for that one.
        loop {
            let before = names.len();
            let mut waiting = Vec::new();
            for name in names {
                if matches!(self.to.resolve(&name.target)?, Resolved::To(_)) {
                    self.move_name(&lock, &name, report)?;
                } else {
                    waiting.push(name);
                }
            }
            names = waiting;
            if names.len() == before {
                break;
            }
        }
        for Name { alias, target } in names {
            let why = format!("nothing is at `{target}`");
            report.left.push(UnmovedAlias { alias, to: target, why });
        }
        let streams: BTreeSet<&Stream> = there.iter().map(|id| &id.stream).collect();
        for stream in streams {
            self.follow_rules(&lock, stream, (there, own), report)?;
            let (moved, warnings) = legacy(&lock, stream, lock.now())?;
            report.aliases.extend(moved);
            report.warnings.extend(warnings);
        }
        Ok(())
    }

    /// Moves one name whose target is there, if it may.
    fn move_name(&self, lock: &WriteLock<'_>, name: &Name, report: &mut Names) -> Result<(), CopyError> {
        let Name { alias, target } = name;
        if pointed_at(self.to, alias)?.as_ref() == Some(target) {
            return Ok(());
        }
        match may_point(self.to, alias, target, self.permit, lock.now()) {
            Ok(()) => report.aliases.push(repoint(lock, alias, target, lock.now())?),
            Err(error) if is_refusal(&error) => report.left.push(left(name, &error)),
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// Says which names would move.
    fn try_names(&self, names: Vec<Name>, report: &mut Names) -> Result<(), CopyError> {
        for name in names {
            let from = pointed_at(self.to, &name.alias)?;
            if from.as_ref() == Some(&name.target) {
                continue;
            }
            let is_there = matches!(self.to.resolve(&name.target)?, Resolved::To(_));
            let may = if is_there {
                may_point(self.to, &name.alias, &name.target, self.permit, self.session.now())
            } else {
                // Its build would have come before.
                Ok(())
            };
            match may {
                Ok(()) => report.aliases.push(Moved { alias: name.alias, from, to: Some(name.target) }),
                Err(error) if is_refusal(&error) => report.left.push(left(&name, &error)),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Moves the names that the target keeps by rules of its own, but for those that the source has as well.
    fn follow_rules(
        &self,
        lock: &WriteLock<'_>,
        stream: &Stream,
        (there, own): (&BTreeSet<BuildId>, &BTreeSet<RelPath>),
        report: &mut Names,
    ) -> Result<(), CopyError> {
        let mut builds = builds_of(self.to, stream, None)?;
        let came = |name| there.contains(&BuildId::new(stream.clone(), name));
        let unread = builds.iter().filter(|build| build.problem.is_some() && came(build.build.clone()));
        let unread: Vec<BuildId> =
            unread.map(|build| BuildId::new(stream.clone(), build.build.clone())).collect();
        if !unread.is_empty() {
            // A build that came and could not be read would leave its names to an older one.
            for id in &unread {
                self.to.record(id)?;
            }
            builds = builds_of(self.to, stream, None)?;
        }
        let mut asked = BTreeSet::new();
        for rule in self.to.alias_rules(stream, &builds) {
            // The newest that came and fits is the one that could move the name.
            let fitting = builds.iter().filter(|build| meets(&rule.when, build) && came(build.build.clone()));
            let newest =
                fitting.max_by_key(|build| (Age::of(self.to.layout(), stream, build), build.build.clone()));
            let Some(newest) = newest.filter(|newest| asked.insert(newest.build.clone())) else { continue };
            for (alias, to) in due(self.to, stream, &builds, Some(&newest.build), lock.now())?.moves {
                if !own.contains(&alias) {
                    let target = self.to.layout().build_path(&to)?;
                    report.aliases.push(repoint(lock, &alias, &target, lock.now())?);
                }
            }
        }
        Ok(())
    }
}

/// Returns whether a name is left for a reason that is no failure.
fn is_refusal(error: &RepointError) -> bool {
    !matches!(error, RepointError::Kept(_) | RepointError::Journal(_) | RepointError::Store(_))
}

fn left(name: &Name, error: &RepointError) -> UnmovedAlias {
    UnmovedAlias { alias: name.alias.clone(), to: name.target.clone(), why: chain(error) }
}
