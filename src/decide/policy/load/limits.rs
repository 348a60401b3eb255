//! What holds a run back, and what a full disk asks for.

use crate::decide::policy::loading::{Loading, MIN_SAMPLE};
use crate::decide::policy::rule::{Amount, Brake, Brakes, PolicyChange, Pressure};
use crate::decide::policy::schema::{BrakeFile, BrakesFile, PolicyChangeFile, PressureFile};

impl Loading<'_> {
    pub(super) fn brakes(&mut self, raw: &BrakesFile) -> Brakes {
        if raw.max_per_run == Some(0) {
            self.problem("brakes.max_per_run", "0 would delete nothing; at least 1 is accepted");
        }
        Brakes {
            stream: raw.stream.as_ref().map(|brake| self.brake("brakes.stream", brake)).unwrap_or_default(),
            run: raw.run.as_ref().map(|brake| self.brake("brakes.run", brake)).unwrap_or_default(),
            policy_change: match raw.policy_change {
                Some(PolicyChangeFile::Apply) => PolicyChange::Apply,
                _ => PolicyChange::Defer,
            },
            max_per_run: raw.max_per_run,
        }
    }

    fn brake(&mut self, at: &str, raw: &BrakeFile) -> Brake {
        if raw.percent.is_some_and(|percent| !(0.0..=100.0).contains(&percent)) {
            self.problem(&format!("{at}.percent"), "a percentage from 0 to 100 is accepted");
        }
        let bytes =
            raw.bytes.as_deref().and_then(|text| match self.amount(&format!("{at}.bytes"), text)? {
                Amount::Bytes(bytes) => Some(bytes),
                Amount::Percent(_) => {
                    self.problem(
                        &format!("{at}.bytes"),
                        format!("`{text}` is a share; bytes such as `6TiB` are accepted"),
                    );
                    None
                }
            });
        let percent = raw.percent.map(|percent| (percent, raw.min_sample.unwrap_or(MIN_SAMPLE)));
        Brake { percent, count: raw.count, bytes }
    }

    pub(super) fn pressure(&mut self, raw: &PressureFile) -> Option<Pressure> {
        let free_below = self.amount("pressure.free_below", &raw.free_below);
        let until_free = self.amount("pressure.until_free", &raw.until_free);
        let pressure = Pressure { free_below: free_below?, until_free: until_free? };
        let upside_down = match (pressure.free_below, pressure.until_free) {
            (Amount::Percent(below), Amount::Percent(until)) => until < below,
            (Amount::Bytes(below), Amount::Bytes(until)) => until < below,
            _ => false,
        };
        if upside_down {
            self.problem("pressure.until_free", "less than `free_below`; at least as much is accepted");
        }
        Some(pressure)
    }

    /// Reads by how much a build may be smaller than the one before.
    pub(super) fn shrink(&mut self, at: &str, text: Option<&str>) -> Option<f64> {
        match self.amount(at, text?)? {
            Amount::Percent(percent) => Some(percent),
            Amount::Bytes(_) => {
                let text = text.unwrap_or_default();
                self.problem(at, format!("`{text}` is not a share; a percentage such as `50%` is accepted"));
                None
            }
        }
    }

    /// Reads a share of a disk or a number of bytes.
    fn amount(&mut self, at: &str, text: &str) -> Option<Amount> {
        let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let number: Option<f64> = number.parse().ok();
        let scale: Option<u64> = match unit.trim() {
            "" | "B" => Some(1),
            "KiB" => Some(1 << 10),
            "MiB" => Some(1 << 20),
            "GiB" => Some(1 << 30),
            "TiB" => Some(1 << 40),
            "KB" | "kB" => Some(1000),
            "MB" => Some(1_000_000),
            "GB" => Some(1_000_000_000),
            "TB" => Some(1_000_000_000_000),
            _ => None,
        };
        match (number, scale) {
            (Some(percent), _) if unit == "%" && percent <= 100.0 => Some(Amount::Percent(percent)),
            #[expect(
                clippy::cast_precision_loss,
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "sizes in a policy are round numbers"
            )]
            (Some(number), Some(scale)) => Some(Amount::Bytes((number * scale as f64) as u64)),
            _ => {
                self.problem(
                    at,
                    format!(
                        "`{text}` is not a size; bytes such as `500GiB` or a share such as `8%` are accepted"
                    ),
                );
                None
            }
        }
    }
}
