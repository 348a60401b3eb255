//! Making a mirror and opening one.

use super::bucket::Bucket;
use super::directory::Directory;
use super::handle::ReadProtocol;
use super::journal::mirror_id;
use super::settings::{Chosen, InForce, is_file, read_text, text_of};
use super::statements::Statements;
use super::{CheckConfig, Commands, FORMAT, Mirror, MirrorConfig, MirrorError, Warnings};
use crate::census::BuildCensus;
use crate::layout::{AliasRule, Condition, Declared, Layout, NameByHand, Place};
use crate::model::{Document, Label, Outcome, RelPath, Stream, by_place};
use crate::store::{Abilities, Put, Store, StoreError, StoreErrorKind};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tracing::info;

/// The settings of a new mirror.
#[derive(Debug, Clone)]
pub struct Setup {
    /// A shipped layout's name, or the text of a layout file with the file's name.
    pub layout: Chosen,
    /// The same for the policy; without one nothing is ever pruned.
    pub policy: Option<Chosen>,
    /// The same for the pipeline; without one nothing is promoted.
    pub pipeline: Option<Chosen>,
    /// What identifies the mirror, such as a UUID.
    pub id: String,
}

/// The rules by which the aliases of a stream follow its builds.
pub type AliasRules = Vec<AliasRule>;

impl Mirror {
    /// Opens the mirror in a store; `who` is the actor in the journal, and `wait` is how long to wait for the lock.
    pub fn open(store: Arc<dyn Store>, who: &str, wait: Duration) -> Result<Self, MirrorError> {
        let config = read_config(&*store)?;
        let name = config.layout.clone();
        let text = text_of(&*store, InForce::Layout, &name, Layout::shipped)?;
        let layout = Layout::load(&text, &name).map_err(MirrorError::Layout)?;
        let declared =
            config.declared.iter().map(|pattern| Declared::parse(pattern)).collect::<Result<_, _>>();
        // Every pattern was checked when the settings were read.
        let layout = layout.leaving_alone(declared.unwrap_or_default());
        let by_hand = config.aliases.iter().filter(|alias| alias.by_hand).map(|alias| NameByHand {
            name: alias.name.clone(),
            streams: alias.streams.as_deref().and_then(|text| glob::Pattern::new(text).ok()),
        });
        let layout = layout.knowing(by_hand.collect());
        let readers = config.readers.iter().map(|readers| (&readers.path, "readers"));
        let site = config.site.iter().map(|site| (&site.path, "site"));
        let changes = config.changes.iter().map(|changes| (&changes.path, "changes"));
        let reserved = readers.chain(site).chain(changes);
        let layout = reserved.fold(layout, |layout, (dir, key)| layout.reserving(dir.clone(), key));
        info!("opened the mirror `{}` with the layout `{name}`", store.shown());
        let protocol: &'static dyn ReadProtocol =
            if store.abilities().moves_trees { &Directory } else { &Bucket };
        // As for the settings of readers: those of a bucket must not run commands by themselves.
        let commands = if store.abilities().symlinks { Commands::Run } else { Commands::Refuse };
        Ok(Self {
            store,
            commands,
            protocol,
            config,
            layout,
            who: who.to_owned(),
            wait,
            warnings: Warnings::default(),
            statements: Statements::default(),
        })
    }

    /// Makes a mirror in a store; existing files stay as they are and can be adopted.
    pub fn init(
        store: Arc<dyn Store>,
        setup: &Setup,
        who: &str,
        wait: Duration,
    ) -> Result<Self, MirrorError> {
        let at = RelPath::state("mirror.yaml");
        Self::may_init(&*store)?;
        // Decides between two processes that make one at the same time, before either writes a file that the other's
        // settings name.
        let lock = store.lock(&RelPath::state("lock"), who, wait);
        let _lock = lock.map_err(|error| match error.kind() {
            StoreErrorKind::Busy => MirrorError::Busy(error),
            _ => MirrorError::Store(error),
        })?;
        if store.look(&at)?.is_some() {
            return Err(MirrorError::Already(store.shown()));
        }
        let place = |chosen: &Chosen, which: InForce| -> Result<String, StoreError> {
            match chosen {
                Chosen::Shipped(name) => Ok(name.clone()),
                Chosen::File(text) => {
                    let file = which.file();
                    store.put(&RelPath::state(&file), text.as_bytes(), Put::Replace)?;
                    Ok(file)
                }
            }
        };
        let layout = place(&setup.layout, InForce::Layout)?;
        let policy = setup.policy.as_ref().map(|policy| place(policy, InForce::Policy)).transpose()?;
        let pipeline = setup.pipeline.as_ref().map(|file| place(file, InForce::Pipeline)).transpose()?;
        if let Some(policy) = &setup.policy {
            super::last_run::keep_first_policy(&*store, policy)?;
        }
        for dir in ["builds", "holds", "journal", "stage", "tmp", "trash"] {
            store.make_dir(&RelPath::state(dir))?;
        }
        let config = MirrorConfig {
            format: FORMAT,
            id: setup.id.clone(),
            layout,
            policy,
            pipeline,
            aliases: Vec::new(),
            legacy: std::collections::BTreeMap::new(),
            declared: Vec::new(),
            check: CheckConfig::default(),
            readers: None,
            site: None,
            changes: None,
            abilities: Some(store.abilities()).filter(|abilities| !abilities.moves_trees),
        };
        // Settings are plain data that YAML can represent.
        let text = serde_yaml::to_string(&config).unwrap_or_default();
        match store.put(&at, text.as_bytes(), Put::Create) {
            Err(error) if error.kind() == StoreErrorKind::AlreadyExists => {
                Err(MirrorError::Already(store.shown()))
            }
            done => done.map_err(MirrorError::from).and_then(|()| Self::open(Arc::clone(&store), who, wait)),
        }
    }

    /// Fails if a mirror cannot be made in a store: one exists already, or parts of an own area.
    pub fn may_init(store: &dyn Store) -> Result<(), MirrorError> {
        if store.look(&RelPath::state("mirror.yaml"))?.is_some() {
            return Err(MirrorError::Already(store.shown()));
        }
        lost(store)?.map_or(Ok(()), Err)
    }

    /// Returns the abilities of a store that were recorded when a mirror was made there.
    pub fn abilities(store: &dyn Store) -> Result<Option<Abilities>, MirrorError> {
        Ok(read_config(store)?.abilities)
    }

    /// Returns the store.
    pub fn store(&self) -> &dyn Store {
        &*self.store
    }

    /// Returns the store for use beyond the life of this value.
    pub fn shared_store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store)
    }

    /// Returns the contents of `mirror.yaml`.
    pub fn config(&self) -> &MirrorConfig {
        &self.config
    }

    /// Returns an error for entries of `mirror.yaml` that cannot be used, each by its path in the file.
    pub fn unfit_settings(&self, wrong: Vec<(String, String)>) -> Result<MirrorError, MirrorError> {
        let document = Document::parse(&read_text(self.store(), "mirror.yaml")?, "mirror.yaml");
        let document = document.map_err(MirrorError::Config)?;
        let problem = |(path, why): (String, String)| document.problem(&path, why);
        Ok(MirrorError::Config(wrong.into_iter().map(problem).collect()))
    }

    /// Returns the grammar of its paths.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Returns the actor, as the journal names it.
    pub fn who(&self) -> &str {
        &self.who
    }

    /// Returns how long to wait for a lock.
    pub fn wait(&self) -> Duration {
        self.wait
    }

    /// Collects the warnings of this value and its clones in `warnings`.
    #[must_use]
    pub fn warning_in(mut self, warnings: &Warnings) -> Self {
        self.warnings = warnings.clone();
        self
    }

    /// Returns the known statements of the journal about the trash.
    pub(super) fn statements(&self) -> &Statements {
        &self.statements
    }

    /// Returns where warnings are collected.
    pub fn warnings(&self) -> &Warnings {
        &self.warnings
    }

    /// Returns the rules of the aliases that are kept in a stream with these builds: the layout's and the mirror's own.
    pub fn alias_rules(&self, stream: &Stream, builds: &[BuildCensus]) -> AliasRules {
        let said = builds.iter().flat_map(|build| &build.labels);
        self.alias_rules_for(
            stream,
            &said.filter_map(|(key, label)| Label::read(key, &label.value).ok()).collect(),
        )
    }

    /// Returns the same for builds with these labels.
    pub(crate) fn alias_rules_for(&self, stream: &Stream, said: &BTreeSet<Label>) -> AliasRules {
        let ruled = self.layout.aliases_of(stream, said).unwrap_or_default();
        ruled.into_iter().chain(self.own_alias_rules(stream)).collect()
    }

    /// Returns why a name beside the builds of a stream is unknown to the layout and the settings, with the nearest
    /// one.
    pub fn unknown_name(&self, alias: &RelPath) -> Option<String> {
        let Place::Stream { stream } = self.layout.place(&alias.parent()?) else { return None };
        let name = alias.name();
        let own: Vec<String> = self.own_alias_rules(&stream).map(|rule| rule.name).collect();
        let known = !matches!(self.layout.place(alias), Place::Stray(_))
            || own.iter().any(|known| known == name)
            || self.config.legacy.contains_key(alias);
        if known {
            return None;
        }
        let nearest = self.layout.nearest_alias(&stream, name, own);
        let nearest = nearest.map(|known| format!(" (nearest: `{known}`)")).unwrap_or_default();
        Some(format!(
            "the layout has no name `{name}` in `{stream}`{nearest}; `mirrorkeep alias remove {alias}` removes it, and \
             `{{name: {name}, by_hand: true}}` in `aliases` of .mirrorkeep/mirror.yaml makes it known"
        ))
    }

    /// Returns why an alias cannot be at a path: the layout expects a stream or a build there, which a link would
    /// prevent.
    pub fn is_taken_by_layout(&self, alias: &RelPath) -> Option<String> {
        let what = match self.layout.place(alias) {
            Place::Above | Place::Stream { .. } => "streams",
            Place::Build { .. } => "a build",
            _ => return None,
        };
        let stream = match self.layout.place(&alias.parent()?) {
            Place::Stream { stream } => Some(stream),
            _ => None,
        };
        let name = alias.name();
        let own =
            |stream: &Stream| self.config.aliases.iter().any(|one| one.name == name && one.is_in(stream));
        if self.config.legacy.contains_key(alias) || stream.as_ref().is_some_and(own) {
            return None;
        }
        let known = stream.map(|stream| {
            let own: Vec<String> = self.own_alias_rules(&stream).map(|rule| rule.name).collect();
            let near = self.layout.nearest_alias(&stream, name, own);
            let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            format!(
                "{near}; `{{name: {name}, by_hand: true}}` in `aliases` of .mirrorkeep/mirror.yaml makes it an alias"
            )
        });
        Some(format!("the layout has a place for {what} there{}", known.unwrap_or_default()))
    }

    /// Returns the rules of the mirror's own aliases in a stream.
    pub fn own_alias_rules(&self, stream: &Stream) -> impl Iterator<Item = AliasRule> {
        let ruled = self.config.aliases.iter().filter(|alias| !alias.by_hand && alias.is_in(stream));
        ruled.map(|alias| AliasRule {
            name: alias.name.clone(),
            when: Condition { results: vec![Outcome::Success], labels: alias.labels.clone() },
            required: alias.required,
        })
    }

    /// Fails if the directory that was opened is not at its path any more.
    pub fn is_at_its_path(&self) -> Result<(), MirrorError> {
        if self.store().is_at_its_path()? { Ok(()) } else { Err(MirrorError::Replaced(self.store.shown())) }
    }

    /// Fails if another mirror is there now than the one that was opened, or if it has another layout, in which the
    /// paths that the command is about to write may be invalid.
    pub(super) fn is_still_there(&self) -> Result<(), MirrorError> {
        self.is_at_its_path()?;
        let found = read_config(self.store())?;
        if found.id != self.config.id {
            return Err(MirrorError::OtherMirror(self.store.shown()));
        }
        let mut same = found.layout == self.config.layout;
        if same && Layout::shipped(&found.layout).is_none() {
            same = read_text(self.store(), &found.layout)? == self.layout.text();
        }
        if same { Ok(()) } else { Err(MirrorError::OtherLayout) }
    }
}

/// Returns what exists of an own area in a store without the file that identifies the mirror, if there is anything.
fn lost(store: &dyn Store) -> Result<Option<MirrorError>, MirrorError> {
    let mut what = Vec::new();
    let kept = [
        ("builds", "the records"),
        ("journal", "the journal"),
        ("trash", "the trash"),
        ("holds", "the holds"),
    ];
    for (dir, name) in kept {
        match store.list(&RelPath::state(dir)) {
            Err(error) if error.is_not_found() => {}
            listing => {
                let listing = listing?;
                if !listing.entries.is_empty() || !listing.odd.is_empty() {
                    what.push(name);
                }
            }
        }
    }
    if what.is_empty() {
        return Ok(None);
    }
    let last = store.read(&RelPath::state("last-run.json"), 64 << 20).ok();
    let last = last.and_then(|bytes| serde_json::from_slice::<serde_json::Value>(&bytes).ok());
    let id = last.and_then(|last| Some(last.get("mirror")?.as_str()?.to_owned()));
    let id = id.or_else(|| mirror_id(store));
    Ok(Some(MirrorError::Lost { place: store.shown(), what, id }))
}

fn read_config(store: &dyn Store) -> Result<MirrorConfig, MirrorError> {
    let text = match read_text(store, "mirror.yaml") {
        Err(error) if error.is_not_found() => {
            let lost = lost(store).ok().flatten();
            return Err(lost.unwrap_or_else(|| MirrorError::NotAMirror(store.shown())));
        }
        text => text?,
    };
    let document = Document::parse(&text, "mirror.yaml").map_err(MirrorError::Config)?;
    // Another format may have other keys, so the number is read before the rest.
    if let Ok(format) = document.read_at::<u32>("format")
        && format != FORMAT
    {
        return Err(MirrorError::Format(format));
    }
    let config: MirrorConfig = document.read().map_err(MirrorError::Config)?;
    let mut problems = Vec::new();
    for which in [InForce::Layout, InForce::Policy, InForce::Pipeline] {
        let name = which.of(&config);
        if let Some(name) =
            name.filter(|name| is_file(name) && name.parse::<crate::model::BuildName>().is_err())
        {
            problems.push(document.problem(
                which.key(),
                format!("`{name}` is not a file beside mirror.yaml; its name alone is accepted"),
            ));
        }
    }
    for (index, pattern) in config.declared.iter().enumerate() {
        if let Err(why) = Declared::parse(pattern) {
            problems.push(document.problem(&format!("declared[{index}]"), why));
        }
    }
    for (index, alias) in config.aliases.iter().enumerate() {
        if alias.name.parse::<crate::model::BuildName>().is_err() {
            let path = format!("aliases[{index}].name");
            problems.push(document.problem(&path, format!("`{}` is not one name without `/`", alias.name)));
        }
        if let Some(Err(error)) = alias.streams.as_deref().map(glob::Pattern::new) {
            problems.push(document.problem(&format!("aliases[{index}].streams"), error.to_string()));
        }
    }
    if let Some(readers) = &config.readers {
        let wrong = readers.problems(store.abilities().symlinks);
        problems.extend(wrong.into_iter().map(|(key, why)| document.problem(&format!("readers.{key}"), why)));
    }
    if let Some(site) = &config.site {
        let wrong = site.problems(config.readers.as_ref());
        problems.extend(wrong.into_iter().map(|(key, why)| document.problem(&format!("site.{key}"), why)));
    }
    if let Some(changes) = &config.changes {
        let readers = config.readers.iter().map(|readers| (&readers.path, "readers"));
        let others: Vec<_> = readers.chain(config.site.iter().map(|site| (&site.path, "site"))).collect();
        let wrong = changes.problems(&others, store.abilities().symlinks);
        problems.extend(wrong.into_iter().map(|(key, why)| document.problem(&format!("changes.{key}"), why)));
    }
    if problems.is_empty() { Ok(config) } else { Err(MirrorError::Config(by_place(problems))) }
}
