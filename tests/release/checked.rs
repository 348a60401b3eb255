//! Wrong requests, each with its message; and that nothing of a request repository is trusted.

use crate::support::requests::{BRANCH, Requests, git};
use crate::support::rig::Rig;
use serde_json::Value;
use std::os::unix::fs::symlink;

/// A mirror, two repositories, and requests whose base has two entries.
struct Scene {
    rig: Rig,
    requests: Requests,
    nova: [String; 2],
    api: String,
    /// On another branch.
    other: String,
    base: String,
}

/// Returns an entry of nova with a commit.
fn entry(version: &str, commit: &str) -> String {
    format!("  - version: {version}\n    projects:\n      - {{repo: openstack/nova, hash: {commit}}}\n")
}

const HEAD: &str = "team: nova\nrelease-model: cycle-with-rc\nreleases:\n";

impl Scene {
    fn new() -> Self {
        let rig = Rig::new();
        rig.ok(&["init", "--layout", "openstack-tarballs"]);
        let requests = Requests::beside(&rig);
        let nova = [(); 2].map(|()| requests.grow("openstack/nova", BRANCH));
        let api = requests.grow("openstack/api", BRANCH);
        let other = requests.grow("openstack/nova", "feature/x");
        let scene = Self { rig, requests, nova, api, other, base: String::new() };
        let base = scene.commit(&(scene.old() + &entry("29.0.0", &scene.nova[0])));
        Self { base, ..scene }
    }

    /// Returns the entry that the base has first, with the head of the file.
    fn old(&self) -> String {
        format!("{HEAD}{}", entry("29.0.0.0rc1", &self.nova[0]))
    }

    /// Returns what the base has.
    fn both(&self) -> String {
        self.old() + &entry("29.0.0", &self.nova[0])
    }

    fn commit(&self, text: &str) -> String {
        self.requests.write("requests/2024.1/nova.yaml", text);
        self.requests.commit("A request")
    }

    fn check(&self, args: &[&str]) -> (i32, Value) {
        let all = [&["--json", "release", "check", "--base", &self.base], args].concat();
        let output = self.requests.command(&self.rig, &all).output().unwrap();
        let answer = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
        crate::support::shapes::assert_shape(&["release", "check"], &answer);
        (output.status.code().unwrap(), answer)
    }

    /// Returns why these requests do not have findings of that rule alone, one with that message.
    fn lacks(&self, text: &str, rule: &str, said: &str) -> Option<String> {
        self.commit(text);
        let (code, answer) = self.check(&[]);
        let found = answer["findings"].as_array().unwrap();
        let has = |one: &Value| one["message"].as_str().unwrap().contains(said) && one["hint"] != "";
        let lines = text.lines().count() as u64;
        let fits = code == 5
            && found
                .iter()
                .all(|one| one["rule"] == rule && one["line"].as_u64().is_none_or(|line| line <= lines))
            && found.iter().any(has);
        (!fits).then(|| format!("{rule}, {said}: {code} {answer:#}"))
    }

    #[track_caller]
    fn finds(&self, text: &str, rule: &str, said: &str) {
        assert_eq!(self.lacks(text, rule, said), None);
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a row for each rule")]
fn every_wrong_request_has_its_message() {
    let scene = Scene::new();
    let [first, second] = &scene.nova;
    let (api, other) = (&scene.api, &scene.other);
    scene.commit(&(scene.both() + &entry("29.0.1", second)));
    let (code, answer) = scene.check(&[]);
    assert_eq!((code, &answer["pending"]), (0, &Value::from(1)), "{answer:#}");

    let next = |version: &str, commit: &str| scene.both() + &entry(version, commit);
    let rows: &[(String, &str, &str)] = &[
        (
            next("29.0.1rc1", second),
            "version-form",
            "`29.0.1rc1` is not a version of a release; expected two to four numbers",
        ),
        (next("--force", second), "version-form", "`--force` is not a version"),
        (next("29.0.0.0rc2", second), "version-order", "`29.0.0.0rc2` is older than `29.0.0` above"),
        (next("29.0", first), "version-order", "`29.0` is the version `29.0.0` above"),
        (scene.old(), "only-appended", "`29.0.0` was removed; entries are only added at the end"),
        (scene.both().replace(first, second), "only-appended", "`29.0.0.0rc1` was changed"),
        (
            scene.old() + &entry("28.0.0", first) + "    flags: [forced]\n" + &entry("29.0.0", first),
            "only-appended",
            "`28.0.0` was put before `29.0.0`",
        ),
        (
            next("29.0.1", &"0".repeat(40)),
            "commit-missing",
            "has no commit 0000000000000000000000000000000000000000 on any branch",
        ),
        (next("29.0.1", other), "commit-branch", "has no commit "),
        (next("29.0.1", "abc123"), "file-form", "`abc123` is not the ID of a commit; all of its 40 digits"),
        (
            next("29.1.0.0rc1", first) + &entry("29.1.0", second),
            "final-commit",
            "and the candidate `29.1.0.0rc1` has",
        ),
        (
            next("29.0.1", second) + &format!("      - {{repo: openstack/nova, hash: {first}}}\n"),
            "repositories",
            "`openstack/nova` is listed twice",
        ),
        (
            next("29.0.1", second) + &format!("      - {{repo: ../../etc, hash: {first}}}\n"),
            "file-form",
            "`../../etc` is not a name of a repository",
        ),
        (
            next("29.0.1", second) + &format!("      - {{repo: --upload-pack=id, hash: {first}}}\n"),
            "file-form",
            "`--upload-pack=id` is not a name of a repository",
        ),
        (
            next("29.0.1", second)
                .replace("releases:", "repository-settings: {openstack/api: {}}\nreleases:"),
            "repositories",
            "`openstack/nova` is not in `repository-settings`",
        ),
        (
            next("29.0.1", second)
                + &format!("      - {{repo: openstack/api, hash: {api}}}\n")
                + &entry("2024.1-eol", second),
            "eol-repositories",
            "covers all repositories, and `openstack/api` are missing",
        ),
        (
            next("2023.1-eol", second),
            "version-form",
            "`2023.1-eol` ends the series `2023.1`, and this is a request for `2024.1`",
        ),
        (
            next("29.0.1", second) + "    build: openstack/nova/29.0.1\n",
            "build-missing",
            "there is no build `openstack/nova/29.0.1`",
        ),
        (next("29.0.1", second) + "    build: ../29.0.1\n", "file-form", "is not a build such as"),
        (next("29.0.1", second) + "    bild: x\n", "file-form", "unknown key `bild` (`build`?)"),
        (
            next("29.0.1", second) + "    labels: {series: x}\n",
            "file-form",
            "`series` is set by the release itself",
        ),
        (next("29.0.1", second) + "    labels: {vote/a: success}\n", "file-form", "`mirrorkeep vote` alone"),
        (
            next("29.0.1", second) + "    announcement: \"a\\e[2Kb\"\n",
            "file-form",
            "it contains the control character U+001B",
        ),
        (
            next("29.0.1", second) + "    flags: [force]\n",
            "file-form",
            "unknown variant `force`, expected `forced` or `skipped-sig`",
        ),
        (next("29.0.1", second) + "    version: 29.0.2\n", "file-form", "the key is given twice"),
        (
            next("29.0.1.0rc1", second).replace("cycle-with-rc", "cycle-with-intermediary"),
            "version-form",
            "`29.0.1.0rc1` is of the type `rc`, and the release model `cycle-with-intermediary` has final releases alone",
        ),
        (next("29.0.1", second).replace("cycle-with-rc", "cycle"), "file-form", "unknown variant `cycle`"),
        (
            next("29.0.1", second).replace("team: nova", "team: \"\""),
            "file-form",
            "the name of the team cannot be used: it is empty",
        ),
        (
            next("29.0.1", second).replace("openstack/nova, hash: ", "openstack/nova, sha: "),
            "file-form",
            "hash",
        ),
        ("a: &x [*x]\n".to_owned(), "file-form", "an anchor"),
        (format!("team: {}x{}\n", "[".repeat(100), "]".repeat(100)), "file-form", "nested deeper"),
    ];
    let wrong: Vec<String> =
        rows.iter().filter_map(|(text, rule, said)| scene.lacks(text, rule, said)).collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
    // An exception that a person asks for.
    scene.commit(&(next("28.0.0", first) + "    flags: [forced]\n"));
    assert_eq!(scene.check(&[]).0, 0);
    // The end of life has no build, whether that exists or not.
    scene.commit(&(next("2024.1-eol", second) + "    build: openstack/nova/29.0.0\n"));
    let (_, answer) = scene.check(&[]);
    assert!(answer.to_string().contains("no build becomes the end of life of a series"), "{answer:#}");
    // All at once, and each with its line.
    let all = next("29.0.1rc1", "abc") + &entry("29.0.0", first);
    scene.commit(&all);
    let lines: Vec<String> = scene.check(&[]).1["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| format!("{}:{}", one["rule"].as_str().unwrap(), one["line"]))
        .collect();
    assert_eq!(lines, ["version-form:10", "file-form:12", "version-order:13"]);
}

#[test]
fn tags_series_and_other_files_count_too() {
    let scene = Scene::new();
    let [first, second] = &scene.nova;
    let bare = scene.requests.remote("openstack/nova");
    git(&bare, &["tag", "29.0.1", first]);
    scene.finds(
        &(scene.both() + &entry("29.0.1", second)),
        "tag-elsewhere",
        "the tag `29.0.1` of `openstack/nova` is at",
    );
    // At the commit, but nobody knows from where.
    git(&bare, &["tag", "29.0.2", second]);
    scene.commit(&(scene.both() + &entry("29.0.2", second)));
    let (code, answer) = scene.check(&[]);
    assert_eq!((code, answer["warnings"].as_array().unwrap().len()), (0, 1), "{answer:#}");

    // Reading a tag does not hide the commits before it.
    git(&bare, &["tag", "-a", "-m", "words", "29.0.4", second]);
    scene.commit(
        &(scene.both() + &entry("29.0.4", second) + &entry("28.0.0", first) + "    flags: [forced]\n"),
    );
    let (code, answer) = scene.check(&["--work", scene.rig.work("../clones").to_str().unwrap()]);
    assert_eq!((code, answer["warnings"].as_array().unwrap().len()), (0, 1), "{answer:#}");

    let good = scene.both() + &entry("29.0.3", second);
    for (file, said, rule) in [
        (
            "requests/2023.1/nova.yaml",
            "the series `2023.1` is `end-of-life`, which accepts only `2023.1-eol`",
            "series-closed",
        ),
        (
            "requests/2025.1/nova.yaml",
            "the series `2025.1` is `future`, which accepts no release yet",
            "series-closed",
        ),
        ("requests/2022.1/nova.yaml", "releases.yaml has no series `2022.1`", "series-closed"),
        (
            "requests/2024.1/other.yaml",
            "requests/2024.1/nova.yaml makes the tag `29.0.3` in `openstack/nova`, too",
            "tag-twice",
        ),
        ("requests/nova.yaml", "is not `requests/<series>/<name>.yaml`", "file-place"),
        ("requests/2024.1/Nova.yml", "is not `requests/<series>/<name>.yaml`", "file-place"),
    ] {
        scene.commit(&good);
        scene.requests.write(file, &format!("{HEAD}{}", entry("29.0.3", second)));
        scene.requests.commit("Another");
        let (code, answer) = scene.check(&[]);
        let found = answer["findings"].as_array().unwrap();
        assert_eq!(code, 5);
        let has = |one: &Value| one["rule"] == rule && one["message"].as_str().unwrap().contains(said);
        assert!(found.iter().any(has), "{file}: {answer:#}");
        std::fs::remove_file(scene.requests.at().join(file)).unwrap();
    }
    std::fs::remove_file(scene.requests.at().join("requests/2024.1/nova.yaml")).unwrap();
    scene.requests.commit("Removed");
    let (_, answer) = scene.check(&[]);
    assert!(answer.to_string().contains("the file was removed, with 2 releases"), "{answer:#}");
}

#[test]
fn builds_must_exist_succeed_and_have_their_votes() {
    let scene = Scene::new();
    let second = &scene.nova[1];
    let publish = |version: &str, result: &str| {
        scene.rig.write(&format!("../{version}/nova-{version}.tar.gz"), version);
        let from = scene.rig.work(&format!("../{version}"));
        let args = [
            "publish",
            from.to_str().unwrap(),
            "--stream",
            "openstack/nova",
            "--build",
            version,
            "--result",
            result,
        ];
        scene.rig.ok(&args);
    };
    publish("29.0.1", "success");
    publish("29.1.0.0rc1", "success");
    publish("29.2.0", "success");
    let with = |version: &str, more: &str| {
        scene.both() + &entry(version, second) + &format!("    build: openstack/nova/{version}\n{more}")
    };
    scene.commit(&with("29.0.1", ""));
    assert_eq!(scene.check(&[]).0, 0);
    // A candidate must not take the name of final releases.
    scene.commit(&with("29.1.0.0rc1", "    labels: {tier: one}\n"));
    assert_eq!(scene.check(&[]).0, 0);
    let twice = with("29.0.1", "") + &entry("29.0.2", second) + "    build: openstack/nova/29.0.1\n";
    scene.finds(&twice, "build-twice", "`openstack/nova/29.0.1` is the build of 2024.1/nova/29.0.1, too");
    // Without the mirror nothing is said of builds.
    scene.commit(&with("29.0.9", ""));
    assert_eq!(scene.check(&[]).0, 5);
    assert_eq!(scene.check(&["--without-mirror"]).0, 0);

    let settings = scene.rig.mirror(".mirrorkeep/mirror.yaml");
    let text = std::fs::read_to_string(&settings).unwrap();
    std::fs::write(&settings, format!("{text}aliases: [{{name: best, labels: {{tier: one}}}}]\n")).unwrap();
    let labelled = with("29.1.0.0rc1", "    labels: {tier: one}\n");
    scene.finds(&labelled, "candidate-label", "an alias follows the label `tier=one`");
    std::fs::write(&settings, text).unwrap();

    let pipeline = scene.rig.work("../pipeline.yaml");
    std::fs::write(
        &pipeline,
        "pipeline: 1\nstages: [{name: tested, streams: '**', require: {votes: [smoke]}}]\n",
    )
    .unwrap();
    scene.rig.ok(&["pipeline", "set", pipeline.to_str().unwrap()]);
    scene.requests.grow("openstack/nova", "stable/tested");
    let commit = scene.requests.grow("openstack/nova", "stable/tested");
    scene.commit(&scene.both());
    let staged = format!("{HEAD}{}    build: openstack/nova/29.2.0\n", entry("29.2.0", &commit));
    scene.requests.write("requests/tested/nova.yaml", &staged);
    scene.requests.commit("A request");
    let (code, answer) = scene.check(&[]);
    assert_eq!((code, &answer["findings"][0]["rule"]), (5, &Value::from("build-votes")), "{answer:#}");
    assert!(answer.to_string().contains("lacks what the stage `tested` requires"), "{answer:#}");
    scene.rig.ok(&["vote", "openstack/nova/29.2.0", "smoke", "success"]);
    assert_eq!(scene.check(&[]).0, 0);
    scene.rig.ok(&["reject", "openstack/nova/29.2.0", "--why", "bad"]);
    assert!(scene.check(&[]).1.to_string().contains("it is rejected: bad"));
}

#[test]
fn hostile_files_are_findings_and_are_never_followed() {
    let scene = Scene::new();
    let dir = scene.requests.at().join("requests/2024.1");
    symlink("/etc/passwd", dir.join("link.yaml")).unwrap();
    std::fs::write(dir.join("huge.yaml"), "#".repeat(300 << 10)).unwrap();
    std::fs::write(dir.join("bytes.yaml"), b"team: \xff\xfe\n").unwrap();
    std::fs::write(dir.join("empty.yaml"), "").unwrap();
    std::fs::write(dir.join("a\u{1b}[2K\nb.yaml"), "team: x\n").unwrap();
    std::fs::write(dir.join("--exec.yaml"), "team: x\n").unwrap();
    scene.requests.commit("Hostile");
    let text = scene.requests.ends(&scene.rig, 5, &["release", "check", "--base", &scene.base]);
    for said in [
        "link.yaml: file-place: it is a symlink",
        "huge.yaml: file-place: it has 307200 bytes; at most 262144",
        "bytes.yaml: file-place: it contains bytes that are not UTF-8",
        "empty.yaml: file-form: the file is empty",
        "--exec.yaml: file-place:",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
    assert!(!text.contains('\u{1b}') && !text.contains("root:"), "{text}");
    let junit =
        scene.requests.ends(&scene.rig, 5, &["release", "check", "--base", &scene.base, "--format", "junit"]);
    assert!(
        junit.contains("<testsuite name=\"file-place\" tests=\"5\"") && junit.contains("link.yaml"),
        "{junit}"
    );
    // The working tree is not read.
    git(&scene.requests.at(), &["reset", "-q", "--hard", &scene.base]);
    std::fs::write(dir.join("nova.yaml"), "nonsense").unwrap();
    assert_eq!(scene.check(&[]).0, 0);
    for (revision, said) in [
        ("--exec=id", "is not a revision"),
        ("no-such", "is not a commit of"),
        ("HEAD:requests", "is not a commit of"),
        ("a b", "is not a revision"),
    ] {
        let text = scene.requests.ends(&scene.rig, 2, &["release", "check", &format!("--rev={revision}")]);
        assert!(text.contains(said), "{text}");
    }
}

#[test]
fn settings_that_could_run_a_command_are_refused_and_a_silent_remote_is_no_finding() {
    let scene = Scene::new();
    let mark = scene.rig.work("../ran");
    let settings = |remote: &str| {
        let text =
            format!("releases: 1\nremote: '{remote}'\nseries: {{\"2024.1\": {{status: maintained}}}}\n");
        scene.requests.write("releases.yaml", &text);
        scene.commit(&(scene.both() + &entry("29.0.1", &scene.nova[1])));
    };
    for remote in [
        format!("ext::sh -c 'touch {}' {{repo}}", mark.display()),
        format!("--upload-pack=touch {};{{repo}}", mark.display()),
        "../{repo}".to_owned(),
        "https://me:hunter2@git.example.org/{repo}".to_owned(),
    ] {
        settings(&remote.replace('\'', "''"));
        let text = scene.requests.ends(&scene.rig, 5, &["release", "check", "--base", &scene.base]);
        assert!(text.contains("releases.yaml:2:1: settings: ") && !text.contains("hunter2"), "{text}");
        let text = scene.requests.ends(&scene.rig, 5, &["release", "apply", "--base", &scene.base]);
        assert!(text.contains("refused 2024.1/nova/29.0.1"), "{text}");
    }
    settings("/nowhere/{repo}");
    let text = scene.requests.ends(&scene.rig, 1, &["release", "check", "--base", &scene.base]);
    assert!(text.contains("not-known: `/nowhere/openstack/nova` cannot be asked: git said: "), "{text}");
    assert!(!mark.exists());
}
