//! Files that were being sent in parts when their sender died: who tells of them, and who gives them up.

use super::scene::{self, ONE, Scene, TWO, build, now, open};
use crate::store::contract::cut_off;
use mirrorkeep::decide::check::{Fix, Terms, mends};
use mirrorkeep::model::{RelPath, Stamp};
use mirrorkeep::recover::{Settled, SettledAs, Stages};
use mirrorkeep::session::Session;
use mirrorkeep::store::{Put, Uploads};

const MINUTE: i64 = 60;

fn image(build: &str) -> RelPath {
    format!("master/centos/{build}/outputs/iso/bootimage.iso").parse().unwrap()
}

/// Returns a mirror, and a sender of a file of that build who died.
fn of_the_dead(build: &str) -> Scene {
    let scene = Scene::new();
    cut_off(&*scene.store(), &image(build));
    assert_eq!(sent(&scene), [image(build)]);
    scene
}

fn sent(scene: &Scene) -> Vec<RelPath> {
    scene.store().unfinished(Uploads::Noted).unwrap().into_iter().map(|upload| upload.to).collect()
}

fn later(minutes: i64) -> Stamp {
    now().checked_add(minutes * MINUTE).unwrap()
}

/// Returns what a check finds to mend by then.
fn to_mend(scene: &Scene, minutes: i64) -> Vec<Fix> {
    let mirror = open(scene.store()).unwrap();
    let report = mirrorkeep::ops::check::check(
        &Session::new(&mirror, &|| later(minutes)),
        &RelPath::root(),
        Terms::default(),
        Vec::new(),
    );
    mends(&report.unwrap().findings)
}

#[test]
fn a_check_tells_of_them_once_no_sign_of_life_came_for_an_hour_and_mends_it() {
    let scene = of_the_dead(TWO);
    assert_eq!(to_mend(&scene, 55), []);
    let wanted = to_mend(&scene, 65);
    let shown: Vec<String> = wanted.iter().map(ToString::to_string).collect();
    assert_eq!(shown, [format!("give up the unfinished upload of {}", image(TWO))]);
    let mirror = open(scene.store()).unwrap();
    // One that came back to life meanwhile is left alone.
    for (minutes, left) in [(55, 1), (65, 0)] {
        let mended =
            mirrorkeep::ops::check::mend(&Session::new(&mirror, &|| later(minutes)), wanted.clone()).unwrap();
        assert_eq!(mended.iter().filter_map(|mended| mended.failure.clone()).collect::<Vec<_>>(), [""; 0]);
        assert_eq!(sent(&scene).len(), left);
    }
    assert_eq!(to_mend(&scene, 65), []);
}

#[test]
fn recovering_gives_them_up_once_no_sign_of_life_came_for_an_hour() {
    let scene = of_the_dead(TWO);
    let mirror = open(scene.store()).unwrap();
    let recovered =
        |minutes| mirrorkeep::recover::recover(&mirror, Stages::Wait, &|| later(minutes)).unwrap();
    assert_eq!((recovered(55), sent(&scene).len()), (vec![], 1));
    let cleared = Settled { to: image(TWO).to_string(), what: SettledAs::Cleared };
    assert_eq!((recovered(65), sent(&scene).len()), (vec![cleared], 0));
}

#[test]
fn who_publishes_the_build_again_gives_them_up_at_once_and_those_of_no_other() {
    let scene = of_the_dead(TWO);
    cut_off(&*scene.store(), &image("20181208T060000Z"));
    scene::publish_two(&scene, scene.store()).unwrap();
    assert_eq!(sent(&scene), [image("20181208T060000Z")]);
    assert_eq!(scene.builds(), [ONE, TWO]);
}

#[test]
fn who_clears_the_stage_of_a_build_gives_them_up_with_it() {
    let scene = of_the_dead(TWO);
    let stage = RelPath::state("stage/of-the-dead");
    let underway = serde_json::json!({"upload": 1, "id": build(TWO), "path": format!("master/centos/{TWO}")});
    let note = stage.child("upload.json").unwrap();
    scene.store().put(&note, underway.to_string().as_bytes(), Put::Create).unwrap();
    let mirror = open(scene.store()).unwrap();
    mirrorkeep::recover::recover(&mirror, Stages::Wait, &now).unwrap();
    assert_eq!(sent(&scene).len(), 1, "the publisher may come back");
    mirrorkeep::recover::recover(&mirror, Stages::Discard, &now).unwrap();
    assert_eq!(sent(&scene).len(), 0);
}

#[test]
fn what_is_no_note_of_an_upload_goes_without_harm() {
    let scene = Scene::new();
    let forged =
        |id: &str| format!(r#"{{"upload": 1, "to": "master/centos/{ONE}/SHA256SUMS", "id": "{id}"}}"#);
    for (name, text) in
        [("1", "no JSON"), ("2", r#"{"upload": 2}"#), ("3", &*forged("")), ("4", &*forged("7"))]
    {
        scene
            .store()
            .put(&RelPath::state("uploads").child(name).unwrap(), text.as_bytes(), Put::Create)
            .unwrap();
    }
    let before = scene.seen();
    let found: Vec<String> = to_mend(&scene, 65).into_iter().map(|mend| mend.path).collect();
    let own = |name: &str| format!(".mirrorkeep/uploads/{name}");
    assert_eq!(found, [own("1"), own("2"), own("3"), format!("master/centos/{ONE}/SHA256SUMS")]);
    mirrorkeep::ops::check::mend(
        &Session::new(scene.mirror(), &|| later(65)),
        to_mend(&scene, 65)[..3].to_vec(),
    )
    .unwrap();
    assert_eq!(sent(&scene).len(), 1);
    scene.misleads_nobody().unwrap();
    assert_eq!(scene.seen(), before);
}
