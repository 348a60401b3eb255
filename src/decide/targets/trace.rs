//! The trace of a copy: up to which event of the journal everything is there.
//!
//! It is written last, so that whatever it states is true. Anyone can read it, and a copy of a copy has it, too.

use crate::model::{Stamp, Stream, shown};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The directory of traces in a copy.
pub const TRACE_DIR: &str = "project/trace";

/// More than a trace ever has, in bytes.
pub const TRACE_LIMIT: u64 = 4 << 20;

/// The most copies between a mirror and the first one.
const LONGEST_CHAIN: usize = 64;

/// Up to which event of a mirror's journal everything is in a copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Trace {
    /// The version of this form: 1.
    #[schemars(extend("const" = 1))]
    pub trace: u32,
    /// The id of the mirror.
    pub mirror: String,
    /// The name of the target.
    pub name: String,
    /// The number of the last event with all before it.
    pub serial: u64,
    /// When it was written, by the clock of the mirror.
    pub at: Stamp,
    /// The same number for each stream; a stream of which something failed is behind the others.
    #[serde(default)]
    pub streams: BTreeMap<Stream, u64>,
    /// The copies by which the mirror itself was filled, the first one first.
    #[serde(default)]
    pub chain: Vec<Hop>,
}

/// One copy on the way to a mirror.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hop {
    /// The id of the mirror that it was copied from.
    pub mirror: String,
    /// The name of the target.
    pub name: String,
    /// Up to which event of that mirror.
    pub serial: u64,
    /// When.
    pub at: Stamp,
}

/// Says why bytes are not a trace.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TraceError {
    /// It has no end.
    #[error("it is incomplete: it has no line end")]
    Cut,
    /// It is something else.
    #[error("it is not a trace: {0}")]
    Form(String),
    /// It is of another version.
    #[error("version {0} of a trace is not known here; 1 is")]
    Version(u32),
    /// A stream is further than the whole, or the chain has no end.
    #[error("it contradicts itself: {0}")]
    Contradiction(String),
}

impl Trace {
    /// Reads a trace.
    pub fn parse(bytes: &[u8]) -> Result<Self, TraceError> {
        let body = bytes.strip_suffix(b"\n").ok_or(TraceError::Cut)?;
        let form = |error: serde_json::Error| {
            TraceError::Form(shown(&error.to_string()).chars().take(200).collect())
        };
        let trace: Self = serde_json::from_slice(body).map_err(form)?;
        if trace.trace != 1 {
            return Err(TraceError::Version(trace.trace));
        }
        if let Some((stream, serial)) = trace.streams.iter().find(|(_, serial)| **serial < trace.serial) {
            let why = format!("`{stream}` is at {serial}, and everything at {}", trace.serial);
            return Err(TraceError::Contradiction(why));
        }
        if trace.chain.len() > LONGEST_CHAIN {
            return Err(TraceError::Contradiction(format!("a chain of {} copies", trace.chain.len())));
        }
        Ok(trace)
    }

    /// Returns the bytes of the file.
    pub fn write(&self) -> Vec<u8> {
        // A trace is plain data.
        let mut bytes = serde_json::to_vec(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }

    /// Returns the number up to which everything of a stream is there.
    pub fn of(&self, stream: &Stream) -> u64 {
        self.streams.get(stream).copied().unwrap_or(self.serial)
    }

    /// Returns the copy that it states, as a part of a longer chain.
    pub fn hop(&self) -> Hop {
        Hop { mirror: self.mirror.clone(), name: self.name.clone(), serial: self.serial, at: self.at }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace() -> Trace {
        Trace {
            trace: 1,
            mirror: "m".to_owned(),
            name: "a".to_owned(),
            serial: 7,
            at: "20260601T020000Z".parse().unwrap(),
            streams: BTreeMap::from([("master/x".parse().unwrap(), 9)]),
            chain: vec![Hop {
                mirror: "up".to_owned(),
                name: "m".to_owned(),
                serial: 3,
                at: Stamp::default(),
            }],
        }
    }

    #[test]
    fn a_trace_prints_back_the_same_and_a_cut_one_is_noticed() {
        let bytes = trace().write();
        assert!(bytes.starts_with(b"{\"trace\":1,"));
        assert_eq!(Trace::parse(&bytes).unwrap(), trace());
        for end in 0..bytes.len() {
            assert!(Trace::parse(&bytes[..end]).is_err(), "{end}");
        }
        assert_eq!(trace().of(&"master/x".parse().unwrap()), 9);
        assert_eq!(trace().of(&"other".parse().unwrap()), 7);
    }

    #[test]
    fn what_contradicts_itself_is_no_trace() {
        let behind = Trace { serial: 10, ..trace() };
        assert!(matches!(Trace::parse(&behind.write()), Err(TraceError::Contradiction(_))));
        let new = Trace { trace: 2, ..trace() };
        assert_eq!(Trace::parse(&new.write()), Err(TraceError::Version(2)));
        let long = Trace { chain: vec![trace().hop(); 65], ..trace() };
        assert!(matches!(Trace::parse(&long.write()), Err(TraceError::Contradiction(_))));
        assert!(matches!(Trace::parse(b"\x1b[2J\n"), Err(TraceError::Form(_))));
    }
}
