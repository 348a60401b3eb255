//! Putting, appending, removing.

use super::{kind, path, put, read, refused, tree};
use mirrorkeep::model::RelPath;
use mirrorkeep::store::{Append, Kind, Put, Store, StoreErrorKind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

pub(super) fn exactly_one_of_many_creates(store: &dyn Store) {
    if !store.abilities().creates_once {
        return;
    }
    for round in 0..20 {
        let at = path(&format!("race/{round}"));
        let try_it = |text: String| store.put(&at, text.as_bytes(), Put::Create).map(|()| text);
        let answers: Vec<_> = thread::scope(|scope| {
            let tries: Vec<_> =
                (0..8).map(|n| scope.spawn(move || try_it(format!("{n}").repeat(100)))).collect();
            tries.into_iter().map(|one| one.join().unwrap()).collect()
        });
        let (won, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
        assert_eq!(won.len(), 1);
        for answer in lost {
            refused(answer, StoreErrorKind::AlreadyExists);
        }
        assert_eq!(read(store, at.as_str()), won.into_iter().next().unwrap().unwrap());
    }
}

pub(super) fn what_is_there_is_not_created_again(store: &dyn Store) {
    put(store, "a/file", "first");
    store.link(&path("a/link"), "file").unwrap();
    refused(store.put(&path("a/file"), b"second", Put::Create), StoreErrorKind::AlreadyExists);
    refused(store.put(&path("a/link"), b"second", Put::Create), StoreErrorKind::AlreadyExists);
    assert_eq!(tree(store, &path("a")), ["a/file: first", "a/link -> file"]);
}

pub(super) fn a_reader_sees_the_old_or_the_new(store: &dyn Store) {
    let (old, new) = ("o".repeat(50_000), "n".repeat(70_000));
    put(store, "a/file", &old);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let seen = read(store, "a/file");
                assert!(seen == old || seen == new, "{} bytes of it", seen.len());
            }
        });
        for _ in 0..30 {
            put(store, "a/file", &new);
            put(store, "a/file", &old);
        }
        done.store(true, Ordering::Relaxed);
    });
}

pub(super) fn what_was_there_is_replaced_whatever_it_was(store: &dyn Store) {
    put(store, "a/target", "kept");
    store.link(&path("a/name"), "target").unwrap();
    put(store, "a/name", "a file now");
    assert_eq!(tree(store, &path("a")), ["a/name: a file now", "a/target: kept"]);
    put(store, "a/name", "short");
    assert_eq!(read(store, "a/name"), "short");
    store.link(&path("a/other"), "target").unwrap();
    for text in ["a file now", "another"] {
        store.put(&path("a/other"), text.as_bytes(), Put::ReplaceSoon).unwrap();
        assert_eq!(tree(store, &path("a"))[1], format!("a/other: {text}"));
    }
}

pub(super) fn directories_above_are_made(store: &dyn Store) {
    put(store, "a/b/c/file", "x");
    store.append(&path("d/e/log"), b"x\n", Append::Durable).unwrap();
    store.point(&path("f/g/alias"), &path("a")).unwrap();
    for dir in ["a", "a/b", "a/b/c", "d/e", "f/g"] {
        assert_eq!(kind(store, dir), Some(Kind::Dir), "{dir}");
    }
}

pub(super) fn a_log_keeps_every_line_in_order(store: &dyn Store) {
    let log = RelPath::state("log");
    for (line, how) in [("one\n", Append::Durable), ("two\n", Append::Quick), ("three\n", Append::Durable)] {
        store.append(&log, line.as_bytes(), how).unwrap();
    }
    assert_eq!(read(store, log.as_str()), "one\ntwo\nthree\n");
    store.put(&log, b"one\n", Put::Replace).unwrap();
    store.append(&log, b"again\n", Append::Durable).unwrap();
    assert_eq!(read(store, log.as_str()), "one\nagain\n");
}

pub(super) fn no_line_of_a_log_is_lost_or_torn(store: &dyn Store) {
    let log = RelPath::state("log");
    store.append(&log, b"first\n", Append::Durable).unwrap();
    thread::scope(|scope| {
        for writer in 0..4 {
            let log = &log;
            scope.spawn(move || {
                for n in 0..25 {
                    let line = format!("{writer}-{n}-{}\n", "x".repeat(100));
                    store.append(log, line.as_bytes(), Append::Quick).unwrap();
                }
            });
        }
    });
    let text = read(store, log.as_str());
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!((lines.len(), lines.first()), (101, Some(&"first")));
    for writer in 0..4 {
        let own: Vec<_> = lines.iter().filter(|line| line.starts_with(&format!("{writer}-"))).collect();
        let wanted: Vec<_> = (0..25).map(|n| format!("{writer}-{n}-{}", "x".repeat(100))).collect();
        assert!(own.into_iter().copied().eq(wanted.iter().map(String::as_str)));
    }
}

pub(super) fn what_is_removed_is_gone_and_nothing_else(store: &dyn Store) {
    for name in ["a/file", "a/file2", "a/dir/x"] {
        put(store, name, "x");
    }
    store.link(&path("a/link"), "dir").unwrap();
    for gone in ["a/file", "a/link", "a/none", "none/none"] {
        store.remove(&path(gone)).unwrap();
    }
    let removed = store.remove(&path("a/dir"));
    if store.abilities().directories {
        refused(removed, StoreErrorKind::WrongKind);
    }
    assert_eq!(tree(store, &path("a")), ["a/dir/x: x", "a/file2: x"]);
}

pub(super) fn of_a_list_everything_is_removed_and_nothing_else(store: &dyn Store) {
    for name in ["t/1", "t/1-x", "t/10", "t/d/2", "t/d/2.x", "t/stays"] {
        put(store, name, "x");
    }
    for name in ["t/link", "t/1.link"] {
        store.link(&path(name), "stays").unwrap();
    }
    let these = |names: &[(&str, Kind)]| names.iter().map(|(at, kind)| (path(at), *kind)).collect::<Vec<_>>();
    let gone =
        store.remove_all(&these(&[("t/1", Kind::File), ("t/link", Kind::Link), ("t/d/2", Kind::File)]));
    assert_eq!((gone.removed, gone.failures.len()), (3, 0));
    let left = ["t/1-x: x", "t/1.link -> stays", "t/10: x", "t/d/2.x: x", "t/stays: x"];
    assert_eq!(tree(store, &path("t")), left);
    // What is gone is gone, and what cannot be removed keeps nothing else.
    let root = (RelPath::root(), Kind::File);
    let rest =
        [vec![root], these(&[("t/1", Kind::File), ("n/none", Kind::Link), ("t/10", Kind::File)])].concat();
    assert_eq!(store.remove_all(&rest).failures.len(), 1);
    assert_eq!(tree(store, &path("t")), ["t/1-x: x", "t/1.link -> stays", "t/d/2.x: x", "t/stays: x"]);
    assert!(store.remove_all(&[]).failures.is_empty());
}

pub(super) fn more_are_removed_than_fit_into_one_request(store: &dyn Store) {
    // A file system has no requests, and takes its time.
    let count = if store.abilities().directories { 20 } else { 1200 };
    let many: Vec<(RelPath, Kind)> =
        (0..count).map(|nth| (path(&format!("many/{nth:04}")), Kind::File)).collect();
    std::thread::scope(|scope| {
        for some in many.chunks(100) {
            scope.spawn(move || some.iter().for_each(|(at, _)| store.put(at, b"x", Put::Replace).unwrap()));
        }
    });
    put(store, "many/stays", "x");
    let failures: Vec<String> =
        store.remove_all(&many).failures.iter().map(crate::support::view::chain).collect();
    assert_eq!(failures, [""; 0]);
    assert_eq!(tree(store, &path("many")), ["many/stays: x"]);
}

pub(super) fn what_is_renewed_was_what_it_was_taken_for(store: &dyn Store) {
    let at = path("a/file");
    let busy = |old: &[u8], new: &[u8]| {
        assert_eq!(store.renew(&at, old, new).unwrap_err().kind(), StoreErrorKind::Busy);
    };
    busy(b"one", b"two");
    assert!(store.look(&at).unwrap().is_none());
    store.put(&at, b"one", Put::Replace).unwrap();
    store.renew(&at, b"one", b"longer").unwrap();
    // The answer was lost, and the request is sent again.
    store.renew(&at, b"one", b"longer").unwrap();
    busy(b"one", b"three");
    assert_eq!(read(store, "a/file"), "longer");
    // Where trees are moved, one machine has the lock, and nobody else writes meanwhile.
    let abilities = store.abilities();
    if abilities.creates_once && !abilities.moves_trees {
        let won = thread::scope(|scope| {
            let renew = |n: usize| store.renew(&path("a/file"), b"longer", n.to_string().as_bytes()).is_ok();
            let all: Vec<_> = (0..8).map(|n| scope.spawn(move || renew(n))).collect();
            all.into_iter().map(|one| one.join().unwrap()).filter(|won| *won).count()
        });
        assert_eq!(won, 1);
    }
}
