//! Links and aliases, and that nothing goes through them.

use super::{ENOUGH, PLAIN, path, put, read, refused, tree};
use mirrorkeep::model::RelPath;
use mirrorkeep::store::{Append, Kind, Put, Share, Store, StoreErrorKind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use std::{fs, thread};

#[track_caller]
fn text(store: &dyn Store, at: &str) -> Option<String> {
    store.look(&path(at)).unwrap().and_then(|entry| entry.link)
}

pub(super) fn a_link_is_told_with_its_text(store: &dyn Store) {
    for said in ["file", "../../far/away", "/etc/passwd", "ä b"] {
        store.link(&path("s/link"), said).unwrap();
        assert_eq!(text(store, "s/link").as_deref(), Some(said));
    }
    put(store, "s/file", "x");
    store.link(&path("s/file"), "link").unwrap();
    assert_eq!(tree(store, &path("s")), ["s/file -> link", "s/link -> ä b"]);
}

pub(super) fn an_alias_is_as_short_as_it_can_be_and_moves(store: &dyn Store) {
    let alias = path("m/c/latest");
    for (target, said) in [("m/c/1", "1"), ("m/c/2", "2"), ("m/c/2", "2"), ("x/y", "../../x/y")] {
        store.point(&alias, &path(target)).unwrap();
        assert_eq!(text(store, "m/c/latest").as_deref(), Some(said));
        assert_eq!(tree(store, &path("m")), [format!("m/c/latest -> {said}")]);
    }
}

pub(super) fn an_alias_never_takes_the_place_of_something_else(store: &dyn Store) {
    put(store, "a/file", "kept");
    put(store, "a/dir/file", "kept");
    for name in ["a/file", "a/dir"] {
        refused(store.point(&path(name), &path("b")), StoreErrorKind::AlreadyExists);
    }
    assert_eq!(tree(store, &path("a")), ["a/dir/file: kept", "a/file: kept"]);
}

pub(super) fn a_reader_of_an_alias_sees_one_target_or_the_other(store: &dyn Store) {
    store.point(&path("m/latest"), &path("m/0")).unwrap();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let seen = text(store, "m/latest");
                assert!(["0", "1", "2"].contains(&seen.as_deref().unwrap_or("nothing")), "{seen:?}");
            }
        });
        let writers = ["m/1", "m/2"].map(|target| {
            scope.spawn(move || {
                for _ in 0..30 {
                    match store.point(&path("m/latest"), &path(target)) {
                        Err(error) if error.kind() == StoreErrorKind::Busy => {}
                        done => done.unwrap(),
                    }
                }
            })
        });
        for writer in writers {
            writer.join().unwrap();
        }
        done.store(true, Ordering::Relaxed);
        reader.join().unwrap();
    });
    assert_ne!(text(store, "m/latest").as_deref(), Some("0"));
}

pub(super) fn nothing_acts_beyond_a_link(store: &dyn Store) {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("file"), "canary").unwrap();
    put(store, "real/file", "canary");
    put(store, "old", "other");
    for (way, said) in [("inside", "real"), ("outside", outside.path().to_str().unwrap())] {
        store.link(&path(way), said).unwrap();
        let (file, new) = (path(&format!("{way}/file")), path(&format!("{way}/new")));
        // Each may fail or act beside the link; none may act behind it.
        for at in [&file, &new] {
            store.put(at, b"x", Put::Replace).ok();
            store.put(at, b"x", Put::Create).ok();
            store.append(at, b"x", Append::Durable).ok();
            store.fill(at, &mut &b"x"[..], PLAIN).ok();
            store.share(&path("old"), at, Share::Link, PLAIN).ok();
            store.link(at, "x").ok();
            store.point(at, &path("old")).ok();
            store.make_dir(at).ok();
            store.rename_tree(&path("old"), at).ok();
            store.exchange(&path("old"), at).ok();
            drop(store.lock(at, "law", Duration::ZERO).ok());
            store.remove(at).ok();
            store.remove_dir(at).ok();
            store.discard(at).ok();
            drop(store.sweep(at));
        }
        store.discard(&path(way)).unwrap();
    }
    assert_eq!(tree(store, &path("real")), ["real/file: canary"]);
    let names: Vec<_> = fs::read_dir(outside.path()).unwrap().map(|one| one.unwrap().file_name()).collect();
    assert_eq!(names, ["file"]);
    assert_eq!(fs::read_to_string(outside.path().join("file")).unwrap(), "canary");
}

pub(super) fn nothing_is_read_beyond_a_link(store: &dyn Store) {
    put(store, "real/file", "secret");
    store.link(&path("way"), "real").unwrap();
    store.link(&path("name"), "real/file").unwrap();
    for at in ["way/file", "name"] {
        assert!(store.read(&path(at), ENOUGH).is_err(), "{at}");
        assert!(store.open(&path(at)).is_err(), "{at}");
    }
    assert!(!matches!(store.look(&path("way/file")), Ok(Some(_))));
    refused(store.list(&path("way")), StoreErrorKind::Escapes);
    let top = store.list(&RelPath::root()).unwrap().entries;
    assert!(top.iter().any(|one| one.name == "way" && one.kind == Kind::Link));
    assert_eq!(read(store, "real/file"), "secret");
}
