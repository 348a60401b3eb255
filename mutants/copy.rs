//! Building the copy with all changes in it, without those that the compiler refuses.

use crate::list::Change;
use crate::site::{self, Sites};
use crate::write;
use serde::Deserialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// A build of the copy.
#[derive(Debug)]
pub(crate) struct Built {
    /// The program with all tests.
    pub(crate) binary: PathBuf,
    /// Changes that the compiler refuses.
    pub(crate) refused: BTreeSet<usize>,
    /// Changes for which no switch can be written.
    pub(crate) lost: BTreeSet<usize>,
}

/// A line of what cargo says.
#[derive(Deserialize)]
struct Said {
    message: Option<Message>,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Message {
    level: String,
    rendered: Option<String>,
    spans: Vec<Spot>,
    /// Hints, which say where arms are wanting.
    children: Vec<Message>,
}

#[derive(Deserialize)]
struct Spot {
    file_name: String,
    byte_start: usize,
    byte_end: usize,
    is_primary: bool,
}

/// Where arms are wanting, the last one that was changed stands at most so many bytes before.
const ARMS: usize = 1000;

/// Writes the switches into the copy and builds it, again and again until no change is left that cannot be built.
pub(crate) fn build(tree: &Path, changes: &[Change]) -> Result<Built, Box<dyn Error>> {
    let mut by_file: BTreeMap<&str, Vec<&Change>> = BTreeMap::new();
    for change in changes {
        by_file.entry(&change.file).or_default().push(change);
    }
    let mut files: BTreeMap<&str, (String, Sites)> = BTreeMap::new();
    for (file, changes) in by_file {
        // From the sources, since the copy may have its switches already.
        let text = fs::read_to_string(file)?;
        let sites = site::sites(&text, &changes).map_err(|error| format!("{file}: {error}"))?;
        files.insert(file, (text, sites));
    }
    let of =
        |which: fn(&Sites) -> &Vec<usize>| files.values().flat_map(move |(_, sites)| which(sites)).copied();
    let lost: BTreeSet<usize> = of(|sites| &sites.lost).collect();
    let mut refused: BTreeSet<usize> = of(|sites| &sites.never).collect();
    let mut written: BTreeMap<&str, String> = BTreeMap::new();
    loop {
        for (file, (text, sites)) in &mut files {
            sites.found.iter_mut().for_each(|site| site.changes.retain(|(id, _)| !refused.contains(id)));
            sites.found.retain(|site| !site.changes.is_empty());
            let new = write::switched(text, &sites.found);
            if written.get(file) != Some(&new) {
                fs::write(tree.join(file), &new)?;
                written.insert(file, new);
            }
        }
        let (errors, _) = cargo(tree, &["check", "--profile", "test", "--lib"])?;
        if errors.is_empty() {
            break;
        }
        let before = refused.len();
        for error in &errors {
            let hints = error.children.iter().flat_map(|hint| &hint.spans);
            let all =
                || error.spans.iter().map(|spot| (spot, 0)).chain(hints.clone().map(|spot| (spot, ARMS)));
            let about = |(spot, before): (&Spot, usize)| {
                let text = written.get(spot.file_name.as_str()).map_or("", String::as_str);
                let mut found = write::meant(text, spot.byte_start.saturating_sub(before)..spot.byte_end);
                found.drain(..if before > 0 { found.len().saturating_sub(1) } else { 0 });
                found
            };
            // What is said first counts, unless it is about no change.
            let found = all().filter(|(spot, _)| spot.is_primary).map(about).find(|found| !found.is_empty());
            let found = found.or_else(|| all().map(about).find(|found| !found.is_empty()));
            refused.extend(found.into_iter().flatten());
        }
        eprintln!("{} errors; {} changes cannot be built", errors.len(), refused.len());
        if refused.len() == before {
            let why: String = errors.into_iter().filter_map(|error| error.rendered).collect();
            return Err(format!("the copy cannot be built:\n{why}").into());
        }
    }
    let (errors, binary) = cargo(tree, &["test", "--no-run", "--lib"])?;
    let why: String = errors.into_iter().filter_map(|error| error.rendered).collect();
    let binary = binary.ok_or_else(|| format!("the tests cannot be built:\n{why}"))?;
    Ok(Built { binary, refused, lost })
}

/// Runs cargo in the copy; returns its errors and the program that it built.
fn cargo(tree: &Path, args: &[&str]) -> Result<(Vec<Message>, Option<PathBuf>), Box<dyn Error>> {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(tree).args(args).args(["--offline", "--message-format", "json"]);
    let output = cargo.stderr(Stdio::inherit()).output()?;
    let mut errors = Vec::new();
    let mut binary = None;
    for line in output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let said: Said = serde_json::from_slice(line)?;
        errors.extend(said.message.filter(|message| message.level == "error" && !message.spans.is_empty()));
        binary = said.executable.or(binary);
    }
    if !output.status.success() && errors.is_empty() {
        return Err("cargo failed".into());
    }
    Ok((errors, binary))
}
