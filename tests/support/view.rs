//! What readers of a mirror in an object store see, and what could mislead them.

use minisign::{KeyPair, SignatureBox};
use mirrorkeep::commit::{Check, Filling, TimeRule};
use mirrorkeep::mirror::{Mirror, Resolved, survey};
use mirrorkeep::model::{BuildId, Digest, RelPath, SUMS_NAME, Stamp, is_sums};
use mirrorkeep::ops::Mode;
use mirrorkeep::ops::adopt::{AdoptOptions, Changed, Scope, SumsIn, Trust};
use mirrorkeep::ops::publish::{PublishReport, PublishRequest};
use mirrorkeep::session::Session;
use mirrorkeep::sign::{SignWith, Signers};
use mirrorkeep::source::SourceSpec;
use mirrorkeep::store::{Kind, Share};
use std::collections::BTreeSet;
use std::error::Error;
use std::fs;
use std::io::Cursor;
use std::path::Path;
use std::sync::OnceLock;

/// The signatures of the checksums of a build.
pub(crate) const SIGNATURE: &str = "SHA256SUMS.minisig";

/// Returns the listed builds of `master/centos`.
pub(crate) fn builds(mirror: &Mirror) -> Vec<String> {
    let survey = survey(mirror, Stamp::from_instant(chrono::Utc::now()).unwrap()).unwrap();
    assert!(survey.troubles.is_empty(), "{:?}", survey.troubles);
    let of_it = survey.census.builds().filter(|(id, _)| id.stream.as_str() == "master/centos");
    of_it.map(|(id, _)| id.name.to_string()).collect()
}

/// Returns the target of `latest_build`.
pub(crate) fn latest(mirror: &Mirror) -> String {
    match mirror.resolve(&"master/centos/latest_build".parse().unwrap()).unwrap() {
        Resolved::To(path) => path.name().to_owned(),
        other => panic!("{other:?}"),
    }
}

/// Returns what could mislead a reader: a listed build that lacks bytes, an alias that resolves to nothing.
pub(crate) fn misleads_nobody(mirror: &Mirror) -> Result<(), String> {
    let (store, builds) = (mirror.store(), builds(mirror));
    for name in &builds {
        let id: BuildId = format!("master/centos/{name}").parse().unwrap();
        let place = id.as_path();
        let manifest = mirror.manifest(&id).map_err(chain)?.ok_or(format!("{name} has no manifest"))?;
        for file in &manifest.files {
            let bytes = store.read(&place.join(&file.path), 32 << 20);
            let bytes = bytes.map_err(|error| format!("{name} lacks {}: {error}", file.path))?;
            if Digest::of(&bytes) != file.digest {
                return Err(format!("{name} has other bytes in {}", file.path));
            }
        }
        let at = |file: &str| place.child(file).unwrap();
        let read = |file: &str| store.read(&at(file), 32 << 20).map_err(chain);
        let signed = store.look(&at(SIGNATURE)).map_err(chain)?.is_some();
        if signed {
            signed_rightly(name, &read("SHA256SUMS")?, &read(SIGNATURE)?)?;
        }
        let apart = mirror.apart().of(&id).map_err(chain)?;
        let known: BTreeSet<RelPath> = manifest.paths().cloned().chain(apart).collect();
        let there = store.below(&place).map_err(chain)?.into_iter();
        let there: Vec<RelPath> = there.filter_map(|found| found.path.below(&place)).collect();
        // Parts that are being swept may be missing, and nothing else.
        let extra: Vec<_> = there.iter().filter(|at| !is_sums(at.as_str()) && !known.contains(at)).collect();
        let gone: Vec<_> = manifest.paths().filter(|at| !there.contains(at)).collect();
        if !extra.is_empty() || !gone.is_empty() || !there.iter().any(|at| at.as_str() == SUMS_NAME) {
            return Err(format!("{name} has {extra:?} and lacks {gone:?}"));
        }
    }
    let latest = latest(mirror);
    if builds.contains(&latest) { Ok(()) } else { Err(format!("latest_build leads to {latest}")) }
}

/// Returns what readers see: the listed builds and the target of the alias.
pub(crate) fn seen(mirror: &Mirror) -> Vec<String> {
    [builds(mirror), vec![latest(mirror)]].concat()
}

/// Returns every object with its bytes, except for times and numbers.
pub(crate) fn state(mirror: &Mirror) -> Vec<String> {
    let mut state = seen(mirror);
    for found in mirror.store().below(&RelPath::root()).unwrap() {
        let path = found.path.to_string();
        if ["journal/", "lock", "clock", "last-run"].iter().any(|own| path.contains(own)) {
            continue;
        }
        // A directory of the trash is named by the number of its event.
        let path = path.replace(|c: char| c.is_ascii_digit() && path.contains("/trash/"), "#");
        let timed = path.starts_with(".mirrorkeep/") && found.kind == Kind::File;
        // A signature contains its time.
        let bytes = if timed || found.kind == Kind::Link || path.ends_with(SIGNATURE) {
            String::new()
        } else {
            Digest::of(&mirror.store().read(&found.path, 32 << 20).unwrap()).to_string()
        };
        state.push(format!("{path} {bytes}"));
    }
    state
}

/// Returns the lines that only one of two states has.
pub(crate) fn difference(is: &[String], wanted: &[String]) -> String {
    let only = |some: &[String], others: &[String], sign: &str| -> String {
        some.iter()
            .filter(|line| !others.contains(line))
            .map(|line| format!("\n      {sign} {line}"))
            .collect()
    };
    only(is, wanted, "+") + &only(wanted, is, "-")
}

/// Adopts builds on one thread, so that the calls of the store are in one order; a skipped build is a failure.
pub(crate) fn adopt(
    mirror: &Mirror,
    scope: Scope,
    sums: SumsIn,
    changed: Changed,
    now: &(dyn Fn() -> Stamp + Sync),
) -> Result<(), String> {
    let (trust, mode) = (Trust::Bytes, Mode::Real);
    let adopting = AdoptOptions { scope, sums, trust, changed, result: None, created: None, mode };
    let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let left = alone.install(|| mirrorkeep::ops::adopt::adopt(&Session::new(mirror, now), &adopting));
    let left = left.map_err(chain)?.left;
    if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
}

/// Returns an error with all its causes.
pub(crate) fn chain(error: impl Error) -> String {
    let mut told = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        told = format!("{told}: {error}");
        cause = error.source();
    }
    told
}

/// Returns the request that publishes the tree at `work` as the build `id`.
pub(crate) fn publishing(id: BuildId, work: &Path) -> PublishRequest {
    PublishRequest {
        id,
        named: mirrorkeep::ops::publish::Named::Given,
        sources: vec![SourceSpec { to: RelPath::root(), from: work.to_owned(), only: None }],
        exclude: Vec::new(),
        listed: None,
        if_changed: None,
        result: None,
        context: None,
        labels: vec!["kind=nightly".parse().unwrap()],
        allow_shrink: false,
        allow_withdrawn: false,
        requires: Vec::new(),
        filling: Filling {
            take: None,
            dedupe: Some(Share::Link),
            check: Check::Bytes,
            times: TimeRule::Later,
        },
        signers: Signers::default(),
    }
}

/// Publishes on one thread, so that the calls are in one order.
pub(crate) fn publish(
    mirror: &Mirror,
    publishing: &PublishRequest,
    now: &(dyn Fn() -> Stamp + Sync),
) -> Result<PublishReport, String> {
    let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    alone.install(|| mirrorkeep::ops::publish::publish(&Session::new(mirror, now), publishing).map_err(chain))
}

/// The key of signed builds.
fn key() -> &'static KeyPair {
    static KEY: OnceLock<KeyPair> = OnceLock::new();
    KEY.get_or_init(|| KeyPair::generate_unencrypted_keypair().unwrap())
}

/// Returns the signers of builds.
pub(crate) fn signers() -> Signers {
    let secret = tempfile::NamedTempFile::new().unwrap();
    fs::write(secret.path(), key().sk.to_box(None).unwrap().into_string()).unwrap();
    Signers::open(&[SignWith::Minisign(secret.path().to_owned())], None).unwrap()
}

/// Returns a signature of a list of checksums.
pub(crate) fn signature(list: &[u8]) -> String {
    minisign::sign(None, &key().sk, Cursor::new(list), None, None).unwrap().into_string()
}

/// Fails if a build is signed and its signature is not one of its checksums.
pub(crate) fn signed_rightly(build: &str, sums: &[u8], signature: &[u8]) -> Result<(), String> {
    let signature = SignatureBox::from_string(std::str::from_utf8(signature).unwrap());
    let signature = signature.map_err(|error| format!("{build} has half a signature: {error}"))?;
    let valid = minisign::verify(&key().pk, &signature, Cursor::new(sums), true, false, false);
    valid.map_err(|error| format!("the signature of {build}: {error}"))
}

/// Opens no archive, for a policy without one.
pub(crate) fn no_archive(address: &str) -> Result<Mirror, Box<dyn Error + Send + Sync>> {
    Err(format!("`{address}` is no archive here").into())
}
