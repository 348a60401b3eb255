//! Verbs that change a mirror, except publishing: `init`, `label`, `alias`, `recover`.

use super::answer::{Sorted, Version};
use super::args::{AliasVerb, InitArgs, LabelArgs, WritersArg};
use super::chosen::choose;
use super::context::{Context, now};
use super::exit::{Exit, Failed, Failure, Outcome, Usage};
use super::judged;
use super::mirror_url::say_what_lacks;
use super::owner::refuse_root;
use super::surveyed::looked_to_show;
use super::{naming, say};
use crate::census::AliasCensus;
use crate::commit::{Moved, Permit};
use crate::decide::pipeline::{LintTerms, Pipeline, lint};
use crate::decide::policy::{Policy, Span};
use crate::layout::{Layout, Place};
use crate::mirror::{Chosen, Commands, Mirror, Resolved, Setup};
use crate::model::{BuildId, ErrorKind, Label, LabelError, RelPath, Stamp, shell_word, shown};
use crate::ops::Mode;
use crate::ops::alias::{Cost, LabelActError, LabelReport};
use crate::record::{Event, EventKind};
use crate::recover::{LeftStage, Settled, SettledAs, Stages};
use schemars::JsonSchema;
use serde::Serialize;

/// The answer of `init`.
#[derive(Serialize, JsonSchema)]
pub(super) struct InitAnswer<'a> {
    init: Version,
    /// The path or URL of the mirror.
    mirror: &'a str,
    /// The name of the layout.
    layout: &'a str,
    /// The name of the policy, or the path that was given; `null` without one.
    policy: Option<&'a str>,
    /// The name of the pipeline, or the path that was given; `null` without one.
    pipeline: Option<&'a str>,
    /// Whether nothing was changed.
    dry_run: bool,
}

pub(super) fn init(setting: &Context, args: &InitArgs) -> Outcome {
    let (chosen, layout) = choose::<Layout>(&args.layout)?;
    let policy = policy_for(&layout, args.policy.as_deref())?;
    let pipeline = args.pipeline.as_deref().filter(|name| *name != "none").map(choose::<Pipeline>);
    let pipeline = pipeline.transpose()?.map(|(chosen, pipeline)| {
        let streams = std::collections::BTreeMap::new();
        let terms = LintTerms { layout: Some(&layout), policy: None, streams: &streams, builds: &[] };
        let name = args.pipeline.as_deref().unwrap_or("pipeline");
        for found in lint(&pipeline, &terms).iter().filter(|found| judged::is_grave(found)) {
            say::note(&judged::line(name, found));
        }
        chosen
    });
    let named = |chosen: &Option<Chosen>, asked: &Option<String>| match chosen {
        Some(Chosen::Shipped(name)) => Some(name.clone()),
        Some(Chosen::File(_)) => asked.clone(),
        None => None,
    };
    let (policy_name, pipeline_name) = (named(&policy, &args.policy), named(&pipeline, &args.pipeline));
    setting.mirror.is_apart()?;
    refuse_root(&setting.mirror)?;
    if args.dry_run {
        setting.mirror.may_create()?;
    } else {
        let files = Files { layout: chosen, policy, pipeline };
        crate::commit::keep_reserve(&create(setting, files, args.writers)?)?;
    }
    let at = setting.mirror.to_string();
    let done = if args.dry_run { "would make" } else { "made" };
    if setting.json {
        let layout = layout.name();
        say::json(&Sorted(InitAnswer {
            init: Version,
            mirror: &at,
            layout,
            policy: policy_name.as_deref(),
            pipeline: pipeline_name.as_deref(),
            dry_run: args.dry_run,
        }));
    } else {
        let layout = format!("the layout `{}`", layout.name());
        let with = match (policy_name, pipeline_name) {
            (Some(policy), Some(pipeline)) => {
                format!("{layout}, the policy `{policy}` and the pipeline `{pipeline}`")
            }
            (Some(policy), None) => format!("{layout} and the policy `{policy}`"),
            (None, Some(pipeline)) => {
                format!("{layout}, the pipeline `{pipeline}` and no policy, so that nothing is ever pruned")
            }
            (None, None) => format!("{layout} and no policy, so that nothing is ever pruned"),
        };
        say::out(&format!("{done} a mirror at `{at}` with {}\n", shown(&with)));
    }
    Ok(())
}

/// Returns the policy that was requested, or the one that suits the layout.
pub(super) fn policy_for(layout: &Layout, asked: Option<&str>) -> Outcome<Option<Chosen>> {
    match asked {
        Some("none") => Ok(None),
        Some(name) => Ok(Some(choose::<Policy>(name)?.0)),
        None => Ok(crate::ops::retention::suiting(layout)),
    }
}

/// The files that a new mirror gets.
pub(super) struct Files {
    pub(super) layout: Chosen,
    pub(super) policy: Option<Chosen>,
    pub(super) pipeline: Option<Chosen>,
}

/// Makes a mirror, with its directory if missing; an object store is probed first.
pub(super) fn create(setting: &Context, files: Files, writers: Option<WritersArg>) -> Outcome<Mirror> {
    setting.mirror.is_apart()?;
    let store = setting.mirror.create(writers)?;
    say_what_lacks(&*store);
    let Files { layout, policy, pipeline } = files;
    let setup = Setup { layout, policy, pipeline, id: uuid::Uuid::new_v4().to_string() };
    Ok(Mirror::init(store, &setup, &setting.who, setting.wait)?)
}

/// The answer of `label`.
#[derive(Serialize, JsonSchema)]
pub(super) struct LabelAnswer<'a> {
    label: Version,
    /// Whether nothing was changed.
    dry_run: bool,
    /// What was done, or would be.
    report: &'a LabelReport,
}

pub(super) fn label(setting: &Context, args: &LabelArgs) -> Outcome {
    let labels: Result<Vec<Label>, _> = args.labels.iter().map(|text| text.parse()).collect();
    let labels = labels.map_err(|error: crate::model::LabelError| Usage(error.to_string()))?;
    let mode = Mode::of(args.dry_run);
    let mirror = setting.open()?;
    let id = naming::build(&mirror, &args.id)?;
    for key in &args.remove {
        if let Err(error @ LabelError::Reserved(..)) = Label::new(key, "x") {
            return Err(Usage(format!("--remove {key}: {error}")).into());
        }
    }
    let report = crate::ops::alias::label(&setting.session(&mirror), &id, &labels, &args.remove, mode);
    let report = report.map_err(|error| match error {
        LabelActError::NoBuild(id) => naming::absent(&mirror, &id),
        error => error.into(),
    })?;
    if setting.json {
        say::json(&Sorted(LabelAnswer { label: Version, dry_run: args.dry_run, report: &report }));
        return Ok(());
    }
    let all: Vec<String> =
        report.labels.iter().map(|(key, label)| format!("{key}={}", label.value)).collect();
    say::out(&format!(
        "{}{}: {}\n",
        if args.dry_run { "would label " } else { "" },
        report.id,
        if all.is_empty() { "no labels".into() } else { shown(&all.join(" ")).into_owned() }
    ));
    say::out(&moves(&report.aliases, mode));
    Ok(())
}

/// The answer of `alias set` and `alias remove`.
#[derive(Serialize, JsonSchema)]
pub(super) struct AliasAnswer<'a> {
    alias: Version,
    /// Whether nothing was changed.
    dry_run: bool,
    /// The alias, with its previous and its new target.
    moved: &'a Moved,
}

/// The answer of `alias dematerialize`.
#[derive(Serialize, JsonSchema)]
pub(super) struct DematerializeAnswer<'a> {
    dematerialize: Version,
    /// Whether nothing was changed.
    dry_run: bool,
    /// The alias.
    alias: &'a RelPath,
}

/// The answer of `alias materialize`.
#[derive(Serialize, JsonSchema)]
pub(super) struct MaterializeAnswer<'a> {
    materialize: Version,
    /// Whether nothing was changed.
    dry_run: bool,
    /// What each move of the alias costs.
    cost: &'a Cost,
}

/// The answer of `alias list`.
#[derive(Serialize, JsonSchema)]
pub(super) struct AliasesAnswer<'a> {
    aliases: Version,
    /// The time at which the mirror was read.
    at: Stamp,
    /// The aliases, sorted by path.
    list: &'a [AliasCensus],
    /// The aliases that have a copy of their build below them, in an object store.
    materialized: &'a [RelPath],
}

pub(super) fn alias(setting: &Context, verb: AliasVerb) -> Outcome {
    let mirror = setting.open()?;
    let path =
        |text: &str| text.trim_end_matches('/').parse::<RelPath>().map_err(|error| Usage(format!("{error}")));
    let (moved, mode) = match verb {
        AliasVerb::List => return aliases(setting, &mirror),
        AliasVerb::Materialize { alias, keep, dry_run } => {
            let keep: Span = keep.parse().map_err(|error| Usage(format!("--keep: {error}")))?;
            return materialize(setting, &mirror, &path(&alias)?, keep, dry_run);
        }
        AliasVerb::Dematerialize { alias, dry_run } => {
            let alias = path(&alias)?;
            crate::ops::alias::dematerialize(&mirror, &alias, Mode::of(dry_run))?;
            if setting.json {
                say::json(&Sorted(DematerializeAnswer { dematerialize: Version, dry_run, alias: &alias }));
            } else {
                let done = if dry_run { "would keep" } else { "keeps" };
                say::out(&format!("{alias} {done} no copy\n"));
            }
            return Ok(());
        }
        AliasVerb::Set { alias, target, allow_backwards, allow_unsuccessful, dry_run } => {
            let alias = path(&alias)?;
            let target = target_of(&mirror, &alias, path(&target)?)?;
            if let Some(why) = mirror.is_taken_by_layout(&alias) {
                let failure = Failure::from(Usage(format!("`{alias}` cannot be an alias: {why}")));
                let hint = naming::alike(&mirror, alias.as_str());
                return Err(match hint {
                    Some(hint) => Failure { class: ErrorKind::Usage.hint(hint), ..failure },
                    None => failure,
                });
            }
            mirror.unknown_name(&alias).into_iter().for_each(|why| mirror.warnings().add(why));
            let permit = Permit { backwards: allow_backwards, no_success: allow_unsuccessful, stage: false };
            if dry_run {
                crate::commit::may_point(&mirror, &alias, &target, permit, now())?;
                let from = crate::commit::pointed_at(&mirror, &alias)?;
                (Moved { from, alias, to: Some(target) }, Mode::Trial)
            } else {
                let lock = setting.session(&mirror).begin()?;
                (crate::commit::set(&lock, &alias, &target, permit, lock.now())?, Mode::Real)
            }
        }
        AliasVerb::Remove { alias, dry_run } => {
            let alias = path(&alias)?;
            if let Some(why) = required(&mirror, &alias) {
                mirror.warnings().add(why);
            }
            if dry_run {
                crate::commit::may_remove(&mirror, &alias)?;
                let from = crate::commit::pointed_at(&mirror, &alias)?;
                (Moved { from, alias, to: None }, Mode::Trial)
            } else {
                let lock = setting.session(&mirror).begin()?;
                (crate::commit::remove(&lock, &alias, lock.now())?, Mode::Real)
            }
        }
    };
    if setting.json {
        say::json(&Sorted(AliasAnswer { alias: Version, dry_run: mode == Mode::Trial, moved: &moved }));
    } else {
        say::out(&moves(&[moved], mode));
    }
    Ok(())
}

/// Returns what follows from the removal of an alias that its stream must have.
fn required(mirror: &Mirror, alias: &RelPath) -> Option<String> {
    let Place::Stream { stream } = mirror.layout().place(&alias.parent()?) else { return None };
    let rules = mirror.alias_rules(&stream, &[]);
    rules.iter().find(|rule| rule.required && rule.name == alias.name())?;
    // Without builds there is nothing to prune.
    mirror.recorded().ok()?.iter().find(|id| id.stream == stream)?;
    let path = shell_word(alias.as_str().as_ref());
    Some(format!(
        "`{alias}` is required: without it, nothing of `{stream}` would be pruned; the next publish sets it again, and so does `mirrorkeep alias set {path} BUILD`"
    ))
}

/// Returns the path of a target: a path relative to the alias or to the root, or the path of a build, given by its
/// name in the stream of the alias or by its ID.
fn target_of(mirror: &Mirror, alias: &RelPath, target: RelPath) -> Outcome<RelPath> {
    let dir = alias.parent().unwrap_or_default();
    let is_name = target.depth() == 1;
    let beside = dir.join(&target);
    let target = if is_name && mirror.look(&beside)?.is_some() { beside } else { target };
    match mirror.resolve(&target)? {
        Resolved::Dangles(_) => {}
        Resolved::To(real) if real != target && mirror.layout().place(&real).kind() == "build" => {
            let [alias, real] = [alias, &real].map(|path| shell_word(path.as_str().as_ref()));
            mirror.warnings().add(format!(
                "`{target}` is an alias, with which `{alias}` moves; `mirrorkeep alias set {alias} {real}` sets it to its build"
            ));
            return Ok(target);
        }
        _ => return Ok(target),
    }
    let place = mirror.layout().place(&dir);
    if is_name && dir.is_root() && !matches!(place, Place::Stream { .. }) {
        let error = Failed(format!("`{alias}` cannot point at `{target}`: nothing is at `{target}`"));
        let hint = format!("give the stream, too: `mirrorkeep alias set STREAM/{alias} {target}`");
        return Err(Failure { error: Box::new(error), class: ErrorKind::Failed.hint(hint) });
    }
    let id = match place {
        Place::Stream { stream } if is_name => {
            target.as_str().parse().map(|name| BuildId::new(stream, name)).ok()
        }
        _ => target.as_str().parse().ok(),
    };
    Ok(id.and_then(|id| mirror.layout().build_path(&id).ok()).unwrap_or(target))
}

/// Allows an alias to have a copy of its build below it, and prints the cost.
fn materialize(setting: &Context, mirror: &Mirror, alias: &RelPath, keep: Span, dry_run: bool) -> Outcome {
    let mode = Mode::of(dry_run);
    let cost = crate::ops::alias::materialize(mirror, alias, keep.seconds(), mode)?;
    if setting.json {
        say::json(&Sorted(MaterializeAnswer { materialize: Version, dry_run, cost: &cost }));
        return Ok(());
    }
    let (files, bytes) = (say::count(cost.files, "object"), say::bytes(cost.bytes));
    let (twice, requests) = (say::bytes(cost.bytes * 2), say::count(cost.requests, "request"));
    let done = if dry_run { "would keep" } else { "keeps" };
    say::out(&format!(
        "{alias} {done} a copy of {}: {files}, {bytes}\n  each move takes about {requests}, and {twice} for the {keep} that the copy before stays\n",
        cost.build
    ));
    Ok(())
}

fn moves(moved: &[Moved], mode: Mode) -> String {
    let line = |moved: &Moved| match (&moved.to, mode) {
        (Some(to), Mode::Real) => format!("  {} -> {to}\n", moved.alias),
        (None, Mode::Real) => format!("  {} was removed\n", moved.alias),
        (Some(to), Mode::Trial) => format!("  would set {} -> {to}\n", moved.alias),
        (None, Mode::Trial) => format!("  would remove {}\n", moved.alias),
    };
    moved.iter().map(line).collect()
}

/// The answer of `recover`.
#[derive(Serialize, JsonSchema)]
pub(super) struct RecoverAnswer<'a> {
    recover: Version,
    /// What was settled.
    settled: &'a [Settled],
}

/// The answer of `recover --dry-run`.
#[derive(Serialize, JsonSchema)]
pub(super) struct RecoverTrial<'a> {
    recover: Version,
    /// The builds, aliases and stages of interrupted changes.
    unsettled: &'a [String],
    /// The stages that `--discard-stages` would delete.
    stages: &'a [LeftStage],
}

pub(super) fn recover(
    setting: &Context,
    (accept_journal, skip_commands): (bool, bool),
    discard_stages: bool,
    dry_run: bool,
) -> Outcome<Exit> {
    let mirror = setting.open()?;
    let mirror = if skip_commands { mirror.with_commands(Commands::Skip) } else { mirror };
    if dry_run {
        let open: Vec<String> = mirror.unsettled()?.iter().map(|intent| intent.to.clone()).collect();
        let stages = if discard_stages { crate::recover::discardable(&mirror, now())? } else { Vec::new() };
        if setting.json {
            say::json(&Sorted(RecoverTrial { recover: Version, unsettled: &open, stages: &stages }));
        } else {
            let count = say::count(open.len() as u64, "interrupted change");
            say::out(&match open.len() + stages.len() {
                0 => "nothing to recover\n".to_owned(),
                _ => format!("would settle {count}\n"),
            });
            for to in &open {
                say::out(&format!("  would settle: {}\n", shown(to)));
            }
            for stage in &stages {
                say::out(&format!("  would clear: {} ({})\n", stage.path, say::bytes(stage.bytes)));
            }
        }
        return Ok(Exit::Done);
    }
    let stages = if discard_stages { Stages::Discard } else { Stages::Wait };
    let mut settled = if accept_journal { crate::recover::accept_loss(&mirror, &now)? } else { Vec::new() };
    settled.extend(crate::recover::recover(&mirror, stages, &now)?);
    // As long as one of these is open, aliases and what their carried commands wrote may differ.
    let of_stage = |open: &Event| matches!(open.what, EventKind::Promoted | EventKind::Demoted);
    let is_open =
        settled.iter().any(|one| one.what == SettledAs::Left) && mirror.unsettled()?.iter().any(of_stage);
    let exit = if is_open { Exit::Failed } else { Exit::Done };
    if setting.json {
        say::json(&Sorted(RecoverAnswer { recover: Version, settled: &settled }));
        return Ok(exit);
    }
    for one in &settled {
        let what = format!("{:?}", one.what).to_lowercase();
        say::out(&format!("  {what}: {}\n", shown(&one.to)));
    }
    if settled.is_empty() {
        say::out("nothing to recover\n");
    }
    Ok(exit)
}

fn aliases(setting: &Context, mirror: &Mirror) -> Outcome {
    let census = looked_to_show(mirror)?.0.census;
    let symlinks = mirror.store().abilities().symlinks;
    let materialized = if symlinks { Vec::new() } else { mirror.materialized()? };
    if setting.json {
        let (at, list) = (census.at, &census.aliases);
        say::json(&Sorted(AliasesAnswer { aliases: Version, at, list, materialized: &materialized }));
        return Ok(());
    }
    for alias in &census.aliases {
        let leads = match (&alias.target, &alias.problem) {
            (Some(target), _) => target.to_string(),
            (None, problem) => format!("nowhere: {}", problem.as_deref().unwrap_or("not known why")),
        };
        let copy = if materialized.contains(&alias.path) { " (and a copy below)" } else { "" };
        say::out(&format!("{} -> {}{copy}\n", alias.path, shown(&leads)));
    }
    Ok(())
}
