//! The pause after a subscriber did not accept an event.

use std::time::Duration;

/// The first pause, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(10));

/// The longest pause that a receiver can ask for.
pub const LONGEST_ASKED: Duration = Duration::from_hours(1);

/// Returns the pause after this number of attempts, at least 1: twice as long each time, and shorter by up to half,
/// by `chance` (0 to 255), so that those who wait for one receiver do not retry at once. A longer pause that the
/// receiver requests takes precedence.
pub fn pause(tries: u32, chance: u8, asked: Option<Duration>) -> Duration {
    let doubled = PAUSES.0.saturating_mul(1_u32.checked_shl(tries.saturating_sub(1)).unwrap_or(u32::MAX));
    let whole = if tries > 31 { PAUSES.1 } else { doubled.min(PAUSES.1) };
    let shorter = whole.mul_f64(f64::from(chance) / 512.0);
    whole.saturating_sub(shorter).max(asked.unwrap_or_default().min(LONGEST_ASKED))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn pauses_grow_to_ten_minutes_and_no_further() {
        let seconds: Vec<u64> = [1, 2, 3, 10, 11, 31, 32, 33, 1000, u32::MAX]
            .map(|tries| pause(tries, 0, None).as_secs())
            .to_vec();
        assert_eq!(seconds, [1, 2, 4, 512, 600, 600, 600, 600, 600, 600]);
        let asked = |seconds| pause(1, 0, Some(Duration::from_secs(seconds))).as_secs();
        assert_eq!([asked(0), asked(30), asked(3600), asked(u64::MAX)], [1, 30, 3600, 3600]);
    }

    proptest! {
        #[test]
        fn a_pause_is_never_shorter_than_half(tries in 1_u32.., chance: u8) {
            let (whole, less) = (pause(tries, 0, None), pause(tries, chance, None));
            prop_assert!(less <= whole && less * 2 >= whole);
        }
    }
}
