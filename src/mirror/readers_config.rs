//! The section `readers` of `mirror.yaml`: additional files for readers of aliases.

use crate::layout::Declared;
use crate::model::{RelPath, unprintable};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The default directory of public files.
pub const READERS: &str = "readers";

/// The largest number of builds of a list.
const MOST: usize = 64;

/// Additional files for readers of aliases.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "the keys `url`, `newest`, `path`, `for`, `out` and `reload`, such as `{url: https://mirror.example.org}`"
)]
pub struct ReadersConfig {
    /// The public address of the mirror's root; lists and repository files need it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The maximum number of builds of a list.
    #[serde(default = "newest")]
    pub newest: usize,
    /// The directory of the public files in the mirror.
    #[serde(default = "readers")]
    pub path: RelPath,
    /// The server for which rules are written, `nginx` or `apache`.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// The file of the rules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub out: Option<PathBuf>,
    /// The command, without a shell, that makes the server load the file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reload: Vec<String>,
}

fn newest() -> usize {
    ReadersConfig::NEWEST
}

fn readers() -> RelPath {
    READERS.parse().unwrap_or_default()
}

impl ReadersConfig {
    /// The default maximum number of builds of a list.
    pub const NEWEST: usize = 4;

    /// Returns the public address without a slash at its end.
    pub fn address(&self) -> Option<&str> {
        self.url.as_deref().map(|url| url.trim_end_matches('/'))
    }

    /// Returns what is invalid, each with its key; `directory` is whether the mirror is one.
    pub(super) fn problems(&self, directory: bool) -> Vec<(&'static str, String)> {
        let mut problems = Vec::new();
        if let Some(url) = &self.url {
            problems.extend(not_an_address(url).map(|why| ("url", why)));
        }
        if !(1..=MOST).contains(&self.newest) {
            problems.push(("newest", format!("{} is not a number from 1 to {MOST}", self.newest)));
        }
        problems.extend(not_a_place(&self.path).map(|why| ("path", why)));
        if let Some(server) = self.server.as_deref().filter(|server| !matches!(*server, "nginx" | "apache")) {
            problems.push((
                "for",
                format!("`{server}` is not a server with rules; `nginx` and `apache` are accepted"),
            ));
        }
        if !directory {
            // Settings of a bucket must not run commands or write files on the machine of a user who opens it.
            let keys = [("out", self.out.is_some()), ("reload", !self.reload.is_empty())];
            for (key, _) in keys.into_iter().filter(|(_, given)| *given) {
                let why = "it is accepted for a mirror in a directory only; run `mirrorkeep export readers --for nginx --out FILE` on the server";
                problems.push((key, why.to_owned()));
            }
            return problems;
        }
        if self.out.is_some() != self.server.is_some() {
            let (key, other) = if self.out.is_some() { ("out", "for") } else { ("for", "out") };
            problems.push((key, format!("it needs `{other}`, too")));
        }
        if self.out.as_ref().is_some_and(|out| !out.is_absolute()) {
            problems.push((
                "out",
                "an absolute path is accepted, such as `/var/lib/mirrorkeep/nginx-readers.inc`".to_owned(),
            ));
        }
        if !self.reload.is_empty() && self.out.is_none() {
            problems.push(("reload", "it needs `out`, the file that the server reads".to_owned()));
        }
        if self.reload.first().is_some_and(String::is_empty) {
            problems.push(("reload", "the first word is the program, such as `nginx`".to_owned()));
        }
        problems
    }
}

/// Returns why a text is not the public address of a mirror.
pub(super) fn not_an_address(url: &str) -> Option<String> {
    let web = url::Url::parse(url).is_ok_and(|read| {
        let anyone = read.username().is_empty() && read.password().is_none();
        let whole = read.query().is_none() && read.fragment().is_none();
        matches!(read.scheme(), "http" | "https") && anyone && whole
    });
    let plain = url.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"'\\$[]".contains(&byte));
    (!web || !plain).then(|| format!("`{url}` is not an address such as `https://mirror.example.org/pub`"))
}

/// Returns why a directory of public files cannot be beside that of another section, `key`.
pub(super) fn in_the_way(path: &RelPath, other: &RelPath, key: &str) -> Option<String> {
    let meets = path.is_within(other) || other.is_within(path);
    meets.then(|| format!("`{path}` and `{key}.path` (`{other}`) are in each other's way"))
}

/// Returns why public files cannot be in a directory.
pub(super) fn not_a_place(path: &RelPath) -> Option<String> {
    match Declared::parse(&glob::Pattern::escape(path.as_str())) {
        Err(why) => Some(why),
        Ok(_) => unprintable(path.as_str()).map(|_| "a printable path is accepted".to_owned()),
    }
}
