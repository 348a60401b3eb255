//! The public files of an alias: its target, and the lists that dnf and apt read.
//!
//! A list names the current build first, so a client reads new indexes from it; a package that only an earlier build
//! has is found in that one. Every text depends on its arguments alone.

use super::repository::{Kind, Repository};
use crate::decide::policy::Span;
use crate::model::{BuildId, Digest, Outcome, RelPath, Stamp, url_path};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeSet;
use std::fmt::Write;

/// The first line of every text file.
const MARK: &str = "# Written by mirrorkeep";

/// Where public files are, and the public address of the mirror.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The directory of the public files in the mirror.
    pub dir: &'a RelPath,
    /// The address of the mirror's root, without a slash at its end.
    pub url: Option<&'a str>,
}

/// The facts about a build beyond its name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    /// The digest of its SHA256SUMS.
    pub sums: Option<Digest>,
    /// When it was made.
    pub created: Option<Stamp>,
    /// Its result.
    pub result: Outcome,
    /// Its package repositories.
    pub repositories: Vec<Repository>,
}

/// A build of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The ID of the build.
    pub build: BuildId,
    /// Its path in the mirror.
    pub path: RelPath,
}

/// One public file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicFile {
    /// Its path in the mirror.
    pub path: RelPath,
    /// Its contents.
    pub text: String,
}

/// Returns whether mirrorkeep wrote a file.
pub fn is_ours(bytes: &[u8]) -> bool {
    bytes.starts_with(MARK.as_bytes()) || bytes.starts_with(b"{\n  \"readers\": 1,")
}

/// Returns the public files of an alias, whose list begins with the current build.
pub fn public_files(
    place: Place<'_>,
    name: &RelPath,
    list: &[Listed],
    facts: &Facts,
    grace: Span,
) -> Vec<PublicFile> {
    let mut files = Vec::new();
    // An alias whose name is too long for a file system has no files.
    let mut add = |below: &str, text: String| {
        let path = place.dir.child(below);
        files.extend(path.ok().map(|path| PublicFile { path, text }));
    };
    let name = name.as_str();
    add(&format!("{name}.json"), pointer(place, name, list, facts));
    let Some(url) = place.url else { return files };
    let by_apt: BTreeSet<&RelPath> = deb(facts).map(|(path, _)| path).collect();
    let rpm: BTreeSet<&RelPath> = rpm(facts).collect();
    add(
        &format!("{name}/mirrorlist"),
        mirrorlist(url, list, &RelPath::root(), by_apt.contains(&RelPath::root())),
    );
    for path in by_apt.union(&rpm).filter(|path| !path.is_root()) {
        let ranked = by_apt.contains(*path) && !rpm.contains(*path);
        add(&format!("{name}/{}/mirrorlist", path.as_str()), mirrorlist(url, list, path, ranked));
    }
    let lists = |path: &RelPath| {
        let dir = place.dir.as_str().parse::<RelPath>().unwrap_or_default();
        let dir = dir.child(name).unwrap_or_default().join(path);
        format!("{url}{}/mirrorlist", url_path(&dir))
    };
    if !rpm.is_empty() {
        add(&format!("{name}.repo"), repo(name, &rpm, grace, lists));
    }
    if !by_apt.is_empty() {
        add(&format!("{name}.sources"), sources(name, facts, lists));
    }
    files
}

fn rpm(facts: &Facts) -> impl Iterator<Item = &RelPath> {
    facts.repositories.iter().filter(|found| found.kind == Kind::Rpm).map(|found| &found.path)
}

type Suites = std::collections::BTreeMap<String, BTreeSet<String>>;

fn deb(facts: &Facts) -> impl Iterator<Item = (&RelPath, &Suites)> {
    facts.repositories.iter().filter_map(|found| match &found.kind {
        Kind::Deb(suites) => Some((&found.path, suites)),
        Kind::Rpm => None,
    })
}

/// The file with the target of an alias.
#[derive(Serialize)]
struct Pointer<'a> {
    readers: u32,
    alias: &'a str,
    build: Option<&'a BuildId>,
    path: Option<&'a RelPath>,
    url: Option<String>,
    created: Option<Stamp>,
    result: Outcome,
    sums: Option<Digest>,
    earlier: Vec<serde_json::Value>,
}

/// Returns the target of an alias, and the earlier builds of its list.
fn pointer(place: Place<'_>, name: &str, list: &[Listed], facts: &Facts) -> String {
    let one = |listed: &Listed| {
        let url = place.url.map(|url| format!("{url}{}/", url_path(&listed.path)));
        json!({"build": listed.build, "path": listed.path, "url": url})
    };
    let current = list.first();
    let pointer = Pointer {
        readers: 1,
        alias: name,
        build: current.map(|current| &current.build),
        path: current.map(|current| &current.path),
        url: current.zip(place.url).map(|(current, url)| format!("{url}{}/", url_path(&current.path))),
        created: facts.created,
        result: facts.result,
        sums: facts.sums,
        earlier: list.iter().skip(1).map(one).collect(),
    };
    // Plain data always serializes.
    serde_json::to_string_pretty(&pointer).unwrap_or_default() + "\n"
}

/// Returns the addresses of a directory in the builds of a list, newest first; for apt with their order, which is
/// random otherwise.
fn mirrorlist(url: &str, list: &[Listed], below: &RelPath, ranked: bool) -> String {
    let mut text =
        format!("{MARK}: the newest build first, then those that the alias left a short time ago.\n");
    for (nth, listed) in list.iter().enumerate() {
        text.push_str(&format!("{url}{}/", url_path(&listed.path.join(below))));
        text.push_str(&if ranked { format!("\tpriority:{}\n", nth + 1) } else { "\n".to_owned() });
    }
    text
}

/// Returns a file for /etc/yum.repos.d with a section for each RPM repository.
fn repo(name: &str, paths: &BTreeSet<&RelPath>, grace: Span, lists: impl Fn(&RelPath) -> String) -> String {
    // Half of the grace: a client whose metadata has just not expired has the same time again to download.
    let expire = (grace.seconds() / 2).clamp(1, 24 * 3600);
    let mut text = format!(
        "{MARK}, for /etc/yum.repos.d: the RPM repositories of {name}.
# The policy keeps a build for {grace} after the alias left it (superseded_grace). dnf must forget its lists before that,
# so metadata_expire is shorter. Add gpgcheck and gpgkey as your packages are signed.
"
    );
    let mut known = BTreeSet::new();
    for path in paths {
        let shown = format!("{name}/{}", path.as_str());
        let shown = shown.trim_end_matches('/');
        let plain = |c: char| if c.is_ascii_alphanumeric() || "_.".contains(c) { c } else { '-' };
        let id: String = shown.chars().map(plain).collect();
        let numbered = (2..).map(|number| format!("{id}-{number}"));
        let id =
            std::iter::once(id.clone()).chain(numbered).find(|id| !known.contains(id)).unwrap_or_default();
        // The name is shown to people; dnf expands variables in it.
        let title: String = shown.chars().filter(|c| !"$[]\\".contains(*c)).collect();
        let list = lists(path);
        // Writing to a string cannot fail.
        write!(text, "\n[{id}]\nname={title}\nmirrorlist={list}\nmetadata_expire={expire}\nenabled=1\n").ok();
        known.insert(id);
    }
    text
}

/// Returns a file for /etc/apt/sources.list.d with an entry for each suite of each apt repository.
fn sources(name: &str, facts: &Facts, lists: impl Fn(&RelPath) -> String) -> String {
    let mut text = format!(
        "{MARK}, for /etc/apt/sources.list.d: the apt repositories of {name}.
# Add Signed-By with the key of the repository; without a signature apt accepts it only with `Trusted: yes`.
"
    );
    for (path, suites) in deb(facts) {
        for (suite, components) in suites.iter().filter(|(_, components)| !components.is_empty()) {
            let components: Vec<&str> = components.iter().map(String::as_str).collect();
            let (list, components) = (lists(path), components.join(" "));
            write!(text, "\nTypes: deb\nURIs: mirror+{list}\nSuites: {suite}\nComponents: {components}\n")
                .ok();
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::readers::repositories;

    const URL: &str = "https://mirror.example.org/pub";

    fn path(text: &str) -> RelPath {
        text.parse().unwrap()
    }

    fn listed(name: &str) -> Listed {
        let build: BuildId = format!("m/c/{name}").parse().unwrap();
        Listed { path: build.as_path(), build }
    }

    fn files(url: Option<&str>, name: &str, repositories: Vec<Repository>) -> Vec<PublicFile> {
        let facts = Facts { repositories, result: Outcome::Success, ..Facts::default() };
        let dir = path("readers");
        let list = ["20180102T000000Z", "20180101T000000Z"].map(listed);
        public_files(Place { dir: &dir, url }, &path(name), &list, &facts, Span::hours(48))
    }

    #[test]
    fn a_name_has_a_pointer_and_with_an_address_a_list() {
        let files = files(None, "m/c/latest", vec![]);
        assert_eq!(
            files.iter().map(|file| file.path.as_str()).collect::<Vec<_>>(),
            ["readers/m/c/latest.json"]
        );
        assert!(is_ours(files[0].text.as_bytes()));
        let files = super::tests::files(Some(URL), "m/c/latest", vec![]);
        let read: serde_json::Value = serde_json::from_str(&files[0].text).unwrap();
        assert_eq!(read["url"], "https://mirror.example.org/pub/m/c/20180102T000000Z/");
        assert_eq!(read["earlier"][0]["build"], "m/c/20180101T000000Z");
        let list = files.iter().find(|file| file.path.as_str() == "readers/m/c/latest/mirrorlist").unwrap();
        let lines: Vec<&str> = list.text.lines().skip(1).collect();
        assert_eq!(
            lines,
            [
                "https://mirror.example.org/pub/m/c/20180102T000000Z/",
                "https://mirror.example.org/pub/m/c/20180101T000000Z/"
            ]
        );
    }

    #[test]
    fn repositories_have_lists_and_files_for_their_clients() {
        let paths = [
            "a b/repodata/repomd.xml",
            "a+b/repodata/repomd.xml",
            "apt/dists/stable/Release",
            "apt/dists/stable/main/binary-amd64/Packages",
        ];
        let paths: Vec<RelPath> = paths.map(path).to_vec();
        let files = files(Some(URL), "m/c/$x [1]", repositories(paths.iter()));
        let text = |at: &str| &files.iter().find(|file| file.path.as_str() == at).unwrap().text;
        let repo = text("readers/m/c/$x [1].repo");
        for line in [
            "[m-c--x--1--a-b]",
            "[m-c--x--1--a-b-2]",
            "name=m/c/x 1/a b",
            "mirrorlist=https://mirror.example.org/pub/readers/m/c/%24x%20%5B1%5D/a%20b/mirrorlist",
            "metadata_expire=86400",
        ] {
            assert!(repo.lines().any(|found| found == line), "{line}: {repo}");
        }
        let sources = text("readers/m/c/$x [1].sources");
        assert!(sources.contains("URIs: mirror+https://mirror.example.org/pub/readers/m/c/%24x%20%5B1%5D/apt/mirrorlist\nSuites: stable\nComponents: main\n"), "{sources}");
        let list = text("readers/m/c/$x [1]/apt/mirrorlist");
        assert!(list.ends_with("20180101T000000Z/apt/\tpriority:2\n"), "{list}");
        assert!(files.iter().all(|file| is_ours(file.text.as_bytes())));
    }
}
