//! The verb `site`: files for people and programs that look at the mirror.

use super::answer::{Sorted, Version};
use super::args::SiteArgs;
use super::context::Context;
use super::exit::{Outcome, Usage};
use super::mirror_url::MirrorUrl;
use super::say;
use crate::mirror::{Mirror, chain};
use crate::ops::Mode;
use crate::ops::site::{Extent, SiteReport, update, write_to};
use crate::render::SitePages;
use schemars::JsonSchema;
use serde::Serialize;
use std::path::Path;

/// The answer of `site`.
#[derive(Serialize, JsonSchema)]
pub(super) struct SiteAnswer<'a> {
    site: Version,
    /// Whether nothing was changed.
    dry_run: bool,
    /// What was done, or would be.
    report: &'a SiteReport,
}

pub(super) fn site(setting: &Context, args: &SiteArgs) -> Outcome {
    let mirror = setting.open()?;
    let extent = if args.full { Extent::Full } else { Extent::Changes };
    let (session, mode) = (setting.session(&mirror), Mode::of(args.dry_run));
    let report = match &args.out {
        Some(dir) => {
            outside(setting, dir)?;
            write_to(&session, &SitePages, dir, mode)?
        }
        None => update(&session, &SitePages, extent, mode)?,
    };
    report.warnings.iter().for_each(|why| say::note(&format!("warning: {why}")));
    if setting.json {
        say::data(&Sorted(SiteAnswer { site: Version, dry_run: args.dry_run, report: &report }));
        return Ok(());
    }
    let (write, remove) = if args.dry_run { ("would write", "would remove") } else { ("wrote", "removed") };
    if report.written.is_empty() && report.removed.is_empty() {
        let files = say::count(report.same, "file");
        say::out(&if report.full {
            format!("every file of the site is up to date ({files})\n")
        } else {
            format!(
                "nothing changed since the last update ({files}); `mirrorkeep site --full` compares every file\n"
            )
        });
        return Ok(());
    }
    let files = say::count(report.written.len() as u64, "file");
    say::out(&format!("{write} {files} ({})", say::bytes(report.bytes)));
    if !report.removed.is_empty() {
        say::out(&format!(", {remove} {}", say::count(report.removed.len() as u64, "file")));
    }
    say::out(&format!(", {} unchanged\n", report.same));
    Ok(())
}

/// Fails where a directory is in the mirror, which would take its files for streams, or is none.
fn outside(setting: &Context, dir: &Path) -> Outcome {
    if dir.exists() && !dir.is_dir() {
        return Err(Usage(format!(
            "`{}` is not a directory; `--out` accepts one, or makes it",
            dir.display()
        ))
        .into());
    }
    let MirrorUrl::Dir(root) = &setting.mirror else { return Ok(()) };
    // What is not there yet is made in the nearest directory above it.
    let there = dir.ancestors().find_map(|above| {
        let above = if above.as_os_str().is_empty() { Path::new(".") } else { above };
        above.canonicalize().ok()
    });
    let within = there.zip(root.canonicalize().ok()).is_some_and(|(dir, root)| dir.starts_with(root));
    if within {
        return Err(Usage(format!(
            "`{}` is in the mirror; without `--out` the files are written to `site.path` of it, and `--out` accepts a directory elsewhere",
            dir.display()
        ))
        .into());
    }
    Ok(())
}

/// Brings the site up to date after a verb, if mirror.yaml says so; that it fails is a warning, since the verb has done
/// its work.
pub(super) fn follow(setting: &Context, mirror: &Mirror) {
    if !mirror.config().site.as_ref().is_some_and(|site| site.auto) {
        return;
    }
    match update(&setting.session(mirror), &SitePages, Extent::Changes, Mode::Real) {
        Ok(report) => report.warnings.iter().for_each(|why| say::note(&format!("warning: {why}"))),
        Err(error) => say::note(&format!(
            "warning: the site is not up to date: {}; `mirrorkeep site` and every command that changes the mirror try again",
            chain(&error)
        )),
    }
}
