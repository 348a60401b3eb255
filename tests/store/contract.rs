//! The laws that every store keeps, run over each of them.
//!
//! A law is a function of a fresh store. Stores differ only in what they say in their abilities, and a law asks these
//! and nothing else. What a law needs is made by the store itself.

mod filling;
mod keeping;
mod links;
mod reading;
mod trees;
mod writing;

pub(crate) use filling::cut_off;

use mirrorkeep::model::RelPath;
use mirrorkeep::store::{Fill, Kind, Put, Store, StoreErrorKind};

/// A law, with its name.
pub(crate) type Law = (&'static str, fn(&dyn Store));

/// Runs each law over each store.
macro_rules! laws {
    ($($file:ident: $($law:ident)*;)*) => {
        /// Every law, for stores that are reached by other ways.
        pub(crate) const LAWS: &[Law] = &[$($((stringify!($law), $file::$law),)*)*];
        mod posix {
            $($(#[test] fn $law() {
                let dir = tempfile::tempdir().unwrap();
                super::$file::$law(&mirrorkeep::store::Posix::open(dir.path()).unwrap());
            })*)*
        }
        mod in_memory {
            $($(#[test] fn $law() {
                super::$file::$law(&mirrorkeep::store::ObjectStore::in_memory().unwrap());
            })*)*
        }
        mod in_memory_without_conditions {
            $($(#[test] fn $law() {
                let client = std::sync::Arc::new(object_store::memory::InMemory::new());
                let conditions = mirrorkeep::store::Conditions::Ignored;
                let store = mirrorkeep::store::ObjectStore::new(client, "memory:", conditions).unwrap();
                super::$file::$law(&store);
            })*)*
        }
        mod watched {
            $($(#[test] fn $law() {
                let dir = tempfile::tempdir().unwrap();
                let posix = mirrorkeep::store::Posix::open(dir.path()).unwrap();
                super::$file::$law(&mirrorkeep::store::Spy::new(std::sync::Arc::new(posix)));
            })*)*
        }
        mod logged {
            $($(#[test] fn $law() {
                let store = mirrorkeep::store::ObjectStore::in_memory().unwrap();
                super::$file::$law(&mirrorkeep::store::Logged::new(std::sync::Arc::new(store)));
            })*)*
        }
    };
}

laws! {
    reading:
        what_is_looked_at_is_told_as_it_is
        nothing_is_there_until_something_is
        a_listing_is_sorted_and_tells_kinds
        what_is_no_directory_is_not_listed
        a_walk_sees_what_looking_sees
        a_scan_sees_what_looking_and_listing_see
        a_file_is_read_as_a_whole_or_not_at_all
        an_open_file_is_read_to_its_end;
    writing:
        exactly_one_of_many_creates
        what_is_renewed_was_what_it_was_taken_for
        what_is_there_is_not_created_again
        a_reader_sees_the_old_or_the_new
        what_was_there_is_replaced_whatever_it_was
        directories_above_are_made
        a_log_keeps_every_line_in_order
        no_line_of_a_log_is_lost_or_torn
        what_is_removed_is_gone_and_nothing_else
        of_a_list_everything_is_removed_and_nothing_else
        more_are_removed_than_fit_into_one_request;
    filling:
        what_is_filled_is_counted_hashed_and_dressed
        an_unfinished_file_is_replaced
        a_source_that_fails_leaves_no_file
        what_the_dead_were_sending_is_told_and_given_up
        a_shared_file_has_the_same_bytes
        what_cannot_be_shared_is_told
        a_file_is_taken_in_or_left_alone;
    links:
        a_link_is_told_with_its_text
        an_alias_is_as_short_as_it_can_be_and_moves
        an_alias_never_takes_the_place_of_something_else
        a_reader_of_an_alias_sees_one_target_or_the_other
        nothing_acts_beyond_a_link
        nothing_is_read_beyond_a_link;
    trees:
        a_directory_is_made_with_those_above
        only_an_empty_directory_is_removed
        a_tree_is_moved_as_a_whole_or_not_at_all
        a_tree_is_never_moved_onto_something
        two_trees_change_places_or_stay
        what_is_discarded_is_gone_and_counted
        what_is_swept_is_gone_and_counted
        what_lies_beside_a_discarded_tree_stays
        the_root_is_never_changed_as_a_whole;
    keeping:
        a_lock_keeps_others_out_and_says_who_has_it
        who_waits_gets_the_lock
        of_many_one_at_a_time_has_the_lock
        no_more_is_free_than_there_is
        what_is_settled_is_still_there;
}

/// How the files of the laws are to look.
const PLAIN: Fill = Fill { mode: 0o444, mtime: None };

/// More than any file of the laws has.
const ENOUGH: u64 = 1 << 24;

#[track_caller]
fn path(text: &str) -> RelPath {
    text.parse().unwrap()
}

/// Puts a file there.
#[track_caller]
fn put(store: &dyn Store, at: &str, text: &str) {
    store.put(&path(at), text.as_bytes(), Put::Replace).unwrap();
}

/// Returns the text of a file.
#[track_caller]
fn read(store: &dyn Store, at: &str) -> String {
    String::from_utf8(store.read(&path(at), ENOUGH).unwrap()).unwrap()
}

/// Returns what lies at a path.
#[track_caller]
fn kind(store: &dyn Store, at: &str) -> Option<Kind> {
    store.look(&path(at)).unwrap().map(|entry| entry.kind)
}

/// Fails unless the answer is an error of that kind.
#[track_caller]
fn refused<T>(answer: mirrorkeep::store::Result<T>, kind: StoreErrorKind) {
    match answer {
        Ok(_) => panic!("this must fail as {kind:?}"),
        Err(error) => assert_eq!(error.kind(), kind, "{error}: {:?}", std::error::Error::source(&error)),
    }
}

/// Returns every file and link below a directory with its bytes or text, as one readable list.
fn tree(store: &dyn Store, dir: &RelPath) -> Vec<String> {
    let mut lines = Vec::new();
    for entry in store.list(dir).unwrap().entries {
        let at = dir.child(&entry.name).unwrap();
        match entry.kind {
            Kind::Dir if at.is_own() => {}
            Kind::Dir => lines.extend(tree(store, &at)),
            Kind::Link => lines.push(format!("{at} -> {}", store.look(&at).unwrap().unwrap().link.unwrap())),
            _ => lines.push(format!("{at}: {}", String::from_utf8_lossy(&store.read(&at, ENOUGH).unwrap()))),
        }
    }
    lines
}
