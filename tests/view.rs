//! What readers of a mirror in an object store see, and what could mislead them.

use mirrorkeep::act::{
    self, Adopting, Changed, Check, Filling, Mode, PublishReport, Publishing, Scope, Signers, SourceSpec,
    Stop, SumsIn, Trust, Unwatched,
};
use mirrorkeep::mirror::{Mirror, Resolved, survey};
use mirrorkeep::store::{Kind, Share};
use mirrorkeep::word::{BuildId, Digest, RelPath, Stamp};
use std::{error::Error, path::Path};

/// Returns the builds of `master/centos` that are listed.
pub(crate) fn builds(mirror: &Mirror) -> Vec<String> {
    let survey = survey(mirror, Stamp::from_instant(chrono::Utc::now()).unwrap()).unwrap();
    assert!(survey.troubles.is_empty(), "{:?}", survey.troubles);
    survey.census.builds().map(|(id, _)| id.name.to_string()).collect()
}

/// Returns where `latest_build` leads.
pub(crate) fn latest(mirror: &Mirror) -> String {
    match mirror.resolve(&"master/centos/latest_build".parse().unwrap()).unwrap() {
        Resolved::To(path) => path.name().to_owned(),
        other => panic!("{other:?}"),
    }
}

/// Says what could mislead a reader: a listed build that lacks bytes, a name that leads to nothing.
pub(crate) fn misleads_nobody(mirror: &Mirror) -> Result<(), String> {
    let (store, builds) = (mirror.store(), builds(mirror));
    for name in &builds {
        let id: BuildId = format!("master/centos/{name}").parse().unwrap();
        let place = id.as_path();
        let manifest = mirror.manifest(&id).map_err(chain)?.ok_or(format!("{name} has no manifest"))?;
        for file in &manifest.files {
            let bytes = store.read(&place.join(&file.path), 1 << 20);
            let bytes = bytes.map_err(|error| format!("{name} lacks {}: {error}", file.path))?;
            if Digest::of(&bytes) != file.digest {
                return Err(format!("{name} has other bytes in {}", file.path));
            }
        }
        let there = store.below(&place).map_err(chain)?.len();
        if there != manifest.files.len() + manifest.links.len() + 1 {
            return Err(format!("{name} has {there} objects"));
        }
    }
    let latest = latest(mirror);
    if builds.contains(&latest) { Ok(()) } else { Err(format!("latest_build leads to {latest}")) }
}

/// Returns what readers see: the listed builds and where the name leads.
pub(crate) fn seen(mirror: &Mirror) -> Vec<String> {
    [builds(mirror), vec![latest(mirror)]].concat()
}

/// Returns every object with its bytes, but for what tells times and numbers.
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
        let bytes = if timed || found.kind == Kind::Link {
            String::new()
        } else {
            Digest::of(&mirror.store().read(&found.path, 1 << 20).unwrap()).to_string()
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

/// Takes builds over on one thread, so that the calls of the store come in one order; what is left alone is a failure.
pub(crate) fn adopt(
    mirror: &Mirror,
    scope: Scope,
    sums: SumsIn,
    changed: Changed,
    now: &(dyn Fn() -> Stamp + Sync),
) -> Result<(), String> {
    let adopting = Adopting { scope, sums, trust: Trust::Bytes, changed, mode: Mode::Real };
    let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let left = alone.install(|| act::adopt(mirror, &adopting, &Unwatched, &Stop::new(), now));
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

/// Returns how what lies at `work` is published as the build `id`.
pub(crate) fn publishing(id: BuildId, work: &Path) -> Publishing {
    Publishing {
        id,
        sources: vec![SourceSpec { to: RelPath::root(), from: work.to_owned(), only: None }],
        result: None,
        context: None,
        labels: vec!["kind=nightly".parse().unwrap()],
        requires: Vec::new(),
        filling: Filling { take: None, dedupe: Some(Share::Link), check: Check::Bytes },
        signers: Signers::default(),
    }
}

/// Publishes what lies at `work` as the build `id`, on one thread, so that the calls come in one order.
pub(crate) fn publish(
    mirror: &Mirror,
    id: BuildId,
    work: &Path,
    now: &(dyn Fn() -> Stamp + Sync),
) -> Result<PublishReport, String> {
    let publishing = publishing(id, work);
    let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    alone.install(|| act::publish(mirror, &publishing, now, &Unwatched, &Stop::new()).map_err(chain))
}
