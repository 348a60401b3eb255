//! The grammar of images: the references and lists of the shipped layouts, and what a layout may not say of them.

use super::trees::layout;
use mirrorkeep::layout::{ImageTie, Images, Layout};
use mirrorkeep::model::{BuildId, ImageRef};

fn images(layout: &Layout) -> Images<'_> {
    layout.images().unwrap()
}

/// Returns the fields of a reference as `field=value`, or why it does not fit.
fn told(name: &str, reference: &str) -> String {
    let image: ImageRef = reference.parse().unwrap();
    match images(&layout(name)).place(&image) {
        Err(misfit) => misfit.to_string(),
        Ok(placed) => {
            let fields = placed.fields.iter().map(|(field, value)| format!("{field}={value}"));
            fields.collect::<Vec<_>>().join(" ")
        }
    }
}

#[track_caller]
fn case(name: &str, reference: &str, expected: &str) {
    assert_eq!(told(name, reference), expected, "{reference}");
}

#[test]
fn references_of_starlingx_as_they_were_have_their_fields() {
    let case = |reference: &str, expected: &str| case("starlingx-debian", reference, expected);
    case(
        "docker.io/starlingx/stx-keystone-api-proxy:master-centos-stable-20200811T002300Z.0",
        "distro=centos image=stx-keystone-api-proxy images=stable org=starlingx stamp=20200811T002300Z update=0",
    );
    case(
        "starlingx/stx-nova-client:master-debian-bullseye-amd64-stable-20260714T041000Z.0",
        "arch=amd64 codename=bullseye distro=debian image=stx-nova-client images=stable org=starlingx stamp=20260714T041000Z update=0",
    );
    case(
        "starlingx/stx-nova-client:master-debian-stable-20260714T041000Z.2",
        "distro=debian image=stx-nova-client images=stable org=starlingx stamp=20260714T041000Z update=2",
    );
    case(
        "starlingx/stx-vault:master-distroless-stable-20220823T021745Z.0",
        "image=stx-vault images=stable org=starlingx stamp=20220823T021745Z update=0",
    );
    case(
        "starlingx/stx-centos:master-stable-20200811T002300Z",
        "image=stx-centos images=stable org=starlingx stamp=20200811T002300Z",
    );
    case(
        "starlingx/stx-pkgbuilder:master-debian-20230504T060000Z",
        "distro=debian image=stx-pkgbuilder org=starlingx stamp=20230504T060000Z",
    );
    case(
        "starlingx/stx-nova:rc-2.0-centos-dev-20190812T033004Z.0",
        "distro=centos image=stx-nova images=dev org=starlingx stamp=20190812T033004Z update=0 version=2.0",
    );
    case(
        "starlingx/stx-nova:f-kernel-6.6-debian-dev-20230812T033004Z.0",
        "distro=debian image=stx-nova images=dev name=kernel-6.6 org=starlingx stamp=20230812T033004Z update=0",
    );
    case(
        "starlingx/stx-nova:m-2018.10.b3-centos-stable-20181010T033004Z.0",
        "beta=b3 distro=centos image=stx-nova images=stable org=starlingx stamp=20181010T033004Z train=2018.10 update=0",
    );
    case(
        "starlingx/stx-nova:r-2018.10.5-centos-stable-20181110T033004Z.0",
        "distro=centos image=stx-nova images=stable org=starlingx patch=5 stamp=20181110T033004Z train=2018.10 update=0",
    );
}

#[test]
fn a_reference_that_does_not_fit_is_told_by_the_field_of_the_nearest_template() {
    let debian = |reference: &str, expected: &str| case("starlingx-debian", reference, expected);
    debian(
        "starlingx/stx-nova:master-centos-stabel-20200811T002300Z.0",
        "`images` is `stabel`; expected `stable`, `dev`",
    );
    debian(
        "starlingx/stx-nova:master-debian-sid-amd64-stable-20260714T041000Z.0",
        "`codename` is `sid`; expected `bullseye`, `bookworm`, `trixie`",
    );
    debian(
        "starlingx/stx-nova:rc-x-centos-stable-20200811T002300Z.0",
        "`version` is `x`; expected a version such as `4.0`",
    );
    debian(
        "starlingx/stx-nova:master-centos-stable-20200811.0",
        "`stamp` is `20200811`; expected a UTC time of the form `%Y%m%dT%H%M%SZ`, such as `20181205T060000Z`",
    );
    debian(
        "starlingx/stx-nova:master-centos-stable-latest",
        "`stamp` is `stable-latest`; expected a UTC time of the form `%Y%m%dT%H%M%SZ`, such as `20181205T060000Z`",
    );
    debian(
        "quay.io/stx-nova:1",
        "`stx-nova:1` does not fit; expected `<org>/<image>:master-<distro>-<codename>-<arch>-<images>-<stamp>.<update>`",
    );
    debian(
        "starlingx/stx-nova:stx.4.0-v0.11.0",
        "`stx.4.0-v0.11.0` does not fit; expected `master-<distro>-<codename>-<arch>-<images>-<stamp>.<update>`",
    );
    let hash = "420c638d6325d1ccf50eb5fe430c5d255dcbfb94";
    case(
        "rdo-trunk",
        &format!("quay.io/tripleomaster/openstack-nova-api:{hash}_52cbbfe7_s390x"),
        "`cpu` is `s390x`; expected `x86_64`, `ppc64le`, `manifest`",
    );
    case(
        "rdo-trunk",
        "quay.io/tripleomaster/openstack-nova-api:current-tripleo",
        "`md5` is `current-tripleo`; expected a md5 such as `3c757ade82e3016044d58a20e0d0dc0a`",
    );
    case(
        "rdo-trunk",
        &format!("quay.io/a/b@sha256:{}", "1".repeat(64)),
        "`b` does not fit; expected `<image>:<commit>_<distgit>_<cpu>`, since it has no tag",
    );
}

#[test]
fn references_of_rdo_have_the_hash_of_their_build() {
    let hash = "420c638d6325d1ccf50eb5fe430c5d255dcbfb94";
    let name = "quay.io/tripleomaster/openstack-nova-api";
    let all = |tag: &str| format!("commit={hash}{tag} image=openstack-nova-api namespace=tripleomaster");
    case(
        "rdo-trunk",
        &format!("{name}:{hash}_52cbbfe7"),
        &all("").replace(" image", " distgit=52cbbfe7 image"),
    );
    case(
        "rdo-trunk",
        &format!("{name}:{hash}_52cbbfe7_0a1b2c3d_ppc64le"),
        &all(" cpu=ppc64le distgit=52cbbfe7_0a1b2c3d"),
    );
    case(
        "rdo-trunk",
        &format!("{name}:3c757ade82e3016044d58a20e0d0dc0a_manifest"),
        "cpu=manifest image=openstack-nova-api md5=3c757ade82e3016044d58a20e0d0dc0a namespace=tripleomaster",
    );
}

#[test]
fn the_form_of_the_spec_is_tied_to_no_build() {
    case(
        "starlingx",
        "starlingx/stx-nova:f-stein-centos-pike-2.1",
        "component=nova git=f-stein openstack=pike org=starlingx os=centos qualifier=2.1",
    );
    case(
        "starlingx",
        "starlingx/nova:master-centos-pike",
        "`nova:master-centos-pike` does not fit; expected `stx-<component>:<git>-<os>-<openstack>-<qualifier>`",
    );
    let layout = layout("starlingx");
    let images = images(&layout);
    let image = "starlingx/stx-nova:master-centos-pike".parse().unwrap();
    let placed = images.place(&image).unwrap();
    let build = "master/debian/20181205T060000Z".parse().unwrap();
    assert_eq!(images.tie(&placed, &build), ImageTie::Free);
    assert!(!images.has_lists());
}

/// Returns how a reference stands to a build.
fn tie(name: &str, reference: &str, build: &str) -> String {
    let image: ImageRef = reference.parse().unwrap();
    let layout = layout(name);
    let images = images(&layout);
    match images.tie(&images.place(&image).unwrap(), &build.parse().unwrap()) {
        ImageTie::Tied => "tied".to_owned(),
        ImageTie::Free => "free".to_owned(),
        ImageTie::Other(foreign) => foreign.to_string(),
    }
}

#[test]
fn a_reference_belongs_to_the_builds_whose_fields_it_has() {
    let nova = "starlingx/stx-nova:master-debian-stable-20250730T041000Z.0";
    for (build, expected) in [
        ("master/debian/monolithic/20250730T041000Z", "tied"),
        ("master/debian/bullseye/amd64/monolithic/20250730T041000Z", "tied"),
        (
            "master/debian/monolithic/20250731T041000Z",
            "`stamp` is `20250730T041000Z`; `20250731T041000Z` in the path of the build",
        ),
        ("master/centos/20250730T041000Z", "`distro` is `debian`; `centos` in the path of the build"),
        ("release/debian/monolithic/10.0.0", "free"),
        ("nowhere/20250730T041000Z", "free"),
    ] {
        assert_eq!(tie("starlingx-debian", nova, build), expected, "{build}");
    }
    let rc = "starlingx/stx-nova:rc-4.0-centos-stable-20200811T002300Z.0";
    assert_eq!(tie("starlingx-debian", rc, "rc/4.0/centos/flock/20200811T002300Z"), "tied");
    assert_eq!(
        tie("starlingx-debian", rc, "rc/5.0/centos/flock/20200811T002300Z"),
        "`version` is `4.0`; `5.0` in the path of the build"
    );
    let beta = "starlingx/stx-nova:m-2018.10.b3-centos-stable-20181010T033004Z.0";
    assert_eq!(tie("starlingx-debian", beta, "milestone/2018.10/centos/2018.10.b3"), "tied");
    let hash = "420c638d6325d1ccf50eb5fe430c5d255dcbfb94";
    let image = format!("quay.io/a/b:{hash}_52cbbfe7_x86_64");
    assert_eq!(
        tie("rdo-trunk", &image, &format!("centos9-master/component/tripleo/{hash}_52cbbfe7")),
        "tied"
    );
    assert_eq!(
        tie("rdo-trunk", &image, &format!("centos9-master/component/tripleo/{hash}_52cbbfe8")),
        "`distgit` is `52cbbfe7`; `52cbbfe8` in the path of the build"
    );
}

#[test]
fn a_list_is_a_file_of_a_build_with_the_fields_of_the_build() {
    let list = |build: &str, path: &str| {
        let id: BuildId = build.parse().unwrap();
        let found = images(&layout("starlingx-debian")).list(&id, &path.parse().unwrap())?;
        Some(found.iter().map(|(field, value)| format!("{field}={value}")).collect::<Vec<_>>().join(" "))
    };
    let debian = "master/debian/bullseye/amd64/monolithic/20260714T041000Z";
    let at = |name: &str| format!("outputs/docker-images/{name}");
    for (name, expected) in [
        (
            "images-debian-bullseye-amd64-stable-versioned.lst",
            Some("arch=amd64 codename=bullseye distro=debian images=stable"),
        ),
        ("images-debian-stable-versioned.lst", Some("distro=debian images=stable")),
        ("images-distroless-dev-versioned.lst", Some("images=dev")),
        ("images-debian-trixie-amd64-stable-versioned.lst", None),
        // The path of this stream has no field of its distribution.
        ("images-centos-stable-versioned.lst", Some("distro=centos images=stable")),
        ("images-debian-stable-latest.lst", None),
        ("image-updates.lst", None),
        ("x/images-debian-stable-versioned.lst", None),
    ] {
        assert_eq!(list(debian, &at(name)).as_deref(), expected, "{name}");
    }
    assert_eq!(list("nowhere/20260714T041000Z", &at("images-debian-stable-versioned.lst")), None);
}

fn problems(images: &str) -> Vec<String> {
    let text = format!(
        "layout: 1\nname: t\ntitle: t\nfields:\n  org: {{ one_of: [a] }}\n  v: {{ matches: '[0-9]+', examples: ['1'] }}\n  up: {{ one_of: [A] }}\n  any: {{ matches: '.+' }}\n\
         streams: [{{ stream: main, build: '{{v}}' }}]\ntree: ['lists/*.lst', 'v-{{v}}.txt']\nimages:\n{images}"
    );
    match Layout::load(&text, "t.yaml") {
        Ok(_) => Vec::new(),
        Err(error) => error.0.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn every_problem_with_images_is_told_with_its_place() {
    let fine = "  lists: ['lists/{org}.lst', 'v-{v}.txt', 'lists/a[-{v}].lst', 'lists/*.lst', '{any}']\n  references: ['{org}/x:{v}[-{org}]', '{any}:{any}', 'x:1']\n";
    assert_eq!(problems(fine), [""; 0]);
    let found = problems(
        "  lists:\n    - lists/{org}.txt\n    - lists/**\n    - '{nope}.lst'\n  references:\n    - '{org}/x'\n    - 'quay.io/{org}:{v}'\n    - '{org}/*:{v}'\n    - '{org}/x:{v}@{any}'\n    - '{up}/x:{v}'\n    - '{org}/x:{nope}'\n    - 'a:b:{v}'\n",
    );
    for (place, why) in [
        ("t.yaml:13:7: images.lists[0]", "`lists/a.txt` is not in `tree`; add it there"),
        ("t.yaml:14:7: images.lists[1]", "`lists/**` ends with `**`; the path of one file is accepted"),
        ("t.yaml:15:7: images.lists[2]", "`{nope}` is not a field"),
        ("t.yaml:17:7: images.references[0]", "`{org}/x` has no tag"),
        ("t.yaml:18:7: images.references[1]", "`quay.io` is a registry, which is not part of a template"),
        ("t.yaml:19:7: images.references[2]", "`*` is not accepted"),
        ("t.yaml:20:7: images.references[3]", "`@` is not accepted"),
        ("t.yaml:21:7: images.references[4]", "`A` is not a name of a repository"),
        ("t.yaml:22:7: images.references[5]", "`{nope}` is not a field"),
        ("t.yaml:23:7: images.references[6]", "has two `:`"),
    ] {
        let is_it = |problem: &&String| problem.starts_with(place) && problem.contains(why);
        assert_eq!(found.iter().filter(is_it).count(), 1, "{place} {why}: {found:#?}");
    }
    assert_eq!(found.len(), 10, "{found:#?}");
    let empty = problems("  references: []\n");
    assert!(empty.len() == 1 && empty[0].contains("no reference; expected at least one"), "{empty:?}");
    let unknown = problems("  references: ['x:1']\n  lits: []\n");
    assert!(unknown.len() == 1 && unknown[0].contains("lits"), "{unknown:?}");
}

#[test]
fn a_field_that_is_there_twice_has_one_value() {
    let text = "layout: 1\nname: t\ntitle: t\nfields:\n  os: { one_of: [el9, el10] }\n  v: { matches: '[0-9a-f]+', except: ['0'] }\nstreams: [{ stream: main, build: '{v}' }]\nimages: { references: ['{os}/nova:{os}-{v}-{v:0-2}'] }\n";
    let layout = Layout::load(text, "t.yaml").unwrap();
    let told = |reference: &str| match images(&layout).place(&reference.parse().unwrap()) {
        Ok(placed) => format!("{:?}", placed.fields),
        Err(misfit) => misfit.to_string(),
    };
    assert_eq!(told("el9/nova:el9-abc-ab"), r#"{"os": "el9", "v": "abc"}"#);
    assert_eq!(told("el9/nova:el10-abc-ab"), "`os` is `el9`; expected `el10`, as elsewhere in it");
    assert_eq!(told("el9/nova:el9-0-00"), "`v` is `0`; expected a v of the form `[0-9a-f]+`");
    assert_eq!(told("el9/nova:el9-abc-xy"), "`xy` does not fit; expected `<v:0-2>`");
}

#[test]
fn as_much_is_told_as_the_optional_parts_can_say_and_the_first_template_counts() {
    let text = "layout: 1\nname: t\ntitle: t\nfields:\n  v: { matches: '[0-9]+' }\n  any: { matches: '[a-z0-9-]+' }\nstreams: [{ stream: main, build: '{v}' }]\nimages: { references: ['a/x:[{v}-]{any}', 'a/{any}:{any}', '{any}/x:{v}'] }\n";
    let layout = Layout::load(text, "t.yaml").unwrap();
    let told = |reference: &str| images(&layout).place(&reference.parse().unwrap()).unwrap();
    assert_eq!(format!("{:?}", told("a/x:1-b").fields), r#"{"any": "b", "v": "1"}"#);
    assert_eq!(told("a/x:b-1").template, "a/x:[{v}-]{any}");
    assert_eq!(told("b/x:1").template, "{any}/x:{v}");
}
