//! A sight of a small mirror that complies, and ways to spoil it.

use mirrorkeep::census::{BuildCensus, Census, StreamCensus};
use mirrorkeep::decide::check::{
    Finding, Leads, Rules, Seen, SeenAlias, SeenBuild, SeenDir, SeenEntry, SeenImages, SeenItem, SeenKind,
    Terms, comply, comply_build, comply_drift,
};
use mirrorkeep::decide::policy::Policy;
use mirrorkeep::layout::{Condition, Layout};
use mirrorkeep::model::{BuildId, Digest, Outcome, RelPath};
use mirrorkeep::record::{FileEntry, Manifest, Sums};
use std::collections::{BTreeMap, BTreeSet};

/// What is there, as the disk shows it.
pub(super) struct Sight {
    pub(super) seen: Seen,
    pub(super) builds: Vec<SeenBuild>,
    pub(super) layout: Layout,
    pub(super) policy: Policy,
    pub(super) stalled: Option<i64>,
    pub(super) rules: Rules,
}

pub(super) const NEWEST: &str = "master/centos/20260603T060000Z";

pub(super) fn path(text: &str) -> RelPath {
    text.parse().unwrap()
}

pub(super) fn entry(at: &str, kind: SeenKind) -> SeenEntry {
    let mode = if kind == SeenKind::Dir { 0o755 } else { 0o444 };
    SeenEntry { path: path(at), kind, mode, holds: Vec::new() }
}

fn sums(files: &[&str]) -> Vec<u8> {
    Sums::of(files.iter().map(|file| (path(file), Digest::of(b"")))).to_string().into_bytes()
}

/// When every file was written, in nanoseconds since 1970.
const WRITTEN: i128 = 1_780_000_000_000_000_000;

fn manifest(files: &[&str]) -> Vec<u8> {
    let file = |at: &&str| FileEntry {
        path: path(at),
        size: 5,
        digest: Digest::of(b""),
        mode: 0o444,
        mtime: WRITTEN,
        inode: 1,
        seen: None,
    };
    Manifest { files: files.iter().map(file).collect(), ..Manifest::default() }.write().into_bytes()
}

const FILES: [&str; 4] =
    ["inputs/downloads/a.tar", "outputs/CONTEXT", "outputs/iso/a.iso", "outputs/success"];

impl Sight {
    /// Three successes of one stream, `latest_build`, their records, and nothing that is wrong.
    pub(super) fn good() -> Self {
        let layout = Layout::load(Layout::shipped("starlingx").unwrap(), "starlingx").unwrap();
        let policy = Policy::load(Policy::shipped("starlingx").unwrap(), "starlingx").unwrap();
        let when = Condition { results: vec![Outcome::Success], labels: BTreeMap::default() };
        let latest = SeenAlias {
            path: path("master/centos/latest_build"),
            link: Some(("20260603T060000Z".to_owned(), Leads::To(path(NEWEST)))),
            follows: Some(("master/centos".parse().unwrap(), when)),
            required: true,
            declared: false,
            told: Some(Some(path(NEWEST))),
        };
        let mut census = Census::empty("20260603T120000Z".parse().unwrap());
        census.streams = vec![StreamCensus { stream: "master/centos".parse().unwrap(), builds: Vec::new() }];
        let outside = ["", "master", "master/centos"].map(|at| entry(at, SeenKind::Dir)).to_vec();
        let seen = Seen {
            readers: None,
            census,
            outside,
            odd: Vec::new(),
            aliases: vec![latest],
            records: Vec::new(),
            known: Vec::new(),
            damaged: Vec::new(),
            tops: BTreeMap::new(),
            whole: BTreeSet::new(),
            stale: Vec::new(),
            stages: Vec::new(),
            unknown_stages: Vec::new(),
            unknown_trash: Vec::new(),
            locks: Vec::new(),
            uploads: Vec::new(),
            unsealed: Vec::new(),
            unheld: Vec::new(),
            lost: Vec::new(),
            unread: Vec::new(),
        };
        let mut sight =
            Self { seen, builds: Vec::new(), layout, policy, stalled: None, rules: Rules::default() };
        for day in ["20260601T060000Z", "20260602T060000Z", "20260603T060000Z"] {
            sight.add(&format!("master/centos/{day}"));
        }
        sight
    }

    /// Adds a build that complies.
    pub(super) fn add(&mut self, id: &str) -> &mut SeenBuild {
        let id: BuildId = id.parse().unwrap();
        let created = id.name.as_str().parse().ok();
        let census = BuildCensus {
            created,
            published: created,
            result: Outcome::Success,
            files: Some(4),
            ..BuildCensus::named(id.name.clone())
        };
        let lines = &mut self.seen.census.streams;
        match lines.iter_mut().find(|line| line.stream == id.stream) {
            Some(line) => line.builds.push(census),
            None => lines.push(StreamCensus { stream: id.stream.clone(), builds: vec![census] }),
        }
        self.seen.records.push(id.clone());
        self.seen.known.push(id.clone());
        self.seen.tops.insert(id.clone(), ["inputs", "outputs"].map(str::to_owned).into());
        let context = format!("(cd ./a && git checkout -f {})\n", "1".repeat(40));
        self.builds.push(SeenBuild {
            path: id.as_path(),
            id,
            mode: 0o755,
            dirs: vec![SeenDir::default()],
            context: Some(context.into_bytes()),
            sums: Some(sums(&FILES)),
            manifest: Some(manifest(&FILES)),
            listed: false,
            published: true,
            images: Vec::new(),
            unread: Vec::new(),
        });
        let build = self.builds.last_mut().unwrap();
        for file in FILES.iter().chain(&["SHA256SUMS"]) {
            build.put(file, SeenKind::File);
        }
        build
    }

    /// Returns the newest build of `master/centos`.
    pub(super) fn newest(&mut self) -> &mut SeenBuild {
        self.builds.iter_mut().find(|build| build.path.as_str() == NEWEST).unwrap()
    }

    /// Returns what the census says of it.
    pub(super) fn census(&mut self) -> &mut BuildCensus {
        let line = self.seen.census.streams.iter_mut().find(|line| line.stream.as_str() == "master/centos");
        line.unwrap().builds.iter_mut().find(|build| build.build.as_str() == "20260603T060000Z").unwrap()
    }

    /// Puts a directory or file outside the builds.
    pub(super) fn outside(&mut self, at: &str, kind: SeenKind) -> &mut SeenEntry {
        self.seen.outside.push(entry(at, kind));
        self.seen.outside.last_mut().unwrap()
    }

    /// Puts a directory there, on a mirror with that layout.
    pub(super) fn on(&mut self, layout: &str, at: &str) {
        self.layout = Layout::load(Layout::shipped(layout).unwrap(), layout).unwrap();
        self.outside(at, SeenKind::Dir);
    }

    /// Puts a list of images into the newest build, on a mirror whose layout has such lists.
    pub(super) fn images(&mut self, bytes: Result<&str, &str>) {
        self.layout = Layout::load(Layout::shipped("starlingx-debian").unwrap(), "starlingx-debian").unwrap();
        let at = path("outputs/docker-images/images-centos-stable-versioned.lst");
        let bytes = bytes.map(|text| text.as_bytes().to_vec()).map_err(str::to_owned);
        self.newest().images.push(SeenImages { path: at, bytes });
    }

    /// Lets `latest_build` lead elsewhere.
    pub(super) fn latest(&mut self, text: &str, leads: Leads) {
        self.seen.aliases[0].link = Some((text.to_owned(), leads));
        self.seen.aliases[0].told = None;
    }

    /// Puts a link outside the builds.
    pub(super) fn link(&mut self, at: &str, to: &str) -> &mut SeenAlias {
        let link = Some((to.to_owned(), Leads::To(path(to))));
        let (path, follows, told) = (path(at), None, None);
        self.seen.aliases.push(SeenAlias { path, link, follows, required: false, declared: false, told });
        self.seen.aliases.last_mut().unwrap()
    }

    /// Returns everything that is wrong.
    pub(super) fn findings(&self) -> Vec<Finding> {
        let terms = Terms { policy: Some(&self.policy), stalled: self.stalled, rules: None };
        let mut found = comply(&self.seen, &self.layout, terms);
        for build in &self.builds {
            let census = self.seen.census.build(&build.id).unwrap();
            let (findings, drift) = comply_build(build, census, &self.layout, self.seen.census.at);
            found.extend(findings);
            found.extend(comply_drift(drift.into_iter().collect()));
        }
        self.rules.apply(found, self.seen.census.at).0
    }
}

/// What tests do to the inside of a build.
pub(super) trait Spoil {
    /// Adds something.
    fn put(&mut self, at: &str, kind: SeenKind);
    /// Adds a file that SHA256SUMS lists.
    fn list(&mut self, at: &str);
    /// Takes something away, and what lies in it.
    fn take(&mut self, at: &str);
    /// Changes something.
    fn change(&mut self, at: &str, change: impl Fn(&mut SeenItem));
    /// Changes the mode of something.
    fn mode(&mut self, at: &str, mode: u32) {
        self.change(at, |item| item.mode = mode);
    }
    /// Returns what lies in a directory.
    fn items_in(&mut self, dir: &RelPath) -> &mut Vec<SeenItem>;
}

impl Spoil for SeenBuild {
    fn put(&mut self, at: &str, kind: SeenKind) {
        let at = path(at);
        let above = at.parent().unwrap();
        if !self.dirs.iter().any(|dir| dir.path == above) {
            self.put(above.as_str(), SeenKind::Dir);
        }
        if kind == SeenKind::Dir {
            self.dirs.push(SeenDir { path: at.clone(), ..SeenDir::default() });
            self.dirs.sort_by(|a, b| a.path.cmp(&b.path));
        }
        let mode = if kind == SeenKind::Dir { 0o755 } else { 0o444 };
        let item =
            SeenItem { name: at.name().to_owned(), kind, mode, size: 5, mtime: Some(WRITTEN), linked: None };
        let items = self.items_in(&above);
        items.push(item);
        items.sort_by(|a, b| a.name.cmp(&b.name));
    }

    fn list(&mut self, at: &str) {
        self.put(at, SeenKind::File);
        let files: Vec<&str> = FILES.iter().copied().chain([at]).collect();
        self.sums = Some(sums(&files));
        self.manifest = Some(manifest(&files));
    }

    fn take(&mut self, at: &str) {
        let at = path(at);
        self.dirs.retain(|dir| !dir.path.is_within(&at));
        let above = at.parent().unwrap();
        if self.dirs.iter().any(|dir| dir.path == above) {
            self.items_in(&above).retain(|item| item.name != at.name());
        }
    }

    fn change(&mut self, at: &str, change: impl Fn(&mut SeenItem)) {
        let at = path(at);
        // An earlier change may have taken it away.
        let items = self.dirs.iter_mut().filter(|dir| Some(&dir.path) == at.parent().as_ref());
        items.flat_map(|dir| &mut dir.items).filter(|item| item.name == at.name()).for_each(change);
    }

    fn items_in(&mut self, dir: &RelPath) -> &mut Vec<SeenItem> {
        &mut self.dirs.iter_mut().find(|seen| seen.path == *dir).unwrap().items
    }
}
