//! What a prune does with a policy that is put in force: what it withholds until a person acts, and what expires soon.

use super::context::{Context, now};
use super::exit::Outcome;
use super::policy_diff::{Row, Said, census_of, known_targets};
use super::say;
use crate::decide::policy::Policy;
use crate::decide::{PreviousRuns, retain};
use crate::mirror::Mirror;
use crate::model::{BuildId, Stamp, shown};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeSet;

/// The number of seconds of a day.
const DAY: i64 = 86_400;

/// How many seconds `policy set` looks ahead at most.
const LOOKED_AHEAD: i64 = 366 * DAY;

/// What a prune does with a new policy that a comparison for this instant does not show.
#[derive(Serialize, JsonSchema)]
pub(super) struct Waiting {
    /// The builds that a prune withholds now until a person acts, as a whole or parts of them.
    withheld: Vec<BuildId>,
    /// By which rules.
    by: String,
    /// The digest with which `prune --accept` deletes what is withheld; `null` if nothing is, or before the policy is in force.
    #[schemars(regex(pattern = "^sha256:[0-9a-f]{64}$"))]
    accept: Option<String>,
    /// When the longest `min_age` and `superseded_grace` are over for the builds that are there now.
    soon: Stamp,
    /// The builds that only the new policy deletes until then, without those that it deletes now.
    going: Vec<BuildId>,
    /// Those of them that a prune will withhold.
    going_withheld: Vec<BuildId>,
}

impl Waiting {
    /// Looks at a mirror with the policy in force, if there is a usable one, and with the next one.
    pub(super) fn of(
        setting: &Context,
        mirror: &Mirror,
        (old, new): (Option<&Policy>, &Policy),
        dry_run: bool,
    ) -> Outcome<Self> {
        let at = now();
        let plan = crate::ops::retention::plan_at(mirror, Some(new.clone()), at)?.plan;
        let policies = old.into_iter().chain([new]);
        let terms = policies.flat_map(|policy| &policy.families);
        let terms = terms.flat_map(|family| [family.min_age.seconds(), family.superseded_grace.seconds()]);
        let longest = terms.max().unwrap_or_default().clamp(0, LOOKED_AHEAD - DAY) / DAY * DAY + DAY;
        let soon = at.checked_add(longest).unwrap_or(at);
        let (mut going, mut going_withheld) = (Vec::new(), Vec::new());
        if let Some(old) = old {
            let census = known_targets(setting, &[old, new], None, census_of(setting, None)?)?;
            let going_at = |at| {
                let [before, after] =
                    [old, new].map(|policy| retain(&census, policy, at, &PreviousRuns::default()));
                let pairs = before.builds.iter().zip(&after.builds);
                let rows = pairs.filter_map(|(before, after)| Row::of(before, after));
                let rows = rows.filter(|row| row.change == "would-go");
                rows.map(|row| row.after.id.clone()).collect::<BTreeSet<BuildId>>()
            };
            going = going_at(soon).difference(&going_at(at)).cloned().collect();
            if !going.is_empty() {
                let then = crate::ops::retention::plan_at(mirror, Some(new.clone()), soon)?.plan;
                let held: BTreeSet<&BuildId> = then.held().map(|verdict| &verdict.id).collect();
                going_withheld = going.iter().filter(|id| held.contains(id)).cloned().collect();
            }
        }
        let withheld: Vec<BuildId> = plan.held().map(|verdict| verdict.id.clone()).collect();
        let accept = plan.accept().filter(|_| !dry_run);
        Ok(Self { withheld, by: plan.held_by(), accept, soon, going, going_withheld })
    }

    /// Returns the lines below a comparison.
    pub(super) fn lines(&self, said: Said) -> String {
        let mut text = String::new();
        let would = said == Said::Would;
        if !self.going.is_empty() {
            let builds = say::count(self.going.len() as u64, "more build");
            let (until, will) = (self.soon.iso(), if would { "would" } else { "will" });
            text += &format!(
                "{builds} {will} expire until {until}, once `min_age` and `superseded_grace` are over"
            );
            text += &match self.going_withheld.len() {
                0 => "\n".to_owned(),
                held => format!(
                    "; {held} of these {will} be withheld until a person accepts the plan with `mirrorkeep prune --accept`\n"
                ),
            };
        }
        if !self.withheld.is_empty() {
            let builds = say::count(self.withheld.len() as u64, "build");
            let by = shown(&self.by);
            text += &match (would, self.withheld.len()) {
                (true, _) => format!("{builds} would be withheld from prune ({by})"),
                (false, 1) => format!("{builds} is withheld from prune ({by})"),
                (false, _) => format!("{builds} are withheld from prune ({by})"),
            };
            text += "; `mirrorkeep plan` gives the reasons";
            if let Some(digest) = &self.accept {
                text += &format!(", and `mirrorkeep prune --accept {digest}` deletes what a brake withholds");
            }
            text.push('\n');
        }
        text
    }
}
