//! Files that are wrong, each with the error that it must give: what was found, where, and what would be accepted.
//!
//! Beside `NAME` lies `NAME.txt`; each of its lines must stand in the error. Nothing of the mirror is touched.

use crate::support::rig::{Rig, tree};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Returns the wrong files of a directory, each with the lines that are expected of it.
fn cases(below: &str) -> Vec<(PathBuf, String)> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(below);
    let mut files: Vec<PathBuf> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let wrong = files.into_iter().filter(|file| file.extension().is_some_and(|ending| ending != "txt"));
    wrong
        .map(|file| (fs::read_to_string(file.with_extension("txt")).unwrap(), file))
        .map(|(a, b)| (b, a))
        .collect()
}

/// Returns everything in which an error is not as it must be.
fn misfits(file: &Path, expected: &str, code: i32, output: &Output) -> Vec<String> {
    let text = String::from_utf8_lossy(&output.stderr);
    let name = file.file_name().unwrap().display().to_string();
    let mut misfits: Vec<String> = (expected.lines())
        .filter(|line| !text.contains(line))
        .map(|line| format!("{name}: `{line}` is not in: {text}"))
        .collect();
    if output.status.code() != Some(code) || !text.starts_with("error: ") || !text.contains(&name) {
        misfits.push(format!("{name}: it ended with {:?}: {text}", output.status.code()));
    }
    misfits
}

#[test]
fn a_wrong_layout_is_refused_with_its_place() {
    let cases = cases("invalid/layouts");
    assert!(cases.len() > 25);
    let rig = Rig::new();
    let mut wrong = Vec::new();
    for (file, expected) in cases {
        let mut init = Command::new(env!("CARGO_BIN_EXE_mirrorkeep"));
        init.arg("--mirror").arg(rig.mirror("")).args(["init", "--layout"]).arg(file.file_name().unwrap());
        let output = init.current_dir(file.parent().unwrap()).output().unwrap();
        wrong.extend(misfits(&file, &expected, 2, &output));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(!rig.mirror("").exists());
}

#[test]
fn a_context_that_a_shell_could_misread_is_refused_with_its_line() {
    let cases = cases("nasty/context");
    assert!(cases.len() > 20);
    wrong_files(cases, 1, |file, work| vec![work.to_owned(), "--context".to_owned(), file.to_owned()]);
}

#[test]
fn a_wrong_recipe_is_refused_with_its_place() {
    let cases = cases("nasty/recipes");
    assert!(cases.len() > 8);
    wrong_files(cases, 2, |file, work| vec![work.to_owned(), "--recipe".to_owned(), file.to_owned()]);
}

/// Runs the binary on each of the files, without a mirror; it must be refused as wrong input.
#[track_caller]
fn no_mirror_needed(below: &str, least: usize, args: &[&str]) {
    let cases = cases(below);
    assert!(cases.len() >= least);
    let mut wrong = Vec::new();
    for (file, expected) in cases {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mirrorkeep"));
        command.args(["--mirror", "/nowhere"]).args(args).arg(file.file_name().unwrap());
        let output = command.current_dir(file.parent().unwrap()).output().unwrap();
        wrong.extend(misfits(&file, &expected, 2, &output));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_wrong_policy_is_refused_with_its_place() {
    no_mirror_needed("hostile/policies", 25, &["policy", "test"]);
}

#[test]
fn a_wrong_census_is_refused_with_its_place() {
    no_mirror_needed("hostile/censuses", 15, &["plan", "--policy", "starlingx", "--census"]);
}

/// Beside `NAME.bad` lies `NAME.txt`: which file of the mirror has that content, the command, its exit code, and what
/// it says, a line each.
#[test]
fn damage_in_the_own_area_is_named_and_nothing_that_a_reader_sees_changes() {
    let rig = Rig::new();
    rig.policy("keep: [{last: 1}]");
    // The id that the damaged settings state.
    let settings = rig.mirror(".mirrorkeep/mirror.yaml");
    let text = fs::read_to_string(&settings).unwrap();
    let lines = text.lines().map(|line| if line.starts_with("id:") { "id: x" } else { line });
    fs::write(&settings, lines.map(|line| format!("{line}\n")).collect::<String>()).unwrap();
    rig.builds(["20181201T060000Z", "20181202T060000Z"]);
    rig.ok(&["prune"]);
    rig.builds(["20181203T060000Z"]);
    let cases = cases("hostile/own");
    assert!(cases.len() >= 20);
    let mut wrong = Vec::new();
    for (file, expected) in cases {
        let rig = rig.copy();
        let name = file.file_stem().unwrap().display();
        let (mut lines, work) = (expected.lines(), rig.work("").display().to_string());
        let mut line = || lines.next().unwrap();
        let (at, command, code) = (rig.mirror(line()), line(), line().parse().unwrap());
        let before = tree(&rig.mirror("master"));
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        fs::copy(&file, &at).unwrap();
        let args: Vec<&str> = command.split(' ').map(|arg| if arg == "WORK" { &work } else { arg }).collect();
        let output = rig.run(&args);
        let text = String::from_utf8_lossy(&output.stderr);
        if output.status.code() != Some(code) {
            wrong.push(format!("{name}: it ended with {:?}: {text}", output.status.code()));
        }
        wrong.extend(
            lines
                .filter(|line| !text.contains(line))
                .map(|line| format!("{name}: `{line}` is not in: {text}")),
        );
        if tree(&rig.mirror("master")) != before {
            wrong.push(format!("{name}: a reader sees something else"));
        }
        if fs::read(&at).unwrap() != fs::read(&file).unwrap() {
            wrong.push(format!("{name}: what a person must look at was changed"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Publishes with each of the files, which must be refused and change nothing.
fn wrong_files(cases: Vec<(PathBuf, String)>, code: i32, source: impl Fn(&str, &str) -> Vec<String>) {
    let rig = Rig::new();
    rig.publish("20181205T060000Z", &[]);
    let before = tree(&rig.mirror(""));
    let work = rig.work("").display().to_string();
    let mut wrong = Vec::new();
    for (file, expected) in cases {
        let mut args = vec!["publish".to_owned()];
        args.extend(source(file.to_str().unwrap(), &work));
        args.extend(["--stream", "master/centos", "--build", "20181206T060000Z"].map(str::to_owned));
        let output = rig.run(&args.iter().map(String::as_str).collect::<Vec<_>>());
        wrong.extend(misfits(&file, &expected, code, &output));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(tree(&rig.mirror("")), before);
}

#[test]
fn a_workspace_of_the_repo_tool_has_the_context_that_starlingx_gives_it() {
    let rig = Rig::new();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let workspace = rig.work("../workspace");
    assert!(Command::new(fixtures.join("workspace.sh")).arg(&workspace).status().unwrap().success());
    rig.publish("20181205T060000Z", &["--context-from", workspace.to_str().unwrap()]);
    let context = fs::read_to_string(rig.mirror("master/centos/latest_build/outputs/CONTEXT")).unwrap();
    assert_eq!(context, fs::read_to_string(fixtures.join("workspace.CONTEXT")).unwrap());
    // A release manager sources it where the workspace is; it must find every commit.
    let file = rig.mirror("master/centos/latest_build/outputs/CONTEXT");
    let sourced =
        Command::new("bash").args(["-e", "-c", ". \"$0\""]).arg(file).current_dir(workspace).output();
    assert!(sourced.unwrap().status.success());
}
