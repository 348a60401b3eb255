//! What a policy means, in types that the engine reads.

use super::{Period, Range, Span};
use crate::model::{BuildName, Digest, Outcome, Stamp, Stream};
use chrono_tz::Tz;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Retention rules for each family of streams.
#[derive(Debug, Clone)]
pub struct Policy {
    pub(super) text: Arc<str>,
    /// What tells it from every other policy.
    pub digest: Digest,
    /// The zone of calendar periods.
    pub zone: Tz,
    /// Release calendars, each sorted.
    pub events: BTreeMap<String, Vec<Stamp>>,
    /// How long pruned builds wait in the trash.
    pub trash: Span,
    /// How far clocks may differ.
    pub skew: Span,
    /// How much later than the last run a run may be.
    pub max_clock_step: Span,
    /// How much may be deleted at once.
    pub brakes: Brakes,
    /// What to do when the disk fills.
    pub pressure: Option<Pressure>,
    /// For which copies elsewhere a build waits.
    pub mirrored: Option<Mirrored>,
    /// The families, first match first.
    pub families: Vec<Family>,
    /// What a stream without a family is treated by: everything stays.
    pub(super) fallback_family: Family,
    /// Examples that must come out as they say.
    pub tests: Vec<PolicyTest>,
}

/// For which copies elsewhere a build waits that an alias left or a newer success superseded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mirrored {
    /// The names of the targets.
    pub by: Vec<String>,
    /// For how long it waits at most.
    pub at_most: Span,
}

/// How much may be deleted at once.
#[derive(Debug, Clone, Default)]
pub struct Brakes {
    /// Of one stream.
    pub stream: Brake,
    /// Of all streams together.
    pub run: Brake,
    /// What a changed policy may do.
    pub policy_change: PolicyChange,
    /// Maximum number of builds that one run deletes, the oldest first.
    pub max_per_run: Option<usize>,
}

impl Brakes {
    /// Returns whether anything limits how much is deleted in one run.
    pub fn is_some(&self) -> bool {
        let limits =
            |brake: &Brake| brake.percent.is_some() || brake.count.is_some() || brake.bytes.is_some();
        limits(&self.stream) || limits(&self.run) || self.max_per_run.is_some()
    }
}

/// What a changed policy may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PolicyChange {
    /// What only it lets go waits until somebody accepts it.
    #[default]
    Defer,
    /// It holds at once.
    Apply,
}

/// The most that may be deleted at once; if more would be, nothing is.
#[derive(Debug, Clone, Default)]
pub struct Brake {
    /// Of a hundred builds, and how many there must be for that to count.
    pub percent: Option<(f64, usize)>,
    /// Builds.
    pub count: Option<usize>,
    /// Bytes.
    pub bytes: Option<u64>,
}

/// What to do when the disk fills.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pressure {
    /// When less than this is free, ranges shrink.
    pub free_below: Amount,
    /// Until that much is free.
    pub until_free: Amount,
}

/// A share of a disk, or a number of bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Amount {
    /// Of a hundred.
    Percent(f64),
    /// Bytes.
    Bytes(u64),
}

/// A family of streams, and what is kept of each of them.
#[derive(Debug, Clone)]
pub struct Family {
    /// Its name.
    pub name: String,
    /// Which streams belong to it.
    pub pattern: glob::Pattern,
    /// Labels whose values part a stream into lines that are kept apart.
    pub split: Vec<String>,
    /// How many of the newest successes stay whatever the rules say.
    pub floor: usize,
    /// How much smaller than the last success a success may be, of a hundred; nothing is compared without it.
    pub shrink: Option<f64>,
    /// How long a build stays after it was published.
    pub min_age: Span,
    /// How long a build stays after an alias left it.
    pub superseded_grace: Span,
    /// Rules for successes.
    pub keep: Vec<Rule>,
    /// Rules for builds that failed.
    pub failed: Vec<Rule>,
    /// Rules for builds without a result.
    pub partial: Vec<Rule>,
    /// Rules for builds with nothing new.
    pub empty: Vec<Rule>,
    /// Parts of a build that expire before it.
    pub parts: Vec<Part>,
    /// Where builds go that expire, instead of the trash.
    pub archive: Option<ArchiveTo>,
}

/// The mirror to which builds go that expire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchiveTo {
    /// Its path or URL.
    pub to: Arc<str>,
    /// How long it holds each build after that; nothing until a person removes the hold.
    pub until: Option<Span>,
}

/// A part of a build that goes before it.
#[derive(Debug, Clone)]
pub struct Part {
    /// Its name.
    pub name: String,
    /// Which paths below the build belong to it.
    pub paths: Vec<glob::Pattern>,
    /// What keeps it while its build stays.
    pub keep: Vec<Rule>,
}

/// One rule.
#[derive(Debug, Clone)]
pub struct Rule {
    /// How it is shown, such as `within 14d`.
    pub name: Arc<str>,
    /// Where it stands in the file, such as `families[0].keep[1]`.
    pub at: String,
    /// What it keeps.
    pub keep: Keep,
    /// It sees only builds with these labels.
    pub only: BTreeMap<String, String>,
}

/// What a rule keeps.
#[derive(Debug, Clone, PartialEq)]
pub enum Keep {
    /// Everything that it sees.
    Forever,
    /// The newest.
    Last(Range<u32>),
    /// Until that long after the basis.
    Within(Range<Span>, Basis),
    /// The representatives of the latest periods that have builds.
    Latest(Period, Range<u32>, Pick),
    /// The representative of each period, until that long after it was created.
    Each(Period, Range<Span>, Pick),
    /// Until that many whole periods of a calendar have passed after the basis.
    Periods(String, u32, Basis),
}

/// Which build represents a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pick {
    /// The newest.
    Newest,
    /// The oldest.
    Oldest,
}

/// What a deadline counts from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Basis {
    /// When the build was made.
    Created,
    /// When it became visible.
    Published,
    /// When a publish last found nothing changed since it; when it became visible, where none did.
    Confirmed,
    /// When the first later success of its stream became visible.
    Superseded,
    /// When the last of these labels was given.
    Introduced(Vec<String>),
    /// When an alias of that name or path last left it.
    Left(String),
    /// When it was last written to.
    LastActivity,
}

/// An example that must come out as it says.
#[derive(Debug, Clone)]
pub struct PolicyTest {
    /// Its name.
    pub name: String,
    /// Where it stands in the file.
    pub at: String,
    /// The instant of the plan.
    pub now: Stamp,
    /// The stream of its builds.
    pub stream: Stream,
    /// Its builds: name, time, result, labels, time of publishing, hold.
    pub builds: Vec<TestBuild>,
    /// Its aliases, by name.
    pub aliases: BTreeMap<String, BuildName>,
    /// What must come out.
    pub expect: BTreeMap<BuildName, Expect>,
}

/// A build of an example.
#[derive(Debug, Clone)]
pub struct TestBuild {
    /// When it was made; its name says so.
    pub created: Stamp,
    /// How it went.
    pub result: Outcome,
    /// What was said of it, when it was made.
    pub labels: BTreeMap<String, String>,
    /// When it was published.
    pub published: Stamp,
    /// The reason to keep it.
    pub hold: Option<String>,
}

/// What must come out of one build.
#[derive(Debug, Clone)]
pub struct Expect {
    /// The verdict.
    pub verdict: Expected,
    /// The first word of a reason or of a rule that missed; nothing takes any.
    pub word: Option<String>,
    /// What becomes of its parts; `true` is kept.
    pub parts: BTreeMap<String, bool>,
}

/// The verdict that an example wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// It is kept.
    Keep,
    /// It expires.
    Expire,
    /// It is blocked.
    Blocked,
    /// Only its parts matter.
    Any,
}

/// Returns whether a pattern of a policy fits a name or path: only `**` reaches over a `/`.
pub fn fits(pattern: &glob::Pattern, name: &str) -> bool {
    let options = glob::MatchOptions { require_literal_separator: true, ..glob::MatchOptions::new() };
    pattern.matches_with(name, options)
}

/// Reads a pattern over streams or paths, and returns it with what is wrong with it.
pub(in crate::decide) fn pattern(text: &str) -> (glob::Pattern, Vec<String>) {
    let mut wrong = Vec::new();
    if text.is_empty() || text.starts_with('/') || text.split('/').any(|name| name == "..") {
        wrong.push(format!(
            "`{text}` can match nothing; a pattern below the root such as `master/**` is accepted"
        ));
    }
    let pattern = glob::Pattern::new(text).unwrap_or_else(|error| {
        wrong.push(format!("`{text}` is not a pattern: {error}"));
        glob::Pattern::default()
    });
    (pattern, wrong)
}

impl Policy {
    /// Returns the YAML it was read from.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the family of a stream; nothing when none fits, and then everything stays.
    pub fn family(&self, stream: &Stream) -> Option<&Family> {
        self.families.iter().find(|family| fits(&family.pattern, stream.as_str()))
    }

    /// Returns what a stream without a family is treated by.
    pub(crate) fn fallback_family(&self) -> &Family {
        &self.fallback_family
    }

    /// Returns the family of a stream, or the one that keeps everything.
    pub fn family_or_stranger(&self, stream: &Stream) -> &Family {
        self.family(stream).unwrap_or(&self.fallback_family)
    }
}

impl Family {
    /// Returns the rules of the lane in which a result puts a build; nothing for a result that is not known.
    pub fn rules(&self, result: Outcome) -> Option<&[Rule]> {
        match result {
            Outcome::Success => Some(&self.keep),
            Outcome::Fail => Some(&self.failed),
            Outcome::Partial => Some(&self.partial),
            Outcome::Empty => Some(&self.empty),
            Outcome::Unknown => None,
        }
    }

    /// Returns every rule of the family, those of its parts included.
    pub fn all_rules(&self) -> impl Iterator<Item = &Rule> {
        let lanes = [&self.keep, &self.failed, &self.partial, &self.empty];
        lanes.into_iter().flatten().chain(self.parts.iter().flat_map(|part| &part.keep))
    }
}

impl Amount {
    /// Returns how many bytes of a disk of `total` bytes it is.
    pub fn of(self, total: u64) -> u64 {
        match self {
            #[expect(
                clippy::cast_precision_loss,
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a share of a disk is not meant to the byte"
            )]
            Self::Percent(percent) => (total as f64 * percent / 100.0) as u64,
            Self::Bytes(bytes) => bytes,
        }
    }
}

impl Basis {
    /// Returns the word that a policy uses.
    pub fn word(&self) -> String {
        match self {
            Self::Created => "created".to_owned(),
            Self::Published => "published".to_owned(),
            Self::Confirmed => "confirmed".to_owned(),
            Self::Superseded => "superseded".to_owned(),
            Self::Introduced(labels) => format!("introduced({})", labels.join(", ")),
            Self::Left(alias) => format!("left({alias})"),
            Self::LastActivity => "last_activity".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn a_pattern_fits_names_in_its_own_case_and_crosses_a_slash_only_by_two_stars() {
        let case = |pattern: &str, name: &str| fits(&glob::Pattern::new(pattern).unwrap(), name);
        assert!(case("main/**", "main/x") && case("main/**", "main/x/y") && case("*/x", "main/x"));
        for (pattern, name) in [
            ("MAIN/**", "main/x"),
            ("main/**", "Main/x"),
            ("[m]ain/*", "Main/x"),
            ("*", "main/x"),
            ("main/*", "main/x/y"),
        ] {
            assert!(!case(pattern, name), "{pattern} {name}");
        }
    }
}
