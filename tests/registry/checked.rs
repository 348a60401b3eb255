//! `check --registry`: what registries lack, have under another digest, or moved.

use super::carried::{A, B, Carried};
use super::standin::{Deed, StandIn};
use crate::support::http::Message;
use mirrorkeep::model::Digest;
use serde_json::Value;

/// Returns the findings about registries, `code path found`.
pub(super) fn findings(carried: &Carried, args: &[&str]) -> Vec<String> {
    let args = [&["--json", "check", "--registry"], args].concat();
    let answer: Value = serde_json::from_slice(&carried.rig.run(&args).stdout).unwrap();
    let text = |found: &Value, key: &str| found[key].as_str().unwrap().to_owned();
    let of_registries = |found: &&Value| {
        let code = text(found, "code");
        code.starts_with("image-") || code == "registry-unread"
    };
    let all = answer["findings"].as_array().unwrap().iter().filter(of_registries);
    all.map(|found| ["code", "path", "found"].map(|key| text(found, key)).join(" ")).collect()
}

#[test]
fn what_a_registry_lacks_has_otherwise_or_moved_is_reported() {
    let registry = StandIn::start();
    let (server, port) = (registry.server(), registry.port);
    let carried = Carried::new(port, port);
    // The lists name the registry, and one image by its digest, too.
    let digest = Digest::of(b"another image");
    carried.build(A);
    carried.rig.ok(&["promote"]);
    carried.build_of(
        B,
        B,
        &format!("127.0.0.1:{port}/ci/nova:{B}@sha256:{digest}\n127.0.0.1:{port}/ci/gone:{B}\n"),
    );
    let list = format!("master/centos/{B}/outputs/images.lst");
    // `docker.io` cannot be asked here; what is said of it is of no interest.
    let asked = |args: &[&str]| {
        let mut all = findings(&carried, args);
        all.retain(|found| !found.contains("docker.io"));
        all
    };
    assert_eq!(
        asked(&[]),
        [
            format!("image-missing {list} `127.0.0.1:{port}/ci/gone:{B}` is missing"),
            format!("image-changed {list} `127.0.0.1:{port}/ci/nova:{B}` has {}", digest_of(&server, B)),
        ]
    );
    assert_eq!(asked(&[&format!("master/centos/{A}")]), [""; 0]);
    server.put_image("pub/nova", Some("tested"), "something else");
    let moved = asked(&["master/centos/tested"]);
    assert_eq!(moved.len(), 1, "{moved:?}");
    let start =
        format!("image-tag-moved master/centos/tested `127.0.0.1:{port}/pub/nova:tested` has sha256:");
    assert!(moved[0].starts_with(&start), "{moved:?}");
    registry.rule(|_, _| Some(Deed::Answer(Message::answer(403).body(""))));
    let unread = asked(&["master/centos/tested"]);
    assert!(
        unread.len() == 1 && unread[0].starts_with("registry-unread master/centos/tested "),
        "{unread:?}"
    );
    // Without the option no registry is asked.
    registry.rule(|_, _| None);
    carried.rig.run(&["check"]);
    assert_eq!(registry.seen(), [""; 0]);
}

/// Returns the digest of the nova of a build.
fn digest_of(server: &super::scene::Server, name: &str) -> String {
    super::carried::tag(server, "ci/nova", name).unwrap()
}
