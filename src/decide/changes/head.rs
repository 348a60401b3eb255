//! The head of a change list: which parts it has, as one text with its signatures.

use super::{ChangesError, form};
use crate::model::{Digest, RelPath, Scheme, Stamp};
use serde::{Deserialize, Serialize};

/// More than a head ever has, in bytes.
pub const HEAD_LIMIT: u64 = 1 << 20;

/// More than a part ever has, in bytes.
pub const PART_LIMIT: u64 = 64 << 20;

/// The most parts of a list.
const MOST_PARTS: usize = 1024;

/// What the newest edition of a change list consists of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// The id of the mirror.
    pub mirror: String,
    /// The number of this edition; a later one has a higher number.
    pub serial: u64,
    /// The number of the newest event of the journal when the mirror was looked at.
    pub event: u64,
    /// When it was written.
    pub at: Stamp,
    /// How many builds there are.
    pub builds: u64,
    /// How many names there are.
    pub names: u64,
    /// The parts: the first has everything up to its serial, each of the others what changed since the one before.
    pub parts: Vec<PartRef>,
}

/// A part, as the head names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartRef {
    /// The serial of the part before; 0 for the one that has everything.
    pub after: u64,
    /// The highest serial of its items.
    pub serial: u64,
    /// How many items it has.
    pub items: u64,
    /// Its size.
    pub bytes: u64,
    /// Its digest.
    pub sha256: Digest,
}

/// A head as it is written: its text, and signatures of exactly this text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedHead {
    /// The version of this form: 1.
    pub changes: u32,
    /// The head, as JSON.
    pub head: String,
    /// The signature by a key of minisign.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minisign: Option<String>,
    /// The signature by OpenPGP keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpg: Option<String>,
}

impl PartRef {
    /// Returns the name of its file.
    pub fn file(&self) -> String {
        let all = if self.after == 0 { "-all" } else { "" };
        format!("{}{all}.jsonl", self.serial)
    }
}

impl Head {
    /// The name of the file.
    pub const FILE: &'static str = "latest.json";

    /// Reads the text of a head.
    pub fn parse(text: &str) -> Result<Self, ChangesError> {
        let head: Self = serde_json::from_str(text).map_err(|error| form(&error))?;
        let wrong = |why: &str| Err(ChangesError::Contradiction(why.to_owned()));
        if head.mirror.is_empty() || head.mirror.len() > 100 || head.mirror.chars().any(char::is_control) {
            return wrong("the id of the mirror is none");
        }
        if head.parts.is_empty() || head.parts.len() > MOST_PARTS {
            return wrong(&format!("it has {} parts", head.parts.len()));
        }
        let mut last = 0;
        for part in &head.parts {
            if part.after != last || part.serial <= last {
                return wrong(&format!("the part after {} follows {last}", part.after));
            }
            if part.bytes > PART_LIMIT || part.items > part.bytes {
                return wrong(&format!("a part has {} items in {} bytes", part.items, part.bytes));
            }
            last = part.serial;
        }
        if last != head.serial {
            return wrong(&format!("its serial is {}, and that of its last part {last}", head.serial));
        }
        Ok(head)
    }

    /// Returns the text.
    pub fn text(&self) -> String {
        // A head is plain data.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Returns what stands for everything that a serial stands for.
    pub fn content(&self) -> Digest {
        let parts = serde_json::to_string(&(&self.mirror, self.serial, &self.parts)).unwrap_or_default();
        Digest::of(parts.as_bytes())
    }

    /// Returns the parts that whoever was at this serial has to read; nothing if only the first one helps.
    pub fn since(&self, serial: u64) -> Option<&[PartRef]> {
        let first = self.parts.first()?;
        let from = self.parts.iter().position(|part| part.serial > serial).unwrap_or(self.parts.len());
        (serial >= first.serial).then(|| self.parts.get(from..).unwrap_or_default())
    }
}

impl SignedHead {
    /// Returns a head without a signature.
    pub fn of(head: &Head) -> Self {
        Self { changes: 1, head: head.text(), minisign: None, gpg: None }
    }

    /// Reads the file.
    pub fn parse(bytes: &[u8]) -> Result<Self, ChangesError> {
        let body = bytes.strip_suffix(b"\n").ok_or(ChangesError::Cut)?;
        let signed: Self = serde_json::from_slice(body).map_err(|error| form(&error))?;
        if signed.changes != 1 {
            return Err(ChangesError::Version(signed.changes));
        }
        Ok(signed)
    }

    /// Returns the bytes of the file.
    pub fn write(&self) -> Vec<u8> {
        // Plain data always serializes.
        let mut bytes = serde_json::to_vec(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }

    /// Returns the signature of a kind.
    pub fn signature(&self, by: Scheme) -> Option<&str> {
        match by {
            Scheme::OpenPgp => self.gpg.as_deref(),
            Scheme::Minisign => self.minisign.as_deref(),
        }
    }

    /// Returns whether anyone signed it.
    pub fn is_signed(&self) -> bool {
        Scheme::ALL.into_iter().any(|by| self.signature(by).is_some())
    }

    /// Returns the path of the file in the directory of a change list.
    pub fn place(dir: &RelPath) -> RelPath {
        dir.child(Head::FILE).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(after: u64, serial: u64) -> PartRef {
        PartRef { after, serial, items: 1, bytes: 99, sha256: Digest::of(b"") }
    }

    fn head(parts: Vec<PartRef>) -> Head {
        let serial = parts.last().map_or(0, |part| part.serial);
        Head { mirror: "m".to_owned(), serial, event: 9, at: Stamp::default(), builds: 1, names: 0, parts }
    }

    #[test]
    fn a_head_prints_back_the_same_and_a_cut_one_is_noticed() {
        let head = head(vec![part(0, 7), part(7, 8)]);
        assert_eq!(Head::parse(&head.text()).unwrap(), head);
        let bytes = SignedHead { gpg: Some("x\ny".to_owned()), ..SignedHead::of(&head) }.write();
        assert_eq!(SignedHead::parse(&bytes).unwrap().write(), bytes);
        for end in 0..bytes.len() {
            assert!(SignedHead::parse(&bytes[..end]).is_err(), "{end}");
        }
    }

    #[test]
    fn parts_follow_each_other_without_a_gap() {
        for parts in [
            vec![],
            vec![part(1, 2)],
            vec![part(0, 0)],
            vec![part(0, 3), part(2, 4)],
            vec![part(0, 3), part(3, 3)],
            vec![part(0, 3), part(4, 5)],
            vec![PartRef { bytes: PART_LIMIT + 1, ..part(0, 3) }],
        ] {
            assert!(Head::parse(&head(parts.clone()).text()).is_err(), "{parts:?}");
        }
        let later = Head { serial: 9, ..head(vec![part(0, 3)]) };
        assert!(matches!(Head::parse(&later.text()), Err(ChangesError::Contradiction(_))));
    }

    #[test]
    fn who_was_at_a_serial_reads_what_is_above_it() {
        let head = head(vec![part(0, 3), part(3, 5), part(5, 9)]);
        let of = |serial| head.since(serial).map(|parts| parts.iter().map(PartRef::file).collect::<Vec<_>>());
        assert_eq!(of(0), None);
        assert_eq!(of(2), None);
        assert_eq!(of(3).unwrap(), ["5.jsonl", "9.jsonl"]);
        assert_eq!(of(4).unwrap(), ["5.jsonl", "9.jsonl"]);
        assert_eq!(of(5).unwrap(), ["9.jsonl"]);
        assert_eq!(of(9).unwrap(), [""; 0]);
        assert_eq!(head.parts[0].file(), "3-all.jsonl");
    }
}
