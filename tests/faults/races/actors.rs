//! Those who change the mirror; each function is one thing that one of them does.

use super::{Pace, STREAMS, World};
use crate::support::dice::Dice;
use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

/// Everybody, by what they do again and again.
pub(super) const ALL: [fn(&World, &mut Dice); 9] = [
    |world, dice| publish(world, dice, 0),
    |world, dice| publish(world, dice, 0),
    |world, dice| publish(world, dice, 1),
    prune,
    prune,
    label,
    hold,
    alias,
    link,
];

/// A link that a person made protects from when a prune has looked at the links again; the machine may be busy.
const SEEN: Duration = Duration::from_millis(2500);

/// What is said when a build went before something could be said of it.
const WENT: [&str; 3] = ["there is no build", "nothing is at", "is in the trash until"];

/// Publishes the next build of a stream, or one that somebody else publishes, too; some are killed at first.
pub(super) fn publish(world: &World, dice: &mut Dice, stream: usize) {
    let number = {
        let mut newest = world.newest.lock().unwrap();
        if newest[stream] == 0 || dice.below(4) > 0 {
            newest[stream] += 1;
            source(world, stream, newest[stream]);
        }
        newest[stream]
    };
    let build = format!("20260101T{:02}{:02}{:02}Z", number / 3600, number / 60 % 60, number % 60);
    let source = world.rig.work(&format!("../{stream}-{number}"));
    let result = if number % 4 == 3 { "fail" } else { "success" };
    let stream = STREAMS[stream];
    let args =
        ["publish", source.to_str().unwrap(), "--stream", stream, "--build", &build, "--result", result];
    if dice.below(6) == 0 {
        world.kill(dice, &args);
    }
    if world.does("published", &args, &[]) {
        world.published.lock().unwrap().insert(format!("{stream}/{build}"));
    }
    dice.rest(200);
}

/// Lays out what is to be published: something that all builds have, and something of its own.
fn source(world: &World, stream: usize, number: u32) {
    for file in 0..12 {
        let text = if file < 8 { format!("the same {file}") } else { format!("{stream} {number} {file}") };
        world.rig.write(&format!("../{stream}-{number}/outputs/RPMS/std/{file}.rpm"), &text);
    }
}

fn prune(world: &World, dice: &mut Dice) {
    let verb = if dice.below(4) == 0 { "sweep" } else { "prune" };
    if dice.below(6) == 0 {
        world.kill(dice, &[verb]);
    }
    let pace = if dice.below(2) == 0 { Pace::Slow } else { Pace::Quick };
    world.does_at(pace, if verb == "sweep" { "swept" } else { "pruned" }, &[verb], &[]);
    dice.rest(300);
}

/// Draws one of the builds that are there; often the oldest, which goes next.
fn draw(world: &World, dice: &mut Dice) -> Option<String> {
    let stream = dice.pick(&STREAMS)?;
    let builds = world.builds(stream);
    let build = if dice.below(2) == 0 { builds.first() } else { dice.pick(&builds) };
    Some(format!("{stream}/{}", build?))
}

fn label(world: &World, dice: &mut Dice) {
    if let Some(id) = draw(world, dice) {
        let value = if dice.below(2) == 0 { "sanity=green" } else { "sanity=red" };
        world.does("labelled", &["label", &id, value], &WENT);
    }
    dice.rest(100);
}

/// Holds a build, or takes one back from the trash, which holds it, too; it stays until the hold is taken back.
fn hold(world: &World, dice: &mut Dice) {
    let trashed = trashed(world);
    let held = match dice.pick(&trashed).filter(|_| another_way(world)) {
        Some(id) => {
            let or = ["is not in the trash", "lies there already", "is already"];
            world.does("restored", &["restore", id], &or).then(|| id.clone())
        }
        None => draw(world, dice)
            .filter(|id| world.does("held", &["hold", id, "--why", "a test looks at it"], &WENT)),
    };
    if let Some(id) = held {
        stays(world, &id, "it is held", Duration::from_millis(dice.below(900)));
        world.does("no longer held", &["unhold", &id], &[]);
    }
    dice.rest(100);
}

/// Every other hold is a build that comes back.
fn another_way(world: &World) -> bool {
    world.counted("held") > world.counted("restored")
}

/// Returns the builds that wait in the trash.
fn trashed(world: &World) -> Vec<String> {
    let Ok(entries) = fs::read_dir(world.rig.mirror(".mirrorkeep/trash")) else { return Vec::new() };
    let waiting = entries.flatten().filter(|entry| !entry.file_name().to_string_lossy().ends_with(".going"));
    let tickets = waiting.filter_map(|entry| fs::read(entry.path().join("ticket.json")).ok());
    let tickets = tickets.filter_map(|text| serde_json::from_slice::<serde_json::Value>(&text).ok());
    tickets.map(|ticket| ticket["id"].as_str().unwrap().to_owned()).collect()
}

/// Points a name at a build, which stays as long as the name leads to it.
fn alias(world: &World, dice: &mut Dice) {
    if let Some(id) = draw(world, dice) {
        let args = ["alias", "set", "master/centos/chosen", &id, "--allow-backwards", "--allow-unsuccessful"];
        if world.does("aliased", &args, &WENT) {
            stays(world, &id, "`chosen` leads to it", Duration::from_millis(dice.below(900)));
        }
    }
    dice.rest(100);
}

/// Makes a link by hand, as people do, and takes it away again as people do; what it leads to stays.
fn link(world: &World, dice: &mut Dice) {
    let Some(id) = draw(world, dice) else { return };
    let below = dice.pick(&["", "/outputs", "/outputs/RPMS/std/9.rpm"]).unwrap();
    let mine = world.rig.mirror("mine");
    let run = |program: &str, args: &[&str]| {
        assert!(Command::new(program).args(args).arg(&mine).status().unwrap().success());
    };
    run("ln", &["-sfn", &format!("{id}{below}")]);
    std::thread::sleep(SEEN);
    // Whoever links to what goes at that very moment sees that it went.
    if world.at(&id).exists() {
        world.count("linked to");
        stays(world, &id, "a person's link leads to it", Duration::from_millis(dice.below(900)));
    }
    if dice.below(2) == 0 {
        run("rm", &["-rf"]);
    }
}

/// Fails when a build is not there all the time.
fn stays(world: &World, id: &str, why: &str, time: Duration) {
    let end = Instant::now() + time;
    loop {
        if !world.at(id).join("SHA256SUMS").exists() {
            return world.fail(format!("{id} is gone, though {why}"));
        }
        if Instant::now() >= end {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}
