//! Whatever link anywhere outside the builds leads to a build protects it, by whatever way.

use crate::support::rig::{Mounted, Rig};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

const A: &str = "20261001T000000Z";
const B: &str = "20261002T000000Z";
const C: &str = "20261003T000000Z";

/// Returns a mirror in which all builds but the newest may go.
fn rig() -> Rig {
    let rig = Rig::new();
    rig.policy("keep: [{last: 1}]").builds([A, B, C]);
    rig
}

/// Makes a link and the directories above it.
fn link(rig: &Rig, at: &str, text: impl AsRef<Path>) {
    let at = rig.mirror("").join(OsStr::from_bytes(at.as_bytes()));
    fs::create_dir_all(at.parent().unwrap()).unwrap();
    symlink(text, at).unwrap();
}

#[test]
fn a_link_in_any_place_protects_its_build() {
    let places = [
        ("docs/customer", "../master/centos"),
        ("docs/a/b/customer", "../../../master/centos"),
        (".hidden/customer", "../master/centos"),
        ("master/extra/customer", "../centos"),
        ("master/centos/old/customer", ".."),
        ("master/centos/old/deep/er/customer", "../../.."),
    ];
    for (at, to) in places {
        let rig = rig();
        link(&rig, at, format!("{to}/{A}/outputs"));
        let said = rig.json(&["plan"]).to_string();
        assert!(said.contains(at), "{at}: {said}");
        rig.ok(&["prune"]);
        assert_eq!(rig.there().into_iter().filter(|name| name != "old").collect::<Vec<_>>(), [A, C], "{at}");
        fs::remove_file(rig.mirror(at)).unwrap();
        rig.ok(&["prune"]);
        assert_eq!(rig.there().into_iter().filter(|name| name != "old").collect::<Vec<_>>(), [C], "{at}");
    }
}

#[test]
fn a_link_by_any_way_protects_its_build() {
    let rig = rig();
    let (root, outside) = (rig.mirror(""), rig.work("../outside"));
    fs::create_dir_all(&outside).unwrap();
    symlink(root.join("master"), outside.join("in")).unwrap();
    let other = rig.work("../other");
    symlink(&root, &other).unwrap();
    let name = root.file_name().unwrap().to_str().unwrap();
    let build = format!("master/centos/{A}");
    link(&rig, "step/dir", "../master/centos");
    let ways = [
        ("absolute", root.join(&build)),
        ("absolute into the middle", root.join(&build).join("outputs/iso")),
        ("absolute to a file", root.join(&build).join("outputs/iso/bootimage.iso")),
        ("out and in again", format!("../{name}/{build}").into()),
        ("through a link outside", outside.join("in/centos").join(A)),
        ("by another name of the root", other.join(&build)),
        ("up through a link", format!("step/dir/../centos/{A}").into()),
        ("through the working directory", format!("./step/..//{build}/").into()),
    ];
    for (way, text) in ways {
        link(&rig, "way", &text);
        let said = rig.json(&["plan"]).to_string();
        assert!(!said.contains("leaves the mirror"), "{way}: {said}");
        rig.ok(&["prune"]);
        assert!(rig.there().contains(&A.to_owned()), "{way} ({})", text.display());
        fs::remove_file(rig.mirror("way")).unwrap();
    }
    link(&rig, "second", root.join(&build));
    link(&rig, "first", "second");
    rig.ok(&["prune"]);
    assert_eq!(rig.there(), [A, C]);
    fs::remove_file(rig.mirror("second")).unwrap();
    fs::remove_file(rig.mirror("first")).unwrap();
    rig.ok(&["prune"]);
    assert_eq!(rig.there(), [C]);
}

#[test]
fn a_link_whose_name_no_path_can_hold_protects_its_build() {
    let rig = rig();
    let odd = |bytes: &[u8]| rig.mirror("").join(OsStr::from_bytes(bytes));
    symlink(format!("master/centos/{A}"), odd(b"odd\xff")).unwrap();
    fs::create_dir_all(odd(b"dir\xfe/in")).unwrap();
    symlink(format!("../../master/centos/{B}"), odd(b"dir\xfe/in/link\n")).unwrap();
    rig.ok(&["prune"]);
    assert_eq!(rig.there(), [A, B, C]);
    fs::remove_file(odd(b"odd\xff")).unwrap();
    rig.ok(&["prune"]);
    assert_eq!(rig.there(), [B, C]);
    fs::remove_dir_all(odd(b"dir\xfe")).unwrap();
    rig.ok(&["prune"]);
    assert_eq!(rig.there(), [C]);
}

#[test]
fn a_link_below_a_mount_or_very_deep_protects_its_build() {
    let rig = rig();
    let mounted = Mounted::tmpfs(&rig.mirror("docs"), "size=1m");
    link(&rig, "docs/customer", rig.mirror(&format!("master/centos/{A}")));
    rig.ok(&["prune"]);
    assert_eq!(rig.there(), [A, C]);
    drop(mounted);
    rig.ok(&["prune"]);
    assert_eq!(rig.there(), [C]);
}

#[test]
fn a_place_that_cannot_be_read_stops_a_prune() {
    let rig = rig();
    fs::create_dir_all(rig.mirror("docs/private")).unwrap();
    let top = rig.mirror("").parent().unwrap().to_owned();
    let as_other = |args: &[&str]| {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(top.join("mirrorkeep"));
        command.arg("--mirror").arg(rig.mirror("")).args(args);
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        (output.status.code(), said)
    };
    fs::copy(env!("CARGO_BIN_EXE_mirrorkeep"), top.join("mirrorkeep")).unwrap();
    assert!(Command::new("chown").args(["-R", "65534:65534"]).arg(&top).status().unwrap().success());
    assert!(Command::new("chown").arg("0:0").arg(rig.mirror("docs/private")).status().unwrap().success());
    assert!(Command::new("chmod").arg("700").arg(rig.mirror("docs/private")).status().unwrap().success());
    let (code, said) = as_other(&["prune"]);
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("docs/private"), "{said}");
    assert_eq!(rig.there(), [A, B, C]);
    fs::remove_dir(rig.mirror("docs/private")).unwrap();
    let (code, said) = as_other(&["prune"]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(rig.there(), [C]);
}

#[test]
fn links_that_dangle_or_leave_protect_nothing_and_are_warned_of() {
    let rig = rig();
    link(&rig, "away", "/nowhere/at/all");
    link(&rig, "out", "/");
    link(&rig, "dangling", rig.mirror("master/centos/20250101T000000Z"));
    let said = rig.ends(0, &["prune"]);
    assert!(said.contains("`away`") && said.contains("`out`: it leaves the mirror"), "{said}");
    assert!(said.contains("`dangling`: it dangles"), "{said}");
    assert_eq!(rig.there(), [C]);
}

#[test]
fn what_a_link_in_an_unknown_place_leads_to_comes_back_from_the_trash() {
    let rig = rig();
    rig.ok(&["prune"]);
    assert_eq!(rig.there(), [C]);
    link(&rig, "docs/relative", format!("../master/centos/{A}"));
    link(&rig, "docs/absolute", rig.mirror(&format!("master/centos/{B}")));
    rig.ok(&["prune"]);
    assert_eq!(rig.there(), [A, B, C]);
}

#[test]
fn an_absolute_link_inside_a_kept_build_is_a_need() {
    let rig = Rig::new();
    rig.policy("keep: [{last: 1}]").builds([A, B]);
    let build = rig.mirror(&format!("master/centos/{C}"));
    fs::create_dir_all(build.join("outputs/iso")).unwrap();
    fs::write(build.join("outputs/success"), "").unwrap();
    symlink(
        rig.mirror(&format!("master/centos/{A}/outputs/iso/bootimage.iso")),
        build.join("outputs/iso/base.iso"),
    )
    .unwrap();
    rig.ok(&["adopt"]);
    let said = rig.ok(&["plan"]);
    assert!(said.contains(&format!("requires: master/centos/{C}")), "{said}");
    rig.ok(&["prune"]);
    // `latest_build` still leads to the second.
    assert_eq!(rig.there(), [A, B, C]);
}
