//! The verb `release`: checking requests, carrying them out, and showing what a tag states.

use super::answer::{Sorted, Version};
use super::args::{
    ReleaseApplyArgs, ReleaseCheckArgs, ReleaseFormatArg, ReleaseVerb, RequestsArgs, ShowTagArgs,
};
use super::context::Context;
use super::exit::{Exit, Failed, Outcome, Usage};
use super::{say, sign};
use crate::decide::due::GitSource;
use crate::decide::release::{Finding, Request, Rule, Settings};
use crate::model::{check_line, shell_word, shown};
use crate::ops::Mode;
use crate::ops::release::{
    ApplyReport, CheckReport, EntryOutcome, EntryReport, ReleaseRequest, ShownTag, Signing, TagOutcome,
    apply, check, show_tag,
};
use crate::render;
use schemars::JsonSchema;
use serde::Serialize;
use std::time::Duration;

/// The answer of `release check`.
#[derive(Serialize, JsonSchema)]
pub(super) struct ReleaseCheckAnswer<'a> {
    release: Version,
    #[serde(flatten)]
    report: &'a CheckReport,
}

/// The answer of `release apply`.
#[derive(Serialize, JsonSchema)]
pub(super) struct ReleaseApplyAnswer<'a> {
    release: Version,
    /// Whether nothing was changed.
    dry_run: bool,
    #[serde(flatten)]
    report: &'a ApplyReport,
}

/// The answer of `release show-tag`.
#[derive(Serialize, JsonSchema)]
pub(super) struct ShowTagAnswer<'a> {
    release: Version,
    #[serde(flatten)]
    tag: &'a ShownTag,
}

pub(super) fn verb(setting: &Context, verb: &ReleaseVerb) -> Outcome<Exit> {
    match verb {
        ReleaseVerb::Check(args) => checked(setting, args),
        ReleaseVerb::Apply(args) => applied(setting, args),
        ReleaseVerb::ShowTag(args) => tag(setting, args),
        ReleaseVerb::Schema { settings } => {
            say::json(&if *settings { Settings::schema() } else { Request::schema() });
            Ok(Exit::Done)
        }
    }
}

/// Reads `REPO@TAG`. The error has no password, which that of the argument parser would repeat.
pub(super) fn source(option: &str, text: &str) -> Outcome<GitSource> {
    let source: GitSource = text.parse().map_err(|error| Usage(format!("{option}{error}")))?;
    let name = source.reference.strip_prefix("refs/tags/").unwrap_or(&source.reference);
    if source.dir.is_some() || name == "HEAD" || name.starts_with("refs/") {
        let why = format!(
            "{option}`{}` names no tag; expected REPO@TAG, such as /srv/git/nova.git@29.0.0",
            shown(text)
        );
        return Err(Usage(why).into());
    }
    Ok(source)
}

fn request(args: &RequestsArgs) -> ReleaseRequest {
    ReleaseRequest {
        requests: args.requests.clone(),
        revision: args.rev.clone(),
        base: args.base.clone(),
        work: args.work.clone(),
        limit: Duration::from_secs(args.git_limit),
    }
}

fn checked(setting: &Context, args: &ReleaseCheckArgs) -> Outcome<Exit> {
    if setting.json && matches!(args.format, ReleaseFormatArg::Junit) {
        let why = "`--format junit` writes XML, and `--json` writes JSON; one of them is accepted";
        return Err(Usage(why.to_owned()).into());
    }
    let keys = sign::keys(&args.requests.keyring, &[])?;
    let request = request(&args.requests);
    let report = if args.without_mirror {
        check(None, &request, &keys, &setting.stop)?
    } else {
        let mirror = setting.open()?;
        check(Some(&setting.session(&mirror)), &request, &keys, &setting.stop)?
    };
    warn(&report.warnings);
    match args.format {
        ReleaseFormatArg::Junit => {
            let xml = render::release_junit(&report.findings);
            say::xml(&xml.map_err(|error| Failed(format!("cannot write JUnit: {error}")))?);
        }
        ReleaseFormatArg::Text if !setting.json => say::out(&check_text(&report)),
        _ => say::data(&Sorted(ReleaseCheckAnswer { release: Version, report: &report })),
    }
    Ok(exit_of(&report.findings))
}

/// Returns the exit code for findings: what could not be found out alone is a failure, and not a finding.
fn exit_of(findings: &[Finding]) -> Exit {
    match findings {
        [] => Exit::Done,
        found if found.iter().all(|finding| finding.rule == Rule::NotKnown) => Exit::Failed,
        _ => Exit::Findings,
    }
}

fn warn(warnings: &[String]) {
    for warning in warnings {
        say::note(&format!("warning: {}", shown(warning)));
    }
}

fn check_text(report: &CheckReport) -> String {
    let mut text: String = report.findings.iter().map(finding_text).collect();
    let found = match report.findings.len() {
        0 => "OK".to_owned(),
        count => say::count(count as u64, "finding"),
    };
    text += &format!(
        "checked {} with {} to apply at {}: {found}\n",
        say::count(report.requests as u64, "request"),
        say::count(report.pending as u64, "release"),
        report.commit.get(..12).unwrap_or(&report.commit)
    );
    text
}

fn finding_text(finding: &Finding) -> String {
    format!("{}\n  hint: {}\n", shown(&finding.to_string()), finding.hint)
}

fn applied(setting: &Context, args: &ReleaseApplyArgs) -> Outcome<Exit> {
    for person in &args.approved_by {
        check_line(person.trim()).map_err(|error| Usage(format!("--approved-by: {error}")))?;
    }
    if let Some(key) = &args.sign {
        check_line(key).map_err(|error| Usage(format!("--sign: {error}")))?;
    }
    let keys = sign::keys(&args.requests.keyring, &[])?;
    let signing = Signing { key: args.sign.clone(), approved_by: args.approved_by.clone() };
    let mirror = setting.open()?;
    let (session, mode) = (setting.session(&mirror), Mode::of(args.dry_run));
    let (report, ended) = apply(&session, &request(&args.requests), &signing, &keys, mode)?;
    warn(&report.warnings);
    if setting.json {
        say::json(&Sorted(ReleaseApplyAnswer { release: Version, dry_run: args.dry_run, report: &report }));
    } else {
        say::out(&apply_text(&report));
    }
    // What ended the command is said by itself.
    let told = report.releases.len() - usize::from(ended.is_some());
    let failed = |one: &&EntryReport| one.outcome == EntryOutcome::Failed;
    for one in report.releases.iter().take(told).filter(failed) {
        let why = one.why.clone().or_else(|| one.findings.first().map(ToString::to_string));
        say::note(&format!("error: {} was not released: {}", name(one), shown(&why.unwrap_or_default())));
    }
    if let Some(error) = ended {
        return Err(error.into());
    }
    let any = |outcome| report.releases.iter().any(|one| one.outcome == outcome);
    Ok(if any(EntryOutcome::Failed) {
        Exit::Failed
    } else if any(EntryOutcome::Refused) {
        Exit::Findings
    } else {
        exit_of(&report.findings)
    })
}

fn name(one: &EntryReport) -> String {
    shown(&format!("{}/{}/{}", one.series, one.name, one.version)).into_owned()
}

fn apply_text(report: &ApplyReport) -> String {
    let mut text: String = report.findings.iter().map(finding_text).collect();
    for one in &report.releases {
        let done = match one.outcome {
            EntryOutcome::Released => "released",
            EntryOutcome::WouldRelease => "would release",
            EntryOutcome::Refused => "refused",
            EntryOutcome::Failed => "failed",
        };
        text += &format!("{done} {}\n", name(one));
        text.extend(one.findings.iter().filter(|finding| finding.version.is_some()).map(finding_text));
        for tag in &one.tags {
            let done = match tag.outcome {
                TagOutcome::Made => "tagged",
                TagOutcome::WouldMake => "would tag",
                TagOutcome::There => "tagged already",
            };
            text += &format!("  {done} {} at {}\n", tag.repository, tag.commit.get(..12).unwrap_or_default());
        }
        if let Some(build) =
            one.build.as_ref().filter(|_| done.ends_with("released") || done.ends_with("release"))
        {
            text += &format!("  {build}: {}\n", shown(&one.labels.join(" ")));
        }
        for moved in &one.aliases {
            if let Some(to) = &moved.to {
                text += &format!("  {} -> {to}\n", moved.alias);
            }
        }
    }
    let applied = say::count(report.applied as u64, "release");
    match report.base {
        0 if report.releases.is_empty() && report.findings.is_empty() => {
            text += &format!("nothing to release: {applied} applied\n");
        }
        0 => {}
        1 => text += "1 release of the base is not applied here; it counts as done\n",
        count => text += &format!("{count} releases of the base are not applied here; they count as done\n"),
    }
    text
}

fn tag(setting: &Context, args: &ShowTagArgs) -> Outcome<Exit> {
    if args.shell && setting.json {
        return Err(
            Usage("--shell and --json are two forms of one answer; give one of them".to_owned()).into()
        );
    }
    let source = source("", &args.tag)?;
    let keys = sign::keys(&args.keyring, &[])?;
    let tag = show_tag(&source, &keys, Duration::from_secs(args.git_limit), &setting.stop)?;
    if setting.json {
        say::data(&Sorted(ShowTagAnswer { release: Version, tag: &tag }));
    } else if args.shell {
        say::verbatim(&shell(&tag));
    } else {
        say::out(&tag_text(&tag));
    }
    Ok(Exit::Done)
}

/// Returns what a tag states as variables of a shell, each quoted as one word.
fn shell(tag: &ShownTag) -> String {
    let stream = tag.stream.as_ref().map(ToString::to_string);
    let labels = tag.labels.join(" ");
    let pre_release = tag.pre_release.map(|is| if is { "1" } else { "0" });
    let all = [
        ("NAME", tag.name.as_str()),
        ("VERSION", &tag.version),
        ("TYPE", &tag.kind),
        ("PRE", pre_release.unwrap_or_default()),
        ("SERIES", tag.series.as_deref().unwrap_or_default()),
        ("TEAM", tag.message.meta("team").unwrap_or_default()),
        ("STREAM", stream.as_deref().unwrap_or_default()),
        ("BUILD", tag.build.as_deref().unwrap_or_default()),
        ("LABELS", &labels),
        ("COMMIT", &tag.commit),
        ("VERIFIED", if tag.verified { "1" } else { "0" }),
    ];
    all.into_iter().map(|(key, value)| format!("RELEASE_{key}={}\n", shell_word(value.as_ref()))).collect()
}

fn tag_text(tag: &ShownTag) -> String {
    let signed = match (tag.signed, tag.verified) {
        (_, true) => "signed by a trusted key",
        (true, false) => "signed, not verified without --keyring",
        (false, false) => "not signed",
    };
    let first = format!("{} {} {}, {signed}\n", tag.name, tag.version, tag.kind);
    let commit = format!("  commit: {}\n", tag.commit);
    let meta = tag.meta.iter().map(|(key, value)| format!("  {key}: {value}\n"));
    shown_lines(&[first, commit].into_iter().chain(meta).collect::<String>())
}

/// Returns lines as a terminal may show them.
fn shown_lines(text: &str) -> String {
    text.lines().map(|line| format!("{}\n", shown(line))).collect()
}
