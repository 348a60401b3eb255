//! Looking at one entry: the commits and the tags of its repositories, and its build.
//!
//! A check looks at all entries once; an entry that is carried out is looked at again when its turn comes, since a build can be
//! rejected, and a tag can appear, in between.

use super::ReleaseError;
use super::remote::{OnBranch, Remote, Work};
use super::tag::{parsed, proven};
use crate::decide::release::{
    self, Entry, Finding, Project, ReleaseType, Request, Rule, Series, Settings, TagMessage,
};
use crate::mirror::Mirror;
use crate::model::{BuildId, Label, Outcome};
use crate::ops::git::Git;
use crate::ops::promotion::lacks;
use crate::session::Session;
use crate::sign::Keys;
use std::collections::BTreeSet;

/// The keys of a message that say what was released; who approved it, and where, may differ.
const STATED: [&str; 8] = ["series", "version", "type", "team", "repo", "stream", "build", "label"];

/// One entry that is looked at.
pub(super) struct Look<'a> {
    /// For its build; without it nothing is said of builds.
    pub(super) session: Option<&'a Session<'a>>,
    pub(super) request: &'a Request,
    pub(super) index: usize,
    pub(super) settings: &'a Settings,
    pub(super) keys: &'a Keys,
}

/// What a repository has for a tag.
pub(super) enum Seen {
    /// No tag of that name.
    Nothing,
    /// The tag, at the commit.
    Fits,
    /// A tag that violates a rule.
    Violates(Finding),
}

/// The answer to a question that a repository may not answer.
pub(super) type Looked<T> = Result<Result<T, String>, ReleaseError>;

impl Look<'_> {
    fn finding(&self, rule: Rule, key: &str, why: impl Into<String>) -> Finding {
        self.request.finding(self.index, rule, key, why)
    }

    /// Checks the commits and the tags of an entry.
    pub(super) fn repositories(
        &self,
        (git, work): (&Git, &Work),
        entry: &Entry,
        found: &mut Vec<Finding>,
        warnings: &mut Vec<String>,
    ) -> Result<(), ReleaseError> {
        // A text that is no version is not passed to git.
        let (Some(series), Some(_)) = (self.settings.series(&self.request.series), &entry.version) else {
            return Ok(());
        };
        for (number, project) in entry.projects.iter().enumerate() {
            let url = self.settings.remote(&project.repo);
            let looked = match work.remote(git, &url)? {
                Ok(remote) => self.repository(&remote, series, entry, number, found, warnings)?,
                Err(why) => Err(why),
            };
            if let Err(why) = looked {
                let why = format!("`{url}` cannot be asked: {why}");
                found.push(self.finding(Rule::NotKnown, &format!("projects[{number}].repo"), why));
            }
        }
        Ok(())
    }

    fn repository(
        &self,
        remote: &Remote<'_>,
        series: &Series,
        entry: &Entry,
        number: usize,
        found: &mut Vec<Finding>,
        warnings: &mut Vec<String>,
    ) -> Looked<()> {
        let Some(Project { repo, commit }) = entry.projects.get(number) else { return Ok(Ok(())) };
        match self.tag(remote, entry, number, warnings)? {
            Ok(Seen::Violates(finding)) => found.push(finding),
            Ok(Seen::Nothing | Seen::Fits) => {}
            Err(why) => return Ok(Err(why)),
        }
        let hash = format!("projects[{number}].hash");
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

    /// Looks for the tag of a repository of an entry.
    pub(super) fn tag(
        &self,
        remote: &Remote<'_>,
        entry: &Entry,
        number: usize,
        warnings: &mut Vec<String>,
    ) -> Looked<Seen> {
        let Some(project) = entry.projects.get(number) else { return Ok(Ok(Seen::Nothing)) };
        let (at, is_annotated) = match remote.tag(&entry.text)? {
            Ok(Some(found)) => found,
            Ok(None) => return Ok(Ok(Seen::Nothing)),
            Err(why) => return Ok(Err(why)),
        };
        let key = format!("projects[{number}].hash");
        let tag = format!("the tag `{}` of `{}`", entry.text, project.repo);
        if at != project.commit {
            let why = format!("{tag} is at {at}, and not at {}", project.commit);
            return Ok(Ok(Seen::Violates(self.finding(Rule::TagElsewhere, &key, why))));
        }
        let object = match if is_annotated { remote.tag_object(&entry.text)? } else { Ok(None) } {
            Ok(object) => object,
            Err(why) => return Ok(Err(why)),
        };
        let labels = self.labels(entry)?;
        let message = self.message(entry, project, labels.as_deref().unwrap_or_default());
        Ok(Ok(match self.existing(entry, project, object.as_deref(), (&message, labels.is_some())) {
            Ok(None) => Seen::Fits,
            Ok(Some(why)) => {
                let warning = format!("{tag} exists, and {why}");
                if !warnings.contains(&warning) {
                    warnings.push(warning);
                }
                Seen::Fits
            }
            Err((rule, why)) => {
                let finding = self.finding(rule, &key, format!("{tag} exists, and {why}"));
                let is_other = rule == Rule::TagElsewhere;
                let hint = "name the build that the tag names, or choose another version: a public tag is never moved";
                Seen::Violates(if is_other { Finding { hint, ..finding } } else { finding })
            }
        }))
    }

    /// Checks a tag that exists at the commit; returns what should be known of it, or which rule it violates.
    fn existing(
        &self,
        entry: &Entry,
        project: &Project,
        object: Option<&str>,
        (stated, with_labels): (&TagMessage, bool),
    ) -> Result<Option<String>, (Rule, String)> {
        let read = object.map(parsed);
        if !entry.unsigned && self.keys.wanted().next().is_some() {
            let signed = match &read {
                Some(Ok(object)) if object.name != entry.text || object.commit != project.commit => {
                    Err(format!("it is the tag `{}` of {}", object.name.escape_debug(), object.commit))
                }
                Some(Ok(object)) => proven(object, self.keys).map(drop),
                Some(Err(why)) => Err(why.clone()),
                None => Err("it is not annotated".to_owned()),
            };
            signed.map_err(|why| (Rule::TagUnsigned, format!("is not signed by a trusted key: {why}")))?;
        }
        let object = read.and_then(Result::ok).filter(|object| object.name == entry.text);
        let message = object.and_then(|object| TagMessage::parse(&object.message).ok());
        let is_ours = |found: &TagMessage| found.name == stated.name && found.version == stated.version;
        let Some(found) = message.filter(is_ours) else {
            return Ok(Some(format!("its message is not that of `{}`", self.request.id(entry))));
        };
        let (has, wants) = (found.meta("build"), stated.meta("build"));
        // A message with `request` is one that mirrorkeep made: without a build it says that there is none.
        if has != wants && (has.is_some() || found.meta("request").is_some()) {
            let shown =
                |build: Option<&str>| build.map_or("no build".to_owned(), |id| format!("the build `{id}`"));
            let why = format!("its message names {}, and the entry {}", shown(has), shown(wants));
            return Err((Rule::TagElsewhere, why));
        }
        let other = differing(&found, stated, with_labels);
        Ok((!other.is_empty()).then(|| format!("its message says something else about {}", other.join(", "))))
    }

    /// Returns the message of the tag of a repository, but for who approved it, and where.
    pub(super) fn message(&self, entry: &Entry, project: &Project, labels: &[Label]) -> TagMessage {
        let kind = entry.kind().map(|kind| kind.to_string()).unwrap_or_default();
        let stream = entry.build.as_ref().map(|id| id.stream.clone());
        let stream = stream.or_else(|| self.request.stream(self.settings, &project.repo));
        let mut meta: Vec<(&str, String)> = vec![
            ("series", self.request.series.clone()),
            ("version", entry.text.clone()),
            ("type", kind.clone()),
            ("team", self.request.team.clone()),
            ("repo", project.repo.clone()),
        ];
        let is_eol = entry.kind() == Some(ReleaseType::Eol);
        meta.extend(stream.filter(|_| !is_eol).map(|stream| ("stream", stream.to_string())));
        meta.extend(entry.build.as_ref().map(|id| ("build", id.to_string())));
        meta.extend(labels.iter().map(|label| ("label", label.to_string())));
        TagMessage {
            name: self.request.name.clone(),
            version: entry.text.clone(),
            kind,
            meta: meta.into_iter().map(|(key, value)| (key.to_owned(), value)).collect(),
            text: Vec::new(),
        }
    }

    /// Returns the labels of an entry; nothing if those of its build cannot be known without the mirror.
    pub(super) fn labels(&self, entry: &Entry) -> Result<Option<Vec<Label>>, ReleaseError> {
        let is_pre_release = entry.kind().is_some_and(ReleaseType::is_pre_release);
        Ok(match (&entry.build, self.session) {
            (Some(id), Some(session)) => Some(labels_for(session, self.request, entry, id)?.0),
            (Some(_), None) if is_pre_release => None,
            _ => Some(self.request.labels(entry)),
        })
    }

    /// Checks the build of an entry, if it names one and there is a mirror.
    pub(super) fn build(&self, entry: &Entry, found: &mut Vec<Finding>) -> Result<(), ReleaseError> {
        let (Some(session), Some(id)) = (self.session, &entry.build) else { return Ok(()) };
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
                    let hint =
                        "`stage` of the series in releases.yaml names a stage of the pipeline of the mirror";
                    found.push(Finding { hint, ..self.finding(Rule::BuildVotes, "build", why) });
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

/// Returns the keys about which two messages differ, in the order in which they are written.
fn differing(found: &TagMessage, stated: &TagMessage, with_labels: bool) -> Vec<String> {
    let all = |message: &TagMessage, key: &str| -> BTreeSet<String> {
        message.all(key).map(str::to_owned).collect()
    };
    let differs = |key: &&str| {
        let is_compared = with_labels || *key != "label";
        is_compared && all(found, key) != all(stated, key) || *key == "type" && found.kind != stated.kind
    };
    STATED.into_iter().filter(differs).map(|key| format!("`{key}`")).collect()
}

/// Returns the labels that the build of an entry gets, and those that are left out since it is a pre-release.
fn labels_for(
    session: &Session<'_>,
    request: &Request,
    entry: &Entry,
    id: &BuildId,
) -> Result<(Vec<Label>, Vec<Label>), ReleaseError> {
    let labels = request.labels(entry);
    if !entry.kind().is_some_and(ReleaseType::is_pre_release) {
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
