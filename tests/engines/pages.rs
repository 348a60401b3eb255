//! The pages of a site in a real browser, behind nginx: what they load, how they look, and what a reader can do with them.

use super::serving::nginx;
use super::web::{at, encoded};
use crate::cli::pages::{pages, titled};
use crate::support::rig::Rig;
use serde_json::Value;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const NEWEST: &str = "20181212T060000Z";

/// Names of streams and files that a page must show as they are.
const AWKWARD: [&str; 4] =
    ["a&b<c>\"d'e", "ü%3F#?", "日本語 العربية 🐢", "</td></script>\"'><img src=x onerror=alert(1)>"];

/// More than one page lists.
const FILES: usize = 10_000;

/// Where packages of npm are that check pages.
fn modules() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/servers/browser")
}

/// Returns a mirror with awkward names everywhere, a stream with many builds, and a build with many files.
fn scene() -> Rig {
    let rig = titled();
    rig.ok(&["pipeline", "set", "generic"]);
    rig.write("repo/repodata/repomd.xml", "<repomd/>").write("repo/bash-4.4-1.x86_64.rpm", "bash");
    let work = rig.work("").to_str().unwrap().to_owned();
    let publish = |stream: &str, build: &str, more: &[&str]| {
        rig.ok(&[&["publish", &work, "--stream", stream, "--build", build], more].concat());
    };
    let context = rig.work("../CONTEXT").to_str().unwrap().to_owned();
    for day in 1..=9 {
        fs::write(&context, format!("(cd ./stx/config && git checkout -f {day:040x})\n")).unwrap();
        rig.write("iso/image.iso", &"x".repeat(day * 1000))
            .write(&format!("repo/tool-1-{day}.x86_64.rpm"), "tool");
        let result = if day % 4 == 0 { "fail" } else { "success" };
        publish(
            "main/debian",
            &format!("201812{day:02}T060000Z"),
            &["--context", &context, "--result", result],
        );
    }
    for name in AWKWARD {
        rig.write(&format!("odd/{}", name.replace('/', "|")), name);
    }
    rig.write(&format!("odd/{}", "long".repeat(60)), "long");
    for nth in 0..FILES {
        rig.write(&format!("many/{:02}/file-{nth:05}-{}", nth % 37, "n".repeat(nth % 90)), "");
    }
    publish("main/debian", NEWEST, &["--context", &context]);
    fs::remove_dir_all(rig.work("many")).unwrap();
    let long = "x".repeat(200);
    for name in AWKWARD.into_iter().chain([&*long]) {
        let name = format!("main/a{}", name.replace('/', "|"));
        publish(&name, "20181201T060000Z", &[]);
        publish(&name, "20181202T060000Z", &["--result", "fail"]);
    }
    let id = |build: &str| format!("main/debian/{build}");
    let [gone, newest] = [id("20181203T060000Z"), id(NEWEST)];
    rig.ok(&["withdraw", &gone, "--why", AWKWARD[3]]);
    for (key, value) in [("note", AWKWARD[3]), ("long", &*long), ("words", AWKWARD[2])] {
        rig.ok(&["label", &newest, &format!("{key}={value}")]);
    }
    rig.ok(&["hold", &newest, "--why", AWKWARD[0]]);
    rig.ok(&["vote", &newest, "smoke", "success", "--url", "https://ci.example.org/1?a=1&b=2"]);
    rig.ok(&["promote", "testing", "--build", &newest, "--why", AWKWARD[3]]);
    rig.ok(&["site"]);
    for dir in [rig.mirror(".."), rig.mirror("")] {
        fs::set_permissions(dir, fs::Permissions::from_mode(0o755)).unwrap();
    }
    rig
}

/// Opens pages of a mirror in Chromium, and returns what was found.
#[track_caller]
fn browsed(rig: &Rig, paths: &[String]) -> Value {
    let server = nginx(rig, "");
    let mut command = Command::new(modules().join("node"));
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/engines/pages.mjs"));
    command.args([modules(), at("chromium")]).arg(format!("http://127.0.0.1:{}", server.port()));
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(serde_json::to_string(paths).unwrap().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Returns the addresses of all pages of a mirror.
fn addresses(rig: &Rig) -> Vec<String> {
    let root = rig.mirror("");
    let address =
        |page: &PathBuf| encoded(&format!("/{}", page.strip_prefix(&root).unwrap().to_str().unwrap()));
    pages(&rig.mirror("status")).iter().map(address).collect()
}

#[test]
fn a_browser_shows_every_page_and_nothing_is_wrong_with_it() {
    let rig = scene();
    let all = addresses(&rig);
    assert!(all.iter().filter(|page| page.contains(".files/")).count() >= FILES / 1000, "{all:?}");
    let found = browsed(&rig, &all);
    assert_eq!(found["problems"].as_array().map(Vec::len), Some(0), "{found:#}");
    assert_eq!(found["pages"], all.len());
    let at_least = |what: &str, least: usize| {
        assert!(found[what].as_u64().is_some_and(|count| count >= least as u64), "{what}: {found}");
    };
    at_least("links", FILES);
    at_least("rules", 25);
    at_least("sorted", 30);
    at_least("filtered", 3);
}

/// What would be wrong with a page is found: otherwise the test above would show nothing.
#[test]
fn the_browser_finds_what_is_wrong_with_a_page() {
    let rig = Rig::new();
    rig.init_with_any_stream();
    fs::create_dir(rig.mirror("status")).unwrap();
    let page = "<!doctype html><html><head><meta http-equiv=\"Content-Security-Policy\" content=\"script-src 'none'\">
<meta name=viewport content='width=device-width'></head><body><h1>A</h1><main><a href=nowhere.html>a</a><a href='#none'>b</a><img src='http://127.0.0.1:9/x.png'>
<p style='color:#ccc;background:#fff;width:900px'>pale</p><script>1</script><noscript><table><tbody><tr><td>x</table></noscript></main></body></html>";
    fs::write(rig.mirror("status/bad.html"), page).unwrap();
    for dir in [rig.mirror(".."), rig.mirror("")] {
        fs::set_permissions(dir, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let found = browsed(&rig, &["/status/bad.html".to_owned(), "/status/missing.html".to_owned()]);
    let problems: Vec<&str> =
        found["problems"].as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
    for kind in [
        "console: /status/bad.html: ",
        "elsewhere: /status/bad.html: ",
        "request: /status/bad.html: ",
        "link: /status/bad.html: #none",
        "link: /status/bad.html: http",
        "axe: /status/bad.html: color-contrast",
        "axe: /status/bad.html: html-has-lang",
        "wide: /status/bad.html: ",
        "without scripts: /status/bad.html: ",
        "status: /status/missing.html: ",
    ] {
        assert!(problems.iter().any(|problem| problem.starts_with(kind)), "{kind} is not in {problems:#?}");
    }
}

#[test]
fn a_validator_of_the_standard_accepts_every_page() {
    let rig = scene();
    let mut all = pages(&rig.mirror("status"));
    all.retain(|page| !page.to_str().unwrap().contains(".files/") || page.ends_with("2.html"));
    all.extend(["style.css", "icon.svg"].map(|file| rig.mirror("status").join(file)));
    let bad = rig.work("../bad.html");
    fs::write(
        &bad,
        "<!doctype html><html lang=en><head><title>a</title></head><body><p><div>b</div></p></body></html>",
    )
    .unwrap();
    let validated = |files: &[PathBuf]| {
        let mut command = Command::new("java");
        command.args(["-Xss4m", "-jar"]).arg(modules().join("node_modules/vnu-jar/build/dist/vnu.jar"));
        command
            .args(["--no-langdetect", "--also-check-css", "--also-check-svg", "--format", "json", "--stdout"])
            .args(files);
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let found: Value =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"));
        // A file has no origin, so that none is its own.
        let is_of_files = |message: &Value| {
            message["message"]
                .as_str()
                .unwrap()
                .starts_with("Resource violates Content Security Policy (meta tag): external")
        };
        let mut messages = found["messages"].as_array().unwrap().clone();
        messages.retain(|message| !is_of_files(message));
        messages
    };
    assert_ne!(validated(&[bad]).len(), 0);
    let messages = validated(&all);
    assert!(messages.is_empty(), "{messages:#?}");
}
