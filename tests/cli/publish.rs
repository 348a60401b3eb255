//! Publishing, aliases and labels, as sentences of the command line.

use crate::support::rig::{Rig, tree};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

const ONE: &str = "20181205T060000Z";
const TWO: &str = "20181206T060000Z";
const THREE: &str = "20181207T060000Z";

#[test]
fn three_builds_share_what_is_unchanged_and_latest_follows() {
    let rig = Rig::new();
    rig.publish(ONE, &[]);
    rig.write("outputs/iso/bootimage.iso", "another image").publish(TWO, &[]);
    rig.publish(THREE, &[]);
    let at = |build: &str, file: &str| format!("master/centos/{build}/outputs/{file}");
    assert_eq!(rig.inode(&at(ONE, "RPMS/std/a.rpm")), rig.inode(&at(THREE, "RPMS/std/a.rpm")));
    assert_ne!(rig.inode(&at(ONE, "iso/bootimage.iso")), rig.inode(&at(TWO, "iso/bootimage.iso")));
    assert_eq!(rig.inode(&at(TWO, "iso/bootimage.iso")), rig.inode(&at(THREE, "iso/bootimage.iso")));
    assert_eq!(rig.latest().as_deref(), Some(THREE));
    for build in [ONE, TWO, THREE, "latest_build"] {
        rig.sums_hold(&format!("master/centos/{build}"));
    }
    let list = rig.json(&["list"]);
    assert_eq!(list["builds"].as_array().unwrap().len(), 3);
    assert_eq!(list["builds"][2]["aliases"][0], "master/centos/latest_build");
    assert_eq!(rig.json(&["show", &format!("master/centos/{ONE}")])["result"], "success");
}

#[test]
fn files_are_read_only_and_the_own_area_is_private() {
    let rig = Rig::new();
    fs::set_permissions(rig.work("outputs/iso/bootimage.iso"), fs::Permissions::from_mode(0o6777)).unwrap();
    rig.publish(ONE, &[]);
    let mode = |below: &str| fs::metadata(rig.mirror(below)).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(&format!("master/centos/{ONE}/outputs/RPMS/std/a.rpm")), 0o444);
    assert_eq!(mode(&format!("master/centos/{ONE}/outputs/iso/bootimage.iso")), 0o555);
    assert_eq!(mode(&format!("master/centos/{ONE}/outputs")), 0o755);
    assert_eq!(mode(".mirrorkeep"), 0o700);
}

#[test]
fn the_same_again_is_no_change_and_another_content_is_refused() {
    let rig = Rig::new();
    rig.publish(ONE, &[]);
    let before = tree(&rig.mirror("master"));
    assert!(rig.publish(ONE, &[]).contains("unchanged"));
    rig.write("outputs/iso/bootimage.iso", "other").write("outputs/iso/new.iso", "new");
    let work = rig.work("");
    let args = ["publish", work.to_str().unwrap(), "--stream", "master/centos", "--build", ONE];
    rig.fails(1, "changed: outputs/iso/bootimage.iso", &args);
    rig.fails(1, "new here: outputs/iso/new.iso", &args);
    assert_eq!(tree(&rig.mirror("master")), before);
}

#[test]
fn the_first_build_of_a_stream_whose_name_looks_misspelt_is_warned_of() {
    let rig = Rig::new();
    rig.ok(&["init", "--layout", "generic"]);
    let work = rig.work("").display().to_string();
    let publish = |stream: &str, build: &str, more: &[&str]| {
        rig.ends(0, &[&["publish", &work, "--stream", stream, "--build", build], more].concat())
    };
    let warns = |said: &str| said.contains("is a new stream, and its name looks like that of `main/debian`");
    for stream in ["main/debian", "release/2.1", "release/2.2", "main/el9"] {
        let said = publish(stream, ONE, &[]);
        assert!(!said.contains("is a new stream"), "{said}");
    }
    assert!(warns(&publish("mian/debian", ONE, &["--dry-run"])));
    let said = publish("mian/debian", ONE, &[]);
    assert!(warns(&said), "{said}");
    // Once it is there, it is a stream like any other.
    assert!(!warns(&publish("mian/debian", TWO, &[])));
    let hint = said.split('`').find(|text| text.starts_with("mirrorkeep withdraw")).unwrap();
    rig.ok(&hint.replace("TEXT", "misspelt").split(' ').skip(1).collect::<Vec<_>>());
}

#[test]
fn an_alias_is_not_set_where_the_layout_has_a_place_for_streams_or_builds() {
    let rig = Rig::new();
    rig.ok(&["init", "--layout", "generic"]);
    let work = rig.work("").display().to_string();
    let publish = |stream: &str| rig.ok(&["publish", &work, "--stream", stream, "--build", ONE]);
    publish("main/debian");
    let target = format!("main/debian/{ONE}");
    for (alias, what) in [
        ("zoo", "streams"),
        ("main/foo", "streams"),
        ("main/debian/foo", "streams"),
        (&*format!("main/debian/{TWO}"), "a build"),
    ] {
        for more in [&[][..], &["--dry-run"]] {
            let said = format!("`{alias}` cannot be an alias: the layout has a place for {what} there");
            rig.fails(2, &said, &[&["alias", "set", alias, &target], more].concat());
        }
    }
    // The way that is named leads to an alias that `check` knows.
    let settings = rig.mirror(".mirrorkeep/mirror.yaml");
    let text = fs::read_to_string(&settings).unwrap();
    fs::write(&settings, format!("{text}aliases: [{{name: foo, by_hand: true}}]\n")).unwrap();
    rig.ok(&["alias", "set", "main/debian/foo", &target]);
    rig.ok(&["alias", "set", "main/debian/testing", &target]);
    rig.ok(&["check"]);
    publish("zoo/debian");
}

#[test]
fn latest_goes_neither_back_nor_to_a_failure() {
    let rig = Rig::new();
    rig.publish(TWO, &[]);
    rig.publish(ONE, &[]);
    rig.publish(THREE, &["--result", "fail"]);
    assert_eq!(rig.latest().as_deref(), Some(TWO));
    assert!(rig.mirror(&format!("master/centos/{THREE}/outputs/fail")).exists());
    assert!(!rig.mirror(&format!("master/centos/{THREE}/outputs/success")).exists());
}

#[test]
fn an_alias_set_by_hand_is_looked_at_first() {
    let rig = Rig::new();
    rig.publish(ONE, &[]);
    rig.publish(TWO, &[]);
    rig.publish(THREE, &["--result", "fail"]);
    let alias = "master/centos/latest_build";
    rig.fails(1, "newer than", &["alias", "set", alias, ONE]);
    rig.fails(1, "whose result is fail", &["alias", "set", alias, THREE]);
    rig.fails(1, "nothing is at", &["alias", "set", alias, "master/centos/20990101T000000Z"]);
    rig.fails(1, "inside the build", &["alias", "set", &format!("master/centos/{ONE}/x"), TWO]);
    rig.fails(2, "`..`", &["alias", "set", alias, "../../etc"]);
    rig.ok(&["alias", "set", alias, ONE, "--allow-backwards"]);
    assert_eq!(rig.latest().as_deref(), Some(ONE));
    // What was set by hand stays until something newer comes.
    rig.ok(&["label", &format!("master/centos/{ONE}"), "sanity=green"]);
    assert_eq!(rig.latest().as_deref(), Some(ONE));
}

#[test]
fn a_link_inside_a_build_is_no_alias_to_remove() {
    let rig = Rig::new();
    symlink("bootimage.iso", rig.work("outputs/iso/latest.iso")).unwrap();
    rig.publish(ONE, &[]);
    let link = format!("master/centos/{ONE}/outputs/iso/latest.iso");
    for more in [&[][..], &["--dry-run"]] {
        let args = [&["alias", "remove", &*link], more].concat();
        rig.fails(1, &format!("inside the build `master/centos/{ONE}`"), &args);
    }
    assert!(rig.mirror(&link).is_symlink());
    rig.fails(1, "there is no alias", &["alias", "remove", "master/centos/nothing", "--dry-run"]);
    rig.ok(&["alias", "remove", "master/centos/latest_build"]);
}

#[test]
fn files_of_the_mirror_are_neither_moved_nor_linked_into_another_build() {
    let rig = Rig::new();
    rig.publish(ONE, &[]);
    let before = tree(&rig.mirror("master"));
    let within = rig.mirror(&format!("master/centos/{ONE}/outputs/RPMS"));
    let beside = rig.work("rpms");
    symlink(&within, &beside).unwrap();
    for from in [within.clone(), within.join("std/a.rpm"), beside] {
        let add = format!("outputs/RPMS={}", from.display());
        for take in ["move", "link"] {
            for more in [&[][..], &["--dry-run"]] {
                let args = [&["publish", "--add", &*add, "--stream", "master/debian", "--take", take], more]
                    .concat();
                rig.fails(1, "is part of the mirror", &args);
            }
        }
    }
    assert_eq!(tree(&rig.mirror("master")), before);
    let add = format!("outputs/RPMS={}", within.display());
    rig.ok(&["publish", "--add", &add, "--stream", "master/debian", "--build", TWO]);
}

#[test]
fn markers_and_context_are_regular_files() {
    #[track_caller]
    fn case(said: &str, make: impl Fn(&Rig)) {
        let rig = Rig::new();
        rig.ok(&["init"]);
        make(&rig);
        let work = rig.work("");
        for more in [&[][..], &["--dry-run"]] {
            let args = [&["publish", work.to_str().unwrap(), "--stream", "master/centos"], more].concat();
            rig.fails(1, said, &args);
        }
        assert!(!rig.mirror("master").exists());
    }
    for name in ["CONTEXT", "success", "fail"] {
        let at = format!("outputs/{name}");
        let link = format!("`{at}` is a symlink; a regular file");
        case(&link, |rig| {
            rig.write("outputs/logs/x.txt", "touch PWNED\n");
            symlink("logs/x.txt", rig.work(&at)).unwrap();
        });
        case(&link, |rig| symlink("nowhere", rig.work(&at)).unwrap());
        let dir = format!("`{at}` is a directory; a regular file");
        case(&dir, |rig| fs::create_dir_all(rig.work(&at)).unwrap());
        case(&dir, |rig| {
            rig.write(&format!("{at}/x"), "x");
        });
    }
    case("mirrorkeep writes this file itself", |rig| {
        rig.write("SHA256SUMS/x", "x");
    });
}

#[test]
fn an_answer_that_cannot_be_written_is_no_success() {
    let rig = Rig::new();
    rig.publish(ONE, &[]);
    let id = format!("master/centos/{ONE}");
    let verbs: &[&[&str]] = &[
        &["list"],
        &["show", &id],
        &["census"],
        &["alias", "list"],
        &["resolve", "master/centos/latest_build"],
        &["plan"],
        &["explain", &id],
        &["prune", "--dry-run"],
        &["verify", "--all"],
        &["check", "--list"],
        &["policy", "show"],
        &["policy", "list"],
        &["policy", "schema"],
        &["layout", "list"],
        &["layout", "show"],
        &["export", "redirects", "--for", "nginx"],
        &["label", &id, "a=b"],
        &["man"],
        &["completions", "bash"],
        &["--help"],
        &["publish", "--help"],
        &["--version"],
    ];
    for verb in verbs {
        for json in [&[][..], &["--json"]] {
            let args = [json, *verb].concat();
            let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
            let output = rig.command(&args).stdout(full).output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(1), "{args:?}: {said}");
            assert!(said.contains("cannot write to standard output: No space left"), "{args:?}: {said}");
            // A reader that has seen enough is served well.
            let (reader, writer) = std::io::pipe().unwrap();
            drop(reader);
            let output = rig.command(&args).stdout(writer).output().unwrap();
            assert_eq!(output.status.code(), Some(0), "{args:?}");
        }
    }
}

#[test]
fn only_init_makes_a_mirror() {
    let rig = Rig::new();
    let work = rig.work("");
    let publish = ["publish", work.to_str().unwrap(), "--stream", "master/centos", "--build", ONE];
    rig.fails(3, "init", &publish);
    assert!(!rig.mirror("").exists());
    // The mount point of a disk that is not mounted.
    fs::create_dir(rig.mirror("")).unwrap();
    rig.fails(3, &format!("mirrorkeep --mirror {} init", rig.mirror("").display()), &publish);
    assert!(tree(&rig.mirror("")).is_empty());
    rig.ok(&[&publish[..], &["--init"]].concat());
    // In a mirror it changes nothing.
    assert!(rig.ok(&[&publish[..], &["--init"]].concat()).contains("unchanged"));
}

#[test]
fn a_name_whose_place_is_taken_is_reported() {
    #[track_caller]
    fn case(take: impl Fn(&std::path::Path)) {
        let rig = Rig::new();
        rig.publish(ONE, &[]);
        let name = rig.mirror("master/centos/latest_build");
        fs::remove_file(&name).unwrap();
        take(&name);
        let work = rig.work("");
        let args = ["publish", work.to_str().unwrap(), "--stream", "master/centos", "--build", TWO];
        let output = rig.run(&[&["--json"], &args[..]].concat());
        let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let warning = answer["warnings"][0].as_str().unwrap();
        assert!(warning.contains("`master/centos/latest_build` is not moved to"), "{warning}");
        // A failure would not have moved it.
        let args = ["publish", args[1], args[2], args[3], "--build", THREE, "--result", "fail"];
        assert_eq!(rig.json(&args)["warnings"], serde_json::json!([]));
    }
    case(|name| fs::create_dir(name).unwrap());
    case(|name| fs::write(name, ONE).unwrap());
}

#[test]
fn a_mirror_elsewhere_is_not_taken_for_a_directory() {
    let rig = Rig::new();
    let work = rig.work("");
    for at in [
        "s3:/bucket/prefix",
        "host:/srv/mirror",
        "user:s3cr3t@host:/srv/mirror",
        "s3://bucket/a?key=s3cr3t",
        "s3://KEY:s3cr3t@bucket/a",
        "s3:/KEY:s3cr3t@bucket/a",
        "s3:/bucket/a?key=s3cr3t",
    ] {
        let mut publish = Command::new(env!("CARGO_BIN_EXE_mirrorkeep"));
        publish.current_dir(rig.work("")).args(["--mirror", at, "publish", "--init"]).arg(&work);
        let output = publish.args(["--stream", "master/centos"]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{at}: {said}");
        assert!(!said.contains("s3cr3t"), "{said}");
    }
    assert_eq!(fs::read_dir(rig.work("")).unwrap().count(), 1);
}

#[test]
fn a_label_moves_the_alias_that_waits_for_it() {
    let rig = Rig::new();
    rig.ok(&["init"]);
    let settings = rig.mirror(".mirrorkeep/mirror.yaml");
    let text = fs::read_to_string(&settings).unwrap();
    let alias = "aliases:\n- name: latest_green_build\n  labels: {sanity: green}\n";
    fs::write(&settings, text + alias).unwrap();
    rig.publish(ONE, &[]);
    rig.publish(TWO, &[]);
    assert!(!rig.mirror("master/centos/latest_green_build").exists());
    rig.ok(&["label", &format!("master/centos/{ONE}"), "sanity=green"]);
    let green = fs::read_link(rig.mirror("master/centos/latest_green_build")).unwrap();
    assert_eq!(green.to_str(), Some(ONE));
}

#[test]
fn branches_go_where_the_layout_maps_them() {
    #[track_caller]
    fn case(branch: &str, expected: &str) {
        let rig = Rig::new();
        let branch = ["layout", "path", "--layout", "starlingx", "--git-branch", branch];
        let args = [&branch[..], &["--distro", "centos", "--build", ONE]].concat();
        assert_eq!(rig.ok(&args).trim(), format!("{expected}/centos/{ONE}"));
    }
    case("master", "master");
    case("origin/master", "master");
    case("refs/heads/f/centos8", "feature/centos8");
    case("f/centos8", "feature/centos8");
    for milestone in ["m/2018.10.b3", "m2018.10.b3", "2018.10.b3"] {
        case(milestone, "milestone/2018.10");
    }
    case("r/stx.2.0", "rc/2.0");
    case("r/stx.10.0", "rc/10.0");
    for release in ["r/2018.10", "r2018.10", "2018.10", "r/2018.10.5", "r2018.10.5"] {
        case(release, "release/2018.10");
    }
}

#[test]
fn a_release_brings_its_legacy_name() {
    let rig = Rig::new();
    rig.ok(&["init"]);
    let work = rig.work("");
    rig.ok(&[
        "publish",
        work.to_str().unwrap(),
        "--git-branch",
        "r/2018.10",
        "--distro",
        "centos",
        "--build",
        ONE,
    ]);
    assert_eq!(fs::read_link(rig.mirror("r2018.10")).unwrap().to_str(), Some("release/2018.10"));
    rig.sums_hold(&format!("r2018.10/centos/{ONE}"));
}

#[test]
fn what_has_no_place_is_told_with_the_nearest() {
    let rig = Rig::new();
    rig.ok(&["init"]);
    let work = rig.work("");
    let work = work.to_str().unwrap();
    rig.fails(2, "`mastre` does not fit", &["publish", work, "--stream", "mastre/centos"]);
    rig.fails(
        2,
        "is not a valid build name there",
        &["publish", work, "--stream", "master/centos", "--build", "today"],
    );
    rig.fails(
        2,
        "impossible",
        &["publish", work, "--stream", "master/centos", "--build", "20180230T000000Z"],
    );
    rig.fails(
        2,
        "is dated in the future",
        &["publish", work, "--stream", "master/centos", "--build", "99991231T000000Z"],
    );
    rig.write("outputs/RPMS/sdt/b.rpm", "b");
    rig.fails(1, "nearest: `outputs/RPMS/std/b.rpm`", &["publish", work, "--stream", "master/centos"]);
    rig.fails(2, "does not exist", &["publish", "/does/not/exist", "--stream", "master/centos"]);
    assert!(!rig.mirror("master").exists());
}

#[test]
fn a_hostile_source_is_refused_as_a_whole() {
    let rig = Rig::new();
    rig.ok(&["init"]);
    let work = rig.work("");
    let args = ["publish", work.to_str().unwrap(), "--stream", "master/centos", "--build", ONE];
    symlink("/etc/passwd", rig.work("outputs/iso/link")).unwrap();
    rig.fails(1, "outside the build", &args);
    fs::remove_file(rig.work("outputs/iso/link")).unwrap();
    assert!(Command::new("mkfifo").arg(rig.work("outputs/iso/pipe")).status().unwrap().success());
    rig.fails(1, "is a FIFO", &args);
    fs::remove_file(rig.work("outputs/iso/pipe")).unwrap();
    rig.write("outputs/iso/a\nb", "x");
    rig.fails(1, "control character", &args);
    fs::remove_file(rig.work("outputs/iso/a\nb")).unwrap();
    rig.write("SHA256SUMS", "x");
    rig.fails(1, "mirrorkeep writes this file itself", &args);
    assert!(!rig.mirror("master").exists());
}

#[test]
fn a_context_that_is_not_safe_to_source_is_refused() {
    let rig = Rig::new();
    rig.ok(&["init"]);
    let work = rig.work("");
    let context = rig.work("../CONTEXT");
    let sha = "22a60625f169202a68b524ac0126afb1d10921cd";
    let args = |context: &str| {
        let args =
            ["publish", work.to_str().unwrap(), "--stream", "master/centos", "--build", ONE, "--context"];
        args.iter().map(|arg| (*arg).to_owned()).chain([context.to_owned()]).collect::<Vec<_>>()
    };
    let args = args(context.to_str().unwrap());
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    fs::write(&context, format!("(cd ./a && git checkout -f {sha}); reboot\n")).unwrap();
    rig.fails(1, "line 1", &args);
    fs::write(&context, format!("(cd ./a && git checkout -f {sha})\r\n")).unwrap();
    rig.fails(1, "CRLF", &args);
    fs::write(&context, format!("(cd ./a && git checkout -f {sha})\n")).unwrap();
    rig.ok(&args);
    let published = fs::read(rig.mirror(&format!("master/centos/{ONE}/outputs/CONTEXT"))).unwrap();
    assert_eq!(published, fs::read(context).unwrap());
}

#[test]
fn git_is_asked_what_a_workspace_is_made_of() {
    let rig = Rig::new();
    let git = |dir: &str, args: &[&str]| {
        let identity = ["-c", "user.name=builder", "-c", "user.email=builder@example.org"];
        fs::create_dir_all(rig.work(dir)).unwrap();
        let done = Command::new("git").current_dir(rig.work(dir)).args(identity).args(args).output().unwrap();
        assert!(done.status.success());
        String::from_utf8(done.stdout).unwrap().trim().to_owned()
    };
    let mut commits = Vec::new();
    for dir in ["ws/stx/git10", "ws/stx/git2", "ws/.repo/repo", "ws/.repo/manifests", "ws/a/b/c/d/e/deep"] {
        git(dir, &["init", "-q"]);
        git(dir, &["commit", "-q", "--allow-empty", "-m", dir]);
        commits.push(git(dir, &["rev-parse", "HEAD"]));
    }
    fs::rename(rig.work("ws"), rig.work("../ws")).unwrap();
    let workspace = rig.work("../ws");
    rig.publish(ONE, &["--context-from", workspace.to_str().unwrap()]);
    let context = fs::read_to_string(rig.mirror(&format!("master/centos/{ONE}/outputs/CONTEXT"))).unwrap();
    let line = |dir: &str, commit: &str| format!("(cd ./{dir} && git checkout -f {commit})\n");
    let expected =
        [line("stx/git2", &commits[1]), line("stx/git10", &commits[0]), line(".repo/manifests", &commits[3])];
    assert_eq!(context, expected.concat());
}

/// Runs git in a directory of the workspace and returns what it answers.
#[track_caller]
fn git(dir: &Path, args: &[&str]) -> String {
    let identity = ["-c", "user.name=builder", "-c", "user.email=builder@example.org"];
    let mut git = Command::new("git");
    git.current_dir(dir).args(identity).args(["-c", "protocol.file.allow=always"]).args(args);
    let done = git.output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap().trim().to_owned()
}

/// Makes a checkout with one commit, whose digits it returns.
#[track_caller]
fn checkout(dir: &Path) -> String {
    fs::create_dir_all(dir).unwrap();
    git(dir, &["init", "-q"]);
    git(dir, &["commit", "-q", "--allow-empty", "-m", &dir.display().to_string()]);
    git(dir, &["rev-parse", "HEAD"])
}

#[test]
fn a_workspace_that_is_one_checkout_has_a_context_that_can_be_sourced() {
    let rig = Rig::new();
    let (library, workspace) = (rig.work("../library"), rig.work("../ws"));
    let sub = checkout(&library);
    checkout(&workspace);
    git(&workspace, &["submodule", "--quiet", "add", library.to_str().unwrap(), "lib/sub"]);
    git(&workspace, &["commit", "-q", "-m", "with a submodule"]);
    let top = git(&workspace, &["rev-parse", "HEAD"]);
    rig.publish(ONE, &["--context-from", workspace.to_str().unwrap()]);
    let file = rig.mirror(&format!("master/centos/{ONE}/outputs/CONTEXT"));
    let expected = format!("(cd ./. && git checkout -f {top})\n(cd ./lib/sub && git checkout -f {sub})\n");
    assert_eq!(fs::read_to_string(&file).unwrap(), expected);
    git(&workspace, &["commit", "-q", "--allow-empty", "-m", "later"]);
    let sourced =
        Command::new("sh").args(["-e", "-c", ". \"$0\""]).arg(&file).current_dir(&workspace).output();
    assert!(sourced.unwrap().status.success());
    assert_eq!(git(&workspace, &["rev-parse", "HEAD"]), top);
    // What was made so is accepted where a file is given, and by check.
    rig.publish(TWO, &["--context", file.to_str().unwrap()]);
    assert!(!String::from_utf8(rig.run(&["check"]).stdout).unwrap().contains("context-form"));
}

#[test]
fn what_git_cannot_use_is_left_out_of_the_context_with_a_warning() {
    let rig = Rig::new();
    let workspace = rig.work("../ws");
    let good = checkout(&workspace.join("good"));
    for dir in ["with blank", "a,b", "100%", "caf\u{e9}", "it's"] {
        checkout(&workspace.join(dir));
    }
    for (dir, text) in [("stray", ""), ("tarball", "gitdir: ../../.git/modules/x\n"), ("junk", "x\n")] {
        fs::create_dir_all(workspace.join(dir)).unwrap();
        fs::write(workspace.join(dir).join(".git"), text).unwrap();
    }
    fs::create_dir_all(workspace.join("unborn")).unwrap();
    git(&workspace.join("unborn"), &["init", "-q"]);
    let work = rig.work("").display().to_string();
    let from = workspace.display().to_string();
    rig.ok(&["init"]);
    let args = ["publish", &work, "--stream", "master/centos", "--build", ONE, "--context-from", &from];
    let answer = rig.json(&args);
    let warnings = answer["warnings"].to_string();
    for dir in ["with blank", "a,b", "100%", "caf\u{e9}", "it's", "stray", "tarball", "junk", "unborn"] {
        assert!(warnings.contains(&format!("left out of CONTEXT: `{dir}`")), "{dir}: {warnings}");
    }
    let context = fs::read_to_string(rig.mirror(&format!("master/centos/{ONE}/outputs/CONTEXT"))).unwrap();
    assert_eq!(context, format!("(cd ./good && git checkout -f {good})\n"));

    let output =
        rig.run(&["publish", &work, "--stream", "master/centos", "--build", TWO, "--context-from", &from]);
    assert!(output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("warning: left out of CONTEXT: `stray`"), "{said}");
}

#[test]
fn a_directory_that_cannot_be_read_is_left_out_of_the_context_with_a_warning() {
    let rig = Rig::new();
    let workspace = rig.work("../ws");
    let good = checkout(&workspace.join("good"));
    fs::create_dir_all(workspace.join("mock/root")).unwrap();
    fs::set_permissions(workspace.join("mock/root"), fs::Permissions::from_mode(0o000)).unwrap();
    rig.ok(&["init"]);
    // root reads everything, unless it gave that up.
    let binary =
        rig.command(&["--json", "publish", rig.work("").to_str().unwrap(), "--stream", "master/centos"]);
    let mut command = Command::new("setpriv");
    command.args(["--bounding-set", "-dac_override,-dac_read_search", "--"]).arg(binary.get_program());
    command.args(binary.get_args()).args(["--build", ONE, "--context-from"]).arg(&workspace);
    command.envs(binary.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("left out of CONTEXT: `mock/root` cannot be read: "), "{said}");
    let context = fs::read_to_string(rig.mirror(&format!("master/centos/{ONE}/outputs/CONTEXT"))).unwrap();
    assert_eq!(context, format!("(cd ./good && git checkout -f {good})\n"));
}

#[test]
fn a_workspace_whose_checkouts_are_all_unusable_is_refused_once() {
    let rig = Rig::new();
    rig.ok(&["init"]);
    let workspace = rig.work("../ws");
    checkout(&workspace.join("with blank"));
    fs::create_dir_all(workspace.join("stray")).unwrap();
    fs::write(workspace.join("stray/.git"), "").unwrap();
    let work = rig.work("").display().to_string();
    let from = workspace.display().to_string();
    let said = rig
        .ends(1, &["publish", &work, "--stream", "master/centos", "--build", ONE, "--context-from", &from]);
    for part in ["`stray`: its `.git`", "`with blank` has a name", "none of the git checkouts below"] {
        assert_eq!(said.matches(part).count(), 1, "{said}");
    }
}

#[test]
fn a_trial_writes_nothing() {
    let rig = Rig::new();
    rig.publish(ONE, &[]);
    let before = tree(&rig.mirror(""));
    assert!(rig.publish(TWO, &["--dry-run"]).contains("would publish"));
    assert_eq!(tree(&rig.mirror("")), before);
}

#[test]
fn a_damaged_journal_is_refused_and_a_torn_end_is_mended() {
    let rig = Rig::new();
    rig.publish(ONE, &[]);
    let journal = rig.mirror(".mirrorkeep/journal/000000000001.jsonl");
    let whole = fs::read(&journal).unwrap();
    fs::write(&journal, [&whole[..], b"{\"event\":1,\"se"].concat()).unwrap();
    rig.publish(TWO, &[]);
    let mut damaged = fs::read(&journal).unwrap();
    damaged[20] ^= 1;
    fs::write(&journal, damaged).unwrap();
    let work = rig.work("");
    rig.fails(
        3,
        "journal is damaged at line 1",
        &["publish", work.to_str().unwrap(), "--stream", "master/centos"],
    );
}

#[test]
fn no_mirror_is_a_refusal_with_a_hint() {
    let rig = Rig::new();
    rig.fails(3, "mirrorkeep --mirror", &["list"]);
    rig.ok(&["init"]);
    rig.fails(1, "already", &["init"]);
}

#[test]
fn a_reader_never_sees_an_alias_missing_or_a_build_incomplete() {
    let rig = Rig::new();
    rig.publish("20180101T000000Z", &[]);
    let stop = std::sync::atomic::AtomicBool::new(false);
    let seen = std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut seen = 0;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                let latest = rig.mirror("master/centos/latest_build");
                assert!(fs::read(latest.join("outputs/iso/bootimage.iso")).is_ok(), "after {seen} looks");
                for build in fs::read_dir(rig.mirror("master/centos")).unwrap() {
                    let build = build.unwrap().path();
                    assert!(build.join("SHA256SUMS").exists() && build.join("outputs/success").exists());
                }
                seen += 1;
            }
            seen
        });
        for day in 0..100 {
            rig.publish(&format!("20190101T{:02}{:02}00Z", day / 60, day % 60), &[]);
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        reader.join().unwrap()
    });
    assert!(seen > 10, "the reader looked {seen} times only");
}

#[test]
fn two_publishers_of_one_build_and_one_stream_end_right() {
    let rig = Rig::new();
    rig.ok(&["init"]);
    std::thread::scope(|scope| {
        for build in [ONE, ONE, TWO, THREE, TWO] {
            let rig = &rig;
            scope.spawn(move || rig.publish(build, &[]));
        }
    });
    assert_eq!(rig.latest().as_deref(), Some(THREE));
    assert_eq!(rig.json(&["list"])["builds"].as_array().unwrap().len(), 3);
    for build in [ONE, TWO, THREE] {
        rig.sums_hold(&format!("master/centos/{build}"));
    }
    assert_eq!(fs::read_dir(rig.mirror(".mirrorkeep/stage")).unwrap().count(), 0);
}

#[test]
fn a_full_disk_leaves_the_mirror_as_it_was() {
    let rig = Rig::new();
    fs::create_dir(rig.mirror("")).unwrap();
    let mount = |args: &[&str]| {
        assert!(Command::new(args[0]).args(&args[1..]).status().unwrap().success(), "{args:?}");
    };
    let mirror = rig.mirror("");
    let mirror = mirror.to_str().unwrap();
    mount(&["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", mirror]);
    rig.publish(ONE, &[]);
    let before = tree(&rig.mirror("master"));
    rig.write("outputs/iso/bootimage.iso", &"x".repeat(4 << 20));
    let work = rig.work("");
    let args = ["publish", work.to_str().unwrap(), "--stream", "master/centos", "--build", TWO];
    let output = rig.run(&args);
    let after = tree(&rig.mirror("master"));
    let stages = fs::read_dir(rig.mirror(".mirrorkeep/stage")).unwrap().count();
    rig.write("outputs/iso/bootimage.iso", "small again");
    let again = rig.run(&args);
    let latest = rig.latest();
    mount(&["umount", mirror]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("No space left on device"), "{said}");
    assert_eq!(after, before);
    assert_eq!(stages, 0);
    assert!(again.status.success(), "{}", String::from_utf8_lossy(&again.stderr));
    assert_eq!(latest.as_deref(), Some(TWO));
}

#[test]
fn an_earlier_build_that_was_touched_is_not_reused() {
    let rig = Rig::new();
    rig.publish(ONE, &[]);
    let old = rig.mirror(&format!("master/centos/{ONE}/outputs/iso/bootimage.iso"));
    fs::set_permissions(&old, fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(&old, "imagX").unwrap();
    fs::set_permissions(&old, fs::Permissions::from_mode(0o444)).unwrap();
    rig.publish(TWO, &[]);
    rig.sums_hold(&format!("master/centos/{TWO}"));
}

#[test]
fn the_quick_check_shares_what_was_not_touched_and_reads_the_rest() {
    let rig = Rig::new();
    rig.publish(ONE, &[]);
    rig.write("outputs/iso/bootimage.iso", "other");
    rig.publish(TWO, &["--quick"]);
    rig.sums_hold(&format!("master/centos/{TWO}"));
    let at = |build: &str, file: &str| format!("master/centos/{build}/outputs/{file}");
    assert_eq!(rig.inode(&at(ONE, "RPMS/std/a.rpm")), rig.inode(&at(TWO, "RPMS/std/a.rpm")));
    assert_ne!(rig.inode(&at(ONE, "iso/bootimage.iso")), rig.inode(&at(TWO, "iso/bootimage.iso")));
}

#[test]
fn files_can_be_taken_without_a_copy_and_from_elsewhere() {
    let rig = Rig::new();
    rig.write("../export/boot.iso", "elsewhere");
    let add = format!("outputs/iso/boot.iso={}", rig.work("../export/boot.iso").display());
    rig.publish(ONE, &["--take", "move", "--dedupe", "none", "--add", &add]);
    assert!(!rig.work("outputs/RPMS/std/a.rpm").exists());
    let taken = fs::read_to_string(rig.mirror(&format!("master/centos/{ONE}/outputs/iso/boot.iso"))).unwrap();
    assert_eq!(taken, "elsewhere");
    rig.sums_hold(&format!("master/centos/{ONE}"));
}

#[test]
fn a_recipe_takes_a_workspace_apart() {
    let rig = Rig::new();
    rig.ok(&["init"]);
    rig.write("../ws/std/rpmbuild/a.rpm", "a")
        .write("../ws/std/rpmbuild/a.log", "log")
        .write("../ws/boot.iso", "iso");
    let (recipe, ws) = (rig.work("../recipe.yaml"), rig.work("../ws"));
    let steps = "recipe: 1\nadd:\n  - { to: outputs/RPMS/std, from: std/rpmbuild, only: \"*.rpm\" }\n";
    fs::write(&recipe, format!("{steps}  - {{ to: outputs/iso/bootimage.iso, from: boot.iso }}\n")).unwrap();
    let args = ["publish", ws.to_str().unwrap(), "--recipe", recipe.to_str().unwrap()];
    let args = [&args[..], &["--stream", "master/centos", "--build", ONE]].concat();
    rig.ok(&args);
    let at = |below: &str| rig.mirror(&format!("master/centos/{ONE}/outputs/{below}"));
    assert!(at("RPMS/std/a.rpm").exists() && at("iso/bootimage.iso").exists());
    assert!(!at("RPMS/std/a.log").exists());
    fs::write(&recipe, "recipe: 1\nadd:\n  - { to: ../x, from: y }\nadd: []\n").unwrap();
    rig.fails(2, "recipe.yaml:4:1: add: the key is given twice", &args);
    fs::write(&recipe, "recipe: 1\nadd:\n  - { to: x, from: y, onyl: z }\n").unwrap();
    rig.fails(2, "recipe.yaml:3", &args);
}

#[test]
fn a_busy_mirror_is_told_after_the_wait() {
    let rig = Rig::new();
    rig.publish(ONE, &[]);
    let lock = fs::File::open(rig.mirror(".mirrorkeep/lock")).unwrap();
    lock.lock().unwrap();
    rig.fails(
        7,
        "the mirror is busy",
        &["--wait", "0", "label", &format!("master/centos/{ONE}"), "sanity=green"],
    );
    lock.unlock().unwrap();
    rig.ok(&["--wait", "0", "label", &format!("master/centos/{ONE}"), "sanity=green"]);
}

#[test]
fn a_file_limit_is_an_error_that_names_the_file() {
    let rig = Rig::new();
    rig.publish(ONE, &[]);
    rig.write("outputs/iso/bootimage.iso", &"x".repeat(1 << 20));
    let work = rig.work("");
    let publish =
        rig.command(&["publish", work.to_str().unwrap(), "--stream", "master/centos", "--build", TWO]);
    let mut limited = Command::new("sh");
    limited
        .env("MIRRORKEEP_MIRROR", rig.mirror(""))
        .args(["-c", "ulimit -f 100; exec \"$0\" \"$@\""])
        .arg(publish.get_program())
        .args(publish.get_args());
    let output = limited.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(said.contains("bootimage.iso") && said.contains("File too large"), "{said}");
    assert!(!rig.mirror(&format!("master/centos/{TWO}")).exists());
    rig.publish(TWO, &[]);
}

#[test]
fn damage_of_an_earlier_build_does_not_spread_into_the_next() {
    #[track_caller]
    fn case(more: &[&str]) {
        let rig = Rig::new();
        rig.publish(ONE, &[]);
        rig.publish(TWO, &[]);
        let at = |build: &str, file: &str| format!("master/centos/{build}/outputs/{file}");
        // One name changes the bytes of both; the time is put back, as damage would leave it.
        let old = rig.mirror(&at(ONE, "iso/bootimage.iso"));
        let before = fs::metadata(&old).unwrap().modified().unwrap();
        fs::set_permissions(&old, fs::Permissions::from_mode(0o644)).unwrap();
        let file = fs::File::options().write(true).open(&old).unwrap();
        std::os::unix::fs::FileExt::write_all_at(&file, b"X", 1).unwrap();
        file.set_modified(before).unwrap();
        fs::set_permissions(&old, fs::Permissions::from_mode(0o444)).unwrap();
        let work = rig.work("");
        let args = ["publish", work.to_str().unwrap(), "--stream", "master/centos", "--build", THREE];
        let answer = rig.json(&[&args[..], more].concat());
        rig.sums_hold(&format!("master/centos/{THREE}"));
        let warning = answer["warnings"][0].as_str().unwrap();
        assert!(warning.contains(&format!("`{}` is damaged", at(TWO, "iso/bootimage.iso"))), "{warning}");
        // What was not touched is still shared.
        assert_eq!(rig.inode(&at(ONE, "RPMS/std/a.rpm")), rig.inode(&at(THREE, "RPMS/std/a.rpm")));
        rig.publish("20181208T060000Z", more);
        let shared = rig.inode(&at("20181208T060000Z", "iso/bootimage.iso"));
        assert_eq!(shared, rig.inode(&at(THREE, "iso/bootimage.iso")));
    }
    case(&[]);
    case(&["--quick"]);
}

#[test]
fn a_file_whose_names_changed_is_read_and_then_shared() {
    let rig = Rig::new();
    rig.publish(ONE, &[]);
    let at = |build: &str| rig.mirror(&format!("master/centos/{build}/outputs/iso/bootimage.iso"));
    let inode = rig.inode(&format!("master/centos/{ONE}/outputs/iso/bootimage.iso"));
    // As when a build goes that has the file, too.
    let name = rig.work("../other-name");
    fs::hard_link(at(ONE), &name).unwrap();
    fs::remove_file(name).unwrap();
    rig.publish(TWO, &[]);
    // What is noted of the files may be lost or damaged; then they are read.
    for damage in ["", "x", "mirrorkeep-inodes 1\n"] {
        let notes = rig.mirror(".mirrorkeep/inodes/master/centos.ctimes");
        assert!(notes.exists());
        fs::write(&notes, damage).unwrap();
        fs::remove_dir_all(at(TWO).parent().unwrap().parent().unwrap().parent().unwrap()).unwrap();
        fs::remove_file(rig.mirror(&format!(".mirrorkeep/builds/master/centos/{TWO}.json"))).unwrap();
        fs::remove_file(rig.mirror(&format!(".mirrorkeep/manifests/master/centos/{TWO}.files"))).unwrap();
        rig.publish(TWO, &[]);
        assert_eq!(rig.inode(&format!("master/centos/{TWO}/outputs/iso/bootimage.iso")), inode);
    }
}

/// Copies the mirror into a new one and returns where that is.
fn copied(rig: &Rig) -> std::path::PathBuf {
    let copy = rig.work("../copy");
    let mut init = Command::new(env!("CARGO_BIN_EXE_mirrorkeep"));
    assert!(init.arg("--mirror").arg(&copy).arg("init").status().unwrap().success());
    rig.ok(&["copy", rig.mirror("").to_str().unwrap(), copy.to_str().unwrap()]);
    copy
}

#[test]
fn a_copy_keeps_every_time() {
    let rig = Rig::new();
    for (name, time) in [("zero", "@0"), ("one", "@1"), ("old", "@-86400")] {
        rig.write(&format!("outputs/iso/{name}.iso"), name);
        let at = rig.work(&format!("outputs/iso/{name}.iso"));
        assert!(Command::new("touch").args(["-d", time]).arg(at).status().unwrap().success());
    }
    rig.publish(ONE, &[]);
    let copy = copied(&rig);
    for name in ["zero", "one", "old"] {
        let at = format!("outputs/iso/{name}.iso");
        let time = |path: std::path::PathBuf| fs::metadata(path).unwrap().modified().unwrap();
        assert_eq!(time(copy.join(format!("master/centos/{ONE}/{at}"))), time(rig.work(&at)), "{name}");
    }
}

#[test]
fn equal_files_of_one_build_share_their_bytes() {
    let rig = Rig::new();
    let large = "x".repeat(100_000);
    rig.write("outputs/RPMS/std/b.rpm", &large).write("outputs/RPMS/rt/b.rpm", &large);
    rig.write("outputs/RPMS/std/c.rpm", "c").write("outputs/RPMS/std/d.rpm", "");
    rig.write("outputs/RPMS/rt/d.rpm", "");
    for (name, other) in
        [("rt/a.rpm", "std/a.rpm"), ("installer/a.rpm", "std/a.rpm"), ("installer/b.rpm", "std/b.rpm")]
    {
        let name = rig.work(&format!("outputs/RPMS/{name}"));
        fs::create_dir_all(name.parent().unwrap()).unwrap();
        fs::hard_link(rig.work(&format!("outputs/RPMS/{other}")), name).unwrap();
    }
    // The same bytes with another mode are another file.
    rig.write("outputs/RPMS/std/e.rpm", "c");
    fs::set_permissions(rig.work("outputs/RPMS/std/e.rpm"), fs::Permissions::from_mode(0o755)).unwrap();
    rig.ok(&["init"]);
    let work = rig.work("");
    let args = ["publish", work.to_str().unwrap(), "--stream", "master/centos", "--build", ONE];
    let answer = rig.json(&args);
    assert_eq!(
        (&answer["joined_files"], &answer["joined_bytes"]),
        (&4.into(), &(2 * 100_000 + 2 * 9).into())
    );
    let inode = |file: &str| rig.inode(&format!("master/centos/{ONE}/outputs/RPMS/{file}"));
    assert!([inode("rt/a.rpm"), inode("installer/a.rpm")].iter().all(|other| *other == inode("std/a.rpm")));
    assert!([inode("rt/b.rpm"), inode("installer/b.rpm")].iter().all(|other| *other == inode("std/b.rpm")));
    assert_ne!(inode("std/c.rpm"), inode("std/e.rpm"));
    assert_ne!(inode("std/d.rpm"), inode("rt/d.rpm"));
    rig.sums_hold(&format!("master/centos/{ONE}"));
    rig.ok(&["verify", "--all"]);
    // The next build shares them again, and reads none of them.
    let answer = rig.json(&[&args[..5], &[TWO]].concat());
    assert_eq!(answer["copied_bytes"], 0);
    assert_eq!(
        rig.inode(&format!("master/centos/{TWO}/outputs/RPMS/installer/b.rpm")),
        inode("installer/b.rpm")
    );
    // A copy of the mirror has the links, too.
    let copy = copied(&rig);
    let there = |file: &str| {
        let at = copy.join(format!("master/centos/{ONE}/outputs/RPMS/{file}"));
        std::os::unix::fs::MetadataExt::ino(&fs::metadata(at).unwrap())
    };
    assert_eq!(there("rt/b.rpm"), there("installer/b.rpm"));
    rig.publish(THREE, &["--dedupe", "none"]);
    assert_ne!(
        rig.inode(&format!("master/centos/{THREE}/outputs/RPMS/rt/b.rpm")),
        rig.inode(&format!("master/centos/{THREE}/outputs/RPMS/std/b.rpm"))
    );
}

#[test]
fn holes_of_a_sparse_file_stay_holes() {
    use std::os::unix::fs::{FileExt, MetadataExt};
    const SIZE: u64 = 1 << 30;
    let rig = Rig::new();
    let file = fs::File::create(rig.work("outputs/iso/disk.img")).unwrap();
    file.set_len(SIZE).unwrap();
    // Data that fits no block, in the middle and near the end, and a file that is a hole only.
    file.write_all_at(&[7; 5000], (1 << 28) - 100).unwrap();
    file.write_all_at(b"end", SIZE - 70_000).unwrap();
    fs::File::create(rig.work("outputs/iso/empty.img")).unwrap().set_len(300_000).unwrap();
    rig.publish(ONE, &[]);
    let at = rig.mirror(&format!("master/centos/{ONE}/outputs/iso/disk.img"));
    let meta = fs::metadata(&at).unwrap();
    assert_eq!(meta.len(), SIZE);
    assert!(meta.blocks() * 512 < 1 << 20, "{} blocks", meta.blocks());
    let empty = fs::metadata(at.with_file_name("empty.img")).unwrap();
    assert_eq!(empty.len(), 300_000);
    rig.sums_hold(&format!("master/centos/{ONE}"));
}

#[test]
fn neither_the_mirror_nor_the_state_of_one_is_published() {
    #[track_caller]
    fn case(said: &str, root: &str, from: &str, more: &[&str]) {
        let rig = Rig::new();
        let root = rig.work(root);
        fs::create_dir_all(root.parent().unwrap()).unwrap();
        let run = |args: &[&str]| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_mirrorkeep"));
            command.arg("--mirror").arg(&root).args(args).output().unwrap()
        };
        assert!(run(&["init"]).status.success());
        let from = rig.work(from);
        let args = ["publish", from.to_str().unwrap(), "--stream", "master/centos", "--build", ONE];
        for dry in [&["--dry-run"][..], &[]] {
            let output = run(&[&args[..], more, dry].concat());
            let text = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.success(), said.is_empty(), "{text}");
            assert!(text.contains(said), "{text}");
        }
        assert_eq!(root.join("master").exists(), said.is_empty());
    }
    let refused = "is the mirror itself, which is never published";
    case(refused, "outputs/iso/mirror", "", &[]);
    case(refused, "mirror", "", &[]);
    case(refused, "mirror", "mirror", &[]);
    case("", "outputs/iso/mirror", "", &["--exclude", "outputs/iso/mirror/"]);
    // The state of any mirror, as a part of the source or as the source.
    let state = "is the state of a mirror, which is never published";
    case(state, "../m", "../m/.mirrorkeep", &[]);
    let rig = Rig::new();
    rig.write("outputs/iso/.mirrorkeep/mirror.yaml", "format: 1").ok(&["init"]);
    let work = rig.work("");
    rig.fails(1, state, &["publish", work.to_str().unwrap(), "--stream", "master/centos"]);
}

#[test]
fn what_is_strange_in_a_source_is_a_warning() {
    #[track_caller]
    fn case(said: &[&str], make: impl Fn(&Rig)) {
        let rig = Rig::new();
        make(&rig);
        rig.ok(&["init"]);
        let work = rig.work("");
        let args = ["publish", work.to_str().unwrap(), "--stream", "master/centos", "--build", ONE];
        let trial = rig.json(&[&args[..], &["--dry-run"]].concat())["warnings"].clone();
        let warnings = rig.json(&args)["warnings"].as_array().unwrap().clone();
        assert_eq!(trial, serde_json::Value::from(warnings.clone()));
        let text: Vec<&str> = warnings.iter().map(|warning| warning.as_str().unwrap()).collect();
        assert_eq!(text.len(), said.len(), "{text:?}");
        assert!(text.iter().zip(said).all(|(text, said)| text.contains(said)), "{text:?}");
    }
    fn write(rig: &Rig, names: &[&str]) {
        for name in names {
            rig.write(&format!("outputs/logs/{name}"), name);
        }
    }
    case(&[], |_| {});
    // Files that not everybody may read become readable.
    let private = |rig: &Rig, names: &[&str]| {
        write(rig, names);
        for name in names {
            let at = rig.work(&format!("outputs/logs/{name}"));
            fs::set_permissions(at, fs::Permissions::from_mode(0o640)).unwrap();
        }
    };
    case(&["`outputs/logs/key.pem` is not readable for everybody"], |rig| private(rig, &["key.pem"]));
    case(
        &["`outputs/logs/a`, `outputs/logs/b`, `outputs/logs/c` and 2 more (5 files) are not readable"],
        |rig| private(rig, &["e", "d", "c", "b", "a"]),
    );
    // Names that some clients take for one.
    case(&["differ in Unicode form only"], |rig| write(rig, &["caf\u{e9}", "cafe\u{301}"]));
    case(&["differ in case only"], |rig| write(rig, &["stra\u{df}e", "STRASSE"]));
    case(&[], |rig| write(rig, &["cafe", "caf\u{e9}"]));
    // Links whose target is missing.
    let link = |rig: &Rig, text: &str| {
        write(rig, &["a"]);
        symlink(text, rig.work("outputs/logs/link")).unwrap();
    };
    case(&["`outputs/logs/link` is published as a link whose target is not"], |rig| link(rig, "nothing"));
    case(&["`outputs/logs/link` is published as a link whose target is not"], |rig| link(rig, "link"));
    case(&["`outputs/logs/link` is published as a link whose target is not"], |rig| {
        link(rig, "../iso/bootimage");
    });
    for there in ["a", "../iso", "../RPMS/std/a.rpm", "../success", "../../SHA256SUMS", ".", "../.."] {
        case(&[], |rig| link(rig, there));
    }
    // What other programs left behind.
    case(&["`outputs/logs/x.part` is published and may be a leftover"], |rig| write(rig, &["x.part"]));
    let names = [".DS_Store", "core.1234", ".nfs00000000012ab4", ".boot.iso.Ab12Cd"];
    case(&["(4 files) are published and may be leftovers"], |rig| write(rig, &names));
    case(&[], |rig| write(rig, &["core.log", ".nfsrc", "spare.parts", ".a.config", "core."]));
}

#[test]
fn a_marker_is_never_excluded() {
    let rig = Rig::new();
    rig.ok(&["init"]);
    rig.write("outputs/logs/a.log", "a").write("outputs/fail", "");
    let work = rig.work("");
    let args = ["publish", work.to_str().unwrap(), "--stream", "master/centos", "--build", ONE];
    for pattern in ["fail", "outputs/fail", "outputs", "f*"] {
        let said = "`outputs/fail` states the result of the build";
        rig.fails(1, said, &[&args[..], &["--exclude", pattern]].concat());
    }
    assert!(!rig.mirror("master").exists());
    // A directory without a marker in it may be left out.
    rig.write("outputs/cache/x", "x");
    rig.ok(&[&args[..], &["--exclude", "cache"]].concat());
    assert!(rig.mirror(&format!("master/centos/{ONE}/outputs/fail")).exists());
}

#[test]
fn only_what_a_list_names_is_published_and_what_it_names_in_vain_is_an_error() {
    let rig = Rig::new();
    rig.ok(&["init"]);
    rig.write("outputs/RPMS/std/a-1.rpm", "a").write("outputs/RPMS/std/b-1.rpm", "b");
    rig.write("outputs/RPMS/rt/b-1.rpm", "another b").write("outputs/iso/bootimage.iso", "iso");
    rig.write("outputs/success", "")
        .write("outputs/CONTEXT", "(cd ./a && git checkout -f 0123456789012345678901234567890123456789)\n");
    let (work, list) = (rig.work(""), rig.work("../list"));
    let (work, path) = (work.to_str().unwrap(), list.to_str().unwrap());
    let args =
        ["publish", work, "--stream", "master/centos", "--build", "20181205T060000Z", "--only-listed", path];
    fs::write(&list, "# the set\n\n./outputs/RPMS/std/a-1.rpm\nc-1.rpm\noutputs/RPMS/std/d-1.rpm\n").unwrap();
    let said = rig.ends(1, &args);
    for lacking in ["`c-1.rpm` is listed, and is not in the source", "`outputs/RPMS/std/d-1.rpm` is listed"] {
        assert!(said.contains(lacking), "{said}");
    }
    assert!(!said.contains("`outputs/RPMS/std/a-1.rpm`"), "{said}");
    for nothing in ["", "# only words\n"] {
        fs::write(&list, nothing).unwrap();
        rig.fails(2, "names no file", &args);
    }
    // A name stands for each file that has it; markers and CONTEXT are taken in any case.
    fs::write(&list, "outputs/RPMS/std/a-1.rpm\nb-1.rpm\n").unwrap();
    let said = rig.ok(&args);
    assert!(said.contains("not in the list: 2 files\n"), "{said}");
    let build = rig.mirror("master/centos/20181205T060000Z");
    for (file, there) in [
        ("outputs/RPMS/std/a-1.rpm", true),
        ("outputs/RPMS/std/b-1.rpm", true),
        ("outputs/RPMS/rt/b-1.rpm", true),
        ("outputs/success", true),
        ("outputs/CONTEXT", true),
        ("outputs/iso", false),
    ] {
        assert_eq!(build.join(file).exists(), there, "{file}");
    }
}

#[test]
fn what_is_excluded_is_not_published_and_is_counted() {
    let rig = Rig::new();
    rig.ok(&["init"]);
    rig.write("outputs/logs/a.log", "a").write("outputs/logs/a.part", "a");
    rig.write("outputs/logs/cache/deep/x", "x").write("outputs/logs/cache/y", "y");
    symlink("/etc/passwd", rig.work("outputs/logs/out")).unwrap();
    let socket = std::os::unix::net::UnixListener::bind(rig.work("outputs/logs/agent.sock")).unwrap();
    let work = rig.work("");
    let args = ["publish", work.to_str().unwrap(), "--stream", "master/centos", "--build", ONE];
    rig.fails(1, "`--exclude 'agent.sock'` leaves it out", &args);
    rig.fails(2, "is not a pattern", &[&args[..], &["--exclude", "["]].concat());
    let exclude = [
        "--exclude",
        "*.part",
        "--exclude",
        "agent.sock",
        "--exclude",
        "outputs/logs/cache",
        "--exclude",
        "out",
    ];
    let args = [&args[..], &exclude].concat();
    assert_eq!(rig.json(&[&args[..], &["--dry-run"]].concat())["excluded"], 4);
    assert_eq!(rig.json(&args)["excluded"], 4);
    let logs = fs::read_dir(rig.mirror(&format!("master/centos/{ONE}/outputs/logs"))).unwrap();
    assert_eq!(logs.map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>(), ["a.log"]);
    assert!(rig.ok(&args).contains("unchanged"));
    drop(socket);
}

#[test]
fn streams_share_their_bytes() {
    let rig = Rig::new();
    rig.publish(ONE, &[]);
    let work = rig.work("");
    let args = ["publish", work.to_str().unwrap(), "--stream", "master/debian", "--build", ONE];
    let answer = rig.json(&args);
    assert_eq!(answer["shared_files"], 2);
    let inode = |build: &str| rig.inode(&format!("{build}/outputs/RPMS/std/a.rpm"));
    assert_eq!(inode(&format!("master/centos/{ONE}")), inode(&format!("master/debian/{ONE}")));
    // The link that the other stream made is known, so nothing is damaged and nothing is copied.
    let answer = rig.json(&["publish", args[1], "--stream", "master/centos", "--build", TWO]);
    assert_eq!((&answer["shared_files"], &answer["copied_bytes"]), (&2.into(), &0.into()));
    for build in [format!("centos/{ONE}"), format!("debian/{ONE}"), format!("centos/{TWO}")] {
        rig.sums_hold(&format!("master/{build}"));
    }
    // Damage does not spread over streams either.
    let at = rig.mirror(&format!("master/centos/{ONE}/outputs/RPMS/std/a.rpm"));
    fs::set_permissions(&at, fs::Permissions::from_mode(0o644)).unwrap();
    let before = fs::metadata(&at).unwrap().modified().unwrap();
    let file = fs::File::options().write(true).open(&at).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, b"X", 1).unwrap();
    file.set_modified(before).unwrap();
    fs::set_permissions(&at, fs::Permissions::from_mode(0o444)).unwrap();
    rig.ok(&["publish", args[1], "--stream", "feature/x/centos", "--build", TWO]);
    rig.sums_hold(&format!("feature/x/centos/{TWO}"));
}

#[test]
fn a_file_of_the_own_area_that_is_too_large_is_not_read() {
    let rig = Rig::new();
    rig.publish(ONE, &[]);
    let kept = |dir: &str, ending: &str| format!(".mirrorkeep/{dir}/master/centos/{ONE}.{ending}");
    let work = rig.work("");
    let args = ["publish", work.to_str().unwrap(), "--stream", "master/centos", "--build", ONE];
    for (at, limit) in [(kept("manifests", "files"), 512 << 20), (kept("builds", "json"), 16 << 20)] {
        let whole = fs::read(rig.mirror(&at)).unwrap();
        fs::File::options().write(true).open(rig.mirror(&at)).unwrap().set_len(5 << 30).unwrap();
        rig.fails(1, &format!("cannot read `{at}`"), &args);
        rig.fails(1, &format!("it has 5368709120 bytes, larger than the {limit} bytes"), &args);
        fs::write(rig.mirror(&at), whole).unwrap();
    }
    rig.ok(&args);
}

#[test]
fn a_pattern_that_excludes_nothing_is_a_warning() {
    let rig = Rig::new();
    rig.ok(&["init"]);
    rig.write("outputs/iso/cache/x.part", "x").write("outputs/iso/y.part", "y");
    let work = rig.work("").display().to_string();
    let args = ["publish", &work, "--stream", "master/centos", "--build", "20260101T060000Z", "--dry-run"];
    let publish = |patterns: &[&str]| {
        let exclude = patterns.iter().flat_map(|pattern| ["--exclude", pattern]);
        let args: Vec<&str> = args.iter().copied().chain(exclude).collect();
        rig.json(&args)["warnings"].to_string()
    };
    let said = publish(&["*.prt", "*.part", "y.part", "outputs/logs/*"]);
    assert!(said.contains("`--exclude '*.prt'` matches nothing in the source"), "{said}");
    assert!(said.contains("`--exclude 'outputs/logs/*'` matches nothing in the source"), "{said}");
    assert!(!said.contains("'*.part'") && !said.contains("'y.part'"), "{said}");
    let said = publish(&["cache", "x.part"]);
    let unseen =
        "`--exclude 'x.part'` matches nothing in the source outside the directories that are left out";
    assert!(said.contains(unseen) && !said.contains("'cache'"), "{said}");
    assert!(
        rig.ends(0, &[&args[..], &["--exclude", "nope"]].concat()).contains("warning: `--exclude 'nope'`")
    );
}

#[test]
fn a_success_that_lost_more_than_the_policy_accepts_is_refused_unless_it_is_allowed() {
    let rig = Rig::new();
    rig.policy_file(
        "version: 1\ndefaults: {shrink: 50%}\nfamilies:\n  - {name: tight, match: 'master/debian', shrink: 10%, keep: [{last: 9}]}\n  - {name: all, match: '**', keep: [{last: 9}]}\n",
    );
    rig.write("outputs/iso/bootimage.iso", &"x".repeat(1000));
    for number in 1..10 {
        rig.write(&format!("outputs/RPMS/std/p{number}.rpm"), "a package");
    }
    rig.publish("20181205T060000Z", &[]);
    let work = rig.work("");
    let work = work.to_str().unwrap();
    let next = ["publish", work, "--stream", "master/centos", "--build", "20181206T060000Z"];
    // Half of the bytes is accepted, less is not.
    rig.write("outputs/iso/bootimage.iso", &"x".repeat(400));
    let said = "`master/centos/20181206T060000Z` has 12 files with 490 bytes, and `master/centos/20181205T060000Z`, the last \
                success of the stream, has 12 with 1090; the policy accepts at most 50% less";
    for trial in [&[][..], &["--dry-run"]] {
        rig.fails(3, said, &[&next[..], trial].concat());
    }
    assert_eq!(rig.there(), ["20181205T060000Z"]);
    let refused = rig.run(&next);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("publish it with `--allow-shrink`"));
    rig.write("outputs/iso/bootimage.iso", &"x".repeat(500));
    rig.ok(&next);
    // The same for the number of files, whatever their bytes.
    for number in 1..8 {
        fs::remove_file(rig.work(&format!("outputs/RPMS/std/p{number}.rpm"))).unwrap();
    }
    let third = ["publish", work, "--stream", "master/centos", "--build", "20181207T060000Z"];
    rig.write("outputs/iso/bootimage.iso", &"x".repeat(2000));
    rig.fails(3, "has 5 files with ", &third);
    // Only successes are compared, and a build that is there already is not.
    rig.ok(&[
        "publish",
        work,
        "--stream",
        "master/centos",
        "--build",
        "20181208T060000Z",
        "--result",
        "fail",
    ]);
    rig.ok(&[&third[..], &["--allow-shrink"]].concat());
    rig.ok(&third);
    // The next one is compared with that.
    rig.ok(&["publish", work, "--stream", "master/centos", "--build", "20181209T060000Z"]);
    // A family has its own share, and a stream without a success accepts any.
    let debian = |build| ["publish", work, "--stream", "master/debian", "--build", build];
    rig.ok(&debian("20181205T060000Z"));
    rig.write("outputs/iso/bootimage.iso", &"x".repeat(1500));
    rig.fails(3, "at most 10% less", &debian("20181206T060000Z"));
    // A policy that cannot be used stops no build, and that is said.
    fs::write(rig.mirror(".mirrorkeep/policy.yaml"), "version: 7\n").unwrap();
    let output = rig.run(&debian("20181206T060000Z"));
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.success() && told.contains("the size is not compared with that of the last success"),
        "{told}"
    );
}
