//! Carrying out requests: for each entry its tags, then the labels of its build, then the event.
//!
//! An entry that violates a rule, or that fails, stops no other. What can change meanwhile is looked at again when its turn comes: its
//! tags before they are made, and its build before its first tag is public and before it is named. What was done before a kill is found again: tags in the
//! repositories, labels on the build, the event in the journal.

use super::ReleaseError;
use super::check::{Examined, examine};
use super::look::{Look, Seen};
use super::record::{Release, record_if};
use super::remote::{Remote, Work};
use super::report::{ApplyReport, EntryOutcome, EntryReport, ReleaseRequest, Signing, TagOutcome, TagReport};
use super::repository::Requests;
use super::tag::{acceptable, readable};
use crate::decide::release::{Entry, Finding, Project, Request, Rule, TagMessage};
use crate::mirror::chain;
use crate::model::{Classify, ErrorKind};
use crate::ops::Mode;
use crate::ops::git::Git;
use crate::record::Released;
use crate::session::Session;
use crate::sign::Keys;

/// Carries out every entry that is not applied and, if there is a base, not in it. What ends the command in the middle is
/// returned beside what was done before.
pub fn apply(
    session: &Session<'_>,
    request: &ReleaseRequest,
    signing: &Signing,
    keys: &Keys,
    mode: Mode,
) -> Result<(ApplyReport, Option<ReleaseError>), ReleaseError> {
    let git = Git::new(request.limit, session.stop());
    let work = Work::new(request.work.as_deref(), request.limit, session.stop())?;
    let requests = Requests::at(&git, &request.requests)?;
    let found = examine(Some(session), request, &requests, (&git, &work), keys)?;
    if mode == Mode::Real && !found.judged.pending.is_empty() {
        // A mirror that cannot be changed now is found out before a tag is public.
        drop(session.begin()?);
    }
    let (mut releases, mut warnings, mut ended) = (Vec::new(), found.warnings.clone(), None);
    for (number, index) in &found.judged.pending {
        let Some(one) = found.judged.requests.get(*number) else { continue };
        let Some(entry) = one.entries.get(*index) else { continue };
        let applying = Applying {
            session,
            found: &found,
            requests: &requests,
            signing,
            keys,
            request: one,
            index: *index,
            mode,
        };
        let mut report = applying.report(entry);
        let done = session.check_cancelled().map_err(ReleaseError::from);
        let done = done.and_then(|()| applying.entry((&git, &work), entry, &mut report, &mut warnings));
        if let Err(error) = done {
            report.outcome = EntryOutcome::Failed;
            report.why = Some(chain(&error));
            releases.push(report);
            ended = Some(error);
            break;
        }
        releases.push(report);
    }
    let did = |one: &EntryReport| one.outcome == EntryOutcome::Released || !one.tags.is_empty();
    if let Some(error) = ended.take_if(|_| !releases.iter().any(did)) {
        return Err(error);
    }
    let entries: usize = found.judged.requests.iter().map(|request| request.entries.len()).sum();
    let is_new = |finding: &Finding| {
        let pending = found.judged.pending.iter().filter_map(|(number, index)| {
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
    let report = ApplyReport {
        applied: found.applied,
        base: entries - found.judged.pending.len() - found.applied,
        releases,
        findings: findings.cloned().collect(),
        commit: found.commit,
        warnings,
    };
    Ok((report, ended))
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
    mode: Mode,
}

/// Why a tag is not made or pushed.
enum Stop {
    /// A rule is violated by now.
    Violates(Finding),
    /// Something failed.
    Failed(String),
}

/// What is done about the tag of a repository once those of all are made.
enum Prepared {
    /// Nothing: it is there.
    There,
    /// Nothing: this is a trial.
    WouldMake,
    /// This object is pushed.
    Push(String),
}

/// A repository of an entry with what is done there.
struct Made<'a, 'g> {
    number: usize,
    project: &'a Project,
    url: String,
    remote: Remote<'g>,
    prepared: Prepared,
}

/// Continues with an answer, or returns why there is none.
macro_rules! answered {
    ($asked:expr) => {
        match $asked {
            Ok(answer) => answer,
            Err(why) => return Ok(Err(Stop::Failed(why))),
        }
    };
}

impl Applying<'_> {
    /// Returns the report of an entry of which nothing is done.
    fn report(&self, entry: &Entry) -> EntryReport {
        EntryReport {
            series: self.request.series.clone(),
            name: self.request.name.clone(),
            version: entry.text.clone(),
            kind: entry.kind(),
            outcome: EntryOutcome::WouldRelease,
            tags: Vec::new(),
            build: entry.build.clone(),
            labels: self.request.labels(entry).iter().map(ToString::to_string).collect(),
            aliases: Vec::new(),
            findings: self.findings(entry).cloned().collect(),
            why: None,
        }
    }

    fn entry(
        &self,
        (git, work): (&Git, &Work),
        entry: &Entry,
        report: &mut EntryReport,
        warnings: &mut Vec<String>,
    ) -> Result<(), ReleaseError> {
        let settings = match &self.found.judged.settings {
            Some(settings) if report.findings.is_empty() => settings,
            _ => {
                let unknown = report.findings.iter().all(|finding| finding.rule == Rule::NotKnown);
                let is_unknown = unknown && !report.findings.is_empty();
                report.outcome = if is_unknown { EntryOutcome::Failed } else { EntryOutcome::Refused };
                return Ok(());
            }
        };
        let look = Look {
            session: Some(self.session),
            request: self.request,
            index: self.index,
            settings,
            keys: self.keys,
        };
        let labels = look.labels(entry)?.unwrap_or_default();
        report.labels = labels.iter().map(ToString::to_string).collect();
        let lines = self.request.lines(self.index).unwrap_or((1, 1));
        let (by, mut approved) =
            match self.requests.approvals(&self.found.commit, &self.request.file, lines)? {
                Ok(approvals) => approvals,
                Err(why) => {
                    report.outcome = EntryOutcome::Failed;
                    report.why = Some(format!("who approved it is not known: {why}"));
                    return Ok(());
                }
            };
        for name in self.signing.approved_by.iter().map(|name| name.trim()) {
            if !approved.iter().any(|known| known == name) {
                approved.push(name.to_owned());
            }
        }
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
        if !self.tags((git, work), entry, &look, &release, (report, warnings))? || self.mode == Mode::Trial {
            return Ok(());
        }
        self.session.check_cancelled()?;
        let violates = || {
            let mut found = Vec::new();
            look.build(entry, &mut found)?;
            Ok(found)
        };
        match record_if(self.session, &release, violates) {
            Ok(Ok(aliases)) => {
                report.outcome = EntryOutcome::Released;
                report.aliases = aliases;
            }
            Ok(Err(found)) => {
                let why = found.first().map(ToString::to_string).unwrap_or_default();
                report.outcome = EntryOutcome::Failed;
                report.why = Some(format!("its tags are public, and its build was not named: {why}"));
                report.findings.extend(found);
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
        Ok(())
    }

    /// Returns what keeps an entry from being applied: findings about it, about its file, and about the settings.
    fn findings<'f>(&'f self, entry: &'f Entry) -> impl Iterator<Item = &'f Finding> {
        self.found.judged.findings.iter().filter(move |finding| {
            let here = finding.file == self.request.file;
            let is_same = finding.version.as_ref() == Some(&entry.text) && finding.entry == Some(self.index);
            here && (finding.version.is_none() || is_same) || finding.rule == Rule::Settings
        })
    }

    /// Makes the tags of an entry and pushes them; none is pushed before all are made, and its build is looked at again. Returns
    /// whether all are there, or would be.
    fn tags(
        &self,
        (git, work): (&Git, &Work),
        entry: &Entry,
        look: &Look<'_>,
        release: &Release,
        (report, warnings): (&mut EntryReport, &mut Vec<String>),
    ) -> Result<bool, ReleaseError> {
        let mut made = Vec::new();
        for (number, project) in entry.projects.iter().enumerate() {
            let url = look.settings.remote(&project.repo);
            let one = match work.remote(git, &url)? {
                Ok(remote) => {
                    let prepared = self.make((look, &remote), entry, (number, project), release, warnings)?;
                    prepared.map(|prepared| Made { number, project, url, remote, prepared })
                }
                Err(why) => Err(Stop::Failed(why)),
            };
            match one {
                Ok(one) => made.push(one),
                Err(stop) => {
                    stopped(report, project, stop);
                    return Ok(false);
                }
            }
        }
        look.build(entry, &mut report.findings)?;
        if !report.findings.is_empty() {
            report.outcome = EntryOutcome::Refused;
            return Ok(false);
        }
        for one in made {
            let done = match &one.prepared {
                Prepared::Push(id) => push(look, &one, entry, id, warnings)?,
                Prepared::There => Ok(TagOutcome::There),
                Prepared::WouldMake => Ok(TagOutcome::WouldMake),
            };
            match done {
                Ok(outcome) => report.tags.push(TagReport {
                    repository: one.project.repo.clone(),
                    remote: one.url,
                    commit: one.project.commit.clone(),
                    outcome,
                }),
                Err(stop) => {
                    stopped(report, one.project, stop);
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Makes a tag in the clone, unless the repository has one that fits; what was made is read back, since it is never moved once
    /// it is public.
    fn make(
        &self,
        (look, remote): (&Look<'_>, &Remote<'_>),
        entry: &Entry,
        (number, project): (usize, &Project),
        release: &Release,
        warnings: &mut Vec<String>,
    ) -> Result<Result<Prepared, Stop>, ReleaseError> {
        let name = &entry.text;
        match answered!(look.tag(remote, entry, number, warnings)?) {
            Seen::Fits => return Ok(Ok(Prepared::There)),
            Seen::Violates(finding) => return Ok(Err(Stop::Violates(finding))),
            Seen::Nothing => {}
        }
        let message = &approved(look.message(entry, project, &release.labels), &release.released);
        let text = message.to_string();
        answered!(readable(message, &text).map_err(|why| format!("it could not be read: {why}")));
        let key = self.signing.key.as_deref().filter(|_| !entry.unsigned);
        let keys = Some(self.keys).filter(|keys| !entry.unsigned && keys.wanted().next().is_some());
        if keys.is_some() && key.is_none() {
            let why = "`--keyring` accepts signed tags alone, and without `--sign KEY` it is not signed";
            return Ok(Err(Stop::Failed(why.to_owned())));
        }
        if self.mode == Mode::Trial {
            return Ok(Ok(Prepared::WouldMake));
        }
        answered!(remote.make_tag(name, &project.commit, &text, key)?);
        let (id, object) = answered!(remote.made_tag(name)?);
        let fits = acceptable(&object, &project.commit, message, keys);
        answered!(fits.map_err(|why| format!("it could not be used, so it was not pushed: {why}")));
        Ok(Ok(Prepared::Push(id)))
    }
}

/// Returns the message of a tag with who approved the release, and where.
fn approved(message: TagMessage, released: &Released) -> TagMessage {
    let mut meta = message.meta;
    meta.extend(released.approved_by.iter().map(|person| ("approved-by".to_owned(), person.clone())));
    meta.push(("request".to_owned(), released.request.clone()));
    TagMessage { meta, ..message }
}

/// Notes in the report of an entry why the tag of a repository is not made or pushed.
fn stopped(report: &mut EntryReport, project: &Project, stop: Stop) {
    let is_public = report.tags.iter().any(|tag| tag.outcome == TagOutcome::Made);
    let why = match stop {
        Stop::Violates(finding) => {
            let why = finding.to_string();
            report.findings.push(finding);
            if !is_public {
                report.outcome = EntryOutcome::Refused;
                return;
            }
            why
        }
        Stop::Failed(why) => why,
    };
    report.outcome = EntryOutcome::Failed;
    report.why = Some(format!("the tag of `{}` was not made: {why}", project.repo));
}

/// Pushes a tag that was made.
fn push(
    look: &Look<'_>,
    made: &Made<'_, '_>,
    entry: &Entry,
    id: &str,
    warnings: &mut Vec<String>,
) -> Result<Result<TagOutcome, Stop>, ReleaseError> {
    let Err(refused) = made.remote.push_tag(&entry.text, id)? else { return Ok(Ok(TagOutcome::Made)) };
    // Another command may have pushed one in between.
    Ok(match answered!(look.tag(&made.remote, entry, made.number, warnings)?) {
        Seen::Fits => Ok(TagOutcome::There),
        Seen::Violates(finding) => Err(Stop::Violates(finding)),
        Seen::Nothing => Err(Stop::Failed(refused)),
    })
}
