//! Requests, repositories and configurations of an attacker, and of bad luck: what is old is not released again, what is public can
//! be read, and who approved a release is who wrote it.

use super::applied::publish;
use crate::cli::sign::keys::Gpg;
use crate::support::requests::{BRANCH, Requests, as_someone, git};
use crate::support::rig::Rig;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

pub(super) const NOVA: &str = "openstack/nova";

/// A mirror, nova with three commits, and a repository of requests.
pub(super) struct Scene {
    pub(super) rig: Rig,
    pub(super) requests: Requests,
    pub(super) commits: [String; 3],
}

/// Returns an entry of nova, and further lines of it.
pub(super) fn entry(version: &str, commit: &str, more: &str) -> String {
    format!("  - version: {version}\n    projects:\n      - {{repo: {NOVA}, hash: {commit}}}\n{more}")
}

/// Returns a request with these entries.
pub(super) fn request(entries: &[String]) -> String {
    format!("team: nova\nrelease-model: cycle-with-rc\nreleases:\n{}", entries.concat())
}

impl Scene {
    pub(super) fn new() -> Self {
        let rig = Rig::new();
        rig.ok(&["init", "--layout", "openstack-tarballs"]);
        let requests = Requests::beside(&rig);
        let commits = [(); 3].map(|()| requests.grow(NOVA, BRANCH));
        Self { rig, requests, commits }
    }

    /// Commits a request, and returns the commit.
    pub(super) fn asks(&self, name: &str, entries: &[String], message: &str) -> String {
        self.requests.write(&format!("requests/2024.1/{name}.yaml"), &request(entries));
        self.requests.commit(message)
    }

    #[track_caller]
    pub(super) fn check(&self, code: i32, args: &[&str]) -> String {
        self.requests.ends(&self.rig, code, &[&["release", "check"], args].concat())
    }

    #[track_caller]
    pub(super) fn apply(&self, code: i32, args: &[&str]) -> String {
        self.requests.ends(&self.rig, code, &[&["release", "apply"], args].concat())
    }

    pub(super) fn events(&self) -> usize {
        self.rig.ok(&["events", "--type", "release.*"]).lines().count()
    }

    /// Makes a hook of the repository of nova.
    pub(super) fn hook(&self, name: &str, script: &str) {
        let hook = self.requests.remote(NOVA).join("hooks").join(name);
        fs::create_dir_all(hook.parent().unwrap()).unwrap();
        fs::write(&hook, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Returns the names of the tags of nova.
    pub(super) fn tags(&self) -> Vec<String> {
        self.requests.tags(NOVA).into_iter().map(|(name, _)| name).collect()
    }

    /// Returns the lines of a tag with that key.
    pub(super) fn stated(&self, tag: &str, key: &str) -> Vec<String> {
        let text = git(&self.requests.remote(NOVA), &["cat-file", "tag", tag]);
        let start = format!("meta:{key}: ");
        text.lines().filter_map(|line| line.strip_prefix(&*start)).map(str::to_owned).collect()
    }
}

#[test]
fn what_an_old_entry_has_is_refused_to_a_new_one_wherever_its_file_is() {
    let scene = Scene::new();
    let [first, _, third] = &scene.commits;
    let build = format!("    build: {NOVA}/29.0.0\n");
    publish(&scene.rig, "29.0.0");
    scene.asks("nova", &[entry("29.0.0", first, &build)], "Release");
    scene.apply(0, &[]);
    git(&scene.requests.at(), &["tag", "base"]);
    scene.asks("aaa", &[entry("5.0.0", third, &build)], "The build of another");
    scene.asks("bbb", &[entry("29.0.0", first, "")], "The tag of another");
    for base in [&["--base", "base"][..], &[]] {
        let text = scene.check(5, base);
        assert!(text.contains("requests/2024.1/aaa.yaml:7:5: build-twice: "), "{text}");
        assert!(text.contains("requests/2024.1/bbb.yaml:6:10: tag-twice: "), "{text}");
        assert!(text.contains(": 2 findings\n"), "{text}");
        let text = scene.apply(5, base);
        assert!(
            text.contains("refused 2024.1/aaa/5.0.0\n") && text.contains("refused 2024.1/bbb/29.0.0\n"),
            "{text}"
        );
    }
    assert_eq!((scene.tags(), scene.events()), (vec!["29.0.0".to_owned()], 1));
    // Both are old: they are not looked at again.
    scene.check(0, &["--base", "HEAD"]);
    // Under another name.
    for file in ["aaa", "bbb"] {
        fs::remove_file(scene.requests.at().join(format!("requests/2024.1/{file}.yaml"))).unwrap();
    }
    git(&scene.requests.at(), &["mv", "requests/2024.1/nova.yaml", "requests/2024.1/other.yaml"]);
    scene.requests.commit("Renamed");
    for base in [&["--base", "base"][..], &[]] {
        let text = scene.apply(5, base);
        assert!(text.contains("refused 2024.1/other/29.0.0\n"), "{text}");
    }
    let other = Rig::new();
    other.ok(&["init", "--layout", "openstack-tarballs"]);
    let text = scene.requests.ends(&other, 5, &["release", "apply", "--base", "base"]);
    assert!(text.contains("tag-twice") && text.contains("with 1 release\n"), "{text}");
    assert_eq!(scene.events(), 1);
}

#[test]
fn every_entry_that_is_slipped_in_is_refused() {
    let scene = Scene::new();
    let [first, second, third] = &scene.commits;
    let old = [entry("28.0.0", first, ""), entry("29.0.0", second, "")];
    scene.asks("nova", &old, "Release");
    git(&scene.requests.at(), &["tag", "base"]);
    let [one, two] = old.clone();
    let new = |version: &str, commit: &str| entry(version, commit, "    flags: [forced]\n");
    let all = [new("1.0.0", first), new("2.0.0", first), one.clone(), new("28.1.0", first), two.clone()];
    scene.asks("nova", &[&all[..], &[entry("29.0.1", third, "")]].concat(), "More");
    let text = scene.apply(5, &["--base", "base"]);
    for version in ["1.0.0", "2.0.0", "28.1.0"] {
        assert!(text.contains(&format!("refused 2024.1/nova/{version}\n")), "{text}");
    }
    assert_eq!(scene.tags(), ["29.0.1"], "what is added at the end is released");
    scene.asks("nova", &[two, one], "Moved");
    let text = scene.check(5, &["--base", "base"]);
    assert!(text.contains("`28.0.0` was moved; entries are only added at the end"), "{text}");
    scene.asks("nova", &[new("30.0.0", third)], "Removed");
    let text = scene.apply(5, &["--base", "base"]);
    assert!(text.contains("`28.0.0` was removed") && text.contains("`29.0.0` was removed"), "{text}");
    assert!(text.contains("refused 2024.1/nova/30.0.0\n"), "{text}");
}

#[test]
fn what_was_applied_keeps_its_build_its_announcement_and_its_place() {
    let scene = Scene::new();
    let [first, second, _] = &scene.commits;
    publish(&scene.rig, "29.0.0");
    publish(&scene.rig, "29.0.1");
    let with = |build: &str, words: &str| {
        entry("29.0.0", first, &format!("    build: {NOVA}/{build}\n    announcement: {words}\n"))
    };
    scene.asks("nova", &[with("29.0.0", "Here")], "Release");
    scene.apply(0, &[]);
    for (entries, said) in [
        (vec![with("29.0.1", "Here")], "was applied with the build `openstack/nova/29.0.0`"),
        (vec![with("29.0.0", "There")], "was applied with another announcement"),
        (vec![], "`2024.1/nova/29.0.0` was applied, and was removed"),
    ] {
        scene.asks("nova", &entries, "Changed");
        assert!(scene.check(5, &[]).contains(said), "{said}");
    }
    scene.asks("nova", &[entry("29.0.1", second, "")], "Another for it");
    assert!(scene.apply(0, &[]).contains("released 2024.1/nova/29.0.1\n"));
}

#[test]
fn approvals_are_those_of_every_commit_that_wrote_the_entry() {
    let scene = Scene::new();
    let [first, second, third] = &scene.commits;
    let (one, two) = (entry("29.0.0", first, ""), entry("29.1.0", second, ""));
    scene.asks("nova", std::slice::from_ref(&one), "Release\n\nApproved-by: Alice <a@x>");
    let one = one.replace(&**first, second);
    let newest =
        scene.asks("nova", &[one.clone(), two.clone()], "Another commit, and a release\n\nApproved-by: Bob");
    let three = entry("29.2.0", third, "");
    scene.asks("nova", &[one.clone(), two.clone(), three.clone()], "Release\n\nApproved-by: Alice <a@x>");
    // No one approved that; a comment after the entry is not part of it.
    let three = three.replace("    projects:", "    projects: # all") + "# the end\n";
    let fix = scene.asks("nova", &[one, two, three], "Fix a typo");
    scene.requests.commit("Nothing\n\nApproved-by: Mallory");
    scene.apply(0, &[]);
    assert_eq!(scene.stated("29.0.0", "approved-by"), ["Alice <a@x>", "Bob"]);
    assert_eq!(scene.stated("29.0.0", "request"), std::slice::from_ref(&newest));
    assert_eq!(scene.stated("29.1.0", "approved-by"), ["Bob"]);
    assert_eq!(scene.stated("29.1.0", "request"), [newest]);
    assert!(scene.stated("29.2.0", "approved-by").is_empty());
    assert_eq!(scene.stated("29.2.0", "request"), [fix]);
}

#[test]
fn lines_are_the_same_for_git_and_for_the_rules() {
    let scene = Scene::new();
    let [first, second, _] = &scene.commits;
    let dos = request(&[entry("29.0.0", first, "")]).replace('\n', "\r\n");
    scene.requests.write("requests/2024.1/dos.yaml", &dos);
    scene.requests.commit("Release\n\nApproved-by: Alice");
    let odd = request(&[entry("30.0.0", second, "")]).replace("team: nova\n", "team: nova\r# a\r# b\r# c\n");
    scene.requests.write("requests/2024.1/aaa.yaml", &odd);
    scene.requests.commit("Odd");
    let text = scene.apply(5, &[]);
    assert!(text.contains("aaa.yaml: file-form: line 1 contains a carriage return"), "{text}");
    assert!(text.contains("released 2024.1/dos/29.0.0\n"), "{text}");
    assert_eq!(scene.tags(), ["29.0.0"]);
    assert_eq!(scene.stated("29.0.0", "approved-by"), ["Alice"]);
    scene.requests.write("requests/2024.1/aaa.yaml", &format!("# \u{2028}\n{}", request(&[])));
    scene.requests.commit("Odd");
    assert!(scene.check(5, &[]).contains("line 1 contains U+2028"));
}

#[test]
fn a_shallow_repository_of_requests_has_no_approvals() {
    let scene = Scene::new();
    scene.asks("nova", &[entry("29.0.0", &scene.commits[0], "")], "Release\n\nApproved-by: Alice");
    scene.requests.commit("Unrelated\n\nApproved-by: Bob");
    let clone = scene.rig.work("../shallow");
    let from = format!("file://{}", scene.requests.at().display());
    git(&scene.requests.at(), &["clone", "-q", "--depth", "1", &from, clone.to_str().unwrap()]);
    let mut apply = scene.rig.command(&["release", "apply", "--requests", clone.to_str().unwrap()]);
    as_someone(&mut apply);
    let output = apply.output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("`git fetch --unshallow` fetches"), "{text}");
    assert!(scene.tags().is_empty());
}

#[test]
fn no_configuration_decides_what_a_request_says() {
    let scene = Scene::new();
    let mark = |name: &str| scene.rig.work(&format!("../{name}"));
    let at = scene.requests.at();
    scene.asks("nova", &[entry("29.0.0", &scene.commits[0], "")], "Release\n\nApproved-by: Alice");
    scene.requests.write(".gitattributes", "*.yaml diff=x\n");
    scene.requests.commit("Attributes");
    let global = mark("gitconfig");
    let converts = format!("touch {}; tac", mark("converted").display());
    fs::write(
        &global,
        format!("[blame]\n\tignoreRevsFile = no-such-file\n[diff \"x\"]\n\ttextconv = \"{converts}\"\n"),
    )
    .unwrap();
    git(&at, &["config", "diff.x.textconv", &converts]);
    let mut apply = scene.requests.command(&scene.rig, &["release", "apply"]);
    let output = apply.env("GIT_CONFIG_GLOBAL", &global).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!mark("converted").exists());
    assert_eq!(scene.stated("29.0.0", "approved-by"), ["Alice"]);
    // An object that is missing is not fetched from a remote that runs a command.
    let copy = mark("copy");
    git(&at, &["clone", "-q", "--bare", ".", copy.to_str().unwrap()]);
    let fetches = format!("touch {}; git-upload-pack", mark("fetched").display());
    for (key, value) in [
        ("core.repositoryformatversion", "1"),
        ("extensions.partialClone", "origin"),
        ("remote.origin.promisor", "true"),
        ("remote.origin.url", &format!("file://{}", copy.display())),
        ("remote.origin.uploadpack", &fetches),
    ] {
        git(&at, &["config", key, value]);
    }
    let blob = git(&at, &["rev-parse", "HEAD:requests/2024.1/nova.yaml"]);
    let (dir, name) = blob.split_at(2);
    fs::remove_file(at.join(".git/objects").join(dir).join(name)).unwrap();
    let text = scene.check(5, &[]);
    assert!(text.contains("its contents are missing in the repository"), "{text}");
    assert!(!mark("fetched").exists());
}

#[test]
fn a_tag_that_could_not_be_used_is_not_pushed() {
    let scene = Scene::new();
    let gpg = Gpg::new();
    let keyring = gpg.key("releases", "");
    let _stranger = gpg.key("stranger", "");
    let api = scene.requests.grow("openstack/api", BRANCH);
    let more = format!("      - {{repo: openstack/api, hash: {api}}}\n");
    scene.asks("nova", &[entry("29.0.0", &scene.commits[0], &more)], "Release");
    let run = |code: i32, args: &[&str]| {
        let all = [&["release", "apply", "--keyring", keyring.to_str().unwrap()], args].concat();
        let mut command = scene.requests.command(&scene.rig, &all);
        let output = command.env("GNUPGHOME", gpg.home()).output().unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert_eq!(output.status.code(), Some(code), "{text}");
        text
    };
    for args in [&[][..], &["--dry-run"]] {
        assert!(run(1, args).contains("accepts signed tags alone, and without `--sign KEY`"));
    }
    let text = run(1, &["--sign", "stranger"]);
    assert!(text.contains("it could not be used, so it was not pushed: "), "{text}");
    assert!(scene.tags().is_empty() && scene.requests.tags("openstack/api").is_empty());
    run(0, &["--sign", "releases"]);
    assert_eq!((scene.tags().len(), scene.requests.tags("openstack/api").len()), (1, 1));
    let at = format!("{}@29.0.0", scene.requests.remote(NOVA).display());
    scene.rig.ok(&["release", "show-tag", &at, "--keyring", keyring.to_str().unwrap()]);
    // More labels than a message may have lines.
    let labels: String = (0..1200).map(|number| format!("      l{number}: x\n")).collect();
    scene.asks("other", &[entry("1.0.0", &scene.commits[0], &format!("    labels:\n{labels}"))], "Release");
    assert!(scene.apply(5, &[]).contains("1200 labels; at most 100 are accepted"));
    assert_eq!(scene.tags(), ["29.0.0"]);
}

#[test]
fn an_approval_in_another_encoding_can_be_read_in_the_tag() {
    let scene = Scene::new();
    scene.requests.write("requests/2024.1/nova.yaml", &request(&[entry("29.0.0", &scene.commits[0], "")]));
    let file = scene.rig.work("../message");
    fs::write(&file, b"Release\n\nApproved-by: Jos\xe9 <j@x>\n").unwrap();
    git(&scene.requests.at(), &["add", "-A"]);
    let encoded = ["-c", "i18n.commitEncoding=ISO-8859-1", "commit", "-q", "-F", file.to_str().unwrap()];
    git(&scene.requests.at(), &encoded);
    scene.apply(0, &[]);
    let at = format!("{}@29.0.0", scene.requests.remote(NOVA).display());
    assert!(scene.rig.ok(&["release", "show-tag", &at]).contains("approved-by: José <j@x>\n"));
}

#[test]
fn a_tag_object_is_no_commit_whatever_a_clone_has() {
    let scene = Scene::new();
    let work = scene.rig.work("../clones");
    let work = ["--work", work.to_str().unwrap()];
    let one = entry("1.0.0", &scene.commits[0], "");
    scene.asks("nova", std::slice::from_ref(&one), "Release");
    scene.apply(0, &work);
    let tag = git(&scene.requests.remote(NOVA), &["rev-parse", "refs/tags/1.0.0"]);
    scene.asks("nova", &[one, entry("1.0.1", &tag, "")], "Release");
    for args in [&work[..], &[]] {
        assert!(scene.check(5, args).contains("commit-missing: "));
        assert!(scene.apply(5, args).contains("refused 2024.1/nova/1.0.1\n"));
    }
    // Commits of repositories with longer IDs cannot be asked for.
    scene.asks("nova", &[entry("1.0.2", &"a".repeat(64), "")], "Release");
    assert!(scene.check(5, &[]).contains("all of its 40 digits are accepted"));
}

#[test]
fn a_hook_that_receives_requests_can_check_them() {
    let scene = Scene::new();
    scene.asks("nova", &[entry("29.0.0", &scene.commits[0], "")], "Release");
    let server = scene.rig.work("../server.git");
    let at = scene.requests.at();
    git(&at, &["clone", "-q", "--bare", ".", server.to_str().unwrap()]);
    let hook = server.join("hooks/pre-receive");
    fs::create_dir_all(hook.parent().unwrap()).unwrap();
    let program = scene.rig.command(&[]).get_program().to_owned();
    let script = format!(
        "#!/bin/sh\nread old new ref\n{} release check --without-mirror --requests . --rev $new --base $old\n",
        Path::new(&program).display()
    );
    fs::write(&hook, script).unwrap();
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    let entries = [entry("29.0.0", &scene.commits[0], ""), entry("29.0.1", &scene.commits[1], "")];
    scene.asks("nova", &entries, "Release");
    git(&at, &["push", "-q", server.to_str().unwrap(), "main"]);
    scene.asks("nova", &entries[1..], "Removed");
    let mut push = Command::new("git");
    as_someone(&mut push);
    push.current_dir(&at).args(["push", "-q", server.to_str().unwrap(), "main"]);
    let output = push.output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && text.contains("only-appended: `29.0.0` was removed"), "{text}");
}

#[test]
fn no_tag_is_pushed_while_the_mirror_is_busy() {
    let scene = Scene::new();
    scene.asks("nova", &[entry("29.0.0", &scene.commits[0], "")], "Release");
    let lock = fs::File::open(scene.rig.mirror(".mirrorkeep/lock")).unwrap();
    lock.lock().unwrap();
    assert!(scene.apply(7, &["--wait", "0"]).contains("the mirror is busy"));
    assert!(scene.tags().is_empty());
    lock.unlock().unwrap();
    scene.apply(0, &[]);
}

#[test]
fn a_word_of_a_message_makes_no_final_release_of_an_unknown_version() {
    let scene = Scene::new();
    let bare = scene.requests.remote(NOVA);
    let from = scene.rig.work("../files");
    scene.rig.write("../files/nova-29.1.1rc1.tar.gz", "x");
    let publish = |tag: &str, message: &str, more: &[&str]| {
        git(&bare, &["tag", "-a", "-m", message, tag, &scene.commits[0]]);
        let at = format!("{}@{tag}", bare.display());
        scene.rig.run(&[&["publish", from.to_str().unwrap(), "--from-tag", &at], more].concat())
    };
    let message = "nova 29.1.1rc1 final\n\nmeta:series: 2024.1\nmeta:stream: openstack/nova";
    let output = publish("29.1.1rc1", message, &[]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!scene.rig.mirror("openstack/nova/stable-2024.1").exists());
    for more in [&[][..], &["--stream", NOVA]] {
        let tag = if more.is_empty() { "2024.1-eol" } else { "2023.1-eol" };
        let output = publish(tag, &format!("nova {tag} eol"), more);
        assert_eq!(output.status.code(), Some(3));
        assert!(String::from_utf8_lossy(&output.stderr).contains("the end of life of a series"));
    }
    let text = scene.requests.ends(&scene.rig, 2, &["--json", "release", "check", "--format", "junit"]);
    assert!(text.contains("`--format junit` writes XML"), "{text}");
}

#[test]
fn a_lock_that_a_killed_git_left_is_said_with_what_to_remove() {
    let scene = Scene::new();
    let work = scene.rig.work("../clones");
    let args = ["--work", work.to_str().unwrap()];
    scene.asks("nova", &[entry("29.0.0", &scene.commits[0], "")], "Release");
    scene.check(0, &args);
    let clone = fs::read_dir(&work).unwrap().next().unwrap().unwrap().path();
    fs::create_dir_all(clone.join("refs/tags")).unwrap();
    for lock in ["refs/tags/29.0.0.lock", "config.lock"] {
        fs::write(clone.join(lock), "").unwrap();
        let text = scene.apply(1, &args);
        assert!(text.contains("if no other command uses it, remove `"), "{text}");
    }
    fs::remove_dir_all(clone).unwrap();
    scene.apply(0, &args);
}
