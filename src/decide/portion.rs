//! The share of a mirror that one run processes, so that runs that continue where the last one ended cover all of it.

/// The cost of opening a file, in bytes that could be read in the same time.
const OPENING: u64 = 4096;

/// Returns the cost of reading a file of that size.
pub fn file_cost(size: u64) -> u64 {
    size.saturating_add(OPENING)
}

/// The rest of a run's share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Portion {
    left: Option<u64>,
}

impl Portion {
    /// Returns an unlimited share.
    pub fn whole() -> Self {
        Self { left: None }
    }

    /// Returns this many hundredths of a percent of `total`, and at least something.
    pub fn of(total: u64, hundredths: u32) -> Self {
        let share = u128::from(total) * u128::from(hundredths);
        let share = u64::try_from(share.div_ceil(10_000)).unwrap_or(u64::MAX);
        Self { left: Some(share.max(1)) }
    }

    /// Returns whether one more file is part of the share, and subtracts its cost.
    pub fn take(&mut self, size: u64) -> bool {
        match &mut self.left {
            None => true,
            Some(0) => false,
            Some(left) => {
                *left = left.saturating_sub(file_cost(size));
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_file_counts_by_its_bytes_and_by_being_opened() {
        let taken = |sizes: &[u64], hundredths| {
            let total = sizes.iter().map(|size| file_cost(*size)).sum();
            let mut portion = Portion::of(total, hundredths);
            sizes.iter().take_while(|size| portion.take(**size)).count()
        };
        // A tenth of a hundred empty files are ten of them.
        assert_eq!(taken(&[0; 100], 1000), 10);
        // One large file is more than half of all, however many small ones follow.
        let mut sizes = [10; 100];
        sizes[0] = 1 << 30;
        assert_eq!(taken(&sizes, 5000), 1);
    }

    proptest! {
        #[test]
        fn as_many_runs_as_the_share_fits_into_the_whole_cover_every_file(
            sizes in prop::collection::vec(0u64..100_000, 1..40),
            hundredths in 1u32..=10_000,
        ) {
            let total = sizes.iter().map(|size| file_cost(*size)).sum();
            let runs = 10_000_u32.div_ceil(hundredths);
            let mut seen = vec![false; sizes.len()];
            let mut at = 0;
            for _ in 0..runs {
                let mut portion = Portion::of(total, hundredths);
                for _ in 0..sizes.len() {
                    if !portion.take(sizes[at]) {
                        break;
                    }
                    seen[at] = true;
                    at = (at + 1) % sizes.len();
                }
            }
            prop_assert!(seen.iter().all(|seen| *seen));
        }

        #[test]
        fn a_run_takes_no_more_than_its_share_and_one_file(
            sizes in prop::collection::vec(0u64..100_000, 1..40),
            hundredths in 1u32..=10_000,
        ) {
            let total: u64 = sizes.iter().map(|size| file_cost(*size)).sum();
            let mut portion = Portion::of(total, hundredths);
            let taken: Vec<u64> = sizes.iter().copied().filter(|size| portion.take(*size)).collect();
            let cost: u64 = taken.iter().map(|size| file_cost(*size)).sum();
            prop_assert!(cost <= total * u64::from(hundredths) / 10_000 + 1 + file_cost(*taken.last().unwrap()));
        }
    }
}
