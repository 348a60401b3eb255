//! A family of metrics: one name with its samples.

use crate::model::Stamp;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// The metrics of one name; all are gauges.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Family {
    /// The name, which begins with `mirrorkeep_` and ends with its unit.
    pub name: &'static str,
    /// Its description.
    pub help: &'static str,
    /// The unit: `bytes`, `seconds` or `days`; `null` for counts and flags.
    pub unit: Option<&'static str>,
    /// The values.
    pub samples: Vec<Sample>,
}

/// One value, with its labels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Sample {
    /// The labels, such as the stream.
    pub labels: BTreeMap<&'static str, String>,
    /// The value; an instant is in seconds since 1970.
    pub value: i64,
}

/// A label of a metric.
pub(super) type Labels<'a> = &'a [(&'static str, &'a str)];

impl Family {
    /// Returns a family without samples.
    pub(super) fn new(name: &'static str, help: &'static str) -> Self {
        let units = ["bytes", "seconds", "days"];
        let unit =
            units.into_iter().find(|unit| name.strip_suffix(unit).is_some_and(|rest| rest.ends_with('_')));
        Self { name, help, unit, samples: Vec::new() }
    }

    /// Adds a number; one that is too large for a gauge becomes the largest.
    pub(super) fn add(&mut self, labels: Labels<'_>, value: u64) {
        self.put(labels, i64::try_from(value).unwrap_or(i64::MAX));
    }

    /// Adds a flag.
    pub(super) fn flag(&mut self, labels: Labels<'_>, value: bool) {
        self.put(labels, i64::from(value));
    }

    /// Adds a number that may be negative, if known.
    pub(super) fn known(&mut self, labels: Labels<'_>, value: Option<i64>) {
        if let Some(value) = value {
            self.put(labels, value);
        }
    }

    /// Adds an instant, if known.
    pub(super) fn at(&mut self, labels: Labels<'_>, at: Option<Stamp>) {
        self.known(labels, at.map(Stamp::unix));
    }

    fn put(&mut self, labels: Labels<'_>, value: i64) {
        let labels = labels.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        self.samples.push(Sample { labels, value });
    }
}
