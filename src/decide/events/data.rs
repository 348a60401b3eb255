//! The data of each type of event: what is written, field by field.
//!
//! A field is never removed and never changes its meaning; later versions only add some. What a line of an earlier version
//! does not state is `null`, or an empty list.

use super::about::{About, build_at};
use crate::layout::Layout;
use crate::model::registry::Image;
use crate::model::{BuildId, Digest, Outcome, RelPath, Stamp, Stream};
use crate::record::{Details, Event, EventKind, Promotion};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// What every event has.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Common {
    /// Its number in the journal.
    pub seq: u64,
    /// The user and host that did it.
    pub by: String,
}

/// What every event about a build has.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct OfBuild {
    /// The id of the build.
    pub build: String,
    /// Its stream.
    pub stream: Option<Stream>,
    /// Its path in the mirror.
    pub path: Option<RelPath>,
}

/// Makes the data of a type: the common fields, and its own.
macro_rules! data {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $kind:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
        pub struct $name {
            /// What every event has.
            #[serde(flatten)]
            pub common: Common,
            $($(#[$field_doc])* pub $field: $kind,)*
        }
    )*};
}

data! {
    /// The mirror as a whole.
    MirrorData {}

    /// A build became visible.
    BuildPublished {
        /// The build.
        #[serde(flatten)]
        of: OfBuild,
        /// How it went.
        result: Option<Outcome>,
        /// When it was made.
        created: Option<Stamp>,
        /// How many files it has.
        files: Option<u64>,
        /// How many bytes they have.
        bytes: Option<u64>,
    }

    /// A build that other tools made was taken over, or its record was made again.
    BuildAdopted {
        /// The build.
        #[serde(flatten)]
        of: OfBuild,
        /// How it went.
        result: Option<Outcome>,
        /// When it was made.
        created: Option<Stamp>,
        /// How many files it has.
        files: Option<u64>,
        /// How many bytes they have.
        bytes: Option<u64>,
    }

    /// Labels of a build were set, or removed.
    BuildLabelled {
        /// The build.
        #[serde(flatten)]
        of: OfBuild,
        /// The new value of each label that changed; `null` for one that was removed.
        labels: BTreeMap<String, Option<String>>,
    }

    /// A build was protected from pruning, or holds on it were removed.
    BuildHeld {
        /// The build.
        #[serde(flatten)]
        of: OfBuild,
        /// All its holds afterwards.
        holds: Vec<HoldData>,
    }

    /// A build went to the trash.
    BuildPruned {
        /// The build.
        #[serde(flatten)]
        of: OfBuild,
        /// The last instant at which it can be restored.
        until: Option<Stamp>,
        /// The digest of the plan that deletes it; `null` where a person withdrew it.
        plan: Option<Digest>,
        /// Why a person withdrew it.
        why: Option<String>,
    }

    /// Parts of a build were removed.
    BuildTrimmed {
        /// The build.
        #[serde(flatten)]
        of: OfBuild,
        /// The names of the parts.
        parts: Vec<String>,
        /// How many files stay.
        files: Option<u64>,
        /// How many bytes they have.
        bytes: Option<u64>,
        /// The last instant at which they can be restored.
        until: Option<Stamp>,
    }

    /// A build was deleted from the trash.
    BuildSwept {
        /// The build.
        #[serde(flatten)]
        of: OfBuild,
        /// Why a person deleted it by `withdraw --purge`.
        why: Option<String>,
    }

    /// A build was restored from the trash, or was found to be gone.
    BuildPlain {
        /// The build.
        #[serde(flatten)]
        of: OfBuild,
    }

    /// An alias points at something else.
    AliasMoved {
        /// The path of the alias.
        alias: String,
        /// The stream whose builds it names.
        stream: Option<Stream>,
        /// The path at which it pointed before; `null` if it was not there.
        from: Option<RelPath>,
        /// The path at which it points now.
        to: Option<RelPath>,
        /// The build at that path.
        build: Option<BuildId>,
        /// Whether another program moved it, which mirrorkeep found.
        by_hand: bool,
        /// Why a person accepted that.
        why: Option<String>,
    }

    /// An alias was removed.
    AliasRemoved {
        /// The path of the alias.
        alias: String,
        /// The stream whose builds it named.
        stream: Option<Stream>,
        /// The path at which it pointed before.
        from: Option<RelPath>,
        /// Whether another program removed it, which mirrorkeep found.
        by_hand: bool,
        /// Why a person accepted that.
        why: Option<String>,
    }

    /// Another copy of a build below an alias of an object store counts.
    AliasGeneration {
        /// The path of the alias.
        alias: String,
        /// The stream whose builds it names.
        stream: Option<Stream>,
        /// The name of the generation that counted before.
        from: Option<String>,
        /// The name of the one that counts now; `null` if there is none.
        generation: Option<String>,
    }

    /// A stage moved to a build, or back to an earlier one.
    StageMoved {
        /// The path of the alias of the stage.
        alias: String,
        /// The move.
        #[serde(flatten)]
        moved: StageMove,
        /// What required jobs had voted on the build.
        votes: BTreeMap<String, String>,
        /// The jobs whose vote was waived.
        waived: Vec<String>,
        /// What the build lacked, where a person promoted it all the same.
        lacked: Vec<String>,
        /// Why a person did it.
        why: Option<String>,
        /// The digest of the pipeline.
        pipeline: Option<Digest>,
        /// For a bundle, the moves of its members, which come before its own.
        members: Vec<StageMove>,
    }

    /// A stage may be reached without the vote of a job, or not any more.
    StageWaiver {
        /// The stage.
        stage: Option<String>,
        /// The job.
        job: Option<String>,
        /// The build for which alone that is so.
        build: Option<BuildId>,
        /// Until when.
        until: Option<Stamp>,
        /// Why.
        why: Option<String>,
    }

    /// Images were pinned, or their pins removed.
    ImagesPinned {
        /// The name of the file of pins.
        name: String,
        /// The images; none if the pins were removed.
        pins: Vec<String>,
    }

    /// Images of builds that are gone were deleted from a registry.
    ImagesUntagged {
        /// The repository.
        repository: String,
        /// The tags that were deleted, by the digest of their image.
        digests: BTreeMap<String, Vec<String>>,
    }

    /// Events of the journal are lost, and a person accepted that.
    JournalRecovered {
        /// Each run of lost events by its first and last number.
        missing: Vec<(u64, u64)>,
    }
}

/// A hold on a build.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct HoldData {
    /// Who placed it.
    pub who: String,
    /// Why.
    pub why: String,
    /// The last instant at which it counts; `null` until it is removed.
    pub until: Option<Stamp>,
}

/// The move of one stage in one stream.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct StageMove {
    /// The name of the stage.
    pub stage: Option<String>,
    /// The stream.
    pub stream: Option<Stream>,
    /// The build that has it now; `null` if none has.
    pub build: Option<BuildId>,
    /// The build that had it before.
    pub before: Option<BuildId>,
    /// Every alias that moved, that of the stage last.
    pub moves: Vec<AliasMove>,
    /// Every tag of a container image that moved.
    pub tags: Vec<TagMove>,
}

/// The move of one alias.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct AliasMove {
    /// The path of the alias.
    pub alias: RelPath,
    /// The path at which it pointed before; `null` if it was not there.
    pub from: Option<RelPath>,
    /// The path at which it points now; `null` if it was removed.
    pub to: Option<RelPath>,
}

/// The move of one tag.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct TagMove {
    /// The image with its tag.
    pub image: Image,
    /// The digest that the tag had before; `null` if it was not there.
    pub from: Option<Digest>,
    /// The digest that it has now.
    pub to: Option<Digest>,
}

/// The data of an event.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
#[expect(missing_docs, reason = "each is the type of its name")]
pub enum EventData {
    Mirror(MirrorData),
    Published(BuildPublished),
    Adopted(BuildAdopted),
    Labelled(BuildLabelled),
    Held(BuildHeld),
    Pruned(BuildPruned),
    Trimmed(BuildTrimmed),
    Swept(BuildSwept),
    Plain(BuildPlain),
    Moved(AliasMoved),
    Removed(AliasRemoved),
    Generation(AliasGeneration),
    Stage(Box<StageMoved>),
    Waiver(StageWaiver),
    Pinned(ImagesPinned),
    Untagged(ImagesUntagged),
    Recovered(JournalRecovered),
}

impl EventData {
    /// Returns the data of an event.
    pub(super) fn of(event: &Event, stated: Details, about: &About, layout: &Layout) -> Self {
        let common = Common { seq: event.seq, by: event.person().to_owned() };
        let of =
            || OfBuild { build: event.to.clone(), stream: about.stream.clone(), path: about.path.clone() };
        let (alias, stream) = (event.to.clone(), about.stream.clone());
        let Details { result, created, files, bytes, from, to, why, until, .. } = stated;
        let by_hand = stated.by_hand.unwrap_or_default();
        match event.what {
            EventKind::Initialised => Self::Mirror(MirrorData { common }),
            EventKind::Published => {
                Self::Published(BuildPublished { common, of: of(), result, created, files, bytes })
            }
            EventKind::Adopted => {
                Self::Adopted(BuildAdopted { common, of: of(), result, created, files, bytes })
            }
            EventKind::Labelled => {
                let labels = about.labels.clone().unwrap_or_default();
                Self::Labelled(BuildLabelled { common, of: of(), labels })
            }
            EventKind::Held | EventKind::Unheld => {
                let holds = stated.holds.unwrap_or_default().into_iter();
                let holds = holds.map(|hold| HoldData { who: hold.who, why: hold.why, until: hold.until });
                Self::Held(BuildHeld { common, of: of(), holds: holds.collect() })
            }
            EventKind::Pruned => {
                let plan = stated.plan;
                Self::Pruned(BuildPruned { common, of: of(), until, plan, why })
            }
            EventKind::Trimmed => {
                let parts = stated.parts.unwrap_or_default();
                Self::Trimmed(BuildTrimmed { common, of: of(), parts, files, bytes, until })
            }
            EventKind::Swept => Self::Swept(BuildSwept { common, of: of(), why }),
            EventKind::Restored | EventKind::Lost => Self::Plain(BuildPlain { common, of: of() }),
            EventKind::Aliased => {
                let build = to.as_ref().and_then(|to| build_at(to, layout));
                Self::Moved(AliasMoved { common, alias, stream, from, to, build, by_hand, why })
            }
            EventKind::Unaliased => Self::Removed(AliasRemoved { common, alias, stream, from, by_hand, why }),
            EventKind::Materialized => {
                // Here they are names, not paths.
                let from = event.details.get("from").and_then(|from| from.as_str()).map(str::to_owned);
                let generation = stated.generation;
                Self::Generation(AliasGeneration { common, alias, stream, from, generation })
            }
            EventKind::Promoted | EventKind::Demoted => {
                Self::Stage(Box::new(stage_moved(common, alias, stated.promotion)))
            }
            EventKind::Waived | EventKind::Unwaived => {
                let waiver = stated.waiver.map(|one| (one.name, one.job, one.build, one.until, one.why));
                let (stage, job, build, until, why) = waiver
                    .map_or((None, None, None, None, None), |(stage, job, build, until, why)| {
                        (Some(stage), Some(job), build, until, why)
                    });
                Self::Waiver(StageWaiver { common, stage, job, build, until, why })
            }
            EventKind::Pinned => {
                let pins = stated.pins.unwrap_or_default().iter().map(ToString::to_string).collect();
                Self::Pinned(ImagesPinned { common, name: event.to.clone(), pins })
            }
            EventKind::Untagged => {
                let digests = stated.digests.unwrap_or_default().into_iter();
                let digests = digests.map(|(digest, tags)| (digest.to_string(), tags)).collect();
                Self::Untagged(ImagesUntagged { common, repository: event.to.clone(), digests })
            }
            EventKind::Recovered => {
                Self::Recovered(JournalRecovered { common, missing: stated.missing.unwrap_or_default() })
            }
        }
    }
}

fn stage_moved(common: Common, alias: String, promotion: Option<Promotion>) -> StageMoved {
    let Some(promotion) = promotion else {
        return StageMoved {
            common,
            alias,
            moved: StageMove::default(),
            votes: BTreeMap::new(),
            waived: Vec::new(),
            lacked: Vec::new(),
            why: None,
            pipeline: None,
            members: Vec::new(),
        };
    };
    StageMoved {
        common,
        alias,
        moved: moved(&promotion),
        members: promotion.members.iter().map(moved).collect(),
        votes: promotion.votes,
        waived: promotion.waived,
        lacked: promotion.lacked,
        why: promotion.why,
        pipeline: Some(promotion.pipeline),
    }
}

/// Returns the move of a stage without what the receivers have no use for, such as carried commands.
fn moved(promotion: &Promotion) -> StageMove {
    let moves = promotion.moves.iter().map(|one| AliasMove {
        alias: one.alias.clone(),
        from: one.from.clone(),
        to: one.to.clone(),
    });
    let tags =
        promotion.tags.iter().map(|one| TagMove { image: one.image.clone(), from: one.from, to: one.to });
    StageMove {
        stage: Some(promotion.name.clone()),
        stream: Some(promotion.stream.clone()),
        build: promotion.build.clone(),
        before: promotion.before.clone(),
        moves: moves.collect(),
        tags: tags.collect(),
    }
}
