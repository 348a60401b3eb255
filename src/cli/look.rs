//! Verbs that only look: `show`, `census`, `layout`, `alias list`.

use super::answer::{Sorted, Version};
use super::args::LayoutVerb;
use super::chosen::choose;
use super::context::Context;
use super::exit::{Failed, Failure, Outcome, Usage};
use super::publish::{build_id, fields};
use super::surveyed::{looked_at, looked_to_show};
use super::{naming, say};
use crate::census::{AliasCensus, BuildCensus, Census};
use crate::decide::{Fate, Verdict};
use crate::layout::{Created, Layout, Place};
use crate::mirror::{Mirror, Resolved, RunLog, Survey, chain};
use crate::model::{BuildId, Classify, ErrorKind, RelPath, shown};
use crate::model::{BuildName, Stamp, Stream, url_path};
use crate::ops::Mode;
use crate::ops::retention::plan::PlanError;
use crate::ops::settings::SettingReport;
use crate::ops::site::Pages;
use crate::ops::withdraw::{Tombstone, tombstone};
use crate::render::{SitePages, person};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};

pub(super) fn census(setting: &Context) -> Outcome {
    say::data(&looked_at(&setting.open()?)?);
    Ok(())
}

/// Returns the verdict of the mirror's policy on each build, none without a policy; nothing, with a warning, where the policy or
/// something else that it needs cannot be used.
pub(super) fn verdicts(mirror: &Mirror, survey: &Survey) -> Option<HashMap<BuildId, Verdict>> {
    match crate::ops::retention::verdicts(mirror, survey) {
        Ok(verdicts) => Some(verdicts.into_iter().map(|verdict| (verdict.id.clone(), verdict)).collect()),
        Err(PlanError::NoPolicy) => Some(HashMap::new()),
        Err(error) => {
            let hint = error.class().hint.map(|hint| format!("; {hint}")).unwrap_or_default();
            mirror.warnings().add(format!("verdicts are left out: {}{hint}", chain(&error)));
            None
        }
    }
}

/// Returns until when a build is kept, as a short text.
pub(super) fn kept(verdict: Option<&Verdict>) -> String {
    match verdict.map(|verdict| (verdict.fate, verdict.kept_until)) {
        None => String::new(),
        Some((Fate::Keep, Some(until))) => format!("until {}", until.spell("%Y-%m-%d")),
        Some((Fate::Keep, None)) => "kept".to_owned(),
        Some((Fate::Expire, _)) if verdict.is_some_and(|verdict| verdict.archive.is_some()) => {
            "to archive".to_owned()
        }
        Some((fate, _)) => crate::render::verdict_word(fate).to_lowercase(),
    }
}

/// Returns the aliases that resolve to a build.
pub(super) fn names<'a>(mirror: &Mirror, census: &'a Census, id: &BuildId) -> Vec<&'a AliasCensus> {
    let Ok(path) = mirror.layout().build_path(id) else { return Vec::new() };
    census.aliases.iter().filter(|alias| alias.target.as_ref() == Some(&path)).collect()
}

/// A build in a list.
#[derive(Serialize, JsonSchema)]
pub(super) struct BuildRow<'a> {
    #[serde(flatten)]
    build: &'a BuildCensus,
    /// The ID of the build.
    id: BuildId,
    /// The stream of the build.
    stream: Stream,
    /// The path of the build; replaces the field of that name in the census, which few builds have.
    path: RelPath,
    /// The paths of the aliases that resolve to the build.
    aliases: Vec<&'a RelPath>,
    /// The verdict of the policy; `null` without a usable policy.
    verdict: Option<Fate>,
    /// The last instant at which the policy keeps the build; `null` if something other than time decides.
    kept_until: Option<Stamp>,
}

pub(super) fn described<'a>(
    mirror: &Mirror,
    census: &'a Census,
    id: &BuildId,
    build: &'a BuildCensus,
    verdict: Option<&Verdict>,
) -> BuildRow<'a> {
    BuildRow {
        build,
        id: id.clone(),
        stream: id.stream.clone(),
        path: mirror.layout().build_path(id).unwrap_or_default(),
        aliases: names(mirror, census, id).iter().map(|alias| &alias.path).collect(),
        verdict: verdict.map(|verdict| verdict.fate),
        kept_until: verdict.and_then(|verdict| verdict.kept_until),
    }
}

/// The answer of `show`.
#[derive(Serialize, JsonSchema)]
pub(super) struct ShowAnswer<'a> {
    show: Version,
    #[serde(flatten)]
    build: BuildRow<'a>,
    /// What gates and carried commands wrote last, by name, such as `gate/closure`.
    logs: BTreeMap<String, RunLog>,
    #[serde(flatten)]
    links: Links,
}

/// Where a build can be seen on the web.
#[derive(Debug, Default, Serialize, JsonSchema)]
struct Links {
    /// Its address; `null` without `site.url` and `readers.url` in mirror.yaml.
    url: Option<String>,
    /// The address of its page; `null` where there is none.
    page: Option<String>,
}

impl Links {
    /// Returns where a build can be seen.
    fn of(mirror: &Mirror, id: &BuildId) -> Self {
        let Some(address) = mirror.config().address() else { return Self::default() };
        let path = mirror.layout().build_path(id).ok();
        let page = mirror.config().site.as_ref().and_then(|site| Some(site.path.join(&SitePages.page(id)?)));
        // The page comes with the next update of the site.
        let page = page.filter(|page| mirror.store().look(page).is_ok_and(|found| found.is_some()));
        Self {
            url: path.map(|path| format!("{address}{}/", url_path(&path))),
            page: page.map(|page| format!("{address}{}", url_path(&page))),
        }
    }
}

/// Returns what gates and carried commands wrote last.
fn logs(mirror: &Mirror, id: &BuildId) -> Outcome<BTreeMap<String, RunLog>> {
    let Some(record) = mirror.record(id)? else { return Ok(BTreeMap::new()) };
    Ok(mirror.logs(&record)?.runs)
}

/// How many lines of a log are shown.
const LINES: usize = 10;

/// Returns the last lines of a log, each as one line of a terminal.
pub(super) fn last_lines(log: &str) -> Vec<String> {
    let lines: Vec<&str> = log.lines().collect();
    let skipped = lines.len().saturating_sub(LINES);
    let more = (skipped > 0).then(|| format!("… {} before", say::count(skipped as u64, "line")));
    more.into_iter().chain(lines.iter().skip(skipped).map(|line| shown(line).into_owned())).collect()
}

pub(super) fn show(setting: &Context, id: &str) -> Outcome {
    let mirror = setting.open()?;
    let id = naming::build(&mirror, id)?;
    let (survey, decidable) = looked_to_show(&mirror)?;
    let census = &survey.census;
    let Some(build) = census.build(&id) else {
        if let Some(Tombstone { at, by, why }) = tombstone(&mirror, &id)? {
            let (at, by, why) = (at.iso(), shown(person(&by)), shown(&why));
            say::note(&format!("`{id}` was withdrawn at {at} by {by}: {why}"));
        }
        return Err(naming::absent(&mirror, &id));
    };
    let judged = decidable.then(|| verdicts(&mirror, &survey)).flatten().unwrap_or_default();
    let verdict = judged.get(&id);
    if setting.json {
        let (build, logs) = (described(&mirror, census, &id, build, verdict), logs(&mirror, &id)?);
        let links = Links::of(&mirror, &id);
        say::data(&Sorted(ShowAnswer { show: Version, build, logs, links }));
        return Ok(());
    }
    let at =
        |stamp: Option<crate::model::Stamp>| stamp.map_or("not known".to_owned(), crate::model::Stamp::iso);
    let mut lines = vec![
        format!("build      {id}"),
        format!("result     {}", build.result),
        format!("created    {}", at(build.created)),
        format!("published  {}", at(build.published)),
        format!(
            "size       {} in {}",
            build.bytes.map_or("not known".to_owned(), say::bytes),
            build.files.map_or("an unknown number of files".to_owned(), |files| say::count(files, "file"))
        ),
    ];
    lines.extend(
        build.confirmed_at.map(|stamp| format!("confirmed  {} (its inputs were unchanged)", stamp.iso())),
    );
    let links = Links::of(&mirror, &id);
    lines.extend(links.url.map(|url| format!("address    {url}")));
    lines.extend(links.page.map(|page| format!("page       {page}")));
    if verdict.is_some() {
        lines.push(format!("policy     {} (`mirrorkeep explain {id}` gives the reasons)", kept(verdict)));
    }
    lines.extend(build.labels.iter().map(|(key, label)| format!("label      {key}={}", label.value)));
    lines.extend(names(&mirror, census, &id).iter().map(|alias| format!("alias      {}", alias.path)));
    lines.extend(build.requires.iter().map(|required| format!("requires   {required}")));
    lines.extend(build.holds.iter().map(|hold| format!("hold       {} ({})", hold.why, hold.who)));
    lines.extend(build.problem.iter().map(|problem| format!("problem    {problem}")));
    for (name, run) in logs(&mirror, &id)? {
        let took = say::count(run.seconds, "second");
        lines.push(format!("log        {name}: {} at {}, {took}", run.result, run.at.iso()));
        let is_told = run.result != "success";
        lines.extend(
            last_lines(&run.log).into_iter().filter(|_| is_told).map(|line| format!("             {line}")),
        );
    }
    for line in &lines {
        say::out(&format!("{}\n", shown(line)));
    }
    Ok(())
}

/// The answer of `resolve`.
#[derive(Serialize, JsonSchema)]
pub(super) struct ResolveAnswer<'a> {
    resolve: Version,
    /// The path that was given.
    alias: &'a RelPath,
    /// The build; `null` for a directory above builds.
    build: Option<BuildId>,
    /// The path that the alias resolves to.
    path: &'a RelPath,
    #[serde(flatten)]
    links: Links,
}

/// Prints what an alias resolves to: the build, or the directory above builds.
pub(super) fn resolve(setting: &Context, alias: &str) -> Outcome {
    let path: RelPath = alias.trim_end_matches('/').parse().map_err(|error| Usage(format!("{error}")))?;
    let mirror = setting.open()?;
    let why = match mirror.resolve(&path)? {
        Resolved::To(target) if target != path => {
            let id = match mirror.layout().place(&target) {
                Place::Build { build } => Some(build),
                _ => None,
            };
            let links = id.as_ref().map(|id| Links::of(&mirror, id)).unwrap_or_default();
            if setting.json {
                let (alias, path) = (&path, &target);
                say::data(&Sorted(ResolveAnswer { resolve: Version, alias, build: id, path, links }));
            } else {
                // Scripts take what is printed as the ID.
                for link in [&links.url, &links.page].into_iter().flatten() {
                    say::note(link);
                }
                say::out(&format!("{}\n", id.map_or(target.to_string(), |id| id.to_string())));
            }
            return Ok(());
        }
        Resolved::To(_) => "it is a build or directory itself, not an alias".to_owned(),
        Resolved::Dangles(at) if at == path => {
            let hint = "`mirrorkeep alias list` lists the aliases, and `mirrorkeep list` the builds";
            let error = Failed(format!("there is no alias `{path}`"));
            return Err(Failure { error: Box::new(error), class: ErrorKind::Failed.hint(hint) });
        }
        Resolved::Dangles(at) => format!("nothing is at `{at}`"),
        Resolved::Loops => "it loops".to_owned(),
        Resolved::Leaves(text) => format!("it leaves the mirror by `{}`", text.escape_debug()),
    };
    let class =
        ErrorKind::Failed.hint("`mirrorkeep alias list` lists the aliases, and `mirrorkeep list` the builds");
    Err(Failure { error: Box::new(Failed(format!("`{path}` resolves to no build: {why}"))), class })
}

/// Returns the layout that was named, else the mirror's, or the first shipped one if there is no mirror.
fn layout_of(setting: &Context, named: Option<&str>) -> Outcome<Layout> {
    match named {
        Some(name) => Ok(choose(name)?.1),
        None if setting.mirror.may_be_a_mirror() => Ok(setting.open()?.layout().clone()),
        None => Ok(choose(Layout::DEFAULT)?.1),
    }
}

/// The answer of `layout list`.
#[derive(Serialize, JsonSchema)]
pub(super) struct LayoutsAnswer<'a> {
    layout: Version,
    /// The names of the shipped layouts.
    layouts: &'a [&'a str],
}

/// The answer of `layout show`.
#[derive(Serialize, JsonSchema)]
pub(super) struct LayoutAnswer<'a> {
    layout: Version,
    /// Its name.
    name: &'a str,
    /// Its title.
    title: &'a str,
    /// The file.
    yaml: &'a str,
}

/// The answer of `layout path`.
#[derive(Serialize, JsonSchema)]
pub(super) struct PathAnswer<'a> {
    layout: Version,
    /// The path of the build.
    path: &'a RelPath,
    /// The ID of the build.
    id: &'a BuildId,
    /// The stream of the build.
    stream: &'a Stream,
    /// The name of the build in its stream.
    build: &'a BuildName,
}

/// The answer of `layout set`.
#[derive(Serialize, JsonSchema)]
pub(super) struct LayoutSetAnswer<'a> {
    layout: Version,
    /// Whether nothing was changed.
    dry_run: bool,
    /// What was done, or would be.
    report: &'a SettingReport,
}

/// The answer of `layout place`.
#[derive(Serialize, JsonSchema)]
pub(super) struct PlaceAnswer<'a> {
    layout: Version,
    /// The path that was given.
    path: &'a RelPath,
    #[serde(flatten)]
    place: &'a Place,
    /// Why the time in the name of the build is invalid, such as 31 February.
    #[serde(skip_serializing_if = "Option::is_none")]
    impossible: Option<String>,
}

pub(super) fn layout(setting: &Context, verb: LayoutVerb) -> Outcome {
    match verb {
        LayoutVerb::List => {
            let names: Vec<&str> = Layout::shipped_names().collect();
            if setting.json {
                say::data(&Sorted(LayoutsAnswer { layout: Version, layouts: &names }));
            } else {
                say::out(&(names.join("\n") + "\n"));
            }
        }
        LayoutVerb::Schema => say::data(&Layout::schema()),
        LayoutVerb::Show { layout } => {
            let layout = layout_of(setting, layout.as_deref())?;
            if setting.json {
                let (name, title, yaml) = (layout.name(), layout.title(), layout.text());
                say::data(&Sorted(LayoutAnswer { layout: Version, name, title, yaml }));
            } else {
                say::file(layout.text());
            }
        }
        LayoutVerb::Set { layout, dry_run } => set_layout(setting, &layout, dry_run)?,
        LayoutVerb::Path { id, stream, git_branch, distro, field, build, layout } => {
            let layout = layout_of(setting, layout.as_deref())?;
            let id = match id {
                Some(id) => id.parse().map_err(|error| Usage(format!("{error}")))?,
                None => {
                    let branch =
                        git_branch.as_deref().map(|branch| (branch, fields(distro.as_deref(), &field)));
                    build_id(&layout, stream.as_deref(), branch, build.as_deref())?.0
                }
            };
            let path = layout.build_path(&id)?;
            if setting.json {
                let (stream, build) = (&id.stream, &id.name);
                say::data(&Sorted(PathAnswer { layout: Version, path: &path, id: &id, stream, build }));
            } else {
                say::out(&format!("{path}\n"));
            }
        }
        LayoutVerb::Place { path, layout } => {
            let layout = layout_of(setting, layout.as_deref())?;
            let path: RelPath =
                path.trim_end_matches('/').parse().map_err(|error| Usage(format!("{error}")))?;
            placed(setting, &layout, &path);
        }
    }
    Ok(())
}

fn set_layout(setting: &Context, name: &str, dry_run: bool) -> Outcome {
    let (chosen, layout) = choose::<Layout>(name)?;
    let mirror = setting.open()?;
    let session = setting.session(&mirror);
    let report = crate::ops::settings::set_layout(&session, (&chosen, &layout), Mode::of(dry_run))?;
    if setting.json {
        say::json(&Sorted(LayoutSetAnswer { layout: Version, dry_run, report: &report }));
        return Ok(());
    }
    let would = if dry_run { "would be " } else { "is " };
    for alias in &report.unruled {
        say::out(&format!("{}  no rule moves it any more\n", shown(alias)));
    }
    for alias in &report.ruled {
        say::out(&format!("{}  a rule moves it from the next publish on\n", shown(alias)));
    }
    say::out(&if report.changed {
        format!("the layout `{}` {would}in force\n", shown(&report.after))
    } else {
        format!("the layout `{}` is in force already\n", shown(&report.after))
    });
    Ok(())
}

fn placed(setting: &Context, layout: &Layout, path: &RelPath) {
    let place = &layout.place(path);
    let impossible = match place {
        Place::Build { build } | Place::Inside { build, .. } => match layout.created(build) {
            Created::Impossible(why) => Some(why),
            Created::At(..) | Created::Unnamed => None,
        },
        _ => None,
    };
    if setting.json {
        return say::data(&Sorted(PlaceAnswer { layout: Version, path, place, impossible }));
    }
    let what = match place {
        Place::Build { build } => format!(" {build}"),
        Place::Stream { stream } => format!(" {stream}"),
        Place::Inside { build, artifact, .. } => format!(" {build}, by the rule `{}`", artifact.rule),
        Place::Alias { name, .. } => format!(" {name}"),
        Place::Beside { stream, rule } => format!(" the builds of {stream}, by the rule `{rule}`"),
        Place::Declared { why } => format!(": {}", shown(why)),
        Place::Stray(stray) => {
            let near =
                stray.nearest.as_ref().map(|near| format!("\nnearest: {}", shown(near))).unwrap_or_default();
            format!(" ({}): {}{near}", stray.rule, shown(&stray.why))
        }
        Place::Root | Place::Above | Place::Own => String::new(),
    };
    say::out(&format!("{path}: {}{what}\n", place.kind()));
    if let Some(why) = impossible {
        say::note(&format!("warning: {}", shown(&why)));
    }
}
