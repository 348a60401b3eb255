//! Signatures in every kind of store: they come with a build, go with it, and follow its copies.

use super::keys::minisign;
use crate::store::copy::scene::{Home, ISO, In, ONE, PAIRS, TWO, copy, now};
use mirrorkeep::decide::check::Terms;
use mirrorkeep::model::RelPath;
use mirrorkeep::ops::Mode;
use mirrorkeep::ops::verify::{By, VerifyOptions, Which};
use mirrorkeep::session::Session;
use mirrorkeep::sign::{Keys, SignWith, Signers};
use mirrorkeep::store::Put;
use std::fs;

const CONTEXT: &str = "(cd ./a && git checkout -f 1111111111111111111111111111111111111111)\n";

const SIGNATURE: &str = "SHA256SUMS.minisig";

/// A key, and a workspace with one build.
struct Work {
    dir: tempfile::TempDir,
    public: String,
}

impl Work {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for (below, text) in
            [(ISO, "image"), ("outputs/RPMS/std/a.rpm", "package"), ("outputs/CONTEXT", CONTEXT)]
        {
            let at = dir.path().join("work").join(below);
            fs::create_dir_all(at.parent().unwrap()).unwrap();
            fs::write(at, text).unwrap();
        }
        let (_, public) = minisign(dir.path(), "release");
        Self { public: public.to_str().unwrap().to_owned(), dir }
    }

    /// Publishes it, signed.
    fn publish(&self, home: &Home, name: &str) {
        let signers =
            Signers::open(&[SignWith::Minisign(self.dir.path().join("release.key"))], None).unwrap();
        home.publish_by(signers, &self.dir.path().join("work"), name, &[]);
    }

    /// Returns what is wrong when every build must be signed.
    fn faults(&self, home: &Home) -> Vec<String> {
        let keys = Keys::open(&[], std::slice::from_ref(&self.public)).unwrap();
        let verifying = VerifyOptions { which: Which::All { restart: true }, by: By::Bytes, keys };
        let report = mirrorkeep::ops::verify::verify(&Session::new(home.mirror(), &now), &verifying).unwrap();
        assert!(report.builds > 0);
        report.faults.iter().map(|fault| format!("{} {}", fault.what, fault.path)).collect()
    }
}

fn checked(home: &Home) -> Vec<String> {
    let report = mirrorkeep::ops::check::check(
        &Session::new(home.mirror(), &|| now()),
        &RelPath::root(),
        Terms::default(),
        Vec::new(),
    )
    .unwrap();
    report.findings.iter().map(|found| format!("{} {}", found.code, found.path)).collect()
}

fn path(text: &str) -> RelPath {
    text.parse().unwrap()
}

#[test]
fn a_signed_build_is_clean_in_every_store() {
    for kind in [In::Dir, In::Bucket] {
        let (work, home) = (Work::new(), Home::starlingx(kind));
        work.publish(&home, ONE);
        assert_eq!(work.faults(&home), Vec::<String>::new());
        assert_eq!(checked(&home), Vec::<String>::new());
        let before = home.state();
        work.publish(&home, ONE);
        assert_eq!(home.state(), before);
        let at = path(&format!("master/centos/{ONE}/{SIGNATURE}"));
        home.store().remove(&at).unwrap();
        assert_eq!(work.faults(&home), [format!("unsigned {at}")]);
        home.store().put(&at, b"junk", Put::Create).unwrap();
        assert_eq!(work.faults(&home), [format!("bad-signature {at}")]);
    }
}

#[test]
fn a_copy_brings_the_signature() {
    for (from, to) in PAIRS {
        let (work, from, to) = (Work::new(), Home::starlingx(from), Home::starlingx(to));
        work.publish(&from, ONE);
        copy(&from, &to).unwrap();
        assert_eq!(work.faults(&to), Vec::<String>::new());
        assert_eq!(checked(&to), Vec::<String>::new());
    }
}

#[test]
fn a_copy_below_an_alias_has_the_signature() {
    let (work, home) = (Work::new(), Home::starlingx(In::Bucket));
    let alias = path("master/centos/latest_build");
    work.publish(&home, ONE);
    mirrorkeep::ops::alias::materialize(home.mirror(), &alias, 0, Mode::Real).unwrap();
    mirrorkeep::ops::alias::follow(&Session::new(home.mirror(), &now)).unwrap();
    let ends = |found: &RelPath| found.name() == SIGNATURE;
    let found = home.store().below(&alias).unwrap();
    assert_eq!(found.iter().filter(|found| ends(&found.path)).count(), 1);
    work.publish(&home, TWO);
    assert_eq!(work.faults(&home), Vec::<String>::new());
}
