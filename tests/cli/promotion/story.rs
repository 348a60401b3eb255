//! The week of a release engineer: four components, three days, and every stage of the chain.

use crate::support::trunk::{
    CONTAINERS, SCENARIO_1, SCENARIO_2, SCENARIO_2_AGAIN, Trunk, build, entry, id, stream,
};
use serde_json::{Value, json};

const COMPONENTS: [&str; 4] = ["common", "compute", "network", "tripleo"];
const PINNED: &str = "tripleo-ci-testing";
const CURRENT: &str = "current-tripleo";
const RDO: &str = "current-tripleo-rdo";
const INTERNAL: &str = "current-tripleo-rdo-internal";
const WEIRDO: [&str; 2] = ["weirdo-packstack-scenario001", "weirdo-puppet-scenario001"];

#[test]
fn a_week_of_promotions_in_a_directory() {
    tell(&Trunk::new());
}

/// Tells the story wherever the mirror is.
pub(crate) fn tell(trunk: &Trunk<'_>) {
    first_day(trunk);
    second_day(trunk);
    third_day(trunk);
    afterwards(trunk);
}

/// Every component passes everything, one in a rerun, and takes every stage.
fn first_day(trunk: &Trunk<'_>) {
    for component in COMPONENTS {
        trunk.publish(component, 1);
    }
    let dry = trunk.json(&["promote", "--dry-run"]);
    assert_eq!((&dry["promote"], &dry["dry_run"]), (&json!(1), &json!(true)));
    assert_eq!(outcome(&dry, PINNED, "tripleo"), "promoted");
    assert_eq!(trunk.names().day("tripleo", PINNED), None);
    let moved = trunk.json(&["promote"]);
    let names = trunk.names();
    for component in COMPONENTS {
        let pinned = entry(&moved["stages"], PINNED, &stream(component));
        assert_eq!(pinned["outcome"], "promoted");
        assert_eq!((&pinned["build"], &pinned["incumbent"]), (&json!(id(component, 1)), &Value::Null));
        assert_eq!(names.day(component, PINNED), Some(1));
        let waiting = entry(&moved["stages"], CURRENT, &stream(component));
        assert_eq!((&waiting["outcome"], &waiting["build"]), (&json!("waiting"), &Value::Null));
        let any = format!("any of {SCENARIO_2}, {SCENARIO_2_AGAIN}");
        let lacks = json!([CONTAINERS, SCENARIO_1, any]);
        let candidate = json!({"id": id(component, 1), "missing": lacks, "waived": [], "rejected": null});
        assert_eq!(waiting["candidates"], json!([candidate]));
        assert_eq!(outcome(&moved, RDO, component), "none");
    }
    for component in ["common", "compute", "network"] {
        trunk.pass(&id(component, 1));
    }
    let tripleo = id("tripleo", 1);
    let url = "https://logs.rdoproject.org/1/job-output.txt";
    trunk.ok(&["vote", &tripleo, CONTAINERS, "success", "--url", url]);
    assert_eq!(trunk.vote(&tripleo, SCENARIO_1, "success")["promotable"], json!([]));
    assert_eq!(trunk.vote(&tripleo, SCENARIO_2, "failure")["promotable"], json!([]));
    let told = trunk.ok(&["promote", CURRENT, "--stream", &stream("tripleo")]);
    let lacks = format!(
        "{0}: no build has {CURRENT} yet\n  {1}: lacks any of {SCENARIO_2}, {SCENARIO_2_AGAIN} (failure)\n",
        stream("tripleo"),
        build("tripleo", 1)
    );
    assert_eq!(told, lacks);
    let voted = trunk.vote(&tripleo, SCENARIO_2_AGAIN, "success");
    let answer = json!({
        "vote": 1, "dry_run": false, "id": tripleo, "job": SCENARIO_2_AGAIN, "result": "success",
        "before": null, "promotable": [CURRENT],
    });
    assert_eq!(voted, answer);
    assert_eq!(trunk.json(&["show", &tripleo])["labels"][&format!("vote/{CONTAINERS}")]["url"], url);
    // What passed is handed through the whole chain in one run.
    for component in ["compute", "tripleo"] {
        for job in WEIRDO.iter().chain(&["baremetal-featureset001"]) {
            trunk.vote(&id(component, 1), job, "success");
        }
    }
    let moved = trunk.json(&["promote", "--require-move"]);
    let names = trunk.names();
    for component in COMPONENTS {
        let passed = ["compute", "tripleo"].contains(&component);
        assert_eq!(outcome(&moved, PINNED, component), "current");
        assert_eq!(outcome(&moved, CURRENT, component), "promoted");
        assert_eq!(outcome(&moved, RDO, component), if passed { "promoted" } else { "waiting" });
        assert_eq!(outcome(&moved, INTERNAL, component), if passed { "promoted" } else { "none" });
        for (stage, has) in [(CURRENT, true), (RDO, passed), (INTERNAL, passed)] {
            assert_eq!(names.day(component, stage), has.then_some(1), "{stage} {component}");
        }
        // No build had it before.
        assert_eq!(names.day(component, "previous-current-tripleo"), None);
    }
}

/// One fails, one is let through by a waiver, and one is taken back from two stages.
fn second_day(trunk: &Trunk<'_>) {
    for component in COMPONENTS {
        trunk.publish(component, 2);
    }
    trunk.ok(&["promote", PINNED]);
    let [common, compute, network, tripleo] = COMPONENTS.map(|component| id(component, 2));
    trunk.pass(&network);
    trunk.pass(&tripleo);
    trunk.vote(&compute, CONTAINERS, "failure");
    trunk.vote(&compute, SCENARIO_1, "success");
    trunk.vote(&common, SCENARIO_1, "success");
    trunk.vote(&common, SCENARIO_2, "success");
    let waive = ["waive", CURRENT, CONTAINERS, "--build", &common, "--why", "the registry is down"];
    let told = trunk.ok(&waive);
    assert!(
        told.starts_with(&format!("waived the vote of {CONTAINERS} for {CURRENT} on {common}\n")),
        "{told}"
    );
    assert!(told.contains("the registry is down (release-engineer ("), "{told}");
    let stages = trunk.json(&["stages", CURRENT]);
    let of = |component| entry(&stages["list"], CURRENT, &stream(component));
    assert_eq!((&of("common")["waived"], &of("common")["missing"]), (&json!([CONTAINERS]), &json!([])));
    assert_eq!(of("common")["outcome"], "promoted");
    let any = format!("any of {SCENARIO_2}, {SCENARIO_2_AGAIN}");
    assert_eq!(of("compute")["missing"], json!([format!("{CONTAINERS} (failure)"), any]));
    assert_eq!(
        (&of("compute")["build"], &of("compute")["candidate"]),
        (&json!(id("compute", 1)), &json!(compute))
    );
    assert_eq!((&of("compute")["gap_days"], &of("compute")["alarm"]), (&json!(1), &json!(false)));
    let told = trunk.ok(&["promote", CURRENT]);
    let line = |component: &str| {
        format!(
            "{}: promoted {} to {CURRENT} (it was at {})\n",
            stream(component),
            build(component, 2),
            build(component, 1)
        )
    };
    let names = trunk.names();
    for component in ["common", "network", "tripleo"] {
        assert!(told.contains(&line(component)), "{told}");
        assert_eq!(names.day(component, CURRENT), Some(2));
        assert_eq!(names.day(component, "previous-current-tripleo"), Some(1));
    }
    assert!(
        told.contains(&format!("{}: {CURRENT} stays at {}\n", stream("compute"), build("compute", 1))),
        "{told}"
    );
    assert_eq!(names.day("compute", "previous-current-tripleo"), None);
    // It moves on in one component, does not boot, and goes back everywhere.
    for job in WEIRDO {
        trunk.vote(&tripleo, job, "success");
    }
    let moved = trunk.json(&["promote", RDO]);
    let rdo = entry(&moved["stages"], RDO, &stream("tripleo"));
    assert_eq!((&rdo["build"], &rdo["previous"]), (&json!(tripleo), &json!(id("tripleo", 1))));
    let demote = ["demote", CURRENT, "--stream", &stream("tripleo"), "--why", "does not boot"];
    let back = trunk.json(&demote);
    let (from, to) = (id("tripleo", 2), id("tripleo", 1));
    assert_eq!(
        (&back["demote"], &back["stage"], &back["stream"]),
        (&json!(1), &json!(CURRENT), &json!(stream("tripleo")))
    );
    assert_eq!((&back["from"], &back["to"], &back["rejected"]), (&json!(from), &json!(to), &json!(from)));
    assert_eq!(back["also"], json!([RDO]));
    let names = trunk.names();
    assert_eq!(
        (names.day("tripleo", CURRENT), names.day("tripleo", "previous-current-tripleo")),
        (Some(1), None)
    );
    let told = trunk.ends(0, &["demote", RDO, "--stream", &stream("tripleo"), "--why", "does not boot"]);
    let (from, to_name) = (build("tripleo", 2), build("tripleo", 1));
    assert!(
        told.contains(&format!("{}: moved {RDO} back from {from} to {to_name}\n", stream("tripleo"))),
        "{told}"
    );
    let names = trunk.names();
    assert_eq!(
        (names.day("tripleo", RDO), names.day("tripleo", "previous-current-tripleo-rdo")),
        (Some(1), None)
    );
    // The next run does not promote it again.
    let told = trunk.ok(&["promote", CURRENT, "--stream", &stream("tripleo")]);
    let why = format!("{from} is rejected: does not boot");
    assert_eq!(told, format!("{}: {CURRENT} stays at {to_name}: {why}\n", stream("tripleo")));
    let told = trunk.ends(1, &["promote", CURRENT, "--build", &id("tripleo", 2)]);
    assert!(told.contains("it is rejected: does not boot"), "{told}");
}

/// The component that failed goes on from the first day, and the one that went back takes the next build.
fn third_day(trunk: &Trunk<'_>) {
    for component in COMPONENTS {
        trunk.publish(component, 3);
    }
    trunk.ok(&["promote"]);
    trunk.pass(&id("compute", 3));
    trunk.pass(&id("tripleo", 3));
    trunk.vote(&id("network", 3), CONTAINERS, "failure");
    let moved = trunk.json(&["promote"]);
    for (component, promoted) in [("common", false), ("compute", true), ("network", false), ("tripleo", true)]
    {
        let one = entry(&moved["stages"], CURRENT, &stream(component));
        assert_eq!(one["outcome"], if promoted { "promoted" } else { "waiting" }, "{one}");
        let previous = if promoted { json!(id(component, 1)) } else { Value::Null };
        assert_eq!(one["previous"], previous, "{one}");
    }
    // A waiver for one build is gone with it.
    let common = entry(&moved["stages"], CURRENT, &stream("common"));
    assert_eq!(
        (&common["candidates"][0]["id"], &common["candidates"][0]["waived"]),
        (&json!(id("common", 3)), &json!([]))
    );
}

fn afterwards(trunk: &Trunk<'_>) {
    let wanted = [
        (PINNED, [Some(3); 4]),
        (CURRENT, [2, 3, 2, 3].map(Some)),
        (RDO, [None, Some(1), None, Some(1)]),
        (INTERNAL, [None, Some(1), None, Some(1)]),
    ];
    let names = trunk.names();
    let stages = trunk.json(&["stages"]);
    assert_eq!((&stages["stages"], stages["list"].as_array().unwrap().len()), (&json!(1), 16));
    for (stage, days) in wanted {
        for (component, day) in COMPONENTS.iter().zip(days) {
            let one = entry(&stages["list"], stage, &stream(component));
            assert_eq!(one["build"], json!(day.map(|day| id(component, day))), "{stage} {component}");
            assert_eq!(one["created"], json!(day.map(|day| format!("2026-06-0{day}T06:00:00Z"))));
            assert_eq!((one["since"].is_string(), names.day(component, stage)), (day.is_some(), day));
        }
    }
    assert_eq!(names.day("compute", "previous-current-tripleo"), Some(1));
    let rdo = entry(&stages["list"], RDO, &stream("compute"));
    assert_eq!((&rdo["candidate"], &rdo["gap_days"]), (&json!(id("compute", 3)), &json!(2)));
    assert_eq!(rdo["missing"], json!(WEIRDO));
    let name = format!("{}/{CURRENT}", stream("tripleo"));
    let history = trunk.json(&["history", &name]);
    assert_eq!((&history["history"], &history["alias"]), (&json!(1), &json!(name)));
    let moves = history["moves"].as_array().unwrap();
    let short = |one: &Value| {
        let name = one["to"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
        let day = (1..4).find(|day| build("tripleo", *day) == name).unwrap();
        format!("{} {day} {}", one["what"].as_str().unwrap(), one["why"])
    };
    let story: Vec<String> = moves.iter().map(short).collect();
    assert_eq!(
        story,
        ["promoted 1 null", "promoted 2 null", "demoted 1 \"does not boot\"", "promoted 3 null"]
    );
    assert_eq!(moves[0]["votes"][SCENARIO_2], "failure");
    assert_eq!(moves[0]["votes"][SCENARIO_2_AGAIN], "success");
    assert!(moves[2]["by"].as_str().unwrap().starts_with("release-engineer ("), "{history}");
    let name = format!("{}/{CURRENT}", stream("common"));
    let told = trunk.ok(&["history", &name]);
    assert_eq!(told.lines().count(), 4, "{told}");
    assert!(told.contains(&format!("-> {} promoted by release-engineer (", build("common", 2))), "{told}");
    assert!(
        told.contains(&format!("\n    {SCENARIO_1} success, {SCENARIO_2} success, {CONTAINERS} waived\n")),
        "{told}"
    );
    trunk.ok(&["stages", "--check"]);
    trunk.ends(0, &["verify", "--all"]);
    let open = trunk.json(&["recover", "--dry-run"]);
    assert_eq!(open["unsettled"], json!([]));
}

/// Returns what became of a stage of a component in the answer of `promote`.
#[track_caller]
fn outcome(answer: &Value, stage: &str, component: &str) -> String {
    entry(&answer["stages"], stage, &stream(component))["outcome"].as_str().unwrap().to_owned()
}
