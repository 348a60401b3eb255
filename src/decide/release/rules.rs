//! The rules that need only the files: of the request repository now, and of a base.

use super::finding::{Finding, Rule};
use super::kinds::Status;
use super::request::{Entry, EntryId, Request};
use super::settings::Settings;
use super::version::{ReleaseType, ReleaseVersion};
use crate::model::BuildId;
use crate::record::Released;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

/// The settings of a request repository.
pub const SETTINGS: &str = "releases.yaml";

/// What to do about a tag that another file had.
const RENAMED: &str = "choose another version, or give the file its former name";

/// What a file of a request repository is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Contents {
    /// A text.
    Text(String),
    /// Something that is not read, and why.
    Unfit(String),
}

/// The files of a request repository at one commit, by path.
pub type Files = BTreeMap<String, Contents>;

/// The releases that were applied, as their events state them.
pub type Applied = BTreeMap<EntryId, Released>;

/// What the files say.
#[derive(Debug, Default)]
pub struct Judged {
    /// The settings, if they can be used.
    pub settings: Option<Settings>,
    /// The requests that can be used, by path.
    pub requests: Vec<Request>,
    /// The entries that are neither in the base nor applied, by request and position.
    pub pending: Vec<(usize, usize)>,
    /// What violates a rule, by file and line.
    pub findings: Vec<Finding>,
}

/// Checks the files of a request repository; what was applied obeys the rules of then, as the entries of a base do.
pub fn judge(files: &Files, base: Option<&Files>, applied: &Applied) -> Judged {
    let mut judged = Judged::default();
    match files.get(SETTINGS) {
        Some(Contents::Text(text)) => match Settings::load(text, SETTINGS) {
            Ok(settings) => judged.settings = Some(settings),
            Err(found) => judged.findings.extend(found),
        },
        Some(Contents::Unfit(why)) => {
            judged.findings.push(Finding::of_file(Rule::Settings, SETTINGS, why.clone()));
        }
        None => judged.findings.push(Finding::of_file(
            Rule::Settings,
            SETTINGS,
            "the file is missing at the root of the repository",
        )),
    }
    let base = Base::read(base, files, &mut judged.findings);
    let is_old = |id: &EntryId| base.old.contains(id) || applied.contains_key(id);
    for (file, contents) in files.iter().filter(|(file, _)| *file != SETTINGS) {
        match contents {
            Contents::Unfit(why) => {
                judged.findings.push(Finding::of_file(Rule::FilePlace, file, why.clone()));
            }
            Contents::Text(text) => {
                let (request, found) = Request::load(text, file);
                let new = request.as_ref().map(|request| request.new_entries(is_old)).unwrap_or_default();
                // What is old had a form that was accepted then.
                let is_new = |finding: &Finding| finding.entry.is_none_or(|index| new.contains(&index));
                judged.findings.extend(found.into_iter().filter(is_new));
                if !base.unread.contains(file) {
                    judged.pending.extend(new.into_iter().map(|index| (judged.requests.len(), index)));
                }
                judged.requests.extend(request);
            }
        }
    }
    let mut found = Vec::new();
    for request in &judged.requests {
        if let Some(base) = base.requests.get(&request.file) {
            only_appended(request, base, &mut found);
        }
    }
    for (number, index) in &judged.pending {
        if let Some(request) = judged.requests.get(*number) {
            one(request, *index, judged.settings.as_ref(), &mut found);
        }
    }
    let mut taken = Taken::default();
    for (file, request) in &base.requests {
        let is_gone = !files.contains_key(file);
        taken.request(request, is_gone);
        let gone = is_gone && !request.entries.is_empty();
        found.extend(gone.then(|| {
            let count = match request.entries.len() {
                1 => "1 release".to_owned(),
                count => format!("{count} releases"),
            };
            Finding::of_file(Rule::OnlyAppended, file, format!("the file was removed, with {count}"))
        }));
    }
    for (id, release) in applied {
        taken.applied(id, release);
    }
    let is_known = |request: &Request, id: &EntryId| base.unread.contains(&request.file) || is_old(id);
    twice(&judged.requests, taken, is_known, &mut found);
    judged.findings.extend(found);
    judged.findings.sort();
    judged.findings.dedup();
    judged
}

/// What the base has.
#[derive(Default)]
struct Base {
    /// The requests that can be read, by path.
    requests: BTreeMap<String, Request>,
    /// Their entries.
    old: BTreeSet<EntryId>,
    /// The files that cannot be read: which of their entries are new is not known, so none is.
    unread: BTreeSet<String>,
}

impl Base {
    fn read(base: Option<&Files>, files: &Files, found: &mut Vec<Finding>) -> Self {
        let mut read = Self::default();
        // A file in another place never was a request.
        let is_request = |file: &String| *file != SETTINGS && Request::is_place(file);
        for (file, contents) in base.into_iter().flatten().filter(|(file, _)| is_request(file)) {
            let (request, why) = match contents {
                Contents::Text(text) => Request::load(text, file),
                Contents::Unfit(why) => (None, vec![Finding::of_file(Rule::FilePlace, file, why.clone())]),
            };
            if let Some(request) = request {
                read.old.extend(request.entries.iter().map(|entry| request.id(entry)));
                read.requests.insert(file.clone(), request);
                continue;
            }
            read.unread.insert(file.clone());
            // If it was not changed, what is wrong with it now says it.
            if files.get(file) != Some(contents) {
                let why = why.first().map(|finding| finding.message.as_str()).unwrap_or_default();
                let why = format!(
                    "the file cannot be read in the base, so which of its releases are new is not known: {why}"
                );
                let hint = "give a base in which the file can be read";
                found.push(Finding { hint, ..Finding::of_file(Rule::NotKnown, file, why) });
            }
        }
        read
    }
}

/// Returns a finding about a key of an entry.
fn at(request: &Request, index: usize, rule: Rule, key: &str, message: impl Into<String>) -> Finding {
    request.finding(index, rule, key, message)
}

impl Request {
    /// Returns a finding about a key of one of its entries, such as `projects[0].hash`.
    pub fn finding(&self, index: usize, rule: Rule, key: &str, message: impl Into<String>) -> Finding {
        let path =
            if key.is_empty() { format!("releases[{index}]") } else { format!("releases[{index}].{key}") };
        let finding = Finding::at(rule, &self.document, &path, message);
        match self.entries.get(index) {
            Some(entry) => finding.of_entry(index, &entry.text),
            None => finding,
        }
    }
}

/// The rules for one new entry.
fn one(request: &Request, index: usize, settings: Option<&Settings>, found: &mut Vec<Finding>) {
    let Some(entry) = request.entries.get(index) else { return };
    let before = request.entries.get(..index).unwrap_or_default();
    if let Some(settings) = settings {
        found.extend(series(request, index, entry, settings));
    }
    if !request.repositories.is_empty() {
        for (number, project) in entry.projects.iter().enumerate() {
            let key = format!("projects[{number}].repo");
            let (why, hint) = match request.repositories.get(&project.repo) {
                None => ("not in", "add the repository to `repository-settings`, or leave it out"),
                Some(false) => ("retired in", "leave the repository out"),
                Some(true) => continue,
            };
            let why = format!("`{}` is {why} `repository-settings`", project.repo);
            found.push(Finding { hint, ..at(request, index, Rule::Repositories, &key, why) });
        }
    }
    let Some(version) = &entry.version else { return };
    found.extend(form(request, index, version));
    found.extend(order(request, index, entry, version, before));
    if version.kind() == ReleaseType::Final {
        final_commit(request, index, entry, version, before, found);
    }
    if version.kind() == ReleaseType::Eol {
        let known = before.iter().flat_map(|entry| &entry.projects).map(|project| &project.repo);
        let mut all: BTreeSet<&String> = known.chain(request.repositories.keys()).collect();
        all.retain(|repo| request.repositories.get(*repo) != Some(&false));
        let lacks: Vec<String> =
            all.iter().filter(|repo| entry.commit(repo).is_none()).map(|repo| format!("`{repo}`")).collect();
        if !lacks.is_empty() {
            let why =
                format!("the end of life covers all repositories, and {} are missing", lacks.join(", "));
            found.push(at(request, index, Rule::EolRepositories, "projects", why));
        }
        if entry.build.is_some() {
            let why = "no build becomes the end of life of a series";
            found.push(at(request, index, Rule::BuildTwice, "build", why));
        }
    }
}

/// Returns why the series does not get this release.
fn series(request: &Request, index: usize, entry: &Entry, settings: &Settings) -> Option<Finding> {
    let name = &request.series;
    let Some(series) = settings.series(name) else {
        let known = settings.names().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let known = if known.is_empty() { "none".to_owned() } else { known };
        let why = format!("releases.yaml has no series `{name}`; it has {known}");
        return Some(at(request, index, Rule::SeriesClosed, "version", why));
    };
    let kind = entry.kind()?;
    if series.status.accepts(kind) {
        return None;
    }
    let accepts = match series.status {
        Status::Future => "no release yet".to_owned(),
        _ => format!("only `{name}-eol`"),
    };
    let why = format!("the series `{name}` is `{}`, which accepts {accepts}", series.status.as_str());
    Some(at(request, index, Rule::SeriesClosed, "version", why))
}

/// Returns why the release model has no such version.
fn form(request: &Request, index: usize, version: &ReleaseVersion) -> Option<Finding> {
    let (model, kind) = (request.model, version.kind());
    let why = if let Some(ends) = version.ends().filter(|ends| *ends != request.series) {
        format!("`{version}` ends the series `{ends}`, and this is a request for `{}`", request.series)
    } else if !model.accepts(kind) && kind != ReleaseType::Eol {
        let accepted = if model.accepts(ReleaseType::Final) { "final releases alone" } else { "no releases" };
        format!(
            "`{version}` is of the type `{kind}`, and the release model `{}` has {accepted}",
            model.as_str()
        )
    } else {
        return None;
    };
    Some(at(request, index, Rule::VersionForm, "version", why))
}

/// Returns why a version is not newer than those before it.
fn order(
    request: &Request,
    index: usize,
    entry: &Entry,
    version: &ReleaseVersion,
    before: &[Entry],
) -> Option<Finding> {
    let known = || before.iter().filter_map(|entry| entry.version.as_ref());
    let (why, hint) = if let Some(same) = known().find(|known| known.order(version) == Ordering::Equal) {
        (format!("`{version}` is the version `{same}` above"), "write another version")
    } else if let Some(end) = known().find(|known| known.kind() == ReleaseType::Eol) {
        (format!("`{version}` comes after `{end}`, which ends the series"), "remove the entry")
    } else if let Some(newer) = known().rfind(|known| known.order(version) == Ordering::Greater)
        && !entry.forced
    {
        let why = format!("`{version}` is older than `{newer}` above; newer versions are accepted");
        (why, Rule::VersionOrder.hint())
    } else {
        return None;
    };
    Some(Finding { hint, ..at(request, index, Rule::VersionOrder, "version", why) })
}

/// Checks that a final release has the commits of its last candidate.
fn final_commit(
    request: &Request,
    index: usize,
    entry: &Entry,
    version: &ReleaseVersion,
    before: &[Entry],
    found: &mut Vec<Finding>,
) {
    let is_candidate = |known: &&Entry| {
        let known = known.version.as_ref();
        known.is_some_and(|known| known.kind() == ReleaseType::Rc && known.is_of_same_release(version))
    };
    let Some(candidate) = before.iter().rfind(is_candidate) else { return };
    for (number, project) in entry.projects.iter().enumerate() {
        let had = candidate.commit(&project.repo);
        if had == Some(&*project.commit) {
            continue;
        }
        let had = had.map_or_else(|| "does not have it".to_owned(), |commit| format!("has {commit}"));
        let why = format!(
            "`{}` is at {}, and the candidate `{}` {had}",
            project.repo, project.commit, candidate.text
        );
        found.push(at(request, index, Rule::FinalCommit, &format!("projects[{number}].hash"), why));
    }
    for project in candidate.projects.iter().filter(|project| entry.commit(&project.repo).is_none()) {
        let why = format!("`{}` is missing, and the candidate `{}` has it", project.repo, candidate.text);
        found.push(at(request, index, Rule::FinalCommit, "projects", why));
    }
}

/// Checks that the entries of a base are the first ones, as they were; each that is not is a finding of its own.
fn only_appended(request: &Request, base: &Request, found: &mut Vec<Finding>) {
    // One version may be there twice: the first of them is the first of the base.
    let mut known: HashMap<&str, VecDeque<usize>> = HashMap::new();
    for (index, old) in base.entries.iter().enumerate() {
        known.entry(&old.text).or_default().push_back(index);
    }
    let mut of_base: Vec<Option<usize>> = Vec::new();
    for entry in &request.entries {
        of_base.push(known.get_mut(entry.text.as_str()).and_then(VecDeque::pop_front));
    }
    let mut say = |index: usize, key: &str, why: String| {
        let why = format!("{why}; entries are only added at the end");
        found.push(at(request, index, Rule::OnlyAppended, key, why));
    };
    let mut newest = 0;
    for (index, entry) in request.entries.iter().enumerate() {
        let version = &entry.text;
        let place = of_base.get(index).copied().flatten();
        let old = place.and_then(|place| base.entries.get(place));
        match (place, old) {
            (Some(_), Some(old)) if old != entry => say(index, "version", format!("`{version}` was changed")),
            (Some(place), Some(_)) if place < newest => {
                say(index, "version", format!("`{version}` was moved"));
            }
            (Some(place), Some(_)) => newest = place,
            _ => {
                let mut below = of_base.iter().skip(index + 1).flatten();
                if let Some(old) = below.next().and_then(|place| base.entries.get(*place)) {
                    say(index, "version", format!("`{version}` was put before `{}`", old.text));
                }
            }
        }
    }
    // Nothing of the file is applied until they are there again.
    let mut removed: Vec<usize> = known.into_values().flatten().collect();
    removed.sort_unstable();
    for old in removed.into_iter().filter_map(|place| base.entries.get(place)) {
        say(request.entries.len(), "", format!("`{}` was removed", old.text));
    }
}

/// Who has a tag.
enum Owner {
    /// The file at a path.
    File(String),
    /// A file of the base that is gone.
    Gone(String),
    /// A release that was applied, wherever its entry is now.
    Applied(EntryId),
}

impl Owner {
    /// Returns whether an entry of a file may have it, too: within one file the order of versions says it.
    fn is(&self, request: &Request) -> bool {
        match self {
            Self::File(file) | Self::Gone(file) => *file == request.file,
            Self::Applied(id) => id.series == request.series && id.name == request.name,
        }
    }

    /// Returns that it has the tag, and what to do.
    fn has(&self, tag: &str, repo: &str) -> (String, &'static str) {
        match self {
            Self::File(file) => {
                (format!("{file} makes the tag `{tag}` in `{repo}`, too"), Rule::TagTwice.hint())
            }
            Self::Gone(file) => {
                (format!("{file}, which the base has, makes the tag `{tag}` in `{repo}`, too"), RENAMED)
            }
            Self::Applied(id) => {
                (format!("`{id}`, which was applied, has the tag `{tag}` in `{repo}`"), RENAMED)
            }
        }
    }
}

/// Which tags and builds entries have, with who has each.
#[derive(Default)]
struct Taken {
    tags: HashMap<(String, String), Owner>,
    builds: HashMap<BuildId, EntryId>,
}

impl Taken {
    /// Takes what the entries of a request of the base have.
    fn request(&mut self, request: &Request, is_gone: bool) {
        request.entries.iter().for_each(|entry| self.entry(request, entry, is_gone));
    }

    fn entry(&mut self, request: &Request, entry: &Entry, is_gone: bool) {
        for project in &entry.projects {
            let file = request.file.clone();
            let owner = if is_gone { Owner::Gone(file) } else { Owner::File(file) };
            self.tags.entry((project.repo.clone(), entry.text.clone())).or_insert(owner);
        }
        if let Some(build) = &entry.build {
            self.builds.entry(build.clone()).or_insert_with(|| request.id(entry));
        }
    }

    fn applied(&mut self, id: &EntryId, release: &Released) {
        for repo in release.commits.keys() {
            let tag = (repo.clone(), id.version.clone());
            self.tags.entry(tag).or_insert_with(|| Owner::Applied(id.clone()));
        }
        if let Some(build) = &release.build {
            self.builds.entry(build.clone()).or_insert_with(|| id.clone());
        }
    }
}

/// Checks that no new entry makes the tag or names the build of another one. Old entries come first: what they have is theirs,
/// and they are not looked at again.
fn twice(
    requests: &[Request],
    mut taken: Taken,
    is_old: impl Fn(&Request, &EntryId) -> bool,
    found: &mut Vec<Finding>,
) {
    for request in requests {
        for entry in request.entries.iter().filter(|entry| is_old(request, &request.id(entry))) {
            taken.entry(request, entry, false);
        }
    }
    for request in requests {
        for (index, entry) in request.entries.iter().enumerate() {
            if is_old(request, &request.id(entry)) {
                continue;
            }
            for (number, project) in entry.projects.iter().enumerate() {
                let tag = (project.repo.clone(), entry.text.clone());
                if let Some(owner) = taken.tags.get(&tag).filter(|owner| !owner.is(request)) {
                    let (why, hint) = owner.has(&entry.text, &project.repo);
                    let key = format!("projects[{number}].repo");
                    found.push(Finding { hint, ..at(request, index, Rule::TagTwice, &key, why) });
                }
            }
            if let Some(build) = &entry.build
                && let Some(other) = taken.builds.get(build)
            {
                let why = format!("`{build}` is the build of {other}, too");
                found.push(at(request, index, Rule::BuildTwice, "build", why));
            }
            taken.entry(request, entry, false);
        }
    }
}
