//! How narrowly a rule missed a build, in a sentence.

use crate::decide::policy::PeriodKey;
use crate::model::{BuildName, Stamp};
use std::fmt;
use std::sync::Arc;

/// How narrowly a rule missed a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NearMiss {
    /// Its deadline passed.
    Late {
        /// When it passed.
        deadline: Stamp,
        /// By how many seconds it passed.
        by: i64,
    },
    /// Newer builds have all the places.
    Rank(usize),
    /// Another build represents its period.
    Represented {
        /// The period.
        period: PeriodKey,
        /// The build that represents it.
        by: BuildName,
    },
    /// Its period is too long ago.
    Period {
        /// The period.
        period: PeriodKey,
        /// Its place among the latest periods that have builds.
        rank: usize,
    },
    /// It lacks the label that the rule requires.
    Label {
        /// The key.
        key: Arc<str>,
        /// The required value.
        wanted: Arc<str>,
        /// The actual value.
        found: Option<String>,
    },
    /// It never had the label from which the deadline counts.
    Unlabelled(String),
    /// The alias from which the deadline counts never pointed to it.
    NeverNamed(String),
    /// It waited as long as the policy says for this copy elsewhere.
    GivenUp(String),
}

impl fmt::Display for NearMiss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Late { deadline, by } => {
                write!(f, "late by {} (deadline {})", Lasting(*by), deadline.iso())
            }
            Self::Rank(rank) => write!(f, "rank {rank}"),
            Self::Represented { period, by } => write!(f, "{period} is represented by {by}"),
            Self::Period { period, rank } => {
                write!(f, "{period} is number {rank} of the latest periods with builds")
            }
            Self::Label { key, wanted, found: Some(found) } => write!(f, "{key} is {found}, not {wanted}"),
            Self::Label { key, wanted, found: None } => write!(f, "no label {key}={wanted}"),
            Self::Unlabelled(label) => write!(f, "it never had the label {label}"),
            Self::NeverNamed(alias) => write!(f, "{alias} never pointed to it"),
            Self::GivenUp(target) => {
                write!(f, "over, although the copy `{target}` still lacks the event that retired it")
            }
        }
    }
}

/// A number of seconds in its two largest units, such as `2h10m`.
pub struct Lasting(pub i64);

impl fmt::Debug for Lasting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Lasting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(86_400, 'd'), (3600, 'h'), (60, 'm'), (1, 's')];
        let first = units.iter().position(|(seconds, _)| self.0 >= *seconds).unwrap_or(3);
        let mut rest = self.0;
        for (index, (seconds, unit)) in units.iter().enumerate().skip(first).take(2) {
            let count = rest / seconds;
            rest %= seconds;
            if count > 0 || index == first {
                write!(f, "{count}{unit}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_show_their_two_largest_units() {
        for (seconds, shown) in [
            (0, "0s"),
            (59, "59s"),
            (60, "1m"),
            (7800, "2h10m"),
            (86_400, "1d"),
            (90_000, "1d1h"),
            (86_460, "1d"),
        ] {
            assert_eq!(Lasting(seconds).to_string(), shown);
        }
    }
}
