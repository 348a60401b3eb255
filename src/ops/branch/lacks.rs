//! What the settings of the mirror lack for new streams, of every file at once.

use super::{BranchError, BranchRequest};
use crate::decide::branch::{
    Counterparts, Lack, Pair, Setting, aliases_lack, calendar_lacks, calendars, indented, pipeline_lacks,
    policy_lacks, without,
};
use crate::decide::pipeline::Pipeline;
use crate::decide::policy::Policy;
use crate::mirror::Mirror;
use crate::ops::promotion::StageError;

/// What applies to the streams of a mirror.
pub(super) struct Settings {
    pub(super) policy: Option<Policy>,
    pub(super) pipeline: Option<Pipeline>,
}

/// Returns what is lacking, and adds warnings.
pub(super) fn lacks(
    mirror: &Mirror,
    settings: &Settings,
    request: &BranchRequest,
    pairs: &[Pair],
    warnings: &mut Vec<String>,
) -> Result<Vec<Lack>, BranchError> {
    let BranchRequest { counterparts, without: without_these, date, .. } = request;
    let layout = mirror.layout();
    let mut lacks: Vec<Lack> = Vec::new();
    for addition in pairs.iter().filter_map(|pair| layout.lacks(&pair.old, &pair.new)) {
        let lack = Lack::of_layout(addition);
        // Several streams may lack the same.
        if !lacks.iter().any(|known| (&known.place, &known.add) == (&lack.place, &lack.add)) {
            lacks.push(lack);
        }
    }
    let placed: Vec<Pair> =
        pairs.iter().filter(|pair| layout.stream_path(&pair.new).is_ok()).cloned().collect();
    lacks.extend(aliases_lack(layout, counterparts, &placed));
    lacks.extend(own_aliases_lack(mirror, counterparts, pairs));
    if let Some(policy) = &settings.policy {
        lacks.extend(policy_lacks(policy, counterparts, pairs));
    }
    if let Some(pipeline) = &settings.pipeline {
        if let Some(unknown) = without_these.iter().find(|name| pipeline.stage(name).is_none()) {
            let known = pipeline.stages.iter().map(|stage| stage.name.clone()).collect();
            return Err(StageError::NoStage { stage: unknown.clone(), known }.into());
        }
        lacks.extend(pipeline_lacks(pipeline, counterparts, pairs, without_these));
    }
    let counted = settings.policy.as_ref().map(|policy| calendars(policy, pairs)).unwrap_or_default();
    match (date, &settings.policy) {
        (Some(day), Some(policy)) if !counted.is_empty() => lacks.extend(calendar_lacks(policy, pairs, *day)),
        (Some(_), _) => return Err(BranchError::NoCalendar),
        (None, _) => warnings.extend(counted.iter().map(|(calendar, family)| {
            format!(
                "the family `{family}` counts periods of `{calendar}`; `--date DAY` checks that the calendar has the day of this \
                 release"
            )
        })),
    }
    Ok(lacks)
}

/// Returns the aliases of `mirror.yaml` that are in an old stream and not in its counterpart.
fn own_aliases_lack(mirror: &Mirror, counterparts: &Counterparts, pairs: &[Pair]) -> Vec<Lack> {
    let mut lacks = Vec::new();
    let all = &mirror.config().aliases;
    for alias in all {
        let has = |stream: &_| all.iter().any(|other| other.name == alias.name && other.is_in(stream));
        let missing: Vec<&Pair> =
            pairs.iter().filter(|pair| alias.is_in(&pair.old) && !has(&pair.new)).collect();
        if missing.is_empty() {
            continue;
        }
        let mut entries = Vec::new();
        for text in counterparts.patterns(missing.iter().copied()) {
            let mut entry = alias.clone();
            entry.streams = Some(text);
            entries.push(entry);
        }
        // Plain data always serializes.
        let add = indented(&serde_yaml::to_string(&entries).unwrap_or_default());
        let why = without(&format!("the alias `{}`", alias.name), counterparts, &missing);
        lacks.push(Lack { setting: Setting::Mirror, place: "`aliases`, at the end".to_owned(), why, add });
    }
    lacks
}
