//! Taking over builds that others laid down, without moving or changing a published byte.
//!
//! Every file is read once, in parallel, and held against the lists that lie beside it; then manifest and record are
//! written under the lease, the record last. Run again, it goes on with the builds that have none. What makes no
//! sense is left alone and told: nothing is guessed, since a guess would decide what gets deleted.

mod changed;
mod dated;
mod reading;
mod taking;

use crate::census::BuildCensus;
use crate::commit::repoint::Moved;
use crate::commit::unsealed::{Unsealed, Whose, unsealed};
use crate::mirror::{Mirror, chain, look_at_build, look_knowing, survey};
use crate::model::{BuildId, Outcome, RelPath, Stamp, Stream};
use crate::ops::ActError;
use crate::ops::alias::label::Mode;
use crate::progress::{Stop, Watch};
use crate::record::Origin;
use crate::recover::settle;
use serde::Serialize;
use taking::Taking;
pub(crate) use taking::{Remembered, is_taken};

/// Which builds are taken over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// All of them.
    All,
    /// Those of one stream.
    Stream(Stream),
    /// One.
    Build(BuildId),
}

impl Scope {
    /// Returns whether a build belongs to it.
    fn has(&self, id: &BuildId) -> bool {
        match self {
            Self::All => true,
            Self::Stream(stream) => id.stream == *stream,
            Self::Build(build) => id == build,
        }
    }

    /// Returns whether what cannot be read at a path stands in the way.
    fn concerns(&self, mirror: &Mirror, path: &RelPath) -> bool {
        let home = match self {
            Self::All => return true,
            Self::Stream(stream) => mirror.layout().stream_path(stream),
            Self::Build(id) => mirror.layout().build_path(id),
        };
        home.is_ok_and(|home| path.is_within(&home) || home.is_within(path))
    }
}

/// Whether a tree without SHA256SUMS gets one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SumsIn {
    /// No: the manifest beside the record holds the digests.
    Record,
    /// Yes.
    Build,
}

/// Whether what a list says of a file is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// No: every file is read, and one that differs from its list keeps its build from being taken over.
    Bytes,
    /// Yes, where the size fits: only what no list has is read.
    Lists,
}

/// Whether what changed behind mirrorkeep's back is taken for right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changed {
    /// No: builds that have a record are left alone.
    Leave,
    /// Yes: records are made again, those of builds that are gone go, and aliases are noted where they lead.
    Take,
    /// As `Take`, and no list of checksums is believed: SHA256SUMS of each such build is written again from its bytes.
    Rewrite,
}

/// How builds are taken over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adopting {
    /// Which.
    pub scope: Scope,
    /// Whether the builds get SHA256SUMS.
    pub sums: SumsIn,
    /// Whether lists are believed.
    pub trust: Trust,
    /// Whether changes are taken for right.
    pub changed: Changed,
    /// When the build of the scope was made, where neither its name nor its files have that.
    pub created: Option<Stamp>,
    /// Whether it is done or only tried.
    pub mode: Mode,
}

/// What was taken over.
#[derive(Debug, Default, Serialize)]
pub struct AdoptReport {
    /// Builds that have a record now.
    pub adopted: Vec<Adopted>,
    /// How many had one before.
    pub already: u64,
    /// Builds that changed since and have another record now.
    pub again: Vec<Adopted>,
    /// Builds that are gone, and what was kept of them now, too.
    pub forgotten: Vec<BuildId>,
    /// Aliases that somebody moved, made or removed, with where they lead now.
    pub noted: Vec<Moved>,
    /// What was left alone, and why.
    pub left: Vec<LeftAlone>,
}

/// A build that was taken over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Adopted {
    /// Which build.
    pub id: BuildId,
    /// Where it lies.
    pub path: RelPath,
    /// When it was made, as its name or its files say.
    pub created: Option<Stamp>,
    /// How it went, as its markers say.
    pub result: Outcome,
    /// How many files it has.
    pub files: u64,
    /// How many bytes they have.
    pub bytes: u64,
    /// How many files have a digest that others wrote down.
    pub listed: u64,
    /// Lists of checksums in it with lines that cannot be read; every file was read for its digest.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<UnreadList>,
    /// Signatures in it of the SHA256SUMS that was written again, which they fit no longer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unfit: Vec<RelPath>,
}

/// A list of checksums that others made, with a line that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnreadList {
    /// Where it is.
    pub path: RelPath,
    /// Which line, and why.
    pub why: String,
}

/// Something that was left alone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct LeftAlone {
    /// Where it lies.
    pub path: String,
    /// Why.
    pub why: String,
}

/// Why one build cannot be taken over, or why nothing can.
enum Stopped {
    Build(String),
    All(ActError),
}

impl<E: Into<ActError>> From<E> for Stopped {
    fn from(error: E) -> Self {
        Self::All(error.into())
    }
}

/// Takes over the builds of a scope that have no record yet.
pub fn adopt(
    mirror: &Mirror,
    adopting: &Adopting,
    watch: &dyn Watch,
    stop: &Stop,
    clock: &dyn Fn() -> Stamp,
) -> Result<AdoptReport, ActError> {
    if adopting.mode == Mode::Real {
        settle(&mirror.lease()?, clock)?;
    }
    let survey = survey(mirror, clock())?;
    let mut report = AdoptReport::default();
    let recorded = mirror.recorded()?;
    let laid = laid_down(mirror, adopting, &mut report, clock())?;
    let mut found = false;
    let laid = laid.iter().map(|(id, census)| (id.clone(), census));
    for (id, census) in survey.census.builds().chain(laid) {
        if !adopting.scope.has(&id) {
            continue;
        }
        found = true;
        stop.check()?;
        let known = recorded.binary_search(&id).is_ok();
        if known && adopting.changed == Changed::Leave && adopting.created.is_none() {
            report.already += 1;
            continue;
        }
        let taking = Taking { mirror, adopting, origin: Origin::Adopted, before: None, watch, stop, clock };
        let taken = match (known, adopting.created) {
            (true, Some(at)) => taking.date(&id, at),
            (true, None) => changed::again(taking, &id),
            (false, Some(at)) => taking.dated(&id, census, at).map(Some),
            (false, None) => taking.build(&id, census).map(Some),
        };
        match taken {
            Ok(Some(adopted)) if known => report.again.push(adopted),
            Ok(Some(adopted)) => report.adopted.push(adopted),
            Ok(None) => report.already += 1,
            Err(Stopped::Build(why)) => {
                let path = mirror.layout().build_path(&id).unwrap_or_else(|_| id.as_path()).to_string();
                report.left.push(LeftAlone { path, why });
            }
            Err(Stopped::All(error)) => return Err(error),
        }
    }
    if mirror.by_seal() && adopting.mode == Mode::Real && !report.adopted.is_empty() {
        mirror.lease()?.keep_catalogues(None)?;
    }
    if adopting.changed != Changed::Leave {
        found |= changed::settle_rest(mirror, adopting, &survey.census, &mut report, clock)?;
    }
    match &adopting.scope {
        Scope::Build(id) if !found => return Err(ActError::NoBuild(id.clone())),
        Scope::All => {
            let strays = survey.census.strays.into_iter();
            report.left.extend(strays.map(|stray| LeftAlone { path: stray.path, why: stray.why }));
        }
        _ => {}
    }
    let told = survey.troubles.iter().filter(|trouble| adopting.scope.concerns(mirror, &trouble.path));
    let told = told.map(|trouble| (trouble.path.to_string(), chain(&trouble.error)));
    report.left.extend(told.map(|(path, why)| LeftAlone { path, why }));
    report.left.sort();
    report.left.dedup_by(|a, b| a.path == b.path);
    Ok(report)
}

/// Returns what others laid down where builds are told by their seals, and tells what it may not be taken for.
fn laid_down(
    mirror: &Mirror,
    adopting: &Adopting,
    report: &mut AdoptReport,
    now: Stamp,
) -> Result<Vec<(BuildId, BuildCensus)>, ActError> {
    let mut laid = Vec::new();
    for Unsealed { id, path, whose } in unsealed(mirror, now)? {
        let why = match whose {
            Whose::Others => match look_knowing(mirror, &id, None) {
                Ok(census) => {
                    laid.push((id, census));
                    continue;
                }
                Err(error) => chain(&error),
            },
            Whose::Publisher => "it is being published".to_owned(),
            Whose::GivenUp => {
                "its publisher was cut off: publish it again, or `mirrorkeep recover`".to_owned()
            }
            Whose::Unsure => {
                "the trash cannot be read, so it may be what is left of a pruned build".to_owned()
            }
        };
        if adopting.scope.has(&id) {
            report.left.push(LeftAlone { path: path.to_string(), why });
        }
    }
    Ok(laid)
}

/// Makes the record of one build again from its tree and from what the journal knows.
pub(crate) fn rebuild(
    mirror: &Mirror,
    id: &BuildId,
    remembered: &Remembered,
    watch: &dyn Watch,
    stop: &Stop,
    clock: &dyn Fn() -> Stamp,
) -> Result<(), String> {
    let (sums, trust) = (SumsIn::Record, Trust::Bytes);
    let scope = Scope::Build(id.clone());
    let (changed, mode) = (Changed::Leave, Mode::Real);
    let adopting = &Adopting { scope, sums, trust, changed, created: None, mode };
    let mut census = look_at_build(mirror, id).map_err(|error| chain(&error))?;
    remembered.fill(id, &mut census);
    let taking = Taking { mirror, adopting, origin: Origin::Rebuilt, before: None, watch, stop, clock };
    match taking.build(id, &census) {
        Ok(_) => Ok(()),
        Err(Stopped::Build(why)) => Err(why),
        Err(Stopped::All(error)) => Err(chain(&error)),
    }
}
