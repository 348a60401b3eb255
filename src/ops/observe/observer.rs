//! Observing what only a disk shows: kinds, modes, links and texts, as plain data for a judgement.

use crate::census::Census;
use crate::commit::{mover, pipeline_of};
use crate::decide::check::{Leads, SeenAlias, SeenBuild, SeenDir, SeenEntry, SeenImages, SeenItem, SeenKind};
use crate::layout::Place;
use crate::mirror::{Mirror, Resolved, chain, resolve};
use crate::model::{BuildId, RelPath, SUMS_NAME};
use crate::ops::observe::disk::Disk;
use crate::ops::observe::image_list::image_list;
use crate::record::ForeignList;
use crate::store::{Entry, Kind, Scan, Scanned, StoreError, TreeSnapshot};
use std::collections::{BTreeMap, BTreeSet};

/// More bytes than CONTEXT ever has.
const CONTEXT_LIMIT: u64 = 16 << 20;

/// More bytes than SHA256SUMS ever has.
const LIST_LIMIT: u64 = crate::mirror::MANIFEST_LIMIT;

/// How many names of a stray directory are read.
const HELD: usize = 1000;

/// A mirror that is observed.
pub(crate) struct Observer<'a> {
    pub(crate) mirror: &'a Mirror,
    pub(crate) disk: Option<&'a Disk>,
}

/// What is outside the builds.
#[derive(Debug, Default)]
pub(crate) struct Outside {
    pub(crate) entries: Vec<SeenEntry>,
    pub(crate) odd: Vec<(RelPath, String)>,
    pub(crate) links: Vec<(RelPath, String, Leads)>,
    pub(crate) unread: Vec<(RelPath, String)>,
}

impl Observer<'_> {
    /// Observes everything outside the builds; declared trees are skipped.
    pub(crate) fn outside(&self) -> Result<Outside, StoreError> {
        let mut found = Outside::default();
        if let Some(root) = self.mirror.store().look(&RelPath::root())? {
            found.entries.push(seen(RelPath::root(), SeenKind::Dir, root.mode));
        }
        let mut dirs = vec![RelPath::root()];
        while let Some(dir) = dirs.pop() {
            match self.mirror.store().scan(&dir) {
                Ok(scan) => self.around(&dir, scan, &mut found, &mut dirs),
                Err(error) => found.unread.push((dir, chain(&error))),
            }
        }
        found.entries.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(found)
    }

    /// Observes one directory outside the builds.
    fn around(&self, dir: &RelPath, scan: Scan, found: &mut Outside, dirs: &mut Vec<RelPath>) {
        found.odd.extend(scan.odd.into_iter().map(|odd| (dir.clone(), odd)));
        for (name, error) in scan.unread {
            found.unread.push((dir.child(&name).unwrap_or_default(), chain(&error)));
        }
        for Scanned { name, entry } in scan.entries {
            let Ok(path) = dir.child(&name) else { continue };
            let place = self.mirror.layout().place(&path);
            if path.is_own() || matches!(place, Place::Declared { .. }) {
                continue;
            }
            match self.kind(|| path.clone(), &entry) {
                SeenKind::Link(text, leads) => found.links.push((path, text, leads)),
                SeenKind::Dir => match place {
                    // Builds are observed one by one.
                    Place::Build { .. } => {}
                    Place::Root | Place::Above | Place::Stream { .. } | Place::Beside { .. } => {
                        found.entries.push(seen(path.clone(), SeenKind::Dir, entry.mode));
                        dirs.push(path);
                    }
                    _ => {
                        let names = self.mirror.store().list(&path).unwrap_or_default();
                        let holds = names.entries.into_iter().take(HELD).map(|held| held.name).collect();
                        found.entries.push(SeenEntry { holds, ..seen(path, SeenKind::Dir, entry.mode) });
                    }
                },
                kind => found.entries.push(seen(path, kind, entry.mode)),
            }
        }
    }

    /// Returns the walk of one build as plain data, with its texts that matter.
    pub(crate) fn build(&self, id: &BuildId, path: &RelPath, walked: TreeSnapshot) -> SeenBuild {
        let unread = walked.unread.iter().map(|(at, error)| (at.clone(), chain(error)));
        let mut found = SeenBuild {
            id: id.clone(),
            path: path.clone(),
            mode: walked.top.map_or(0o755, |top| top.mode),
            dirs: Vec::with_capacity(walked.dirs.len()),
            context: None,
            sums: None,
            manifest: None,
            listed: false,
            published: false,
            images: Vec::new(),
            unread: unread.collect(),
        };
        for (dir, scan) in walked.dirs {
            let above = path.join(&dir);
            let items: Vec<SeenItem> = (scan.entries.into_iter())
                .map(|Scanned { name, entry }| SeenItem {
                    kind: self.kind(|| above.child(&name).unwrap_or_default(), &entry),
                    mode: entry.mode,
                    size: entry.size,
                    linked: (entry.kind == Kind::File && entry.names > 1).then_some(entry.inode),
                    mtime: self.mirror.store().abilities().lists_times.then_some(entry.mtime),
                    name,
                })
                .collect();
            let is_list =
                |item: &SeenItem| item.kind == SeenKind::File && ForeignList::of(&item.name).is_some();
            found.listed |= items.iter().any(is_list);
            found.dirs.push(SeenDir { path: dir, items, odd: scan.odd });
        }
        if let Some(at) = &self.mirror.layout().markers().context {
            found.context = self.text(&mut found, at, CONTEXT_LIMIT);
        }
        found.sums = self.text(&mut found, &SUMS_NAME.parse().unwrap_or_default(), LIST_LIMIT);
        found.images = self.images(&found);
        match self.mirror.manifest_text(id) {
            Ok(text) => found.manifest = text,
            Err(error) => found.unread.push((RelPath::root(), chain(&error))),
        }
        found
    }

    /// Reads the lists of images in a build; no file of a build without lists is read.
    fn images(&self, found: &SeenBuild) -> Vec<SeenImages> {
        let Some(images) = self.mirror.layout().images() else { return Vec::new() };
        let dirs = found.dirs.iter().filter(|dir| images.can_hold(&dir.path));
        let items = dirs.flat_map(|dir| dir.items.iter().map(move |item| (dir.at(item), item)));
        let lists = items.filter(|(at, _)| images.list(&found.id, at).is_some());
        let read = |(path, item): (RelPath, &SeenItem)| {
            let kind = match &item.kind {
                SeenKind::File => Kind::File,
                SeenKind::Dir => Kind::Dir,
                SeenKind::Link(..) => Kind::Link,
                SeenKind::Other => Kind::Other,
            };
            let bytes = image_list(self.mirror, &found.path.join(&path), kind, item.size);
            SeenImages { path, bytes }
        };
        lists.map(read).collect()
    }

    /// Reads a small file of a build, if it is there.
    fn text(&self, found: &mut SeenBuild, at: &RelPath, limit: u64) -> Option<Vec<u8>> {
        found.find(at).filter(|item| item.kind == SeenKind::File)?;
        let read = self.mirror.store().read(&found.path.join(at), limit);
        read.map_err(|error| found.unread.push((at.clone(), chain(&error)))).ok()
    }

    /// Returns the kind of an entry, and the target if it is a link.
    fn kind(&self, at: impl Fn() -> RelPath, entry: &Entry) -> SeenKind {
        match entry.kind {
            Kind::File => SeenKind::File,
            Kind::Dir => SeenKind::Dir,
            Kind::Other => SeenKind::Other,
            Kind::Link => {
                let text = entry.link.clone().unwrap_or_default();
                let leads = self.leads(&at(), &text);
                SeenKind::Link(text, leads)
            }
        }
    }

    /// Returns the target of a link; the target of a link that cannot be read is unknown.
    fn leads(&self, at: &RelPath, text: &str) -> Leads {
        if text.starts_with('/') {
            let Some(below) = self.disk.and_then(|disk| disk.below(text)) else { return Leads::Out };
            return match resolve(self.mirror.store(), &below) {
                Ok(Resolved::To(_)) => Leads::Absolute(below),
                _ => Leads::Nowhere(below),
            };
        }
        match resolve(self.mirror.store(), at) {
            Ok(Resolved::To(to)) => Leads::To(to),
            Ok(Resolved::Dangles(to)) => Leads::Nowhere(to),
            Ok(Resolved::Loops) => Leads::Round,
            Ok(Resolved::Leaves(_)) => Leads::Out,
            Err(_) => Leads::Nowhere(at.follow(text).unwrap_or_default()),
        }
    }

    /// Returns the links outside the builds with what they should follow, and those that should exist.
    pub(crate) fn aliases(
        &self,
        census: &Census,
        links: Vec<(RelPath, String, Leads)>,
        told: &BTreeMap<RelPath, Option<RelPath>>,
    ) -> Vec<SeenAlias> {
        let mut follows = BTreeMap::new();
        for line in &census.streams {
            let Ok(home) = self.mirror.layout().stream_path(&line.stream) else { continue };
            for rule in self.mirror.alias_rules(&line.stream, &line.builds) {
                if let Ok(path) = home.child(&rule.name) {
                    follows.insert(path, (line.stream.clone(), rule.when));
                }
            }
        }
        let required = census.aliases.iter().filter(|alias| alias.required);
        let required: BTreeSet<&RelPath> = required.map(|alias| &alias.path).collect();
        let there: BTreeSet<&RelPath> = links.iter().map(|(path, ..)| path).collect();
        // What the journal states, and what is required.
        let pointed = told.iter().filter(|(_, to)| to.is_some()).map(|(path, _)| path);
        let missing: BTreeSet<RelPath> = (required.iter().copied().chain(pointed))
            .filter(|path| !there.contains(path) && matches!(self.mirror.store().look(path), Ok(None)))
            .cloned()
            .collect();
        let there = links.into_iter().map(|(path, text, leads)| (path, Some((text, leads))));
        let all = there.chain(missing.into_iter().map(|path| (path, None)));
        let config = self.mirror.config();
        let pipeline = pipeline_of(self.mirror).ok().flatten();
        // A layout may match the name of an alias as one of its own fields; an alias that is declared or was moved
        // takes precedence.
        let is_declared = |path: &RelPath| {
            config.legacy.contains_key(path)
                || config.aliases.iter().any(|alias| alias.name == path.name())
                || pipeline.as_ref().is_some_and(|pipeline| mover(self.mirror, pipeline, path).is_some())
        };
        all.map(|(path, link)| SeenAlias {
            follows: follows.get(&path).cloned(),
            required: required.contains(&path),
            declared: is_declared(&path),
            told: told.get(&path).cloned(),
            path,
            link,
        })
        .collect()
    }
}

fn seen(path: RelPath, kind: SeenKind, mode: u32) -> SeenEntry {
    SeenEntry { path, kind, mode, holds: Vec::new() }
}
