//! Parsing the gates of a pipeline, and the commands and images that a stage carries.

use super::gate::{CarriedRun, Closure, Gate, GateCheck};
use super::images::CarriedImages;
use super::loading::Loading;
use super::schema::{ClosureFile, GateFile, ImagesFile, RunFile, SignatureFile};
use crate::model::registry::Address;
use crate::model::{RelPath, job_name, unprintable};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// The maximum number of gates of a pipeline: their logs are in one file for each build.
const MOST: usize = 32;

/// The default time limit of a gate.
const GATE_LIMIT: Duration = Duration::from_mins(30);

/// The default time limit of a carried command, during which the mirror is locked.
const RUN_LIMIT: Duration = Duration::from_mins(5);

impl Loading<'_> {
    pub(super) fn gates(&mut self, raw: &BTreeMap<String, GateFile>) -> Vec<Gate> {
        if raw.len() > MOST {
            self.problem("gates", format!("{} gates; at most {MOST} are accepted", raw.len()));
        }
        raw.iter().filter_map(|(name, gate)| self.gate(&format!("gates.{name}"), name, gate)).collect()
    }

    fn gate(&mut self, at: &str, name: &str, raw: &GateFile) -> Option<Gate> {
        if let Err(why) = job_name(name) {
            self.problem(at, why);
        }
        let checks =
            [raw.run.is_some(), raw.verify.is_some(), raw.signature.is_some(), raw.closure.is_some()];
        if checks.iter().filter(|given| **given).count() != 1 {
            self.problem(at, "exactly one of `run`, `verify`, `signature` and `closure` is accepted");
            return None;
        }
        if raw.verify == Some(false) {
            self.problem(&format!("{at}.verify"), "`true` is accepted");
        }
        let check = match raw {
            GateFile { run: Some(words), .. } => {
                self.words(&format!("{at}.run"), words);
                GateCheck::Run(words.clone())
            }
            GateFile { signature: Some(keys), .. } => self.signature(&format!("{at}.signature"), keys),
            GateFile { closure: Some(closure), .. } => {
                GateCheck::Closure(self.closure(&format!("{at}.closure"), closure))
            }
            _ => GateCheck::Verify,
        };
        let has_limit = matches!(check, GateCheck::Run(_) | GateCheck::Closure(_));
        if raw.timeout.is_some() && !has_limit {
            self.problem(&format!("{at}.timeout"), "only gates with `run` or `closure` have a time limit");
        }
        let limit = raw.timeout.map_or(GATE_LIMIT, |limit| limit.0);
        Some(Gate { name: name.to_owned(), check, limit })
    }

    pub(super) fn carried_images(&mut self, at: &str, raw: &ImagesFile) -> Option<CarriedImages> {
        let from = self.address(&format!("{at}.from"), &raw.from);
        let to: Vec<Option<Address>> = (raw.to.iter().enumerate())
            .map(|(index, to)| self.address(&format!("{at}.to[{index}]"), to))
            .collect();
        if raw.to.is_empty() {
            self.problem(&format!("{at}.to"), "no registry; at least one is expected");
        }
        for (index, tag) in raw.tag.iter().enumerate() {
            if let Some(why) = CarriedImages::refuses(tag) {
                self.problem(&format!("{at}.tag[{index}]"), why);
            }
        }
        if !raw.tag.iter().any(|tag| CarriedImages::is_fixed(tag)) {
            let why = "no fixed tag, and registries delete images without a tag; one with `{build}` or `{tag}` is expected";
            self.problem(&format!("{at}.tag"), why);
        }
        Some(CarriedImages {
            from: from?,
            to: to.into_iter().collect::<Option<_>>()?,
            tags: raw.tag.clone(),
            only: raw.only.clone(),
        })
    }

    fn address(&mut self, at: &str, text: &str) -> Option<Address> {
        text.parse().map_err(|error| self.problem(at, format!("{error}"))).ok()
    }

    fn signature(&mut self, at: &str, raw: &SignatureFile) -> GateCheck {
        if raw.keyrings.is_empty() && raw.minisign.is_empty() {
            self.problem(at, "no key; at least one of `keyrings` and `minisign` is expected");
        }
        for (index, file) in raw.keyrings.iter().enumerate() {
            if !file.starts_with('/') {
                let why = format!("`{file}` is not an absolute path, such as `/etc/pki/releases.gpg`");
                self.problem(&format!("{at}.keyrings[{index}]"), why);
            }
        }
        GateCheck::Signature {
            keyrings: raw.keyrings.iter().map(PathBuf::from).collect(),
            minisign: raw.minisign.clone(),
        }
    }

    fn closure(&mut self, at: &str, raw: &ClosureFile) -> Closure {
        let mut repos = Vec::new();
        for (index, text) in raw.repos.iter().enumerate() {
            let here = format!("{at}.repos[{index}]");
            match text.parse::<RelPath>() {
                _ if text == "." => repos.push(RelPath::root()),
                Ok(path) => repos.push(path),
                Err(error) => self.problem(&here, format!("{error}")),
            }
        }
        if raw.repos.is_empty() {
            self.problem(&format!("{at}.repos"), "no directory; `.` is the build itself");
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        for (name, url) in &raw.with {
            let here = format!("{at}.with.{name}");
            if name.is_empty() || !name.chars().all(plain) || name.starts_with(['-', '.']) {
                self.problem(&here, format!("`{name}` is not a name of a repository, such as `baseos`"));
            }
            let known =
                url::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https" | "file"));
            if !known || unprintable(url).is_some() {
                self.problem(
                    &here,
                    format!("`{}` is not a URL with http, https or file", url.escape_debug()),
                );
            }
        }
        let word = |text: &String| !text.is_empty() && text.chars().all(|c| plain(c) || c == ':');
        for (index, arch) in raw.arch.iter().enumerate().filter(|(_, arch)| !word(arch)) {
            self.problem(&format!("{at}.arch[{index}]"), format!("`{arch}` is not an architecture"));
        }
        if let Some(platform) = raw.platform.as_ref().filter(|platform| !word(platform)) {
            let why = format!("`{platform}` is not a platform, such as `platform:el9`");
            self.problem(&format!("{at}.platform"), why);
        }
        Closure {
            repos,
            with: raw.with.clone(),
            arch: raw.arch.clone(),
            newest: raw.newest,
            platform: raw.platform.clone(),
        }
    }

    pub(super) fn carried_run(&mut self, at: &str, raw: &RunFile) -> CarriedRun {
        for (key, words) in [("apply", &raw.apply), ("undo", &raw.undo)] {
            self.words(&format!("{at}.{key}"), words);
        }
        for (key, words) in [("verify", &raw.verify), ("prepare", &raw.prepare)] {
            if let Some(words) = words {
                self.words(&format!("{at}.{key}"), words);
            }
        }
        CarriedRun {
            verify: raw.verify.clone().unwrap_or_default(),
            prepare: raw.prepare.clone().unwrap_or_default(),
            apply: raw.apply.clone(),
            undo: raw.undo.clone(),
            limit: raw.timeout.map_or(RUN_LIMIT, |limit| limit.0),
        }
    }

    /// Checks that a command can be started: it names a program.
    fn words(&mut self, at: &str, words: &[String]) {
        if words.first().is_none_or(String::is_empty) {
            self.problem(
                at,
                "a program and its arguments are expected, such as `[/usr/local/bin/smoke, --fast]`",
            );
        }
        if words.iter().any(|word| word.contains('\0')) {
            self.problem(at, "a zero byte is not accepted in a command");
        }
    }
}
