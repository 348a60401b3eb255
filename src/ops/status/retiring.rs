//! The streams that are retired, and those of which nobody took the next step.

use crate::mirror::{Mirror, chain};
use crate::model::{RelPath, Stamp, Stream};
use crate::ops::retention::concern::Concern;
use crate::record::RetirementState;
use schemars::JsonSchema;
use serde::Serialize;

/// For how long the next step may be waited for, in seconds.
const PATIENCE: i64 = 86_400;

/// A stream that is retired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RetiringStream {
    /// The stream.
    pub stream: Stream,
    /// How far it has come.
    pub state: RetirementState,
    /// When the removal begins; `null` before the announcement.
    pub removal_at: Option<Stamp>,
}

/// Returns the streams that are retired, and what needs a person about them.
pub(super) fn retiring(mirror: &Mirror, at: Stamp) -> (Vec<RetiringStream>, Vec<Concern>) {
    let concern = |path: RelPath, why: String, hint: &str| {
        let hint = Some(hint.to_owned());
        Concern { path, why, hint, ..Concern::default() }
    };
    let all = match mirror.retirements() {
        Ok(all) => all,
        Err(error) => {
            let hint = "`mirrorkeep check` names what is wrong";
            return (Vec::new(), vec![concern(RelPath::state("retire"), chain(&error), hint)]);
        }
    };
    let (mut streams, mut found) = (Vec::new(), Vec::new());
    for (stream, one) in all {
        let path = Mirror::retirement_at(&stream);
        let one = match one {
            Ok(one) => one,
            Err(error) => {
                let hint = "`mirrorkeep recover` writes it again from the journal";
                found.push(concern(path, chain(&error), hint));
                continue;
            }
        };
        // Before the announcement, since the retirement began.
        let since = one.removal_at.unwrap_or(one.since);
        if one.state() != RetirementState::Retired && at.since(since) > PATIENCE {
            let why = format!("`{stream}` waits for the next step of its retirement since {}", since.iso());
            found.push(concern(path, why, "`mirrorkeep retire` takes it, or reports why not"));
        }
        streams.push(RetiringStream { stream, state: one.state(), removal_at: one.removal_at });
    }
    (streams, found)
}
