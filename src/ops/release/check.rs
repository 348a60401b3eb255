//! Checking requests: first the files, then the repositories and the builds of the entries that are pending.

use super::ReleaseError;
use super::look::Look;
use super::record::all;
use super::remote::Work;
use super::report::{CheckReport, ReleaseRequest};
use super::repository::{Requests, is_nothing};
use crate::decide::release::{Applied, Entry, EntryId, Files, Finding, Judged, Request, Rule, judge};
use crate::ops::git::Git;
use crate::progress::CancelToken;
use crate::record::Released;
use crate::session::Session;
use crate::sign::Keys;
use std::collections::{BTreeMap, BTreeSet};

/// What is known about the requests, with the findings of all rules.
pub(super) struct Examined {
    pub(super) commit: String,
    pub(super) base: Option<String>,
    pub(super) judged: Judged,
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
    let work = Work::new(request.work.as_deref(), request.limit, stop)?;
    let requests = Requests::at(&git, &request.requests)?;
    let found = examine(session, request, &requests, (&git, &work), keys)?;
    Ok(CheckReport {
        commit: found.commit,
        base: found.base,
        requests: found.judged.requests.len(),
        pending: found.judged.pending.len(),
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
    let base = request.base.as_deref().filter(|base| !is_nothing(base));
    let base = base.map(|base| requests.commit(base)).transpose()?;
    let files = requests.files(&commit)?;
    let base_files = base.as_deref().map(|base| requests.files(base)).transpose()?;
    let applied: Applied = match session {
        Some(session) => all(session)?.into_iter().map(|release| (id_of(&release), release)).collect(),
        None => Applied::new(),
    };
    let mut judged = judge(&files, base_files.as_ref(), &applied);
    let (mut found, mut warnings) = (Vec::new(), Vec::new());
    let mut already = 0;
    for one in &judged.requests {
        let new = one.new_entries(|id| applied.contains_key(id));
        for (index, entry) in one.entries.iter().enumerate().filter(|(index, _)| !new.contains(index)) {
            let id = one.id(entry);
            already += usize::from(applied.contains_key(&id));
            let other = applied.get(&id).map(|release| changed(release, entry)).unwrap_or_default();
            let why = other.into_iter().map(|other| format!("`{id}` was applied with {other}"));
            found.extend(why.map(|why| one.finding(index, Rule::AppliedOther, "version", why)));
        }
    }
    found.extend(judged.requests.iter().flat_map(|one| removed(one, &applied)));
    found.extend(gone(requests, &commit, &files, &applied)?);
    if let Some(settings) = &judged.settings {
        for (number, index) in &judged.pending {
            let Some(one) = judged.requests.get(*number) else { continue };
            let look = Look { session, request: one, index: *index, settings, keys };
            let Some(entry) = one.entries.get(*index) else { continue };
            look.repositories((git, work), entry, &mut found, &mut warnings)?;
            look.build(entry, &mut found)?;
        }
    }
    judged.findings.extend(found);
    judged.findings.sort();
    judged.findings.dedup();
    Ok(Examined { commit, base, judged, applied: already, warnings })
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

/// Returns findings about the entries that were applied, and whose file was removed. A file that was never in the history of the
/// commit is that of another repository of requests, or of a later commit.
fn gone(
    requests: &Requests,
    commit: &str,
    files: &Files,
    applied: &Applied,
) -> Result<Vec<Finding>, ReleaseError> {
    let lacks: Vec<(String, &EntryId, &Released)> =
        applied.iter().map(|(id, release)| (id.file(), id, release)).collect();
    let lacks: Vec<_> = lacks.into_iter().filter(|(file, ..)| !files.contains_key(file)).collect();
    let mut commits: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (file, _, release) in &lacks {
        commits.entry(file.clone()).or_default().insert(release.request.clone());
    }
    let had = requests.with_history(&commits, commit)?;
    let finding = |(file, id, _): &(String, &EntryId, &Released)| {
        let why = format!("`{id}` was applied, and its file was removed");
        let finding = Finding::of_file(Rule::AppliedOther, file, why);
        Finding { version: Some(id.version.clone()), hint: "restore the file", ..finding }
    };
    Ok(lacks.iter().filter(|(file, ..)| had.contains(file)).map(finding).collect())
}

fn listed(release: &Released) -> String {
    let each = release.commits.iter().map(|(repo, commit)| format!("{repo} {commit}"));
    each.collect::<Vec<_>>().join(", ")
}
