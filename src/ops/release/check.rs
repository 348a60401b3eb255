//! Checking requests: first the files, then the repositories and the builds of the entries that are pending.

use super::ReleaseError;
use super::record::all;
use super::remote::{OnBranch, Remote, Work};
use super::report::{CheckReport, ReleaseRequest};
use super::repository::Requests;
use super::tag::proven;
use crate::decide::release::{
    self, Applied, Entry, EntryId, Finding, Judged, Project, Request, Rule, Series, Settings, TagMessage,
    TagObject, judge,
};
use crate::mirror::Mirror;
use crate::model::{BuildId, Label, Outcome};
use crate::ops::git::Git;
use crate::ops::promotion::lacks;
use crate::progress::{CancelToken, Interrupted};
use crate::record::Released;
use crate::session::Session;
use crate::sign::Keys;
use std::collections::BTreeSet;

/// What is known about the requests, with the findings of all rules.
pub(super) struct Examined {
    pub(super) commit: String,
    pub(super) base: Option<String>,
    pub(super) judged: Judged,
    /// The entries that are neither in the base nor applied, by request and position.
    pub(super) pending: Vec<(usize, usize)>,
    /// How many entries were applied.
    pub(super) applied: usize,
    pub(super) warnings: Vec<String>,
}

/// Checks requests; without a session, their builds are not looked at.
pub fn check(
    session: Option<&Session<'_>>,
    request: &ReleaseRequest,
    keys: &Keys,
    stop: &CancelToken,
) -> Result<CheckReport, ReleaseError> {
    let git = Git::new(request.limit, stop);
    let work = Work::new(request.work.as_deref())?;
    let requests = Requests::at(&git, &request.requests)?;
    let found = examine(session, request, &requests, (&git, &work), keys)?;
    Ok(CheckReport {
        commit: found.commit,
        base: found.base,
        requests: found.judged.requests.len(),
        pending: found.pending.len(),
        findings: found.judged.findings,
        warnings: found.warnings,
    })
}

/// Reads the requests, and checks all rules.
pub(super) fn examine(
    session: Option<&Session<'_>>,
    request: &ReleaseRequest,
    requests: &Requests,
    (git, work): (&Git, &Work),
    keys: &Keys,
) -> Result<Examined, ReleaseError> {
    let commit = requests.commit(&request.revision)?;
    let base = request.base.as_deref().map(|base| requests.commit(base)).transpose()?;
    let files = requests.files(&commit)?;
    let base_files = base.as_deref().map(|base| requests.files(base)).transpose()?;
    let applied: Applied = match session {
        Some(session) => all(session)?.into_iter().map(|release| (id_of(&release), release)).collect(),
        None => Applied::new(),
    };
    let mut judged = judge(&files, base_files.as_ref(), &applied);
    let (mut pending, mut found, mut warnings) = (Vec::new(), Vec::new(), Vec::new());
    let mut already = 0;
    for (number, one) in judged.requests.iter().enumerate() {
        for (index, entry) in one.entries.iter().enumerate() {
            let id = one.id(entry);
            match applied.get(&id) {
                Some(release) => {
                    already += 1;
                    let other = changed(release, entry).into_iter();
                    let why = other.map(|other| format!("`{id}` was applied with {other}"));
                    found.extend(why.map(|why| one.finding(index, Rule::AppliedOther, "version", why)));
                }
                None if judged.old.contains(&id) => {}
                None => pending.push((number, index)),
            }
        }
    }
    found.extend(judged.requests.iter().flat_map(|one| removed(one, &applied)));
    if let Some(settings) = &judged.settings {
        for (number, index) in &pending {
            let Some(one) = judged.requests.get(*number) else { continue };
            let look = Look { request: one, index: *index, settings, keys };
            let Some(entry) = one.entries.get(*index) else { continue };
            look.repositories((git, work), entry, &mut found, &mut warnings)?;
            if let (Some(session), Some(build)) = (session, &entry.build) {
                look.build(session, entry, build, &mut found)?;
            }
        }
    }
    judged.findings.extend(found);
    judged.findings.sort();
    judged.findings.dedup();
    Ok(Examined { commit, base, judged, pending, applied: already, warnings })
}

fn id_of(release: &Released) -> EntryId {
    EntryId { series: release.series.clone(), name: release.name.clone(), version: release.version.clone() }
}

/// Returns what an entry had when it was applied, and has no longer.
fn changed(release: &Released, entry: &Entry) -> Vec<String> {
    let mut found = Vec::new();
    if release.commits != entry.commits() {
        found.push(format!("other commits: {}", listed(release)));
    }
    match &release.build {
        build if *build == entry.build => {}
        Some(build) => found.push(format!("the build `{build}`")),
        None => found.push("no build".to_owned()),
    }
    if release.announcement != entry.announcement {
        found.push("another announcement".to_owned());
    }
    found
}

/// Returns findings about the entries of a file that were applied and are not there.
fn removed<'a>(request: &'a Request, applied: &'a Applied) -> impl Iterator<Item = Finding> + 'a {
    let of_file = |id: &EntryId| id.series == request.series && id.name == request.name;
    let is_there = |id: &EntryId| request.entries.iter().any(|entry| entry.text == id.version);
    applied.keys().filter(move |id| of_file(id) && !is_there(id)).map(|id| {
        let why = format!("`{id}` was applied, and was removed");
        let finding = request.finding(request.entries.len(), Rule::AppliedOther, "", why);
        // It stops no other entry.
        Finding { version: Some(id.version.clone()), ..finding }
    })
}

fn listed(release: &Released) -> String {
    let each = release.commits.iter().map(|(repo, commit)| format!("{repo} {commit}"));
    each.collect::<Vec<_>>().join(", ")
}

/// One entry that is looked at.
struct Look<'a> {
    request: &'a Request,
    index: usize,
    settings: &'a Settings,
    keys: &'a Keys,
}

impl Look<'_> {
    fn finding(&self, rule: Rule, key: &str, why: impl Into<String>) -> Finding {
        self.request.finding(self.index, rule, key, why)
    }

    /// Checks the commits and the tags of an entry.
    fn repositories(
        &self,
        (git, work): (&Git, &Work),
        entry: &Entry,
        found: &mut Vec<Finding>,
        warnings: &mut Vec<String>,
    ) -> Result<(), Interrupted> {
        // A text that is no version is not passed to git.
        let (Some(series), Some(_)) = (self.settings.series(&self.request.series), &entry.version) else {
            return Ok(());
        };
        for (number, project) in entry.projects.iter().enumerate() {
            let key = format!("projects[{number}]");
            let url = self.settings.remote(&project.repo);
            let looked = match work.remote(git, &url)? {
                Ok(remote) => self.repository(&remote, series, entry, (project, &key), found, warnings)?,
                Err(why) => Err(why),
            };
            if let Err(why) = looked {
                let why = format!("`{url}` cannot be asked: {why}");
                found.push(self.finding(Rule::NotKnown, &format!("{key}.repo"), why));
            }
        }
        Ok(())
    }

    fn repository(
        &self,
        remote: &Remote<'_>,
        series: &Series,
        entry: &Entry,
        (project, key): (&Project, &str),
        found: &mut Vec<Finding>,
        warnings: &mut Vec<String>,
    ) -> Result<Result<(), String>, Interrupted> {
        let Project { repo, commit } = project;
        let tag = match remote.tag(&entry.text)? {
            Ok(tag) => tag,
            Err(why) => return Ok(Err(why)),
        };
        let hash = format!("{key}.hash");
        match &tag {
            Some((at, _)) if at != commit => {
                let why = format!("the tag `{}` of `{repo}` is at {at}, and not at {commit}", entry.text);
                found.push(self.finding(Rule::TagElsewhere, &hash, why));
                return Ok(Ok(()));
            }
            Some((_, annotated)) => {
                let object = if *annotated { remote.tag_object(&entry.text)? } else { Ok(None) };
                match object {
                    Ok(object) => self.existing(entry, repo, object.as_deref(), &hash, found, warnings),
                    Err(why) => return Ok(Err(why)),
                }
            }
            None => {}
        }
        let branch = &series.branch;
        let why = match remote.on_branch(branch, commit)? {
            Err(why) => return Ok(Err(why)),
            Ok(OnBranch::Yes) => return Ok(Ok(())),
            Ok(OnBranch::Nowhere) => {
                let why = format!("`{repo}` has no commit {commit} on any branch");
                found.push(self.finding(Rule::CommitMissing, &hash, why));
                return Ok(Ok(()));
            }
            Ok(OnBranch::NoBranch) => format!("`{repo}` has no branch `{branch}`"),
            Ok(OnBranch::Elsewhere(branches)) => {
                let on = branches.iter().map(|name| format!("`{}`", crate::model::shown(name)));
                let on = on.collect::<Vec<_>>().join(", ");
                format!("the branch `{branch}` of `{repo}` has no commit {commit}, which is on {on}")
            }
        };
        found.push(self.finding(Rule::CommitBranch, &hash, why));
        Ok(Ok(()))
    }

    /// Checks a tag that exists at the commit.
    fn existing(
        &self,
        entry: &Entry,
        repo: &str,
        object: Option<&str>,
        key: &str,
        found: &mut Vec<Finding>,
        warnings: &mut Vec<String>,
    ) {
        let read = object.map(TagObject::parse);
        let tag = format!("the tag `{}` of `{repo}`", entry.text);
        if !entry.unsigned && self.keys.wanted().next().is_some() {
            let signed = match &read {
                Some(Ok(object)) => proven(object, self.keys).map(drop),
                Some(Err(error)) => Err(error.to_string()),
                None => Err("it is not annotated".to_owned()),
            };
            if let Err(why) = signed {
                let why = format!("{tag} exists, and is not signed by a trusted key: {why}");
                found.push(self.finding(Rule::TagUnsigned, key, why));
                return;
            }
        }
        let name = &self.request.name;
        let is_ours = matches!(&read, Some(Ok(object)) if object.name == entry.text
            && TagMessage::parse(&object.message).is_ok_and(|message| message.name == *name && message.version == entry.text));
        if !is_ours {
            warnings
                .push(format!("{tag} exists, and its message is not that of `{}`", self.request.id(entry)));
        }
    }

    /// Checks the build of an entry.
    fn build(
        &self,
        session: &Session<'_>,
        entry: &Entry,
        id: &BuildId,
        found: &mut Vec<Finding>,
    ) -> Result<(), ReleaseError> {
        let mirror = session.mirror();
        if let Err(error) = mirror.layout().build_path(id) {
            found.push(self.finding(Rule::BuildMissing, "build", error.to_string()));
            return Ok(());
        }
        let record = if mirror.has_build(id)? { mirror.record(id)? } else { None };
        let Some(record) = record else {
            let why = if mirror.has_build(id)? {
                format!("`{id}` was published by another tool and has no record yet")
            } else {
                format!("there is no build `{id}`")
            };
            found.push(self.finding(Rule::BuildMissing, "build", why));
            return Ok(());
        };
        if record.result != Outcome::Success {
            let why = format!("the result of `{id}` is `{}`", record.result);
            found.push(self.finding(Rule::BuildResult, "build", why));
        }
        if let Some(stage) =
            self.settings.series(&self.request.series).and_then(|series| series.stage.as_deref())
        {
            match lacks(session, id, stage) {
                Ok(lacks) if lacks.is_empty() => {}
                Ok(lacks) => {
                    let why = format!("`{id}` lacks what the stage `{stage}` requires: {}", lacks.join(", "));
                    found.push(self.finding(Rule::BuildVotes, "build", why));
                }
                Err(error) => {
                    let why = format!(
                        "what the stage `{stage}` requires is not known: {}",
                        crate::mirror::chain(&error)
                    );
                    found.push(self.finding(Rule::BuildVotes, "build", why));
                }
            }
        }
        let (_, left_out) = labels_for(session, self.request, entry, id)?;
        for label in left_out.iter().filter(|label| entry.labels.contains(label)) {
            let why =
                format!("an alias follows the label `{label}`, and would move to the pre-release `{id}`");
            found.push(self.finding(Rule::CandidateLabel, &format!("labels.{}", label.key()), why));
        }
        Ok(())
    }
}

/// Returns the labels that the build of an entry gets, and those that are left out since it is a pre-release.
pub(super) fn labels_for(
    session: &Session<'_>,
    request: &Request,
    entry: &Entry,
    id: &BuildId,
) -> Result<(Vec<Label>, Vec<Label>), ReleaseError> {
    let labels = request.labels(entry);
    if !entry.kind().is_some_and(crate::decide::release::ReleaseType::is_pre_release) {
        return Ok((labels, Vec::new()));
    }
    without_followed(session.mirror(), id, labels)
}

/// Returns the labels of a pre-release that no alias follows, and those that are left out since one does.
pub fn without_followed(
    mirror: &Mirror,
    id: &BuildId,
    labels: Vec<Label>,
) -> Result<(Vec<Label>, Vec<Label>), ReleaseError> {
    let had = mirror.record(id)?.map(|record| record.labels).unwrap_or_default();
    let had: Vec<Label> = had.iter().filter_map(|(key, label)| Label::read(key, &label.value).ok()).collect();
    let said: BTreeSet<Label> = labels.iter().chain(&had).cloned().collect();
    let rules = mirror.alias_rules_for(&id.stream, &said).clone();
    Ok(release::without_followed(labels, &had, &rules))
}
