//! What is deleted at a target, and what is found there that was never sent.

use super::SyncError;
use super::look::Look;
use super::push::Push;
use super::report::SyncOutcome;
use super::there::{There, is_leftover};
use crate::layout::Place;
use crate::model::{BuildId, RelPath, shown, sums_names};
use crate::ops::withdraw::tombstones;
use std::collections::BTreeSet;

/// How many builds may be deleted in any case, and at most one of so many that were sent.
const DELETES: (usize, usize) = (10, 4);

/// How many paths that were never sent are named.
const NAMED: usize = 100;

impl Push<'_> {
    /// Deletes what was sent and is not here any more.
    pub(super) fn delete(&mut self, now: &Look, there: &There) -> Result<(), SyncError> {
        let name = &self.target.name;
        for (id, gone) in std::mem::take(&mut self.taken_out) {
            self.session.check_cancelled()?;
            self.rsync.delete(&gone)?;
            let gone: BTreeSet<&RelPath> = gone.iter().collect();
            let list = self.mirror().sent_paths(name, &id)?;
            let list = list.into_iter().filter(|path| !gone.contains(path)).collect();
            self.mirror().keep_sent_paths(name, &id, &list)?;
        }
        let all = self.mirror().sent_builds(name)?;
        let is_gone = |id: &&BuildId| !now.builds.contains_key(*id) && !now.vanished.contains(*id);
        let gone: Vec<&BuildId> = all.iter().filter(is_gone).collect();
        if gone.is_empty() {
            return Ok(());
        }
        let most = self.options.delete_at_most.unwrap_or_else(|| DELETES.0.max(all.len() / DELETES.1));
        if gone.len() > most {
            self.report.outcome = SyncOutcome::Withheld;
            self.behind.extend(gone.iter().map(|id| id.stream.clone()));
            self.report.waits.push(format!(
                "{} builds of {} would be deleted there, and at most {most} are; \
                 `mirrorkeep sync {name} --delete-at-most {}` deletes them",
                gone.len(),
                all.len(),
                gone.len()
            ));
            return Ok(());
        }
        let mut going = Vec::new();
        for id in gone {
            let top = self.mirror().layout().build_path(id).ok();
            if let Some(path) = top.and_then(|top| there.leads_into(&top)) {
                self.behind.insert(id.stream.clone());
                self.report.waits.push(format!("`{id}` waits: `{path}` leads to it there"));
                continue;
            }
            // One that came back since the look stays.
            if self.mirror().has_build(id)? && self.target.gets(&id.stream) {
                continue;
            }
            going.push(id.clone());
        }
        if going.is_empty() {
            return Ok(());
        }
        for id in &going {
            self.sent.builds.remove(id);
        }
        self.mirror().keep_sent(name, &self.sent)?;
        let (mut dirs, mut tops, mut sent) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for id in &going {
            self.session.check_cancelled()?;
            let list: Vec<RelPath> = self.mirror().sent_paths(name, id)?.into_iter().collect();
            self.rsync.delete(&list)?;
            let top = self.mirror().layout().build_path(id).ok();
            let above = list.iter().flat_map(RelPath::ancestors);
            dirs.extend(above.filter(|dir| top.as_ref().is_some_and(|top| dir.is_within(top))));
            dirs.extend(top.clone());
            tops.extend(top);
            sent.extend(list);
        }
        let kept = self.kept_dirs(now, &going)?;
        if !tops.is_empty() {
            let left = self.rsync.foreign(kept.path(), &tops)?.lines;
            let left = left.iter().filter_map(|text| text.parse::<RelPath>().ok());
            let left: Vec<RelPath> =
                left.filter(|path| is_leftover(path, |file| sent.contains(file))).collect();
            if !left.is_empty() {
                self.rsync.delete(&left)?;
            }
            self.rsync.delete_dirs(kept.path(), &dirs)?.whole()?;
        }
        for id in going {
            self.mirror().forget_sent(name, &id)?;
            self.report.deleted.push(id);
        }
        Ok(())
    }

    /// Returns a directory with the directories of streams that the target gets, which stay there also without builds.
    fn kept_dirs(&self, now: &Look, going: &[BuildId]) -> Result<tempfile::TempDir, SyncError> {
        let kept = tempfile::tempdir().map_err(SyncError::Temporary)?;
        let mut dirs: BTreeSet<RelPath> = now.builds.values().filter_map(|here| here.path.parent()).collect();
        for id in going.iter().filter(|id| self.target.gets(&id.stream)) {
            let dir = self.mirror().layout().stream_path(&id.stream).ok();
            dirs.extend(dir.filter(|dir| self.root.join(dir.as_str()).is_dir()));
        }
        for dir in dirs {
            std::fs::create_dir_all(kept.path().join(dir.as_str())).map_err(SyncError::Temporary)?;
        }
        Ok(kept)
    }

    /// Finds builds there that were withdrawn here and are not among what was sent, as when the own area was restored from a
    /// backup: nothing says which files are ours.
    pub(super) fn find_withdrawn(&mut self, now: &Look, there: &There) -> Result<(), SyncError> {
        let sent = self.mirror().sent_builds(&self.target.name)?;
        let build = |path: &RelPath| match self.mirror().layout().place(path) {
            Place::Build { build } => Some((build, path.clone())),
            _ => None,
        };
        let unknown = there.dirs.iter().filter_map(build);
        let unknown: Vec<(BuildId, RelPath)> =
            unknown.filter(|(id, _)| !now.builds.contains_key(id) && !sent.contains(id)).collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let withdrawn = tombstones(self.mirror())?;
        let empty = tempfile::tempdir().map_err(SyncError::Temporary)?;
        for (id, path) in unknown {
            let is_gone = self.report.deleted.contains(&id) || !withdrawn.contains_key(&id.to_string());
            if is_gone || self.mirror().has_build(&id)? {
                continue;
            }
            // What others put into a build that was deleted there has no checksums.
            let left = self.rsync.foreign(empty.path(), &[path.clone()].into())?.lines;
            let mut sums = sums_names().filter_map(|name| path.child(name).ok());
            if sums.any(|sums| left.contains(&sums.to_string())) {
                let error = format!(
                    "it was withdrawn here and is there, and what was sent of it is not known any more: delete `{path}` there"
                );
                self.fail(&id, error);
            }
        }
        Ok(())
    }

    /// Finds what is in directories of builds there and was never sent.
    pub(super) fn find_strange(&mut self, now: &Look, there: &There) -> Result<(), SyncError> {
        let gone = self.report.deleted.iter().filter_map(|id| self.mirror().layout().build_path(id).ok());
        let paths = now.builds.values().map(|here| here.path.clone()).chain(gone);
        let dirs: BTreeSet<RelPath> = paths.filter_map(|path| path.parent()).collect();
        let dirs: BTreeSet<RelPath> = dirs.into_iter().filter(|dir| !dir.is_root()).collect();
        if dirs.is_empty() {
            return Ok(());
        }
        let is_here = |path: &str| self.root.join(path).symlink_metadata().is_ok();
        // What is left of builds that were deleted is not in the listing from before.
        let found = if there.lacks_files || !self.report.deleted.is_empty() {
            self.rsync.strange(&self.root, &dirs)?.lines
        } else {
            there.strange(&dirs, is_here)
        };
        let waiting = self.mirror().sent_builds(&self.target.name)?;
        let waiting: BTreeSet<String> = waiting
            .iter()
            .filter_map(|id| self.mirror().layout().build_path(id).ok())
            .map(|path| path.to_string())
            .collect();
        let is_strange = |path: &String| {
            let known = path
                .parse::<RelPath>()
                .is_ok_and(|path| self.sent.names.contains_key(&path) || self.sent.files.contains_key(&path));
            !known && !waiting.contains(path)
        };
        let mut found: Vec<String> = found.into_iter().filter(is_strange).collect();
        found.append(&mut self.inside);
        found.sort();
        found.dedup();
        self.report.warnings.extend(match found.len() {
            0 => None,
            1 => Some("1 path there was never sent, and is left as it is".to_owned()),
            count => Some(format!("{count} paths there were never sent, and are left as they are")),
        });
        self.report.strange = found.iter().take(NAMED).map(|path| shown(path).into_owned()).collect();
        Ok(())
    }
}
