//! The JSON schema of each answer, generated from the serialized types.

use super::{
    adopt, branch, changes, check, complete, copy, deliver, diff, due, export, gate, images, journal, judged,
    list, look, make, man, metrics, pipeline, plan, policy, policy_diff, promotion, prune, publish, pull,
    release, retire, say, site, sync, verify, withdraw,
};
use crate::census::Census;
use crate::decide::Plan;
use crate::decide::events::{
    AliasGeneration, AliasMoved, AliasRemoved, BuildAdopted, BuildConfirmed, BuildHeld, BuildLabelled,
    BuildPlain, BuildPruned, BuildPublished, BuildSwept, BuildTrimmed, Envelope, ImagesPinned,
    ImagesUntagged, JournalRecovered, MirrorConfigured, MirrorData, ReleaseApplied, RunEnded, RunRequested,
    RunStarted, StageMoved, StageWaiver, StreamBranched, StreamRetirement, StreamUnretired, type_of,
};
use crate::decide::{pipeline as stages, policy as rules};
use crate::ops::deliver::DeliverStatus;
use crate::ops::readers::ReadersReport;
use crate::ops::site::{SiteIndex, StreamIndex};
use crate::ops::status::Status;
use crate::ops::sync::Freshness;
use crate::record::EventKind;
use schemars::generate::SchemaSettings;
use schemars::transform::{Transform, transform_subschemas};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Value, json};

/// The JSON schema of an answer, or of a type of event.
#[derive(Debug, Clone)]
pub struct AnswerSchema {
    /// The command without its arguments, such as `alias set` or `check --list`; `error` for the last line of standard error
    /// of a command that failed; `event` and the type for events.
    pub command: &'static str,
    /// The schema.
    pub schema: Value,
}

impl AnswerSchema {
    /// Returns the name of its file in `docs/schemas`, such as `alias-set.json`.
    pub fn file(&self) -> String {
        format!("{}.json", self.command.replace("--", "").replace(' ', "-"))
    }
}

type PolicyTest = judged::PolicyTest<'static, rules::Surprise>;
type PipelineTest = judged::PipelineTest<'static, stages::Surprise>;

/// Returns the schema of every answer.
pub fn schemas() -> Vec<AnswerSchema> {
    vec![
        plain::<make::InitAnswer<'_>>("init"),
        moving::<publish::PublishAnswer<'_>>("publish"),
        moving::<copy::CopyAnswer<'_>>("copy"),
        moving::<branch::BranchAnswer<'_>>("branch"),
        moving::<pull::PullAnswer<'_>>("pull"),
        plain::<Status>("status"),
        plain::<site::SiteAnswer<'_>>("site"),
        plain::<metrics::MetricsAnswer<'_>>("metrics"),
        plain::<journal::LogAnswer<'_>>("log"),
        plain::<Envelope<Value>>("events"),
        plain::<deliver::DeliverAnswer<'_>>("deliver"),
        plain::<deliver::DeliverTrial<'_>>("deliver --dry-run"),
        plain::<DeliverStatus>("deliver status"),
        plain::<deliver::AskAnswer<'_>>("deliver replay"),
        plain::<deliver::AskAnswer<'_>>("deliver park"),
        plain::<deliver::AskAnswer<'_>>("deliver unpark"),
        plain::<judged::DeliverLint<'_>>("deliver lint"),
        plain::<sync::SyncAnswer<'_>>("sync"),
        plain::<judged::TargetsLint<'_>>("sync lint"),
        plain::<Freshness>("freshness"),
        plain::<release::ReleaseCheckAnswer<'_>>("release check"),
        moving::<release::ReleaseApplyAnswer<'_>>("release apply"),
        plain::<release::ShowTagAnswer<'_>>("release show-tag"),
        plain::<due::DueAnswer<'_>>("due"),
        plain::<due::DueRequestAnswer<'_>>("due --request"),
        plain::<due::DueRequestAnswer<'_>>("due --unrequest"),
        plain::<list::ListAnswer<'_>>("list"),
        plain::<list::ArchiveAnswer<'_>>("list --archive"),
        plain::<list::TrashAnswer<'_>>("trash list"),
        plain::<look::ShowAnswer<'_>>("show"),
        plain::<diff::DiffAnswer<'_>>("diff"),
        plain::<images::ImageListsAnswer<'_>>("images list"),
        plain::<images::ImagePlaceAnswer<'_>>("images place"),
        plain::<images::ImagePinsAnswer<'_>>("images pins"),
        plain::<images::ImagePruneAnswer<'_>>("images prune"),
        plain::<Census>("census"),
        moving::<make::LabelAnswer<'_>>("label"),
        plain::<make::AliasesAnswer<'_>>("alias list"),
        moving::<make::AliasAnswer<'_>>("alias set"),
        moving::<make::AliasAnswer<'_>>("alias remove"),
        moving::<make::MaterializeAnswer<'_>>("alias materialize"),
        moving::<make::DematerializeAnswer<'_>>("alias dematerialize"),
        plain::<look::ResolveAnswer<'_>>("resolve"),
        plain::<Plan>("plan"),
        plain::<plan::ExplainAnswer<'_>>("explain"),
        moving::<prune::PruneAnswer<'_>>("prune"),
        plain::<prune::Trial<'_>>("prune --dry-run"),
        moving::<withdraw::WithdrawAnswer<'_>>("withdraw"),
        moving::<retire::RetireAnswer<'_>>("retire"),
        moving::<prune::RestoreAnswer<'_>>("restore"),
        moving::<prune::SweepAnswer<'_>>("sweep"),
        plain::<list::HoldsAnswer<'_>>("hold list"),
        moving::<prune::HoldAnswer<'_>>("hold"),
        moving::<prune::HoldAnswer<'_>>("unhold"),
        moving::<promotion::PromoteAnswer<'_>>("promote"),
        moving::<promotion::DemoteAnswer<'_>>("demote"),
        moving::<promotion::BundleAnswer<'_>>("bundle"),
        plain::<promotion::StagesAnswer<'_>>("stages"),
        moving::<promotion::VoteAnswer<'_>>("vote"),
        moving::<gate::GateAnswer<'_>>("gate"),
        moving::<promotion::WaiveAnswer<'_>>("waive"),
        moving::<promotion::UnwaiveAnswer<'_>>("unwaive"),
        moving::<promotion::RejectAnswer<'_>>("reject"),
        moving::<promotion::UnrejectAnswer<'_>>("unreject"),
        plain::<promotion::HistoryAnswer<'_>>("history"),
        plain::<pipeline::PipelinesAnswer<'_>>("pipeline list"),
        plain::<pipeline::PipelineAnswer<'_>>("pipeline show"),
        plain::<judged::PipelineLint<'_>>("pipeline lint"),
        plain::<PipelineTest>("pipeline test"),
        plain::<pipeline::PipelineSetAnswer<'_>>("pipeline set"),
        plain::<policy::PoliciesAnswer<'_>>("policy list"),
        plain::<policy::PolicyAnswer<'_>>("policy show"),
        plain::<judged::PolicyLint<'_>>("policy lint"),
        plain::<PolicyTest>("policy test"),
        plain::<policy::SimulateAnswer<'_>>("policy simulate"),
        plain::<policy_diff::DiffAnswer>("policy diff"),
        plain::<policy::PolicySetAnswer<'_>>("policy set"),
        plain::<export::RedirectsAnswer<'_>>("export redirects"),
        plain::<export::CacheRulesAnswer<'_>>("export cache-rules"),
        plain::<export::ReadersAnswer<'_>>("export readers"),
        plain::<changes::ChangesAnswer<'_>>("export changes"),
        plain::<export::RulesAnswer<'_>>("export readers --for"),
        plain::<look::LayoutsAnswer<'_>>("layout list"),
        plain::<look::LayoutAnswer<'_>>("layout show"),
        plain::<look::PathAnswer<'_>>("layout path"),
        plain::<look::PlaceAnswer<'_>>("layout place"),
        plain::<look::LayoutSetAnswer<'_>>("layout set"),
        plain::<check::CheckAnswer<'_>>("check"),
        plain::<check::CodesAnswer>("check --list"),
        plain::<verify::VerifyAnswer<'_>>("verify"),
        moving::<adopt::AdoptAnswer<'_>>("adopt"),
        moving::<make::RecoverAnswer<'_>>("recover"),
        plain::<make::RecoverTrial<'_>>("recover --dry-run"),
        plain::<man::ManAnswer>("man"),
        plain::<man::PagesAnswer>("man --out"),
        plain::<complete::CompletionsAnswer>("completions"),
        plain::<say::ErrorAnswer>("error"),
    ]
}

/// Returns the schema of each type of event, by its short name.
pub fn event_schemas() -> Vec<AnswerSchema> {
    vec![
        event::<MirrorData>(EventKind::Initialised, "event mirror.initialised.v1"),
        event::<MirrorConfigured>(EventKind::Configured, "event mirror.configured.v1"),
        event::<BuildPublished>(EventKind::Published, "event build.published.v1"),
        event::<BuildConfirmed>(EventKind::Confirmed, "event build.confirmed.v1"),
        event::<BuildAdopted>(EventKind::Adopted, "event build.adopted.v1"),
        event::<BuildLabelled>(EventKind::Labelled, "event build.labelled.v1"),
        event::<BuildHeld>(EventKind::Held, "event build.held.v1"),
        event::<BuildHeld>(EventKind::Unheld, "event build.unheld.v1"),
        event::<BuildPruned>(EventKind::Pruned, "event build.pruned.v1"),
        event::<BuildTrimmed>(EventKind::Trimmed, "event build.trimmed.v1"),
        event::<BuildPlain>(EventKind::Restored, "event build.restored.v1"),
        event::<BuildSwept>(EventKind::Swept, "event build.swept.v1"),
        event::<BuildPlain>(EventKind::Lost, "event build.lost.v1"),
        event::<AliasMoved>(EventKind::Aliased, "event alias.moved.v1"),
        event::<AliasRemoved>(EventKind::Unaliased, "event alias.removed.v1"),
        event::<AliasGeneration>(EventKind::Materialized, "event alias.materialized.v1"),
        event::<StageMoved>(EventKind::Promoted, "event stage.promoted.v1"),
        event::<StageMoved>(EventKind::Demoted, "event stage.demoted.v1"),
        event::<StageWaiver>(EventKind::Waived, "event stage.waived.v1"),
        event::<StageWaiver>(EventKind::Unwaived, "event stage.unwaived.v1"),
        event::<ImagesPinned>(EventKind::Pinned, "event images.pinned.v1"),
        event::<ImagesUntagged>(EventKind::Untagged, "event images.untagged.v1"),
        event::<RunRequested>(EventKind::Requested, "event run.requested.v1"),
        event::<RunRequested>(EventKind::Unrequested, "event run.unrequested.v1"),
        event::<RunStarted>(EventKind::Started, "event run.started.v1"),
        event::<RunEnded>(EventKind::Ended, "event run.ended.v1"),
        event::<ReleaseApplied>(EventKind::Released, "event release.applied.v1"),
        event::<StreamBranched>(EventKind::Branched, "event stream.branched.v1"),
        event::<StreamRetirement>(EventKind::Retiring, "event stream.retiring.v1"),
        event::<StreamRetirement>(EventKind::Retired, "event stream.retired.v1"),
        event::<StreamUnretired>(EventKind::Unretired, "event stream.unretired.v1"),
        event::<JournalRecovered>(EventKind::Recovered, "event journal.recovered.v1"),
    ]
}

/// Returns the schema of each JSON file of a site.
pub fn site_schemas() -> Vec<AnswerSchema> {
    vec![plain::<SiteIndex>("site index"), plain::<StreamIndex>("site stream index")]
}

/// Returns the schema of events of one type.
fn event<T: JsonSchema>(kind: EventKind, command: &'static str) -> AnswerSchema {
    let mut made = schema::<Envelope<T>>(command, &mut generator());
    if let Some(of_type) = made.schema.pointer_mut("/properties/type").and_then(Value::as_object_mut) {
        of_type.insert("const".to_owned(), json!(type_of(kind)));
    }
    made
}

/// Returns the schema of an answer that is written unchanged.
fn plain<T: JsonSchema>(command: &'static str) -> AnswerSchema {
    schema::<T>(command, &mut generator())
}

/// Returns the schema of an answer to which [`say::go_on`] adds what was done for readers of aliases.
fn moving<T: JsonSchema>(command: &'static str) -> AnswerSchema {
    let mut generator = generator();
    let mut readers = generator.subschema_for::<ReadersReport>();
    let about = "What was written for readers of aliases; absent unless mirror.yaml has `readers`.";
    readers.insert("description".to_owned(), json!(about));
    let mut made = schema::<T>(command, &mut generator);
    if let Some(properties) = made.schema.get_mut("properties").and_then(Value::as_object_mut) {
        properties.insert("readers".to_owned(), readers.to_value());
    }
    made
}

fn schema<T: JsonSchema>(command: &'static str, generator: &mut SchemaGenerator) -> AnswerSchema {
    let mut schema = generator.root_schema_for::<T>();
    let title = if command == "error" { "mirrorkeep".to_owned() } else { format!("mirrorkeep {command}") };
    schema.insert("title".to_owned(), json!(title));
    AnswerSchema { command, schema: schema.to_value() }
}

/// Returns a generator of schemas of output, which may have more fields in a later version.
fn generator() -> SchemaGenerator {
    SchemaSettings::draft2020_12().for_serialize().with_transform(Open).into_generator()
}

/// Makes a schema for output, which accepts fields that it does not name.
#[derive(Debug, Clone)]
struct Open;

impl Transform for Open {
    fn transform(&mut self, schema: &mut Schema) {
        for key in ["additionalProperties", "unevaluatedProperties"] {
            if schema.get(key) == Some(&Value::Bool(false)) {
                schema.remove(key);
            }
        }
        // The default for an absent field; output always has the field.
        schema.remove("default");
        transform_subschemas(self, schema);
    }
}
