//! The shipped layouts against sample trees: every path has the place that the sample says, and so does the census.

use crate::support::rig::Rig;
use mirrorkeep::layout::{Layout, Place};
use mirrorkeep::model::RelPath;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;

/// One line of a sample.
#[derive(Debug)]
pub(crate) struct Line<'a> {
    pub(crate) place: &'a str,
    /// The rule that a stray breaks, and the nearest path.
    stray: Option<(&'a str, &'a str)>,
    pub(crate) path: &'a str,
    dir: bool,
    link: Option<&'a str>,
}

pub(crate) const SAMPLES: [(&str, &str); 6] = [
    ("generic", include_str!("../../fixtures/trees/generic.txt")),
    ("starlingx", include_str!("../../fixtures/trees/starlingx.txt")),
    ("starlingx-debian", include_str!("../../fixtures/trees/starlingx-debian.txt")),
    ("rdo-trunk", include_str!("../../fixtures/trees/rdo-trunk.txt")),
    ("fedora-compose", include_str!("../../fixtures/trees/fedora-compose.txt")),
    ("openstack-tarballs", include_str!("../../fixtures/trees/openstack-tarballs.txt")),
];

pub(crate) fn lines(sample: &str) -> impl Iterator<Item = Line<'_>> {
    sample.lines().filter(|line| !line.starts_with('#')).map(|line| {
        let (place, rest) = line.split_once(' ').unwrap();
        let rest = rest.trim_start();
        let (stray, rest) = if place == "stray" {
            let (rule, rest) = rest.split_once(' ').unwrap();
            let (path, nearest) = rest.trim_start().split_once(" ~ ").unwrap();
            (Some((rule, nearest)), path)
        } else {
            (None, rest)
        };
        let (path, link) = rest.split_once(" -> ").map_or((rest, None), |(path, link)| (path, Some(link)));
        Line { place, stray, path: path.trim_end_matches('/'), dir: path.ends_with('/'), link }
    })
}

pub(crate) fn layout(name: &str) -> Layout {
    Layout::load(Layout::shipped(name).unwrap(), name).unwrap()
}

#[test]
fn every_shipped_layout_has_a_sample() {
    let sampled: Vec<&str> = SAMPLES.iter().map(|(name, _)| *name).collect();
    assert_eq!(sampled, Layout::shipped_names().collect::<Vec<_>>());
}

#[test]
fn every_path_of_the_samples_has_its_place() {
    let mut wrong = Vec::new();
    for (name, sample) in SAMPLES {
        let layout = layout(name);
        for line in lines(sample) {
            let path: RelPath = line.path.parse().unwrap();
            let place = layout.place(&path);
            let mut fits = place.kind() == line.place;
            match &place {
                Place::Build { build } => fits &= layout.build_path(build).as_ref() == Ok(&path),
                Place::Stream { stream } => fits &= layout.stream_path(stream).as_ref() == Ok(&path),
                Place::Inside { build, rest, .. } => {
                    fits &= layout.build_path(build).unwrap().join(rest) == path;
                }
                Place::Stray(stray) => {
                    fits &= line.stray == Some((&stray.rule, stray.nearest.as_deref().unwrap_or_default()));
                }
                _ => {}
            }
            if !fits {
                wrong.push(format!("{name}: {}: {place:?}", line.path));
            }
            for above in path.ancestors().filter(|_| line.place == "build") {
                let kind = layout.place(&above).kind();
                if !["above", "stream"].contains(&kind) {
                    wrong.push(format!("{name}: {above} is {kind}, and a build lies below"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn links_of_the_samples_lead_to_something() {
    for (name, sample) in SAMPLES {
        let paths: Vec<&str> = lines(sample).map(|line| line.path).collect();
        for line in lines(sample) {
            let Some(link) = line.link else { continue };
            let target = line.path.parse::<RelPath>().unwrap().follow(link).unwrap();
            assert!(
                paths.iter().any(|path| path.starts_with(target.as_str())),
                "{name}: {} -> {link}",
                line.path
            );
        }
    }
}

#[test]
fn a_mirror_laid_down_as_the_samples_say_is_seen_so() {
    for (name, sample) in SAMPLES {
        let rig = Rig::new();
        let (mut builds, mut aliases, mut strays) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        let inside = |path: &str| {
            lines(sample).any(|l| l.place == "build" && path.starts_with(&format!("{}/", l.path)))
        };
        for line in lines(sample) {
            let at = rig.mirror(line.path);
            fs::create_dir_all(at.parent().unwrap()).unwrap();
            match (line.link, line.dir) {
                (Some(link), _) => symlink(link, &at).unwrap(),
                (None, true) => fs::create_dir_all(&at).unwrap(),
                (None, false) => fs::write(&at, content(line.path)).unwrap(),
            }
            match line.place {
                "build" => drop(builds.insert(line.path.to_owned())),
                "stray" if !inside(line.path) => drop(strays.insert(line.path.to_owned())),
                _ if line.link.is_some() && !inside(line.path) && line.place != "declared" => {
                    aliases.insert(line.path.to_owned());
                }
                _ => {}
            }
        }
        rig.ok(&["init", "--layout", name]);
        let census = rig.json(&["census"]);
        let seen: BTreeSet<String> = rig.json(&["list"])["builds"]
            .as_array()
            .unwrap()
            .iter()
            .map(|build| {
                assert!(build["problem"].is_null(), "{name}: {build}");
                build["path"].as_str().unwrap().to_owned()
            })
            .collect();
        assert_eq!(seen, builds, "{name}");
        let paths = |list: &str| {
            census[list]
                .as_array()
                .unwrap()
                .iter()
                .map(|one| {
                    assert!(
                        one["problem"].is_null() || one["path"].as_str().unwrap().contains("declared"),
                        "{name}: {one}"
                    );
                    one["path"].as_str().unwrap().to_owned()
                })
                .collect::<BTreeSet<String>>()
        };
        let declared = |path: &String| layout(name).place(&path.parse().unwrap()).kind() != "declared";
        assert_eq!(paths("aliases").into_iter().filter(declared).collect::<BTreeSet<_>>(), aliases, "{name}");
        checked_so(name, sample, &rig);
        // A directory without a place stands for all that lies in it.
        for stray in paths("strays") {
            assert!(strays.iter().any(|path| path.starts_with(&stray)), "{name}: {stray}");
        }
        for stray in &strays {
            assert!(
                paths("strays").iter().any(|seen| stray.starts_with(seen)),
                "{name}: {stray} is not seen"
            );
        }
    }
}

/// Asserts that a check finds every stray of a sample, and nothing that has a place.
fn checked_so(name: &str, sample: &str, rig: &Rig) {
    const OF_PLACES: [&str; 12] = [
        "unknown-class",
        "unknown-distro",
        "unknown-phase",
        "unknown-artifact",
        "unknown-name",
        "unknown-beside",
        "misfiled",
        "raw-branch",
        "wrong-depth",
        "build-name",
        "stamp-not-utc",
        "marker-spelling",
    ];
    let strays: Vec<&str> = lines(sample).filter(|l| l.place == "stray").map(|l| l.path).collect();
    let output = rig.run(&["check", "--format", "json"]);
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let found: Vec<(String, String)> = (answer["findings"].as_array().unwrap().iter())
        .map(|found| (text(&found["code"]), text(&found["path"])))
        .collect();
    for (code, path) in found.iter().filter(|(code, _)| OF_PLACES.contains(&code.as_str())) {
        assert!(strays.iter().any(|stray| stray.starts_with(path)), "{name}: {code} at {path}");
    }
    let others = ["alias-unknown", "link-into-build", "link-dangling", "wrong-kind", "stamp-impossible"];
    let of_strays: Vec<_> = (found.iter())
        .filter(|(code, _)| OF_PLACES.contains(&code.as_str()) || others.contains(&code.as_str()))
        .collect();
    for stray in strays {
        assert!(of_strays.iter().any(|(_, path)| stray.starts_with(path)), "{name}: {stray} is not found");
    }
}

/// Returns what a file of a sample holds.
fn content(path: &str) -> String {
    match path.rsplit('/').next().unwrap() {
        "commit.yaml" if path.contains("/01/0b/") => {
            "commits:\n- {dt_build: '1541400000', status: FAILED}\n".to_owned()
        }
        "commit.yaml" => "commits:\n- {dt_build: '1541500000', status: SUCCESS}\n".to_owned(),
        "STATUS" => "FINISHED\n".to_owned(),
        name => name.to_owned(),
    }
}
