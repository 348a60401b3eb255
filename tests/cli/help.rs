//! The help in groups, answers to words of other tools, `-q`, `--color`, errors as JSON, and manual pages.

use crate::support::rig::Rig;
use crate::support::shapes::assert_error_shape;
use serde_json::Value;
use std::fs;

const BUILD: &str = "20181205T060000Z";

fn id() -> String {
    format!("master/centos/{BUILD}")
}

#[test]
fn verbs_are_in_four_groups_and_global_options_are_apart() {
    let rig = Rig::new();
    let help = rig.ok(&["--help"]);
    let at = |part: &str| help.find(part).unwrap_or_else(|| panic!("no {part:?} in\n{help}"));
    let order = [
        "\nPublish:\n",
        "\nLook:\n",
        "\nKeep and remove:\n",
        "\nSet up:\n",
        "\nGlobal options, for every command:\n",
        "\nExit codes:\n",
    ];
    assert!(order.windows(2).all(|pair| at(pair[0]) < at(pair[1])), "{help}");
    assert!(help.lines().all(|line| line.chars().count() <= 120), "{help}");
    // The options of a verb come first, those of every verb after them.
    let help = rig.ok(&["prune", "--help"]);
    assert!(help.find("--accept").unwrap() < help.find("\nGlobal options:\n").unwrap(), "{help}");
    assert!(help.find("\nGlobal options:\n").unwrap() < help.find("--wait").unwrap(), "{help}");
}

#[test]
fn a_word_of_another_tool_is_answered_with_the_verb() {
    let rig = Rig::new();
    let cases = [
        ("ls", "`mirrorkeep list`"),
        ("rm", "`mirrorkeep withdraw ID --why TEXT`"),
        ("gc", "`mirrorkeep prune`"),
        ("journal", "`mirrorkeep log`"),
        ("rollback", "`mirrorkeep demote STAGE --stream STREAM --why TEXT`"),
        ("info", "`mirrorkeep status`"),
        ("undo", "`mirrorkeep restore ID`"),
        ("tag", "`mirrorkeep label ID KEY=VALUE`"),
        ("fsck", "`mirrorkeep check`"),
        ("latest", "`mirrorkeep resolve ALIAS`"),
    ];
    for (word, answer) in cases {
        rig.fails(2, answer, &[word]);
    }
    rig.fails(2, "error: there is no command `ls`", &["ls"]);
    rig.fails(2, "unrecognized subcommand", &["frobnicate"]);
}

#[test]
fn quiet_leaves_out_warnings_and_notes_and_no_error() {
    let rig = Rig::new();
    rig.publish(BUILD, &[]);
    fs::remove_file(rig.mirror("master/centos/latest_build")).unwrap();
    let output = rig.run(&["status"]);
    assert!(!output.stdout.is_empty());
    let output = rig.run(&["-q", "check"]);
    assert_eq!((output.status.code(), output.stderr.is_empty()), (Some(5), true));
    assert!(!output.stdout.is_empty());
    rig.fails(1, "error: there is no build", &["--quiet", "show", "master/centos/20190101T000000Z"]);
}

#[test]
fn colours_can_be_wanted_or_not() {
    let rig = Rig::new();
    rig.publish(BUILD, &[]);
    let coloured = |args: &[&str]| rig.ok(args).contains("\u{1b}[");
    assert!(!coloured(&["plan"]));
    assert!(coloured(&["--color", "always", "plan"]));
    assert!(!coloured(&["plan", "--color", "never"]));
    assert!(!coloured(&["plan", "--color=auto"]));
    rig.fails(2, "auto, always, never", &["--color", "blue", "plan"]);
}

/// Returns the last line of standard error as JSON.
#[track_caller]
fn error(rig: &Rig, args: &[&str]) -> Value {
    let output = rig.run(&[args, &["--json"]].concat());
    let text = String::from_utf8(output.stderr).unwrap();
    let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!(last["exit"].as_i64(), output.status.code().map(i64::from), "{text}");
    assert!(output.stdout.is_empty());
    assert_error_shape(text.as_bytes());
    last
}

#[test]
fn an_error_is_one_json_object_on_the_last_line_where_json_was_wanted() {
    let rig = Rig::new();
    let none = error(&rig, &["list"]);
    assert_eq!((none["kind"].as_str(), none["exit"].as_i64()), (Some("refused"), Some(3)));
    assert!(none["hint"].as_str().unwrap().contains("init"), "{none}");
    rig.publish(BUILD, &[]);
    let none = error(&rig, &["show", "master/centos/20190101T000000Z"]);
    let hint = none["hint"].as_str().unwrap();
    assert!(none["kind"] == "failed" && hint.contains("`mirrorkeep list master/centos`"), "{none}");
    assert!(none["error"].as_str().unwrap().starts_with("there is no build"), "{none}");
    let usage = error(&rig, &["show", "nonsense\u{202e}"]);
    assert_eq!((usage["kind"].as_str(), usage["exit"].as_i64()), (Some("usage"), Some(2)));
    assert!(!usage["error"].as_str().unwrap().contains('\u{202e}'), "{usage}");
    assert_eq!(error(&rig, &["list", "--sort", "colour"])["kind"], "usage");
    let rm = error(&rig, &["rm"]);
    assert!(rm["hint"].as_str().unwrap().contains("withdraw"), "{rm}");
    rig.ok(&["hold", &id(), "--why", "bug 7"]);
    let held = error(&rig, &["withdraw", &id(), "--why", "secret"]);
    assert_eq!(held["kind"], "refused");
    // Without --json there is none.
    let output = rig.run(&["show", "nonsense"]);
    assert!(!String::from_utf8(output.stderr).unwrap().contains('{'));
}

#[test]
fn a_manual_page_for_each_verb_names_variables_and_files() {
    let rig = Rig::new();
    let dir = rig.work("../man");
    let told = rig.ok(&["man", "--out", dir.to_str().unwrap()]);
    let mut pages: Vec<String> =
        fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    pages.sort();
    assert!(told.starts_with(&format!("wrote {} pages", pages.len())), "{told}");
    for page in [
        "mirrorkeep.1",
        "mirrorkeep-prune.1",
        "mirrorkeep-alias-set.1",
        "mirrorkeep-status.1",
        "mirrorkeep-withdraw.1",
    ] {
        let text = fs::read_to_string(dir.join(page)).unwrap();
        for section in [".SH NAME", ".SH SYNOPSIS", ".SH ENVIRONMENT", ".SH FILES", "MIRRORKEEP_ACTOR"] {
            assert!(text.contains(section), "{page} has no {section}");
        }
        let name = page.trim_end_matches(".1").replace('-', "\\-");
        assert!(text.contains(&format!(".SH NAME\n{name}")), "{page}: {text}");
        assert!(!text.contains("EXTRA"), "{page}: {text}");
    }
    let page = |name: &str| fs::read_to_string(dir.join(name)).unwrap();
    let exits = ".SH \"EXIT STATUS\"\n.nf\n  0    done\n";
    assert!(page("mirrorkeep.1").contains(exits), "{}", page("mirrorkeep.1"));
    let withdraw = page("mirrorkeep-withdraw.1");
    let notes = withdraw.find("\n.SH NOTES\nThe build goes to the trash").unwrap();
    let examples = withdraw.find("\n.SH EXAMPLES\n.nf\n  mirrorkeep withdraw ").unwrap();
    assert!(notes < examples && withdraw[examples..].contains("\n.fi\n.SH ENVIRONMENT\n"), "{withdraw}");
    let answer = rig.json(&["man", "--out", dir.to_str().unwrap()]);
    assert_eq!(answer["files"].as_array().unwrap().len(), pages.len());
    rig.fails(1, "cannot write into", &["man", "--out", "/dev/null/x"]);
}
