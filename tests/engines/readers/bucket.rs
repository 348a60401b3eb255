//! The same for a mirror in a bucket behind nginx: dnf and apt by lists, and clients that compare size, time or tag.

use super::{
    Apt, Client, Dnf, FOR_EVER, POLICY, Rig, Running, SESSIONS, STREAM, Site, apt_repository, at, build,
    contrib, fine, rpm_repository, rpms, sessions, the_morning_after,
};
use crate::engines::strangers::rclone;
use crate::engines::web::nginx_in;
use crate::support::servers::weed;
use mirrorkeep::model::RelPath;
use mirrorkeep::store::{Put, Store};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// The mirror in the bucket.
pub(super) const NAME: &str = "readers";

impl Site {
    /// Returns a mirror in a bucket without a build, whose readers get lists, and nginx in front of it.
    fn in_bucket() -> Self {
        let rig = Rig::new();
        fs::remove_dir_all(rig.work("outputs")).unwrap();
        rig.write("success", "");
        let (policy, redirects) = (rig.work("../policy.yaml"), rig.work("../redirects.inc"));
        fs::write(&policy, POLICY).unwrap();
        fs::write(&redirects, "").unwrap();
        let engine = weed::single();
        let server = Running::start("nginx", |dir, port| {
            let ours = [
                ("listen 80;", format!("listen 127.0.0.1:{port};")),
                (
                    "https://bucket.s3.amazonaws.com/mirror/",
                    format!("http://127.0.0.1:{}/test/{NAME}/", engine.port),
                ),
                (
                    "# include /var/lib/mirrorkeep/nginx-redirects.inc;",
                    format!("include {};", redirects.display()),
                ),
            ];
            fs::write(dir.join("mirror.conf"), contrib("nginx-bucket.conf", &ours)).unwrap();
            nginx_in(dir, "user root;", "include mirror.conf;")
        });
        let site = Self { rig, server, next: AtomicUsize::new(0), bucket: Some(engine) };
        site.keep(&["init", "--layout", "generic", "--policy", policy.to_str().unwrap()]);
        let engine = site.bucket.as_ref().unwrap();
        let (store, at) = (engine.store(NAME), RelPath::state("mirror.yaml"));
        let text = String::from_utf8(store.read(&at, 1 << 20).unwrap()).unwrap();
        let text = format!("{text}readers: {{url: '{}', newest: 60}}\n", site.address());
        store.put(&at, text.as_bytes(), Put::Replace).unwrap();
        site
    }

    /// Returns a public file, by way of nginx.
    fn public(&self, path: &str) -> String {
        let (head, body) = self.server.get(&format!("/readers/{STREAM}/{path}"));
        assert!(head.contains(" 200 ") && head.contains("max-age=60"), "{head}");
        String::from_utf8(body).unwrap()
    }

    /// Sends readers of names to the builds at which these are now.
    fn redirect(&self) {
        let out = self.rig.work("../redirects.inc");
        self.keep(&["export", "redirects", "--for", "nginx", "--under", "/", "--out", out.to_str().unwrap()]);
        Command::new("kill").args(["-HUP", &self.server.id().to_string()]).status().unwrap();
        std::thread::sleep(Duration::from_millis(500));
    }
}

/// Tries a client by its list, and by the name and redirects, which must show that the test can fail.
fn tried_in_bucket(site: &Site, by_list: &dyn Client, by_name: &dyn Client, lay: &(dyn Fn(&str) + Sync)) {
    the_morning_after(site, by_list, lay).unwrap();
    let (tried, failed) = sessions(site, by_list, lay);
    assert!(failed.is_empty(), "{} of {tried} failed:\n{}", failed.len(), failed.join("\n"));
    assert!(tried >= SESSIONS, "{tried}");
    site.redirect();
    by_name.forget();
    fine(&by_name.update()).unwrap();
    let name = build(site.next.fetch_add(1, Ordering::Relaxed));
    lay(&name);
    site.publish_as_it_is(&name);
    site.redirect();
    assert!(fine(&by_name.install()).is_err(), "redirects alone do not keep a session on one build");
}

#[test]
fn apt_comes_to_the_end_of_every_session_by_the_list_of_a_bucket() {
    let site = Site::in_bucket();
    let lay = |name: &str| apt_repository(&site.rig, name);
    let name = build(site.next.fetch_add(1, Ordering::Relaxed));
    lay(&name);
    site.publish_as_it_is(&name);
    let trusted = |sources: &str| sources.replace("Components: main\n", "Components: main\nTrusted: yes\n");
    let by_list = Apt::new(&trusted(&site.public("latest_build.sources")));
    let address = format!("{}/{STREAM}/latest_build/apt", site.address());
    let by_name =
        Apt::new(&trusted(&format!("Types: deb\nURIs: {address}\nSuites: stable\nComponents: main\n")));
    tried_in_bucket(&site, &by_list, &by_name, &lay);
}

#[test]
fn dnf_comes_to_the_end_of_every_session_by_the_list_of_a_bucket() {
    let site = Site::in_bucket();
    let built = tempfile::tempdir().unwrap();
    let packages = rpms(built.path());
    let lay = |name: &str| rpm_repository(&site.rig, name, &packages);
    let name = build(site.next.fetch_add(1, Ordering::Relaxed));
    lay(&name);
    site.publish_as_it_is(&name);
    let by_list = Dnf::new(&site.public("latest_build.repo"));
    let address = format!("{}/{STREAM}/latest_build/rpm", site.address());
    let by_name = Dnf::new(&format!("[mirror]\nname=mirror\nbaseurl={address}\nenabled=1\n"));
    tried_in_bucket(&site, &by_list, &by_name, &lay);
}

/// Runs a client in a directory, which must succeed.
#[track_caller]
fn client(command: &mut Command, dir: &Path) {
    fs::create_dir_all(dir).unwrap();
    fine(&command.current_dir(dir).stdin(Stdio::null()).output().unwrap()).unwrap();
}

/// Reads the image of the alias with each client, which has read it before, and returns what each has.
fn read(site: &Site, place: &Path) -> Vec<(&'static str, String)> {
    let image = format!("{}/{STREAM}/latest_build/iso/boot.iso", site.address());
    let dir = |name: &str| place.join(name);
    client(Command::new(at("wget")).args(["-q", "-N", &image]), &dir("wget"));
    let tag = ["-sSfL", "-o", "boot.iso", "--etag-compare", "tag", "--etag-save", "tag"];
    client(Command::new(at("curl")).args(tag).arg(&image), &dir("curl-tag"));
    client(
        Command::new(at("curl")).args(["-sSfLR", "-o", "boot.iso", "-z", "boot.iso", &image]),
        &dir("curl-time"),
    );
    // A dated address: rclone lists the bucket, and follows no redirect.
    let build = site.keep(&["resolve", &format!("{STREAM}/latest_build")]).trim().to_owned();
    fs::create_dir_all(dir("rclone")).unwrap();
    let from = format!("b:test/{NAME}/{build}/iso");
    rclone(site.bucket.as_ref().unwrap(), &["copy", &from, dir("rclone").to_str().unwrap()]);
    let has = |name: &'static str| (name, fs::read_to_string(dir(name).join("boot.iso")).unwrap());
    ["wget", "curl-tag", "curl-time", "rclone"].map(has).to_vec()
}

/// Three builds whose images have one size and, in the source, one time; then back to the second.
#[test]
fn clients_that_compare_size_time_or_tag_get_the_new_bytes_from_a_bucket() {
    let site = Site::in_bucket();
    let place = tempfile::tempdir().unwrap();
    for (number, bytes) in
        ["bytes of one build", "bytes of the other", "bytes of one build"].into_iter().enumerate()
    {
        site.rig.write("iso/boot.iso", bytes);
        let file = fs::File::open(site.rig.work("iso/boot.iso")).unwrap();
        file.set_modified(std::time::UNIX_EPOCH + Duration::from_secs(1_540_000_000)).unwrap();
        // The time of an object is that of its upload, in whole seconds.
        std::thread::sleep(Duration::from_millis(1100));
        site.publish_as_it_is(&build(number));
        site.redirect();
        for (client, has) in read(&site, place.path()) {
            assert_eq!(has, bytes, "{client} after build {number}");
        }
    }
    // A tag differs, and a time that is earlier is newer to no client that compares times.
    let second = format!("{STREAM}/{}", build(1));
    site.keep(&["alias", "set", &format!("{STREAM}/latest_build"), &second, "--allow-backwards"]);
    site.redirect();
    for (client, has) in read(&site, place.path()) {
        let is_stale = ["wget", "curl-time"].contains(&client);
        assert_eq!(has == "bytes of the other", !is_stale, "{client} has `{has}`");
    }
}

#[test]
fn nothing_of_the_own_area_is_served_from_a_bucket() {
    let site = Site::in_bucket();
    site.rig.write("iso/boot.iso", "image");
    site.publish_as_it_is(&build(0));
    for path in [
        "/.mirrorkeep/mirror.yaml",
        "/%2emirrorkeep/mirror.yaml",
        "//.mirrorkeep/mirror.yaml",
        "/x/../.mirrorkeep/mirror.yaml",
    ] {
        assert!(site.server.get(path).0.contains(" 404 "), "{path}");
    }
    let (_, listed) = site.server.get("/?list-type=2&prefix=readers/.mirrorkeep");
    assert!(!String::from_utf8_lossy(&listed).contains("mirror.yaml"));
    let (head, body) = site.server.get(&format!("/{STREAM}/{}/iso/boot.iso", build(0)));
    assert!(head.contains(FOR_EVER) && body == b"image", "{head}");
}
