//! Sources that are wrong, strange or malicious: each is refused by name, and the mirror stays as it was.

use crate::support::attempt::{Attempt, ONE, TWO};
use crate::support::rig::Rig;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;

#[test]
fn a_place_that_climbs_or_starts_over_is_refused() {
    let attempt = Attempt::new();
    let at = |to: &str| format!("{to}={}", attempt.rig.work("outputs/iso/bootimage.iso").display());
    attempt.refused(2, &["--add ../x", "`.` or `..`", "in normal form"], &["--add", &at("../x")]);
    attempt.refused(2, &["`outputs/../../x` holds `.` or `..`"], &["--add", &at("outputs/../../x")]);
    attempt.refused(2, &["`/etc/x` is absolute", "such as"], &["--add", &at("/etc/x")]);
    attempt.refused(2, &["empty name"], &["--add", &at("outputs//x")]);
    attempt.refused(2, &["`DEST=SRC`"], &["--add", "outputs/iso/x"]);
    attempt.refused(
        1,
        &["the directory of `outputs/iso/x/y`"],
        &["--add", &at("outputs/iso/x"), "--add", &at("outputs/iso/x/y")],
    );
    attempt.refused(1, &["would come from both"], &["--add", &at("outputs/iso/bootimage.iso")]);
    attempt.refused(1, &["/does/not/exist", "No such file"], &["--add", "outputs/iso/x=/does/not/exist"]);
    attempt.refused(
        1,
        &["has no place for 1 of the source's files", "`.mirrorkeep/lock`"],
        &["--add", &at(".mirrorkeep/lock")],
    );
    attempt.publishes(&[]);
}

#[test]
fn a_link_whose_text_could_forge_a_line_is_refused() {
    let attempt = Attempt::new();
    symlink("a\nb", attempt.rig.work("outputs/iso/x")).unwrap();
    attempt.refused(
        1,
        &["outputs/iso/x", "`a\\nb`, which contains the control character U+000A", "rename"],
        &[],
    );
    fs::remove_file(attempt.rig.work("outputs/iso/x")).unwrap();
    attempt.publishes(&[]);
}

#[test]
fn a_link_that_leaves_the_build_is_refused_however_it_is_wound() {
    #[track_caller]
    fn case(links: &[(&str, &str)], said: &str) {
        let attempt = Attempt::new();
        for (at, text) in links {
            fs::create_dir_all(attempt.rig.work(at).parent().unwrap()).unwrap();
            symlink(text, attempt.rig.work(at)).unwrap();
        }
        attempt.refused(1, &[said, "outside the build", "--exclude"], &[]);
        for (at, _) in links {
            fs::remove_file(attempt.rig.work(at)).unwrap();
        }
        attempt.publishes(&[]);
    }
    case(&[("outputs/iso/x", "/etc/passwd")], "outputs/iso/x");
    case(&[("outputs/iso/x", "../../../x")], "outputs/iso/x");
    case(&[("outputs/logs", "/var/log")], "outputs/logs");
    // Each is harmless by its text; together they climb: `d` stands for its own directory, so `d/..` goes up.
    let wound = [("outputs/logs/d", "."), ("outputs/logs/x", "d/../../../etc/passwd")];
    case(&wound, "outputs/logs/x");
}

#[test]
fn a_link_inside_the_build_comes_along() {
    let attempt = Attempt::new();
    symlink("bootimage.iso", attempt.rig.work("outputs/iso/latest.iso")).unwrap();
    symlink("latest.iso", attempt.rig.work("outputs/iso/boot.iso")).unwrap();
    symlink("self", attempt.rig.work("outputs/iso/self")).unwrap();
    attempt.publishes(&[]);
    let boot = attempt.rig.mirror(&format!("master/centos/{TWO}/outputs/iso/boot.iso"));
    assert_eq!(fs::read_to_string(boot).unwrap(), "second image");
}

#[test]
fn what_is_no_file_is_refused_by_its_kind() {
    let attempt = Attempt::new();
    let at = attempt.rig.work("outputs/iso/odd");
    let run = |program: &str, args: &[&str]| {
        assert!(Command::new(program).arg(&at).args(args).status().unwrap().success());
    };
    run("mkfifo", &[]);
    attempt.refused(1, &["outputs/iso/odd` is a FIFO", "are accepted"], &[]);
    fs::remove_file(&at).unwrap();
    let socket = UnixListener::bind(&at).unwrap();
    attempt.refused(1, &["outputs/iso/odd` is a socket", "are accepted"], &[]);
    drop(socket);
    fs::remove_file(&at).unwrap();
    for kind in ["c", "b"] {
        run("mknod", &[kind, "1", "3"]);
        attempt.refused(1, &["outputs/iso/odd` is a device", "are accepted"], &[]);
        fs::remove_file(&at).unwrap();
    }
    attempt.publishes(&[]);
}

#[test]
fn set_id_and_write_permission_stay_behind() {
    let attempt = Attempt::new();
    let chmod = |at: &str, mode| {
        fs::set_permissions(attempt.rig.work(at), fs::Permissions::from_mode(mode)).unwrap();
    };
    chmod("outputs/RPMS/std/a.rpm", 0o4755);
    chmod("outputs/iso/bootimage.iso", 0o666);
    chmod("outputs/iso", 0o1777);
    let said = attempt.publishes(&[]);
    assert!(said.contains("`outputs/RPMS/std/a.rpm` is published without its set-id bit"), "{said}");
    let mode = |below: &str| {
        let path = attempt.rig.mirror(&format!("master/centos/{TWO}/{below}"));
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    };
    assert_eq!(mode("outputs/RPMS/std/a.rpm"), 0o555);
    assert_eq!(mode("outputs/iso/bootimage.iso"), 0o444);
    assert_eq!(mode("outputs/iso"), 0o755);
}

#[test]
fn a_name_that_could_forge_a_line_is_refused() {
    #[track_caller]
    fn case(attempt: &Attempt, name: &[u8], said: &[&str]) {
        let at = attempt.rig.work("outputs/iso").join(OsStr::from_bytes(name));
        fs::write(&at, "x").unwrap();
        attempt.refused(1, said, &[]);
        fs::remove_file(&at).unwrap();
        fs::create_dir(&at).unwrap();
        attempt.refused(1, said, &[]);
        fs::remove_dir(&at).unwrap();
    }
    let attempt = Attempt::new();
    case(&attempt, b"a\nb", &["outputs/iso/a\\nb", "control character", "rename it"]);
    case(&attempt, b"a\rb", &["outputs/iso/a\\rb", "control character"]);
    case(&attempt, b"\x1b[2J", &["\\u{1b}[2J", "control character"]);
    case(&attempt, "a\u{85}b".as_bytes(), &["\\u{85}", "control character"]);
    case(&attempt, b"a\xff.iso", &["outputs/iso/a", "not UTF-8", "rename it"]);
    attempt.publishes(&[]);
}

#[test]
fn a_name_that_is_only_unusual_is_published() {
    let attempt = Attempt::new();
    let longest = "x".repeat(255);
    for name in ["-rf", " blank ", "back\\slash", "*", "~", "$(id)", "é", "%2e%2e", &longest] {
        attempt.rig.write(&format!("outputs/iso/{name}"), name);
    }
    attempt.publishes(&[]);
}

#[test]
fn names_that_differ_in_case_only_are_told() {
    let attempt = Attempt::new();
    attempt.rig.write("outputs/iso/BootImage.iso", "other");
    let said = attempt.publishes(&[]);
    let both = "`outputs/iso/BootImage.iso` and `outputs/iso/bootimage.iso` differ in case only";
    assert!(said.contains(both), "{said}");
}

#[test]
fn a_name_that_is_too_long_is_refused() {
    let attempt = Attempt::new();
    let add = format!("outputs/iso/{}={}", "x".repeat(256), attempt.rig.work("outputs/iso").display());
    attempt.refused(2, &["256 bytes", "at most 255 are accepted"], &["--add", &add]);
    // Too deep for a mirror, though not for the source: where a build is laid out takes a few bytes more.
    let deep = attempt.rig.work("outputs/logs");
    let level = "y".repeat(200);
    let make = format!(
        "mkdir -p {0} && cd {0} && for n in $(seq $1); do mkdir {level} && cd {level}; done; echo >f",
        deep.display()
    );
    let dig = |levels: &str| {
        assert!(Command::new("bash").args(["-c", &make, "dig", levels]).status().unwrap().success());
    };
    dig("20");
    let last = "z".repeat(4080 - deep.as_os_str().len() - 20 * 201 - 1);
    let long =
        format!("cd {}; for n in $(seq 20); do cd {level}; done; mkdir {last}; mv f {last}", deep.display());
    assert!(Command::new("bash").args(["-c", &long]).status().unwrap().success());
    attempt.refused(1, &["cannot", "outputs/logs/yyy", "File name too long"], &[]);
    fs::remove_dir_all(&deep).unwrap();
    dig("22");
    attempt.refused(1, &["outputs/logs/yyy", "too long"], &[]);
    assert!(Command::new("rm").arg("-rf").arg(&deep).status().unwrap().success());
    attempt.publishes(&[]);
}

#[test]
fn a_file_that_vanishes_is_named() {
    let attempt = Attempt::new();
    let iso = attempt.rig.work("outputs/iso");
    let text = attempt.meanwhile(
        // The directory is opened again when the file is read; that waits until the file is gone.
        &["-P", iso.to_str().unwrap(), "-e", "trace=openat2", "-e", "inject=openat2:delay_enter=1500000"],
        "",
        || fs::remove_file(attempt.rig.work("outputs/iso/bootimage.iso")).unwrap(),
    );
    assert!(text.contains("outputs/iso/bootimage.iso`: No such file"), "{text}");
    attempt.rig.write("outputs/iso/bootimage.iso", "second image");
    attempt.publishes(&[]);
}

#[test]
fn a_file_that_changes_while_it_is_read_is_named() {
    let attempt = Attempt::new();
    attempt.rig.write("outputs/iso/bootimage.iso", &"long image".repeat(100_000));
    let text = attempt.meanwhile(
        &["-e", "trace=pwritev2", "-e", "inject=pwritev2:delay_enter=1500000:when=1"],
        "outputs/iso/bootimage.iso",
        || fs::write(attempt.rig.work("outputs/iso/bootimage.iso"), "other".repeat(200_000)).unwrap(),
    );
    assert!(text.contains("outputs/iso/bootimage.iso` changed while it was read"), "{text}");
    assert!(text.contains("publish when the build has finished writing"), "{text}");
    attempt.publishes(&[]);
}

#[test]
fn a_link_that_is_put_in_a_files_place_is_not_followed() {
    let attempt = Attempt::new();
    let secret = attempt.rig.work("../secret");
    fs::write(&secret, "secret").unwrap();
    let (iso, file) = (attempt.rig.work("outputs/iso"), attempt.rig.work("outputs/iso/bootimage.iso"));
    let text = attempt.meanwhile(
        &["-P", iso.to_str().unwrap(), "-e", "trace=openat2", "-e", "inject=openat2:delay_enter=1500000"],
        "",
        || {
            fs::remove_file(&file).unwrap();
            symlink(&secret, &file).unwrap();
        },
    );
    assert!(text.contains("outputs/iso/bootimage.iso` changed while it was read"), "{text}");
    fs::remove_file(&file).unwrap();
    attempt.rig.write("outputs/iso/bootimage.iso", "second image");
    attempt.publishes(&[]);
}

#[test]
fn a_file_that_may_not_be_read_is_named() {
    let attempt = Attempt::new();
    let top = attempt.rig.work("..").canonicalize().unwrap();
    // Root may read everything, so nobody publishes; the binary may lie where nobody may look.
    let binary = top.join("mirrorkeep");
    fs::copy(env!("CARGO_BIN_EXE_mirrorkeep"), &binary).unwrap();
    assert!(Command::new("chown").args(["-R", "65534:65534"]).arg(&top).status().unwrap().success());
    let publish = || {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&binary);
        command.arg("--mirror").arg(attempt.rig.mirror("")).args(attempt.args(&[]));
        attempt.refuses(&mut command)
    };
    for (at, mode) in [("outputs/iso/bootimage.iso", 0o644), ("outputs/iso", 0o755)] {
        fs::set_permissions(attempt.rig.work(at), fs::Permissions::from_mode(0o000)).unwrap();
        let (code, text) = publish();
        assert_eq!(code, Some(1), "{text}");
        assert!(text.contains(&format!("{at}`: Permission denied")), "{text}");
        fs::set_permissions(attempt.rig.work(at), fs::Permissions::from_mode(mode)).unwrap();
    }
    assert_eq!(publish().0, Some(0));
    attempt.rig.sums_hold(&format!("master/centos/{TWO}"));
}

#[test]
fn a_context_without_end_is_not_read_to_its_end() {
    let attempt = Attempt::new();
    attempt.refused(1, &["/dev/zero", "larger than"], &["--context", "/dev/zero"]);
    attempt.publishes(&[]);
}

#[test]
fn the_mirror_itself_is_no_source() {
    let rig = Rig::new();
    rig.publish(ONE, &[]);
    let mirror = rig.mirror("");
    let args = ["publish", mirror.to_str().unwrap(), "--stream", "master/centos", "--build", TWO];
    rig.fails(1, "is the mirror itself, which is never published", &args);
    assert!(!Path::new(&rig.mirror(&format!("master/centos/{TWO}"))).exists());
}

#[test]
fn git_is_not_asked_about_a_checkout_above_the_directory() {
    let attempt = Attempt::new();
    let job = attempt.rig.work("job");
    let git = |args: &[&str]| {
        let identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"];
        let mut git = Command::new("git");
        git.current_dir(attempt.rig.work("")).args(identity).args(args);
        assert!(git.status().unwrap().success());
    };
    git(&["init", "-q"]);
    git(&["commit", "-q", "--allow-empty", "-m", "top"]);
    fs::create_dir_all(job.join("lib/.git")).unwrap();
    let iso = attempt.rig.work("outputs");
    let add = format!("outputs={}", iso.display());
    let job = job.display().to_string();
    let args =
        ["publish", "--add", &add, "--stream", "master/centos", "--build", TWO, "--context-from", &job];
    attempt.rig.fails(1, "`lib`: its `.git` is not a repository", &args);
    attempt.rig.fails(1, &job, &args);
}

#[test]
fn links_that_lead_out_have_one_hint() {
    let rig = Rig::new();
    rig.ok(&["init"]);
    for n in 0..30 {
        symlink("/elsewhere", rig.work(&format!("outputs/RPMS/std/{n}.rpm"))).unwrap();
    }
    let work = rig.work("");
    let said = rig.ends(1, &["publish", work.to_str().unwrap(), "--stream", "master/centos"]);
    assert_eq!(said.matches("--exclude").count(), 1, "{said}");
    assert!(said.contains("and 10 more"), "{said}");
}
