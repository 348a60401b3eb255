//! What the client does over any registry: each law runs over two real registries, with and without users, and over two stand-ins.

use super::scene::{Server, is_whole};
use mirrorkeep::model::Digest;
use mirrorkeep::progress::NoProgress;
use mirrorkeep::registry::{Compared, Deleted, Expected, Registries, RegistryError};

/// Two registries, and a client of both.
pub(super) struct Pair {
    pub(super) one: Server,
    pub(super) two: Server,
    pub(super) client: Registries,
}

/// A law with its name.
pub(super) type Law = (&'static str, fn(&Pair));

/// Every law; each has repositories of its own.
pub(super) const LAWS: [Law; 8] = [
    ("an index keeps its digest across registries, and a second copy sends nothing", copies_an_index),
    ("blobs are mounted across repositories of one registry", mounts),
    ("a tag is moved and read back", moves_a_tag),
    ("a copy goes on where another tag or image left something", copies_what_is_missing),
    ("what is missing is nothing, or an error that names it", misses),
    ("every tag is listed", lists),
    ("a digest is deleted with every tag", deletes),
    ("many images are compared", compares),
];

fn copies_an_index(pair: &Pair) {
    let Pair { one, two, client } = pair;
    let digest = one.put_index("index/a", "v1");
    let (from, to) = (one.image("index/a", "v1"), two.image("index/deep/b", "stable"));
    let copied = client.copy(&from, &to, &NoProgress).unwrap();
    // Three configurations, three layers and the shared one; three images and the index.
    assert_eq!((copied.digest, copied.sent, copied.mounted, copied.manifests), (digest, 7, 0, 4));
    is_whole(two, "index/deep/b", "stable", digest);
    let again = client.copy(&from, &to, &NoProgress).unwrap();
    assert_eq!((again.digest, again.sent, again.bytes, again.mounted, again.manifests), (digest, 0, 0, 0, 0));
    let found = client.look(&to).unwrap().unwrap();
    assert_eq!((found.digest, &*found.media_type), (digest, super::scene::INDEX));
    let manifest = client.manifest(&to).unwrap();
    assert_eq!((manifest.digest, manifest.descriptor()), (digest, found));
}

fn mounts(pair: &Pair) {
    let Pair { one, client, .. } = pair;
    let digest = one.put_index("mount/a", "v1");
    let copied = client.copy(&one.image("mount/a", "v1"), &one.image("mount/b", "v1"), &NoProgress).unwrap();
    assert_eq!((copied.sent, copied.bytes, copied.mounted, copied.manifests), (0, 0, 7, 4));
    is_whole(one, "mount/b", "v1", digest);
}

fn moves_a_tag(pair: &Pair) {
    let Pair { one, client, .. } = pair;
    one.put_image("tag/a", Some("one"), "first");
    one.put_image("tag/a", Some("two"), "second");
    let [first, second] = ["one", "two"].map(|tag| client.manifest(&one.image("tag/a", tag)).unwrap());
    let moving = one.image("tag/a", "latest");
    assert_eq!(client.look(&moving).unwrap(), None);
    for manifest in [&first, &second, &first] {
        client.put_manifest(&moving, manifest).unwrap();
        assert_eq!(client.look(&moving).unwrap().unwrap(), manifest.descriptor());
        assert_eq!(&client.manifest(&moving).unwrap(), manifest);
    }
    // Within one repository, a copy is the tag alone.
    let copied = client.copy(&one.image("tag/a", "two"), &moving, &NoProgress).unwrap();
    assert_eq!((copied.digest, copied.sent, copied.manifests), (second.digest, 0, 1));
    assert_eq!(client.look(&moving).unwrap().unwrap().digest, second.digest);
    let other = one.repository("tag/a").at(first.digest);
    assert!(client.put_manifest(&other, &second).unwrap_err().to_string().contains("have the digest"));
}

fn copies_what_is_missing(pair: &Pair) {
    let Pair { one, two, client } = pair;
    one.put_image("some/a", Some("amd"), "amd64");
    let digest = one.put_index("some/a", "v1");
    let to = two.image("some/b", "amd");
    let copied = client.copy(&one.image("some/a", "amd"), &to, &NoProgress).unwrap();
    assert_eq!((copied.sent, copied.manifests), (3, 1));
    let to = two.image("some/b", "v1");
    let copied = client.copy(&one.image("some/a", "v1"), &to, &NoProgress).unwrap();
    assert_eq!((copied.sent, copied.manifests), (4, 3));
    // Under a second tag, nothing but the tag is sent; by a digest, nothing at all.
    let copied = client.copy(&one.image("some/a", "v1"), &two.image("some/b", "v2"), &NoProgress).unwrap();
    assert_eq!((copied.sent, copied.manifests), (0, 1));
    let by_digest = one.repository("some/a").at(digest);
    let to = two.repository("some/b").at(digest);
    assert_eq!(client.copy(&by_digest, &to, &NoProgress).unwrap().manifests, 0);
    // A child that somebody deleted comes back.
    let child = client.manifest(&two.image("some/b", "amd")).unwrap().digest;
    assert_eq!(client.delete(&two.repository("some/b"), child).unwrap(), Deleted::Yes);
    let copied = client.copy(&one.image("some/a", "v1"), &two.image("some/b", "v1"), &NoProgress).unwrap();
    assert_eq!((copied.sent, copied.manifests), (0, 1));
    is_whole(two, "some/b", "v1", digest);
}

fn misses(pair: &Pair) {
    let Pair { one, two, client } = pair;
    one.put_image("miss/a", Some("v1"), "x");
    client.ping(one.repository("miss/a").host()).unwrap();
    for image in [
        one.image("miss/a", "v2"),
        one.image("miss/none", "v1"),
        one.repository("miss/a").at(Digest::of(b"x")),
    ] {
        assert_eq!(client.look(&image).unwrap(), None);
        let error = client.manifest(&image).unwrap_err();
        assert!(matches!(error, RegistryError::Missing(_)), "{error:?}");
        assert!(error.to_string().contains(&image.to_string()), "{error}");
        let error = client.copy(&image, &two.image("miss/b", "v1"), &NoProgress).unwrap_err();
        assert!(matches!(error, RegistryError::Missing(_)), "{error:?}");
    }
    assert_eq!(client.tags(&one.repository("miss/none")).unwrap(), Vec::<String>::new());
    assert_eq!(client.delete(&one.repository("miss/a"), Digest::of(b"x")).unwrap(), Deleted::WasGone);
}

fn lists(pair: &Pair) {
    let Pair { one, client, .. } = pair;
    one.put_image("list/a", Some("v0"), "x");
    let manifest = client.manifest(&one.image("list/a", "v0")).unwrap();
    let mut expected: Vec<String> = (0..25).map(|number| format!("v{number}")).collect();
    for tag in &expected {
        client.put_manifest(&one.image("list/a", tag), &manifest).unwrap();
    }
    expected.sort();
    assert_eq!(client.tags(&one.repository("list/a")).unwrap(), expected);
}

fn deletes(pair: &Pair) {
    let Pair { one, client, .. } = pair;
    let repository = one.repository("gone/a");
    one.put_image("gone/a", Some("v1"), "x");
    one.put_image("gone/a", Some("other"), "y");
    let manifest = client.manifest(&one.image("gone/a", "v1")).unwrap();
    client.put_manifest(&one.image("gone/a", "v2"), &manifest).unwrap();
    assert_eq!(client.delete(&repository, manifest.digest).unwrap(), Deleted::Yes);
    assert_eq!(client.delete(&repository, manifest.digest).unwrap(), Deleted::WasGone);
    assert_eq!(client.tags(&repository).unwrap(), ["other"]);
    assert_eq!(client.look(&one.image("gone/a", "v2")).unwrap(), None);
}

fn compares(pair: &Pair) {
    let Pair { one, two, client } = pair;
    one.put_image("compare/a", Some("v1"), "x");
    let digest = client.manifest(&one.image("compare/a", "v1")).unwrap().digest;
    let other = Digest::of(b"other");
    let expected =
        |server: &Server, tag: &str, digest| Expected { image: server.image("compare/a", tag), digest };
    let found = client.compare(&[
        expected(one, "v1", Some(digest)),
        expected(one, "v1", None),
        expected(one, "v1", Some(other)),
        expected(one, "v2", None),
        expected(two, "v1", Some(digest)),
    ]);
    let found: Vec<Compared> = found.into_iter().map(Result::unwrap).collect();
    let there = Compared::There(digest);
    assert_eq!(found, [there, there, Compared::Other(digest), Compared::Missing, Compared::Missing]);
}
