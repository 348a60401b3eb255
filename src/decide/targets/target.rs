//! A target: where a copy is, what it gets, and how long it may be behind.

use super::rate::Rate;
use crate::decide::policy::{Span, fits};
use crate::model::{Digest, Stream};
use glob::Pattern;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// What a targets.yaml means.
#[derive(Debug, Clone)]
pub struct Targets {
    pub(super) text: Arc<str>,
    /// How many are brought up to date at once.
    pub at_once: usize,
    /// The targets, in the order of the file.
    pub to: Vec<Target>,
}

/// A copy of the mirror.
#[derive(Debug, Clone)]
pub struct Target {
    /// Its name.
    pub name: String,
    /// How it is reached.
    pub way: Way,
    /// The streams that it gets; all where empty.
    pub streams: Vec<Pattern>,
    /// Whether it gets the files of the site and for readers.
    pub pages: bool,
    /// The most bytes a second that are sent.
    pub bandwidth: Option<Rate>,
    /// For how long nothing may arrive.
    pub stall: Duration,
    /// The file that has the password of an rsync daemon.
    pub password_file: Option<PathBuf>,
    /// The name of its trace.
    pub trace: String,
    /// Whether the mirror needs it.
    pub required: bool,
    /// For how long it may be behind.
    pub alarm: Span,
}

/// How a target is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// A directory of this machine.
    Directory(PathBuf),
    /// An address of rsync, without a slash at its end.
    Rsync(String),
    /// Another mirror that mirrorkeep keeps.
    Mirror(String),
    /// The public address of a mirror that others bring up to date.
    Http(Url),
}

impl Targets {
    /// Returns the YAML they were read from.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the target of a name.
    pub fn named(&self, name: &str) -> Option<&Target> {
        self.to.iter().find(|target| target.name == name)
    }
}

impl Target {
    /// Returns whether it gets the builds of a stream.
    pub fn gets(&self, stream: &Stream) -> bool {
        self.streams.is_empty() || self.streams.iter().any(|pattern| fits(pattern, stream.as_str()))
    }

    /// Returns what stands for its address: a target whose address changed is another one.
    pub fn address(&self) -> Digest {
        let (key, text) = (self.way.key(), self.way.shown());
        Digest::of(format!("{key} {text}").as_bytes())
    }
}

impl Way {
    /// Returns the key of the file.
    pub fn key(&self) -> &'static str {
        match self {
            Self::Directory(_) => "directory",
            Self::Rsync(_) => "rsync",
            Self::Mirror(_) => "mirror",
            Self::Http(_) => "http",
        }
    }

    /// Returns the address for people.
    pub fn shown(&self) -> String {
        match self {
            Self::Directory(dir) => dir.display().to_string(),
            Self::Rsync(address) | Self::Mirror(address) => address.clone(),
            Self::Http(url) => url.to_string(),
        }
    }
}

/// The verbs below `sync` and the word for every target, which are no names.
const VERBS: [&str; 4] = ["lint", "schema", "help", "all"];

/// The most characters of a name.
const LONGEST: usize = 64;

/// Returns why a text is not the name of a target.
pub fn target_name(text: &str) -> Result<(), String> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
    let begins = text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    if !begins || text.len() > LONGEST || !text.chars().all(plain) {
        let shown: String = text.chars().take(LONGEST).flat_map(char::escape_debug).collect();
        return Err(format!(
            "`{shown}` is not a name of a target; at most {LONGEST} lower-case letters, digits, `-` and `_` are accepted"
        ));
    }
    if VERBS.contains(&text) {
        return Err(format!("`{text}` is a word of `sync`; another name is accepted"));
    }
    Ok(())
}
