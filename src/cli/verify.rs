//! The verb `verify`: checks file contents against recorded checksums.

use super::answer::{Sorted, Version};
use super::args::VerifyArgs;
use super::context::Context;
use super::exit::{Exit, Outcome, Usage};
use super::progress::Bar;
use super::{naming, say, sign};
use crate::mirror::{Mirror, builds_of};
use crate::model::{BuildId, shown};
use crate::ops::adopt::Scope;
use crate::ops::verify::{By, VerifyOptions, VerifyReport, Which};
use crate::render::Paint;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeSet;

/// The answer of `verify`.
#[derive(Serialize, JsonSchema)]
pub(super) struct VerifyAnswer<'a> {
    verify: Version,
    /// What was verified, and what differs.
    report: &'a VerifyReport,
}

pub(super) fn verify(setting: &Context, args: &VerifyArgs) -> Outcome<Exit> {
    let mirror = setting.open()?;
    let which = match (args.sample.as_deref(), args.all) {
        (Some(percent), _) => Which::Sample(hundredths(percent)?),
        (None, true) => Which::All { restart: args.restart },
        (None, false) => Which::Builds(builds(&mirror, &args.ids)?),
    };
    let by = if args.read { By::Bytes } else { By::Notes };
    let keys = sign::keys(&args.keyring, &args.minisign_key)?;
    let bar = Bar::new();
    let session = setting.session(&mirror).reporting_to(&bar);
    let report = crate::ops::verify::verify(&session, &VerifyOptions { which, by, keys });
    bar.finish();
    let report = report?;
    report.warnings.iter().for_each(|warning| say::note(&format!("warning: {warning}")));
    if setting.json {
        say::json(&Sorted(VerifyAnswer { verify: Version, report: &report }));
    } else {
        say::out(&render(&report, say::paint()));
    }
    Ok(if report.interrupted {
        Exit::Interrupted
    } else if report.faults.is_empty() {
        Exit::Done
    } else {
        Exit::Findings
    })
}

/// Returns the builds that were named, and those of the streams that were named.
fn builds(mirror: &Mirror, named: &[String]) -> Outcome<Vec<BuildId>> {
    let mut builds = Vec::new();
    for name in named {
        let scope = match super::adopt::scope(mirror.layout(), name) {
            Err(error) => naming::named(mirror, name)?.map(Scope::Build).ok_or(error),
            scope => scope,
        };
        match scope? {
            Scope::Build(id) => builds.push(id),
            Scope::Stream(stream) => {
                let found = builds_of(mirror, &stream, None)?.into_iter();
                let mut found: BTreeSet<BuildId> =
                    found.map(|build| BuildId::new(stream.clone(), build.build)).collect();
                // Lost builds of a stream are verified as well, and reported as missing.
                let expected = mirror.expected()?.into_iter();
                found.extend(expected.filter(|id| id.stream == stream));
                if found.is_empty() {
                    return Err(Usage(format!("the stream `{stream}` has no builds")).into());
                }
                builds.extend(found);
            }
            Scope::All => {}
        }
    }
    Ok(builds)
}

/// Parses a percentage such as `5`, `5%` or `0.5%` as hundredths of a percent.
fn hundredths(text: &str) -> Outcome<u32> {
    let wrong =
        || Usage(format!("`{text}` is not a share; expected a percentage from 0.01 to 100, such as `5%`"));
    let number = text.strip_suffix('%').unwrap_or(text);
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || whole.len() > 3 || part.len() > 2 || !digits(whole) || !digits(part) {
        return Err(wrong().into());
    }
    let all = format!("{whole}{part:0<2}").parse::<u32>().map_err(|_| wrong())?;
    if (1..=10_000).contains(&all) { Ok(all) } else { Err(wrong().into()) }
}

fn render(report: &VerifyReport, paint: Paint) -> String {
    let mut text = String::new();
    for fault in &report.faults {
        text.push_str(&format!(
            "{}: {}: {}\n",
            fault.path,
            paint.red(&fault.what.to_string()),
            shown(&fault.why)
        ));
    }
    for id in &report.unlisted {
        text.push_str(&format!("{id}: {}: it has no list of checksums\n", paint.yellow("unlisted")));
    }
    if let Some(from) = &report.resumed {
        text.push_str(&format!("resumed after `{}` of {}\n", from.file, from.build));
    }
    let unlisted = report.unlisted.len() as u64;
    let verified = report.builds.saturating_sub(unlisted);
    let (files, bytes) = (say::count(report.files, "file"), say::bytes(report.bytes));
    let builds = match unlisted {
        0 => say::count(verified, "build"),
        _ => format!("{verified} of {}", say::count(report.builds, "build")),
    };
    let wrong = match report.faults.len() {
        0 if verified == 0 && unlisted > 0 => "nothing to compare with".to_owned(),
        0 => "OK".to_owned(),
        faults => say::count(faults as u64, "problem"),
    };
    let rest = match unlisted {
        0 => String::new(),
        1 => "; 1 has no checksums".to_owned(),
        more => format!("; {more} have no checksums"),
    };
    text + &format!("verified {files} in {builds} ({bytes}): {wrong}{rest}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_a_percentage_and_nothing_else() {
        for (text, wanted) in
            [("5%", 500), ("5", 500), ("0.5%", 50), ("100%", 10_000), ("0.01", 1), ("12.34%", 1234)]
        {
            assert_eq!(hundredths(text).unwrap(), wanted, "{text}");
        }
        for text in ["", "%", "0", "0%", "101", "-5", "5 %", "1.234", "1e1", "five", "0.001", "."] {
            assert!(hundredths(text).is_err(), "{text}");
        }
    }
}
