//! The section `readers` of `mirror.yaml`: what readers of names get beyond the names.

use crate::layout::Declared;
use crate::model::{RelPath, unprintable};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Where public files are unless the settings say it.
pub const READERS: &str = "readers";

/// The largest number of builds of a list.
const MOST: usize = 64;

/// What readers of names get.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "the keys `url`, `newest`, `path`, `for`, `out` and `reload`, such as `{url: https://mirror.example.org}`"
)]
pub struct ReadersConfig {
    /// The public address of the mirror's root; lists and repository files need it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// How many builds a list has at most.
    #[serde(default = "newest")]
    pub newest: usize,
    /// The directory of the public files in the mirror.
    #[serde(default = "readers")]
    pub path: RelPath,
    /// For which server rules are written, `nginx` or `apache`.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// The file of the rules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub out: Option<PathBuf>,
    /// The command, without a shell, that makes the server read the file.
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
    /// How many builds a list has at most unless the settings say it.
    pub const NEWEST: usize = 4;

    /// Returns the public address without a slash at its end.
    pub fn address(&self) -> Option<&str> {
        self.url.as_deref().map(|url| url.trim_end_matches('/'))
    }

    /// Returns what cannot be used, each with its key; `directory` says whether the mirror is one.
    pub(super) fn problems(&self, directory: bool) -> Vec<(&'static str, String)> {
        let mut problems = Vec::new();
        if let Some(url) = &self.url {
            let web = url::Url::parse(url).is_ok_and(|read| {
                matches!(read.scheme(), "http" | "https")
                    && read.query().is_none()
                    && read.fragment().is_none()
            });
            let plain = url.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"'\\$[]".contains(&byte));
            if !web || !plain {
                problems.push((
                    "url",
                    format!("`{url}` is not an address such as `https://mirror.example.org/pub`"),
                ));
            }
        }
        if !(1..=MOST).contains(&self.newest) {
            problems.push(("newest", format!("{} is not a number from 1 to {MOST}", self.newest)));
        }
        if let Err(why) = Declared::parse(&glob::Pattern::escape(self.path.as_str())) {
            problems.push(("path", why));
        } else if unprintable(self.path.as_str()).is_some() {
            problems.push(("path", "a printable path is accepted".to_owned()));
        }
        if let Some(server) = self.server.as_deref().filter(|server| !matches!(*server, "nginx" | "apache")) {
            problems.push((
                "for",
                format!("`{server}` is not a server with rules; `nginx` and `apache` are accepted"),
            ));
        }
        if !directory {
            // Settings of a bucket must not run commands or write files on the machine of whoever opens it.
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
                "an absolute path is accepted, such as `/etc/nginx/mirrorkeep-readers.inc`".to_owned(),
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
