//! Signed checksums: who published a build is told from who only could write, and a signature stays with its build.

mod kept;
pub(crate) mod keys;
mod programs;

use crate::support::rig::{Rig, lay, tree};
use keys::{Gpg, minisign, minisign_with, run};
use mirrorkeep::model::Digest;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const NAME: &str = "20260101T060000Z";
const BUILD: &str = "master/centos/20260101T060000Z";

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A rig with a key of each kind.
struct Signed {
    rig: Rig,
    gpg: Gpg,
    keyring: PathBuf,
    secret: PathBuf,
    public: PathBuf,
}

impl Signed {
    fn new() -> Self {
        let (rig, gpg) = (Rig::new(), Gpg::new());
        rig.policy("keep: [{last: 2}]");
        let keyring = gpg.key("releases", "");
        let (secret, public) = minisign(gpg.home(), "release");
        Self { rig, gpg, keyring, secret, public }
    }

    /// Publishes with these arguments more.
    fn publish(&self, name: &str, more: &[&str]) -> Output {
        let work = self.rig.work("");
        let args = ["--json", "publish", text(&work), "--stream", "master/centos", "--build", name];
        run(&self.rig, Some(&self.gpg), None, &[&args[..], more].concat())
    }

    /// Publishes signed by both keys, and returns the answer.
    #[track_caller]
    fn by_both(&self, name: &str) -> Value {
        let minisign = format!("minisign:{}", text(&self.secret));
        let output = self.publish(name, &["--sign", "gpg:releases", "--sign", &minisign]);
        assert!(output.status.success(), "{}", said(&output));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn file(&self, below: &str) -> PathBuf {
        self.rig.mirror(&format!("{BUILD}/{below}"))
    }

    /// Writes over a file of the build.
    fn forge(&self, below: &str, bytes: impl AsRef<[u8]>) {
        let at = self.file(below);
        fs::remove_file(&at).ok();
        fs::write(at, bytes).unwrap();
    }

    /// Returns the kinds and files of faults that these keys find.
    #[track_caller]
    fn faults(&self, keys: &[&str]) -> BTreeSet<(String, String)> {
        let output = run(&self.rig, None, None, &[&["--json", "verify", "--all"][..], keys].concat());
        let answer: Value =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", said(&output)));
        let word = |value: &Value| value.as_str().unwrap().to_owned();
        let found: BTreeSet<_> = (answer["report"]["faults"].as_array().unwrap().iter())
            .map(|fault| (word(&fault["what"]), word(&fault["path"]).rsplit('/').next().unwrap().to_owned()))
            .collect();
        assert_eq!(output.status.code(), Some(if found.is_empty() { 0 } else { 5 }), "{}", said(&output));
        found
    }

    fn trusted(&self) -> [&str; 4] {
        ["--keyring", text(&self.keyring), "--minisign-key", text(&self.public)]
    }
}

fn wanted(list: &[(&str, &str)]) -> BTreeSet<(String, String)> {
    list.iter().map(|(what, path)| ((*what).to_owned(), (*path).to_owned())).collect()
}

#[test]
fn a_signed_build_is_proven_by_its_keys_and_by_no_others() {
    let signed = Signed::new();
    let answer = signed.by_both(NAME);
    let made = &answer["signatures"];
    assert_eq!((&made[0]["by"], &made[0]["file"]), (&"gpg".into(), &"SHA256SUMS.asc".into()));
    assert_eq!((&made[1]["by"], &made[1]["file"]), (&"minisign".into(), &"SHA256SUMS.minisig".into()));
    let listed = String::from_utf8(signed.gpg.run(&["--with-colons", "--list-keys"])).unwrap();
    assert!(listed.contains(made[0]["keys"][0].as_str().unwrap()), "{listed}");
    assert!(fs::read_to_string(&signed.public).unwrap().contains(made[1]["keys"][0].as_str().unwrap()));
    assert_eq!(signed.faults(&signed.trusted()), wanted(&[]));
    // The programs that made the forms agree.
    signed.gpg.run(&["--verify", text(&signed.file("SHA256SUMS.asc")), text(&signed.file("SHA256SUMS"))]);

    let armoured = signed.gpg.home().join("armoured");
    fs::write(&armoured, signed.gpg.run(&["--armor", "--export", "releases"])).unwrap();
    let box64 = fs::read_to_string(&signed.public).unwrap().lines().nth(1).unwrap().to_owned();
    assert_eq!(signed.faults(&["--keyring", text(&armoured), "--minisign-key", &box64]), wanted(&[]));

    let stranger = signed.gpg.key("stranger", "");
    let (_, other) = minisign(signed.gpg.home(), "other");
    let strangers = ["--keyring", text(&stranger), "--minisign-key", text(&other)];
    let found = wanted(&[("bad-signature", "SHA256SUMS.asc"), ("bad-signature", "SHA256SUMS.minisig")]);
    assert_eq!(signed.faults(&strangers), found);
    // One of several that are trusted is enough.
    assert_eq!(signed.faults(&[&strangers[..], &signed.trusted()].concat()), wanted(&[]));
}

#[test]
fn a_list_that_was_forged_with_bytes_and_record_is_found_by_its_signature() {
    let signed = Signed::new();
    signed.by_both(NAME);
    let (old, new) = (Digest::of(b"image"), Digest::of(b"imagE"));
    let list = fs::read_to_string(signed.file("SHA256SUMS")).unwrap();
    let forged = list.replace(&old.to_string(), &new.to_string());
    assert_ne!(list, forged);
    signed.forge("outputs/iso/bootimage.iso", "imagE");
    signed.forge("SHA256SUMS", &forged);
    let record = signed.rig.mirror(&format!(".mirrorkeep/builds/{BUILD}.json"));
    let told = fs::read_to_string(&record).unwrap();
    let (sums, other) = (Digest::of(list.as_bytes()).to_string(), Digest::of(forged.as_bytes()).to_string());
    assert!(told.contains(&sums));
    fs::write(&record, told.replace(&sums, &other)).unwrap();
    assert_eq!(signed.faults(&[]), wanted(&[]), "checksums alone tell nothing");
    let both = wanted(&[("bad-signature", "SHA256SUMS.asc"), ("bad-signature", "SHA256SUMS.minisig")]);
    assert_eq!(signed.faults(&signed.trusted()), both);
}

#[test]
fn a_build_that_nobody_signed_is_told_when_a_signature_is_wanted() {
    let signed = Signed::new();
    assert!(signed.publish(NAME, &["--sign", "gpg:releases"]).status.success());
    assert_eq!(signed.faults(&[]), wanted(&[]));
    assert_eq!(signed.faults(&signed.trusted()[..2]), wanted(&[]));
    assert_eq!(signed.faults(&signed.trusted()), wanted(&[("unsigned", "SHA256SUMS.minisig")]));
    fs::remove_file(signed.file("SHA256SUMS")).unwrap();
    let found = signed.faults(&signed.trusted()[..2]);
    assert!(found.contains(&("unsigned".to_owned(), "SHA256SUMS.asc".to_owned())), "{found:?}");
}

#[test]
fn what_the_key_signed_elsewhere_proves_nothing() {
    let signed = Signed::new();
    signed.by_both(NAME);
    let wrong = wanted(&[("bad-signature", "SHA256SUMS.asc")]);
    let keyring = &signed.trusted()[..2];
    let note = signed.gpg.home().join("note");
    fs::write(&note, "a note that its writer signed").unwrap();
    for how in ["--sign", "--clear-sign", "--detach-sign"] {
        let made =
            signed.gpg.run(&["--local-user", "releases", "--armor", "--output", "-", how, text(&note)]);
        signed.forge("SHA256SUMS.asc", made);
        assert_eq!(signed.faults(keyring), wrong, "{how}");
    }
    // The very list, but as a message that brings its text.
    let list = signed.file("SHA256SUMS");
    let made =
        signed.gpg.run(&["--local-user", "releases", "--armor", "--output", "-", "--sign", text(&list)]);
    signed.forge("SHA256SUMS.asc", made);
    assert_eq!(signed.faults(keyring), wrong);
    for junk in
        ["", "-----BEGIN PGP SIGNATURE-----\n", "untrusted comment: x\nAAAA\ntrusted comment: y\nAAAA\n"]
    {
        signed.forge("SHA256SUMS.asc", junk);
        signed.forge("SHA256SUMS.minisig", junk);
        let both = wanted(&[("bad-signature", "SHA256SUMS.asc"), ("bad-signature", "SHA256SUMS.minisig")]);
        assert_eq!(signed.faults(&signed.trusted()), both, "{junk}");
    }
}

#[test]
fn a_key_that_was_revoked_or_has_expired_proves_nothing() {
    let signed = Signed::new();
    signed.by_both(NAME);
    let wrong = wanted(&[("bad-signature", "SHA256SUMS.asc")]);
    let export = |to: &str| {
        let at = signed.gpg.home().join(to);
        fs::write(&at, signed.gpg.run(&["--export", "releases"])).unwrap();
        at
    };
    let print = String::from_utf8(signed.gpg.run(&["--with-colons", "--list-keys", "releases"])).unwrap();
    let print =
        print.lines().find(|line| line.starts_with("fpr:")).unwrap().split(':').nth(9).unwrap().to_owned();
    signed.gpg.run(&[
        "--faked-system-time",
        "20210101T000000",
        "--quick-set-expire",
        &print,
        "20210601T000000",
    ]);
    assert_eq!(signed.faults(&["--keyring", text(&export("expired"))]), wrong);
    signed.gpg.run(&["--quick-set-expire", &print, "never"]);
    assert_eq!(signed.faults(&["--keyring", text(&export("again"))]), wanted(&[]));
    let paper = signed.gpg.home().join(format!("openpgp-revocs.d/{print}.rev"));
    let ready = fs::read_to_string(&paper).unwrap().replace(":-----BEGIN", "-----BEGIN");
    fs::write(&paper, ready).unwrap();
    signed.gpg.run(&["--import", text(&paper)]);
    assert_eq!(signed.faults(&["--keyring", text(&export("revoked"))]), wrong);
}

#[test]
fn who_cannot_sign_publishes_nothing() {
    let signed = Signed::new();
    let (locked, open) = minisign_with(signed.gpg.home(), "locked", "secret");
    let fails = |password: Option<&str>, code: i32, why: &str, sign: &[&str]| {
        let work = signed.rig.work("");
        let args = ["publish", text(&work), "--stream", "master/centos", "--build", NAME];
        let output = run(&signed.rig, Some(&signed.gpg), password, &[&args[..], sign].concat());
        assert_eq!(output.status.code(), Some(code), "{sign:?}: {}", said(&output));
        assert!(said(&output).contains(why), "{sign:?}: {}", said(&output));
        assert!(!signed.file("").exists(), "{sign:?}");
    };
    let locked = format!("minisign:{}", text(&locked));
    let absent = format!("minisign:{}", text(&signed.gpg.home().join("absent.key")));
    let public = format!("minisign:{}", text(&open));
    fails(None, 1, "gpg has no secret key `nobody`", &["--sign", "gpg:nobody"]);
    fails(None, 1, "gpg has no secret key `nobody`", &["--dry-run", "--sign", "gpg:nobody"]);
    fails(None, 1, "gpg has no secret key `nobody`", &["--sign", "gpg:releases", "--sign", "gpg:nobody"]);
    fails(None, 1, "MIRRORKEEP_MINISIGN_PASSWORD", &["--sign", &locked]);
    fails(Some("guess"), 1, "Wrong password", &["--sign", &locked]);
    fails(None, 1, "cannot read the key", &["--sign", &absent]);
    fails(None, 1, "secret key of minisign", &["--sign", &public]);
    let plain = format!("minisign:{}", text(&signed.secret));
    fails(None, 1, "is a second key", &["--sign", &plain, "--sign", &plain]);
    for form in ["", "gpg", "gpg:", "minisign:", "pgp:releases"] {
        fails(None, 2, "gpg:KEYID", &["--sign", form]);
    }
    let mut without = signed.rig.command(&["publish", "--stream", "master/centos", "--sign", "gpg:releases"]);
    let output = without.arg(signed.rig.work("")).env("PATH", "/nonexistent").output().unwrap();
    assert!(said(&output).contains("cannot start `gpg`"), "{}", said(&output));
    assert!(!signed.rig.mirror("master").exists());

    let work = signed.rig.work("");
    let args = ["publish", text(&work), "--stream", "master/centos", "--build", NAME, "--sign", &locked];
    let output = run(&signed.rig, None, Some("secret"), &args);
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(signed.faults(&["--minisign-key", text(&open)]), wanted(&[]));
}

#[test]
fn a_key_that_fails_at_the_end_leaves_the_files_for_the_next_try() {
    let signed = Signed::new();
    signed.gpg.key("locked", "secret");
    signed.gpg.forget();
    // Nobody is there to be asked for the password.
    let output = signed.publish(NAME, &["--sign", "gpg:locked"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("gpg cannot sign with `locked`"), "{}", said(&output));
    assert!(!signed.rig.mirror("master").exists());
    // A try that was killed while it wrote may also have left a signature, of whatever list.
    let stage = fs::read_dir(signed.rig.mirror(".mirrorkeep/stage")).unwrap().next().unwrap().unwrap().path();
    fs::write(stage.join("tree/SHA256SUMS.asc"), "of another list").unwrap();
    let output = signed.publish(NAME, &[]);
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["resumed_files"], 2);
    assert!(!signed.file("SHA256SUMS.asc").exists());
}

#[test]
fn the_same_again_is_no_change_whoever_signs() {
    let signed = Signed::new();
    signed.by_both(NAME);
    let before = tree(&signed.rig.mirror(""));
    let bytes = fs::read(signed.file("SHA256SUMS.asc")).unwrap();
    signed.gpg.key("another", "");
    for sign in [&[][..], &["--sign", "gpg:releases"], &["--sign", "gpg:another"]] {
        let output = signed.publish(NAME, sign);
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(
            (&answer["outcome"], &answer["signatures"]),
            (&"unchanged".into(), &Value::from(Vec::<u8>::new()))
        );
        assert_eq!(tree(&signed.rig.mirror("")), before);
    }
    assert_eq!(fs::read(signed.file("SHA256SUMS.asc")).unwrap(), bytes);
}

#[test]
fn two_keys_sign_in_one_file() {
    let signed = Signed::new();
    let second = signed.gpg.key("second", "");
    let output = signed.publish(NAME, &["--sign", "gpg:releases", "--sign", "gpg:second"]);
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["signatures"][0]["keys"].as_array().unwrap().len(), 2);
    for keyring in [&signed.keyring, &second] {
        assert_eq!(signed.faults(&["--keyring", text(keyring)]), wanted(&[]));
    }
}

#[test]
fn a_signature_is_no_stray_and_no_extra_file() {
    let signed = Signed::new();
    signed.rig.write("outputs/CONTEXT", &format!("(cd ./a && git checkout -f {})\n", "1".repeat(40)));
    signed.by_both(NAME);
    signed.rig.sums_hold(BUILD);
    assert!(!fs::read_to_string(signed.file("SHA256SUMS")).unwrap().contains("SHA256SUMS."));
    for name in ["SHA256SUMS.asc", "SHA256SUMS.minisig"] {
        let place = signed.rig.json(&["layout", "place", &format!("{BUILD}/{name}")]);
        assert_eq!(place["place"], "inside");
        signed.rig.write(name, "made elsewhere");
        let output = signed.publish("20260102T060000Z", &[]);
        assert!(said(&output).contains(&format!("`{name}`: mirrorkeep writes this file itself")));
        fs::remove_file(signed.rig.work(name)).unwrap();
    }
    assert_eq!(signed.rig.ok(&["check"]), "");
    // Its record lost and found again, and a build that others laid down and signed.
    fs::remove_file(signed.rig.mirror(&format!(".mirrorkeep/builds/{BUILD}.json"))).unwrap();
    fs::remove_file(signed.rig.mirror(&format!(".mirrorkeep/manifests/{BUILD}.files"))).unwrap();
    let iso = Digest::of(b"a");
    let list = format!("{iso}  outputs/iso/a.iso\n{}  outputs/success\n", Digest::of(b""));
    let other = "master/centos/20260102T060000Z";
    lay(&signed.rig, other, &[("outputs/iso/a.iso", "a"), ("outputs/success", ""), ("SHA256SUMS", &list)]);
    let sums = signed.rig.mirror(&format!("{other}/SHA256SUMS"));
    signed.gpg.run(&["--armor", "--detach-sign", text(&sums)]);
    signed.rig.ok(&["adopt"]);
    assert_eq!(signed.rig.json(&["show", BUILD])["files"], 4);
    assert_eq!(signed.rig.json(&["show", other])["files"], 2);
    assert_eq!(signed.faults(&signed.trusted()[..2]), wanted(&[]));
    assert_eq!(signed.rig.json(&["adopt", "--changed"])["report"]["again"], Value::from(Vec::<u8>::new()));
}

#[test]
fn what_takes_a_part_out_takes_the_signature_with_it() {
    let signed = Signed::new();
    signed.rig.policy(
        "keep: [{last: 2}], parts: {bulky: {paths: [\"inputs/**\", \"SHA256SUMS*\"], keep: [{last: 1}]}}",
    );
    signed.rig.write("inputs/RPMS/a.src.rpm", "source");
    signed.by_both(NAME);
    signed.by_both("20260102T060000Z");
    signed.rig.ok(&["prune"]);
    assert!(!signed.file("inputs").exists());
    signed.rig.sums_hold(BUILD);
    assert_eq!(signed.faults(&[]), wanted(&[]));
    let both = wanted(&[("unsigned", "SHA256SUMS.asc"), ("unsigned", "SHA256SUMS.minisig")]);
    assert_eq!(signed.faults(&signed.trusted()), both);
    signed.rig.ok(&["restore", BUILD]);
    assert_eq!(signed.faults(&signed.trusted()), wanted(&[]));
}

/// Returns a key in the form of `minisign -G -W`: without a password, and with zeros for the checksum.
fn without_checksum(text: &str, damage: bool) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (comment, key) = text.trim_end().split_once('\n').unwrap();
    // The 126 bytes before the checksum are 168 digits, its 32 bytes are 43.
    assert_eq!((key.len(), key.trim_end_matches('=').len()), (212, 211));
    let mut key = format!("{}{}=", &key[..168], "A".repeat(43));
    if damage {
        let at = 100;
        let other = if key.as_bytes()[at] == DIGITS[0] { "B" } else { "A" };
        key.replace_range(at..=at, other);
    }
    format!("{comment}\n{key}\n")
}

#[test]
fn a_minisign_key_without_password_and_checksum_signs_unless_it_is_damaged() {
    let signed = Signed::new();
    let (secret, public) = keys::minisign(signed.gpg.home(), "plain");
    let whole = fs::read_to_string(&secret).unwrap();
    let name = format!("minisign:{}", text(&secret));
    let work = signed.rig.work("");
    let publish = ["publish", text(&work), "--stream", "master/centos", "--sign", &name];
    fs::write(&secret, without_checksum(&whole, true)).unwrap();
    let output = run(&signed.rig, None, None, &publish);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("what it signs does not fit its public key"), "{}", said(&output));
    fs::write(&secret, without_checksum(&whole, false)).unwrap();
    let output = run(&signed.rig, None, None, &publish);
    assert!(output.status.success(), "{}", said(&output));
    let verify = ["verify", "--all", "--minisign-key", text(&public)];
    let output = run(&signed.rig, None, None, &verify);
    assert!(output.status.success(), "{}", said(&output));
}

#[test]
fn keys_that_are_none_are_told_before_anything_is_read() {
    let signed = Signed::new();
    signed.by_both(NAME);
    let empty = signed.gpg.home().join("empty");
    fs::write(&empty, "").unwrap();
    for (keys, why) in [
        (["--keyring", text(&empty)], "holds no OpenPGP public keys"),
        (["--keyring", "/nonexistent/keys.gpg"], "cannot read the key"),
        (["--minisign-key", text(&empty)], "cannot be used as a public key of minisign"),
        (["--minisign-key", "RWQ"], "neither a file nor"),
    ] {
        let output = run(&signed.rig, None, None, &[&["verify", "--all"], &keys[..]].concat());
        assert_eq!(output.status.code(), Some(1), "{keys:?}");
        assert!(said(&output).contains(why), "{keys:?}: {}", said(&output));
    }
    let mut without = signed.rig.command(&["verify", "--all", "--keyring", text(&signed.keyring)]);
    let output = without.env("PATH", "/nonexistent").stdout(Stdio::null()).output().unwrap();
    assert!(said(&output).contains("cannot start `gpgv`"), "{}", said(&output));
}

#[test]
fn verifying_leaves_the_keys_of_its_user_alone() {
    let signed = Signed::new();
    signed.by_both(NAME);
    let home = tempfile::tempdir().unwrap();
    let mut verify: Command = signed.rig.command(&["verify", "--all"]);
    verify.args(signed.trusted()).env("HOME", home.path()).env_remove("GNUPGHOME").env("TMPDIR", home.path());
    assert!(verify.output().unwrap().status.success());
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
}
