//! Whether an event that was not accepted is still the one that is sent next.
//!
//! What failed is written down by its number, and the settings may change after that: a digest, which has the number of its last
//! event, becomes single events, or the filter chooses others.

/// Looks in lines of the journal, which follow those that are settled, whether the event that was not accepted is sent next:
/// nothing means that they do not show it. Each line has its number, and whether it is chosen.
///
/// Of single events that is the first which is chosen; of those that are sent as one any of them.
pub fn is_next(
    failing: u64,
    lines: impl IntoIterator<Item = (u64, bool)>,
    are_gathered: bool,
) -> Option<bool> {
    for (seq, is_chosen) in lines {
        if seq > failing || is_chosen && !are_gathered && seq < failing {
            return Some(false);
        }
        if seq == failing {
            return Some(is_chosen);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_parked_jumps_over_no_chosen_event(lines in prop::collection::btree_map(1u64..20, any::<bool>(), 0..12), failing in 1u64..22, cut in 0usize..12) {
            let lines: Vec<(u64, bool)> = lines.into_iter().collect();
            let up_to: Vec<u64> =
                lines.iter().filter(|(seq, is_chosen)| *is_chosen && *seq <= failing).map(|(seq, _)| *seq).collect();
            let is_chosen = up_to.last() == Some(&failing);
            let single = is_next(failing, lines.iter().copied(), false);
            prop_assert_eq!(single == Some(true), up_to == [failing]);
            prop_assert_eq!(is_next(failing, lines.iter().copied(), true) == Some(true), is_chosen);
            // It makes no difference in how many pieces the journal is read.
            let (first, rest) = lines.split_at(cut.min(lines.len()));
            for gathered in [false, true] {
                let ask = |lines: &[(u64, bool)]| is_next(failing, lines.iter().copied(), gathered);
                prop_assert_eq!(ask(first).or_else(|| ask(rest)), ask(&lines));
            }
        }
    }
}
