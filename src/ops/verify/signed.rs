//! Whether a trusted key signed the checksums of a build.

use crate::mirror::{Mirror, chain};
use crate::model::{RelPath, SUMS_NAME, Scheme};
use crate::ops::observe::inventory::{Holdings, LIST_LIMIT, holdings};
use crate::ops::verify::report::{FaultKind, VerifyReport};
use crate::record::BuildRecord;
use crate::sign;
use crate::sign::{Keys, Unproven};

/// Checks SHA256SUMS against each required signature.
pub(crate) fn look(
    mirror: &Mirror,
    keys: &Keys,
    (root, trimmed): (&RelPath, bool),
    held: &Holdings,
    report: &mut VerifyReport,
) {
    let mut schemes = keys.wanted().peekable();
    if schemes.peek().is_none() {
        return;
    }
    let read = |name: &str, limit: u64| -> Result<Option<Vec<u8>>, String> {
        let at: RelPath = name.parse().unwrap_or_default();
        if !held.files.contains_key(&at) {
            return Ok(None);
        }
        mirror.store().read(&root.join(&at), limit).map(Some).map_err(|error| chain(&error))
    };
    let nobody = if trimmed {
        "SHA256SUMS was not signed again after parts were removed from the build"
    } else {
        "SHA256SUMS is not signed"
    };
    let text = read(SUMS_NAME, LIST_LIMIT);
    for scheme in schemes {
        let found = match (&text, read(scheme.file(), sign::LIMIT)) {
            (Err(why), _) => Some((FaultKind::Unreadable, why.clone())),
            (_, Err(why)) => Some((FaultKind::Unreadable, why)),
            (Ok(None), _) => Some((FaultKind::Unsigned, "there is no SHA256SUMS to sign".to_owned())),
            (_, Ok(None)) => Some((FaultKind::Unsigned, nobody.to_owned())),
            (Ok(Some(text)), Ok(Some(signature))) => judge(keys, scheme, &signature, text),
        };
        if let Some((what, why)) = found {
            report.fault(&root.child(scheme.file()).unwrap_or_default(), what, &why);
        }
    }
}

/// Returns the problems of the signatures of one build.
pub(crate) fn of_build(mirror: &Mirror, keys: &Keys, record: &BuildRecord) -> VerifyReport {
    let id = &record.id;
    let root = mirror.layout().build_path(id).unwrap_or_else(|_| id.as_path());
    let held = holdings(&mirror.apart(), id, &root);
    let mut report = VerifyReport { builds: 1, ..VerifyReport::default() };
    look(mirror, keys, (&root, !record.trimmed.is_empty()), &held, &mut report);
    for (at, why) in &held.unread {
        report.fault(&root.join(at), FaultKind::Unreadable, why);
    }
    report.sorted()
}

/// Returns the problem of a signature of a text.
fn judge(keys: &Keys, scheme: Scheme, signature: &[u8], text: &[u8]) -> Option<(FaultKind, String)> {
    match keys.verify(scheme, signature, text) {
        Ok(()) => None,
        Err(Unproven::Bad(why)) => Some((FaultKind::BadSignature, why)),
        Err(error @ Unproven::Asking(_)) => Some((FaultKind::Unreadable, chain(&error))),
    }
}
