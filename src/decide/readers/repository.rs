//! The package repositories of a build, by the paths of its files.

use crate::model::RelPath;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The index of an RPM repository.
const REPOMD: &str = "repodata/repomd.xml";

/// A package repository of a build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Repository {
    /// Its directory in the build.
    pub path: RelPath,
    /// Its clients.
    pub kind: Kind,
}

/// The clients of a repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// dnf and similar programs.
    Rpm,
    /// apt: the components of each suite.
    Deb(BTreeMap<String, BTreeSet<String>>),
}

/// Returns the repositories among the files of a build, sorted by path.
pub fn repositories<'a>(files: impl Iterator<Item = &'a RelPath>) -> Vec<Repository> {
    let mut rpm: BTreeSet<RelPath> = BTreeSet::new();
    // The names below `dists`, by its directory.
    let mut below: BTreeMap<RelPath, Vec<Vec<String>>> = BTreeMap::new();
    for file in files {
        let text = file.as_str();
        if let Some(above) = text.strip_suffix(REPOMD)
            && (above.is_empty() || above.ends_with('/'))
        {
            rpm.extend(above.trim_end_matches('/').parse::<RelPath>());
        } else if text.starts_with("dists/") || text.contains("/dists/") {
            let names: Vec<&str> = file.names().collect();
            let at = names.iter().position(|name| *name == "dists").unwrap_or_default();
            let (above, rest) = names.split_at(at);
            if let Ok(path) = above.join("/").parse() {
                let rest = rest.iter().skip(1).map(|name| (*name).to_owned()).collect();
                below.entry(path).or_default().push(rest);
            }
        }
    }
    let rpm = rpm.into_iter().map(|path| Repository { path, kind: Kind::Rpm });
    let deb = below.into_iter().filter_map(|(path, files)| {
        let suites = suites(&files);
        (!suites.is_empty()).then_some(Repository { path, kind: Kind::Deb(suites) })
    });
    let mut all: Vec<Repository> = rpm.chain(deb).collect();
    all.sort_by(|a, b| a.path.cmp(&b.path));
    all
}

/// Returns the suites below `dists`, and the components that have lists of packages.
fn suites(files: &[Vec<String>]) -> BTreeMap<String, BTreeSet<String>> {
    let is_index = |name: &String| name.starts_with("binary-") || name == "source" || name == "by-hash";
    let mut suites: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for names in files {
        if let [suite @ .., last] = names.as_slice()
            && !suite.is_empty()
            && matches!(&**last, "Release" | "InRelease")
            && !suite.iter().any(is_index)
            && suite.iter().all(|name| plain(name))
        {
            suites.entry(suite.join("/")).or_default();
        }
    }
    for names in files {
        let Some(at) = names.iter().position(|name| name.starts_with("binary-")) else { continue };
        let above = names.get(..at).unwrap_or_default();
        // The longest suite: `stable/updates` has components of its own beside those of `stable`.
        let suite = (1..above.len()).rev().find_map(|length| {
            let suite = above.get(..length)?.join("/");
            suites.contains_key(&suite).then_some((suite, length))
        });
        if let Some((suite, length)) = suite
            && let Some(component) = above.get(length..)
            && component.iter().all(|name| plain(name))
            && let Some(known) = suites.get_mut(&suite)
        {
            known.insert(component.join("/"));
        }
    }
    suites
}

/// Returns whether a name can be a word in a file for apt.
fn plain(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._+~".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[&str]) -> Vec<String> {
        let paths: Vec<RelPath> = files.iter().map(|file| file.parse().unwrap()).collect();
        let shown = |found: Repository| match found.kind {
            Kind::Rpm => format!("rpm {}", found.path.as_str()),
            Kind::Deb(suites) => format!("deb {} {suites:?}", found.path.as_str()),
        };
        repositories(paths.iter()).into_iter().map(shown).collect()
    }

    #[test]
    fn repositories_are_found_by_their_indexes() {
        assert_eq!(
            found(&["repodata/repomd.xml", "a/b/repodata/repomd.xml", "x-repodata/repomd.xml", "a.rpm"]),
            ["rpm ", "rpm a/b"]
        );
        let files = [
            "apt/dists/stable/InRelease",
            "apt/dists/stable/Release",
            "apt/dists/stable/main/binary-amd64/Packages.gz",
            "apt/dists/stable/main/binary-amd64/Release",
            "apt/dists/stable/extra/part/binary-all/Packages",
            "apt/dists/stable/updates/Release",
            "apt/dists/stable/updates/main/binary-amd64/Packages",
            "apt/dists/odd name/Release",
            "dists/unstable/main/binary-amd64/Packages",
        ];
        assert_eq!(
            found(&files),
            ["deb apt {\"stable\": {\"extra/part\", \"main\"}, \"stable/updates\": {\"main\"}}"]
        );
    }
}
