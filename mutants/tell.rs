//! What became of each change, kept line by line, and added up.

use crate::copy::Built;
use crate::list::Change;
use crate::trial::End;
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
    fs::{self, File},
    hash::{DefaultHasher, Hash, Hasher},
    io::Write,
    path::Path,
};

/// What became of one change.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    name: String,
    /// Of the diff that cargo-mutants shows, so that a change in other surroundings is another one.
    hash: u64,
    end: End,
    by: String,
}

/// What became of all.
pub(crate) struct Ledger {
    file: File,
    known: BTreeMap<(String, u64), End>,
    ended: BTreeMap<usize, End>,
}

fn key(change: &Change) -> (String, u64) {
    let mut hasher = DefaultHasher::new();
    change.diff.hash(&mut hasher);
    (change.name.clone(), hasher.finish())
}

impl Ledger {
    /// Reads what is known, without what was missed, and adds what the build said.
    pub(crate) fn open(kept: &Path, changes: &[Change], built: &Built) -> Result<Self, Box<dyn Error>> {
        let text = fs::read_to_string(kept).unwrap_or_default();
        let mut known = BTreeMap::new();
        for line in text.lines() {
            let line: Line = serde_json::from_str(line)?;
            known.insert((line.name, line.hash), line.end);
        }
        known.retain(|_, end| matches!(end, End::Caught | End::Late));
        let mut ledger = Self {
            file: File::options().create(true).append(true).open(kept)?,
            known,
            ended: BTreeMap::new(),
        };
        for change in changes {
            if built.refused.contains(&change.id) {
                ledger.ended.insert(change.id, End::Refused);
            } else if built.lost.contains(&change.id) {
                ledger.ended.insert(change.id, End::Lost);
            } else if let Some(end) = ledger.known.get(&key(change)) {
                ledger.ended.insert(change.id, *end);
            }
        }
        Ok(ledger)
    }

    pub(crate) fn knows(&self, change: &Change) -> bool {
        self.ended.contains_key(&change.id)
    }

    /// Keeps what became of a change.
    pub(crate) fn keep(&mut self, change: &Change, (end, by): (End, String)) -> Result<(), Box<dyn Error>> {
        let (name, hash) = key(change);
        if !matches!(end, End::Caught) {
            println!("{end:?}: {name}");
        }
        serde_json::to_writer(&self.file, &Line { name, hash, end, by })?;
        writeln!(self.file)?;
        self.ended.insert(change.id, end);
        Ok(())
    }

    /// Shows a table by folder and what no test noticed; returns whether there is nothing of that kind.
    pub(crate) fn tell(&self, changes: &[Change]) -> bool {
        let mut folders: BTreeMap<&str, BTreeMap<End, usize>> = BTreeMap::new();
        for change in changes {
            if let Some(end) = self.ended.get(&change.id) {
                let folder = change.file.rsplit_once('/').map_or("", |(folder, _)| folder);
                *folders.entry(folder).or_default().entry(*end).or_default() += 1;
            }
        }
        println!(
            "| folder | changes | not built | caught | not ended | missed |\n| --- | --- | --- | --- | --- | --- |"
        );
        for (folder, ends) in &folders {
            let count = |wanted: &[End]| wanted.iter().filter_map(|end| ends.get(end)).sum::<usize>();
            let all = changes
                .iter()
                .filter(|change| change.file.rsplit_once('/').is_some_and(|(at, _)| at == *folder));
            println!(
                "| `{folder}` | {} | {} | {} | {} | {} |",
                all.count(),
                count(&[End::Refused]),
                count(&[End::Caught]),
                count(&[End::Late]),
                count(&[End::Missed, End::Unreached, End::Lost])
            );
        }
        let bad: BTreeSet<usize> = self
            .ended
            .iter()
            .filter(|(_, end)| matches!(end, End::Missed | End::Unreached | End::Lost))
            .map(|(id, _)| *id)
            .collect();
        for change in changes.iter().filter(|change| bad.contains(&change.id)) {
            println!("{:?}: {}", self.ended[&change.id], change.name);
        }
        bad.is_empty()
    }
}
