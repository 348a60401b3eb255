//! The names of a target: read there in each run, set where their builds are whole, and removed where they are gone here.

use super::SyncError;
use super::look::{Look, Name, is_removed};
use super::push::Push;
use super::there::{There, is_leftover};
use crate::decide::targets::TRACE_DIR;
use crate::mirror::SentName;
use crate::model::RelPath;
use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

/// How many bytes one listing of the target may have, as far as they can be expected.
const LISTED: usize = 256 << 10;

/// What rsync writes of an entry beside its path, in bytes.
const BESIDE: usize = 40;

impl Push<'_> {
    /// Returns what is there in the directories of builds and names.
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
        let (mut there, mut some, mut bytes) = (There::default(), Vec::new(), 0);
        let last = sizes.len();
        for (nth, (dir, size)) in sizes.into_iter().enumerate() {
            some.push(dir);
            bytes += size;
            if bytes >= LISTED || nth + 1 == last {
                self.session.check_cancelled()?;
                there.add(self.rsync.listing(&some)?);
                (some, bytes) = (Vec::new(), 0);
            }
        }
        // A listing that lacks what was just compared cannot be believed.
        if there.dirs.is_empty() && !self.sent.builds.is_empty() {
            return Err(SyncError::Target("its directories of builds cannot be listed".to_owned()));
        }
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
