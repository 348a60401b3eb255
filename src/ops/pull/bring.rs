//! Bringing one build: its manifest, SHA256SUMS and signatures, then the files that are not here.

use super::list::Upstream;
use super::{PullError, sound};
use crate::decide::changes::ListedBuild;
use crate::mirror::{MANIFEST_LIMIT, Mirror};
use crate::model::{Digest, RelPath, SUMS_NAME, Scheme};
use crate::ops::copy::{Copied, as_publishing, copied, links_stay};
use crate::ops::publish::{Prepared, PublishError, PublishRun, strays, unserved_links, without_directories};
use crate::record::{BuildRecord, Manifest};
use crate::send::Fetcher;
use crate::session::Session;
use crate::sign::{Checksums, LIMIT, Signature};
use crate::source::{Lines, Origin, Source, hash};
use std::io::{self, Read};
use std::sync::Arc;

/// The files of a mirror over HTTP.
#[derive(Debug)]
pub(super) struct Web(pub(super) Arc<Fetcher>);

impl Origin for Web {
    fn shown(&self) -> String {
        self.0.address(&RelPath::root()).to_string()
    }

    fn open(&self, at: &RelPath) -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(self.0.open(at)?))
    }
}

/// Brings one build.
pub(super) struct Bring<'b> {
    pub(super) session: &'b Session<'b>,
    pub(super) upstream: &'b Upstream<'b>,
    pub(super) web: Arc<Web>,
    /// Whether SHA256SUMS needs no signature.
    pub(super) unsigned: bool,
}

impl Bring<'_> {
    /// Fetches a build, and publishes it here.
    pub(super) fn build(
        &self,
        listed: &ListedBuild,
        record: BuildRecord,
        warnings: &mut Vec<String>,
    ) -> Result<Copied, PullError> {
        let to = self.session.mirror();
        let manifest = self.manifest(listed)?;
        let sums = self.sums(listed, &manifest)?;
        let prepared = prepare(to, Arc::<Web>::clone(&self.web), listed, record, manifest, sums)?;
        let publishing = as_publishing(&listed.id, listed.result);
        let run = PublishRun { session: self.session, publishing: &publishing };
        let mut done = run.lay_out(prepared)?;
        warnings.append(&mut done.warnings);
        Ok(copied(done, Vec::new()))
    }

    fn read(&self, at: &RelPath, most: u64) -> Result<Vec<u8>, PullError> {
        let address = || self.upstream.fetcher.address(at).to_string();
        self.upstream.fetcher.read(at, most).map_err(|source| PullError::Read { at: address(), source })
    }

    fn has_digest(&self, at: &RelPath, bytes: &[u8], wanted: Digest) -> Result<(), PullError> {
        let found = Digest::of(bytes);
        if found == wanted {
            return Ok(());
        }
        let at = self.upstream.fetcher.address(at).to_string();
        Err(PullError::Other { at, why: format!("sha256 {found}, {wanted} is listed") })
    }

    fn manifest(&self, listed: &ListedBuild) -> Result<Manifest, PullError> {
        let at = listed.manifest_at(&self.upstream.dir);
        let bytes = self.read(&at, listed.manifest.bytes.min(MANIFEST_LIMIT))?;
        self.has_digest(&at, &bytes, listed.manifest.sha256)?;
        let manifest = Manifest::parse(&bytes);
        let manifest = manifest.map_err(|error| PullError::Unsound(format!("its manifest: {error}")))?;
        sound::manifest(&manifest, listed)?;
        Ok(manifest)
    }

    fn sums(&self, listed: &ListedBuild, manifest: &Manifest) -> Result<Checksums, PullError> {
        let at = listed.path.child(SUMS_NAME).unwrap_or_default();
        let bytes = self.read(&at, MANIFEST_LIMIT)?;
        self.has_digest(&at, &bytes, listed.sums)?;
        let is_signed = !self.unsigned && self.upstream.keys.wanted().next().is_some();
        sound::sums(&bytes, manifest, is_signed)?;
        let mut signatures = Vec::new();
        for by in Scheme::ALL {
            match self.read(&listed.path.child(by.file()).unwrap_or_default(), LIMIT) {
                Err(error) if error.is_missing() => {}
                bytes => signatures.push(Signature { by, file: by.file(), keys: Vec::new(), bytes: bytes? }),
            }
        }
        if !self.unsigned {
            let of = |by| signatures.iter().find(|signature| signature.by == by).map(|one| &*one.bytes);
            self.upstream.keys.prove(of, &bytes).map_err(|(by, source)| {
                let at = self.upstream.fetcher.address(&at).to_string();
                PullError::Unsigned { at, by, source }
            })?;
        }
        let ours = hash(&mut Lines::sums(manifest));
        let ours = ours.map_err(|error| PullError::Unsound(error.to_string()))?;
        Ok(Checksums { brought: (ours != listed.sums).then_some(bytes), signatures })
    }
}

/// Checks that this mirror has a place for everything of a build.
fn prepare(
    to: &Mirror,
    web: Arc<Web>,
    listed: &ListedBuild,
    record: BuildRecord,
    manifest: Manifest,
    sums: Checksums,
) -> Result<Prepared, PullError> {
    let path = listed.path.clone();
    let mut source = Source::elsewhere(web, path.clone(), manifest);
    links_stay(to, &path, &source)?;
    let strays = strays(to, &path, &source);
    if !strays.is_empty() {
        return Err(PublishError::Strays(strays).into());
    }
    let warnings = [without_directories(to, &mut source), unserved_links(to, &source)];
    let mut prepared = Prepared::copied(path, source, record, sums);
    let warnings = warnings.into_iter().flatten();
    prepared.warnings.extend(warnings.map(|warning| format!("{}: {warning}", listed.id)));
    Ok(prepared)
}
