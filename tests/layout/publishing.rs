//! Publishing into a mirror of each layout, as sentences of the command line.

use crate::support::rig::Rig;
use std::fs;

/// A mirror of one layout, and workspaces to publish from.
struct Site(Rig);

impl Site {
    fn of(layout: &str) -> Self {
        let rig = Rig::new();
        rig.ok(&["init", "--layout", layout]);
        Self(rig)
    }

    /// Publishes these files as that build.
    #[track_caller]
    fn publish(&self, stream: &str, build: &str, files: &[(&str, &str)], more: &[&str]) -> String {
        self.0.ok(&self.args(stream, build, files, more).iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Tries to publish these files, which must fail and say that.
    #[track_caller]
    fn refuses(&self, said: &str, stream: &str, build: &str, files: &[(&str, &str)]) {
        let args = self.args(stream, build, files, &[]);
        self.0.fails(1, said, &args.iter().map(String::as_str).collect::<Vec<_>>());
    }

    fn args(&self, stream: &str, build: &str, files: &[(&str, &str)], more: &[&str]) -> Vec<String> {
        let work = self.0.work("../site");
        drop(fs::remove_dir_all(&work));
        for (path, text) in files {
            self.0.write(&format!("../site/{path}"), text);
        }
        let args = ["publish", work.to_str().unwrap(), "--stream", stream, "--build", build];
        args.iter().chain(more).map(|arg| (*arg).to_owned()).collect()
    }

    /// Returns where an alias points.
    fn link(&self, alias: &str) -> Option<String> {
        let link = fs::read_link(self.0.mirror(alias)).ok()?;
        Some(link.to_str().unwrap().to_owned())
    }

    #[track_caller]
    fn label(&self, id: &str, label: &str) {
        self.0.ok(&["label", id, label]);
    }
}

#[test]
fn starlingx_builds_lie_below_code_name_and_layer_and_five_names_follow() {
    let site = Site::of("starlingx-debian");
    let stream = "master/debian/bullseye/amd64/monolithic";
    let files = [("outputs/iso/a.iso", "image"), ("logs/build.log", "log")];
    let (one, two) = ("20250601T041000Z", "20250602T041000Z");
    site.publish(stream, one, &files, &["--label", "docker-images=published"]);
    site.publish(stream, two, &files, &[]);
    let marker = fs::read_to_string(site.0.mirror(&format!("{stream}/{one}/outputs/Success"))).unwrap();
    assert_eq!(marker, "Build was successful\n");
    let link = |name: &str| site.link(&format!("{stream}/latest_{name}"));
    assert_eq!(link("build").as_deref(), Some(two));
    assert_eq!(link("docker_image_build").as_deref(), Some(one));
    assert_eq!((link("green_build"), link("yellow_build")), (None, None));
    site.label(&format!("{stream}/{one}"), "sanity=green");
    assert_eq!((link("green_build").as_deref(), link("yellow_build").as_deref()), (Some(one), Some(one)));
    site.label(&format!("{stream}/{two}"), "sanity=yellow");
    assert_eq!((link("green_build").as_deref(), link("yellow_build").as_deref()), (Some(one), Some(two)));
    site.0.sums_hold(&format!("{stream}/latest_build"));
    // A failed build had no marker of its own, so none can be published here.
    site.refuses(
        "more than one result marker",
        "master/centos",
        one,
        &[("outputs/Success", ""), ("outputs/No_New_Content", "")],
    );
    let failed = site.args("master/centos", one, &files, &["--result", "fail"]);
    let failed: Vec<&str> = failed.iter().map(String::as_str).collect();
    site.0.fails(1, "no marker for the result `fail`", &failed);
}

#[test]
fn starlingx_releases_have_no_date_and_a_person_names_the_latest() {
    let site = Site::of("starlingx-debian");
    let files = [("outputs/iso/a.iso", "image")];
    site.publish("release/debian/monolithic", "10.0.0", &files, &[]);
    site.publish("release/debian/bullseye/amd64/monolithic", "11.0.0", &files, &[]);
    assert!(site.0.mirror("release/11.0.0/debian/bullseye/amd64/monolithic/outputs/iso/a.iso").exists());
    site.0.sums_hold("release/10.0.0/debian/monolithic");
    assert_eq!(site.link("release/latest_build"), None);
    site.0.ok(&["alias", "set", "release/latest_release", "11.0.0"]);
    assert_eq!(site.link("release/latest_release").as_deref(), Some("11.0.0"));
    let list = site.0.json(&["list", "release/debian/monolithic"]);
    assert_eq!(list["builds"][0]["id"], "release/debian/monolithic/10.0.0");
    let branch = ["--git-branch", "2018.10.5", "--distro", "centos"];
    let work = site.0.work("../site");
    site.0.ok(&[&["publish", work.to_str().unwrap()], &branch[..]].concat());
    assert!(site.0.mirror("release/2018.10/centos/2018.10.5/outputs/Success").exists());
    let fields = ["--distro", "debian", "--field", "layer=monolithic", "--field", "codename=trixie"];
    let args = [&["publish", work.to_str().unwrap(), "--git-branch", "r/stx.10.0"], &fields[..]].concat();
    assert!(site.0.ok(&args).contains("rc/10.0/debian/trixie/amd64/monolithic/"));
    let wanting = [&args[..args.len() - 4], &["--field", "codename=trixie"]].concat();
    site.0.fails(2, "it is too short", &wanting);
    site.0.fails(2, "has no field", &[&args[..], &["--field", "colour=red"]].concat());
    site.0.fails(2, "`NAME=VALUE`", &[&args[..], &["--field", "layer"]].concat());
}

#[test]
fn files_that_scripts_touch_into_a_build_count() {
    let site = Site::of("starlingx-debian");
    let id = "master/centos/20190523T013000Z";
    site.publish("master/centos", "20190523T013000Z", &[("outputs/iso/a.iso", "image")], &[]);
    for (file, label) in [("GREEN", "green"), ("YELLOW", "yellow"), ("RED", "red")] {
        fs::write(site.0.mirror(&format!("{id}/outputs/{file}")), "").unwrap();
        assert_eq!(site.0.json(&["show", id])["labels"]["sanity"]["value"], label, "the worst counts");
    }
    assert_eq!(site.0.json(&["show", id])["holds"].as_array().unwrap().len(), 0);
    fs::write(site.0.mirror(&format!("{id}/KEEP")), "").unwrap();
    assert_eq!(site.0.json(&["show", id])["holds"][0]["why"], "the file `KEEP` is in it");
    // What was said by a person stands.
    site.label(id, "sanity=green");
    assert_eq!(site.0.json(&["show", id])["labels"]["sanity"]["value"], "green");
}

#[test]
fn rdo_builds_are_sharded_by_hash_and_dated_by_their_commit() {
    let site = Site::of("rdo-trunk");
    let stream = "centos9-master/component/tripleo";
    let (one, two) = (
        "420c638d6325d1ccf50eb5fe430c5d255dcbfb94_52cbbfe7",
        "010b0a5d3c1f4e2b8a7c6d5e4f3a2b1c0d9e8f7a_02020202_0f0f0f0f",
    );
    let commit = |at: &str, status: &str| format!("commits:\n- dt_build: '{at}'\n  status: {status}\n");
    site.publish(stream, one, &[("a.rpm", "a"), ("commit.yaml", &commit("1541500000", "SUCCESS"))], &[]);
    let path = "centos9-master/component/tripleo/42/0c/420c638d6325d1ccf50eb5fe430c5d255dcbfb94_52cbbfe7";
    assert!(site.0.mirror(path).join("a.rpm").exists());
    assert_eq!(site.link(&format!("{stream}/current")), Some(format!("42/0c/{one}")));
    // An older commit that is published later is no newer build.
    site.publish(stream, two, &[("a.rpm", "a"), ("commit.yaml", &commit("1541400000", "SUCCESS"))], &[]);
    assert_eq!(site.link(&format!("{stream}/current")), Some(format!("42/0c/{one}")));
    let list = site.0.json(&["list", stream]);
    assert_eq!(list["builds"][0]["created"], "2018-11-05T06:40:00Z");
    assert_eq!(list["builds"][1]["aliases"][0], format!("{stream}/current"));
    site.label(&format!("{stream}/{two}"), "consistent=yes");
    assert_eq!(site.link(&format!("{stream}/consistent")), Some(format!("01/0b/{two}")));
    site.0.ok(&["alias", "set", &format!("{stream}/current-tripleo"), path]);
    assert_eq!(site.link(&format!("{stream}/current-tripleo")), Some(format!("42/0c/{one}")));
    // Without its record the build says the same of itself.
    let before = site.0.json(&["show", &format!("{stream}/{two}")]);
    fs::remove_file(site.0.mirror(&format!(".mirrorkeep/builds/{stream}/{two}.json"))).unwrap();
    let after = site.0.json(&["show", &format!("{stream}/{two}")]);
    assert_eq!((&after["created"], &after["result"]), (&before["created"], &before["result"]));
}

#[test]
fn an_rdo_build_says_itself_how_it_went() {
    let site = Site::of("rdo-trunk");
    let stream = "centos9-master/component/tripleo";
    let build = "420c638d6325d1ccf50eb5fe430c5d255dcbfb94_52cbbfe7";
    let said = |text: &'static str| [("root.log", "log"), ("commit.yaml", text)];
    site.refuses(
        "except a result that the build itself states in `commit.yaml`",
        stream,
        build,
        &[("a.rpm", "a")],
    );
    site.refuses(
        "which is not a result",
        stream,
        build,
        &said("commits: [{status: HALF, dt_build: 1541500000}]\n"),
    );
    site.refuses("commit.yaml", stream, build, &said("commits: [\n"));
    site.refuses(
        "the time in `commit.yaml`",
        stream,
        build,
        &said("commits: [{status: SUCCESS, dt_build: soon}]\n"),
    );
    site.publish(stream, build, &said("commits: [{status: FAILED, dt_build: '1541500000.0'}]\n"), &[]);
    assert_eq!(site.link(&format!("{stream}/current")), None);
    assert_eq!(site.0.json(&["show", &format!("{stream}/{build}")])["result"], "fail");
}

#[test]
fn an_rdo_aggregate_is_a_build_of_its_label() {
    let site = Site::of("rdo-trunk");
    let md5 = "3c757ade82e3016044d58a20e0d0dc0a";
    let files = [("delorean.repo", "[a]"), ("delorean.repo.md5", md5), ("versions.csv", "a,b")];
    site.publish("centos9-epoxy/current-tripleo", md5, &files, &[]);
    assert!(site.0.mirror(&format!("centos9-epoxy/current-tripleo/3c/75/{md5}/delorean.repo")).exists());
    assert_eq!(site.link("centos9-epoxy/current-tripleo/current"), None);
}

#[test]
fn fedora_respins_of_a_day_follow_each_other() {
    let site = Site::of("fedora-compose");
    let stream = "Fedora-Rawhide";
    let (zero, one) = ("Fedora-Rawhide-20250601.n.0", "Fedora-Rawhide-20250601.n.1");
    let files = |status: &'static str| [("compose/Everything/x86_64/os/a.rpm", "a"), ("STATUS", status)];
    site.publish(stream, zero, &files("FINISHED_INCOMPLETE\n"), &[]);
    assert_eq!(site.link("latest-Fedora-Rawhide").as_deref(), Some(zero));
    site.publish(stream, one, &files("FINISHED\n")[..1], &[]);
    assert_eq!(fs::read_to_string(site.0.mirror(one).join("STATUS")).unwrap(), "FINISHED\n");
    assert_eq!(site.link("latest-Fedora-Rawhide").as_deref(), Some(one));
    site.publish(stream, "Fedora-Rawhide-20250601.n.2", &files("DOOMED\n"), &[]);
    site.publish("Fedora-40", "Fedora-40-20250602.0", &files("FINISHED\n"), &[]);
    assert_eq!(site.link("latest-Fedora-Rawhide").as_deref(), Some(one));
    assert_eq!(site.link("latest-Fedora-40").as_deref(), Some("Fedora-40-20250602.0"));
    let list = site.0.json(&["list", stream]);
    let seen: Vec<(i64, &str)> = (list["builds"].as_array().unwrap().iter())
        .map(|build| (build["seq"].as_i64().unwrap(), build["result"].as_str().unwrap()))
        .collect();
    assert_eq!(seen, [(0, "success"), (1, "success"), (2, "fail")]);
    site.refuses("not finished", stream, "Fedora-Rawhide-20250603.n.0", &files("STARTED\n"));
    site.refuses(
        "has `DONE`, which is not a result",
        stream,
        "Fedora-Rawhide-20250603.n.0",
        &files("DONE\n"),
    );
}

#[test]
fn openstack_tarballs_have_a_name_for_each_series() {
    let site = Site::of("openstack-tarballs");
    let tarball = |version: &str| format!("nova-{version}.tar.gz");
    let publish = |version: &str, series: &str| {
        let (file, label) = (tarball(version), format!("series={series}"));
        site.publish("openstack/nova", version, &[(&file, version)], &["--label", &label]);
    };
    publish("28.0.0", "2023.2");
    publish("29.0.0", "2024.1");
    publish("28.0.1", "2023.2");
    publish("27.0.0", "../../etc");
    assert_eq!(site.link("openstack/nova/stable-2023.2").as_deref(), Some("28.0.1"));
    assert_eq!(site.link("openstack/nova/stable-2024.1").as_deref(), Some("29.0.0"));
    assert_eq!(site.0.json(&["alias", "list"])["list"].as_array().unwrap().len(), 2);
    // A backfill of an older version is newer by time alone, and a release comes after its candidates.
    publish("29.2.0", "2024.1");
    for older in ["29.0.1", "29.2.0.0rc1", "29.1.0"] {
        publish(older, "2024.1");
        assert_eq!(site.link("openstack/nova/stable-2024.1").as_deref(), Some("29.2.0"), "after {older}");
    }
    assert!(!site.0.ends(0, &["check"]).contains("alias-older"));
    let back = ["alias", "set", "openstack/nova/stable-2024.1", "29.1.0"];
    assert!(site.0.ends(1, &back).contains("--allow-backwards"));
    fs::remove_file(site.0.mirror("openstack/nova/stable-2024.1")).unwrap();
    publish("29.10.0", "2024.1");
    assert_eq!(site.link("openstack/nova/stable-2024.1").as_deref(), Some("29.10.0"));
    publish("29.9.0", "2024.1");
    assert_eq!(site.link("openstack/nova/stable-2024.1").as_deref(), Some("29.10.0"));
    site.0.sums_hold("openstack/nova/stable-2024.1");
    site.refuses("<dist>-30.0.0.tar.gz", "openstack/nova", "30.0.0", &[("nova-29.0.0.tar.gz", "x")]);
    // A tarball site has no markers: what is there succeeded.
    fs::remove_file(site.0.mirror(".mirrorkeep/builds/openstack/nova/29.0.0.json")).unwrap();
    assert_eq!(site.0.json(&["show", "openstack/nova/29.0.0"])["result"], "success");
}
