//! `publish`: the one command that a build server runs after each build.

use super::answer::Version;
use super::args::{DedupeArg, PublishArgs, ResultArg, TakeArg};
use super::chosen::choose;
use super::context::{Context, now};
use super::exit::{Failure, Outcome, Usage};
use super::from_tag::{FromTag, Tagged};
use super::progress::Bar;
use super::{make, naming, read, say, sign};
use crate::commit::{Check, Filling, TimeRule};
use crate::decide::InputPatterns;
use crate::layout::Layout;
use crate::mirror::{Mirror, Setup};
use crate::model::{
    BuildId, BuildName, Document, ErrorKind, Problem, RelPath, Stream, shell_word, shown, unprintable,
};
use crate::ops::publish::{ContextFrom, InputsReport, Named, PublishOutcome, PublishReport, PublishRequest};
use crate::source::SourceSpec;
use crate::store::{Posix, Share, StoreError, Take};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The answer of `publish`.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct PublishAnswer<'a> {
    publish: Version,
    /// What was taken from a tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    from_tag: Option<FromTag>,
    #[serde(flatten)]
    report: &'a PublishReport,
}

pub(super) fn publish(setting: &Context, args: &PublishArgs) -> Outcome {
    let sources = sources(args)?;
    if let Some(note) = has_git(args) {
        say::note(&note);
    }
    let signers = sign::signers(&args.sign)?;
    let tagged = Tagged::read(setting, args)?;
    // A new mirror is made only after everything else was checked.
    let makes = args.init && setting.mirror.is_unused()?;
    let empty = if makes { Some(tempfile::tempdir().map_err(unmade)?) } else { None };
    let mirror = match &empty {
        Some(dir) => not_there_yet(setting, dir.path())?,
        None => setting.open()?,
    };
    let stream = tagged.as_ref().map(|tagged| tagged.stream.as_str());
    let (id, named) = build_id(
        mirror.layout(),
        stream.or(args.stream.as_deref()),
        args.git_branch.as_deref().map(|branch| (branch, fields(args.distro.as_deref(), &args.field))),
        tagged.as_ref().map(|tagged| tagged.build.as_str()).or(args.build.as_deref()),
    )?;
    let context = match (&args.context, &args.context_from) {
        (Some(file), _) => Some(ContextFrom::File(file.clone())),
        (None, Some(dir)) => Some(ContextFrom::Checkouts(dir.clone())),
        (None, None) => None,
    };
    let parse = |texts: &[String]| texts.iter().map(|text| text.parse()).collect::<Result<Vec<_>, _>>();
    let mut labels =
        parse(&args.label).map_err(|error: crate::model::LabelError| Usage(error.to_string()))?;
    let from_tag = tagged.map(|tagged| tagged.labels(&mirror, &id, &mut labels)).transpose()?;
    from_tag.iter().filter_map(FromTag::note).for_each(|note| say::note(&note));
    let publishing = PublishRequest {
        id,
        named,
        sources,
        exclude: excluded(args)?,
        if_changed: args.if_changed.as_deref().map(inputs).transpose()?,
        listed: args.only_listed.as_deref().map(listed).transpose()?,
        result: args.result.map(ResultArg::outcome),
        context,
        labels,
        allow_shrink: args.allow_shrink,
        allow_withdrawn: args.allow_withdrawn,
        requires: args.requires.iter().map(|text| naming::build(&mirror, text)).collect::<Outcome<_>>()?,
        filling: Filling {
            take: match args.take {
                TakeArg::Copy => None,
                TakeArg::Link => Some(Take::Link),
                TakeArg::Move => Some(Take::Move),
            },
            dedupe: match args.dedupe {
                DedupeArg::Link => Some(Share::Link),
                DedupeArg::Reflink => Some(Share::Reflink),
                DedupeArg::None => None,
            },
            check: if args.quick { Check::Quick } else { Check::Bytes },
            times: if args.keep_times { TimeRule::Source } else { TimeRule::Later },
        },
        signers,
    };
    let bar = Bar::new();
    let act =
        if args.dry_run || makes { crate::ops::publish::try_publish } else { crate::ops::publish::publish };
    let report = act(&setting.session(&mirror).reporting_to(&bar), &publishing);
    let report = match report {
        Ok(_) if makes && !args.dry_run => {
            let mirror = make_one(setting)?;
            crate::ops::publish::publish(&setting.session(&mirror).reporting_to(&bar), &publishing)
        }
        report => report,
    };
    bar.finish();
    let report = report?;
    if makes && args.dry_run {
        let layout = Layout::DEFAULT;
        say::note(&format!("would make a mirror at `{}` with the layout `{layout}`", setting.mirror));
    }
    for warning in &report.warnings {
        say::note(&format!("warning: {warning}"));
    }
    if setting.json {
        say::json(&PublishAnswer { publish: Version, from_tag, report: &report });
    } else {
        say::out(&render(&report, args.dry_run));
    }
    Ok(())
}

/// A recipe file: which parts of a workspace are published at which paths.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "the keys of a recipe, `recipe: 1` first, then `add`")]
struct Recipe {
    recipe: u32,
    add: Vec<Step>,
}

/// One step of a recipe.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    to: RelPath,
    from: RelPath,
    #[serde(default)]
    only: Option<String>,
}

/// Returns which files of a workspace a recipe selects.
fn read_recipe(file: &Path, workspace: &Path) -> Outcome<Vec<SourceSpec>> {
    let shown = file.display().to_string();
    let text = super::read::text("recipe", file)?;
    let told = |problems: Vec<Problem>| {
        Usage(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    };
    let document = Document::parse(&text, &shown).map_err(told)?;
    let recipe: Recipe = document.read().map_err(told)?;
    let mut problems = Vec::new();
    if recipe.recipe != 1 {
        problems.push(
            document.problem("recipe", format!("version {} is not known; 1 is accepted", recipe.recipe)),
        );
    }
    let mut specs = Vec::new();
    for (index, step) in recipe.add.into_iter().enumerate() {
        match step.only.as_deref().map(glob::Pattern::new).transpose() {
            Ok(only) => {
                specs.push(SourceSpec { to: step.to, from: workspace.join(step.from.as_str()), only });
            }
            Err(error) => problems.push(document.problem(&format!("add[{index}].only"), error.to_string())),
        }
    }
    if problems.is_empty() { Ok(specs) } else { Err(told(problems).into()) }
}

/// Returns the sources of all files, with their paths in the build.
/// Returns a note that the directory of a checkout is published as a part of the build.
fn has_git(args: &PublishArgs) -> Option<String> {
    let chosen = args.recipe.is_some() || args.only_listed.is_some();
    let at = args.source.as_ref().filter(|_| !chosen)?.join(".git");
    let has = at.exists() && !args.exclude.iter().any(|pattern| pattern == ".git");
    has.then(|| {
        format!(
            "`{}` is published with the build; `--exclude .git` leaves it out",
            shown(&at.display().to_string())
        )
    })
}

fn sources(args: &PublishArgs) -> Outcome<Vec<SourceSpec>> {
    let mut specs = Vec::new();
    if let Some(source) = &args.source {
        if !source.is_dir() {
            let why = if source.exists() { "is not a directory" } else { "does not exist" };
            let wanted = "expected the directory that the build left";
            return Err(Usage(format!("the source `{}` {why}; {wanted}", source.display())).into());
        }
        match &args.recipe {
            Some(recipe) => specs.extend(read_recipe(recipe, source)?),
            None => specs.push(SourceSpec { to: RelPath::root(), from: source.clone(), only: None }),
        }
    }
    for add in &args.add {
        let (to, from) =
            add.split_once('=').filter(|(to, from)| !to.is_empty() && !from.is_empty()).ok_or_else(|| {
                Usage(format!(
                    "`--add {add}` has no form `DEST=SRC`, such as outputs/iso/boot.iso=export/boot.iso"
                ))
            })?;
        let to = to.trim_end_matches('/').parse().map_err(|error| Usage(format!("--add {add}: {error}")))?;
        specs.push(SourceSpec { to, from: PathBuf::from(from), only: None });
    }
    Ok(specs)
}

/// Returns what is excluded.
fn excluded(args: &PublishArgs) -> Outcome<Vec<glob::Pattern>> {
    let pattern = |text: &String| {
        let wrong = |error| Usage(format!("`--exclude {text}` is not a pattern such as '*.part': {error}"));
        Ok(glob::Pattern::new(text.trim_end_matches('/')).map_err(wrong)?)
    };
    args.exclude.iter().map(pattern).collect()
}

/// Returns which paths in the build are its inputs.
fn inputs(patterns: &[String]) -> Outcome<InputPatterns> {
    let wrong = |error| Usage(format!("--if-changed: {error}"));
    Ok(InputPatterns::read(patterns).map_err(wrong)?)
}

/// Returns the entries of a list of files to publish: one on each line, without empty lines and lines that begin with
/// `#`.
fn listed(file: &Path) -> Outcome<BTreeSet<String>> {
    let text = read::text("list", file)?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let listed: BTreeSet<String> =
        lines.map(|line| line.trim_start_matches("./").trim_end_matches('/').to_owned()).collect();
    if listed.is_empty() {
        return Err(Usage(format!("the list `{}` names no file", file.display())).into());
    }
    Ok(listed)
}

/// Returns the error that no temporary directory can be made.
fn unmade(error: std::io::Error) -> StoreError {
    StoreError::new("make a directory in", std::env::temp_dir().display(), error)
}

/// Returns an empty mirror in a temporary directory: everything is checked against it before the real one is made.
fn not_there_yet(setting: &Context, dir: &Path) -> Outcome<Mirror> {
    setting.mirror.is_apart()?;
    let (layout, _) = choose::<Layout>(Layout::DEFAULT)?;
    let setup = Setup { layout, policy: None, pipeline: None, id: String::new() };
    Ok(Mirror::init(Arc::new(Posix::open(dir)?), &setup, &setting.who, setting.wait)?)
}

/// Makes a mirror if there is none.
fn make_one(setting: &Context) -> Outcome<Mirror> {
    let (chosen, layout) = choose::<Layout>(Layout::DEFAULT)?;
    let policy = make::policy_for(&layout, None)?;
    let files = make::Files { layout: chosen, policy, pipeline: None };
    let mirror = make::create(setting, files, None)?;
    let layout = Layout::DEFAULT;
    say::note(&format!("made a new mirror at `{}` with the layout `{layout}`", setting.mirror));
    Ok(mirror)
}

/// Returns the fields that were given with a branch.
pub(super) fn fields(distro: Option<&str>, fields: &[String]) -> Outcome<BTreeMap<String, String>> {
    let mut given = BTreeMap::new();
    given.extend(distro.map(|distro| ("distro".to_owned(), distro.to_owned())));
    for field in fields {
        let (name, value) = field.split_once('=').ok_or_else(|| {
            Usage(format!("`--field {field}` has no form `NAME=VALUE`, such as layer=flock"))
        })?;
        if given.insert(name.to_owned(), value.to_owned()).is_some() {
            return Err(Usage(format!("`{name}` is given twice")).into());
        }
    }
    Ok(given)
}

/// Fails for the ID of a build in place of its stream.
fn is_no_build(layout: &Layout, stream: &Stream) -> Outcome {
    let id = stream.as_str().parse::<BuildId>().ok().filter(|id| layout.build_path(id).is_ok());
    let Some(id) = id.filter(|_| layout.stream_path(stream).is_err()) else { return Ok(()) };
    let [of, name] = [id.stream.as_str(), id.name.as_str()].map(|text| shell_word(text.as_ref()));
    let error = Usage(format!("`{id}` is a build, not a stream"));
    let hint = format!("`--stream {of} --build {name}` names that build");
    Err(Failure { error: Box::new(error), class: ErrorKind::Usage.hint(hint) })
}

/// Returns the build that stream or branch and name determine, and where its name comes from.
pub(super) fn build_id(
    layout: &Layout,
    stream: Option<&str>,
    branch: Option<(&str, Outcome<BTreeMap<String, String>>)>,
    build: Option<&str>,
) -> Outcome<(BuildId, Named)> {
    let usage = |error: crate::model::NameError| Usage(error.to_string());
    let (stream, named): (Stream, Option<BuildName>) = match (stream, branch) {
        (Some(text), _) => {
            let stream: Stream = text.trim_end_matches('/').parse().map_err(usage)?;
            is_no_build(layout, &stream)?;
            (stream, None)
        }
        (None, Some((branch, given))) => {
            let place = layout.branch(branch, &given?)?;
            (place.stream, place.build)
        }
        (None, None) => return Err(Usage("say which stream with --stream or --git-branch".to_owned()).into()),
    };
    let (name, named) = match (build, named) {
        (Some(name), _) => (name.parse().map_err(usage)?, Named::Given),
        (None, Some(name)) => (name, Named::Given),
        (None, None) => (layout.build_name(&stream, now())?, Named::ByClock),
    };
    let id = BuildId::new(stream, name);
    if let Some(c) = unprintable(&id.to_string()) {
        return Err(Usage(format!(
            "`{id}` contains {}; printable characters are accepted",
            crate::model::named(c)
        ))
        .into());
    }
    Ok((id, named))
}

fn render(report: &PublishReport, dry_run: bool) -> String {
    if report.outcome == PublishOutcome::InputsUnchanged {
        let would = if dry_run { "would publish nothing" } else { "nothing published" };
        let files = say::count(report.inputs.as_ref().map_or(0, |inputs| inputs.files), "file");
        return format!("{would}: the inputs ({files}) are those of {}\n", report.id);
    }
    let done = match report.outcome {
        PublishOutcome::Published => "published",
        PublishOutcome::Unchanged if !report.labelled.is_empty() => "already published, labelled now:",
        PublishOutcome::Unchanged => "already published, unchanged:",
        PublishOutcome::Trial | PublishOutcome::InputsUnchanged => "would publish",
    };
    let mut text = format!(
        "{done} {} ({}, {}, {})\n",
        report.id,
        report.result,
        say::count(report.files, "file"),
        say::bytes(report.bytes)
    );
    if let Some(InputsReport { against: Some(against), changed, more, .. }) = &report.inputs {
        let changed = changed.iter().map(RelPath::as_str).collect::<Vec<_>>().join(", ");
        let more = if *more > 0 { format!(" and {more} more") } else { String::new() };
        text.push_str(&format!("  inputs other than in {against}: {}{more}\n", shown(&changed)));
    }
    if report.shared_files > 0 {
        let (files, bytes) = (say::count(report.shared_files, "file"), say::bytes(report.shared_bytes));
        text.push_str(&format!("  shared with earlier builds: {files}, {bytes}\n"));
    }
    if report.joined_files > 0 {
        let (files, bytes) = (say::count(report.joined_files, "file"), say::bytes(report.joined_bytes));
        text.push_str(&format!("  shared inside the build: {files}, {bytes}\n"));
    }
    if report.later_files > 0 {
        let files = say::count(report.later_files, "file");
        text.push_str(&format!(
            "  given a later time, since the bytes changed and the size did not: {files}\n"
        ));
    }
    if report.excluded > 0 {
        let count = report.excluded;
        text.push_str(&format!("  left out by --exclude: {count} files, links and directories\n"));
    }
    if report.unlisted > 0 {
        text.push_str(&format!("  not in the list: {}\n", say::count(report.unlisted, "file")));
    }
    if report.resumed_files > 0 {
        text.push_str(&format!(
            "  resumed from an interrupted publish: {}\n",
            say::count(report.resumed_files, "file")
        ));
    }
    if !report.labelled.is_empty() {
        text.push_str(&format!("  labels set: {}\n", shown(&report.labelled.join(" "))));
    }
    for one in &report.signatures {
        text.push_str(&format!("  signed in {} by {}\n", one.file, shown(&one.keys.join(" and "))));
    }
    for moved in &report.aliases {
        if let Some(to) = &moved.to {
            text.push_str(&format!("  {} -> {to}\n", moved.alias));
        }
    }
    text
}
