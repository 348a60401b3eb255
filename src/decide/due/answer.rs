//! The answer to each question whether a build is due.

use super::runs::{Request, Runs, Tried};
use crate::decide::policy::Span;
use crate::model::{CLOCK_SKEW, Stamp};
use crate::record::{Question, RunReason};
use chrono_tz::Tz;
use schemars::JsonSchema;
use serde::Serialize;

/// The answer to one question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Answer {
    /// The question.
    pub question: Question,
    /// Its subject: a span, an address with a branch or tag, a file, or the reason of a request; `null` if nothing is
    /// requested.
    pub about: Option<String>,
    /// Whether it makes a build due; `null` if that is not known.
    pub due: Option<bool>,
    /// The value of the newest build, a commit or a digest; for `every` the last start; `null` if there is none.
    pub from: Option<String>,
    /// The present value; for `every` when the next build is due.
    pub to: Option<String>,
    /// The answer as a sentence.
    pub why: String,
}

impl Answer {
    /// Returns the answer to a question that could not be answered.
    pub fn unknown(question: Question, about: String, why: String) -> Self {
        Self { question, about: Some(about), due: None, from: None, to: None, why }
    }

    /// Returns it as a reason to start a run, if it is one.
    pub fn reason(&self) -> Option<RunReason> {
        let (question, about) = (self.question, self.about.clone().unwrap_or_default());
        (self.due == Some(true)).then(|| RunReason {
            question,
            about,
            from: self.from.clone(),
            to: self.to.clone(),
        })
    }
}

/// Returns an answer for each open request, or the one that there is none.
pub fn requested(runs: &Runs) -> Vec<Answer> {
    let answer = |about, due, why| Answer {
        question: Question::Requested,
        about,
        due: Some(due),
        from: None,
        to: None,
        why,
    };
    if runs.open.is_empty() {
        return vec![answer(None, false, "no request is open".to_owned())];
    }
    let open = |request: &Request| {
        let why = format!("{} requested a build at {}: {}", request.by, request.at.iso(), request.why);
        answer(Some(request.why.clone()), true, why)
    };
    runs.open.iter().map(open).collect()
}

/// Returns whether the last start is that long ago; starts are those of runs and the times of builds, in any order.
///
/// A start in the future is ignored: a clock was wrong, which must neither stop builds nor start one after the other.
pub fn every(span: Span, starts: impl Iterator<Item = Stamp>, now: Stamp) -> Answer {
    let (past, future): (Vec<Stamp>, Vec<Stamp>) = starts.partition(|start| start.since(now) <= CLOCK_SKEW);
    let (question, about) = (Question::Every, Some(span.to_string()));
    let wrong = future.iter().max();
    let wrong = wrong.map(|start| format!("; a start at {} is in the future, and is ignored", start.iso()));
    let Some(last) = past.into_iter().max() else {
        let why = format!("no build was started yet{}", wrong.unwrap_or_default());
        return Answer { question, about, due: Some(true), from: None, to: None, why };
    };
    let next = span.after(last, Tz::UTC);
    let due = now >= next;
    let is = if due { "was" } else { "is" };
    let why = format!(
        "the last build was started at {}, and the next {is} due at {}{}",
        last.iso(),
        next.iso(),
        wrong.unwrap_or_default()
    );
    Answer { question, about, due: Some(due), from: Some(last.iso()), to: Some(next.iso()), why }
}

/// Returns whether the present value makes a build due: the newest build has another one, and the last run that checked it
/// found another one, or the newest build has another one than when that run ended.
pub fn compared(
    question: Question,
    about: &str,
    (built, now): (Option<&str>, &str),
    tried: Option<&Tried>,
) -> Answer {
    let same = built == Some(now);
    let due = !same && !tried.is_some_and(|tried| tried.counts(built, now));
    let noun = if question == Question::Git { "commit" } else { "digest" };
    let why = match (built, due) {
        _ if same => format!("the newest build has this {noun}"),
        (_, false) => format!("the last run had this {noun}, and nothing else was built since"),
        (Some(_), true) => format!("the newest build has another {noun}"),
        (None, true) => format!("no newest build states its {noun}"),
    };
    let (about, from, to) = (Some(about.to_owned()), built.map(str::to_owned), Some(now.to_owned()));
    Answer { question, about, due: Some(due), from, to, why }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(unix: i64) -> Stamp {
        Stamp::from_unix(unix).unwrap()
    }

    const NOW: i64 = 1_544_000_000;

    fn is_due(span: &str, starts: &[i64]) -> bool {
        every(span.parse().unwrap(), starts.iter().map(|ago| at(NOW - ago)), at(NOW)).due.unwrap()
    }

    #[test]
    fn a_build_is_due_when_the_last_start_is_long_enough_ago() {
        assert!(is_due("24h", &[]));
        assert!(!is_due("24h", &[86_399]) && is_due("24h", &[86_400]));
        assert!(!is_due("24h", &[200_000, 60, 100_000]));
        // Clocks differ a little, or one was set back.
        assert!(!is_due("24h", &[-3600]) && is_due("24h", &[-3601]));
        assert!(!is_due("24h", &[-900_000, 60]) && is_due("24h", &[-900_000, 90_000]));
        let told = every("24h".parse().unwrap(), [at(NOW + 900_000)].into_iter(), at(NOW));
        assert!(told.why.contains("is in the future"), "{}", told.why);
    }

    proptest! {
        #[test]
        fn after_a_start_now_none_is_due_whatever_the_clock_was(starts in prop::collection::vec(-9_000_000i64..9_000_000, 0..5)) {
            let mut starts = starts;
            starts.push(0);
            prop_assert!(!is_due("24h", &starts));
        }

        #[test]
        fn without_a_start_a_build_becomes_due_and_stays_so(starts in prop::collection::vec(0i64..900_000, 0..5), later in 0i64..90_000_000) {
            let earlier = is_due("24h", &starts);
            let shifted: Vec<i64> = starts.iter().map(|ago| ago + later).collect();
            prop_assert!(!earlier || is_due("24h", &shifted));
        }

        #[test]
        fn what_moved_is_due_once(built in prop::option::of("[abc]"), now in "[abc]", saw in "[abc]", then in prop::option::of(prop::option::of("[abc]"))) {
            let ask = |tried: &Tried| compared(Question::Git, "x", (built.as_deref(), &now), Some(tried)).due.unwrap();
            let is_built = built.as_deref() == Some(&*now);
            let some = Tried { saw: saw.clone(), built: then.clone() };
            prop_assert!(!is_built || !ask(&some));
            // A run saw it, whatever it built, and nothing else was built since.
            let tried = |built: Option<Option<String>>| Tried { saw: now.clone(), built };
            prop_assert!(!ask(&tried(Some(built.clone()))) && !ask(&tried(None)));
            // Something else was.
            if then.as_ref().is_some_and(|then| *then != built) {
                prop_assert_eq!(ask(&tried(then.clone())), !is_built);
            }
            // Nothing is missed: what no run saw, and the build does not have, is due.
            if saw != now {
                prop_assert_eq!(ask(&Tried { saw, built: then }), !is_built);
            }
            prop_assert_eq!(compared(Question::Git, "x", (built.as_deref(), &now), None).due, Some(!is_built));
        }
    }
}
