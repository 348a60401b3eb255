//! The section `site` of `mirror.yaml`: the files for people and programs that browse the mirror.

use super::readers_config::{ReadersConfig, in_the_way, not_a_place, not_an_address};
use crate::model::{RelPath, check_line};
use serde::{Deserialize, Serialize};

/// The default directory of the files.
pub const SITE: &str = "status";

/// The file of the mirror's state that says what was written of them.
pub const SITE_STATE: &str = "site.json";

/// The files for people and programs that browse the mirror.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "the keys `path`, `title`, `url`, `commit_url` and `auto`, such as `{auto: true}`"
)]
pub struct SiteConfig {
    /// The directory of the files in the mirror.
    #[serde(default = "site")]
    pub path: RelPath,
    /// The display name of the mirror.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The public address of the mirror's root; by default that of `readers`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The address of a commit, with `{commit}`, and `{repo}` for the last name of its directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit_url: Option<String>,
    /// Whether every command that changes the mirror updates the files.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub auto: bool,
}

fn site() -> RelPath {
    SITE.parse().unwrap_or_default()
}

impl Default for SiteConfig {
    fn default() -> Self {
        Self { path: site(), title: None, url: None, commit_url: None, auto: false }
    }
}

impl SiteConfig {
    /// Returns what is invalid, each with its key.
    pub(super) fn problems(&self, readers: Option<&ReadersConfig>) -> Vec<(&'static str, String)> {
        let mut problems = Vec::new();
        problems.extend(not_a_place(&self.path).map(|why| ("path", why)));
        let meets = readers.and_then(|readers| in_the_way(&self.path, &readers.path, "readers"));
        problems.extend(meets.map(|why| ("path", why)));
        if let Some(Err(why)) = self.title.as_deref().map(check_line) {
            problems.push(("title", why.to_string()));
        }
        problems.extend(self.url.as_deref().and_then(not_an_address).map(|why| ("url", why)));
        let fits = |url: &String| {
            let plain = url.bytes().all(|byte| byte.is_ascii_graphic());
            plain && url.contains("{commit}") && (url.starts_with("https://") || url.starts_with("http://"))
        };
        if let Some(url) = self.commit_url.as_ref().filter(|url| !fits(url)) {
            let why = "an address such as `https://git.example.org/{repo}/commit/{commit}` is accepted";
            problems
                .push(("commit_url", format!("`{url}` has no `{{commit}}`, or is not an address; {why}")));
        }
        problems
    }
}
