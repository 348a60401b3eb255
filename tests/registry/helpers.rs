//! Programs that keep credentials, found by the path of this process: the tests run themselves again with another one.

use super::scene::client_of;
use super::standin::{Deed, StandIn};
use crate::support::http::Message;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// Is set in the second run.
const INNER: &str = "MIRRORKEEP_TEST_INNER";

/// Runs a test again with programs in its path.
#[track_caller]
fn again(test: &str, programs: &[(&str, &str)]) {
    let dir = tempfile::tempdir().unwrap();
    for (name, script) in programs {
        let path = dir.path().join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let path = format!("{}:{}", dir.path().display(), std::env::var("PATH").unwrap());
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture"]).env("PATH", path).env(INNER, dir.path());
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr) + String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

/// Looks up an image of a registry that wants a user and a password; returns the error, and the headers that it was sent.
fn look(dir: &Path, config: &str) -> (String, Vec<Option<String>>) {
    let standin = StandIn::start();
    standin.server().put_image("a/b", Some("v1"), "x");
    standin.rule(|_, message| {
        let known = message.header("authorization") == Some("Basic dXNlcjpTRUNSRVQ=");
        let challenge = || Message::answer(401).with("WWW-Authenticate", "Basic realm=\"tests\"");
        (!known).then(|| Deed::Answer(challenge()))
    });
    let host = format!("127.0.0.1:{}", standin.port);
    let file = dir.join(format!("config-{}.json", standin.port));
    fs::write(&file, config.replace("HOST", &host)).unwrap();
    let found = client_of(8, Some(&file)).look(&standin.server().image("a/b", "v1"));
    let error = found.err().map(|error| format!("{error} {error:?}")).unwrap_or_default();
    let seen = standin.kept.lock().unwrap().seen.clone();
    (error, seen.iter().map(|ask| ask.header("authorization").map(str::to_owned)).collect())
}

#[test]
fn programs_that_keep_credentials_are_asked() {
    let Some(dir) = std::env::var_os(INNER) else {
        let good = r#"[ "$1" = get ] && cat > "$0.asked" && echo warning >&2 && echo '{"Username": "user", "Secret": "SECRET"}'"#;
        return again(
            "registry::helpers::programs_that_keep_credentials_are_asked",
            &[
                ("docker-credential-good", good),
                ("docker-credential-none", "echo 'credentials not found in native keychain'; exit 1"),
                (
                    "docker-credential-bad",
                    "echo '{\"Username\": \"user\", \"Secret\": \"SECRET\"}'; echo SECRET >&2; exit 3",
                ),
                ("docker-credential-odd", "echo '{\"Secret\": \"SECRET\"'; echo >> \"$0.asked\""),
            ],
        );
    };
    let dir = Path::new(&dir);
    for config in [r#"{"credsStore": "good"}"#, r#"{"credsStore": "bad", "credHelpers": {"HOST": "good"}}"#] {
        let (error, sent) = look(dir, config);
        assert_eq!((&*error, sent.len()), ("", 2), "{sent:?}");
        let asked = fs::read_to_string(dir.join("docker-credential-good.asked")).unwrap();
        assert!(asked.starts_with("127.0.0.1:"), "{asked}");
    }
    let both = r#"{"credsStore": "none", "auths": {"HOST": {"auth": "dXNlcjpTRUNSRVQ="}}}"#;
    assert_eq!(look(dir, both).0, "");
    for (helper, why) in [
        ("none", "401 Unauthorized"),
        ("bad", "fails: it ended with exit code 3"),
        ("odd", "answers something else than credentials"),
        ("absent", "NoProgram"),
        ("../good", "is not the name of a program"),
    ] {
        let (error, sent) = look(dir, &format!("{{\"credsStore\": \"{helper}\"}}"));
        assert!(error.contains(why) && !error.contains("SECRET"), "{helper}: {error}");
        assert!(sent.iter().all(Option::is_none), "{sent:?}");
    }
    // One that failed for a registry is not asked for its next image.
    let file = dir.join("twice.json");
    fs::write(&file, r#"{"credsStore": "odd"}"#).unwrap();
    fs::remove_file(dir.join("docker-credential-odd.asked")).unwrap();
    let standin = StandIn::start();
    standin.rule(|_, _| {
        Some(Deed::Answer(Message::answer(401).with("WWW-Authenticate", "Basic realm=\"tests\"")))
    });
    let client = client_of(8, Some(&file));
    for image in ["a/b", "a/c"] {
        let error = client.look(&standin.server().image(image, "v1")).unwrap_err();
        assert!(format!("{error} {error:?}").contains("answers something else"), "{error}");
    }
    assert_eq!(fs::read_to_string(dir.join("docker-credential-odd.asked")).unwrap(), "\n");
}

#[test]
fn a_program_that_does_not_end_is_ended() {
    if std::env::var_os(INNER).is_some() {
        let started = Instant::now();
        let stop = mirrorkeep::progress::CancelToken::new();
        let words = ["docker-credential-slow".to_owned()];
        let job = mirrorkeep::exec::Job {
            words: &words,
            env: &[],
            without: &[],
            input: b"",
            limit: Duration::from_millis(300),
            lock: None,
        };
        let ran = mirrorkeep::exec::ask(&job, &stop).unwrap();
        assert!(!ran.end.is_success() && started.elapsed() < Duration::from_secs(20));
        return;
    }
    again(
        "registry::helpers::a_program_that_does_not_end_is_ended",
        &[("docker-credential-slow", "sleep 60")],
    );
}
