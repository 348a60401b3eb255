//! Directories and whole trees.

use super::{kind, path, put, refused, tree};
use mirrorkeep::model::RelPath;
use mirrorkeep::store::{Append, Kind, Put, Store, StoreErrorKind};
use std::time::Duration;

pub(super) fn a_directory_is_made_with_those_above(store: &dyn Store) {
    store.make_dir(&path("a/b/c")).unwrap();
    store.make_dir(&path("a/b/c")).unwrap();
    if store.abilities().directories {
        assert_eq!(kind(store, "a/b/c"), Some(Kind::Dir));
        assert_eq!(store.look(&path("a/b/c")).unwrap().unwrap().mode & 0o777, 0o755);
        put(store, "a/file", "x");
        refused(store.make_dir(&path("a/file")), StoreErrorKind::WrongKind);
        refused(store.make_dir(&path("a/file/below")), StoreErrorKind::WrongKind);
    }
    put(store, "a/b/c/file", "x");
    assert_eq!(kind(store, "a/b/c"), Some(Kind::Dir));
}

pub(super) fn only_an_empty_directory_is_removed(store: &dyn Store) {
    put(store, "a/b/file", "x");
    store.make_dir(&path("a/c")).unwrap();
    refused(store.remove_dir(&path("a/b")), StoreErrorKind::NotEmpty);
    store.remove_dir(&path("a/c")).unwrap();
    store.remove_dir(&path("a/none")).unwrap();
    store.remove_dir(&path("n/none")).unwrap();
    assert_eq!(kind(store, "a/c"), None);
    assert_eq!(tree(store, &path("a")), ["a/b/file: x"]);
}

pub(super) fn a_tree_is_moved_as_a_whole_or_not_at_all(store: &dyn Store) {
    put(store, "stage/one/a/file", "x");
    store.link(&path("stage/one/link"), "a/file").unwrap();
    let before = tree(store, &path("stage"));
    let moved = store.rename_tree(&path("stage/one"), &path("m/c/build"));
    if !store.abilities().moves_trees {
        refused(moved, StoreErrorKind::Unsupported);
        assert_eq!(tree(store, &path("stage")), before);
        assert_eq!(kind(store, "m/c/build"), None);
        return;
    }
    moved.unwrap();
    assert_eq!(kind(store, "stage/one"), None);
    assert_eq!(tree(store, &path("m")), ["m/c/build/a/file: x", "m/c/build/link -> a/file"]);
    refused(store.rename_tree(&path("stage/one"), &path("m/c/other")), StoreErrorKind::NotFound);
}

pub(super) fn a_tree_is_never_moved_onto_something(store: &dyn Store) {
    let moves = store.abilities().moves_trees;
    let wanted = if moves { StoreErrorKind::AlreadyExists } else { StoreErrorKind::Unsupported };
    put(store, "stage/one/file", "new");
    put(store, "m/dir/file", "old");
    put(store, "m/file", "old");
    store.link(&path("m/link"), "dir").unwrap();
    store.make_dir(&path("m/empty")).unwrap();
    for onto in ["m/dir", "m/file", "m/link", "m/empty"] {
        if store.abilities().directories || onto != "m/empty" {
            refused(store.rename_tree(&path("stage/one"), &path(onto)), wanted);
        }
    }
    assert_eq!(tree(store, &path("stage")), ["stage/one/file: new"]);
    assert_eq!(tree(store, &path("m")), ["m/dir/file: old", "m/file: old", "m/link -> dir"]);
}

pub(super) fn two_trees_change_places_or_stay(store: &dyn Store) {
    put(store, "a/one/file", "1");
    put(store, "b/two/file", "2");
    let done = store.exchange(&path("a/one"), &path("b/two"));
    if !store.abilities().moves_trees {
        refused(done, StoreErrorKind::Unsupported);
        assert_eq!(tree(store, &RelPath::root()), ["a/one/file: 1", "b/two/file: 2"]);
        return;
    }
    done.unwrap();
    assert_eq!(tree(store, &RelPath::root()), ["a/one/file: 2", "b/two/file: 1"]);
    refused(store.exchange(&path("a/one"), &path("b/none")), StoreErrorKind::NotFound);
    assert_eq!(tree(store, &RelPath::root()), ["a/one/file: 2", "b/two/file: 1"]);
}

pub(super) fn what_is_discarded_is_gone_and_counted(store: &dyn Store) {
    for name in ["t/a/1", "t/a/2", "t/b/c/3", "t/4"] {
        put(store, name, "x");
    }
    store.link(&path("t/link"), "a").unwrap();
    let dirs = if store.abilities().directories { 4 } else { 0 };
    assert_eq!(store.discard(&path("t")).unwrap(), 5 + dirs);
    assert_eq!(kind(store, "t"), None);
    assert_eq!(store.discard(&path("t")).unwrap(), 0);
    assert_eq!(store.discard(&path("n/none")).unwrap(), 0);
    put(store, "f", "x");
    assert_eq!(store.discard(&path("f")).unwrap(), 1);
    assert_eq!(kind(store, "f"), None);
}

pub(super) fn what_is_swept_is_gone_and_counted(store: &dyn Store) {
    for name in ["t/a/1", "t/2"] {
        put(store, name, "x");
    }
    let dirs = if store.abilities().directories { 2 } else { 0 };
    let swept = store.sweep(&path("t"));
    assert!(swept.failures.is_empty());
    assert_eq!((swept.removed, kind(store, "t")), (2 + dirs, None));
    let again = store.sweep(&path("t"));
    assert!(again.removed == 0 && again.failures.is_empty());
    put(store, "a/file", "x");
    assert_eq!(store.sweep(&RelPath::root()).failures.len(), 1);
    assert_eq!(tree(store, &RelPath::root()), ["a/file: x"]);
}

pub(super) fn what_lies_beside_a_discarded_tree_stays(store: &dyn Store) {
    for name in ["t/1/x", "t/10/x", "t/1-x", "t2/x"] {
        put(store, name, "x");
    }
    store.link(&path("way"), "t").unwrap();
    assert_eq!(store.discard(&path("way")).unwrap(), 1);
    store.discard(&path("t/1")).unwrap();
    assert_eq!(tree(store, &path("t")), ["t/1-x: x", "t/10/x: x"]);
    assert_eq!(tree(store, &path("t2")), ["t2/x: x"]);
}

pub(super) fn the_root_is_never_changed_as_a_whole(store: &dyn Store) {
    put(store, "a/file", "x");
    let root = RelPath::root();
    assert!(store.put(&root, b"x", Put::Replace).is_err());
    assert!(store.append(&root, b"x", Append::Durable).is_err());
    assert!(store.remove(&root).is_err());
    assert!(store.remove_dir(&root).is_err());
    assert!(store.link(&root, "a").is_err());
    assert!(store.point(&root, &path("a")).is_err());
    assert!(store.rename_tree(&root, &path("b")).is_err());
    assert!(store.rename_tree(&path("a"), &root).is_err());
    assert!(store.lock(&root, "law", Duration::ZERO).is_err());
    assert!(store.discard(&root).is_err());
    assert_eq!(tree(store, &root), ["a/file: x"]);
}
