//! A part of a change list: items, one a line, between a line that names the part and one that counts the others.

use super::{ChangesError, form};
use crate::model::{BuildId, Digest, Outcome, RelPath, Stamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The most items of a part.
const MOST: usize = 1_000_000;

/// A part of a change list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The id of the mirror.
    pub mirror: String,
    /// The serial of the part before; 0 for one that has everything.
    pub after: u64,
    /// The highest serial of its items.
    pub serial: u64,
    /// The items.
    pub items: Vec<Change>,
}

/// The latest change of a build or name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// In which edition it changed.
    pub serial: u64,
    /// What it is now.
    pub item: Item,
}

/// What a build or name is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A build that is there.
    Build(Box<ListedBuild>),
    /// A build that went.
    BuildGone {
        /// Which build.
        id: BuildId,
        /// Whether a person withdrew it, such as for a leaked secret.
        withdrawn: bool,
    },
    /// A name that is there.
    Name(ListedName),
    /// A name that went.
    NameGone(RelPath),
}

/// What an item is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// A build.
    Build(BuildId),
    /// A name.
    Name(RelPath),
}

/// A build, as the list states it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListedBuild {
    /// Its ID.
    pub id: BuildId,
    /// Its path in the mirror.
    pub path: RelPath,
    /// When it was built.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<Stamp>,
    /// The respin.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub seq: u64,
    /// How the build went.
    pub result: Outcome,
    /// The builds that it needs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requires: Vec<BuildId>,
    /// The parts that were removed from it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trimmed: Vec<String>,
    /// How many files it has.
    pub files: u64,
    /// How many bytes they have.
    pub bytes: u64,
    /// The digest of its SHA256SUMS.
    pub sums: Digest,
    /// The list of its files.
    pub manifest: ListedManifest,
}

/// The list of the files of a build, as the item names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListedManifest {
    /// Its size.
    pub bytes: u64,
    /// Its digest.
    pub sha256: Digest,
}

/// A name, as the list states it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListedName {
    /// The path of the name.
    pub path: RelPath,
    /// The path that it points at.
    pub to: RelPath,
}

/// The first line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct First {
    part: u32,
    mirror: String,
    after: u64,
    serial: u64,
}

/// The last line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Last {
    end: u64,
}

/// The line of an item, of which one of four is given.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    serial: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    build: Option<Box<ListedBuild>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    build_gone: Option<BuildId>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    withdrawn: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<ListedName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name_gone: Option<RelPath>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl ListedBuild {
    /// Returns the path of the list of its files in the directory of a change list.
    pub fn manifest_at(&self, dir: &RelPath) -> RelPath {
        let digest = self.manifest.sha256.to_string();
        let name = format!("manifests/{}.{}", self.id, digest.get(..16).unwrap_or_default());
        name.parse().map(|below| dir.join(&below)).unwrap_or_default()
    }
}

impl Item {
    /// Returns what it is about.
    pub fn key(&self) -> Key {
        match self {
            Self::Build(build) => Key::Build(build.id.clone()),
            Self::BuildGone { id, .. } => Key::Build(id.clone()),
            Self::Name(name) => Key::Name(name.path.clone()),
            Self::NameGone(path) => Key::Name(path.clone()),
        }
    }

    /// Returns whether it is in the part that has everything: what is there, and what was withdrawn, of which whoever comes
    /// late must hear.
    pub fn stays(&self) -> bool {
        matches!(self, Self::Build(_) | Self::Name(_) | Self::BuildGone { withdrawn: true, .. })
    }
}

impl From<&Change> for Line {
    fn from(change: &Change) -> Self {
        let line = Self { serial: change.serial, ..Self::default() };
        match &change.item {
            Item::Build(build) => Self { build: Some(build.clone()), ..line },
            Item::BuildGone { id, withdrawn } => {
                Self { build_gone: Some(id.clone()), withdrawn: *withdrawn, ..line }
            }
            Item::Name(name) => Self { name: Some(name.clone()), ..line },
            Item::NameGone(path) => Self { name_gone: Some(path.clone()), ..line },
        }
    }
}

impl Line {
    /// Returns the item; nothing if not exactly one is given.
    fn change(self) -> Option<Change> {
        let Self { serial, build, build_gone, withdrawn, name, name_gone } = self;
        let item = match (build, build_gone, name, name_gone) {
            (Some(build), None, None, None) if !withdrawn => Item::Build(build),
            (None, Some(id), None, None) => Item::BuildGone { id, withdrawn },
            (None, None, Some(name), None) if !withdrawn => Item::Name(name),
            (None, None, None, Some(path)) if !withdrawn => Item::NameGone(path),
            _ => return None,
        };
        Some(Change { serial, item })
    }
}

impl Part {
    /// Reads a part; one that was cut anywhere is none.
    pub fn parse(bytes: &[u8]) -> Result<Self, ChangesError> {
        let text = str::from_utf8(bytes).map_err(|error| ChangesError::Form(error.to_string()))?;
        let text = text.strip_suffix('\n').ok_or(ChangesError::Cut)?;
        let mut lines = text.split('\n');
        let first: First =
            serde_json::from_str(lines.next().unwrap_or_default()).map_err(|error| form(&error))?;
        if first.part != 1 {
            return Err(ChangesError::Version(first.part));
        }
        let last = lines.next_back().ok_or(ChangesError::Cut)?;
        let Ok(Last { end }) = serde_json::from_str(last) else { return Err(ChangesError::Cut) };
        let wrong = |why: String| Err(ChangesError::Contradiction(why));
        let (mut items, mut seen) = (Vec::new(), BTreeSet::new());
        for (index, line) in lines.enumerate() {
            let number = index + 2;
            let line: Line = serde_json::from_str(line).map_err(|error| {
                ChangesError::Form(match form(&error) {
                    ChangesError::Form(why) => format!("line {number}: {why}"),
                    other => other.to_string(),
                })
            })?;
            let Some(change) = line.change() else {
                return Err(ChangesError::Form(format!("line {number} is not one build or name")));
            };
            if change.serial <= first.after || change.serial > first.serial {
                return wrong(format!("line {number} has the serial {}", change.serial));
            }
            if first.after == 0 && !change.item.stays() {
                return wrong(format!("line {number} is of something that went"));
            }
            if !seen.insert(change.item.key()) {
                return wrong(format!("line {number} is about what another line is about"));
            }
            if items.len() == MOST {
                return wrong(format!("it has more than {MOST} items"));
            }
            items.push(change);
        }
        if end != items.len() as u64 {
            return Err(ChangesError::Cut);
        }
        Ok(Self { mirror: first.mirror, after: first.after, serial: first.serial, items })
    }

    /// Returns the bytes of the file.
    pub fn write(&self) -> Vec<u8> {
        let first = First { part: 1, mirror: self.mirror.clone(), after: self.after, serial: self.serial };
        let mut bytes = Vec::new();
        // Lines are plain data.
        let mut add = |line: serde_json::Result<Vec<u8>>| {
            bytes.extend(line.unwrap_or_default());
            bytes.push(b'\n');
        };
        add(serde_json::to_vec(&first));
        self.items.iter().for_each(|item| add(serde_json::to_vec(&Line::from(item))));
        add(serde_json::to_vec(&Last { end: self.items.len() as u64 }));
        bytes
    }
}
