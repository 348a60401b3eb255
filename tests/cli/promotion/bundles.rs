//! Bundles made by hand: one build of what an alias points to in every component.

use super::retention::NEWEST;
use crate::support::rig::tree;
use crate::support::trunk::{Trunk, WORKER, build, id, stream};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

pub(super) const COMPONENTS: [&str; 4] = ["common", "compute", "network", "tripleo"];
pub(super) const FILES: [&str; 3] = ["delorean.repo", "delorean.repo.md5", "versions.csv"];
/// The bundle of the alias that a rule moves.
const CONSISTENT: &str = "centos9-master/consistent";

/// Returns a mirror with a consistent build of every component on the first day.
fn filled() -> Trunk<'static> {
    let trunk = Trunk::new();
    for component in COMPONENTS {
        trunk.publish(component, 1);
    }
    trunk
}

/// Returns what `delorean.repo` must be of the builds of these days.
pub(super) fn repo(days: [u8; 4]) -> String {
    let part = |(component, day): (&&str, u8)| {
        format!("[delorean-component-{component}]\nbaseurl=http://x/{}\n\n", build(component, day))
    };
    COMPONENTS.iter().zip(days).map(part).collect()
}

/// Returns what `versions.csv` must be of the builds of these days.
pub(super) fn versions(days: [u8; 4]) -> String {
    let row = |(component, day): (&&str, u8)| format!("{component},{}\n", &build(component, day)[..40]);
    format!("Project,Source Sha\n{}", COMPONENTS.iter().zip(days).map(row).collect::<String>())
}

/// Returns the files of the bundle of a label, as a reader sees them beside it.
#[track_caller]
pub(super) fn seen(trunk: &Trunk<'_>, label: &str) -> [String; 3] {
    let dir = trunk.mirror(WORKER).join(label);
    FILES.map(|file| fs::read_to_string(dir.join(file)).unwrap())
}

/// Returns the MD5 of a text, as coreutils have it.
#[track_caller]
pub(super) fn md5(text: &str) -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), text).unwrap();
    let output = Command::new("md5sum").arg(file.path()).output().unwrap();
    String::from_utf8(output.stdout).unwrap()[..32].to_owned()
}

#[test]
fn what_readers_of_names_get_follows_a_bundle() {
    let trunk = filled();
    let settings = trunk.mirror(".mirrorkeep/mirror.yaml");
    let text = fs::read_to_string(&settings).unwrap();
    fs::write(&settings, format!("{text}readers: {{url: 'http://mirror'}}\n")).unwrap();
    assert_eq!(trunk.json(&["bundle", CONSISTENT, "--dry-run"])["readers"], Value::Null);
    let answer = trunk.json(&["bundle", CONSISTENT]);
    assert!(!answer["readers"]["written"].as_array().unwrap().is_empty(), "{answer:#}");
}

#[test]
fn four_components_are_one_build_that_is_seen_through_one_link() {
    let trunk = filled();
    let told = trunk.ok(&["bundle", CONSISTENT]);
    let (repo, csv) = (repo([1; 4]), versions([1; 4]));
    let name = md5(&repo);
    assert!(told.starts_with(&format!("{CONSISTENT}: bundled 4 builds as {name}\n  {}\n", id("common", 1))));
    assert_eq!(seen(&trunk, "consistent"), [repo, name.clone(), csv]);
    let path = format!("{}/{}/{name}", &name[..2], &name[2..4]);
    let link = |name: &str| fs::read_link(trunk.mirror(CONSISTENT).join(name)).unwrap();
    assert_eq!(link("bundle").to_str(), Some(&*path));
    for file in FILES {
        assert_eq!(link(file).to_str(), Some(&*format!("bundle/{file}")));
        assert!(fs::symlink_metadata(trunk.mirror(CONSISTENT).join(&path).join(file)).unwrap().is_file());
    }
    let bundle = format!("{CONSISTENT}/{name}");
    let shown = trunk.json(&["show", &bundle]);
    assert_eq!(shown["requires"], json!(COMPONENTS.map(|component| id(component, 1))));
    assert_eq!(shown["result"], "success");
    trunk.ends(0, &["check"]);
    trunk.ends(0, &["verify", "--all"]);
}

#[test]
fn the_same_content_is_the_same_build() {
    let trunk = filled();
    trunk.ok(&["bundle", CONSISTENT]);
    let before = tree(&trunk.mirror(CONSISTENT));
    let again = trunk.json(&["bundle", CONSISTENT]);
    assert_eq!((&again["outcome"], &again["aliases"]), (&json!("unchanged"), &json!([])));
    assert!(trunk.ok(&["bundle", CONSISTENT]).contains(": already bundled: 4 builds as "));
    assert_eq!(tree(&trunk.mirror(CONSISTENT)), before);
    // Back to a set that there was.
    let first = again["id"].clone();
    trunk.publish("compute", 2);
    let second = trunk.json(&["bundle", CONSISTENT]);
    assert_eq!(second["outcome"], "published");
    assert_ne!(second["id"], first);
    assert_eq!(seen(&trunk, "consistent")[0], repo([1, 2, 1, 1]));
    let alias = format!("{}/consistent", stream("compute"));
    trunk.ok(&["alias", "set", &alias, &id("compute", 1), "--allow-backwards"]);
    let back = trunk.json(&["bundle", CONSISTENT]);
    assert_eq!((&back["outcome"], &back["id"]), (&json!("unchanged"), &first));
    assert_eq!(back["aliases"].as_array().unwrap().len(), 1);
    assert_eq!(seen(&trunk, "consistent")[0], repo([1; 4]));
}

#[test]
fn a_dry_run_says_what_would_be_done_and_changes_nothing() {
    let trunk = filled();
    let before = tree(&trunk.mirror(""));
    let told = trunk.ok(&["bundle", CONSISTENT, "--dry-run"]);
    let name = md5(&repo([1; 4]));
    assert!(told.starts_with(&format!("{CONSISTENT}: would bundle 4 builds as {name}\n")), "{told}");
    assert!(told.contains(&format!("  would move {CONSISTENT}/bundle -> {CONSISTENT}/")), "{told}");
    assert_eq!(tree(&trunk.mirror("")), before);
    let dry = trunk.json(&["bundle", CONSISTENT, "--dry-run"]);
    let made = trunk.json(&["bundle", CONSISTENT]);
    assert_eq!((&dry["outcome"], &made["outcome"]), (&json!("trial"), &json!("published")));
    assert_eq!((&dry["dry_run"], &made["dry_run"]), (&json!(true), &json!(false)));
    for field in ["bundle", "stream", "id", "members"] {
        assert_eq!(dry[field], made[field], "{field}");
    }
    let aliases = |answer: &Value| {
        let mut all: Vec<String> =
            answer["aliases"].as_array().unwrap().iter().map(|one| one["alias"].to_string()).collect();
        all.sort();
        all
    };
    assert_eq!(aliases(&dry), aliases(&made));
    assert_eq!(aliases(&made).len(), 4);
}

/// Fails unless a component without a build is named, and the hint fails the same way until it is there again.
#[track_caller]
fn lost(trunk: &Trunk<'_>, component: &str, why: &str) {
    let said = format!("`{}`: {why}", stream(component));
    let hints = trunk.fails(1, &said, &["bundle", CONSISTENT]);
    trunk.fails(1, &said, &["bundle", CONSISTENT, "--dry-run"]);
    trunk.pasted(1, &hints[0], &[]);
}

#[test]
fn silent_loss_of_a_component_is_an_error_that_names_it() {
    let trunk = filled();
    trunk.ok(&["bundle", CONSISTENT]);
    let seen_before = seen(&trunk, "consistent");
    // One that is new, and was never consistent.
    trunk.publish_as("ui", 1, ("SUCCESS", "package"), &[]);
    lost(&trunk, "ui", "it has no `consistent`");
    trunk.ok(&["label", &id("ui", 1), "consistent=yes"]);
    // One that was removed by hand together with its builds, and one whose alias alone was.
    let away = trunk.mirror("../away");
    fs::rename(trunk.mirror(&stream("network")), &away).unwrap();
    lost(&trunk, "network", "it has no `consistent`");
    fs::rename(&away, trunk.mirror(&stream("network"))).unwrap();
    fs::remove_file(trunk.link("tripleo", "consistent")).unwrap();
    lost(&trunk, "tripleo", "it has no `consistent`");
    symlink("aa/bb/nothing", trunk.link("tripleo", "consistent")).unwrap();
    lost(&trunk, "tripleo", &format!("`consistent` dangles: nothing is at `{}/aa", stream("tripleo")));
    // One that points into another component.
    fs::remove_file(trunk.link("tripleo", "consistent")).unwrap();
    symlink("../network/consistent", trunk.link("tripleo", "consistent")).unwrap();
    lost(&trunk, "tripleo", "`consistent` resolves to `centos9-master/component/network/");
    assert_eq!(seen(&trunk, "consistent"), seen_before);
}

#[test]
fn every_member_that_is_lost_is_named_at_once() {
    let trunk = filled();
    for component in ["common", "tripleo"] {
        trunk.ok(&["alias", "remove", &format!("{}/consistent", stream(component))]);
    }
    let told = trunk.ends(1, &["bundle", CONSISTENT]);
    for component in ["common", "tripleo"] {
        assert!(told.contains(&format!(" `{}`: it has no `consistent`", stream(component))), "{told}");
    }
}

#[test]
fn a_member_that_lacks_a_file_or_has_another_one_is_an_error() {
    let trunk = filled();
    let at = fs::canonicalize(trunk.link("network", "consistent")).unwrap();
    let writable = || {
        Command::new("chmod").args(["-R", "u+w"]).arg(&at).status().unwrap();
    };
    writable();
    fs::rename(at.join("versions.csv"), at.join("other.csv")).unwrap();
    trunk.fails(1, "cannot be made", &["bundle", CONSISTENT]);
    let told = trunk.ends(1, &["bundle", CONSISTENT]);
    assert!(told.contains(&format!("`{}` has no file `versions.csv`", id("network", 1))), "{told}");
    fs::rename(at.join("other.csv"), at.join("versions.csv")).unwrap();
    fs::write(at.join("delorean.repo"), "[other]\n").unwrap();
    let said = format!("`delorean.repo` of `{}` is not as it was published", id("network", 1));
    trunk.fails(1, &said, &["bundle", CONSISTENT]);
    assert!(!trunk.mirror(CONSISTENT).exists());
}

#[test]
fn a_member_that_is_no_success_is_an_error() {
    let trunk = filled();
    let failed = trunk.publish_as("network", 2, ("FAILED", "half"), &["--result", "fail"]);
    let alias = format!("{}/consistent", stream("network"));
    trunk.ok(&["alias", "set", &alias, &failed, "--allow-unsuccessful"]);
    trunk.fails(1, &format!("the result of `{}` is `fail`", build("network", 2)), &["bundle", CONSISTENT]);
}

#[test]
fn a_stream_without_a_bundle_and_one_without_members_say_so() {
    let trunk = filled();
    let said = format!("the layout `rdo-trunk` declares no bundle for `{}`; it does for", stream("common"));
    trunk.fails(2, &said, &["bundle", &stream("common")]);
    trunk.fails(1, "no stream that can be a member of", &["bundle", "centos8-train/consistent"]);
    let generic = Trunk::with("rdo-trunk");
    let settings = generic.mirror(".mirrorkeep/mirror.yaml");
    let text = fs::read_to_string(&settings).unwrap();
    fs::write(&settings, text.replace("layout: rdo-trunk", "layout: generic")).unwrap();
    generic.fails(2, "declares no bundle for `main/debian`", &["bundle", "main/debian"]);
}

#[test]
fn a_stream_that_the_layout_excepts_is_not_a_member() {
    let trunk = filled();
    trunk.publish_as("ui", 1, ("SUCCESS", "package"), &[]);
    let layout = trunk.ok(&["layout", "show"]);
    let file = trunk.mirror("../layout.yaml");
    let except = layout.replace("    link: bundle\n", "    except: '*/component/ui'\n    link: bundle\n");
    fs::write(&file, except).unwrap();
    trunk.ok(&["layout", "set", file.to_str().unwrap()]);
    trunk.ok(&["bundle", CONSISTENT]);
    assert_eq!(seen(&trunk, "consistent")[0], repo([1; 4]));
}

#[test]
fn the_three_links_of_dlrn_become_one() {
    let trunk = filled();
    let first = trunk.json(&["bundle", CONSISTENT])["id"].as_str().unwrap().to_owned();
    let name = first.rsplit('/').next().unwrap();
    let dir = trunk.mirror(CONSISTENT);
    // As DLRN leaves it.
    fs::remove_file(dir.join("bundle")).unwrap();
    for file in FILES {
        fs::remove_file(dir.join(file)).unwrap();
        symlink(format!("{}/{}/{name}/{file}", &name[..2], &name[2..4]), dir.join(file)).unwrap();
    }
    trunk.publish("common", 2);
    let made = trunk.json(&["bundle", CONSISTENT]);
    assert_eq!(seen(&trunk, "consistent")[0], repo([2, 1, 1, 1]));
    // The link first resolves to what is seen, then the files go through it, and then it moves.
    let moved = made["aliases"].as_array().unwrap();
    let story: Vec<(&str, bool)> = (moved.iter())
        .map(|one| {
            let alias = one["alias"].as_str().unwrap().rsplit('/').next().unwrap();
            (alias, one["to"].as_str().unwrap().contains(name))
        })
        .collect();
    let files = FILES.map(|file| (file, false));
    assert_eq!(story, [&[("bundle", true)][..], &files, &[("bundle", false)]].concat());
}

#[test]
fn redirects_lead_to_the_files_below_the_link() {
    let trunk = filled();
    trunk.ok(&["bundle", CONSISTENT]);
    let told = trunk.ends(0, &["export", "redirects", "--for", "nginx"]);
    assert!(told.contains(&format!("location ^~ \"/{CONSISTENT}/bundle/\" {{")), "{told}");
    // Below a file there is nothing, so that no rule for a directory does.
    assert!(!told.contains("location = \"/centos9-master/consistent/delorean.repo\""), "{told}");
    let warning = format!("warning: `{CONSISTENT}/delorean.repo` points to a file and is left out");
    assert!(told.contains(&warning), "{told}");
}

#[test]
fn a_directory_at_the_place_of_a_link_is_named() {
    let trunk = filled();
    fs::create_dir_all(trunk.mirror(CONSISTENT).join("versions.csv")).unwrap();
    let said =
        format!("`{CONSISTENT}/versions.csv` cannot be a link of the bundle: a file or directory is there");
    trunk.fails(1, &said, &["bundle", CONSISTENT]);
}

#[test]
fn prune_keeps_the_members_of_a_bundle_and_a_bundle_in_the_trash_comes_back() {
    let trunk = filled();
    let file = trunk.mirror("../policy.yaml");
    fs::write(&file, NEWEST).unwrap();
    trunk.ok(&["policy", "set", file.to_str().unwrap()]);
    let first = trunk.json(&["bundle", CONSISTENT])["id"].as_str().unwrap().to_owned();
    for component in COMPONENTS {
        trunk.publish(component, 2);
    }
    trunk.ok(&["prune"]);
    for component in COMPONENTS {
        trunk.ok(&["show", &id(component, 1)]);
    }
    let explained = trunk.ok(&["explain", &id("compute", 1)]);
    assert!(explained.contains(&first), "{explained}");
    trunk.ok(&["bundle", CONSISTENT]);
    trunk.ok(&["prune"]);
    trunk.fails(1, "", &["show", &first]);
    // The set of the first day again.
    for component in COMPONENTS {
        trunk.ok(&["restore", &id(component, 1)]);
        let alias = format!("{}/consistent", stream(component));
        trunk.ok(&["alias", "set", &alias, &id(component, 1), "--allow-backwards"]);
    }
    assert_eq!(trunk.json(&["bundle", CONSISTENT, "--dry-run"])["id"], first);
    assert_eq!(trunk.json(&["bundle", CONSISTENT])["id"], first);
    assert_eq!(seen(&trunk, "consistent")[0], repo([1; 4]));
    trunk.ends(0, &["verify", "--all"]);
}
