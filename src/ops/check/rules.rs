//! The rules of `mirror.yaml` for findings, parsed with the codes that this version knows.

use crate::decide::check::{IgnoreText, Rules};
use crate::mirror::{Mirror, MirrorError};

/// Returns the rules of `check` in mirror.yaml; fails with every invalid entry.
pub fn rules(mirror: &Mirror) -> Result<Rules, MirrorError> {
    let config = &mirror.config().check;
    let (mut rules, mut wrong) = (Rules::default(), Vec::new());
    for (code, severity) in &config.severity {
        if let Err(why) = rules.grade(code, severity) {
            wrong.push((format!("check.severity.{code}"), why));
        }
    }
    for (index, entry) in config.ignore.iter().enumerate() {
        let text = IgnoreText {
            code: &entry.code,
            path: entry.path.as_deref(),
            why: &entry.why,
            until: entry.until.as_deref(),
        };
        if let Err((key, why)) = rules.ignore(text) {
            wrong.push((format!("check.ignore[{index}].{key}"), why));
        }
    }
    if wrong.is_empty() { Ok(rules) } else { Err(mirror.unfit_settings(wrong)?) }
}
