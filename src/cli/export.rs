//! The verb `export`: what other programs need to know of a mirror.

use super::answer::{Sorted, Version};
use super::args::{CacheRulesArgs, CacheServerArg, ReadersArgs, RedirectsArgs, RulesArg, ServerArg};
use super::context::{Context, now};
use super::exit::{Exit, Outcome, Usage};
use super::say;
use crate::decide::readers::{RulesFor, rules};
use crate::layout::Place;
use crate::mirror::ReadersConfig;
use crate::mirror::{Mirror, Resolved, links};
use crate::model::{RelPath, unprintable, url_path};
use crate::ops::Mode;
use crate::ops::readers::ReadersReport;
use crate::ops::readers::{Look, lists, replace, update};
use crate::ops::retire::{Moved, moved};
use crate::ops::site::gone_pages;
use crate::render::{
    self, Away, CacheRules, CacheServer, Gone, Redirect, Server, SitePages, redirects as write,
};
use crate::store::Kind;
use schemars::JsonSchema;
use serde::Serialize;
use std::path::Path;

/// The answer of `export redirects`.
#[derive(Serialize, JsonSchema)]
pub(super) struct RedirectsAnswer<'a> {
    redirects: Version,
    /// Whether nothing was changed.
    dry_run: bool,
    /// The aliases, with their targets.
    names: Vec<RedirectRow>,
    /// With `--gone`, builds that are gone, with their pages.
    gone: Vec<GoneRow>,
    /// The path of the file that was written; `null` without `--out`.
    out: Option<&'a Path>,
    /// Whether the file changed; `null` without `--out`.
    changed: Option<bool>,
    /// The rules; `null` with `--out`.
    text: Option<String>,
}

/// An alias and its target.
#[derive(Serialize, JsonSchema)]
struct RedirectRow {
    /// The path of the alias.
    alias: RelPath,
    /// The path that it resolves to.
    to: RelPath,
}

/// A build that is gone.
#[derive(Serialize, JsonSchema)]
struct GoneRow {
    /// The path that it had.
    path: RelPath,
    /// The path of its page.
    page: RelPath,
}

/// The answer of `export readers`.
#[derive(Serialize, JsonSchema)]
pub(super) struct ReadersAnswer<'a> {
    readers: Version,
    /// Whether nothing was changed.
    dry_run: bool,
    /// What was done, or would be.
    report: &'a ReadersReport,
}

/// The answer of `export readers --for`.
#[derive(Serialize, JsonSchema)]
pub(super) struct RulesAnswer<'a> {
    readers: Version,
    /// Whether nothing was changed.
    dry_run: bool,
    /// The aliases, with their builds.
    names: Vec<RulesRow<'a>>,
    /// The path of the file that was written; `null` without `--out`.
    out: Option<&'a Path>,
    /// Whether the file changed; `null` without `--out`.
    changed: Option<bool>,
    /// The rules; `null` with `--out`.
    text: Option<String>,
}

/// An alias and its builds.
#[derive(Serialize, JsonSchema)]
struct RulesRow<'a> {
    /// The path of the alias.
    alias: &'a RelPath,
    /// The paths of its builds, the current one first.
    builds: &'a [RelPath],
}

/// The answer of `export cache-rules`.
#[derive(Serialize, JsonSchema)]
pub(super) struct CacheRulesAnswer<'a> {
    cache_rules: Version,
    /// Whether nothing was changed.
    dry_run: bool,
    /// Streams whose builds are kept for a short time only.
    left_out: Vec<LeftOutRow>,
    /// The path of the file that was written; `null` without `--out`.
    out: Option<&'a Path>,
    /// Whether the file changed; `null` without `--out`.
    changed: Option<bool>,
    /// The rules; `null` with `--out`.
    text: Option<String>,
}

/// Streams for which there are no rules.
#[derive(Serialize, JsonSchema)]
struct LeftOutRow {
    /// The pattern of the streams, as the layout writes it.
    streams: String,
    /// The reason.
    why: String,
}

pub(super) fn redirects(setting: &Context, args: &RedirectsArgs) -> Outcome {
    let mirror = setting.open()?;
    let under = args.to.under.as_deref().map_or_else(|| Ok(setting.mirror.prefix()), path)?;
    let wanted: Result<Vec<RelPath>, Usage> = args.aliases.iter().map(|alias| path(alias)).collect();
    let names = names(&mirror, &wanted?)?;
    let server = match args.server {
        ServerArg::Nginx => Server::Nginx,
        ServerArg::Apache => Server::Apache,
        ServerArg::S3Website => Server::S3Website,
        ServerArg::S3WebsiteXml => Server::S3WebsiteXml,
        ServerArg::Cloudfront => Server::Cloudfront,
    };
    let gone = if args.gone { gone_builds(&mirror)? } else { Vec::new() };
    let moved = if args.aliases.is_empty() { moved(&mirror, now())? } else { Vec::new() };
    let is_moved = |path: &RelPath| moved.iter().any(|one| one.at == *path);
    let names: Vec<Redirect> = names.into_iter().filter(|name| !is_moved(&name.from)).collect();
    let gone: Vec<Gone> = gone.into_iter().filter(|one| !is_moved(&one.at)).collect();
    let mut text = write(server, &names, &under)?;
    if let Some(rules) = retired(server, &moved, &under)? {
        text.push_str(&rules);
    }
    if args.gone {
        text.push_str(&render::gone(server, &gone, &under)?);
    }
    let mode = Mode::of(args.to.dry_run);
    let changed = args.to.out.as_deref().map(|out| replace(out, &text, mode)).transpose()?;
    if setting.json {
        let one = |name: &Redirect| RedirectRow { alias: name.from.clone(), to: name.to.clone() };
        say::data(&Sorted(RedirectsAnswer {
            redirects: Version,
            dry_run: args.to.dry_run,
            names: names.iter().map(one).collect(),
            gone: gone.into_iter().map(|Gone { at: path, page }| GoneRow { path, page }).collect(),
            out: args.to.out.as_deref(),
            changed,
            text: args.to.out.is_none().then_some(text),
        }));
        return Ok(());
    }
    match (&args.to.out, changed) {
        (Some(out), changed) => told(out, changed, mode, names.len()),
        (None, _) => say::verbatim(&text),
    }
    Ok(())
}

/// Writes how long caches keep what is served.
pub(super) fn cache_rules(setting: &Context, args: &CacheRulesArgs) -> Outcome {
    let mirror = setting.open()?;
    let under = args.to.under.as_deref().map_or_else(|| Ok(setting.mirror.prefix()), path)?;
    let server = match args.server {
        CacheServerArg::Nginx => CacheServer::Nginx,
        CacheServerArg::Apache => CacheServer::Apache,
        CacheServerArg::Cloudfront => CacheServer::Cloudfront,
        CacheServerArg::FastlyVcl => CacheServer::FastlyVcl,
    };
    let CacheRules { text, left_out } =
        render::cache_rules(server, mirror.layout(), &to_directories(&mirror)?, &under)?;
    for (streams, why) in &left_out {
        say::note(&format!(
            "warning: files of builds of `{streams}` are kept for a minute only, since no rule can match their paths: {why}"
        ));
    }
    let mode = Mode::of(args.to.dry_run);
    let changed = args.to.out.as_deref().map(|out| replace(out, &text, mode)).transpose()?;
    if setting.json {
        say::data(&Sorted(CacheRulesAnswer {
            cache_rules: Version,
            dry_run: args.to.dry_run,
            left_out: left_out.into_iter().map(|(streams, why)| LeftOutRow { streams, why }).collect(),
            out: args.to.out.as_deref(),
            changed,
            text: args.to.out.is_none().then_some(text),
        }));
        return Ok(());
    }
    match &args.to.out {
        Some(out) => say::note(&format!("`{}` {}", out.display(), became(changed, mode))),
        None => say::verbatim(&text),
    }
    Ok(())
}

/// Returns the links to directories above builds: what is below them looks like builds of other streams.
fn to_directories(mirror: &Mirror) -> Outcome<Vec<RelPath>> {
    let mut found: Vec<RelPath> = mirror.config().legacy.keys().cloned().collect();
    for (link, to) in links(mirror)?.links {
        let is_of_build =
            |to: &RelPath| matches!(mirror.layout().place(to), Place::Build { .. } | Place::Inside { .. });
        if matches!(&to, Resolved::To(to) if !is_of_build(to)) {
            found.push(link);
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

/// Returns the rules for addresses of retired streams; nothing if there are none, or if the service cannot have them.
fn retired(server: Server, moved: &[Moved], under: &RelPath) -> Outcome<Option<String>> {
    if moved.is_empty() {
        return Ok(None);
    }
    let (mut away, mut gone) = (Vec::new(), Vec::new());
    for Moved { at, to, url, stub, for_good } in moved {
        if unprintable(at.as_str()).is_some() {
            say::note(&format!(
                "warning: `{at}` is left out, since its path has a character that is not printable"
            ));
            continue;
        }
        match url {
            Some(url) => away.push(Away {
                from: at.clone(),
                to: format!("{}{}", url.trim_end_matches('/'), url_path(to).trim_end_matches('/')),
                for_good: *for_good,
            }),
            None => gone.push(Gone { at: at.clone(), page: stub.clone() }),
        }
    }
    let Some(mut text) = render::away(server, &away, under) else {
        let paths = say::count(moved.len() as u64, "address");
        say::note(&format!(
            "warning: {paths} of retired streams are left out, which this service cannot redirect; nginx and Apache can"
        ));
        return Ok(None);
    };
    if !gone.is_empty() {
        text.push_str(&render::gone(server, &gone, under)?);
    }
    Ok(Some(text))
}

/// Returns the builds that are gone and have a page; one that a server cannot be told of is said and left out.
fn gone_builds(mirror: &Mirror) -> Outcome<Vec<Gone>> {
    let Some(site) = &mirror.config().site else {
        let why = "`--gone` needs the pages of `mirrorkeep site`; add `site: {auto: true, url: https://…}` to .mirrorkeep/mirror.yaml (docs/site.md)";
        return Err(Usage(why.to_owned()).into());
    };
    if mirror.config().address().is_none() {
        let why = "`--gone` shows pages at other addresses, so that their links must know the mirror's; add `url: https://…` to `site` in .mirrorkeep/mirror.yaml";
        return Err(Usage(why.to_owned()).into());
    }
    let mut gone = Vec::new();
    for (at, page) in gone_pages(mirror, &SitePages, now())? {
        if unprintable(at.as_str()).or(unprintable(page.as_str())).is_some() {
            say::note(&format!(
                "warning: the build `{at}` is left out, since its path has a character that is not printable"
            ));
            continue;
        }
        gone.push(Gone { at, page: site.path.join(&page) });
    }
    Ok(gone)
}

/// Reads a path that was typed.
fn path(text: &str) -> Result<RelPath, Usage> {
    text.trim_matches('/').parse::<RelPath>().map_err(|error| Usage(format!("{error}")))
}

/// Says what became of the file for the rules.
fn told(out: &Path, changed: Option<bool>, mode: Mode, names: usize) {
    let names = say::count(names as u64, "name");
    say::note(&format!("`{}` {} ({names})", out.display(), became(changed, mode)));
}

/// Returns what became of a file that was to be written.
fn became(changed: Option<bool>, mode: Mode) -> &'static str {
    match (changed, mode) {
        (Some(true), Mode::Real) => "is written",
        (Some(true), Mode::Trial) => "would be written",
        (_, Mode::Real) => "is unchanged",
        (_, Mode::Trial) => "would be unchanged",
    }
}

/// Says that a name was asked for that is not there.
fn missing(alias: &RelPath) -> Usage {
    Usage(format!("there is no alias `{alias}`; `mirrorkeep alias list` lists them"))
}

/// Returns the names that were asked for and where they lead; one that leads nowhere is said and left out.
fn names(mirror: &Mirror, wanted: &[RelPath]) -> Outcome<Vec<Redirect>> {
    let found = links(mirror)?.links;
    if let Some(missing) = wanted.iter().find(|alias| !found.iter().any(|(path, _)| path == *alias)) {
        return Err(self::missing(missing).into());
    }
    let mut names = Vec::new();
    for (from, to) in found {
        if !wanted.is_empty() && !wanted.contains(&from) {
            continue;
        }
        match to {
            Resolved::To(to) if unprintable(from.as_str()).or(unprintable(to.as_str())).is_some() => {
                say::note(&format!(
                    "warning: the alias `{from}` is left out, since its path or its target `{to}` has a character that is not printable"
                ));
            }
            Resolved::To(to) if mirror.look(&to)?.is_some_and(|entry| entry.kind == Kind::File) => {
                say::note(&format!(
                    "warning: `{from}` points to a file and is left out; the file is redirected below an alias of its build"
                ));
            }
            Resolved::To(to) if !to.is_root() => names.push(Redirect { from, to }),
            _ => say::note(&format!("warning: `{from}` resolves to no build or directory and is left out")),
        }
    }
    names.sort();
    Ok(names)
}

/// Writes the public files of the mirror's settings, or the rules for a server.
pub(super) fn readers(setting: &Context, args: &ReadersArgs) -> Outcome<Exit> {
    let mirror = setting.open()?;
    let mode = Mode::of(args.dry_run);
    if let Some(server) = args.server {
        let server = match server {
            RulesArg::Nginx => RulesFor::Nginx,
            RulesArg::Apache => RulesFor::Apache,
        };
        return server_rules(setting, &mirror, args, server);
    }
    let Some(config) = &mirror.config().readers else {
        return Err(Usage(NO_SECTION.to_owned()).into());
    };
    let Some(report) = update(&setting.session(&mirror), Look::Everything, &[], mode)? else {
        return Err(Usage(NO_SECTION.to_owned()).into());
    };
    if setting.json {
        say::json(&Sorted(ReadersAnswer { readers: Version, dry_run: args.dry_run, report: &report }));
    } else {
        let (write, remove) =
            if args.dry_run { ("would write", "would remove") } else { ("wrote", "removed") };
        report.written.iter().for_each(|path| say::out(&format!("{write}  {path}\n")));
        report.removed.iter().for_each(|path| say::out(&format!("{remove}  {path}\n")));
        if report.written.is_empty() && report.removed.is_empty() {
            say::out(&format!("every file in {} is up to date\n", config.path));
        }
        if let Some(out) = &config.out {
            let done = match (report.out, args.dry_run) {
                (Some(true), false) => Some("is written"),
                (Some(true), true) => Some("would be written"),
                // The failure below names it.
                _ if report.failure.is_some() => None,
                _ => Some("is unchanged"),
            };
            let reloaded = if report.reloaded { ", and the server has read it" } else { "" };
            if let Some(done) = done {
                say::note(&format!("`{}` {done}{reloaded}", out.display()));
            }
        }
    }
    report.warnings.iter().for_each(|why| say::note(&format!("warning: {why}")));
    if config.url.is_none() {
        say::note(
            "note: without `readers.url` in .mirrorkeep/mirror.yaml there are no lists for dnf and apt",
        );
    }
    match &report.failure {
        Some(why) => {
            say::note(&format!("failed: {why}"));
            Ok(Exit::Failed)
        }
        None => Ok(Exit::Done),
    }
}

/// What to do where the settings say nothing of readers.
const NO_SECTION: &str = "\
the mirror has no settings for readers; add them to .mirrorkeep/mirror.yaml, such as
  readers: {url: https://mirror.example.org}
or write rules for a web server with `mirrorkeep export readers --for nginx`";

fn server_rules(setting: &Context, mirror: &Mirror, args: &ReadersArgs, server: RulesFor) -> Outcome<Exit> {
    if !mirror.store().abilities().symlinks {
        let why = "the rules are for a server that reads the mirror's directory; for a bucket set `readers.url` in \
                   .mirrorkeep/mirror.yaml and let clients use the lists (docs/readers.md)";
        return Err(Usage(why.to_owned()).into());
    }
    let under = args.under.as_deref().map_or_else(|| Ok(RelPath::root()), path)?;
    let wanted = args.aliases.iter().map(|alias| path(alias)).collect::<Result<Vec<_>, _>>()?;
    let mode = Mode::of(args.dry_run);
    let newest = mirror.config().readers.as_ref().map_or(ReadersConfig::NEWEST, |readers| readers.newest);
    let mut names = lists(mirror, newest, now())?;
    if let Some(alias) = wanted.iter().find(|alias| !names.iter().any(|(name, _)| name == *alias)) {
        return Err(missing(alias).into());
    }
    names.retain(|(name, _)| wanted.is_empty() || wanted.contains(name));
    let rules = rules(server, &names, &under);
    let changed = args.out.as_deref().map(|out| replace(out, &rules.text, mode)).transpose()?;
    for (name, why) in &rules.left_out {
        say::note(&format!("warning: the rules omit the alias `{name}`: {why}"));
    }
    if setting.json {
        say::data(&Sorted(RulesAnswer {
            readers: Version,
            dry_run: args.dry_run,
            names: names.iter().map(|(alias, builds)| RulesRow { alias, builds }).collect(),
            out: args.out.as_deref(),
            changed,
            text: args.out.is_none().then_some(rules.text),
        }));
        return Ok(Exit::Done);
    }
    match &args.out {
        Some(out) => told(out, changed, mode, names.len()),
        None => say::verbatim(&rules.text),
    }
    Ok(Exit::Done)
}
