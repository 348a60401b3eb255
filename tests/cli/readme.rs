//! The README's commands do what it says.

use crate::support::rig::Rig;
use std::fs;
use std::path::Path;
use std::process::Command;

fn readme() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap()
}

#[test]
fn the_first_command_of_the_readme_publishes_the_fixture() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = readme();
    let line = readme.lines().find(|line| line.starts_with("cargo run --release -- publish")).unwrap();
    let args: Vec<&str> = line.split_whitespace().skip(4).collect();
    let place = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_mirrorkeep"))
        .env("MIRRORKEEP_MIRROR", place.path().join("mirror"))
        .current_dir(root)
        .args(args)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(place.path().join("mirror/master/centos/latest_build/outputs/iso/bootimage.iso").exists());
}

/// Runs the nightly recipe line by line on a mirror in which the build that it names goes.
#[test]
fn the_nightly_recipe_of_the_readme_shows_prunes_restores_and_holds() {
    let readme = readme();
    let recipe = readme.split("## Every night").nth(1).unwrap();
    let block = recipe.split("```sh\n").nth(1).unwrap().split("```").next().unwrap();
    let rig = Rig::new();
    rig.policy("keep: [{last: 1}, {within: 14d}]").builds(["20181204T060000Z", "20181205T060000Z"]);
    let mut verbs = Vec::new();
    for line in block.lines() {
        let command = line.split('#').next().unwrap().trim();
        let args = command.strip_prefix("mirrorkeep --mirror /srv/mirror ").unwrap();
        let plan = rig.json(&["plan"]);
        let digest = plan["digest"].as_str().unwrap();
        let args = args.replace("sha256:…", digest).replace("'bug 7'", "bug-7");
        let args = args.replace("main/debian/20260531T020000Z", "master/centos/20181204T060000Z");
        let args: Vec<&str> = args.split_whitespace().collect();
        rig.ok(&args);
        verbs.push(args[0].to_owned());
    }
    assert_eq!(verbs, ["plan", "explain", "prune", "prune", "restore", "hold"]);
    assert_eq!(rig.there(), ["20181204T060000Z", "20181205T060000Z"]);
    assert_eq!(rig.json(&["show", "master/centos/20181204T060000Z"])["holds"].as_array().unwrap().len(), 2);
}

/// Runs shell text with the binary in the path, in a directory.
#[track_caller]
fn shell(text: &str, place: &Path) -> String {
    let binary = Path::new(env!("CARGO_BIN_EXE_mirrorkeep")).parent().unwrap();
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap());
    let mut shell = Command::new("bash");
    let output = shell.args(["-euc", text]).current_dir(place).env("PATH", path).output().unwrap();
    let (said, told) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}{told}");
    said.into_owned()
}

/// Returns the shell text of a section of the README.
fn blocks(section: &str) -> String {
    let readme = readme();
    let section = readme.split(&format!("\n## {section}\n")).nth(1).unwrap().split("\n## ").next().unwrap();
    section.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

/// Runs the sections on publishing, testing and promoting one after the other, as they are.
#[test]
fn the_readme_pasted_in_its_order_publishes_promotes_and_demotes() {
    let rig = Rig::new();
    rig.write("out/tool.iso", "one").write("out/success", "").write("broken/build.log", "error");
    let work = rig.work("").display().to_string();
    let mirror = rig.mirror("").display().to_string();
    let git = "git init -q source && git -C source -c user.name=me -c user.email=me@example.org commit -q --allow-empty -m 1\n";
    let before = format!("{git}BRANCH=main WORKSPACE={work}\n");
    let sections = ["After each build", "After the tests", "Promote"].map(blocks).concat();
    let is_command = |line: &str| line.starts_with("mirrorkeep --mirror /srv/mirror ");
    assert!(sections.lines().count() > 12 && sections.lines().all(is_command), "{sections}");
    let said = shell(&(before + &sections.replace("/srv/mirror", &mirror)), &rig.work(""));
    let latest = fs::read_link(rig.mirror("main/debian/latest_build")).unwrap();
    assert_eq!(latest.to_str(), Some("20260531T020000Z"));
    for part in [
        "main/debian/latest_green_build -> main/debian/20260601T020000Z\n",
        "main/debian: promoted 20260601T020000Z to testing\n",
        "main/debian: promoted 20260601T020000Z to stable\n",
        "main/debian: moved stable away from 20260601T020000Z; no build had it before\n",
    ] {
        assert!(said.contains(part), "{said}");
    }
}

#[test]
fn the_page_on_promotion_does_what_it_says() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/promotion.md")).unwrap();
    let blocks: Vec<&str> =
        page.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    let place = tempfile::tempdir().unwrap();
    let said = shell(&blocks.concat(), place.path());
    let link = |name: &str| fs::read_link(place.path().join("mirror/main/debian").join(name)).ok();
    assert_eq!(link("testing").unwrap().to_str(), Some("20260602T020000Z"));
    assert_eq!((link("stable").unwrap().to_str(), link("previous")), (Some("20260601T020000Z"), None));
    for part in [
        "main/debian: no build has stable yet\n  20260601T020000Z: lacks smoke\n",
        "main/debian: promoted 20260602T020000Z to stable (it was at 20260601T020000Z)\n  main/debian/previous -> ",
        "main/debian: moved stable back from 20260602T020000Z to 20260601T020000Z\n",
        "main/debian: stable stays at 20260601T020000Z: 20260602T020000Z is rejected: does not boot\n",
        "    smoke waived\n",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

/// The answer depends on the clock only in its first line.
#[test]
fn the_story_of_a_build_that_the_readme_tells_is_what_explain_says() {
    let readme = readme();
    let shown = readme.split("$ mirrorkeep ").nth(1).unwrap().split("```").next().unwrap();
    let (command, answer) = shown.split_once('\n').unwrap();
    let rig = Rig::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let args = command.replace(" fixtures/", &format!(" {}/fixtures/", root.display()));
    assert_eq!(rig.ok(&args.split_whitespace().collect::<Vec<_>>()), answer);
}

#[test]
fn the_exit_codes_that_the_readme_lists_are_those_of_the_help() {
    let help = Rig::new().ok(&["--help"]);
    let readme = readme();
    let table = readme.split("| code |").nth(1).unwrap().split("\n\n").next().unwrap();
    let codes: Vec<&str> = table.lines().skip(2).map(|row| row.split('|').nth(1).unwrap().trim()).collect();
    assert_eq!(codes, ["0", "1", "2", "3", "4", "5", "6", "7", "8", "130"]);
    for code in codes {
        let told = help.lines().any(|line| line.trim_start().starts_with(&format!("{code}  ")));
        assert!(told, "{code} is not in {help}");
    }
}

/// Runs every command of the tutorial, one block after the other, in an empty directory.
#[test]
fn the_tutorial_does_what_it_says() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/tutorial.md")).unwrap();
    let blocks: Vec<&str> =
        page.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(blocks.len() > 8, "{} blocks", blocks.len());
    let place = tempfile::tempdir().unwrap();
    let said = shell(&blocks.concat(), place.path());
    let stream = place.path().join("mirror/main/debian");
    assert_eq!(fs::read_link(stream.join("latest_build")).unwrap().to_str(), Some("20260602T020000Z"));
    assert_eq!(fs::read_link(stream.join("latest_green_build")).unwrap().to_str(), Some("20260601T020000Z"));
    assert!(said.contains("now using the policy `policy.yaml`"), "{said}");
}
