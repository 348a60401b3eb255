//! The end of all races: the journal, read from its first line, tells exactly what is there.

use super::{STREAMS, World};
use mirrorkeep::record::{Event, EventKind, Phase};
use std::collections::BTreeMap;
use std::fs;

/// Where a build is by the journal.
#[derive(Debug, Default, PartialEq)]
struct Whereabouts {
    there: bool,
    trashed: usize,
    swept: usize,
}

/// Fails when something is unsettled or left behind, or the journal and the tree do not tell the same.
pub(super) fn settles(world: &World) {
    if !world.does("recovered", &["recover", "--discard-stages"], &[]) {
        return;
    }
    let left = world.rig.json(&["recover", "--dry-run"]);
    if left["unsettled"].as_array().is_none_or(|open| !open.is_empty()) {
        world.fail(format!("something is unsettled: {left}"));
    }
    let count = |own: &str| fs::read_dir(world.rig.mirror(".mirrorkeep").join(own)).unwrap().count();
    if count("stage") > 0 {
        world.fail("a stage is left".to_owned());
    }
    // Whoever was killed over a small file leaves it to be cleared in an hour.
    if count("tmp") > world.counted("killed") {
        world.fail("unfinished files are left that nobody was killed over".to_owned());
    }
    tells_the_truth(world);
    if world.does("emptied", &["sweep"], &[]) && count("trash") > 0 {
        world.fail("something is left in the trash".to_owned());
    }
    tells_the_truth(world);
}

/// Compares what the journal tells with what is there.
fn tells_the_truth(world: &World) {
    let told = match journal(world).and_then(|events| replay(&events)) {
        Ok(told) => told,
        Err(why) => return world.fail(format!("the journal: {why}")),
    };
    let mut found: BTreeMap<String, (bool, usize)> = BTreeMap::new();
    for stream in STREAMS {
        for build in world.builds(stream) {
            found.entry(format!("{stream}/{build}")).or_default().0 = true;
        }
    }
    for entry in fs::read_dir(world.rig.mirror(".mirrorkeep/trash")).unwrap().flatten() {
        let at = entry.path();
        if !at.to_str().unwrap().ends_with(".going") {
            let ticket = fs::read(at.join("ticket.json")).unwrap();
            let ticket: serde_json::Value = serde_json::from_slice(&ticket).unwrap();
            found.entry(ticket["id"].as_str().unwrap().to_owned()).or_default().1 += 1;
        }
    }
    for id in world.published.lock().unwrap().iter() {
        if !told.contains_key(id) {
            world.fail(format!("{id} was reported as published, and the journal does not know it"));
        }
    }
    for (id, told) in &told {
        let (there, trashed) = found.remove(id).unwrap_or_default();
        if (told.there, told.trashed) != (there, trashed) {
            world.fail(format!("{id}: {told:?} by the journal, there: {there}, in the trash: {trashed}"));
        }
    }
    if !found.is_empty() {
        world.fail(format!("the journal does not know {found:?}"));
    }
}

/// Reads the whole journal; every line must be whole, and follow the one before it.
fn journal(world: &World) -> Result<Vec<Event>, String> {
    let mut segments: Vec<_> = fs::read_dir(world.rig.mirror(".mirrorkeep/journal"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    segments.sort();
    let mut events: Vec<Event> = Vec::new();
    for segment in segments {
        for line in fs::read_to_string(segment).unwrap().lines() {
            let event = Event::parse(line.as_bytes()).map_err(|error| format!("{line}: {error}"))?;
            if event.seq != events.last().map_or(1, |last| last.seq + 1) {
                return Err(format!("number {} does not follow", event.seq));
            }
            events.push(event);
        }
    }
    Ok(events)
}

/// Follows every build through the journal; what cannot happen by what happened before is an error.
fn replay(events: &[Event]) -> Result<BTreeMap<String, Whereabouts>, String> {
    let mut builds: BTreeMap<String, Whereabouts> = BTreeMap::new();
    for event in events.iter().filter(|event| event.phase == Phase::Done) {
        if !STREAMS.iter().any(|stream| event.to.starts_with(stream) && event.to.len() == stream.len() + 17) {
            continue;
        }
        let build = builds.entry(event.to.clone()).or_default();
        let before = format!("{build:?}");
        let odd = || format!("{:?} of {} as number {}, which was {before}", event.what, event.to, event.seq);
        match event.what {
            EventKind::Published if !build.there => build.there = true,
            EventKind::Pruned if build.there => {
                build.there = false;
                build.trashed += 1;
            }
            EventKind::Restored if !build.there && build.trashed > 0 => {
                build.there = true;
                build.trashed -= 1;
            }
            EventKind::Swept if build.trashed > 0 => {
                build.trashed -= 1;
                build.swept += 1;
            }
            EventKind::Published | EventKind::Pruned | EventKind::Restored | EventKind::Swept => {
                return Err(odd());
            }
            _ => {}
        }
    }
    Ok(builds)
}
