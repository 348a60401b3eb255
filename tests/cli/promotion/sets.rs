//! Stages with `bundle: true`: the names of the components and the link of the bundle move as one.

use super::bundles::{COMPONENTS, md5, repo, seen, versions};
use super::sentences::STAGED;
use crate::support::rig::tree;
use crate::support::trunk::{Trunk, build, entry, id, stream};
use mirrorkeep::mirror::Mirror;
use mirrorkeep::model::Stamp;
use mirrorkeep::ops::Mode;
use mirrorkeep::ops::promotion::{PromoteRequest, PromotedAs, promote};
use mirrorkeep::session::Session;
use mirrorkeep::store::Posix;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The bundle of the stage `tested`.
const TESTED: &str = "centos9-master/tested";

fn bundled() -> Trunk<'static> {
    Trunk::with(&STAGED.replace("    keep: 2\n", "    bundle: true\n    keep: 2\n"))
}

/// Publishes the build of a day in these components, and has every job vote success.
fn passed(trunk: &Trunk<'_>, day: u8, components: &[&str]) {
    for component in components {
        let id = trunk.publish(component, day);
        for job in ["smoke", "boot"] {
            trunk.vote(&id, job, "success");
        }
    }
}

/// Returns a mirror in which the builds of the first days were promoted, one day after the other.
fn promoted(days: u8) -> Trunk<'static> {
    let trunk = bundled();
    for day in 1..=days {
        passed(&trunk, day, &COMPONENTS);
        trunk.ok(&["promote", "tested", "--require-move"]);
    }
    trunk
}

/// Returns the days of the builds that have the stage, in the order of the components.
#[track_caller]
fn days(trunk: &Trunk<'_>) -> [Option<u8>; 4] {
    let names = trunk.names();
    COMPONENTS.map(|component| names.day(component, "tested"))
}

#[track_caller]
fn of(answer: &Value, component: &str) -> Value {
    entry(&answer["stages"], "tested", &stream(component)).clone()
}

#[test]
fn the_bundle_is_made_when_the_stage_moves_in_the_components() {
    let trunk = bundled();
    passed(&trunk, 1, &COMPONENTS);
    let moved = trunk.json(&["promote"]);
    for component in COMPONENTS {
        assert_eq!(of(&moved, component)["outcome"], "promoted");
    }
    let first = md5(&repo([1; 4]));
    let bundle = json!([{
        "stage": "tested", "stream": TESTED, "build": format!("{TESTED}/{first}"), "before": null,
        "members": COMPONENTS.map(|component| id(component, 1)),
    }]);
    assert_eq!(moved["bundles"], bundle);
    assert_eq!(seen(&trunk, "tested"), [repo([1; 4]), first.clone(), versions([1; 4])]);
    // Those that wait for votes stay, and the others move.
    passed(&trunk, 2, &["compute"]);
    trunk.publish("network", 2);
    let told = trunk.ok(&["promote", "tested"]);
    let second = md5(&repo([1, 2, 1, 1]));
    let line = format!("{TESTED}: bundled 4 builds as {second} (it was at {first})\n");
    assert!(
        told.contains(&line) && told.contains(&format!("promoted {} to tested", build("compute", 2))),
        "{told}"
    );
    assert_eq!(seen(&trunk, "tested"), [repo([1, 2, 1, 1]), second, versions([1, 2, 1, 1])]);
    assert_eq!(trunk.has("compute", "previous-tested"), Some(id("compute", 1)));
    // Nothing moves, and nothing is made.
    let before = tree(&trunk.mirror("centos9-master"));
    assert_eq!(trunk.json(&["promote", "tested"])["bundles"], json!([]));
    assert_eq!(tree(&trunk.mirror("centos9-master")), before);
    trunk.ends(0, &["check"]);
    trunk.ends(0, &["verify", "--all"]);
    assert_eq!(trunk.json(&["recover", "--dry-run"])["unsettled"], json!([]));
}

#[test]
fn a_dry_run_of_a_set_changes_nothing() {
    let trunk = promoted(1);
    passed(&trunk, 2, &COMPONENTS);
    let before = tree(&trunk.mirror(""));
    let told = trunk.ok(&["promote", "tested", "--dry-run"]);
    let (first, second) = (md5(&repo([1; 4])), md5(&repo([2; 4])));
    assert!(
        told.contains(&format!("{TESTED}: would bundle 4 builds as {second} (it was at {first})\n")),
        "{told}"
    );
    assert_eq!(tree(&trunk.mirror("")), before);
    let (dry, moved) = (trunk.json(&["promote", "tested", "--dry-run"]), trunk.json(&["promote", "tested"]));
    assert_eq!((&dry["bundles"], &dry["stages"]), (&moved["bundles"], &moved["stages"]));
}

#[test]
fn silent_loss_of_a_component_keeps_the_whole_set_where_it_is() {
    let trunk = bundled();
    passed(&trunk, 1, &COMPONENTS[1..]);
    let common = trunk.publish("common", 1);
    let told = trunk.ends(1, &["promote", "tested"]);
    let said = format!("`{}`: it has no `tested`", stream("common"));
    // One reason, for all of them.
    let streams: Vec<String> = COMPONENTS[1..].iter().map(|component| stream(component)).collect();
    let line = format!("error: {}: tested was not moved: the bundle cannot be made", streams.join(", "));
    assert!(told.contains(&line) && told.matches(&said).count() == 1, "{told}");
    assert_eq!(days(&trunk), [None; 4]);
    let one = of(&trunk.json_ends(1, &["promote", "tested", "--dry-run"]), "compute");
    assert!(one["outcome"] == "failed" && one["why"].as_str().unwrap().contains(&said), "{one}");
    for job in ["smoke", "boot"] {
        trunk.vote(&common, job, "success");
    }
    trunk.ok(&["promote", "tested", "--require-move"]);
    assert_eq!(days(&trunk), [Some(1); 4]);
}

#[test]
fn a_component_that_another_program_moved_or_whose_name_dangles_stops_the_set() {
    let trunk = promoted(2);
    passed(&trunk, 3, &["compute"]);
    let before = seen(&trunk, "tested");
    let link = trunk.link("network", "tested");
    let was = fs::read_link(&link).unwrap();
    let other = fs::read_link(trunk.link("network", "previous-tested")).unwrap();
    for (to, said) in [
        (
            Some(other.as_path()),
            format!(
                "`{}` is part of the same bundle, and cannot be promoted: it was moved",
                stream("network")
            ),
        ),
        (Some(Path::new("aa/bb/nothing")), format!("`{}`", stream("network"))),
        (None, format!("`{}`", stream("network"))),
    ] {
        fs::remove_file(&link).unwrap();
        if let Some(to) = to {
            symlink(to, &link).unwrap();
        }
        let told = trunk.ends(1, &["promote", "tested"]);
        assert!(told.contains(&format!("error: {}: tested was not moved: ", stream("compute"))), "{told}");
        assert!(told.contains(&said), "{told}");
        assert_eq!(seen(&trunk, "tested"), before);
        assert_eq!(trunk.has("compute", "tested"), Some(id("compute", 2)));
        if to.is_none() {
            symlink(&was, &link).unwrap();
        }
    }
    trunk.ok(&["promote", "tested", "--require-move"]);
    assert_eq!(days(&trunk), [2, 3, 2, 2].map(Some));
}

#[test]
fn half_promoted_whatever_fails_every_name_of_the_set_is_where_it_was() {
    let trunk = promoted(2);
    passed(&trunk, 3, &COMPONENTS);
    let links = || {
        let mut links = Vec::new();
        for component in COMPONENTS {
            links.extend(
                ["tested", "previous-tested"].map(|name| fs::read_link(trunk.link(component, name)).unwrap()),
            );
        }
        links.push(fs::read_link(trunk.mirror(TESTED).join("bundle")).unwrap());
        links
    };
    let before = links();
    let mut failed = 0;
    // Each rename in turn: those that publish the bundle, the eight names of the components, the link.
    for nth in 1..100 {
        let mut strace = Command::new("strace");
        strace.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=renameat,renameat2"]);
        let inject = format!("inject=renameat,renameat2:error=EIO:when={nth}");
        strace.args(["-e", &inject, env!("CARGO_BIN_EXE_mirrorkeep"), "--mirror"]);
        let output = strace.arg(trunk.mirror("")).args(["promote", "tested"]).output().unwrap();
        if output.status.success() {
            break;
        }
        failed += 1;
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        trunk.ok(&["recover"]);
        assert_eq!(links(), before, "{nth}: {told}");
        assert_eq!(days(&trunk), [Some(2); 4]);
    }
    assert!(failed >= 9, "only {failed} renames failed");
    // What was moved and moved back is a candidate still, and no interference.
    assert_eq!(days(&trunk), [Some(3); 4]);
    assert_eq!(seen(&trunk, "tested")[0], repo([3; 4]));
    for component in COMPONENTS {
        assert_eq!(trunk.has(component, "previous-tested"), Some(id(component, 2)));
    }
    assert_eq!(trunk.json(&["recover", "--dry-run"])["unsettled"], json!([]));
}

#[test]
fn a_demotion_in_a_component_makes_the_bundle_of_what_is_left() {
    let trunk = promoted(2);
    let demote = ["demote", "tested", "--stream", &stream("network"), "--why", "does not boot"];
    let before = tree(&trunk.mirror(""));
    let dry = trunk.json(&[&demote[..], &["--dry-run"]].concat());
    assert_eq!(tree(&trunk.mirror("")), before);
    let set = md5(&repo([2, 2, 1, 2]));
    assert_eq!(dry["bundle"], format!("{TESTED}/{set}"));
    let told = trunk.ok(&demote);
    assert!(told.contains(&format!("{TESTED}: bundled what has tested then as {set}\n")), "{told}");
    assert_eq!(days(&trunk), [2, 2, 1, 2].map(Some));
    assert_eq!(seen(&trunk, "tested"), [repo([2, 2, 1, 2]), set, versions([2, 2, 1, 2])]);
    // A loop that retries takes nothing more.
    let again = trunk.json(&demote);
    assert_eq!((&again["already"], &again["to"]), (&json!(true), &json!(id("network", 1))));
    assert_eq!(days(&trunk), [2, 2, 1, 2].map(Some));
    // The build that lost the stage does not come back.
    trunk.ends(4, &["promote", "tested", "--require-move"]);
    // A component without the stage would be lost.
    let said = format!("`{}`: it would have no `tested`", stream("network"));
    let told =
        trunk.ends(1, &["demote", "tested", "--stream", &stream("network"), "--why", "neither does that"]);
    assert!(told.contains(&said), "{told}");
    assert_eq!(days(&trunk), [2, 2, 1, 2].map(Some));
}

#[test]
fn a_demotion_of_the_bundle_takes_the_whole_set_back() {
    let trunk = promoted(2);
    // Only what the last promotion of the set moved goes back with it.
    passed(&trunk, 3, &COMPONENTS[..2]);
    trunk.ok(&["promote", "tested"]);
    let demote = ["demote", "tested", "--stream", TESTED, "--why", "does not boot"];
    let before = tree(&trunk.mirror(""));
    let dry = trunk.json(&[&demote[..], &["--dry-run"]].concat());
    assert_eq!(tree(&trunk.mirror("")), before);
    let (third, second) = (md5(&repo([3, 3, 2, 2])), md5(&repo([2; 4])));
    let [third, second] = [third, second].map(|name| json!(format!("{TESTED}/{name}")));
    assert_eq!((&dry["from"], &dry["to"], &dry["bundle"]), (&third, &second, &second));
    let told = trunk.ok(&demote);
    for component in &COMPONENTS[..2] {
        let line = format!(
            "{}: moved tested back from {}",
            stream(component),
            id(component, 3).rsplit('/').next().unwrap()
        );
        assert!(told.contains(&line), "{told}");
    }
    assert_eq!(days(&trunk), [2; 4].map(Some));
    assert_eq!(seen(&trunk, "tested"), [repo([2; 4]), md5(&repo([2; 4])), versions([2; 4])]);
    // A loop that retries takes nothing more, and what lost the stage does not come back.
    let again = trunk.json(&demote);
    assert_eq!((&again["already"], &again["from"], &again["to"]), (&json!(true), &third, &second));
    trunk.ends(4, &["promote", "tested", "--require-move"]);
    assert_eq!(days(&trunk), [2; 4].map(Some));
    // To a bundle that is named: each member that differs goes to its build there.
    let first = format!("{TESTED}/{}", md5(&repo([1; 4])));
    let back = ["demote", "tested", "--stream", TESTED, "--to", &first, "--why", "nor does that"];
    let members = trunk.json(&back)["members"].clone();
    let rejected: Vec<&Value> = members.as_array().unwrap().iter().map(|one| &one["rejected"]).collect();
    assert_eq!(json!(rejected), json!(COMPONENTS.map(|component| id(component, 2))));
    assert_eq!((days(&trunk), &seen(&trunk, "tested")[0]), ([1; 4].map(Some), &repo([1; 4])));
    // Nothing was there before the first set.
    let told = trunk.ends(1, &["demote", "tested", "--stream", TESTED, "--why", "nothing does"]);
    assert!(told.contains("it would have no `tested`"), "{told}");
    let told =
        trunk.ends(1, &["demote", "tested", "--stream", TESTED, "--to", &id("network", 1), "--why", "x"]);
    assert!(told.contains(&id("network", 1)), "{told}");
}

#[test]
fn history_and_log_tell_each_component_and_the_bundle() {
    let trunk = promoted(2);
    trunk.ok(&["demote", "tested", "--stream", &stream("common"), "--why", "does not boot"]);
    let moves = trunk.json(&["history", &format!("{}/tested", stream("common"))])["moves"].clone();
    let what: Vec<&Value> = moves.as_array().unwrap().iter().map(|one| &one["what"]).collect();
    assert_eq!(what, ["promoted", "promoted", "demoted"]);
    assert_eq!(moves[1]["votes"], json!({"smoke": "success", "boot": "success"}));
    let moves = trunk.json(&["history", &format!("{TESTED}/bundle")])["moves"].clone();
    let what: Vec<&Value> = moves.as_array().unwrap().iter().map(|one| &one["what"]).collect();
    assert_eq!(what, ["promoted", "promoted", "demoted"]);
    assert_eq!((&moves[2]["why"], &moves[1]["votes"]), (&json!("does not boot"), &json!({})));
    let log = trunk.ok(&["log"]);
    assert!(log.contains(&format!("to {TESTED}/bundle with {}", id("common", 2))), "{log}");
}

#[test]
fn a_member_that_is_withdrawn_leaves_a_bundle_that_the_hint_makes_again() {
    let trunk = promoted(2);
    let two = id("network", 2);
    let bundle = format!("{TESTED}/{}", md5(&repo([2; 4])));
    let withdraw = ["withdraw", &two, "--why", "a private key"];
    let told = trunk.ends(3, &withdraw);
    assert!(told.contains(&format!("requires: {bundle} needs it")), "{told}");
    let told = trunk.ends(0, &[&withdraw[..], &["--force"]].concat());
    let hint = told.split('`').find(|part| part.starts_with("mirrorkeep bundle")).unwrap().to_owned();
    assert_eq!((days(&trunk)[2], &*hint), (Some(1), &*format!("mirrorkeep bundle {TESTED}")));
    trunk.pasted(0, &hint, &[]);
    assert_eq!(seen(&trunk, "tested")[0], repo([2, 2, 1, 2]));
    trunk.ends(0, &["promote", "tested"]);
}

#[test]
fn a_bundle_that_is_not_what_its_members_have_is_made_again_by_promote() {
    let trunk = promoted(2);
    let stays = trunk.json(&["promote", "tested"]);
    assert_eq!(stays["bundles"], json!([]));
    trunk.ok(&["withdraw", &id("network", 2), "--why", "leaked key", "--force"]);
    assert_eq!(days(&trunk), [2, 2, 1, 2].map(Some));
    let before = tree(&trunk.mirror(""));
    let dry = trunk.json(&["promote", "tested", "--dry-run"]);
    assert_eq!(tree(&trunk.mirror("")), before);
    let made = trunk.json(&["promote", "tested"])["bundles"].clone();
    assert_eq!((&made, made.as_array().map(Vec::len)), (&dry["bundles"], Some(1)));
    assert_eq!(seen(&trunk, "tested")[0], repo([2, 2, 1, 2]));
    // So is one whose link somebody moved.
    let bundle = trunk.mirror(&format!("{TESTED}/bundle"));
    let first = md5(&repo([1; 4]));
    fs::remove_file(&bundle).unwrap();
    symlink(format!("{}/{}/{first}", &first[..2], &first[2..4]), &bundle).unwrap();
    trunk.ok(&["promote", "tested"]);
    assert_eq!(seen(&trunk, "tested")[0], repo([2, 2, 1, 2]));
}

#[test]
fn the_link_of_a_bundle_moves_with_its_stage_alone() {
    let trunk = promoted(2);
    let first = format!("{TESTED}/{}", md5(&repo([1; 4])));
    let said = "belongs to the stage `tested`, which only promotion moves";
    trunk.fails(1, said, &["alias", "set", &format!("{TESTED}/bundle"), &first, "--allow-backwards"]);
    trunk.fails(1, said, &["alias", "remove", &format!("{TESTED}/bundle")]);
    // What was lost by hand is made again.
    fs::remove_file(trunk.mirror(TESTED).join("bundle")).unwrap();
    trunk.ok(&["bundle", TESTED]);
    assert_eq!(seen(&trunk, "tested")[0], repo([2; 4]));
}

#[test]
fn a_stage_in_a_stream_without_a_bundle_is_promoted_alone() {
    let trunk = Trunk::with(
        &STAGED
            .replace("    keep: 2\n", "    bundle: true\n    keep: 2\n")
            .replace("'*/component/*'", "'**'"),
    );
    let name = build("compute", 1);
    let work = trunk.mirror("../old");
    fs::create_dir_all(&work).unwrap();
    let commit = "commits:\n- {dt_build: '1780300000', status: SUCCESS}\n";
    fs::write(work.join("commit.yaml"), commit).unwrap();
    fs::write(work.join("a.rpm"), "a").unwrap();
    let publish = ["publish", work.to_str().unwrap(), "--stream", "centos7-master", "--build", &name];
    trunk.ok(&[&publish[..], &["--label", "consistent=yes"]].concat());
    for job in ["smoke", "boot"] {
        trunk.vote(&format!("centos7-master/{name}"), job, "success");
    }
    let moved = trunk.json(&["promote", "tested", "--require-move"]);
    assert_eq!(moved["bundles"], json!([]));
}

#[test]
fn a_reader_who_follows_the_link_never_sees_a_mix_of_two_sets() {
    let trunk = promoted(1);
    passed(&trunk, 2, &COMPONENTS);
    let store = Arc::new(Posix::open(&trunk.mirror("")).unwrap());
    let mirror = Mirror::open(store, "a test", Duration::from_secs(20)).unwrap();
    let now = || Stamp::from_instant(chrono::Utc::now()).unwrap();
    let done = AtomicBool::new(false);
    let dir = trunk.mirror(TESTED);
    let mut sets = BTreeSet::new();
    let mut day = [1; 4];
    let promotions = if std::env::var_os("MIRRORKEEP_TORTURE").is_some() { 200 } else { 40 };
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let (mut seen, mut reads) = (BTreeSet::new(), 0_u32);
            while !done.load(Ordering::Relaxed) {
                seen.insert(one_set(&dir));
                reads += 1;
                std::thread::sleep(Duration::from_millis(1));
            }
            (seen, reads)
        });
        // Each promotion changes one component.
        for nth in 0..promotions {
            let at = [0, 1, 0, 2, 0, 1, 0, 3][nth % 8];
            day[at] = 3 - day[at];
            let request = PromoteRequest {
                stage: Some("tested".to_owned()),
                build: Some(id(COMPONENTS[at], day[at]).parse().unwrap()),
                ..PromoteRequest::default()
            };
            let report = promote(&Session::new(&mirror, &now), &request, Mode::Real).unwrap();
            assert_eq!(report.stages[0].outcome, PromotedAs::Promoted, "{report:?}");
            sets.insert(repo(day));
        }
        done.store(true, Ordering::Relaxed);
        let (seen, reads) = reader.join().unwrap();
        sets.insert(repo([1; 4]));
        assert!(seen.is_subset(&sets), "{:?}", seen.difference(&sets).collect::<Vec<_>>());
        assert!(seen.len() > 1, "{} sets in {reads} reads", seen.len());
    });
    trunk.ends(0, &["check"]);
}

/// Reads the three files of one bundle by its link, and returns `delorean.repo`.
fn one_set(dir: &Path) -> String {
    // As a reader does who resolves the link once.
    let at = dir.join(fs::read_link(dir.join("bundle")).unwrap());
    let read = |name: &str| fs::read_to_string(at.join(name)).unwrap();
    let (repo, sum, csv) = (read("delorean.repo"), read("delorean.repo.md5"), read("versions.csv"));
    assert!(at.ends_with(&sum), "{sum} at {}", at.display());
    let rows: Vec<&str> = csv.lines().skip(1).map(|row| row.split_once(',').unwrap().1).collect();
    let urls: Vec<&str> = repo.lines().filter_map(|line| line.strip_prefix("baseurl=http://x/")).collect();
    assert_eq!(rows, urls.iter().map(|url| &url[..40]).collect::<Vec<_>>());
    // By the names that are seen, each file is one of a set, never missing or half.
    let name = fs::read_to_string(dir.join("delorean.repo")).unwrap();
    assert_eq!(name.matches("baseurl=").count(), 4);
    repo
}
