//! Holds that are in the journal and not in their file: a hold protects until `unhold` removes it, not until its file
//! is lost.
//!
//! A file may have more holds than the journal, since they only protect. A hold whose term is over protects nothing,
//! and is not missed.

use super::{ExpectedError, Mirror, StateError, Tree};
use crate::model::{BuildId, RelPath, Stamp};
use crate::record::{Event, EventKind, Hold, Phase};
use std::collections::BTreeMap;

/// The events that state holds.
pub(super) const STATING: [EventKind; 2] = [EventKind::Held, EventKind::Unheld];

/// Holds of one build that are in the journal and not in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostHolds {
    /// Which build.
    pub id: BuildId,
    /// The holds.
    pub lacking: Vec<Hold>,
}

impl LostHolds {
    /// Returns the path of the file with the holds.
    pub fn path(&self) -> RelPath {
        Tree::Holds.at(&self.id)
    }

    /// Returns why nothing that these holds protect may be removed.
    pub fn error(&self) -> StateError {
        let whys: Vec<&str> = self.lacking.iter().map(|hold| &*hold.why).collect();
        StateError::LostHolds { id: self.id.clone(), at: self.path(), why: whys.join("`, `") }
    }
}

/// The holds of each build that the file may have: those that were last settled, and after them those of open
/// intents.
#[derive(Debug, Default)]
struct Stated(BTreeMap<BuildId, Vec<(u64, Vec<Hold>)>>);

impl Stated {
    fn of(events: &[Event]) -> Self {
        let mut stated = Self::default();
        for event in events.iter().filter(|event| STATING.contains(&event.what)) {
            let (Ok(id), Some(holds)) = (event.to.parse(), event.stated().holds) else { continue };
            let may = stated.0.entry(id).or_insert_with(|| vec![(0, Vec::new())]);
            match event.phase {
                Phase::Intent => may.push((event.seq, holds)),
                Phase::Done => *may = vec![(event.seq, holds)],
                Phase::Undone => may.retain(|(seq, _)| Some(*seq) != event.settles),
            }
        }
        stated
    }

    /// Returns what each file lacks, whichever of these states it has.
    fn lacked_by(&self, found: &BTreeMap<BuildId, Vec<Hold>>, now: Stamp) -> Vec<LostHolds> {
        let lost = |(id, may): (&BuildId, &Vec<(u64, Vec<Hold>)>)| {
            let has = |hold: &Hold| found.get(id).is_some_and(|found| found.contains(hold));
            let lacking = |holds: &Vec<Hold>| -> Vec<Hold> {
                holds.iter().filter(|hold| hold.is_active(now) && !has(hold)).cloned().collect()
            };
            let lacking = may.iter().map(|(_, holds)| lacking(holds)).min_by_key(Vec::len)?;
            (!lacking.is_empty()).then(|| LostHolds { id: id.clone(), lacking })
        };
        self.0.iter().filter_map(lost).collect()
    }
}

impl Mirror {
    /// Returns the holds that are in the journal and not in their files.
    pub fn lost_holds(&self, now: Stamp) -> Result<Vec<LostHolds>, ExpectedError> {
        let events = self.history(&STATING)?;
        lost_holds(self, &events, self.holds()?, now)
    }

    /// Fails if a file lacks a hold of the journal: of one build, or of any.
    pub fn refuse_lost_holds(&self, of: Option<&BuildId>, now: Stamp) -> Result<(), ExpectedError> {
        let lost = match of {
            // Problems with the holds of other builds do not matter.
            Some(id) => {
                let mut events = self.history(&STATING)?;
                events.retain(|event| event.to == id.to_string());
                lost_holds(self, &events, BTreeMap::from([(id.clone(), self.holds_of(id)?)]), now)?
            }
            None => self.lost_holds(now)?,
        };
        match lost.first() {
            Some(lost) => Err(lost.error().into()),
            None => Ok(()),
        }
    }

    /// Returns the last holds of each build in the journal, expired ones included.
    pub fn stated_holds(&self) -> Result<BTreeMap<BuildId, Vec<Hold>>, ExpectedError> {
        let stated = Stated::of(&self.history(&STATING)?).0.into_iter();
        Ok(stated.filter_map(|(id, mut may)| Some((id, may.pop()?.1))).collect())
    }
}

/// Returns the holds of these events that were not found.
pub(super) fn lost_holds(
    mirror: &Mirror,
    events: &[Event],
    mut found: BTreeMap<BuildId, Vec<Hold>>,
    now: Stamp,
) -> Result<Vec<LostHolds>, ExpectedError> {
    let mut stated = Stated::of(events);
    loop {
        let lost = stated.lacked_by(&found, now);
        if lost.is_empty() {
            return Ok(lost);
        }
        // Without the lock, another command may have changed a file after it was read: its event is written before.
        for LostHolds { id, .. } in &lost {
            found.insert(id.clone(), mirror.holds_of(id)?);
        }
        let again = Stated::of(&mirror.history(&STATING)?);
        let same = lost.iter().all(|lost| again.0.get(&lost.id) == stated.0.get(&lost.id));
        stated = again;
        if same {
            return Ok(stated.lacked_by(&found, now));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hold(why: &str, until: Option<i64>) -> Hold {
        let until = until.and_then(Stamp::from_unix);
        Hold { who: "ops".to_owned(), why: why.to_owned(), until, since: None }
    }

    fn event(seq: u64, phase: Phase, settles: Option<u64>, holds: &[Hold]) -> Event {
        let details = [("holds".to_owned(), serde_json::to_value(holds).unwrap())].into_iter().collect();
        let (at, what) = (Stamp::default(), EventKind::Held);
        let to = "master/centos/20261001T000000Z".to_owned();
        Event { event: 1, seq, at, phase, what, to, by: "ops".to_owned(), settles, details }
    }

    fn lacking(events: &[Event], file: &[Hold], now: i64) -> Vec<String> {
        let found =
            [("master/centos/20261001T000000Z".parse().unwrap(), file.to_vec())].into_iter().collect();
        let lost = Stated::of(events).lacked_by(&found, Stamp::from_unix(now).unwrap());
        lost.into_iter().flat_map(|lost| lost.lacking).map(|hold| hold.why).collect()
    }

    #[test]
    fn a_hold_is_missed_until_its_term_is_over() {
        let events = [event(2, Phase::Done, None, &[hold("a", Some(100)), hold("b", None)])];
        assert_eq!(lacking(&events, &[], 100), ["a", "b"]);
        assert_eq!(lacking(&events, &[], 101), ["b"]);
        assert_eq!(lacking(&events, &[hold("b", None)], 100), ["a"]);
    }

    #[test]
    fn an_open_intent_makes_both_states_right_and_one_that_was_undone_none() {
        let (a, b) = ([hold("a", None)], [hold("a", None), hold("b", None)]);
        let mut events = vec![event(2, Phase::Done, None, &a), event(3, Phase::Intent, None, &b)];
        assert!(lacking(&events, &a, 1).is_empty() && lacking(&events, &b, 1).is_empty());
        assert_eq!(lacking(&events, &[], 1), ["a"]);
        events.push(event(4, Phase::Undone, Some(3), &b));
        assert!(lacking(&events, &a, 1).is_empty());
        events.push(event(6, Phase::Done, Some(5), &b));
        assert_eq!(lacking(&events, &a, 1), ["b"]);
    }

    proptest! {
        #[test]
        fn more_holds_in_the_file_never_make_a_loss(more in proptest::collection::vec("[a-d]", 0..6)) {
            let events = [event(2, Phase::Done, None, &[hold("a", None)])];
            let file: Vec<Hold> = more.iter().map(|why| hold(why, None)).collect();
            let has = more.iter().any(|why| why == "a");
            prop_assert_eq!(lacking(&events, &file, 1).is_empty(), has);
        }
    }
}
