//! Looking at what only a disk shows: kinds, modes, links and texts, as plain data for a judgement.

use super::disk::Disk;
use crate::census::Census;
use crate::decide::comply::{Leads, SeenAlias, SeenBuild, SeenEntry, SeenKind};
use crate::layout::Place;
use crate::mirror::{Mirror, Resolved, chain, resolve};
use crate::record::ForeignList;
use crate::store::{Entry, Kind, Listing, StoreError};
use crate::word::{BuildId, RelPath, SUMS_NAME};
use std::collections::BTreeMap;

/// More than CONTEXT ever has, in bytes.
const CONTEXT_LIMIT: u64 = 16 << 20;

/// More than SHA256SUMS ever has, in bytes.
const SUMS_LIMIT: u64 = 1 << 30;

/// How many names of a stray directory are looked at.
const HELD: usize = 1000;

/// A mirror that is looked at.
pub(super) struct Looking<'a> {
    pub(super) mirror: &'a Mirror,
    pub(super) disk: Option<&'a Disk>,
}

/// What lies outside the builds.
#[derive(Debug, Default)]
pub(super) struct Outside {
    pub(super) entries: Vec<SeenEntry>,
    pub(super) odd: Vec<(RelPath, String)>,
    pub(super) links: Vec<(RelPath, String, Leads)>,
    pub(super) unread: Vec<(RelPath, String)>,
}

impl Looking<'_> {
    /// Looks at everything outside the builds; declared trees are left alone.
    pub(super) fn outside(&self) -> Result<Outside, StoreError> {
        let mut found = Outside::default();
        if let Some(root) = self.mirror.store().look(&RelPath::root())? {
            found.entries.push(seen(RelPath::root(), SeenKind::Dir, root.mode));
        }
        let mut dirs = vec![RelPath::root()];
        while let Some(dir) = dirs.pop() {
            let listing = match self.mirror.store().list(&dir) {
                Ok(listing) => listing,
                Err(error) => {
                    found.unread.push((dir, chain(&error)));
                    continue;
                }
            };
            self.around(&dir, listing, &mut found, &mut dirs);
        }
        found.entries.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(found)
    }

    /// Looks at what lies in one directory outside the builds.
    fn around(&self, dir: &RelPath, listing: Listing, found: &mut Outside, dirs: &mut Vec<RelPath>) {
        found.odd.extend(listing.odd.into_iter().map(|odd| (dir.clone(), odd)));
        for listed in listing.entries {
            let Ok(path) = dir.child(&listed.name) else { continue };
            let place = self.mirror.layout().place(&path);
            if path.is_own() || matches!(place, Place::Declared { .. }) {
                continue;
            }
            let entry = match self.mirror.store().look(&path) {
                Ok(Some(entry)) => entry,
                Ok(None) => continue,
                Err(error) => {
                    found.unread.push((path, chain(&error)));
                    continue;
                }
            };
            match self.kind(&path, &entry) {
                SeenKind::Link(text, leads) => found.links.push((path, text, leads)),
                SeenKind::Dir => match place {
                    // Builds are looked at one by one.
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

    /// Looks at everything in one build.
    pub(super) fn build(&self, id: &BuildId, path: &RelPath) -> SeenBuild {
        let store = self.mirror.store();
        let mut found = SeenBuild {
            id: id.clone(),
            path: path.clone(),
            entries: Vec::new(),
            odd: Vec::new(),
            context: None,
            sums: None,
            listed: self.mirror.has_manifest(id).unwrap_or_default(),
            unread: Vec::new(),
        };
        match store.look(path) {
            Ok(entry) => {
                let mode = entry.map_or(0o755, |entry| entry.mode);
                found.entries.push(seen(RelPath::root(), SeenKind::Dir, mode));
            }
            Err(error) => found.unread.push((RelPath::root(), chain(&error))),
        }
        let mut dirs = vec![RelPath::root()];
        while let Some(dir) = dirs.pop() {
            let listing = match store.list(&path.join(&dir)) {
                Ok(listing) => listing,
                Err(error) => {
                    found.unread.push((dir, chain(&error)));
                    continue;
                }
            };
            found.odd.extend(listing.odd.into_iter().map(|odd| (dir.clone(), odd)));
            for listed in listing.entries {
                let Ok(below) = dir.child(&listed.name) else { continue };
                let at = path.join(&below);
                match store.look(&at) {
                    Ok(None) => {}
                    Ok(Some(entry)) => {
                        if entry.kind == Kind::Dir {
                            dirs.push(below.clone());
                        }
                        found.listed |= entry.kind == Kind::File && ForeignList::of(&listed.name).is_some();
                        found.entries.push(seen(below, self.kind(&at, &entry), entry.mode));
                    }
                    Err(error) => found.unread.push((below, chain(&error))),
                }
            }
        }
        // By names, so that a directory comes before what lies in it.
        found.entries.sort_by(|a, b| a.path.names().cmp(b.path.names()));
        if let Some(at) = &self.mirror.layout().markers().context {
            found.context = self.text(&mut found, at, CONTEXT_LIMIT);
        }
        found.sums = self.text(&mut found, &SUMS_NAME.parse().unwrap_or_default(), SUMS_LIMIT);
        found
    }

    /// Reads a small file of a build, if it is there.
    fn text(&self, found: &mut SeenBuild, at: &RelPath, limit: u64) -> Option<Vec<u8>> {
        let there = found.entries.iter().any(|entry| entry.path == *at && entry.kind == SeenKind::File);
        if !there {
            return None;
        }
        let read = self.mirror.store().read(&found.path.join(at), limit);
        read.map_err(|error| found.unread.push((at.clone(), chain(&error)))).ok()
    }

    /// Returns what something is, and where it leads when it is a link.
    fn kind(&self, at: &RelPath, entry: &Entry) -> SeenKind {
        match entry.kind {
            Kind::File => SeenKind::File,
            Kind::Dir => SeenKind::Dir,
            Kind::Other => SeenKind::Other,
            Kind::Link => {
                let text = entry.link.clone().unwrap_or_default();
                let leads = self.leads(at, &text);
                SeenKind::Link(text, leads)
            }
        }
    }

    /// Returns where a link leads; one whose target cannot be looked at leads nowhere that can be told.
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

    /// Returns the links outside the builds with what they should follow, and those that should be there.
    pub(super) fn aliases(&self, census: &Census, links: Vec<(RelPath, String, Leads)>) -> Vec<SeenAlias> {
        let mut follows = BTreeMap::new();
        for line in &census.streams {
            let Ok(home) = self.mirror.layout().stream_path(&line.stream) else { continue };
            for rule in self.mirror.alias_rules(&line.stream, &line.builds) {
                if let Ok(path) = home.child(&rule.name) {
                    follows.insert(path, (line.stream.clone(), rule.when));
                }
            }
        }
        let declared = |path: &RelPath| self.mirror.config().legacy.contains_key(path);
        let missing = census.aliases.iter().filter(|alias| alias.required);
        let missing: Vec<RelPath> = missing
            .map(|alias| alias.path.clone())
            .filter(|path| !links.iter().any(|(at, ..)| at == path))
            .filter(|path| matches!(self.mirror.store().look(path), Ok(None)))
            .collect();
        let there = links.into_iter().map(|(path, text, leads)| (path, Some((text, leads))));
        let all = there.chain(missing.into_iter().map(|path| (path, None)));
        all.map(|(path, link)| SeenAlias {
            follows: follows.get(&path).cloned(),
            declared: declared(&path),
            path,
            link,
        })
        .collect()
    }
}

fn seen(path: RelPath, kind: SeenKind, mode: u32) -> SeenEntry {
    SeenEntry { path, kind, mode, holds: Vec::new() }
}
