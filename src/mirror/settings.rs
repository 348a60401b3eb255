//! Which layout and policy are in force: a file beside `mirror.yaml` is written first, then the line that names it.
//!
//! A command that is killed between the two leaves the old one in force, and a file that nothing names.

use super::MirrorError;
use super::open::{Chosen, is_file};
use super::{Mirror, MirrorConfig, WriteLock};
use crate::model::{Document, RelPath};
use crate::store::Put;

/// Which of the two files an admin writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InForce {
    /// What says where a build has its place.
    Layout,
    /// What says how long a build stays.
    Policy,
}

impl InForce {
    /// Returns its key in `mirror.yaml`.
    pub fn key(self) -> &'static str {
        match self {
            Self::Layout => "layout",
            Self::Policy => "policy",
        }
    }

    fn of(self, config: &MirrorConfig) -> Option<&str> {
        match self {
            Self::Layout => Some(&config.layout),
            Self::Policy => config.policy.as_deref(),
        }
    }
}

impl Mirror {
    /// Returns the name that `mirror.yaml` has when something chosen is in force.
    pub fn name_in_force(&self, which: InForce, chosen: &Chosen) -> String {
        match chosen {
            Chosen::Shipped(name) => name.clone(),
            Chosen::File(_) => {
                let now = which.of(self.config()).filter(|name| is_file(name));
                now.map_or_else(|| format!("{}.yaml", which.key()), str::to_owned)
            }
        }
    }

    /// Puts another layout or policy in force for every command that opens the mirror from now on.
    ///
    /// Comments and other keys of `mirror.yaml` stay; fails where the line cannot be found.
    pub fn put_in_force(&self, which: InForce, chosen: &Chosen, lock: &WriteLock) -> Result<(), MirrorError> {
        let store = lock.mirror().store();
        let name = self.name_in_force(which, chosen);
        let at = RelPath::state("mirror.yaml");
        let text = super::open::read_text(store, "mirror.yaml")?;
        let read = |text: &str| -> Result<MirrorConfig, MirrorError> {
            let document = Document::parse(text, "mirror.yaml").map_err(MirrorError::Config)?;
            document.read().map_err(MirrorError::Config)
        };
        // What the settings are now: another key may have changed since the mirror was opened.
        let now = read(&text)?;
        let wanted = match which {
            InForce::Layout => MirrorConfig { layout: name.clone(), ..now },
            InForce::Policy => MirrorConfig { policy: Some(name.clone()), ..now },
        };
        let edited = with_line(&text, which.key(), &name);
        if !read(&edited).is_ok_and(|read| read == wanted) {
            return Err(MirrorError::NotEdited { key: which.key(), name });
        }
        if let Chosen::File(text) = chosen {
            store.put(&RelPath::state(&name), text.as_bytes(), Put::Replace)?;
        }
        if edited != text {
            store.put(&at, edited.as_bytes(), Put::Replace)?;
        }
        Ok(())
    }
}

/// Returns a text in which the line of a key at the top says another value; a line is added where there is none.
fn with_line(text: &str, key: &str, value: &str) -> String {
    let is_its = |line: &str| line.strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with(':'));
    let line = format!("{key}: {value}");
    let mut lines: Vec<&str> = text.lines().collect();
    match lines.iter_mut().find(|line| is_its(line)) {
        Some(found) => *found = &line,
        None => lines.push(&line),
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_changes_and_the_rest_stays() {
        let text = "# ours\nformat: 1\nlayout: generic\npolicy : old # why\ndeclared: [a]\n";
        let edited = with_line(text, "policy", "new");
        assert_eq!(edited, "# ours\nformat: 1\nlayout: generic\npolicy: new\ndeclared: [a]\n");
        assert_eq!(with_line("format: 1", "policy", "new"), "format: 1\npolicy: new\n");
        assert_eq!(with_line("policy_of: 1\n", "policy", "new"), "policy_of: 1\npolicy: new\n");
        assert_eq!(with_line("a:\n  policy: x\n", "policy", "new"), "a:\n  policy: x\npolicy: new\n");
    }
}
