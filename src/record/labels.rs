//! Labels and holds of a published build.

use crate::model::Stamp;
use litemap::LiteMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};

/// All labels of a build, by key. A build has few labels, and there are many builds: a sorted list is smallest.
pub type Labels = LiteMap<String, LabelValue>;

/// Writes labels as an object, even if there are none: an empty list would otherwise become a JSON array.
pub fn as_object<S: Serializer>(labels: &Labels, to: S) -> Result<S::Ok, S::Error> {
    to.collect_map(labels.iter())
}

/// The value of a label, with its history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LabelValue {
    /// The value.
    pub value: String,
    /// When it was set.
    #[serde(default)]
    pub since: Option<Stamp>,
    /// Who set it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub who: Option<String>,
    /// The URL of details, such as the log of a job that voted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// A hold: the build is kept, for a reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Hold {
    /// Who set it.
    pub who: String,
    /// The reason.
    pub why: String,
    /// The last instant at which it counts; `null` until it is removed.
    #[serde(default)]
    pub until: Option<Stamp>,
    /// When it was set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Stamp>,
}

impl Hold {
    /// Returns whether it is in force at `now`; the last instant counts.
    pub fn is_active(&self, now: Stamp) -> bool {
        self.until.is_none_or(|until| now <= until)
    }
}
