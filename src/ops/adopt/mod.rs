//! Recording builds that other tools copied in, without moving or changing a published byte.
//!
//! Every file is read once, in parallel, and compared with the checksum lists beside it; then manifest and record are
//! written under the lock, the record last. Another run continues with the builds that have no record. What is
//! ambiguous is skipped and reported: nothing is guessed, since a guess would decide what is deleted.

mod changed;
mod dated;
mod reading;
mod request;
mod taking;

use crate::census::BuildCensus;
use crate::commit::choose::protocol;
use crate::commit::unsealed::{Unsealed, Whose};
use crate::mirror::{Mirror, build_info, build_info_from_record, chain, survey};
use crate::model::{BuildId, Stamp};
use crate::ops::{ActError, Mode};
use crate::record::Origin;
use crate::session::Session;
use request::Stopped;
pub use request::{
    AdoptOptions, AdoptReport, Adopted, Changed, Scope, SkippedBuild, SumsIn, Trust, UnreadList,
};
pub(crate) use taking::Remembered;
use taking::Taking;

/// Adopts the builds of a scope that have no record yet.
pub fn adopt(session: &Session<'_>, adopting: &AdoptOptions) -> Result<AdoptReport, ActError> {
    let mirror = session.mirror();
    if adopting.mode == Mode::Real {
        drop(session.begin()?);
    }
    let survey = survey(mirror, session.now())?;
    let mut report = AdoptReport::default();
    let recorded = mirror.recorded()?;
    let laid = laid_down(mirror, adopting, &mut report, session.now())?;
    let mut found = false;
    let laid = laid.iter().map(|(id, census)| (id.clone(), census));
    for (id, census) in survey.census.builds().chain(laid) {
        if !adopting.scope.has(&id) {
            continue;
        }
        found = true;
        session.check_cancelled()?;
        let known = recorded.binary_search(&id).is_ok();
        if known && adopting.changed == Changed::Leave && adopting.created.is_none() {
            report.already += 1;
            continue;
        }
        let taking = Taking { session, adopting, origin: Origin::Adopted, before: None };
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
                report.left.push(SkippedBuild { path, why });
            }
            Err(Stopped::All(error)) => return Err(error),
        }
    }
    let catalogued = mirror.store().abilities().lists_versions;
    if catalogued && adopting.mode == Mode::Real && !report.adopted.is_empty() {
        session.begin()?.keep_catalogues(None)?;
    }
    if adopting.changed != Changed::Leave {
        found |= changed::settle_rest(session, adopting, &survey.census, &mut report)?;
    }
    match &adopting.scope {
        Scope::Build(id) if !found => return Err(crate::commit::CommitError::NoBuild(id.clone()).into()),
        Scope::All => {
            let strays = survey.census.strays.into_iter();
            report.left.extend(strays.map(|stray| SkippedBuild { path: stray.path, why: stray.why }));
        }
        _ => {}
    }
    let told = survey.troubles.iter().filter(|trouble| adopting.scope.concerns(mirror, &trouble.path));
    let told = told.map(|trouble| (trouble.path.to_string(), chain(&trouble.error)));
    report.left.extend(told.map(|(path, why)| SkippedBuild { path, why }));
    report.left.sort();
    report.left.dedup_by(|a, b| a.path == b.path);
    Ok(report)
}

/// Returns the trees without a seal, where seals mark builds, and reports those that cannot be adopted.
fn laid_down(
    mirror: &Mirror,
    adopting: &AdoptOptions,
    report: &mut AdoptReport,
    now: Stamp,
) -> Result<Vec<(BuildId, BuildCensus)>, ActError> {
    let mut laid = Vec::new();
    for Unsealed { id, path, whose } in protocol(mirror).unsealed(mirror, now)? {
        let why = match whose {
            Whose::Others => match build_info_from_record(mirror, &id, None) {
                Ok(census) => {
                    laid.push((id, census));
                    continue;
                }
                Err(error) => chain(&error),
            },
            Whose::Publisher => "it is being published".to_owned(),
            Whose::GivenUp => {
                "its publisher was interrupted: publish it again, or run `mirrorkeep recover`".to_owned()
            }
            Whose::Unsure => {
                "the trash cannot be read, so it may be what is left of a pruned build".to_owned()
            }
        };
        if adopting.scope.has(&id) {
            report.left.push(SkippedBuild { path: path.to_string(), why });
        }
    }
    Ok(laid)
}

/// Makes the record of one build again from its tree and from the journal.
pub(crate) fn rebuild(session: &Session<'_>, id: &BuildId, remembered: &Remembered) -> Result<(), String> {
    let (sums, trust) = (SumsIn::Record, Trust::Bytes);
    let scope = Scope::Build(id.clone());
    let (changed, mode) = (Changed::Leave, Mode::Real);
    let adopting = &AdoptOptions { scope, sums, trust, changed, result: None, created: None, mode };
    let mut census = build_info(session.mirror(), id).map_err(|error| chain(&error))?;
    remembered.fill(id, &mut census);
    let taking = Taking { session, adopting, origin: Origin::Rebuilt, before: None };
    match taking.build(id, &census) {
        Ok(_) => Ok(()),
        Err(Stopped::Build(why)) => Err(why),
        Err(Stopped::All(error)) => Err(chain(&error)),
    }
}
