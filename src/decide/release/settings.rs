//! `releases.yaml`: where the repositories are, and which series are open.

use super::finding::{Finding, Rule};
use super::kinds::Status;
use super::schema::{SeriesFile, SettingsFile};
use super::version::is_series;
use crate::decide::due::{GitSource, check_address};
use crate::decide::policy::unknown::{self, Pieces};
use crate::model::{Document, Problem, Stream, named, unprintable};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// What stands for the name of a repository.
const REPO: &str = "{repo}";

/// What stands for the name of a series.
const SERIES: &str = "{series}";

/// Where the repositories are, and which series are open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    remote: String,
    /// The template of the stream of builds.
    pub(super) stream: Option<String>,
    series: BTreeMap<String, Series>,
}

/// A series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series {
    /// Which releases it gets.
    pub status: Status,
    /// Its branch.
    pub branch: String,
    /// The stage for which a build must have everything.
    pub stage: Option<String>,
}

impl Settings {
    /// Reads the settings; `file` is their name in findings.
    pub fn load(text: &str, file: &str) -> Result<Self, Vec<Finding>> {
        static SCHEMA: LazyLock<Value> = LazyLock::new(Settings::schema);
        let found = |problems: Vec<Problem>| -> Vec<Finding> {
            problems.into_iter().map(|problem| Finding::of_problem(Rule::Settings, problem)).collect()
        };
        let document = Document::parse(text, file).map_err(found)?;
        let (raw, problems): (SettingsFile, _) = unknown::read(&document, &SCHEMA, pieces).map_err(found)?;
        let mut loading = Loading { document: &document, problems };
        let settings = loading.settings(raw);
        if loading.problems.is_empty() { Ok(settings) } else { Err(found(loading.problems)) }
    }

    /// Returns the JSON schema of the file.
    pub fn schema() -> Value {
        schemars::schema_for!(SettingsFile).to_value()
    }

    /// Returns the series of that name.
    pub fn series(&self, name: &str) -> Option<&Series> {
        self.series.get(name)
    }

    /// Returns the names of the series.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.series.keys().map(String::as_str)
    }

    /// Returns the address of a repository whose name was checked.
    pub fn remote(&self, repo: &str) -> String {
        self.remote.replace(REPO, repo)
    }
}

/// Returns every problem that reading the settings one by one finds.
fn pieces(document: &Document, first: Vec<Problem>, unknown: Vec<Problem>) -> Vec<Problem> {
    let mut pieces = Pieces::beside(document, unknown);
    pieces.take_any::<u32>("releases");
    pieces.take_any::<String>("remote");
    pieces.take_any::<String>("branch");
    pieces.take_any::<String>("stream");
    for name in document.keys("series") {
        pieces.take::<SeriesFile>(&format!("series.{name}"));
    }
    pieces.end(first)
}

struct Loading<'a> {
    document: &'a Document,
    problems: Vec<Problem>,
}

impl Loading<'_> {
    fn problem(&mut self, path: &str, message: impl Into<String>) {
        self.problems.push(self.document.problem(path, message));
    }

    fn settings(&mut self, raw: SettingsFile) -> Settings {
        if raw.releases != 1 {
            self.problem("releases", format!("version {} is not known; 1 is accepted", raw.releases));
        }
        if let Err(why) = remote(&raw.remote) {
            self.problem("remote", why);
        }
        if let Some(template) = &raw.stream
            && let Err(why) = stream_of(template, "a/b", "x", "y")
        {
            self.problem("stream", why);
        }
        let branch = raw.branch.unwrap_or_else(|| format!("stable/{SERIES}"));
        let mut series = BTreeMap::new();
        for (name, one) in raw.series {
            let at = format!("series.{name}");
            if !is_series(&name) {
                let why = format!(
                    "`{}` is not a name of a series; lower-case letters, digits, `.`, `_` and `-` are accepted, such as `2024.1`",
                    name.escape_debug()
                );
                self.problem(&at, why);
            }
            let key = if one.branch.is_some() { format!("{at}.branch") } else { "branch".to_owned() };
            let branch = one.branch.unwrap_or_else(|| branch.clone()).replace(SERIES, &name);
            if !is_branch(&branch) {
                let why = format!("no branch can have the name `{}`", branch.escape_debug());
                self.problem(&key, why);
            }
            if let Some(stage) =
                one.stage.as_deref().filter(|stage| stage.is_empty() || unprintable(stage).is_some())
            {
                let why = format!("`{}` is not a name of a stage", stage.escape_debug());
                self.problem(&format!("{at}.stage"), why);
            }
            series.insert(name, Series { status: one.status, branch, stage: one.stage });
        }
        Settings { remote: raw.remote, stream: raw.stream, series }
    }
}

/// Fails if a template is not the address of repositories, whatever their names.
fn remote(template: &str) -> Result<(), String> {
    if !template.contains(REPO) {
        return Err(format!(
            "`{}` has no `{REPO}`, which stands for the name of a repository; expected an address such as \
             `https://git.example.org/{REPO}.git`",
            template.escape_debug()
        ));
    }
    // A relative one would be another for each directory in which the command runs.
    if template.starts_with("./") || template.starts_with("../") || template.starts_with(REPO) {
        return Err(format!(
            "`{}` is relative; an address or an absolute path is accepted",
            template.escape_debug()
        ));
    }
    check_address(&template.replace(REPO, "a/b"), template)
}

/// Returns the stream of a repository, from a template with `{repo}`, `{series}` and `{name}`.
pub(super) fn stream_of(template: &str, repo: &str, series: &str, name: &str) -> Result<Stream, String> {
    let text = template.replace("{repo}", repo).replace("{series}", series).replace("{name}", name);
    let read = text.parse::<Stream>().map_err(|error| error.to_string());
    let read = read.and_then(|stream| match unprintable(&text) {
        Some(c) => Err(format!("it contains {}", named(c))),
        None if text.contains(['{', '}']) => Err("`{repo}`, `{series}` and `{name}` are replaced".to_owned()),
        None => Ok(stream),
    });
    read.map_err(|why| {
        format!("`{}` is not a stream such as `openstack/nova`: {why}", template.escape_debug())
    })
}

/// Returns whether a branch can have that name.
fn is_branch(name: &str) -> bool {
    let full = format!("/x@{name}").parse::<GitSource>();
    full.is_ok() && !name.starts_with("refs/") && name != "HEAD"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> String {
        let found = Settings::load(text, "releases.yaml").unwrap_err();
        found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn settings_name_repositories_and_series() {
        let text = "releases: 1\nremote: https://git.example.org/{repo}.git\nseries:\n  2024.1: {status: maintained}\n  \
            2024.2: {status: development, branch: master, stage: tested}\n";
        let settings = Settings::load(text, "releases.yaml").unwrap();
        assert_eq!(settings.remote("openstack/nova"), "https://git.example.org/openstack/nova.git");
        assert_eq!(settings.series("2024.1").unwrap().branch, "stable/2024.1");
        assert_eq!(settings.series("2024.2").unwrap().branch, "master");
        assert!(settings.series("2023.2").is_none());
    }

    #[test]
    fn every_problem_is_reported_with_its_line() {
        let all = told(
            "releases: 2\nremote: 'ext::sh -c {repo}'\nseries:\n  ../x: {status: maintained}\n  b: {status: maintained, branch: --force}\n",
        );
        for said in [
            "releases.yaml:1:1: settings: version 2",
            ":2:1:",
            ":4:3:",
            ":5:27: settings: no branch can have the name `--force`",
        ] {
            assert!(all.contains(said), "{said}: {all}");
        }
        for (remote, said) in [
            ("https://h/a.git", "has no `{repo}`"),
            ("../{repo}", "is relative"),
            ("ext::sh -c {repo}", "is not"),
            ("-oProxyCommand=x:{repo}", "is not"),
            ("https://me:secret@h/{repo}", "password"),
            ("fd::17/{repo}", "transport helpers"),
        ] {
            let all = told(&format!("releases: 1\nremote: '{remote}'\nseries: {{}}\n"));
            assert!(all.contains(said) && !all.contains("secret"), "{remote}: {all}");
        }
        assert!(told("releases: 1\nremotes: x\nseries: {}\n").contains("unknown key `remotes` (`remote`?)"));
        assert!(
            told("releases: 1\nremote: '/g/{repo}'\nseries: {a: {status: open}}\n")
                .contains("unknown variant `open`")
        );
    }
}
