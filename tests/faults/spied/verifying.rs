//! Verifying through a store of which one call fails: never a clean report of what was not read, and nothing changed.

use super::scene::{Scene, verify};
use mirrorkeep::store::{Fault, Spy, StoreErrorKind};
use std::sync::Arc;

#[test]
fn a_verify_that_cannot_read_something_says_so_and_changes_nothing() {
    let scene = Scene::new();
    let spy = Arc::new(Spy::new(scene.store()));
    let clean = verify(Arc::<Spy>::clone(&spy)).unwrap();
    assert!(clean.faults.is_empty() && clean.files > 2, "{clean:?}");
    let (before, count, calls) = (scene.state(), spy.count(), spy.calls());
    assert!(count > 10, "only {count} calls: is this the whole story?");
    let mut wrong = Vec::new();
    for kind in [StoreErrorKind::Io, StoreErrorKind::Denied, StoreErrorKind::TooManyOpen] {
        for nth in 1..=count {
            let broken = Spy::new(scene.store()).with(nth, Fault::Fail(kind));
            let told = match verify(Arc::new(broken)) {
                Err(_) => true,
                Ok(report) => {
                    let all_was_read = (report.builds, report.files) == (clean.builds, clean.files);
                    !report.faults.is_empty() || !report.warnings.is_empty() || all_was_read
                }
            };
            if !told {
                wrong.push(format!("{kind:?} in {nth}. {}: a clean report", calls[nth - 1]));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // The cursor that a broken run left goes with the next that comes to its end.
    verify(scene.store()).unwrap();
    assert_eq!(scene.state(), before);
}
