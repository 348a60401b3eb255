//! Carrying out requests: for each entry its tags, then the labels of its build, then the event.
//!
//! An entry that violates a rule, or that fails, stops no other. What was done before a kill is found again: tags in the
//! repositories, labels on the build, the event in the journal.

use super::ReleaseError;
use super::check::{Examined, examine, labels_for};
use super::record::{Release, record};
use super::remote::{Asked, Remote, Work};
use super::report::{ApplyReport, EntryOutcome, EntryReport, ReleaseRequest, Signing, TagOutcome, TagReport};
use super::repository::Requests;
use super::tag::{acceptable, readable};
use crate::decide::release::{Entry, Finding, Project, Request, Rule, Settings, TagMessage};
use crate::mirror::chain;
use crate::model::{Classify, ErrorKind};
use crate::ops::Mode;
use crate::ops::git::Git;
use crate::progress::Interrupted;
use crate::record::Released;
use crate::session::Session;
use crate::sign::Keys;

/// Carries out every entry that is not applied and, if there is a base, not in it.
pub fn apply(
    session: &Session<'_>,
    request: &ReleaseRequest,
    signing: &Signing,
    keys: &Keys,
    mode: Mode,
) -> Result<ApplyReport, ReleaseError> {
    let git = Git::new(request.limit, session.stop());
    let work = Work::new(request.work.as_deref())?;
    let requests = Requests::at(&git, &request.requests)?;
    let found = examine(Some(session), request, &requests, (&git, &work), keys)?;
    if mode == Mode::Real && !found.pending.is_empty() {
        // A mirror that cannot be changed now is found out before a tag is public.
        drop(session.begin()?);
    }
    let mut releases = Vec::new();
    for (number, index) in &found.pending {
        let Some(one) = found.judged.requests.get(*number) else { continue };
        let Some(entry) = one.entries.get(*index) else { continue };
        session.check_cancelled()?;
        let applying = Applying {
            session,
            found: &found,
            requests: &requests,
            signing,
            keys,
            request: one,
            index: *index,
        };
        releases.push(applying.entry((&git, &work), entry, mode)?);
    }
    let entries: usize = found.judged.requests.iter().map(|request| request.entries.len()).sum();
    let is_new = |finding: &Finding| {
        let pending = found.pending.iter().filter_map(|(number, index)| {
            let one = found.judged.requests.get(*number)?;
            Some((&one.file, &one.entries.get(*index)?.text))
        });
        pending
            .into_iter()
            .any(|(file, text)| *file == finding.file && finding.version.as_ref() == Some(text))
    };
    // One that the base has in another form, and that was never applied, is neither old nor new.
    let is_apart = |finding: &&Finding| {
        finding.version.is_none() || finding.rule == Rule::OnlyAppended && !is_new(finding)
    };
    let findings = found.judged.findings.iter().filter(is_apart);
    Ok(ApplyReport {
        applied: found.applied,
        base: entries - found.pending.len() - found.applied,
        releases,
        findings: findings.cloned().collect(),
        commit: found.commit,
        warnings: found.warnings,
    })
}

/// One entry that is carried out.
struct Applying<'a> {
    session: &'a Session<'a>,
    found: &'a Examined,
    requests: &'a Requests,
    signing: &'a Signing,
    keys: &'a Keys,
    request: &'a Request,
    index: usize,
}

impl Applying<'_> {
    fn entry(
        &self,
        (git, work): (&Git, &Work),
        entry: &Entry,
        mode: Mode,
    ) -> Result<EntryReport, ReleaseError> {
        let findings: Vec<Finding> = self.findings(entry).cloned().collect();
        let labels = match &entry.build {
            Some(id) => labels_for(self.session, self.request, entry, id)?.0,
            None => self.request.labels(entry),
        };
        let mut report = EntryReport {
            series: self.request.series.clone(),
            name: self.request.name.clone(),
            version: entry.text.clone(),
            kind: entry.kind(),
            outcome: EntryOutcome::WouldRelease,
            tags: Vec::new(),
            build: entry.build.clone(),
            labels: labels.iter().map(ToString::to_string).collect(),
            aliases: Vec::new(),
            findings,
            why: None,
        };
        let settings = match &self.found.judged.settings {
            Some(settings) if report.findings.is_empty() => settings,
            _ => {
                let unknown = report.findings.iter().all(|finding| finding.rule == Rule::NotKnown);
                let is_unknown = unknown && !report.findings.is_empty();
                report.outcome = if is_unknown { EntryOutcome::Failed } else { EntryOutcome::Refused };
                return Ok(report);
            }
        };
        let lines = self.request.lines(self.index).unwrap_or((1, 1));
        let (by, mut approved) =
            match self.requests.approvals(&self.found.commit, &self.request.file, lines)? {
                Ok(approvals) => approvals,
                Err(why) => {
                    report.outcome = EntryOutcome::Failed;
                    report.why = Some(format!("who approved it is not known: {why}"));
                    return Ok(report);
                }
            };
        let given = self.signing.approved_by.iter().filter(|name| !approved.contains(name)).cloned();
        approved.extend(given.collect::<Vec<_>>());
        let release = Release {
            released: Released {
                series: self.request.series.clone(),
                name: self.request.name.clone(),
                version: entry.text.clone(),
                kind: entry.kind().map(|kind| kind.to_string()).unwrap_or_default(),
                team: self.request.team.clone(),
                build: entry.build.clone(),
                commits: entry.commits(),
                approved_by: approved,
                announcement: entry.announcement.clone(),
                request: by,
            },
            labels,
        };
        self.tags((git, work), entry, settings, &release, (&mut report, mode))?;
        if report.outcome == EntryOutcome::Failed {
            return Ok(report);
        }
        if mode == Mode::Trial {
            return Ok(report);
        }
        self.session.check_cancelled()?;
        match record(self.session, &release) {
            Ok(aliases) => {
                report.outcome = EntryOutcome::Released;
                report.aliases = aliases;
            }
            // What ends the whole command, and not only this entry.
            Err(error)
                if matches!(error.kind(), ErrorKind::Busy | ErrorKind::Interrupted | ErrorKind::Refused) =>
            {
                return Err(error);
            }
            Err(error) => {
                report.outcome = EntryOutcome::Failed;
                report.why = Some(chain(&error));
            }
        }
        Ok(report)
    }

    /// Returns what keeps an entry from being applied: findings about it, about its file, and about the settings.
    fn findings<'f>(&'f self, entry: &'f Entry) -> impl Iterator<Item = &'f Finding> {
        self.found.judged.findings.iter().filter(move |finding| {
            let here = finding.file == self.request.file;
            let of_entry = finding.version.as_ref().is_none_or(|version| *version == entry.text);
            here && of_entry || finding.rule == Rule::Settings
        })
    }

    /// Makes the tags of an entry and pushes them; none is pushed before all are made.
    fn tags(
        &self,
        (git, work): (&Git, &Work),
        entry: &Entry,
        settings: &Settings,
        release: &Release,
        (report, mode): (&mut EntryReport, Mode),
    ) -> Result<(), Interrupted> {
        let failed = |report: &mut EntryReport, project: &Project, why: &str| {
            report.outcome = EntryOutcome::Failed;
            report.why = Some(format!("the tag of `{}` was not made: {why}", project.repo));
        };
        let mut made = Vec::new();
        for project in &entry.projects {
            let message = self.message(settings, project, release);
            let url = settings.remote(&project.repo);
            let one = match work.remote(git, &url)? {
                Ok(remote) => {
                    self.make(&remote, entry, project, &message, mode)?.map(|outcome| (remote, outcome))
                }
                Err(why) => Err(why),
            };
            match one {
                Ok((remote, outcome)) => made.push((project, url, remote, outcome)),
                Err(why) => {
                    failed(report, project, &why);
                    return Ok(());
                }
            }
        }
        for (project, url, remote, outcome) in made {
            let done = match outcome {
                TagOutcome::Made => push(&remote, entry, project)?,
                TagOutcome::There | TagOutcome::WouldMake => Ok(outcome),
            };
            match done {
                Ok(outcome) => report.tags.push(TagReport {
                    repository: project.repo.clone(),
                    remote: url,
                    commit: project.commit.clone(),
                    outcome,
                }),
                Err(why) => {
                    failed(report, project, &why);
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Makes a tag in the clone, unless the repository has it at the commit; what was made is read back, since it is never moved
    /// once it is public.
    fn make(
        &self,
        remote: &Remote<'_>,
        entry: &Entry,
        project: &Project,
        message: &TagMessage,
        mode: Mode,
    ) -> Asked<TagOutcome> {
        let name = &entry.text;
        match remote.tag(name)?.and_then(|tag| there(tag, entry, project)) {
            Ok(Some(outcome)) => return Ok(Ok(outcome)),
            Ok(None) => {}
            Err(why) => return Ok(Err(why)),
        }
        let text = message.to_string();
        if let Err(why) = readable(message, &text) {
            return Ok(Err(format!("it could not be read: {why}")));
        }
        let key = self.signing.key.as_deref().filter(|_| !entry.unsigned);
        let keys = Some(self.keys).filter(|keys| !entry.unsigned && keys.wanted().next().is_some());
        if keys.is_some() && key.is_none() {
            let why = "`--keyring` accepts signed tags alone, and without `--sign KEY` it is not signed";
            return Ok(Err(why.to_owned()));
        }
        if mode == Mode::Trial {
            return Ok(Ok(TagOutcome::WouldMake));
        }
        if let Err(why) = remote.make_tag(name, &project.commit, &text, key)? {
            return Ok(Err(why));
        }
        let read =
            remote.made_tag(name)?.and_then(|object| acceptable(&object, &project.commit, message, keys));
        let refused = |why| format!("it could not be used, so it was not pushed: {why}");
        Ok(read.map(|()| TagOutcome::Made).map_err(refused))
    }

    /// Returns the message of the tag of a repository.
    fn message(&self, settings: &Settings, project: &Project, release: &Release) -> TagMessage {
        let Released { series, name, version, kind, team, build, approved_by, request, .. } =
            &release.released;
        let stream = build.as_ref().map(|id| id.stream.clone());
        let stream = stream.or_else(|| self.request.stream(settings, &project.repo));
        let mut meta: Vec<(&str, String)> = vec![
            ("series", series.clone()),
            ("version", version.clone()),
            ("type", kind.clone()),
            ("team", team.clone()),
            ("repo", project.repo.clone()),
        ];
        meta.extend(stream.filter(|_| kind != "eol").map(|stream| ("stream", stream.to_string())));
        meta.extend(build.as_ref().map(|id| ("build", id.to_string())));
        meta.extend(release.labels.iter().map(|label| ("label", label.to_string())));
        meta.extend(approved_by.iter().map(|person| ("approved-by", person.clone())));
        meta.push(("request", request.clone()));
        TagMessage {
            name: name.clone(),
            version: version.clone(),
            kind: kind.clone(),
            meta: meta.into_iter().map(|(key, value)| (key.to_owned(), value)).collect(),
            text: Vec::new(),
        }
    }
}

/// Returns that a tag is at the commit of a repository; nothing if there is no such tag.
fn there(
    tag: Option<(String, bool)>,
    entry: &Entry,
    project: &Project,
) -> Result<Option<TagOutcome>, String> {
    match tag {
        Some((at, _)) if at == project.commit => Ok(Some(TagOutcome::There)),
        Some((at, _)) => Err(format!("the tag `{}` is at {at}", entry.text)),
        None => Ok(None),
    }
}

/// Pushes a tag that was made.
fn push(remote: &Remote<'_>, entry: &Entry, project: &Project) -> Asked<TagOutcome> {
    let name = &entry.text;
    let Err(refused) = remote.push_tag(name)? else { return Ok(Ok(TagOutcome::Made)) };
    // Another command may have pushed it in between.
    Ok(match remote.tag(name)?.and_then(|tag| there(tag, entry, project)) {
        Ok(Some(outcome)) => Ok(outcome),
        Ok(None) => Err(refused),
        Err(why) => Err(why),
    })
}
