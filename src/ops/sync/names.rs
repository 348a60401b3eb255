//! The names of a target: read there in each run, set where their builds are whole, and removed where they are gone here.
//!
//! The same listing shows which builds are gone there, and which of those that names lead to lack something at their top.

use super::SyncError;
use super::files::Files;
use super::look::{Here, Look, Name, is_removed};
use super::push::Push;
use super::there::{There, is_leftover};
use crate::decide::targets::TRACE_DIR;
use crate::mirror::SentName;
use crate::model::{BuildId, RelPath, sums_names};
use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

/// How many bytes one listing of the target may have, as far as they can be expected.
const LISTED: usize = 256 << 10;

/// What rsync writes of an entry beside its path, in bytes.
const BESIDE: usize = 40;

/// How many paths at the top of a build are asked for, beside its checksums.
const TOPS: usize = 8;

impl Push<'_> {
    /// Returns what is at the top of each build to which a name leads and that was whole there: its checksums, which are sent last,
    /// and some more.
    fn tops(&self, now: &Look) -> BTreeMap<BuildId, Vec<RelPath>> {
        let named: BTreeSet<&BuildId> = now.names.iter().filter_map(|name| name.build.as_ref()).collect();
        let of = |id: &&BuildId| {
            let here = now.builds.get(*id).filter(|_| self.is_there(now, id))?;
            // What cannot be read here is known to be there no less.
            let listing = self.mirror().store().list(&here.path).ok()?;
            let names: Vec<&str> = listing.entries.iter().map(|entry| entry.name.as_str()).collect();
            let is_sums = |name: &&str| sums_names().any(|sums| sums == *name);
            let (sums, others): (Vec<&str>, Vec<&str>) = names.into_iter().partition(is_sums);
            let some = sums.into_iter().chain(others.into_iter().take(TOPS));
            Some(((*id).clone(), some.filter_map(|name| here.path.child(name).ok()).collect()))
        };
        named.iter().filter_map(of).collect()
    }

    /// Returns the builds that were whole there, and of which the listing lacks all or something.
    pub(super) fn lost(&self, now: &Look, there: &There) -> BTreeSet<BuildId> {
        let is_lost = |id: &BuildId, here: &Here| {
            if !there.dirs.contains(&here.path) {
                return true;
            }
            let asked = there.asked.get(id).into_iter().flatten();
            let lacks: Vec<&RelPath> = asked.filter(|top| !there.tops.contains(*top)).collect();
            // What others put into the build here is not of it.
            !lacks.is_empty()
                && Files::of(self.mirror(), id, here).is_ok_and(|files| {
                    files.all.iter().any(|file| lacks.iter().any(|top| file.is_within(top)))
                })
        };
        let whole = now.builds.iter().filter(|(id, _)| self.is_there(now, id));
        whole.filter(|(id, here)| is_lost(id, here)).map(|(id, _)| id.clone()).collect()
    }

    /// Returns what is there in the directories of builds and names, and at the top of the builds to which names lead.
    pub(super) fn listed(&self, now: &Look) -> Result<There, SyncError> {
        let mut sizes: BTreeMap<RelPath, usize> = BTreeMap::new();
        let mut note = |path: &RelPath| {
            let dir = path.parent().unwrap_or_default();
            for above in dir.ancestors().chain([RelPath::root()]) {
                sizes.entry(above).or_insert(BESIDE);
            }
            *sizes.entry(dir).or_insert(BESIDE) += path.as_str().len() * 2 + BESIDE;
        };
        now.builds.values().for_each(|here| note(&here.path));
        now.names.iter().for_each(|name| note(&name.path));
        self.sent.names.keys().for_each(&mut note);
        for id in self.mirror().sent_builds(&self.target.name)? {
            self.mirror().layout().build_path(&id).iter().for_each(&mut note);
        }
        if self.sent.names.is_empty() {
            // Nothing is known of names that were sent, and they may be where no build is any more.
            self.mirror().expected_state()?.aliases.keys().for_each(&mut note);
        }
        let trace = TRACE_DIR.parse().unwrap_or_default();
        sizes.insert(trace, BESIDE);
        let asked = self.tops(now);
        let tops = asked.values().flatten().cloned();
        let tops = tops.map(|path| (path.as_str().len() + BESIDE, None, Some(path)));
        let all: Vec<_> = sizes.into_iter().map(|(dir, size)| (size, Some(dir), None)).chain(tops).collect();
        let (mut there, mut dirs, mut tops, mut bytes) = (There::default(), Vec::new(), Vec::new(), 0);
        let last = all.len();
        for (nth, (size, dir, top)) in all.into_iter().enumerate() {
            dirs.extend(dir);
            tops.extend(top);
            bytes += size;
            if bytes >= LISTED || nth + 1 == last {
                self.session.check_cancelled()?;
                there.add(self.rsync.listing(&std::mem::take(&mut dirs), &std::mem::take(&mut tops))?);
                bytes = 0;
            }
        }
        // A listing that lacks what was just compared cannot be believed.
        if there.dirs.is_empty() && !self.sent.builds.is_empty() {
            return Err(SyncError::Target("its directories of builds cannot be listed".to_owned()));
        }
        there.asked = asked;
        Ok(there)
    }

    /// Sets the names as they are now, each only if what it leads to is whole there, and removes those that are gone. One that
    /// moved during the run to what is not there yet goes to what it led to before.
    pub(super) fn send_names(&mut self, look: &Look, now: &Look, there: &mut There) -> Result<(), SyncError> {
        let is_there = |name: &Name| match &name.build {
            Some(id) => self.is_there(now, id),
            None => now.leads_to_some(&name.to, |id| self.is_there(now, id)),
        };
        let (mut chosen, mut waiting): (Vec<&Name>, Vec<&Name>) = (Vec::new(), Vec::new());
        let mut set: BTreeSet<&RelPath> = BTreeSet::new();
        for name in &now.names {
            let whole =
                if is_there(name) { Some(name) } else { look.name(&name.path).filter(|old| is_there(old)) };
            let is_led = |via: &RelPath| set.contains(via) || there.links.contains_key(via);
            match whole.filter(|name| name.via.as_ref().is_none_or(is_led)) {
                Some(name) => {
                    set.insert(&name.path);
                    chosen.push(name);
                }
                None => waiting.push(name),
            }
        }
        let changed: Vec<Name> = chosen
            .iter()
            .filter(|name| there.links.get(&name.path) != Some(&name.text))
            .map(|name| (*name).clone())
            .collect();
        for name in waiting {
            if let Some(id) = &name.build {
                self.behind.insert(id.stream.clone());
                self.report.waits.push(format!("`{}` waits until `{id}` is whole there", name.path));
            }
        }
        // What is there is ours; until it is known that a name moved, it may lead to what it led to before.
        for name in chosen {
            let mut builds = name.builds();
            let mut text = name.text.clone();
            if changed.iter().any(|one| one.path == name.path) {
                text.clear();
                builds.extend(
                    self.sent.names.get(&name.path).into_iter().flat_map(|known| known.builds.clone()),
                );
            }
            self.sent.names.insert(name.path.clone(), SentName { text, builds });
        }
        if !changed.is_empty() {
            self.mirror().keep_sent(&self.target.name, &self.sent)?;
        }
        for some in changed.chunk_by(|a, b| a.depth == b.depth) {
            let links: Vec<(RelPath, String)> =
                some.iter().map(|name| (name.path.clone(), name.text.clone())).collect();
            self.rsync.send_links(&links)?;
            there.links.extend(links);
        }
        for name in changed {
            let builds = name.builds();
            if !self.report.names.contains(&name.path) {
                self.report.names.push(name.path.clone());
            }
            self.sent.names.insert(name.path, SentName { text: name.text, builds });
        }
        self.remove_names(now, there)
    }

    /// Removes the names that are gone here, and what rsync left of names when it was killed.
    fn remove_names(&mut self, now: &Look, there: &mut There) -> Result<(), SyncError> {
        let stays: BTreeSet<&RelPath> = now.names.iter().map(|name| &name.path).collect();
        self.sent.names.retain(|path, _| there.links.contains_key(path) || stays.contains(path));
        let gone: Vec<&RelPath> = there.links.keys().filter(|path| !stays.contains(path)).collect();
        let is_known = |path: &RelPath| self.sent.names.contains_key(path);
        let told = if gone.iter().all(|path| is_known(path)) {
            BTreeMap::new()
        } else {
            self.mirror().expected_state()?.aliases
        };
        let is_ours = |path: &RelPath| is_known(path) || told.contains_key(path);
        let (mut removed, mut left) = (Vec::new(), Vec::new());
        for path in gone {
            if is_leftover(path, is_ours) {
                left.push(path.clone());
            } else if is_ours(path) && !now.is_away(path) && is_removed(self.mirror(), path)? {
                removed.push(path.clone());
            }
        }
        let trace = RelPath::from_str(&format!("{TRACE_DIR}/{}", self.target.trace)).unwrap_or_default();
        left.extend(there.files.iter().filter(|path| is_leftover(path, |file| *file == trace)).cloned());
        if removed.is_empty() && left.is_empty() {
            return Ok(());
        }
        self.rsync.delete(&[&removed[..], &left[..]].concat())?;
        for path in removed.iter().chain(&left) {
            self.sent.names.remove(path);
            there.forget(path);
        }
        self.report.names_removed.extend(removed);
        Ok(())
    }
}
