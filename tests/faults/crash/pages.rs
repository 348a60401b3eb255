//! `site --out`, disturbed: each file is the old or the new one, and the next run ends it and clears what a kill left.

use super::{Story, torture};
use crate::support::rig::Rig;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const A: &str = "20181204T060000Z";
const B: &str = "20181205T060000Z";
const C: &str = "20181206T060000Z";

/// Every so manieth point is tried in the usual run.
const STRIDE: usize = 29;

/// The directory of the pages. Its path begins as that of the mirror does, so that its calls are counted as those of the mirror.
fn pages(rig: &Rig) -> PathBuf {
    rig.mirror("").with_file_name("mirror.pages")
}

fn site(rig: &Rig, out: &Path) {
    rig.ok(&["site", "--out", out.to_str().unwrap()]);
}

/// Returns a mirror that changed after its pages were written: some are to be replaced, one is to be added, one to be removed.
fn begin() -> Rig {
    let rig = Rig::new();
    rig.policy("keep: [{last: 1}]").builds([A, B]);
    site(&rig, &pages(&rig));
    site(&rig, &rig.work("../before"));
    for dir in [pages(&rig), rig.work("../before")] {
        fs::create_dir(dir.join("ended")).unwrap();
        fs::write(dir.join("ended/index.json"), "{\"index\":1,}").unwrap();
    }
    rig.ok(&["withdraw", &format!("master/centos/{A}"), "--why", "a test"]);
    let work = rig.work("").display().to_string();
    rig.ok(&["publish", &work, "--stream", "master/debian", "--build", C]);
    rig
}

fn command(rig: &Rig) -> Vec<String> {
    let out = pages(rig).display().to_string();
    ["--jobs", "1", "site", "--out", &out].map(str::to_owned).to_vec()
}

/// Returns the text of every file below a directory, by its path there.
fn files(dir: &Path) -> BTreeMap<String, String> {
    let (mut found, mut dirs) = (BTreeMap::new(), vec![dir.to_owned()]);
    while let Some(at) = dirs.pop() {
        for entry in fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                dirs.push(path);
            } else {
                let below = path.strip_prefix(dir).unwrap().to_str().unwrap().to_owned();
                let text = fs::read_to_string(path).unwrap();
                // How full the disk is changes by itself.
                let lines = text.split_inclusive('\n').filter(|line| !line.starts_with("<p class=\"disk\">"));
                found.insert(below, lines.collect());
            }
        }
    }
    found
}

/// Returns the pages as an undisturbed run writes them to an empty directory.
fn fresh(rig: &Rig) -> BTreeMap<String, String> {
    let out = rig.work("../fresh");
    site(rig, &out);
    files(&out)
}

/// Returns whether a page is one of these. A front page may also say what could not be read beside the builds; then it has of each
/// of these what could be.
fn is_one_of(text: &str, pages: &[&String]) -> bool {
    let frame = ["<section class=\"attention\"", "<h2 id=\"attention\"", "<ul>", "</ul>", "</section>"];
    let is_news =
        |line: &str| line.contains("(os error ") && !line.contains("<code>.mirrorkeep/builds</code>");
    let known: BTreeSet<&str> = pages.iter().flat_map(|page| page.lines()).collect();
    let added: Vec<&str> = text.lines().filter(|line| !known.contains(line)).collect();
    pages.iter().any(|page| text == *page)
        || added.iter().any(|line| is_news(line))
            && added.iter().all(|line| is_news(line) || frame.iter().any(|start| line.starts_with(start)))
}

fn visible(rig: &Rig) -> Result<(), String> {
    let (before, after, now) = (files(&rig.work("../before")), fresh(rig), files(&pages(rig)));
    for (path, text) in &now {
        let is_unfinished = path.rsplit('/').next().unwrap().starts_with(".mirrorkeep-");
        let these: Vec<&String> = before.get(path).into_iter().chain(after.get(path)).collect();
        if !is_unfinished && !is_one_of(text, &these) {
            let is_other = |line: &&str| !these.iter().any(|one| one.lines().any(|other| other == *line));
            return Err(format!(
                "{path} is another: {:?}",
                text.lines().filter(is_other).collect::<Vec<_>>()
            ));
        }
    }
    match before.keys().find(|path| after.contains_key(*path) && !now.contains_key(*path)) {
        Some(path) => Err(format!("{path} is missing")),
        None => Ok(()),
    }
}

/// Returns every file that is there or should be, and whether it is as an undisturbed run writes it.
fn end(rig: &Rig) -> Vec<String> {
    let (before, after, now) = (files(&rig.work("../before")), fresh(rig), files(&pages(rig)));
    let paths: BTreeSet<&String> = after.keys().chain(now.keys()).collect();
    let line = |path: &String| {
        let these: Vec<&String> = before.get(path).into_iter().chain(after.get(path)).collect();
        let says_why = |text: &String| text.contains("(os error ") && is_one_of(text, &these);
        let is_right = now.get(path).is_some_and(|text| Some(text) == after.get(path) || says_why(text));
        format!("{path} {}", if is_right { "is right" } else { "is not right" })
    };
    paths.into_iter().map(line).collect()
}

#[test]
fn pages_outside_that_are_cut_off_or_fail_anywhere_are_ended_by_the_next_run() {
    let rig = begin();
    site(&rig, &pages(&rig));
    let ended = end(&rig);
    assert!(ended.iter().all(|line| line.ends_with(" is right")), "{ended:?}");
    assert!(ended.iter().any(|line| line.starts_with("master/debian/")), "{ended:?}");
    let story = Story {
        name: "site --out",
        begin,
        command,
        fits: |code, said| match code {
            Some(1) => said.lines().any(|line| line.starts_with("error: ")),
            code => code == Some(0),
        },
        visible,
        again: |output| output.status.success(),
        end,
    };
    torture(&[story], STRIDE, 20);
}

#[test]
fn two_runs_for_one_directory_follow_each_other() {
    let rig = begin();
    let held = fs::File::open(pages(&rig)).unwrap();
    held.lock().unwrap();
    // A run that was killed left this.
    let unfinished = pages(&rig).join("master/.mirrorkeep-a1b2c3.tmp");
    fs::write(&unfinished, "<!doctype").unwrap();
    let out = pages(&rig).display().to_string();
    rig.fails(7, "another `mirrorkeep site --out` holds it", &["--wait", "0", "site", "--out", &out]);
    assert!(unfinished.exists(), "another run may be writing it");
    drop(held);
    rig.ok(&["site", "--out", &out]);
    assert!(!unfinished.exists());
}
