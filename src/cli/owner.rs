//! Who owns a mirror: what root writes in the mirror of another user, that user cannot read or remove later.

use super::exit::Outcome;
use super::mirror_url::MirrorUrl;
use crate::model::{Class, Classify, ErrorKind, OWN_DIR, shell_word};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

/// Says that a mirror belongs to another user than the one who runs the command.
#[derive(Debug, thiserror::Error)]
#[error("`{}` belongs to {}, and this command runs as {}", place.display(), named(*owner), named(*user))]
pub(super) struct OtherOwner {
    place: PathBuf,
    owner: u32,
    user: u32,
}

impl Classify for OtherOwner {
    fn class(&self) -> Class {
        let words: Vec<String> = std::env::args_os().map(|word| shell_word(&word)).collect();
        let mirror = "MIRRORKEEP_MIRROR";
        let keep = if std::env::var_os(mirror).is_some() { " --preserve-env=MIRRORKEEP_MIRROR" } else { "" };
        let owner = name_of(self.owner).unwrap_or_else(|| format!("'#{}'", self.owner));
        ErrorKind::Refused.hint(format!("`sudo{keep} -u {owner} {}` runs it as the owner", words.join(" ")))
    }
}

/// Returns who owns the mirror, if that is somebody else; nothing for an object store.
pub(super) fn other_owner(site: &MirrorUrl) -> Option<OtherOwner> {
    let MirrorUrl::Dir(dir) = site else { return None };
    let own = dir.join(OWN_DIR);
    let place = if own.exists() { own } else { dir.clone() };
    let owner = place.metadata().ok()?.uid();
    let user = rustix::process::geteuid().as_raw();
    (owner != user).then_some(OtherOwner { place, owner, user })
}

/// Refuses root where the mirror belongs to another user. Every other user is refused by the system.
pub(super) fn refuse_root(site: &MirrorUrl) -> Outcome {
    match other_owner(site).filter(|other| other.user == 0) {
        Some(other) => Err(other.into()),
        None => Ok(()),
    }
}

/// Returns a user in words.
fn named(user: u32) -> String {
    name_of(user).map_or_else(|| format!("the user with the number {user}"), |name| format!("`{name}`"))
}

/// Returns the name of a user of this machine.
pub(super) fn name_of(user: u32) -> Option<String> {
    let users = std::fs::read_to_string("/etc/passwd").ok()?;
    let mut lines = users.lines().map(|line| line.split(':').collect::<Vec<_>>());
    lines.find_map(|fields| match fields.as_slice() {
        [name, _, number, ..] if number.parse() == Ok(user) => Some((*name).to_owned()),
        _ => None,
    })
}
