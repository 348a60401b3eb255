//! What GnuPG is asked and given, and what is made of answers that it rarely gives.

use super::{NAME, Signed, said, text, wanted};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Puts a program before all others of its name; `$PATH` in it is that of the others.
fn instead(dir: &Path, name: &str, script: &str) -> String {
    let others = std::env::var("PATH").unwrap();
    let at = dir.join(name);
    fs::write(&at, format!("#!/bin/sh\nPATH='{others}'\n{script}\n")).unwrap();
    fs::set_permissions(&at, fs::Permissions::from_mode(0o755)).unwrap();
    format!("{}:{others}", text(dir))
}

#[test]
fn gpg_never_sees_the_password_of_another_key() {
    let signed = Signed::new();
    let bin = tempfile::tempdir().unwrap();
    let seen = bin.path().join("seen");
    let path = instead(bin.path(), "gpg", &format!("env >>'{}'\nexec gpg \"$@\"", text(&seen)));
    let work = signed.rig.work("");
    let args = ["publish", text(&work), "--stream", "master/centos", "--sign", "gpg:releases"];
    let mut publish = signed.rig.command(&args);
    publish
        .env("PATH", path)
        .env("GNUPGHOME", signed.gpg.home())
        .env("MIRRORKEEP_MINISIGN_PASSWORD", "secret");
    let output = publish.output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let seen = fs::read_to_string(seen).unwrap();
    assert!(seen.contains("LC_ALL=C") && !seen.contains("MIRRORKEEP_MINISIGN_PASSWORD"), "{seen}");
}

#[test]
fn a_signature_that_lacks_one_of_the_keys_is_not_published() {
    let signed = Signed::new();
    signed.gpg.key("second", "");
    let bin = tempfile::tempdir().unwrap();
    // It signs with the first key alone, and says that all is well.
    let script = "case \"$*\" in *--detach-sign*)
        exec gpg --batch --no-tty --status-fd 2 --armor --detach-sign --output - --local-user releases;; esac
        exec gpg \"$@\"";
    let path = instead(bin.path(), "gpg", script);
    let work = signed.rig.work("");
    let args = [
        "publish",
        text(&work),
        "--stream",
        "master/centos",
        "--sign",
        "gpg:releases",
        "--sign",
        "gpg:second",
    ];
    let output =
        signed.rig.command(&args).env("PATH", path).env("GNUPGHOME", signed.gpg.home()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("gpg cannot sign with `releases` and `second`"), "{}", said(&output));
    assert!(!signed.rig.mirror("master").exists());
}

#[test]
fn a_signature_that_nobody_could_verify_is_not_taken_for_a_good_one() {
    let signed = Signed::new();
    signed.by_both(NAME);
    let bin = tempfile::tempdir().unwrap();
    // It is there when it is looked for, and gone when it is wanted.
    let path = instead(bin.path(), "gpgv", "rm \"$0\"");
    let mut verify = signed.rig.command(&["verify", "--all", "--keyring", text(&signed.keyring)]);
    let output = verify.env("PATH", path.split(':').next().unwrap()).output().unwrap();
    assert_eq!(output.status.code(), Some(5), "{}", said(&output));
    let shown = String::from_utf8_lossy(&output.stdout).into_owned() + &said(&output);
    assert!(shown.contains("SHA256SUMS.asc") && shown.contains("cannot start `gpgv`"), "{shown}");
}

#[test]
fn a_good_signature_beside_one_of_another_list_proves_nothing() {
    let signed = Signed::new();
    signed.by_both(NAME);
    let second = signed.gpg.key("second", "");
    let note = signed.gpg.home().join("note");
    fs::write(&note, "another list").unwrap();
    let by = |key: &str, what: &Path| {
        signed.gpg.run(&["--local-user", key, "--output", "-", "--detach-sign", text(what)])
    };
    let (good, other) = (by("releases", &signed.file("SHA256SUMS")), by("second", &note));
    let keys = ["--keyring", text(&signed.keyring), "--keyring", text(&second)];
    signed.forge("SHA256SUMS.asc", &good);
    assert_eq!(signed.faults(&keys), wanted(&[]));
    for both in [[&good[..], &other].concat(), [&other[..], &good].concat()] {
        signed.forge("SHA256SUMS.asc", both);
        assert_eq!(signed.faults(&keys), wanted(&[("bad-signature", "SHA256SUMS.asc")]));
    }
}

#[test]
fn a_trusted_comment_is_part_of_what_is_signed() {
    let signed = Signed::new();
    signed.by_both(NAME);
    let made = fs::read_to_string(signed.file("SHA256SUMS.minisig")).unwrap();
    let comment = |from: &str, to: &str| {
        assert!(made.contains(from), "{made}");
        signed.forge("SHA256SUMS.minisig", made.replacen(from, to, 1));
        signed.faults(&["--minisign-key", text(&signed.public)])
    };
    // `untrusted comment:` is the first line, and nobody signed that.
    assert_eq!(comment("untrusted comment: ", "untrusted comment: of somebody, "), wanted(&[]));
    let changed = comment("\ntrusted comment: ", "\ntrusted comment: of somebody, ");
    assert_eq!(changed, wanted(&[("bad-signature", "SHA256SUMS.minisig")]));
}

#[test]
fn a_signature_that_cannot_be_read_is_told_and_proves_nothing() {
    let signed = Signed::new();
    signed.by_both(NAME);
    // No signature is so long, so nothing of it is read.
    for name in ["SHA256SUMS.asc", "SHA256SUMS.minisig"] {
        signed.forge(name, vec![b'a'; (1 << 20) + 1]);
    }
    let found = wanted(&[("unreadable", "SHA256SUMS.asc"), ("unreadable", "SHA256SUMS.minisig")]);
    assert_eq!(signed.faults(&signed.trusted()), found);
}
