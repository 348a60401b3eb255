//! Where the files of a site are in it.

use crate::model::{BuildId, Digest, RelPath, Stamp, Stream};

/// The longest name that every store takes, in bytes.
const LONGEST: usize = 255;

/// The directory of the files of a stream, or of the whole mirror.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place(RelPath);

impl Place {
    /// Returns the place of what is about the whole mirror.
    pub(super) fn root() -> Self {
        Self(RelPath::root())
    }

    /// Returns the place of what is about a stream.
    pub(super) fn of(stream: &Stream) -> Self {
        Self(stream.as_path().clone())
    }

    /// Returns the path of the index.
    pub(super) fn index(&self) -> Option<RelPath> {
        self.0.child("index.json").ok()
    }

    /// Returns the path of the feed.
    pub(super) fn feed(&self) -> Option<RelPath> {
        self.0.child(if self.0.is_root() { "all.atom" } else { "feed.atom" }).ok()
    }

    /// Returns the path of the page.
    pub(super) fn page(&self) -> Option<RelPath> {
        self.0.child("index.html").ok()
    }

    /// Returns the path of the page of the stages.
    pub(super) fn stages(&self) -> Option<RelPath> {
        self.0.child("stages.html").ok()
    }

    /// Returns the path of the list of builds that are gone.
    pub(super) fn gone(&self) -> Option<RelPath> {
        self.0.child("gone.html").ok()
    }

    /// Returns the path of the page of the builds of one month.
    pub(super) fn month(&self, month: &str) -> Option<RelPath> {
        self.0.child(&format!("{month}.html")).ok()
    }
}

/// Returns the path of the page of a build.
pub(super) fn page(id: &BuildId) -> Option<RelPath> {
    named(id, ".html")
}

/// Returns the path of a further page of a build with many files; the first further one is the second page.
pub(super) fn files_page(id: &BuildId, nth: u64) -> Option<RelPath> {
    named(id, ".files")?.child(&format!("{nth}.html")).ok()
}

/// Returns the path of what is about a build; a name that would be too long ends in digits of its digest.
fn named(id: &BuildId, ending: &str) -> Option<RelPath> {
    let name = id.name.as_str();
    if name.len() + ending.len() <= LONGEST {
        return id.stream.as_path().child(&format!("{name}{ending}")).ok();
    }
    let mut end = LONGEST - ending.len() - 17;
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    let (start, digest) = (name.get(..end).unwrap_or_default(), Digest::of(name.as_bytes()).to_string());
    id.stream.as_path().child(&format!("{start}~{}{ending}", digest.get(..16).unwrap_or_default())).ok()
}

/// Returns the month of an instant, as the name of its page has it.
pub(super) fn month(created: Option<Stamp>) -> String {
    created.map_or_else(|| "undated".to_owned(), |created| created.spell("%Y-%m"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_has_a_page_of_its_own() {
        let page_of = |name: &str| page(&format!("main/{name}").parse().unwrap()).unwrap();
        assert_eq!(page_of("20260601T020000Z").as_str(), "main/20260601T020000Z.html");
        let (one, other) = (format!("{}a", "ü".repeat(126)), format!("{}b", "ü".repeat(126)));
        let (one, other) = (page_of(&one), page_of(&other));
        assert!(one != other && one.name().len() <= LONGEST && one.name().ends_with(".html"));
    }
}
