//! TAB in real shells: words of the mirror, and nothing else on the terminal.

use crate::support::rig::{PARTED, Rig};
use std::fs;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

const BUILDS: [&str; 3] = ["20181203T060000Z", "20181204T060000Z", "20181205T060000Z"];

/// Returns a mirror with two builds, a third one in the trash, and a hold.
fn mirror() -> Rig {
    let rig = Rig::new();
    rig.policy_file(PARTED).builds(BUILDS).ok(&["prune"]);
    rig.ok(&["hold", "master/centos/20181204T060000Z", "--why", "a test"]);
    rig
}

/// Returns a shell that finds the binary and the mirror, and runs a script.
fn shell(rig: &Rig, name: &str, script: &str) -> Output {
    let binary = std::path::Path::new(env!("CARGO_BIN_EXE_mirrorkeep")).parent().unwrap();
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap());
    let mut shell = Command::new(name);
    shell.args(if name == "zsh" { &["-fc"] } else { &["-c"] }).arg(script);
    shell.env("PATH", path).env("MIRRORKEEP_MIRROR", rig.mirror("")).current_dir(rig.work(""));
    shell.output().unwrap()
}

/// Returns what bash offers for the last of these words.
#[track_caller]
fn offered(rig: &Rig, words: &[&str]) -> Vec<String> {
    let line: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    let script = format!(
        "source <(mirrorkeep completions bash) && COMP_WORDS=(mirrorkeep {}) COMP_CWORD={} COMP_TYPE=9 && \
         _clap_complete_mirrorkeep mirrorkeep {} && printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        line.join(" "),
        words.len(),
        line.last().unwrap()
    );
    let output = shell(rig, "bash", &script);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{words:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    // The engine joins the words by the character that the script of the shell names.
    text.split(['\u{b}', '\n']).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

#[test]
fn bash_is_offered_what_the_mirror_has() {
    #[track_caller]
    fn case(rig: &Rig, words: &[&str], expected: &[&str]) {
        assert_eq!(offered(rig, words), expected, "{words:?}");
    }
    let rig = mirror();
    let (held, newest) = ("master/centos/20181204T060000Z", "master/centos/20181205T060000Z");
    case(&rig, &["show", "m"], &[held, newest, "master/centos/latest_build"]);
    case(&rig, &["diff", held, "master/centos/20181205"], &[newest]);
    case(&rig, &["verify", "master/centos/2018120"], &[held, newest]);
    case(&rig, &["publish", "out", "--stream", "m"], &["master/centos"]);
    case(&rig, &["list", "master"], &["master/centos"]);
    case(&rig, &["resolve", "m"], &["master/centos/latest_build"]);
    case(&rig, &["alias", "remove", "master/centos/l"], &["master/centos/latest_build"]);
    case(&rig, &["unhold", "m"], &[held]);
    case(&rig, &["restore", "master"], &["master/centos/20181203T060000Z"]);
    case(&rig, &["init", "--layout", "starlingx-"], &["starlingx-debian"]);
    case(&rig, &["policy", "show", "rdo"], &["rdo-trunk"]);
    case(&rig, &["pipeline", "set", "rdo-"], &["rdo-puppet", "rdo-trunk"]);
    case(&rig, &["init", "--pipeline", "cloud"], &["cloudsig"]);
    case(&rig, &["withd"], &["withdraw"]);
    case(&rig, &["list", "--sort", "s"], &["size"]);
    // The line names another mirror than the environment.
    let other = Rig::new();
    other.ok(&["init"]);
    let elsewhere = other.mirror("").to_str().unwrap().to_owned();
    case(&rig, &["--mirror", &elsewhere, "show", "m"], &[]);
    case(&other, &["--mirror", rig.mirror("").to_str().unwrap(), "unhold", "m"], &[held]);
}

/// Where nothing is known, nothing is offered, nothing is printed, and nobody waits.
#[test]
fn a_mirror_that_cannot_answer_offers_nothing_and_says_nothing() {
    let rig = mirror();
    let none = rig.work("none");
    let answers = |mirror: &str| {
        let began = Instant::now();
        let words = offered(&rig, &["--mirror", mirror, "show", "m"]);
        assert!(began.elapsed() < Duration::from_secs(20), "{mirror}: {:?}", began.elapsed());
        words
    };
    assert_eq!(answers(none.to_str().unwrap()), [""; 0]);
    assert_eq!(answers(""), [""; 0]);
    assert_eq!(answers("ftp://host/x"), [""; 0]);
    // An address that never answers.
    assert_eq!(answers("s3://bucket/mirror"), [""; 0]);
    fs::write(rig.mirror(".mirrorkeep/mirror.yaml"), "nonsense: [").unwrap();
    assert_eq!(answers(rig.mirror("").to_str().unwrap()), [""; 0]);
    let mut wrong = rig.command(&[]);
    let output = wrong.env("COMPLETE", "tcsh").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("completions --help"));
}

/// zsh and fish read their files, where they are installed.
#[test]
fn zsh_and_fish_accept_their_scripts_and_call_the_program() {
    let rig = mirror();
    for (name, script) in [
        (
            "zsh",
            "autoload -U compinit && compinit -D && source <(mirrorkeep completions zsh) && whence -w _clap_dynamic_completer_mirrorkeep; print $_comps[mirrorkeep]",
        ),
        ("fish", "mirrorkeep completions fish | source; complete -C 'mirrorkeep unhold m'"),
    ] {
        if Command::new(name).arg("--version").output().is_err() {
            continue;
        }
        let output = shell(&rig, name, script);
        let (text, told) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!((output.status.success(), &*told), (true, ""), "{name}: {text}");
        let expected = if name == "zsh" {
            "function\n_clap_dynamic_completer_mirrorkeep"
        } else {
            "master/centos/20181204T060000Z"
        };
        assert!(text.contains(expected), "{name}: {text}");
    }
}
