//! From the YAML of a request to its meaning, every problem reported at once with its place.

use super::finding::{Finding, Rule};
use super::kinds::ReleaseModel;
use super::request::{Entry, Project, Request};
use super::schema::{EntryFile, EntryFlag, ProjectFile, RepositoryFile, RepositoryFlag, RequestFile};
use super::settings::stream_of;
use super::version::is_series;
use crate::decide::policy::unknown::{self, Pieces};
use crate::model::{BuildId, Document, Label, Problem, check_line, named, unprintable};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

/// The directory of the requests.
const DIR: &str = "requests/";

/// The series of projects that have no cycle, so that their requests need no release model.
const NO_CYCLE: [&str; 2] = ["independent", "_independent"];

/// The most entries of a file, and repositories of an entry.
const MOST: (usize, usize) = (2000, 200);

/// The labels that each build of a release gets.
const OWN_LABELS: [&str; 3] = ["series", "release", "type"];

/// The most labels of an entry: the message of a tag with more could be too long to be read.
const MOST_LABELS: usize = 100;

/// The most characters of an announcement.
const ANNOUNCEMENT: usize = 4000;

impl Request {
    /// Reads a request; `file` is its path in the repository. What can be used of a file with problems is returned beside them,
    /// so that its other rules are checked, too.
    pub fn load(text: &str, file: &str) -> (Option<Self>, Vec<Finding>) {
        static SCHEMA: LazyLock<Value> = LazyLock::new(Request::schema);
        let found = |problems: Vec<Problem>| -> Vec<Finding> {
            problems.into_iter().map(|problem| Finding::of_problem(Rule::FileForm, problem)).collect()
        };
        let (series, name) = match place(file) {
            Ok(place) => place,
            Err(why) => return (None, vec![Finding::of_file(Rule::FilePlace, file, why)]),
        };
        if let Some(why) = odd_line_end(text) {
            return (None, vec![Finding::of_file(Rule::FileForm, file, why)]);
        }
        let document = match Document::parse(text, file) {
            Ok(document) => document,
            Err(problems) => return (None, found(problems)),
        };
        let (raw, problems): (RequestFile, _) = match unknown::read(&document, &SCHEMA, pieces) {
            Ok(read) => read,
            Err(problems) => return (None, found(problems)),
        };
        let mut loading = Loading { document: &document, found: found(problems) };
        let request = loading.request(raw, file, series, name);
        let found = loading.found.into_iter().map(|finding| request.of_its_entry(finding)).collect();
        (Some(request), found)
    }

    /// Returns a finding as one about the entry in which its key is.
    fn of_its_entry(&self, finding: Finding) -> Finding {
        let index = finding.key.strip_prefix("releases[").and_then(|rest| rest.split_once(']'));
        let index = index.and_then(|(index, _)| index.parse::<usize>().ok());
        match index.and_then(|index| Some((index, self.entries.get(index)?))) {
            Some((index, entry)) => finding.of_entry(index, &entry.text),
            None => finding,
        }
    }

    /// Returns whether a path can be that of a request.
    pub(super) fn is_place(file: &str) -> bool {
        place(file).is_ok()
    }

    /// Returns the JSON schema of a request.
    pub fn schema() -> Value {
        schemars::schema_for!(RequestFile).to_value()
    }
}

/// Returns why the lines of a text are not the same for every reader: git, which says who wrote a line, ends one at a line feed alone.
fn odd_line_end(text: &str) -> Option<String> {
    for (index, line) in text.split('\n').enumerate() {
        let line = line.strip_suffix('\r').unwrap_or(line);
        let found = match line.chars().find(|c| matches!(c, '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')) {
            Some('\r') => "a carriage return without a line feed".to_owned(),
            Some(c) => named(c),
            None => continue,
        };
        return Some(format!("line {} contains {found}; a line ends with a line feed", index + 1));
    }
    None
}

/// Returns the series and the name that a path states.
fn place(file: &str) -> Result<(&str, &str), String> {
    let wrong = || {
        format!(
            "`{}` is not `requests/<series>/<name>.yaml`; lower-case letters, digits, `.`, `_` and `-` are accepted in both",
            file.chars().take(200).flat_map(char::escape_debug).collect::<String>()
        )
    };
    let below = file.strip_prefix(DIR).ok_or_else(wrong)?;
    let (series, name) = below.split_once('/').ok_or_else(wrong)?;
    let name = name.strip_suffix(".yaml").ok_or_else(wrong)?;
    if is_series(series) && is_series(name) { Ok((series, name)) } else { Err(wrong()) }
}

/// Returns every problem that reading the entries one by one finds.
fn pieces(document: &Document, first: Vec<Problem>, unknown: Vec<Problem>) -> Vec<Problem> {
    let mut pieces = Pieces::beside(document, unknown);
    pieces.take_any::<String>("team");
    pieces.take_any::<ReleaseModel>("release-model");
    for name in document.keys("repository-settings") {
        pieces.take::<Option<RepositoryFile>>(&format!("repository-settings.{name}"));
    }
    for index in 0..document.items("releases").unwrap_or(0) {
        let at = format!("releases[{index}]");
        let projects = document.items(&format!("{at}.projects")).unwrap_or(0);
        let any =
            (0..projects).filter(|one| pieces.take::<ProjectFile>(&format!("{at}.projects[{one}]"))).count()
                > 0;
        if !any {
            pieces.take::<EntryFile>(&at);
        }
    }
    pieces.end(first)
}

struct Loading<'a> {
    document: &'a Document,
    found: Vec<Finding>,
}

impl Loading<'_> {
    fn finding(&mut self, rule: Rule, key: &str, message: impl Into<String>) {
        self.found.push(Finding::at(rule, self.document, key, message));
    }

    fn request(&mut self, raw: RequestFile, file: &str, series: &str, name: &str) -> Request {
        if let Err(error) = check_line(&raw.team) {
            self.finding(Rule::FileForm, "team", format!("the name of the team cannot be used: {error}"));
        }
        if let Some(template) = &raw.stream
            && let Err(why) = stream_of(template, "a/b", series, name)
        {
            self.finding(Rule::FileForm, "stream", why);
        }
        let mut repositories = BTreeMap::new();
        for (repo, settings) in raw.repository_settings.unwrap_or_default() {
            if let Err(why) = repository(&repo) {
                self.finding(Rule::FileForm, &format!("repository-settings.{repo}"), why);
                continue;
            }
            let retired = settings.unwrap_or_default().flags.contains(&RepositoryFlag::Retired);
            repositories.insert(repo, !retired);
        }
        let releases = raw.releases.unwrap_or_default();
        if releases.len() > MOST.0 {
            let why = format!("{} releases; at most {} are accepted", releases.len(), MOST.0);
            self.finding(Rule::FileForm, "releases", why);
        }
        let each = releases.into_iter().take(MOST.0).enumerate();
        let entries = each.map(|(index, one)| self.entry(&format!("releases[{index}]"), one)).collect();
        let model = raw.release_model.unwrap_or_else(|| {
            if NO_CYCLE.contains(&series) {
                return ReleaseModel::Independent;
            }
            let why = "missing field `release-model`; a request of the series `independent` or `_independent` alone may lack it";
            self.finding(Rule::FileForm, "", why);
            ReleaseModel::CycleWithRc
        });
        Request {
            file: file.to_owned(),
            series: series.to_owned(),
            name: name.to_owned(),
            team: raw.team,
            model,
            stream: raw.stream,
            repositories,
            entries,
            document: self.document.clone(),
        }
    }

    fn entry(&mut self, at: &str, raw: EntryFile) -> Entry {
        let version = raw.version.parse().map_err(|error: super::version::VersionError| {
            self.finding(Rule::VersionForm, &format!("{at}.version"), error.to_string());
        });
        let (mut projects, mut seen) = (Vec::new(), BTreeSet::new());
        if raw.projects.is_empty() || raw.projects.len() > MOST.1 {
            let why = format!("{} repositories; 1 to {} are accepted", raw.projects.len(), MOST.1);
            self.finding(Rule::Repositories, &format!("{at}.projects"), why);
        }
        for (index, one) in raw.projects.into_iter().take(MOST.1).enumerate() {
            let key = format!("{at}.projects[{index}]");
            if let Err(why) = repository(&one.repo) {
                self.finding(Rule::FileForm, &format!("{key}.repo"), why);
                continue;
            }
            if !is_commit(&one.hash) {
                let why = format!(
                    "`{}` is not the ID of a commit; all of its 40 digits are accepted, in lower case",
                    one.hash.chars().take(80).flat_map(char::escape_debug).collect::<String>()
                );
                self.finding(Rule::FileForm, &format!("{key}.hash"), why);
                continue;
            }
            if !seen.insert(one.repo.clone()) {
                self.finding(
                    Rule::Repositories,
                    &format!("{key}.repo"),
                    format!("`{}` is listed twice", one.repo),
                );
                continue;
            }
            projects.push(Project { repo: one.repo, commit: one.hash });
        }
        let build = raw.build.and_then(|text| {
            let read = text.parse::<BuildId>().map_err(|error| error.to_string());
            let read = read.and_then(|id| match unprintable(&text) {
                Some(c) => Err(format!("it contains {}", named(c))),
                None => Ok(id),
            });
            read.map_err(|why| {
                let why = format!(
                    "`{}` is not a build such as `openstack/nova/29.0.0`: {why}",
                    text.escape_debug()
                );
                self.finding(Rule::FileForm, &format!("{at}.build"), why);
            })
            .ok()
        });
        let mut labels = Vec::new();
        let stated = raw.labels.unwrap_or_default();
        if stated.len() > MOST_LABELS {
            let why = format!("{} labels; at most {MOST_LABELS} are accepted", stated.len());
            self.finding(Rule::FileForm, &format!("{at}.labels"), why);
        }
        for (key, value) in stated.into_iter().take(MOST_LABELS) {
            if OWN_LABELS.contains(&key.as_str()) {
                let why = format!("the label `{key}` is set by the release itself");
                self.finding(Rule::FileForm, &format!("{at}.labels.{key}"), why);
                continue;
            }
            match Label::new(&key, &value) {
                Ok(label) => labels.push(label),
                Err(error) => self.finding(Rule::FileForm, &format!("{at}.labels.{key}"), error.to_string()),
            }
        }
        if let Some(text) = &raw.announcement {
            let odd = text.lines().find_map(unprintable);
            let key = format!("{at}.announcement");
            if let Some(c) = odd {
                self.finding(
                    Rule::FileForm,
                    &key,
                    format!("it contains {}; printable lines are accepted", named(c)),
                );
            } else if text.trim().is_empty() || text.chars().count() > ANNOUNCEMENT {
                let why =
                    format!("it has {} characters; 1 to {ANNOUNCEMENT} are accepted", text.chars().count());
                self.finding(Rule::FileForm, &key, why);
            }
        }
        let flags = raw.flags.unwrap_or_default();
        Entry {
            text: raw.version,
            version: version.ok(),
            projects,
            build,
            labels,
            announcement: raw.announcement,
            forced: flags.contains(&EntryFlag::Forced),
            unsigned: flags.contains(&EntryFlag::SkippedSig),
        }
    }
}

/// Returns whether a text is the whole ID of a commit.
fn is_commit(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Returns why a text is not the name of a repository, which becomes part of an address.
fn repository(text: &str) -> Result<(), String> {
    let part = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
            && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '+'))
            && !part.contains("..")
    };
    if text.len() <= 200 && text.split('/').all(part) {
        return Ok(());
    }
    Err(format!(
        "`{}` is not a name of a repository; names of letters, digits, `.`, `_`, `-` and `+` are accepted, such as `openstack/nova`",
        text.chars().take(200).flat_map(char::escape_debug).collect::<String>()
    ))
}
