//! The verb `retire`: ends the life of streams.

use super::answer::{Sorted, Version};
use super::args::RetireArgs;
use super::context::{Context, now};
use super::exit::{Exit, Outcome, Usage};
use super::mirror_url::MirrorUrl;
use super::progress::Bar;
use super::say;
use crate::mirror::Mirror;
use crate::model::{RelPath, Stream, check_line, shown};
use crate::ops::Mode;
use crate::ops::matching::Matching;
use crate::ops::retire::{
    Retire, RetireOutcome, RetireReport, RetireRequest, RetiredStream, cancel, retire as run, status,
};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeSet;
use url::Url;

/// The answer of `retire`.
#[derive(Serialize, JsonSchema)]
pub(super) struct RetireAnswer<'a> {
    retire: Version,
    /// Whether nothing was changed.
    dry_run: bool,
    /// What was done, or would be, or the state.
    report: &'a RetireReport,
}

pub(super) fn retire(setting: &Context, args: &RetireArgs) -> Outcome<Exit> {
    if let Some(why) = &args.why {
        check_line(why).map_err(|error| Usage(format!("--why: {error}")))?;
    }
    let mirror = setting.open()?;
    let streams = streams(&mirror, &args.streams)?;
    let mode = Mode::of(args.dry_run);
    let bar = Bar::new();
    let session = setting.session(&mirror).reporting_to(&bar);
    let report = match (&args.why, args.status, args.cancel) {
        (_, true, _) => status(&mirror, &streams, now()),
        (Some(why), _, true) => cancel(&session, &streams, why, mode),
        (Some(why), ..) => {
            let request = request(args, streams, why)?;
            run(&session, &Retire::Begin(request), &setting.opener(), mode)
        }
        (None, ..) => run(&session, &Retire::Continue(streams), &setting.opener(), mode),
    };
    bar.finish();
    let report = report?;
    if setting.json {
        say::json(&Sorted(RetireAnswer { retire: Version, dry_run: args.dry_run, report: &report }));
    } else {
        report.streams.iter().for_each(tell);
        if report.streams.is_empty() {
            say::out("no stream is retired\n");
        }
    }
    Ok(ended(&report))
}

/// Returns the streams that were typed; a pattern stands for those that have builds or a retirement.
fn streams(mirror: &Mirror, typed: &[String]) -> Outcome<Vec<Stream>> {
    let mut found = BTreeSet::new();
    for text in typed {
        if !Matching::is_pattern(text) {
            let stream: Stream =
                text.parse().map_err(|error| Usage(format!("`{}`: {error}", shown(text))))?;
            mirror.layout().stream_path(&stream)?;
            found.insert(stream);
            continue;
        }
        let pattern = Matching::read(text).map_err(|error| Usage(format!("`{}`: {error}", shown(text))))?;
        let known = mirror.recorded()?.into_iter().map(|id| id.stream);
        let begun = mirror.retirements()?.into_keys();
        let before = found.len();
        let matching: BTreeSet<Stream> =
            known.chain(begun).filter(|stream| pattern.has(stream.as_str())).collect();
        found.extend(matching);
        if found.len() == before {
            return Err(Usage(format!("no stream matches `{}`", shown(text))).into());
        }
    }
    Ok(found.into_iter().collect())
}

fn request(args: &RetireArgs, streams: Vec<Stream>, why: &str) -> Outcome<RetireRequest> {
    if streams.is_empty() {
        return Err(Usage("--why begins a retirement, and no stream is named".to_owned()).into());
    }
    if args.to.is_none() && !args.no_archive {
        let why = "where do the builds go? `--to ADDRESS` names the archive, `--no-archive` deletes them";
        return Err(Usage(why.to_owned()).into());
    }
    if args.served_at.is_none() && !args.no_redirects {
        let why = "`--served-at URL` names the public address of this mirror, at which redirects are checked before anything is \
            removed; `--no-redirects` removes without them";
        return Err(Usage(why.to_owned()).into());
    }
    if let Some(Err(why)) = args.to.as_ref().map(|to| MirrorUrl::read(to.into())) {
        return Err(Usage(format!("--to: {why}")).into());
    }
    let (url, served_at) =
        (address("--url", args.url.as_deref())?, address("--served-at", args.served_at.as_deref())?);
    if url.is_some() && url == served_at {
        return Err(Usage(
            "--url and --served-at are the same address: every redirect would lead to itself".to_owned(),
        )
        .into());
    }
    if url.is_some() && args.no_archive {
        return Err(
            Usage("--url is the address of the archive; with --no-archive there is none".to_owned()).into()
        );
    }
    let archive = args.to.as_ref().map(|to| absolute(to));
    let notice = u64::try_from(args.notice.seconds()).unwrap_or_default();
    Ok(RetireRequest {
        streams,
        why: why.to_owned(),
        archive,
        url,
        served_at,
        notice,
        keep: args.keep.clone(),
    })
}

/// Returns the address of a mirror, which a later run from another directory finds.
fn absolute(address: &str) -> String {
    if address.contains("://") {
        return address.to_owned();
    }
    std::path::absolute(address).map_or_else(|_| address.to_owned(), |path| path.display().to_string())
}

/// Checks a public address, which becomes part of the configuration of web servers.
fn address(option: &str, text: Option<&str>) -> Outcome<Option<String>> {
    let Some(text) = text else { return Ok(None) };
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~:/[]%".contains(c);
    let url: Option<Url> = text.parse().ok().filter(|url: &Url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
    });
    match url.filter(|_| text.chars().all(plain)) {
        Some(url) => Ok(Some(url.as_str().trim_end_matches('/').to_owned())),
        None => Err(Usage(format!(
            "{option}: `{}` is not accepted; an address such as `https://archive.example.org/mirror` is, without user, `?` and `#`",
            shown(text)
        ))
        .into()),
    }
}

fn tell(row: &RetiredStream) {
    let state = row.state.map_or("not retired", crate::record::RetirementState::as_str);
    let why = row.retirement.as_ref().map(|one| format!(": {}", shown(&one.why))).unwrap_or_default();
    let proved =
        if row.proved > 0 { format!(", {} verified in the archive", row.proved) } else { String::new() };
    say::out(&format!("{}: {state}{why} ({} here{proved})\n", row.stream, say::count(row.builds, "build")));
    let gone = if row.outcome == RetireOutcome::Trial { "would remove" } else { "removed" };
    let removed = |what: &str| say::out(&format!("  {gone} {what}\n"));
    row.names.iter().map(RelPath::to_string).for_each(|name| removed(&format!("the name {name}")));
    row.removed.iter().for_each(|id| removed(&id.to_string()));
    for one in &row.protected {
        one.by.iter().for_each(|by| say::note(&format!("{} stays: {}", one.id, shown(by))));
    }
    if row.next.is_empty() {
        return;
    }
    match row.outcome {
        RetireOutcome::Failed => say::note(&format!("error: {}: {}", row.stream, row.next)),
        _ => say::out(&format!("  {}\n", row.next)),
    }
}

/// Returns the exit code: that of the first failure, or of what a person has to do.
fn ended(report: &RetireReport) -> Exit {
    let has = |outcome| report.streams.iter().any(|row| row.outcome == outcome);
    if let Some(class) = report.streams.iter().find_map(|row| row.class.as_ref()) {
        return class.kind.into();
    }
    match () {
        () if has(RetireOutcome::Failed) => Exit::Failed,
        () if has(RetireOutcome::Protected) => Exit::Withheld,
        () if has(RetireOutcome::Unredirected) => Exit::Findings,
        () => Exit::Done,
    }
}
