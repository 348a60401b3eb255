//! Filling a stage with all files of a source, in parallel.

use crate::commit::filling::{Brought, Filling, StageError, Tally, TimeRule};
use crate::commit::reading::Reading;
use crate::commit::stage::ingest::Ingest;
use crate::commit::stage::joined::Twins;
use crate::commit::stage::staged::Staged;
use crate::commit::timing::Timing;
use crate::decide::Reuse;
use crate::progress::{CancelToken, Watch};
use crate::record::LinkEntry;
use crate::source::Source;
use rayon::prelude::*;
use std::sync::OnceLock;

impl Staged<'_> {
    /// Ingests everything of the source, in parallel, and removes what an earlier run staged beyond it.
    pub fn fill(
        &mut self,
        source: &Source,
        reuse: &Reuse,
        how: Filling,
        watch: &dyn Watch,
        stop: &CancelToken,
    ) -> Result<Tally, StageError> {
        let store = self.mirror.store();
        self.clear_others(source)?;
        store.make_dir(&self.own("tree"))?;
        let owner = store.look(&self.own("tree"))?.map(|entry| entry.owner);
        let mut tally = Tally::default();
        let Twins { mut order, followers } = Twins::of(source, how);
        // The largest first, so that no thread has it left at the end.
        order.sort_by(|a, b| b.size.cmp(&a.size).then_with(|| a.to.cmp(&b.to)));
        let reading = Reading { watch, stop, tally: &tally };
        let ingest = Ingest { staged: self, reuse, how, reading, owner };
        // Written in place, one by one: a list for each thread would be grown and copied several times.
        let failed = OnceLock::new();
        let one = |entry| match failed.get() {
            Some(_) => None,
            None => ingest.bring(entry).map_err(|error| failed.set(error)).ok(),
        };
        let files: Vec<Option<Brought>> = order.into_par_iter().with_max_len(1).map(one).collect();
        if let Some(error) = failed.into_inner() {
            return Err(error);
        }
        let mut files: Vec<Brought> = files.into_iter().flatten().collect();
        files.extend(ingest.follow(&followers, &files)?);
        files.sort_by(|a, b| a.entry.path.cmp(&b.entry.path));
        ingest.join(&mut files)?;
        self.manifest.files.clear();
        for Brought { entry, changed } in files {
            self.note(entry.inode, changed);
            self.manifest.files.push(entry);
        }
        for (to, text) in &source.links {
            store.link(&self.tree(to), text)?;
            self.manifest.links.push(LinkEntry { path: to.clone(), text: text.clone() });
        }
        for dir in &source.dirs {
            store.make_dir(&self.tree(dir))?;
            self.manifest.dirs.push(dir.clone());
        }
        self.manifest.sort();
        let timing = Timing { rule: how.times, reuse };
        (tally.unnoticed, tally.first_unnoticed) = timing.unnoticed(&self.manifest.files);
        self.last = reuse.last().filter(|_| how.times != TimeRule::Source).cloned();
        Ok(tally)
    }
}
