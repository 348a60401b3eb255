//! Copying by the command line between directories and a real object store: SeaweedFS.

use crate::support::rig::{Rig, tree};
use crate::support::servers::weed;
use serde_json::Value;
use std::process::Output;
use std::time::Duration;

const ONE: &str = "20181205T060000Z";
const TWO: &str = "20181206T060000Z";
const ALIAS: &str = "master/centos/latest_build";

#[track_caller]
fn ok(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Returns what readers see of a mirror in a directory.
fn seen(rig: &Rig) -> Vec<String> {
    tree(&rig.mirror("")).into_iter().filter(|line| !line.starts_with(".mirrorkeep")).collect()
}

#[test]
fn builds_go_round_through_mirrors_of_every_kind_and_come_back_the_same() {
    let weed = weed::single();
    let (from, back) = (Rig::new(), Rig::new());
    let large = "a package that is large enough for the store to copy it\n".repeat(3000);
    from.write("outputs/RPMS/std/large.rpm", &large);
    for number in 0..40 {
        from.write(&format!("outputs/RPMS/std/{number}.rpm"), &format!("package {number}"));
    }
    for build in [ONE, TWO] {
        from.write("outputs/iso/bootimage.iso", build);
        from.publish(build, &[]);
    }
    from.ok(&["label", &format!("master/centos/{ONE}"), "sanity=green"]);
    back.ok(&["init"]);
    let run = |args: &[&str]| weed.command("one").args(args).output().unwrap();
    let places = [from.mirror(""), "s3://test/one".into(), "s3://test/two".into(), back.mirror("")];
    let [here, one, two, there] = places.each_ref().map(|place| place.to_str().unwrap());
    for bucket in ["one", "two"] {
        ok(&weed.command(bucket).args(["init", "--layout", "starlingx"]).output().unwrap());
    }
    // Killed on the way into the bucket, at several moments.
    for after in [120, 260, 400] {
        let mut copying = weed.command("one").args(["copy", here, one]).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(after));
        copying.kill().unwrap();
        copying.wait().unwrap();
    }
    for (from, to) in [(here, one), (one, two), (two, there)] {
        let told = ok(&run(&["copy", from, to]));
        assert!(told.contains("copied") && !told.contains("fail"), "{told}");
        let again: Value = serde_json::from_str(&ok(&run(&["--json", "copy", from, to]))).unwrap();
        let builds = again["report"]["builds"].as_array().unwrap();
        assert_eq!(builds.len(), 2);
        assert!(builds.iter().all(|build| build["outcome"] == "unchanged"), "{again}");
    }
    assert_eq!(seen(&back), seen(&from));
    back.sums_hold(&format!("master/centos/{TWO}"));
    assert_eq!(back.latest().as_deref(), Some(TWO));
    assert!(back.ok(&["show", &format!("master/centos/{ONE}")]).contains("sanity"));
    let refused = run(&["copy", here, "s3://test/nothing"]);
    assert_eq!(refused.status.code(), Some(3), "{}", String::from_utf8_lossy(&refused.stderr));
    let refused = run(&["copy", here, two, "master/debian"]);
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(refused.status.code() == Some(2) && said.contains("has no builds"), "{said}");

    // A copy below the name, read with no more than keys.
    let cost = ok(&run(&["alias", "materialize", ALIAS, "--keep", "1h", "--dry-run"]));
    assert!(cost.contains("45 objects") && cost.contains("requests"), "{cost}");
    ok(&run(&["alias", "materialize", ALIAS, "--keep", "1h"]));
    let read = |key: &str| weed.get(&format!("one/{ALIAS}/{key}"));
    let image = || {
        let generation = String::from_utf8(read("current.mirrorkeep-link").body).unwrap();
        let image = read(&format!("{generation}/outputs/iso/bootimage.iso"));
        let kept = image.header("cache-control").unwrap_or_default();
        assert!(image.first.contains(" 200 ") && kept.contains("immutable"), "{image:?}");
        String::from_utf8(image.body).unwrap()
    };
    assert_eq!(image(), TWO);
    ok(&run(&["alias", "set", ALIAS, ONE, "--allow-backwards"]));
    assert_eq!(image(), ONE);
    ok(&run(&["alias", "set", ALIAS, TWO]));
    assert_eq!(image(), TWO);
    assert!(
        read(&format!("{ONE}-2/outputs/iso/bootimage.iso")).first.contains(" 200 "),
        "it stays for an hour"
    );
    let list: Value = serde_json::from_str(&ok(&run(&["--json", "list"]))).unwrap();
    assert_eq!(list["builds"].as_array().unwrap().len(), 2);

    let rules = ok(&run(&["export", "redirects", "--for", "s3-website"]));
    let rules: Value = serde_json::from_str(&rules).unwrap();
    let rule = &rules["RoutingRules"][0];
    assert_eq!(rule["Condition"]["KeyPrefixEquals"], format!("one/{ALIAS}/"));
    assert_eq!(rule["Redirect"]["ReplaceKeyPrefixWith"], format!("one/master/centos/{TWO}/"));
}
