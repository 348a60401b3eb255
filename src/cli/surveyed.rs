//! A census of the mirror, and a warning for what could not be read.

use super::exit::Outcome;
use super::say;
use crate::census::Census;
use crate::cli::context::now;
use crate::mirror::{Mirror, survey};
use crate::model::BuildId;

/// Surveys the mirror and says what could not be read.
pub(super) fn looked_at(mirror: &Mirror) -> Outcome<Census> {
    let survey = survey(mirror, now())?;
    survey.troubles.iter().for_each(say::trouble);
    let recorded = mirror.recorded().unwrap_or_default();
    let place = |id: &BuildId| mirror.layout().build_path(id).unwrap_or_else(|_| id.as_path());
    let places: Vec<_> = recorded.iter().map(place).collect();
    for alias in &survey.census.aliases {
        let below = places.iter().filter(|place| place.is_within(&alias.path));
        match below.count() as u64 {
            0 => {}
            count => say::note(&format!(
                "warning: `{}` is a symlink, and mirrorkeep follows none: {} below it left out",
                alias.path,
                say::count(count, "build")
            )),
        }
    }
    Ok(survey.census)
}
