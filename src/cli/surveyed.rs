//! A census of the mirror, and a warning for what could not be read.

use super::exit::Outcome;
use super::say;
use crate::census::Census;
use crate::cli::context::now;
use crate::mirror::{Mirror, Survey, Unreadable, chain, survey, survey_to_show};
use crate::model::{BuildId, Classify};

/// Surveys the mirror and reports what could not be read.
pub(super) fn looked_at(mirror: &Mirror) -> Outcome<Census> {
    let survey = survey(mirror, now())?;
    reported(mirror, &survey);
    Ok(survey.census)
}

/// Does the same for a verb that only shows builds and needs no journal; returns also whether the policy can be applied,
/// which needs one, and every hold.
pub(super) fn looked_to_show(mirror: &Mirror) -> Outcome<(Survey, bool)> {
    let (survey, unread) = survey_to_show(mirror, now())?;
    if let Some(error) = &unread {
        let hint = error.class().hint.map(|hint| format!("; {hint}")).unwrap_or_default();
        let why = chain(error);
        mirror.warnings().add(format!("{why}: what depends on it, such as verdicts, is left out{hint}"));
    }
    let protected = survey.troubles.iter().any(|trouble: &Unreadable| trouble.may_protect_any(mirror))
        || !survey.lost_holds.is_empty();
    reported(mirror, &survey);
    Ok((survey, unread.is_none() && !protected))
}

fn reported(mirror: &Mirror, survey: &Survey) {
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
}
