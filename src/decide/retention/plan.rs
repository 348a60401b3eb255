//! A plan: one verdict for each build, with every reason, and a digest of all of them.

use crate::decide::retention::near_miss::NearMiss;
use crate::model::{BuildId, Digest, Hasher, Outcome, Stamp, Stream};
use crate::record::Lapsed;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The version of the JSON form.
pub const PLAN_VERSION: u32 = 1;

/// The verdict of a policy on every build of a census at one instant.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Plan {
    /// The version of this form.
    #[schemars(extend("const" = PLAN_VERSION))]
    pub plan: u32,
    /// The instant for which it is made.
    pub at: Stamp,
    /// Identifies the mirror and every verdict; the same census and policy give the same digest, in whatever order
    /// they were read. A plan that was not made from a mirror covers the verdicts alone.
    #[serde(serialize_with = "prefixed")]
    #[schemars(with = "String", regex(pattern = "^sha256:[0-9a-f]{64}$"))]
    pub digest: Digest,
    /// How it may be carried out.
    pub outcome: PlanOutcome,
    /// One verdict for each build, by stream and age.
    pub builds: Vec<Verdict>,
    /// Paths that are not builds, and are never touched.
    pub ignored: Vec<String>,
    /// Warnings for the user.
    pub warnings: Vec<String>,
    /// Why nothing may be deleted at all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub refusals: Vec<String>,
    /// Whether accepting this plan deletes something that is withheld now.
    #[serde(skip)]
    pub acceptable: bool,
    /// The number of requested bytes that could not be freed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shortfall: Option<u64>,
    /// The totals.
    pub totals: Totals,
}

/// How a plan may be carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PlanOutcome {
    /// As it is.
    Ok,
    /// A brake or freeze withholds something.
    Withheld,
    /// Something cannot be evaluated.
    Blocked,
    /// Not enough is freed.
    Shortfall,
    /// Not at all.
    Refused,
}

/// The verdict of a policy on one build.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Verdict {
    /// The ID of the build.
    pub id: BuildId,
    /// Its verdict.
    #[serde(rename = "verdict")]
    pub fate: Fate,
    /// Its result, if that is not a success; other rules apply then.
    #[serde(skip_serializing_if = "is_success")]
    pub result: Outcome,
    /// Every reason for which it is kept, protections first; empty exactly if it expires.
    pub reasons: Vec<Reason>,
    /// How narrowly each rule missed it, if none keeps it.
    pub misses: Vec<Miss>,
    /// The verdict on each part of it that the policy names.
    pub parts: BTreeMap<String, PartFate>,
    /// The last instant at which it is kept; `null` if something other than time decides.
    pub kept_until: Option<Stamp>,
    /// Why parts of it are withheld.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts_withheld: Vec<Reason>,
    /// The number of bytes that its deletion, or that of its parts, frees.
    pub bytes_freed: u64,
    /// Whether it is deleted only because the disk fills; then it is not kept in the trash.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub pressed: bool,
    /// The archive to which it goes instead of the trash.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub archive: Option<GoesTo>,
}

/// The archive to which an expired build goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct GoesTo {
    /// The path or URL of that mirror.
    pub to: Arc<str>,
    /// The last instant at which it holds the build if it goes there now; `null` if that is until a person removes the
    /// hold.
    pub until: Option<Stamp>,
}

/// The verdict on a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Fate {
    /// It is kept.
    Keep,
    /// It is deleted.
    Expire,
    /// It cannot be evaluated, so it is kept.
    Blocked,
    /// No rule keeps it, but a brake or freeze does.
    Withheld,
}

/// The verdict on a part of a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PartFate {
    /// It is kept.
    Keep,
    /// It is deleted.
    Expire,
    /// No rule keeps it, but a brake does.
    Withheld,
    /// It was deleted before.
    Gone,
}

/// A reason for which a build is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Reason {
    /// The rule or protection, such as `within 14d` or `hold`.
    pub rule: Arc<str>,
    /// The basis of its deadline.
    pub basis: Option<Arc<str>>,
    /// The last instant at which it holds; `null` if time does not decide.
    pub until: Option<Stamp>,
    /// Details, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Whether it is a protection, which no policy can switch off, or the floor.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub protects: bool,
}

/// How narrowly a rule missed a build.
#[derive(Debug, Clone)]
pub struct Miss {
    /// The rule.
    pub rule: Arc<str>,
    /// How narrowly.
    pub near: NearMiss,
}

/// The totals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct Totals {
    /// Builds that are kept.
    pub keep: usize,
    /// Builds that expire.
    pub expire: usize,
    /// Builds that are withheld.
    pub withheld: usize,
    /// Builds that cannot be evaluated.
    pub blocked: usize,
    /// Builds that are kept and lose parts.
    pub trimmed: usize,
    /// Builds that are kept and of which parts are withheld.
    pub trims_withheld: usize,
    /// Bytes that the deletion of builds and parts frees.
    pub bytes_freed: u64,
}

impl Reason {
    /// Returns a reason that lasts until something other than time changes.
    pub fn lasting(rule: impl Into<Arc<str>>, detail: impl Into<Option<String>>) -> Self {
        Self { rule: rule.into(), basis: None, until: None, detail: detail.into(), protects: false }
    }

    /// Returns the same reason as one that no policy can switch off.
    #[must_use]
    pub fn protecting(self) -> Self {
        Self { protects: true, ..self }
    }
}

impl Serialize for Miss {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_struct("Miss", 2)?;
        map.serialize_field("rule", &self.rule)?;
        map.serialize_field("detail", &self.near.to_string())?;
        map.end()
    }
}

impl JsonSchema for Miss {
    fn schema_name() -> Cow<'static, str> {
        "Miss".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "description": "How narrowly a rule missed a build.",
            "properties": {
                "rule": { "type": "string", "description": "The rule, such as `within 14d`." },
                "detail": { "type": "string", "description": "How narrowly, for people." },
            },
            "required": ["rule", "detail"],
        })
    }
}

impl Verdict {
    /// Returns the last instant of all reasons; nothing if one of them does not depend on time.
    pub fn last_instant(&self) -> Option<Stamp> {
        self.reasons.iter().map(|reason| reason.until).collect::<Option<Vec<_>>>()?.into_iter().max()
    }

    /// Returns the names of its parts with that fate.
    pub fn parts_with(&self, fate: PartFate) -> impl Iterator<Item = &str> {
        self.parts.iter().filter(move |(_, found)| **found == fate).map(|(name, _)| name.as_str())
    }

    /// Returns which rules no longer keep it, as an event states them.
    pub fn lapsed(&self) -> Vec<Lapsed> {
        let one = |miss: &Miss| Lapsed { rule: miss.rule.to_string(), detail: miss.near.to_string() };
        self.misses.iter().map(one).collect()
    }

    /// Returns whether it stays and loses parts.
    pub fn is_trimmed(&self) -> bool {
        self.fate == Fate::Keep && self.parts_with(PartFate::Expire).next().is_some()
    }
}

impl Verdict {
    /// Returns whether it, or a part of it, would be deleted without a brake or freeze.
    pub fn is_held_back(&self) -> bool {
        self.fate == Fate::Withheld || !self.parts_withheld.is_empty()
    }

    /// Returns whether only `max_per_run` withholds it, so that one of the next runs deletes it.
    pub fn waits_its_turn(&self) -> bool {
        let whole = self.reasons.iter().filter(|_| self.fate == Fate::Withheld);
        // A build that a waiting one needs waits with it.
        let turn = |reason: &Reason| reason.rule.starts_with("max_per_run") || &*reason.rule == "requires";
        self.is_held_back() && whole.chain(&self.parts_withheld).all(turn)
    }
}

impl Plan {
    /// Returns what `prune --accept` takes to delete what brakes withhold; nothing if it would delete nothing more.
    pub fn accept(&self) -> Option<String> {
        self.acceptable.then(|| format!("sha256:{}", self.digest))
    }

    /// Returns the verdicts that a brake or freeze withholds, as a whole or of parts, until a person acts.
    pub fn held(&self) -> impl Iterator<Item = &Verdict> {
        self.builds.iter().filter(|verdict| verdict.is_held_back() && !verdict.waits_its_turn())
    }

    /// Returns the rules by which these are withheld, each with what it means where its name does not say it.
    pub fn held_by(&self) -> String {
        let reasons = self.held().flat_map(|one| one.reasons.iter().chain(&one.parts_withheld));
        let rules: BTreeSet<&str> = reasons
            .map(|why| match &*why.rule {
                "policy_change defer" => "policy_change defer: the policy was edited",
                "first_run" => "first_run: the first deletion on a mirror with builds of other tools",
                rule => rule,
            })
            .collect();
        rules.into_iter().collect::<Vec<_>>().join(", ")
    }

    /// Returns the verdict on a build.
    pub fn verdict(&self, id: &BuildId) -> Option<&Verdict> {
        self.of_stream(&id.stream).iter().find(|verdict| verdict.id == *id)
    }

    /// Returns the verdicts on the builds of a stream, by age.
    pub fn of_stream(&self, stream: &Stream) -> &[Verdict] {
        // The builds of a stream are adjacent, the streams sorted.
        let from = self.builds.partition_point(|verdict| verdict.id.stream < *stream);
        let to = self.builds.partition_point(|verdict| verdict.id.stream <= *stream);
        self.builds.get(from..to).unwrap_or_default()
    }

    /// Returns how many builds each protection or rule keeps, the largest number first: why no more can be freed.
    pub fn obstacles(&self) -> String {
        let mut kept: BTreeMap<&str, usize> = BTreeMap::new();
        for verdict in self.builds.iter().filter(|verdict| verdict.fate == Fate::Keep) {
            let rule = verdict.reasons.first().map_or("the policy", |reason| &*reason.rule);
            *kept.entry(rule).or_default() += 1;
        }
        let mut kept: Vec<(&str, usize)> = kept.into_iter().collect();
        kept.sort_by_key(|(_, builds)| std::cmp::Reverse(*builds));
        let one = |(rule, builds): &(&str, usize)| {
            format!("`{rule}` keeps {builds} build{}", if *builds == 1 { "" } else { "s" })
        };
        if kept.is_empty() {
            "no build is left".to_owned()
        } else {
            kept.iter().map(one).collect::<Vec<_>>().join(", ")
        }
    }

    /// Returns the builds to delete.
    pub fn expiring(&self) -> impl Iterator<Item = &Verdict> {
        self.builds.iter().filter(|verdict| verdict.fate == Fate::Expire)
    }

    /// Computes the totals again, after bytes were measured.
    pub fn total(&mut self) {
        let count = |fate| self.builds.iter().filter(|verdict| verdict.fate == fate).count();
        self.totals = Totals {
            keep: count(Fate::Keep),
            expire: count(Fate::Expire),
            withheld: count(Fate::Withheld),
            blocked: count(Fate::Blocked),
            trimmed: self.builds.iter().filter(|verdict| verdict.is_trimmed()).count(),
            trims_withheld: self.builds.iter().filter(|verdict| !verdict.parts_withheld.is_empty()).count(),
            bytes_freed: self.builds.iter().map(|verdict| verdict.bytes_freed).sum(),
        };
    }
}

/// Returns the digest of these verdicts on a mirror with that ID.
pub(super) fn digest(mirror: Option<&str>, builds: &[Verdict]) -> Digest {
    let mut hasher = Hasher::new();
    if let Some(id) = mirror {
        hasher.update(format!("mirror {id:?}\n").as_bytes());
    }
    let mut line = String::new();
    for verdict in builds {
        line.clear();
        line.push_str(&format!("{} {:?}", verdict.id, verdict.fate));
        verdict.parts.iter().for_each(|(name, fate)| line.push_str(&format!(" {name}:{fate:?}")));
        if let Some(archive) = &verdict.archive {
            line.push_str(&format!(" to {:?}", archive.to));
        }
        line.push('\n');
        hasher.update(line.as_bytes());
    }
    hasher.finish()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives it so")]
fn is_success(result: &Outcome) -> bool {
    *result == Outcome::Success
}

fn prefixed<S: Serializer>(digest: &Digest, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&format!("sha256:{digest}"))
}
