//! The owner of a mirror: files that root writes in the mirror of another user, that user cannot read or remove
//! later.

use super::exit::Outcome;
use super::mirror_url::MirrorUrl;
use crate::model::{Class, Classify, ErrorKind, OWN_DIR, shell_word};
use crate::store::SHARED;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

/// Returns the error that a mirror belongs to another user than the one who runs the command.
#[derive(Debug, thiserror::Error)]
#[error("`{}` belongs to {}{}, and this command runs as {}", place.display(), named(*owner), and_group(*group), named(*user))]
pub(super) struct OtherOwner {
    place: PathBuf,
    owner: u32,
    user: u32,
    /// The group that shares the mirror.
    group: Option<u32>,
}

impl Classify for OtherOwner {
    fn class(&self) -> Class {
        let words: Vec<String> = std::env::args_os().map(|word| shell_word(&word)).collect();
        let mirror = "MIRRORKEEP_MIRROR";
        let keep = if std::env::var_os(mirror).is_some() { " --preserve-env=MIRRORKEEP_MIRROR" } else { "" };
        let owner = name_of(self.owner).unwrap_or_else(|| format!("'#{}'", self.owner));
        let sudo = format!("`sudo{keep} -u {owner} {}` runs it as the owner", words.join(" "));
        ErrorKind::Refused.hint(match self.group {
            None => format!("{sudo}; docs/users.md describes mirrors with several users"),
            Some(group) if is_member(group) => format!(
                "a directory in the mirror is not open to its group: the owner repairs that with the commands in docs/users.md; {sudo}"
            ),
            Some(group) => {
                let user = name_of(self.user).unwrap_or_else(|| self.user.to_string());
                let group = group_name(group).unwrap_or_else(|| group.to_string());
                format!("`usermod -aG {group} {user}` adds this user to the group that shares the mirror, from the next login on; {sudo}")
            }
        })
    }
}

/// Returns the owner of the mirror if it is another user; nothing for an object store.
pub(super) fn other_owner(site: &MirrorUrl) -> Option<OtherOwner> {
    let MirrorUrl::Dir(dir) = site else { return None };
    let own = dir.join(OWN_DIR);
    let place = if own.exists() { own } else { dir.clone() };
    let owner = place.metadata().ok()?.uid();
    let user = rustix::process::geteuid().as_raw();
    let root = dir.metadata().ok()?;
    let group = (root.mode() & SHARED == SHARED).then_some(root.gid());
    (owner != user).then_some(OtherOwner { place, owner, user, group })
}

/// Refuses root if the mirror belongs to another user. The system itself refuses every other user.
pub(super) fn refuse_root(site: &MirrorUrl) -> Outcome {
    match other_owner(site).filter(|other| other.user == 0) {
        Some(other) => Err(other.into()),
        None => Ok(()),
    }
}

/// Returns the text for a user.
fn named(user: u32) -> String {
    name_of(user).map_or_else(|| format!("the user with the number {user}"), |name| format!("`{name}`"))
}

/// Returns the text for a group, appended to that of the owner.
fn and_group(group: Option<u32>) -> String {
    group.map_or_else(String::new, |group| {
        let name = group_name(group).map_or_else(|| group.to_string(), |name| format!("`{name}`"));
        format!(" and the group {name}")
    })
}

/// Returns whether this process belongs to a group.
fn is_member(group: u32) -> bool {
    let groups = rustix::process::getgroups().unwrap_or_default();
    rustix::process::getegid().as_raw() == group || groups.iter().any(|one| one.as_raw() == group)
}

/// Returns the name of a user of this machine.
pub(super) fn name_of(user: u32) -> Option<String> {
    name_in("/etc/passwd", user)
}

/// Returns the name of a group of this machine.
fn group_name(group: u32) -> Option<String> {
    name_in("/etc/group", group)
}

/// Returns the name for a number from `/etc/passwd` or `/etc/group`, where they are the first and third fields.
fn name_in(file: &str, user: u32) -> Option<String> {
    let users = std::fs::read_to_string(file).ok()?;
    let mut lines = users.lines().map(|line| line.split(':').collect::<Vec<_>>());
    lines.find_map(|fields| match fields.as_slice() {
        [name, _, number, ..] if number.parse() == Ok(user) => Some((*name).to_owned()),
        _ => None,
    })
}
