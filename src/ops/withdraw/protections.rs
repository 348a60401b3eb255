//! What protects a build from being withdrawn.

use crate::layout::Place;
use crate::mirror::{Mirror, Survey, Unreadable, chain, mounted_at};
use crate::model::{BuildId, RelPath, shown};
use crate::ops::ActError;
use crate::ops::images::pinned;
use crate::record::Hold;

/// What protects a build.
pub(crate) struct Protections {
    /// Active holds, which force removes.
    pub(crate) held: Vec<Hold>,
    /// Anything else that force overrides, one item each.
    pub(crate) others: Vec<String>,
    /// What is mounted in it, which nothing overrides.
    pub(crate) mounted: Option<String>,
}

/// Returns a hold as one line.
pub(crate) fn line(hold: &Hold) -> String {
    shown(&format!("hold: {} ({})", hold.why, hold.who)).into_owned()
}

/// Returns what protects a build; what cannot be read may protect it. Of the builds that need it, those count that `needs`
/// selects.
pub(crate) fn protections(
    mirror: &Mirror,
    survey: &Survey,
    id: &BuildId,
    needs: &dyn Fn(&BuildId) -> bool,
) -> Result<Protections, ActError> {
    let census = &survey.census;
    let path = mirror.layout().build_path(id)?;
    let mount = mirror.store().mounts()?.into_iter().find(|mount| mount.is_within(&path));
    let mut others = Vec::new();
    if let Some(build) = census.build(id) {
        others.extend(build.leases.iter().map(|lease| format!("lease: {}", lease.who)));
        let locked = build.locked_until.filter(|until| *until >= census.at);
        others.extend(locked.map(|until| format!("lock: until {}", until.iso())));
    }
    let needs =
        census.builds().filter(|(other, build)| other != id && build.requires.contains(id) && needs(other));
    others.extend(needs.map(|(other, _)| format!("requires: {other} needs it")));
    let pins = pinned(mirror, vec![id.clone()], &survey.pins).into_values().flatten();
    others.extend(pins.map(|pin| format!("pin: {pin}")));
    let unread = survey.troubles.iter().filter(|one| is_of_another_stream(mirror, id, one));
    others.extend(unread.map(|one| format!("unreadable: {}: {}", one.path, chain(&one.error))));
    // Only its own holds protect it; problems with those of other builds do not matter.
    let held = mirror.holds_of(id)?.into_iter().filter(|hold| hold.is_active(census.at)).collect();
    let others = others.iter().map(|one: &String| shown(one).into_owned()).collect();
    Ok(Protections { held, others, mounted: mount.map(|mount| mounted_at(&mount)) })
}

/// Returns whether an unreadable path is a build of another stream, which may need this one.
fn is_of_another_stream(mirror: &Mirror, id: &BuildId, trouble: &Unreadable) -> bool {
    matches!(mirror.layout().place(&trouble.path), Place::Build { build } if build.stream != id.stream)
}

/// Returns what cannot be read and may hide an alias, or a build to which an alias could move.
///
/// A build of the stream counts only if aliases move.
pub(crate) fn hides(
    mirror: &Mirror,
    survey: &Survey,
    id: &BuildId,
    names: bool,
) -> Option<(RelPath, String)> {
    let hides = |trouble: &&Unreadable| match mirror.layout().place(&trouble.path) {
        // No alias is among the holds.
        Place::Own if trouble.path == RelPath::state("holds") => false,
        Place::Build { build } => names && build.stream == id.stream && build != *id,
        _ => true,
    };
    let found = survey.troubles.iter().find(hides)?;
    Some((found.path.clone(), chain(&found.error)))
}
