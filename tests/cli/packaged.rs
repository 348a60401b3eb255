//! The packages install what a system needs, and the Containerfile builds as the README says.

use mirrorkeep::cli::schemas;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Runs a program, which must succeed, and returns what it printed.
#[track_caller]
fn ok(command: &mut Command) -> String {
    let output: Output = command.env("PATH", path()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{command:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

/// Returns the search path with the directories of programs that only root uses.
fn path() -> String {
    format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap())
}

/// Packs the binary under test as `deb` or `rpm`, and returns the package.
#[track_caller]
fn packed(place: &Path, kind: &str) -> PathBuf {
    // Without symbols, as a release, it is packed in seconds.
    let binary = place.join("mirrorkeep");
    ok(Command::new("strip").arg("-o").arg(&binary).arg(env!("CARGO_BIN_EXE_mirrorkeep")));
    let packages = place.join("packages");
    let mut make = Command::new("make");
    make.args(["-C", env!("CARGO_MANIFEST_DIR"), &format!("package-{kind}")])
        .arg(format!("PACKED={}", binary.display()))
        .arg(format!("PACKAGES={}", packages.display()));
    ok(&mut make);
    let mut made = fs::read_dir(packages).unwrap().map(|entry| entry.unwrap().path());
    made.find(|path| path.extension().is_some_and(|ending| ending == kind)).unwrap()
}

/// Returns what has to be in every package, as paths from the root.
fn expected(zsh: &str) -> BTreeSet<String> {
    let mut files: BTreeSet<String> = [
        "/usr/bin/mirrorkeep",
        "/usr/lib/systemd/system/mirrorkeep-deliver.service",
        "/usr/lib/systemd/system/mirrorkeep-due@.service",
        "/usr/lib/systemd/system/mirrorkeep-due@.timer",
        "/usr/lib/systemd/system/mirrorkeep-failed@.service",
        "/usr/lib/systemd/system/mirrorkeep-prune.service",
        "/usr/lib/systemd/system/mirrorkeep-prune.timer",
        "/usr/lib/systemd/system/mirrorkeep-readers.path",
        "/usr/lib/systemd/system/mirrorkeep-readers.service",
        "/usr/lib/sysusers.d/mirrorkeep.conf",
        "/usr/lib/tmpfiles.d/mirrorkeep.conf",
        "/usr/share/bash-completion/completions/mirrorkeep",
        "/usr/share/fish/vendor_completions.d/mirrorkeep.fish",
        "/usr/share/doc/mirrorkeep/LICENSE",
        "/usr/share/doc/mirrorkeep/README.md",
        "/usr/share/doc/mirrorkeep/examples/nginx.conf",
        "/usr/share/doc/mirrorkeep/examples/nginx-bucket.conf",
        zsh,
    ]
    .map(str::to_owned)
    .into();
    for page in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs")).unwrap() {
        let name = page.unwrap().file_name().into_string().unwrap();
        if name.ends_with(".md") {
            files.insert(format!("/usr/share/doc/mirrorkeep/docs/{name}"));
        }
    }
    files.extend(
        schemas().iter().map(|answer| format!("/usr/share/doc/mirrorkeep/docs/schemas/{}", answer.file())),
    );
    for picture in ["front", "simulate", "stages-dark", "stream-dark"] {
        files.insert(format!("/usr/share/doc/mirrorkeep/docs/screenshots/{picture}.png"));
    }
    let pages = tempfile::tempdir().unwrap();
    ok(Command::new(env!("CARGO_BIN_EXE_mirrorkeep")).args(["man", "--out"]).arg(pages.path()));
    for page in fs::read_dir(pages.path()).unwrap() {
        files.insert(format!("/usr/share/man/man1/{}", page.unwrap().file_name().into_string().unwrap()));
    }
    files
}

/// Installs the .deb into a root of its own, whose maintainer scripts act there, and removes it again.
#[test]
fn the_deb_installs_a_user_who_publishes_and_units_that_systemd_accepts() {
    let place = tempfile::tempdir().unwrap();
    // The user `mirror` passes through it.
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let package = packed(place.path(), "deb");
    let root = place.path().join("root");
    for dir in ["var/lib/dpkg/info", "var/lib/dpkg/updates", "var/log", "etc", "bin", "usr/lib/systemd"] {
        fs::create_dir_all(root.join(dir)).unwrap();
    }
    fs::write(root.join("var/lib/dpkg/status"), "").unwrap();
    let dpkg = || {
        let mut dpkg = Command::new("dpkg");
        dpkg.arg(format!("--root={}", root.display()));
        dpkg.args(["--force-script-chrootless", "--force-depends"]);
        dpkg
    };
    ok(dpkg().arg("-i").arg(&package));
    let there = ok(dpkg().args(["-L", "mirrorkeep"]));
    let there: BTreeSet<&str> = there.lines().collect();
    let expected = expected("/usr/share/zsh/vendor-completions/_mirrorkeep");
    let lacking: Vec<&String> = expected.iter().filter(|file| !there.contains(file.as_str())).collect();
    assert!(lacking.is_empty(), "not in the package: {lacking:?}");
    // What systemd needs around our units: its own, and the shell that one of them calls.
    let units =
        ["/usr/lib/systemd/system", "/lib/systemd/system"].into_iter().find(|at| Path::new(at).is_dir());
    ok(Command::new("cp").args(["-rn", units.unwrap()]).arg(root.join("usr/lib/systemd")));
    fs::copy("/bin/sh", root.join("bin/sh")).unwrap();
    for unit in [
        "mirrorkeep-deliver.service",
        "mirrorkeep-due@main-debian.timer",
        "mirrorkeep-due@main-debian.service",
        "mirrorkeep-prune.timer",
        "mirrorkeep-prune.service",
        "mirrorkeep-failed@x.service",
        "mirrorkeep-readers.path",
        "mirrorkeep-readers.service",
    ] {
        let mut verify = Command::new("systemd-analyze");
        verify.arg(format!("--root={}", root.display())).args(["--man=no", "verify", unit]);
        assert_eq!(ok(&mut verify), "", "{unit}");
    }
    let users = fs::read_to_string(root.join("etc/passwd")).unwrap();
    let user: Vec<&str> =
        users.lines().find(|line| line.starts_with("mirror:")).unwrap().split(':').collect();
    let mirror = root.join("srv/mirror");
    assert_eq!(fs::metadata(&mirror).unwrap().uid().to_string(), user[2], "{users}");
    let as_mirror = |args: &[&str]| {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", user[2], "--regid", user[3], "--clear-groups", "--"]);
        command.arg(root.join("usr/bin/mirrorkeep")).arg("--mirror").arg(&mirror).args(args);
        ok(command.current_dir("/"))
    };
    let build = place.path().join("out");
    fs::create_dir(&build).unwrap();
    fs::write(build.join("tool.iso"), "an image").unwrap();
    // The rules for readers are written where the units expect them.
    let rules = "/var/lib/mirrorkeep/nginx-readers.inc";
    let unit = |name: &str| fs::read_to_string(root.join("usr/lib/systemd/system").join(name)).unwrap();
    assert!(unit("mirrorkeep-readers.path").contains(&format!("PathChanged={rules}\n")));
    assert!(unit("mirrorkeep-prune.service").contains("ReadWritePaths=/srv/mirror -/var/lib/mirrorkeep\n"));
    as_mirror(&["init"]);
    as_mirror(&["publish", build.to_str().unwrap(), "--stream", "main/debian"]);
    as_mirror(&["export", "readers", "--for", "nginx", "--out", root.join(&rules[1..]).to_str().unwrap()]);
    let published = mirror.join("main/debian/latest_build/tool.iso");
    assert_eq!(fs::metadata(published).unwrap().uid().to_string(), user[2]);
    ok(dpkg().args(["-r", "mirrorkeep"]));
    assert!(!root.join("usr/bin/mirrorkeep").exists());
    assert!(mirror.join("main/debian/latest_build").exists(), "a mirror outlives the program");
}

#[test]
fn the_rpm_has_the_same_files_and_owns_no_directory_of_the_system() {
    let place = tempfile::tempdir().unwrap();
    let package = packed(place.path(), "rpm");
    let there = ok(Command::new("rpm").arg("-qlp").arg(&package));
    let there: BTreeSet<&str> = there.lines().collect();
    let expected = expected("/usr/share/zsh/site-functions/_mirrorkeep");
    let lacking: Vec<&String> = expected.iter().filter(|file| !there.contains(file.as_str())).collect();
    assert!(lacking.is_empty(), "not in the package: {lacking:?}");
    let taken: Vec<&&str> = there.iter().filter(|path| !path.contains("mirrorkeep")).collect();
    assert!(taken.is_empty(), "{taken:?}");
    let scripts = ok(Command::new("rpm").args(["-qp", "--scripts"]).arg(&package));
    assert!(scripts.contains("systemd-sysusers") && scripts.contains("disable --now"), "{scripts}");
    let root = place.path().join("root");
    let mut install = Command::new("rpm");
    install.arg("--root").arg(&root).args(["--nodeps", "--noscripts", "-i"]).arg(&package);
    ok(&mut install);
    let version = ok(Command::new(root.join("usr/bin/mirrorkeep")).arg("--version"));
    assert_eq!(version, format!("mirrorkeep {}\n", env!("CARGO_PKG_VERSION")));
}

/// No engine builds the image here; what it is built of is checked instead.
#[test]
fn the_containerfile_builds_as_the_readme_says_and_ends_as_another_user_than_root() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = |file: &str| fs::read_to_string(root.join(file)).unwrap();
    let file = text("Containerfile");
    let steps: Vec<(&str, &str)> = file
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| line.split_once(' ').unwrap())
        .collect();
    let of = |word: &str| {
        steps.iter().filter(|(step, _)| *step == word).map(|(_, rest)| *rest).collect::<Vec<_>>()
    };
    let cargo: Vec<&str> = of("RUN").into_iter().filter(|line| line.starts_with("cargo ")).collect();
    assert_eq!(cargo.len(), 1, "{cargo:?}");
    assert!(text("README.md").contains(cargo[0]), "the README does not have `{}`", cargo[0]);
    for copied in of("COPY").into_iter().filter(|line| !line.starts_with("--from=")) {
        let source = copied.split_whitespace().next().unwrap();
        assert!(root.join(source).exists(), "`{source}` is not there");
    }
    let version = text("Cargo.toml");
    let version =
        version.lines().find_map(|line| line.strip_prefix("rust-version = ")).unwrap().trim_matches('"');
    assert!(of("FROM")[0].contains(&format!("/rust:{version}-")), "{:?}", of("FROM"));
    assert!(
        of("FROM")[0].ends_with(" AS build")
            && of("COPY").iter().any(|line| line.starts_with("--from=build "))
    );
    let user = steps.iter().rfind(|(step, _)| *step == "USER").unwrap().1;
    assert!(file.contains(&format!("--create-home {user}\n")), "{user}");
    assert_eq!(of("VOLUME"), ["/srv/mirror"]);
    assert_eq!(of("ENTRYPOINT"), [r#"["mirrorkeep"]"#]);
    // What is large and not needed is not sent to the engine.
    assert!(text(".dockerignore").lines().any(|line| line == "target"));
}
