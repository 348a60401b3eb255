//! Bringing a site up to date: what differs is written, in an order in which no file leads to one that is not there.

use super::dest::{Dest, There, alone_in};
use super::facts::SiteFacts;
use super::state::{SiteState, alone};
use super::{Details, GoneFacts, Pages, Rank, Shown, SiteError, SiteFile};
use crate::mirror::Mirror;
use crate::model::{Digest, RelPath};
use crate::ops::{ActError, Mode};
use crate::session::Session;
use crate::store::StoreError;
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::Serialize;
use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// How much is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// What differs from what was written last.
    Changes,
    /// What differs from what is there, byte for byte.
    Full,
}

/// What was written of a site, or would be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SiteReport {
    /// Paths of files that are new or replaced: in the mirror, or below the directory of `--out`.
    pub written: Vec<RelPath>,
    /// Paths of files that were removed.
    pub removed: Vec<RelPath>,
    /// How many files are as they were.
    pub same: u64,
    /// How many bytes were written.
    pub bytes: u64,
    /// Whether every file was compared with what is there, and not only with what was written last.
    pub full: bool,
    /// Warnings for a person.
    pub warnings: Vec<String>,
}

/// How many pages of builds are made before they are written.
const TOGETHER: usize = 256;

/// One file that is to be there, or those of one build.
struct Wanted<'f> {
    path: RelPath,
    /// The further pages of a build with many files.
    more: Vec<RelPath>,
    rank: Rank,
    what: What<'f>,
}

enum What<'f> {
    Text(String),
    Build(Shown<'f>),
    Gone(&'f GoneFacts),
}

/// Brings the site of a mirror up to date.
///
/// Killed anywhere, each file is the old one or the new one, and the next call goes on.
pub fn update(
    session: &Session<'_>,
    pages: &dyn Pages,
    extent: Extent,
    mode: Mode,
) -> Result<SiteReport, SiteError> {
    let mirror = session.mirror();
    let config = mirror.config().site.as_ref().ok_or(SiteError::NoSection)?;
    // Taken before the mirror is looked at: of two writers the later one has seen what the other has.
    let _alone = if mode == Mode::Real { Some(alone(mirror)?) } else { None };
    let state = SiteState::read(mirror)?;
    let mut report = SiteReport::default();
    if let Some(before) = state.as_ref().filter(|state| state.path != config.path) {
        // The layout does not know that place any more, and would take the files for streams.
        leave(mirror, pages, before, mode, &mut report)?;
    }
    let whole = |state: &&SiteState| state.path == config.path && !state.writing;
    let dest = Dest::Mirror(mirror, &config.path);
    let mut known = state.as_ref().filter(whole).filter(|_| extent == Extent::Changes);
    // Somebody may have removed the whole directory.
    if let Some(front) = pages.front()
        && known.is_some_and(|state| state.files.contains_key(&front))
        && !dest.has(&front)?
    {
        known = None;
    }
    report.full = known.is_none();
    let old = known.map_or_else(|| dest.there(pages), |state| Ok(state.files.clone()))?;
    // Also of a state that a kill left: it was made from what it states.
    let simulated = state.as_ref().and_then(|state| state.simulated.as_ref());
    let facts = SiteFacts::of(mirror, config, session.now(), simulated)?;
    let after = SiteState::of(&facts);
    let mut writer = Writer { session, dest, pages, mode, old, marked: false, after, report };
    writer.all(&facts, known)?;
    let Writer { after, report, marked, .. } = writer;
    if mode == Mode::Real && (marked || state.as_ref() != Some(&after)) {
        after.keep(mirror)?;
    }
    Ok(report)
}

/// Brings the site of a mirror up to date in a directory outside of it, byte for byte; nothing in the mirror is changed.
///
/// The links of its files are those of files in the mirror, at the place of the site. Killed anywhere, each file is the old one or
/// the new one, and the next call goes on; of two calls for one directory, the second waits.
pub fn write_to(
    session: &Session<'_>,
    pages: &dyn Pages,
    dir: &Path,
    mode: Mode,
) -> Result<SiteReport, SiteError> {
    let mirror = session.mirror();
    let config = mirror.config().site.clone().unwrap_or_default();
    // Taken before the mirror is looked at, as in the mirror.
    let _alone = if mode == Mode::Real { alone_in(dir, mirror.wait())? } else { None };
    let dest = Dest::Dir(dir);
    let old = dest.there(pages)?;
    let facts = SiteFacts::of(mirror, &config, session.now(), None)?;
    let after = SiteState::of(&facts);
    let report = SiteReport { full: true, ..SiteReport::default() };
    let mut writer = Writer { session, dest, pages, mode, old, marked: false, after, report };
    writer.all(&facts, None)?;
    Ok(writer.report)
}

/// Removes the files of a site from where it was before; what was changed there is left.
fn leave(
    mirror: &Mirror,
    pages: &dyn Pages,
    before: &SiteState,
    mode: Mode,
    report: &mut SiteReport,
) -> Result<(), StoreError> {
    let (mut left, dest) = (0u64, Dest::Mirror(mirror, &before.path));
    for (path, digest) in &before.files {
        match dest.found(path)? {
            There::Nothing => {}
            There::File(bytes) if pages.is_ours(path.name(), &bytes) && Digest::of(&bytes) == *digest => {
                if mode == Mode::Real {
                    dest.remove(path)?;
                }
                report.removed.push(dest.shown(path));
            }
            There::File(_) | There::Other => left += 1,
        }
    }
    if mode == Mode::Real {
        // One that holds something else stays.
        mirror.store().remove_dir(&before.path).ok();
    }
    if left > 0 {
        let files = if left == 1 { "1 changed file" } else { "changed files" };
        report.warnings.push(format!("the site was in `{}` before; {files} there stay", before.path));
    }
    Ok(())
}

/// Writes what differs, and notes what is there then.
struct Writer<'a> {
    session: &'a Session<'a>,
    dest: Dest<'a>,
    pages: &'a dyn Pages,
    mode: Mode,
    old: BTreeMap<RelPath, Digest>,
    /// Whether the state says that files are being written.
    marked: bool,
    after: SiteState,
    report: SiteReport,
}

/// A file as it is to be: its digest, what a page was made from, and its text where it has to be written.
struct Made {
    path: RelPath,
    digest: Digest,
    input: Option<Digest>,
    text: Option<String>,
}

impl Writer<'_> {
    /// Writes what differs, and removes what is not wanted any more.
    fn all(&mut self, facts: &SiteFacts, known: Option<&SiteState>) -> Result<(), SiteError> {
        let mut wanted = wanted(facts, self.pages, &mut self.report);
        wanted.sort_by(|a, b| a.rank.cmp(&b.rank).then_with(|| a.path.cmp(&b.path)));
        let paths: BTreeSet<RelPath> = wanted.iter().flat_map(Wanted::paths).cloned().collect();
        for of_rank in wanted.chunk_by(|a, b| a.rank == b.rank) {
            for some in of_rank.chunks(TOGETHER) {
                self.session.check_cancelled().map_err(ActError::from)?;
                self.write(facts, known, some)?;
            }
        }
        let unwanted: Vec<RelPath> = self.old.keys().filter(|path| !paths.contains(*path)).cloned().collect();
        for path in unwanted {
            self.take_away(&path)?;
        }
        self.report.written.sort();
        Ok(())
    }

    fn write(
        &mut self,
        facts: &SiteFacts,
        known: Option<&SiteState>,
        some: &[Wanted<'_>],
    ) -> Result<(), SiteError> {
        let made = some.par_iter().map(|one| self.make(facts, known, one)).collect::<Result<Vec<_>, _>>()?;
        let mut files = Vec::new();
        for Made { path, digest, input, text } in made.into_iter().flatten() {
            if let Some(text) = text {
                let at = self.dest.shown(&path);
                if !self.is_free(&path)? {
                    let why = "something that is not of the site is there";
                    self.report.warnings.push(format!("`{at}` is not written: {why}"));
                    continue;
                }
                self.report.bytes += text.len() as u64;
                self.report.written.push(at);
                files.push((path.clone(), text));
            } else {
                self.report.same += 1;
            }
            self.after.inputs.extend(input.map(|input| (path.clone(), input)));
            self.after.files.insert(path, digest);
        }
        if self.mode == Mode::Real && !files.is_empty() {
            self.mark()?;
            self.dest.put(&files)?;
        }
        Ok(())
    }

    /// States that files are being written, before the first is; outside of the mirror no file states anything.
    fn mark(&mut self) -> Result<(), StoreError> {
        if let Dest::Mirror(mirror, _) = self.dest
            && !std::mem::replace(&mut self.marked, true)
        {
            let (files, inputs) = (BTreeMap::new(), BTreeMap::new());
            SiteState { writing: true, files, inputs, ..self.after.clone() }.keep(mirror)?;
        }
        Ok(())
    }

    /// Returns whether a file can be written: what is there was written here, or nothing is.
    fn is_free(&self, path: &RelPath) -> Result<bool, StoreError> {
        Ok(match self.dest.found(path)? {
            There::Nothing => true,
            There::File(bytes) => self.pages.is_ours(path.name(), &bytes),
            There::Other => false,
        })
    }

    /// Removes a file that is not wanted any more, and the directories that are empty then.
    fn take_away(&mut self, path: &RelPath) -> Result<(), StoreError> {
        let There::File(bytes) = self.dest.found(path)? else { return Ok(()) };
        if !self.pages.is_ours(path.name(), &bytes) {
            return Ok(());
        }
        if self.mode == Mode::Real {
            self.mark()?;
            self.dest.remove(path)?;
        }
        self.report.removed.push(self.dest.shown(path));
        Ok(())
    }

    fn make(
        &self,
        facts: &SiteFacts,
        known: Option<&SiteState>,
        one: &Wanted<'_>,
    ) -> Result<Vec<Made>, SiteError> {
        let (texts, input): (Vec<Cow<'_, str>>, _) = match &one.what {
            What::Text(text) => (vec![text.into()], None),
            What::Gone(gone) => (vec![self.pages.gone(facts, gone).into()], None),
            What::Build(shown) => {
                let input = self.pages.input(facts, *shown, one.more.len());
                let as_before = known.filter(|state| state.inputs.get(&one.path) == Some(&input));
                let same = as_before.and_then(|state| one.as_before(&state.files, input));
                if let Some(same) = same {
                    return Ok(same);
                }
                let details = Details::read(self.session.mirror(), *shown)?;
                let texts = self.pages.build(facts, *shown, &details, &one.more);
                (texts.into_iter().map(Cow::from).collect(), Some(input))
            }
        };
        let made = one.paths().zip(texts).enumerate().map(|(nth, (path, text))| {
            let digest = Digest::of(text.as_bytes());
            let text = (self.old.get(path) != Some(&digest)).then(|| text.into_owned());
            Made { path: path.clone(), digest, input: input.filter(|_| nth == 0), text }
        });
        Ok(made.collect())
    }
}

impl<'f> Wanted<'f> {
    fn new(path: RelPath, rank: Rank, what: What<'f>) -> Self {
        Self { path, more: Vec::new(), rank, what }
    }

    /// Returns the paths of its files.
    fn paths(&self) -> impl Iterator<Item = &RelPath> {
        std::iter::once(&self.path).chain(&self.more)
    }

    /// Returns its files as they were written before, if all of them were.
    fn as_before(&self, files: &BTreeMap<RelPath, Digest>, input: Digest) -> Option<Vec<Made>> {
        let made = |(nth, path): (usize, &RelPath)| {
            let digest = *files.get(path)?;
            Some(Made { path: path.clone(), digest, input: (nth == 0).then_some(input), text: None })
        };
        self.paths().enumerate().map(made).collect()
    }
}

/// Returns the files that are to be there; of two that are in each other's way, the one of the larger thing.
fn wanted<'f>(facts: &'f SiteFacts, pages: &dyn Pages, report: &mut SiteReport) -> Vec<Wanted<'f>> {
    let files = pages.files(facts).into_iter();
    let files = files.map(|SiteFile { path, rank, text }| Wanted::new(path, rank, What::Text(text)));
    let builds = facts.streams.iter().flat_map(|stream| {
        stream.builds.iter().enumerate().map(|(at, build)| Shown { build, before: stream.builds.get(at + 1) })
    });
    let builds = builds.filter_map(|shown| {
        let wanted = Wanted::new(pages.page(&shown.build.id)?, Rank::Build, What::Build(shown));
        Some(Wanted { more: pages.more(shown.build), ..wanted })
    });
    let gone = facts
        .gone
        .iter()
        .filter_map(|gone| Some(Wanted::new(pages.page(&gone.id)?, Rank::Build, What::Gone(gone))));
    let mut all: Vec<Wanted<'f>> = files.chain(builds).chain(gone).collect();
    let weight = |one: &Wanted<'_>| if one.rank == Rank::Asset { None } else { Some(Reverse(one.rank)) };
    all.sort_by(|a, b| weight(a).cmp(&weight(b)).then_with(|| a.path.cmp(&b.path)));
    let (mut taken, mut dirs) = (BTreeSet::<RelPath>::new(), BTreeMap::<RelPath, RelPath>::new());
    all.retain_mut(|one| {
        let in_the_way = |path: &RelPath| {
            let other = taken.get(path).or_else(|| dirs.get(path)).cloned();
            other.or_else(|| path.ancestors().find(|dir| taken.contains(dir)))
        };
        if let Some(other) = in_the_way(&one.path) {
            report
                .warnings
                .push(format!("`{}` of the site is not written: `{other}` is in the way", one.path));
            return false;
        }
        if let Some((path, other)) = one.more.iter().find_map(|path| Some((path, in_the_way(path)?))) {
            report.warnings.push(format!("`{path}` of the site is not written: `{other}` is in the way"));
            one.more.clear();
        }
        for path in one.paths() {
            for dir in path.ancestors() {
                dirs.entry(dir).or_insert_with(|| path.clone());
            }
            taken.insert(path.clone());
        }
        true
    });
    all
}
