//! The verb `export changes`, and the change list after each verb that changes something.

use super::answer::{Sorted, Version};
use super::args::ChangesArgs;
use super::context::Context;
use super::exit::{Failure, Outcome};
use super::{say, sign};
use crate::mirror::{ChangesConfig, Mirror};
use crate::ops::Mode;
use crate::ops::changes::{ChangesReport, Extent, Signatures, export};
use crate::sign::Signers;
use schemars::JsonSchema;
use serde::Serialize;

/// The answer of `export changes`.
#[derive(Serialize, JsonSchema)]
pub(super) struct ChangesAnswer<'a> {
    changes: Version,
    /// Whether nothing was changed.
    dry_run: bool,
    /// What was written, or would be.
    report: &'a ChangesReport,
}

pub(super) fn changes(setting: &Context, args: &ChangesArgs) -> Outcome {
    let mirror = setting.open()?;
    let signers = if args.sign.is_empty() {
        signers(mirror.config().changes.as_ref())?
    } else {
        sign::signers(&args.sign)?
    };
    let signatures = if args.drop_signatures { Signatures::Drop } else { Signatures::Keep };
    let extent = if args.full { Extent::Full } else { Extent::Changes };
    let (session, mode) = (setting.session(&mirror), Mode::of(args.dry_run));
    let report = export(&session, (&signers, signatures), extent, mode)?;
    report.warnings.iter().for_each(|why| say::note(&format!("warning: {why}")));
    if setting.json {
        say::data(&Sorted(ChangesAnswer { changes: Version, dry_run: args.dry_run, report: &report }));
        return Ok(());
    }
    let (write, remove) = if args.dry_run { ("would write", "would remove") } else { ("wrote", "removed") };
    let files = say::count(report.written.len() as u64, "file");
    let removed = match report.removed.len() {
        0 => String::new(),
        removed => format!(", {remove} {}", say::count(removed as u64, "file")),
    };
    let changed = match report.changed {
        0 => "no build or name changed".to_owned(),
        changed => format!(
            "{} changed",
            say::count(changed, "build or name").replace("build or names", "builds or names")
        ),
    };
    say::out(&format!(
        "edition {}, event {}: {changed}; {write} {files}{removed}\n",
        report.serial, report.event
    ));
    if report.signed.is_empty() {
        say::note(
            "note: without a signature copies cannot verify the author of the list; `--sign` or `changes.sign` names a key",
        );
    }
    Ok(())
}

/// Returns the keys that mirror.yaml names.
fn signers(config: Option<&ChangesConfig>) -> Outcome<Signers> {
    let keys = config.and_then(|config| config.sign.as_ref()).map(|keys| keys.as_slice().to_vec());
    sign::signers_of("changes.sign: ", &keys.unwrap_or_default())
}

/// Writes the change list after a verb, if mirror.yaml says so; that it fails is a warning, since the verb has done its work.
pub(super) fn follow(setting: &Context, mirror: &Mirror) {
    let config = mirror.config().changes.as_ref();
    if !config.is_some_and(|config| config.auto) {
        return;
    }
    let written = signers(config).and_then(|signers| {
        let by = (&signers, Signatures::Keep);
        let report = export(&setting.session(mirror), by, Extent::Changes, Mode::Real);
        report.map_err(Failure::from)
    });
    match written {
        Ok(report) => report.warnings.iter().for_each(|why| say::note(&format!("warning: {why}"))),
        Err(failure) => say::note(&format!(
            "warning: the change list is not up to date: {}; `mirrorkeep export changes` and every command that changes the mirror try again",
            say::causes(&*failure.error).join(": ")
        )),
    }
}
