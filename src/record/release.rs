//! Releases in the journal.

use crate::model::BuildId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A release that was requested, and is now tagged and named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Released {
    /// The series.
    pub series: String,
    /// The name of the project.
    pub name: String,
    /// The version, which is the name of the tags.
    pub version: String,
    /// The type: `alpha`, `beta`, `rc`, `final` or `eol`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The team that is responsible.
    pub team: String,
    /// The build that became the release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build: Option<BuildId>,
    /// The commit of each repository.
    pub commits: BTreeMap<String, String>,
    /// Who approved it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approved_by: Vec<String>,
    /// What people are told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub announcement: Option<String>,
    /// The commit of the request.
    pub request: String,
}
