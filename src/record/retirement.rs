//! The retirement of a stream: a file of the own area, and the details of its events.

use super::Archive;
use crate::model::{RelPath, Stamp, Stream};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The version of the file.
pub const RETIREMENT_VERSION: u32 = 1;

/// How a stream is retired, and how far that has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Retirement {
    /// The version of the file.
    pub retire: u32,
    /// The stream.
    pub stream: Stream,
    /// The reason.
    pub why: String,
    /// Who began it.
    pub by: String,
    /// When it began; the stream is frozen since then.
    pub since: Stamp,
    /// The time between the announcement and the removal, in seconds.
    pub notice: u64,
    /// The mirror that has the builds afterwards; nothing if they are not archived.
    #[serde(default)]
    pub archive: Option<Archive>,
    /// The public address of the root of the archive.
    #[serde(default)]
    pub url: Option<String>,
    /// The public address of this mirror, at which redirects are checked before the removal; nothing if they are not.
    #[serde(default)]
    pub served_at: Option<String>,
    /// The names and builds that stay.
    #[serde(default)]
    pub keep: Vec<String>,
    /// The names of the stream, each with the path of its build, when the addresses began to be redirected.
    #[serde(default)]
    pub names: BTreeMap<RelPath, RelPath>,
    /// When the time of the removal was announced.
    #[serde(default)]
    pub announced_at: Option<Stamp>,
    /// When the removal begins; nothing before the announcement.
    #[serde(default)]
    pub removal_at: Option<Stamp>,
    /// Since when addresses of its builds are redirected, which precedes their removal.
    #[serde(default)]
    pub redirect_since: Option<Stamp>,
    /// When everything was removed.
    #[serde(default)]
    pub retired_at: Option<Stamp>,
}

/// How far a retirement has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RetirementState {
    /// Nothing new is published; the builds are copied to the archive.
    Frozen,
    /// The time of the removal is known.
    Announced,
    /// Every build was verified again, and its addresses are redirected.
    Redirected,
    /// The builds are removed.
    Retired,
}

impl RetirementState {
    /// Returns the word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Frozen => "frozen",
            Self::Announced => "announced",
            Self::Redirected => "redirected",
            Self::Retired => "retired",
        }
    }
}

impl Retirement {
    /// Returns how far it has come.
    pub fn state(&self) -> RetirementState {
        match self {
            Self { retired_at: Some(_), .. } => RetirementState::Retired,
            Self { redirect_since: Some(_), .. } => RetirementState::Redirected,
            Self { removal_at: Some(_), .. } => RetirementState::Announced,
            _ => RetirementState::Frozen,
        }
    }

    /// Returns the text of the file.
    pub fn write(&self) -> String {
        // Plain data always serializes.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// Parses the file of a stream.
    pub fn parse(bytes: &[u8], stream: &Stream) -> Result<Self, String> {
        let read: Self = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if read.retire != RETIREMENT_VERSION {
            return Err(format!("version {} is not known; expected {RETIREMENT_VERSION}", read.retire));
        }
        if read.stream != *stream {
            return Err(format!("it states the stream `{}`; expected `{stream}`", read.stream));
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn retirement(why: String, removal_at: Option<i64>, keep: Vec<String>) -> Retirement {
        Retirement {
            retire: RETIREMENT_VERSION,
            stream: "master/centos".parse().unwrap(),
            why,
            by: "ci@host".to_owned(),
            since: Stamp::default(),
            notice: 7,
            archive: Some(Archive { address: "/srv/archive".to_owned(), id: "x".to_owned() }),
            url: None,
            served_at: None,
            keep,
            names: BTreeMap::new(),
            announced_at: None,
            redirect_since: None,
            removal_at: removal_at.and_then(Stamp::from_unix),
            retired_at: None,
        }
    }

    proptest! {
        #[test]
        fn a_retirement_prints_back_the_same(
            why in "\\PC{0,20}", at in proptest::option::of(0i64..4_000_000_000), keep in proptest::collection::vec("[a-z]{1,5}", 0..3)
        ) {
            let retirement = retirement(why, at, keep);
            let stream = &retirement.stream;
            prop_assert_eq!(&Retirement::parse(retirement.write().as_bytes(), stream).unwrap(), &retirement);
        }
    }

    #[test]
    fn a_file_of_another_stream_or_version_is_refused() {
        let good = retirement("old".to_owned(), None, Vec::new());
        let other = "master/debian".parse().unwrap();
        let error = Retirement::parse(good.write().as_bytes(), &other).unwrap_err();
        assert_eq!(error, "it states the stream `master/centos`; expected `master/debian`");
        let later = Retirement { retire: 2, ..good.clone() };
        let error = Retirement::parse(later.write().as_bytes(), &good.stream).unwrap_err();
        assert_eq!(error, "version 2 is not known; expected 1");
        assert!(Retirement::parse(b"{}", &good.stream).is_err());
    }

    #[test]
    fn its_state_is_that_of_its_last_step() {
        let frozen = retirement("old".to_owned(), None, Vec::new());
        assert_eq!(frozen.state(), RetirementState::Frozen);
        let announced = Retirement { removal_at: Some(Stamp::default()), ..frozen };
        assert_eq!(announced.state(), RetirementState::Announced);
        let redirected = Retirement { redirect_since: Some(Stamp::default()), ..announced };
        assert_eq!(redirected.state(), RetirementState::Redirected);
        let retired = Retirement { retired_at: Some(Stamp::default()), ..redirected };
        assert_eq!(retired.state().as_str(), "retired");
    }
}
