//! Looking, listing, reading.

use super::{PLAIN, kind, path, put, read, refused};
use mirrorkeep::model::RelPath;
use mirrorkeep::store::{Entry, Kind, Store, StoreErrorKind, TreeSnapshot};
use std::io::Read;

pub(super) fn what_is_looked_at_is_told_as_it_is(store: &dyn Store) {
    put(store, "a/file", "four");
    store.link(&path("a/link"), "file").unwrap();
    let file = store.look(&path("a/file")).unwrap().unwrap();
    assert_eq!((file.kind, file.size, file.names, &file.link), (Kind::File, 4, 1, &None));
    assert!(file.mtime > 1_600_000_000_000_000_000 && file.ctime > 1_600_000_000, "{file:?}");
    let link = store.look(&path("a/link")).unwrap().unwrap();
    assert_eq!((link.kind, link.link.as_deref()), (Kind::Link, Some("file")));
    assert_eq!(kind(store, "a"), Some(Kind::Dir));
    assert_eq!(store.look(&RelPath::root()).unwrap().unwrap().kind, Kind::Dir);
}

pub(super) fn nothing_is_there_until_something_is(store: &dyn Store) {
    assert_eq!(store.look(&path("a")).unwrap(), None);
    assert_eq!(store.look(&path("a/b/c")).unwrap(), None);
    put(store, "a/bc", "x");
    // The name of a file is not the beginning of another's.
    assert_eq!(store.look(&path("a/b")).unwrap(), None);
    assert_eq!(store.look(&path("a/bc/d")).unwrap(), None);
}

pub(super) fn a_listing_is_sorted_and_tells_kinds(store: &dyn Store) {
    // `-` and `.` sort before `/`, which must not show in the order.
    for name in ["d/b/x", "d/b-1", "d/b.1", "d/a", "d/Z", "d/ä"] {
        put(store, name, "");
    }
    store.link(&path("d/aa"), "a").unwrap();
    let listing = store.list(&path("d")).unwrap();
    let names: Vec<(&str, Kind)> = listing.entries.iter().map(|one| (&*one.name, one.kind)).collect();
    let file = |name| (name, Kind::File);
    let (link, dir) = (("aa", Kind::Link), ("b", Kind::Dir));
    assert_eq!(names, [file("Z"), file("a"), link, dir, file("b-1"), file("b.1"), file("ä")]);
    assert!(listing.odd.is_empty());
    let top = store.list(&RelPath::root()).unwrap();
    assert!(top.entries.iter().any(|one| one.name == "d" && one.kind == Kind::Dir));
}

pub(super) fn what_is_no_directory_is_not_listed(store: &dyn Store) {
    put(store, "a/file", "x");
    store.link(&path("a/link"), "../a").unwrap();
    refused(store.list(&path("b")), StoreErrorKind::NotFound);
    refused(store.list(&path("a/file")), StoreErrorKind::WrongKind);
    refused(store.list(&path("a/link")), StoreErrorKind::Escapes);
}

pub(super) fn a_scan_sees_what_looking_and_listing_see(store: &dyn Store) {
    for name in ["s/b/x", "s/b-1", "s/Z", "s/ä"] {
        put(store, name, "some");
    }
    store.link(&path("s/aa"), "b-1").unwrap();
    let scan = store.scan(&path("s")).unwrap();
    let (listed, odd) = (store.list(&path("s")).unwrap().entries, store.list(&path("s")).unwrap().odd);
    let scanned = scan.entries.iter().map(|one| (one.name.clone(), one.entry.kind));
    assert!(scanned.eq(listed.into_iter().map(|one| (one.name, one.kind))));
    assert_eq!((scan.odd, scan.unread.len()), (odd, 0));
    for one in &scan.entries {
        let looked = store.look(&path("s").child(&one.name).unwrap()).unwrap();
        assert_eq!(looked.as_ref(), Some(&one.entry), "{}", one.name);
    }
    refused(store.scan(&path("none")), StoreErrorKind::NotFound);
    refused(store.scan(&path("s/Z")), StoreErrorKind::WrongKind);
    refused(store.scan(&path("s/aa")), StoreErrorKind::Escapes);
}

pub(super) fn a_walk_sees_what_looking_sees(store: &dyn Store) {
    for name in ["w/a", "w/b/c", "w/b/d/e", "w/b-1/f"] {
        put(store, name, "x");
    }
    store.link(&path("w/b/up"), "../../w").unwrap();
    put(store, "beside", "x");
    let walked = TreeSnapshot::of(store, &path("w")).unwrap();
    let mut seen: Vec<_> = walked.entries().map(|(dir, name, _)| dir.child(name).unwrap()).collect();
    seen.sort();
    let names: Vec<&str> = seen.iter().map(RelPath::as_str).collect();
    assert_eq!(names, ["a", "b", "b-1", "b-1/f", "b/c", "b/d", "b/d/e", "b/up"]);
    let whole = store.abilities().directories;
    for at in [RelPath::root()].iter().chain(&seen) {
        let found = walked.find(at).unwrap();
        let looked = store.look(&path("w").join(at)).unwrap().unwrap();
        // A listing tells neither the mode nor the time that a file carries.
        let told = |entry: &Entry| (entry.kind, entry.size, entry.ctime, entry.link.clone());
        assert_eq!(told(found), told(&looked), "{at}");
        assert!(!whole || *found == looked, "{at}: {found:?}");
    }
    assert!(walked.find(&path("b/none")).is_none() && walked.find(&path("none/a")).is_none());
    assert!(walked.dirs.is_sorted_by_key(|(dir, _)| dir.clone()) && walked.unread.is_empty());
    let none = TreeSnapshot::of(store, &path("none")).unwrap();
    assert!(none.top.is_none() && none.dirs.is_empty());
    let link = TreeSnapshot::of(store, &path("w/b/up")).unwrap();
    assert!(link.top.is_some_and(|top| top.kind == Kind::Link) && link.dirs.is_empty());
}

pub(super) fn a_file_is_read_as_a_whole_or_not_at_all(store: &dyn Store) {
    put(store, "a/file", "12345");
    assert_eq!(read(store, "a/file"), "12345");
    assert_eq!(store.read(&path("a/file"), 5).unwrap(), b"12345");
    refused(store.read(&path("a/file"), 4), StoreErrorKind::TooLarge);
    refused(store.read(&path("a/file"), 0), StoreErrorKind::TooLarge);
    refused(store.read(&path("a/none"), 4), StoreErrorKind::NotFound);
    refused(store.read(&path("a"), 4), StoreErrorKind::WrongKind);
    put(store, "a/empty", "");
    assert_eq!(store.read(&path("a/empty"), 0).unwrap(), b"");
}

pub(super) fn an_open_file_is_read_to_its_end(store: &dyn Store) {
    let bytes: Vec<u8> = (0..=255).cycle().take(3_000_001).collect();
    store.fill(&path("a/big"), &mut &*bytes, PLAIN).unwrap();
    let mut seen = Vec::new();
    store.open(&path("a/big")).unwrap().read_to_end(&mut seen).unwrap();
    assert!(seen == bytes);
    refused(store.open(&path("a/none")).map(drop), StoreErrorKind::NotFound);
    refused(store.open(&path("a")).map(drop), StoreErrorKind::WrongKind);
}
