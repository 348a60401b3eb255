//! The words of requests and settings: release models, and the status of a series.

use super::version::ReleaseType;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which types of releases a project has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ReleaseModel {
    /// Candidates, then a final release.
    CycleWithRc,
    /// Pre-releases of all types, then a final release.
    CycleWithMilestones,
    /// As `cycle-with-rc`, after the other projects.
    CycleTrailing,
    /// Final releases alone.
    CycleWithIntermediary,
    /// Final releases alone.
    CycleAutomatic,
    /// Final releases alone.
    Independent,
    /// None.
    Untagged,
    /// None.
    Abandoned,
}

impl ReleaseModel {
    /// Returns its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CycleWithRc => "cycle-with-rc",
            Self::CycleWithMilestones => "cycle-with-milestones",
            Self::CycleTrailing => "cycle-trailing",
            Self::CycleWithIntermediary => "cycle-with-intermediary",
            Self::CycleAutomatic => "cycle-automatic",
            Self::Independent => "independent",
            Self::Untagged => "untagged",
            Self::Abandoned => "abandoned",
        }
    }

    /// Returns whether there are releases of that type.
    pub fn accepts(self, kind: ReleaseType) -> bool {
        match self {
            Self::CycleWithRc | Self::CycleWithMilestones | Self::CycleTrailing => true,
            Self::CycleWithIntermediary | Self::CycleAutomatic | Self::Independent => !kind.is_pre_release(),
            Self::Untagged | Self::Abandoned => false,
        }
    }
}

/// Which releases a series gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// None yet.
    Future,
    /// All types.
    Development,
    /// All types.
    Maintained,
    /// Only its end of life.
    Unmaintained,
    /// Only its end of life.
    EndOfLife,
}

impl Status {
    /// Returns its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Future => "future",
            Self::Development => "development",
            Self::Maintained => "maintained",
            Self::Unmaintained => "unmaintained",
            Self::EndOfLife => "end-of-life",
        }
    }

    /// Returns whether a release of that type may be made.
    pub fn accepts(self, kind: ReleaseType) -> bool {
        match self {
            Self::Future => false,
            Self::Development | Self::Maintained => true,
            Self::Unmaintained | Self::EndOfLife => kind == ReleaseType::Eol,
        }
    }
}
