//! `list`, `trash list`, `hold list`, and names where a build is named.

use crate::support::rig::Rig;
use serde_json::Value;

const A: &str = "20181203T060000Z";
const B: &str = "20181204T060000Z";
const C: &str = "20181205T060000Z";
const LATEST: &str = "master/centos/latest_build";

fn id(name: &str) -> String {
    format!("master/centos/{name}")
}

/// Returns a mirror with three builds of one stream, a failed one of another, and one in the trash.
fn rig() -> Rig {
    let rig = Rig::new();
    rig.policy("keep: [{last: 3}]").builds(["20181202T060000Z", A, B]);
    rig.write("outputs/iso/bootimage.iso", &"large ".repeat(500));
    rig.publish(C, &[]);
    rig.ok(&["prune"]);
    let work = rig.work("");
    let work = work.to_str().unwrap();
    rig.ok(&["publish", work, "--stream", "release/2018.10/centos", "--build", C, "--result", "fail"]);
    rig.ok(&["label", &id(B), "sanity=green"]);
    rig.ok(&["hold", &id(A), "--why", "bug 7", "--until", "2999-01-31"]);
    rig
}

/// Returns the builds of a list, in its order, without the dates that all share.
#[track_caller]
fn ids(rig: &Rig, args: &[&str]) -> Vec<String> {
    let answer = rig.json(&[&["list"], args].concat());
    let builds = answer["builds"].as_array().unwrap();
    let builds: Vec<String> = builds.iter().map(|build| build["id"].as_str().unwrap().to_owned()).collect();
    // In a pipe every line is a build, the same ones.
    let text = rig.ok(&[&["list"], args].concat());
    let lines: Vec<&str> = text.lines().skip(1).map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(lines, builds);
    builds
}

#[test]
fn a_list_is_filtered_sorted_and_cut() {
    let rig = rig();
    let failed = format!("release/2018.10/centos/{C}");
    let all = [id(A), id(B), id(C), failed.clone()];
    assert_eq!(ids(&rig, &[]), all);
    // A directory above streams is chosen with all of them, and what is none of both is an error.
    for stream in [
        &["master/centos"][..],
        &["--stream", "master/*"],
        &["*/centos"],
        &["--stream", "master"],
        &["master/"],
        &["master/centos/"],
    ] {
        assert_eq!(ids(&rig, stream), all[..3], "{stream:?}");
    }
    for nothing in ["feature", "maste", "master/cent"] {
        rig.fails(2, nothing, &["list", nothing]);
    }
    assert_eq!(ids(&rig, &["release/*", "--stream", "master/centos"]), all);
    assert_eq!(ids(&rig, &["--result", "fail"]), std::slice::from_ref(&failed));
    assert_eq!(ids(&rig, &["--result", "fail", "--result", "success"]), all);
    assert_eq!(ids(&rig, &["--label", "sanity"]), [id(B)]);
    assert_eq!(ids(&rig, &["--label", "sanity=green"]), [id(B)]);
    assert!(ids(&rig, &["--label", "sanity=red"]).is_empty());
    assert_eq!(ids(&rig, &["--held"]), [id(A)]);
    assert_eq!(ids(&rig, &["--since", "2018-12-04"]), all[1..]);
    assert_eq!(ids(&rig, &["--since", C]), all[2..]);
    assert!(ids(&rig, &["--since", "7d"]).is_empty());
    assert_eq!(ids(&rig, &["master/*", "--sort", "created"]), [id(C), id(B), id(A)]);
    assert_eq!(ids(&rig, &["master/*", "--sort", "size", "--limit", "1"]), [id(C)]);
    let record = rig.mirror(&format!(".mirrorkeep/builds/{}.json", id(A)));
    let mut told: Value = serde_json::from_slice(&std::fs::read(&record).unwrap()).unwrap();
    told["published"] = Value::from("2999-01-31T00:00:00Z");
    std::fs::write(record, told.to_string()).unwrap();
    assert_eq!(ids(&rig, &["--sort", "published", "--limit", "1"]), [id(A)]);
    rig.fails(2, "is not a pattern", &["list", "master/[x"]);
    rig.fails(2, "--since", &["list", "--since", "lastweek"]);
}

#[test]
fn columns_are_aligned_below_a_header() {
    let rig = rig();
    let text = rig.ok(&["list"]);
    let columns: Vec<usize> =
        text.lines().skip(1).map(|line| line.find("success").or(line.find("fail")).unwrap()).collect();
    assert!(columns.iter().all(|at| *at == columns[0]), "{text}");
    assert!(
        text.starts_with("BUILD ") && text.lines().next().unwrap().find("RESULT") == Some(columns[0]),
        "{text}"
    );
    let mut script = std::process::Command::new("script");
    let call = format!("{} list", env!("CARGO_BIN_EXE_mirrorkeep"));
    script.env("MIRRORKEEP_MIRROR", rig.mirror("")).env("NO_COLOR", "1");
    let output = script.args(["-qec", &call, "/dev/null"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("BUILD ") && text.contains("RESULT"), "{text}");
}

#[test]
fn the_trash_and_the_holds_are_listed() {
    let rig = rig();
    let trash = rig.json(&["trash", "list"]);
    let gone = &trash["builds"].as_array().unwrap()[0];
    assert_eq!(trash["trash"], 1);
    assert_eq!((gone["id"].as_str(), gone["what"].as_str()), (Some(&*id("20181202T060000Z")), Some("build")));
    let text = rig.ok(&["trash", "list"]);
    assert!(text.contains("20181202T060000Z  build  2") && text.lines().count() == 2, "{text}");
    assert!(text.starts_with("BUILD ") && text.contains("SINCE") && text.contains("UNTIL"), "{text}");
    // How much time is left may be another by then.
    let stated = |text: &str| text.split_whitespace().skip(7).take(4).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(stated(&rig.ok(&["list", "--trash"])), stated(&text));
    assert!(rig.ends(0, &["trash", "list", "release/*"]).contains("the trash is empty"));
    let holds = rig.json(&["hold", "list"]);
    let hold = &holds["holds"].as_array().unwrap()[0];
    assert_eq!((hold["id"].as_str(), hold["why"].as_str()), (Some(&*id(A)), Some("bug 7")));
    assert_eq!(
        (&hold["active"], &hold["old"], &hold["present"]),
        (&Value::from(true), &Value::from(false), &Value::from(true))
    );
    let text = rig.ok(&["hold", "list", "master/*"]);
    assert!(text.contains("2999-01-31T23:59:59Z") && text.contains("bug 7"), "{text}");
    assert!(rig.ends(0, &["hold", "list", "release/*"]).contains("no holds"));
    // A hold that is over at once protects nothing.
    for until in ["0d", "2019-01-01"] {
        rig.fails(2, "is not in the future", &["hold", &id(A), "--why", "x", "--until", until]);
    }
    // What cannot be read is not absent.
    let (at, other) = (gone["at"].as_str().unwrap(), "no builds that can be read");
    std::fs::write(rig.mirror(at).join("ticket.json"), "").unwrap();
    let text = rig.ends(0, &["trash", "list"]);
    assert!(text.contains(other) && text.contains(&format!("warning: `{at}`: its ticket cannot")), "{text}");
    let unread = rig.json(&["trash", "list"])["unreadable"].clone();
    assert_eq!((unread.as_array().unwrap().len(), unread[0]["path"].as_str()), (1, Some(at)));
    // The verb itself still wants a build and a reason.
    rig.fails(2, "--why", &["hold", &id(A)]);
    rig.fails(2, "required", &["hold"]);
}

#[test]
fn a_name_stands_for_the_build_that_it_resolves_to() {
    let rig = rig();
    assert_eq!(rig.json(&["show", LATEST])["id"], id(C));
    assert_eq!(rig.json(&["show", "master/centos/latest_build/"])["id"], id(C));
    assert_eq!(rig.json(&["explain", LATEST])["build"]["id"], id(C));
    assert_eq!(rig.json(&["label", LATEST, "sanity=green"])["report"]["id"], id(C));
    assert_eq!(rig.json(&["hold", LATEST, "--why", "x"])["report"]["id"], id(C));
    assert_eq!(rig.json(&["unhold", LATEST])["report"]["id"], id(C));
    assert!(rig.ok(&["verify", LATEST]).contains("1 build"));
    rig.ok(&["alias", "set", "stable", &id(B)]);
    assert_eq!(rig.json(&["show", "stable"])["id"], id(B));
    // What is no name is refused as before.
    for text in ["nothing", "master/centos/nothing", "master/centos/latest_build/outputs"] {
        let code = rig.run(&["show", text]).status.code();
        assert!(matches!(code, Some(1 | 2)), "{text}: {code:?}");
    }
    std::fs::remove_dir_all(rig.mirror(&id(B))).unwrap();
    rig.fails(2, "`stable` resolves to no build", &["show", "stable"]);
    rig.ok(&["alias", "set", "centos", "master/centos"]);
    rig.fails(2, "which is not a build", &["hold", "centos", "--why", "x"]);
}
