//! Setting the layout, policy or pipeline: a file beside `mirror.yaml` is written first, then the line that names it.
//!
//! If a command is killed between the two, the old one stays in force, and the file is not named by anything.

use super::MirrorError;
use super::{Mirror, MirrorConfig, WriteLock};
use crate::model::{Digest, Document, RelPath};
use crate::store::{Put, Store, StoreError};

/// More bytes than a file of settings ever has.
pub const SETTINGS_LIMIT: u64 = 1 << 20;

/// A shipped layout, policy or pipeline, or a file of the user.
#[derive(Debug, Clone)]
pub enum Chosen {
    /// By its name.
    Shipped(String),
    /// By its text.
    File(String),
}

/// Which of the three files an admin writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InForce {
    /// Defines the paths of builds.
    Layout,
    /// Defines how long a build stays.
    Policy,
    /// Defines when a stage moves to a build.
    Pipeline,
}

impl InForce {
    /// Returns the one with that key in `mirror.yaml`.
    fn of_key(key: &str) -> Option<Self> {
        [Self::Layout, Self::Policy, Self::Pipeline].into_iter().find(|one| one.key() == key)
    }

    /// Returns its key in `mirror.yaml`.
    pub fn key(self) -> &'static str {
        match self {
            Self::Layout => "layout",
            Self::Policy => "policy",
            Self::Pipeline => "pipeline",
        }
    }

    /// Returns the name of the file beside `mirror.yaml` in which `init` and the first `set` put it.
    pub(super) fn file(self) -> String {
        format!("{}.yaml", self.key())
    }

    pub(super) fn of(self, config: &MirrorConfig) -> Option<&str> {
        match self {
            Self::Layout => Some(&config.layout),
            Self::Policy => config.policy.as_deref(),
            Self::Pipeline => config.pipeline.as_deref(),
        }
    }
}

impl Mirror {
    /// Returns the name and the text of what is in force, nothing if `mirror.yaml` names none; `shipped` returns the
    /// texts of shipped ones.
    ///
    /// The file is read now: a mirror opens even if its policy or pipeline is broken, for commands that do not need
    /// it.
    pub fn in_force(
        &self,
        which: InForce,
        shipped: fn(&str) -> Option<&'static str>,
    ) -> Result<Option<(String, String)>, MirrorError> {
        let Some(name) = which.of(self.config()) else { return Ok(None) };
        Ok(Some((name.to_owned(), text_of(self.store(), which, name, shipped)?)))
    }

    /// Returns a warning for each file `policy.yaml` or `pipeline.yaml` beside mirror.yaml if that names another one
    /// or none, and for each directory in mirror.yaml that hides recorded builds.
    pub fn idle_settings(&self) -> Result<Vec<String>, MirrorError> {
        let idle = |which| self.idle(which).transpose();
        let hiding = self.covered_builds().unwrap_or_default().into_iter();
        let hiding = hiding.map(|one| Ok(format!("`{}.path` in mirror.yaml: {}", one.key, one.why())));
        [InForce::Policy, InForce::Pipeline].into_iter().filter_map(idle).chain(hiding).collect()
    }

    /// Returns a warning if a file beside mirror.yaml has the name that `init` gives it, and is not in force.
    pub fn idle(&self, which: InForce) -> Result<Option<String>, MirrorError> {
        let (file, key, now) = (which.file(), which.key(), which.of(self.config()));
        if now == Some(&*file) || self.store().look(&RelPath::state(&file))?.is_none() {
            return Ok(None);
        }
        let other = match now {
            Some(name) => format!("the {key} `{name}` is in force"),
            None => format!("no {key} is in force"),
        };
        Ok(Some(format!(
            "`.mirrorkeep/{file}` is not used: {other}; write `{key}: {file}` in .mirrorkeep/mirror.yaml to use it"
        )))
    }

    /// Returns the name in `mirror.yaml` for a chosen layout, policy or pipeline.
    pub fn name_in_force(&self, which: InForce, chosen: &Chosen) -> String {
        match chosen {
            Chosen::Shipped(name) => name.clone(),
            Chosen::File(_) => {
                let now = which.of(self.config()).filter(|name| is_file(name));
                now.map_or_else(|| which.file(), str::to_owned)
            }
        }
    }

    /// Returns whether `mirror.yaml` names this layout, policy or pipeline now, and its file has a text with that digest.
    pub(crate) fn is_in_force(
        &self,
        key: &str,
        name: &str,
        digest: Option<Digest>,
    ) -> Result<bool, StoreError> {
        let Some(which) = InForce::of_key(key) else { return Ok(false) };
        let text = read_text(self.store(), "mirror.yaml")?;
        let config = Document::parse(&text, "mirror.yaml").ok().and_then(|document| document.read().ok());
        let Some(config) = config else { return Ok(false) };
        if which.of(&config) != Some(name) {
            return Ok(false);
        }
        let Some(digest) = digest else { return Ok(true) };
        let text = read_text(self.store(), name)?;
        Ok(Digest::of(text.as_bytes()) == digest)
    }

    /// Sets another layout, policy or pipeline for every command that opens the mirror from now on.
    ///
    /// Comments and other keys of `mirror.yaml` stay; fails if the line cannot be found.
    pub fn put_in_force(&self, which: InForce, chosen: &Chosen, lock: &WriteLock) -> Result<(), MirrorError> {
        let store = lock.mirror().store();
        let name = self.name_in_force(which, chosen);
        let at = RelPath::state("mirror.yaml");
        let text = read_text(store, "mirror.yaml")?;
        let read = |text: &str| -> Result<MirrorConfig, MirrorError> {
            let document = Document::parse(text, "mirror.yaml").map_err(MirrorError::Config)?;
            document.read().map_err(MirrorError::Config)
        };
        // The present settings: another key may have changed since the mirror was opened.
        let now = read(&text)?;
        let wanted = match which {
            InForce::Layout => MirrorConfig { layout: name.clone(), ..now },
            InForce::Policy => MirrorConfig { policy: Some(name.clone()), ..now },
            InForce::Pipeline => MirrorConfig { pipeline: Some(name.clone()), ..now },
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

/// Returns whether a name is that of a file beside `mirror.yaml`, and not of a shipped one.
pub(super) fn is_file(name: &str) -> bool {
    name.ends_with(".yaml")
}

pub(super) fn read_text(store: &dyn Store, name: &str) -> Result<String, StoreError> {
    let bytes = store.read(&RelPath::state(name), SETTINGS_LIMIT)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Returns the text of a shipped one, or of the file beside `mirror.yaml`.
pub(super) fn text_of(
    store: &dyn Store,
    which: InForce,
    name: &str,
    shipped: fn(&str) -> Option<&'static str>,
) -> Result<String, MirrorError> {
    match shipped(name) {
        Some(text) => Ok(text.to_owned()),
        None if is_file(name) => match read_text(store, name) {
            Err(error) if error.is_not_found() => {
                Err(MirrorError::FileGone { key: which.key(), name: name.to_owned() })
            }
            text => Ok(text?),
        },
        None => Err(MirrorError::NotShipped { key: which.key(), name: name.to_owned() }),
    }
}

/// Returns a text in which the line of a key at the top has another value; a line is added if there is none.
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
