//! The names of a copy: they go where they go upstream, and one that cannot waits, and brings its build along when that is listed.

use super::PullError;
use super::choose::as_upstream;
use super::report::PullReport;
use super::run::{Items, Run};
use super::state::PullState;
use crate::commit::repoint::{is_no_stage, may_remove, pointed_at, remove};
use crate::commit::{Moved, Permit, RepointError};
use crate::decide::changes::{Head, Item, ListedBuild};
use crate::layout::Place;
use crate::mirror::{Resolved, chain};
use crate::model::{BuildId, RelPath};
use crate::ops::Mode;
use crate::ops::copy::names::{Name, Names, Naming};
use crate::ops::copy::{CopyError, UnmovedAlias};
use crate::ops::withdraw::tombstones;
use std::collections::{BTreeMap, BTreeSet};

impl Run<'_> {
    /// Adds the builds to which names lead and that are neither here nor in the new part of the list, with what they need: the
    /// policy did not keep them, and now a name does.
    pub(super) fn beyond(&self, head: &Head, items: &mut Items) -> Result<(), PullError> {
        let mut open: Vec<BuildId> = Vec::new();
        for id in items.names.values().filter_map(|to| self.build_at(to)) {
            let is_new = items.builds.iter().any(|build| build.id == id);
            if !is_new && self.gets(&id.stream) && !self.to.has_build(&id)? {
                open.push(id);
            }
        }
        if !open.is_empty() {
            // Who withdrew a build here does not get it back by a name.
            let (withdrawn, reason) = (tombstones(self.to)?, as_upstream(&head.mirror));
            open.retain(|id| withdrawn.get(&id.to_string()).is_none_or(|stone| stone.why == reason));
        }
        if open.is_empty() {
            return Ok(());
        }
        let mut listed: BTreeMap<BuildId, ListedBuild> = BTreeMap::new();
        for change in self.upstream.all(head)? {
            if let Item::Build(build) = change.item {
                listed.insert(build.id.clone(), *build);
            }
        }
        let mut seen: BTreeSet<BuildId> = items.builds.iter().map(|build| build.id.clone()).collect();
        while let Some(id) = open.pop() {
            let build = listed.remove(&id).filter(|_| self.gets(&id.stream) && seen.insert(id.clone()));
            let Some(build) = build else { continue };
            if !self.to.has_build(&id)? {
                open.extend(build.requires.iter().cloned());
                items.builds.push(build);
            }
        }
        Ok(())
    }

    /// Returns the build at a path or above it.
    fn build_at(&self, path: &RelPath) -> Option<BuildId> {
        match self.to.layout().place(path) {
            Place::Build { build } | Place::Inside { build, .. } => Some(build),
            _ => None,
        }
    }

    /// Returns whether a name is for this copy: with a choice of streams only one that leads to what it gets.
    fn is_followed(&self, target: &RelPath) -> Result<bool, PullError> {
        if self.options.streams.is_empty() {
            return Ok(true);
        }
        Ok(match self.to.layout().place(target) {
            Place::Build { build } | Place::Inside { build, .. } => self.gets(&build.stream),
            Place::Stream { stream }
            | Place::Beside { stream, .. }
            | Place::Alias { stream: Some(stream), .. } => self.gets(&stream),
            _ => matches!(self.to.resolve(target)?, Resolved::To(_)),
        })
    }

    /// Sets and removes names.
    pub(super) fn names(
        &self,
        state: &mut PullState,
        (names, gone): (BTreeMap<RelPath, RelPath>, Vec<RelPath>),
        (there, own): (&BTreeSet<BuildId>, &BTreeSet<RelPath>),
        report: &mut PullReport,
    ) -> Result<(), PullError> {
        // Upstream may move a name back; that its list does not go back is what protects from an old one.
        let permit = Permit { backwards: true, no_success: true, stage: false };
        let (session, to, mode) = (self.session, self.to, self.options.mode);
        let mut wanted = Vec::new();
        let mut done = Names::default();
        for (alias, target) in &names {
            if !self.is_followed(target)? || pointed_at(to, alias)?.as_ref() == Some(target) {
                continue;
            }
            let name = Name { alias: alias.clone(), target: target.clone() };
            match is_no_stage(to, alias) {
                // A stage of this mirror's own pipeline goes its own way.
                Err(error @ RepointError::Stage { .. }) => {
                    report.warnings.push(format!("a name of upstream is not followed: {}", chain(&error)));
                }
                _ if mode == Mode::Trial && self.stays_away(target, there)? => {
                    let why = format!("nothing would be at `{target}`");
                    let Name { alias, target: to } = name;
                    done.left.push(UnmovedAlias { alias, to, why });
                }
                _ => wanted.push(name),
            }
        }
        let set = if wanted.is_empty() && there.is_empty() {
            Ok(())
        } else {
            Naming { session, to, permit, mode }.set_all(wanted, there, own, &mut done)
        };
        report.aliases.append(&mut done.aliases);
        state.waiting = done.left.iter().map(|left| (left.alias.clone(), left.to.clone())).collect();
        report.left.append(&mut done.left);
        report.warnings.append(&mut done.warnings);
        set?;
        for (alias, target) in names {
            if mode == Mode::Trial || pointed_at(to, &alias)?.as_ref() == Some(&target) {
                state.names.insert(alias, target);
            }
        }
        for alias in gone {
            let Some(target) = state.names.remove(&alias) else { continue };
            // One that somebody moved here is not of the copy any more.
            if pointed_at(to, &alias)?.as_ref() != Some(&target) || may_remove(to, &alias).is_err() {
                continue;
            }
            if mode == Mode::Trial {
                report.aliases.push(Moved { alias, from: Some(target), to: None });
                continue;
            }
            let lock = session.begin()?;
            report.aliases.push(remove(&lock, &alias, lock.now()).map_err(CopyError::from)?);
        }
        Ok(())
    }

    /// Returns whether the build to which a path leads is not here and does not come.
    fn stays_away(&self, target: &RelPath, there: &BTreeSet<BuildId>) -> Result<bool, PullError> {
        let Some(id) = self.build_at(target) else { return Ok(false) };
        Ok(!there.contains(&id) && !self.to.has_build(&id)?)
    }
}
