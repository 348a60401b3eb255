//! The laws of every shipped layout: a build has one path, a path one place, and what has none is told a near one.

use mirrorkeep::layout::{Created, Layout, Place};
use mirrorkeep::model::{BuildId, RelPath, SUMS_NAME, Stamp};
use proptest::prelude::*;
use proptest::strategy::Union;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Every shipped layout, read once.
static LAYOUTS: LazyLock<BTreeMap<&str, Layout>> = LazyLock::new(|| {
    Layout::shipped_names()
        .map(|name| (name, Layout::load(Layout::shipped(name).unwrap(), name).unwrap()))
        .collect()
});

const LAYERS: &str = "(compiler|distro|flock|containers|monolithic|openstack|build-containers)";
const NAME: &str = "[A-Za-z0-9][A-Za-z0-9._+-]{0,9}";
const HASH: &str = "[0-9a-f]{40}_[0-9a-f]{8}(_[0-9a-f]{8}){0,2}";

/// The shapes of the ids of each layout, as regular expressions in which `STAMP` and `DATE` stand for any time.
fn shapes(layout: &str) -> Vec<String> {
    match layout {
        "generic" => vec![
            "(main|develop|v[0-9])(/(debian|el[0-9]|windows-11)(/(x86_64|arm64))?)?/STAMP".to_owned(),
            format!("(feature|release|topic)/{NAME}(/(debian|el[0-9])(/x86_64)?)?/STAMP"),
        ],
        "starlingx" => vec![
            "master/(centos|debian)/STAMP".to_owned(),
            format!("(feature|release|milestone)/{NAME}/(centos|debian)/STAMP"),
            "rc/[0-9]{1,3}([.][0-9]{1,3}){0,2}/(centos|debian)/STAMP".to_owned(),
        ],
        "starlingx-debian" => vec![
            format!("(master|ussuri|rc/[0-9]{{1,2}}[.][0-9])/(centos|debian)(/{LAYERS})?/STAMP"),
            format!("feature/{NAME}/(centos|debian)(/{LAYERS})?/STAMP"),
            format!(
                "(master|feature/{NAME}|rc/10[.]0)/debian/(bullseye|bookworm|trixie)/amd64/{LAYERS}/STAMP"
            ),
            "milestone/2018[.]10/(centos|debian)/2018[.]10[.]b[0-9]{1,2}".to_owned(),
            "release/2018[.]10/(centos|debian)/2018[.]10([.][0-9]{1,2})?".to_owned(),
            "release/(centos|debian)/[1-3]([.][0-9]{1,2}){1,2}".to_owned(),
            format!("release/(centos|debian)/{LAYERS}/([4-9]|[1-9][0-9])([.][0-9]{{1,2}}){{1,2}}"),
            format!("release/debian/(bullseye|trixie)/amd64/{LAYERS}/[1-9][0-9][.]0"),
        ],
        "rdo-trunk" => vec![
            format!("centos(8|9|10)-[a-z0-9]{{1,8}}(-uc|-head)?/component/[a-z][a-z0-9-]{{0,9}}/{HASH}"),
            "centos9-master/(current|consistent|previous-current-tripleo|[a-z]{6}-[a-z]{3})/[0-9a-f]{32}"
                .to_owned(),
            format!("centos7(-[a-z0-9]{{1,8}})?/{HASH}"),
        ],
        "fedora-compose" => vec![
            "Fedora(-[A-Z][a-z]{1,6})?-Rawhide/SAME-DATE[.](n|t|ci|d)[.](0|[1-9][0-9]{0,5})".to_owned(),
            "Fedora-[0-9]{1,3}/SAME-DATE[.](0|[1-9][0-9]{0,5})".to_owned(),
        ],
        "openstack-tarballs" => {
            vec!["openstack/[a-z][a-z0-9]{0,6}([-._][a-z0-9]{1,5}){0,2}/[0-9]{1,2}([.][0-9]{1,2}){0,3}((a|b|rc)[0-9])?".to_owned()]
        }
        other => panic!("no shapes for {other}"),
    }
}

/// Returns ids of any layout.
fn any_build() -> impl Strategy<Value = (&'static str, BuildId)> {
    let shapes = LAYOUTS.keys().flat_map(|name| shapes(name).into_iter().map(move |shape| (*name, shape)));
    let ids = shapes.map(|(name, shape)| {
        let seconds = 0i64..253_402_300_800;
        (proptest::string::string_regex(&shape).unwrap(), seconds).prop_map(move |(id, seconds)| {
            let stamp = Stamp::from_unix(seconds).unwrap();
            let id = id.replace("STAMP", &stamp.to_string()).replace("DATE", &stamp.spell("%Y%m%d"));
            let stream = id.rsplit_once('/').unwrap().0.to_owned();
            (name, id.replace("SAME", &stream).parse().unwrap())
        })
    });
    Union::new(ids)
}

proptest! {
    #[test]
    fn the_place_of_a_builds_path_is_that_build((name, id) in any_build()) {
        let layout = &LAYOUTS[name];
        let path = layout.build_path(&id).unwrap();
        prop_assert_eq!(layout.place(&path), Place::Build { build: id.clone() });
        let home = layout.stream_path(&id.stream).unwrap();
        prop_assert!(path.is_within(&home), "{} {}", path, home);
        let inside = layout.place(&path.child(SUMS_NAME).unwrap());
        let is_in_it = matches!(inside, Place::Inside { build, .. } if build == id);
        prop_assert!(is_in_it);
        for above in path.ancestors() {
            prop_assert!(["above", "stream"].contains(&layout.place(&above).kind()), "{}", above);
        }
    }

    #[test]
    fn the_time_in_a_name_is_the_builds((name, id) in any_build()) {
        let timed = id.name.as_str().contains('T') && name.starts_with("starlingx") || name == "fedora-compose";
        match LAYOUTS[name].created(&id) {
            Created::At(stamp, 0) if name != "fedora-compose" => prop_assert_eq!(stamp.to_string(), id.name.as_str()),
            Created::At(stamp, seq) => {
                prop_assert!(id.name.as_str().contains(&stamp.spell("%Y%m%d")));
                let respin = format!(".{seq}");
                prop_assert!(id.name.as_str().ends_with(&respin));
            }
            Created::Unnamed => prop_assert!(!timed, "{}", id),
            Created::Impossible(why) => prop_assert!(false, "{}: {}", id, why),
        }
    }

    #[test]
    fn what_has_no_place_is_told_the_rule_and_a_path_that_has_one(
        (name, path) in any_path(),
        change in 0usize..4,
        at in 0usize..9,
        word in "(outputs|centos|2018|[a-z]{3,9}|logs|RPMS|[.]x|a[.]rpm)",
    ) {
        let mut names: Vec<&str> = path.split('/').collect();
        let at = at % names.len();
        match change {
            0 => drop(names.remove(at)),
            1 => names.insert(at, &word),
            2 => names[at] = &word,
            _ => names.truncate(at),
        }
        let layout = &LAYOUTS[name];
        let changed: RelPath = names.join("/").parse().unwrap();
        if let Place::Stray(stray) = layout.place(&changed) {
            prop_assert!(!stray.rule.is_empty() && !stray.expected.is_empty());
            prop_assert!(changed.names().any(|name| name == stray.found), "{:?}", stray);
            let nearest = stray.nearest.clone().unwrap_or_default();
            let filled = layout.place(&filled(&nearest).parse().unwrap());
            prop_assert!(!matches!(filled, Place::Stray(_)), "{}: {}: {:?}\n{:?}", name, changed, stray, filled);
        }
    }

    #[test]
    fn every_path_has_a_place(
        names in prop::collection::vec("(master|release|centos|outputs|RPMS|std|latest_build|centos9-master|component|current|openstack|nova|[a-zA-Z0-9._-]{1,6}|20181205T060000Z)", 0..7),
    ) {
        let names: Vec<String> = names.into_iter().filter(|name| name != "." && name != "..").collect();
        let path: RelPath = names.join("/").parse().unwrap();
        for layout in LAYOUTS.values() {
            if let Place::Stray(stray) = layout.place(&path) {
                prop_assert!(path.names().any(|name| name == stray.found), "{:?}", stray);
            }
        }
    }
}

/// Returns paths that have a place.
fn any_path() -> impl Strategy<Value = (&'static str, &'static str)> {
    prop::sample::select(vec![
        ("starlingx", "master/centos/20181205T060000Z/outputs/RPMS/std/a.rpm"),
        ("starlingx", "release/2018.10/centos/20181205T060000Z/inputs/downloads/a.tgz"),
        (
            "starlingx-debian",
            "master/debian/trixie/amd64/monolithic/20181205T060000Z/outputs/std/packages/a.deb",
        ),
        ("starlingx-debian", "release/10.0.0/debian/monolithic/outputs/iso/a.iso"),
        ("starlingx-debian", "milestone/2018.10/centos/2018.10.b3/logs/a.log"),
        (
            "rdo-trunk",
            "centos9-master/component/tripleo/42/0c/420c638d6325d1ccf50eb5fe430c5d255dcbfb94_52cbbfe7/a.rpm",
        ),
        ("rdo-trunk", "centos9-master/current-tripleo/3c/75/3c757ade82e3016044d58a20e0d0dc0a/delorean.repo"),
        ("fedora-compose", "Fedora-Rawhide-20260601.n.0/compose/Everything/x86_64/os/a.rpm"),
        ("openstack-tarballs", "openstack/nova/29.0.0/nova-29.0.0.tar.gz"),
    ])
}

/// Returns a path with a value for each name in angle brackets.
fn filled(path: &str) -> String {
    let values = [
        ("<stamp>", "20181205T060000Z"),
        ("<distro>", "centos"),
        ("<layer>", "flock"),
        ("<codename>", "trixie"),
        ("<arch>", if path.contains("compose/") { "x86_64" } else { "amd64" }),
        ("<name>", "x"),
        ("<tag>", "x"),
        (
            "<version>",
            if path.starts_with("openstack") {
                "29.0.0"
            } else if path.starts_with("rc") {
                "2.0"
            } else {
                "40"
            },
        ),
        ("<train>", "2018.10"),
        ("<beta>", "b3"),
        ("<patch>", "5"),
        ("<release>", "10.0.0"),
        ("<first_release>", "2.0.0"),
        ("<phase>", "std"),
        ("<flavour>", "std"),
        ("<images>", "stable"),
        ("<list>", "latest"),
        ("<worker>", "centos9-master"),
        ("<old_worker>", "centos7"),
        ("<component>", "tripleo"),
        ("<label>", "current"),
        ("<commit:0-2>", "42"),
        ("<commit:2-4>", "0c"),
        ("<commit>", "420c638d6325d1ccf50eb5fe430c5d255dcbfb94"),
        ("<distgit>", "52cbbfe7"),
        ("<md5:0-2>", "3c"),
        ("<md5:2-4>", "75"),
        ("<md5>", "3c757ade82e3016044d58a20e0d0dc0a"),
        ("<short>", "Fedora"),
        ("<date>", "20260601"),
        ("<respin>", "0"),
        ("<type>", "n"),
        ("<variant>", "Server"),
        ("<kind>", "os"),
        ("<project>", "nova"),
        ("<dist>", "nova"),
        ("<python>", "py3"),
        ("*", "a"),
    ];
    values.iter().fold(path.to_owned(), |path, (field, value)| path.replace(field, value))
}
