//! Every path that was seen on the real StarlingX server, by what the two StarlingX layouts make of it.
//!
//! The rows are numbered as they were collected. The layout of the spec has a place for five of them; the layout of
//! the grown mirror has one for all but three, which say why.

use mirrorkeep::layout::{Layout, Place};
use std::collections::BTreeSet;

/// What a layout makes of a path: the kind of its place, or the rule that it breaks.
struct Row {
    number: u32,
    path: &'static str,
    spec: &'static str,
    grown: &'static str,
}

const fn row(number: u32, path: &'static str, spec: &'static str, grown: &'static str) -> Row {
    Row { number, path, spec, grown }
}

const ROWS: &[Row] = &[
    row(1, "centos/2018.10/20181110/outputs/iso", "unknown-class", "unknown-class"),
    row(2, "master/centos/20190130T060000Z/outputs/iso/bootimage.iso", "inside", "inside"),
    row(3, "master/centos/20190206T060000Z/outputs/installer/vmlinuz", "inside", "inside"),
    row(
        4,
        "master/centos/20190523T013000Z/outputs/helm-charts/stx-openstack-1.0-13-centos-stable-latest.tgz",
        "inside",
        "inside",
    ),
    row(5, "master/centos/latest_build/outputs/iso/bootimage.iso", "alias", "alias"),
    row(6, "master/centos/latest_build/{outputs,inputs}/RPMS", "alias", "alias"),
    row(7, "master/centos/latest_green_build/outputs/CONTEXT.sh", "build-name", "alias"),
    row(8, "master/centos/latest_green_build/outputs/{helm-charts,iso/bootimage.iso}", "build-name", "alias"),
    row(
        9,
        "master/centos/latest_docker_image_build/outputs/wheels/stx-centos-{stable,dev}-wheels.tar",
        "build-name",
        "alias",
    ),
    row(
        10,
        "master/centos/latest_docker_image_build/outputs/docker-images/images-centos-stable-versioned.lst",
        "build-name",
        "alias",
    ),
    row(11, "master/centos/latest_docker_image_build/outputs/remote-cli", "build-name", "alias"),
    row(12, "master/centos/20200220T023000Z/outputs/CONTEXT.sh", "unknown-artifact", "inside"),
    row(
        13,
        "master/centos/20190812T033004Z/logs/jenkins-STX_build_docker_images-112.log.html",
        "unknown-direction",
        "inside",
    ),
    row(14, "master/centos/stx-centos-py2_{stable,dev}-wheels.tar", "build-name", "beside"),
    row(14, "rc/4.0/centos/stx-centos-py2_stable-wheels.tar", "build-name", "beside"),
    row(15, "release/2.0.0/centos/outputs/iso/bootimage.iso", "build-name", "inside"),
    row(
        16,
        "release/2.0.0/centos/outputs/helm-charts/stx-openstack-1.0-17-centos-stable-latest.tgz",
        "build-name",
        "inside",
    ),
    row(
        16,
        "release/2.0.0/centos/outputs/helm-charts/helm-charts-stx-openstack-centos-stable-versioned.tgz",
        "build-name",
        "inside",
    ),
    row(17, "release/2.0.1/centos", "stream", "build"),
    row(17, "release/3.0.0/centos/outputs/{iso/bootimage.iso,docker-images}", "build-name", "inside"),
    row(
        18,
        "master/centos/{compiler/20200211T210351Z,distro/20200211T215536Z,flock/20200211T234731Z}",
        "build-name",
        "build",
    ),
    row(
        19,
        "master/centos/{compiler,distro,flock}/latest_build/outputs/RPMS/{std,rt,installer}/rpm.lst",
        "build-name",
        "alias",
    ),
    row(
        20,
        "master/centos/{compiler,distro}/latest_build/outputs/{image,image-dev}.inc",
        "build-name",
        "alias",
    ),
    row(
        21,
        "master/centos/{distro,flock}/latest_build/outputs/centos_{stable,dev}_wheels.inc",
        "build-name",
        "alias",
    ),
    row(22, "master/centos/flock/latest_build/outputs/ISO_BUILD_INFO.txt", "build-name", "alias"),
    row(
        23,
        "rc/{4.0,5.0,6.0,7.0,8.0}/centos/{compiler,distro,flock}/latest_build/outputs/RPMS/std",
        "build-name",
        "alias",
    ),
    row(24, "release/4.0.1/centos/{compiler,distro,flock,containers}/outputs", "build-name", "inside"),
    row(
        24,
        "release/4.0.1/centos/containers/outputs/helm-charts/stx-openstack-1.0-49-centos-stable-latest.tgz",
        "build-name",
        "inside",
    ),
    row(25, "release/{5.0.0,5.0.1,6.0.0,7.0.0}/centos/flock/outputs", "build-name", "inside"),
    row(26, "release/6.0/centos/flock/outputs", "build-name", "inside"),
    row(27, "release/latest_release/centos/flock/outputs/iso", "build-name", "alias"),
    row(27, "release/latest_release/centos/containers/inputs/downloads", "build-name", "alias"),
    row(
        28,
        "feature/centos8/centos/monolithic/20201123T100001Z/logs/jenkins-STX_download_mirror-1058.log",
        "build-name",
        "inside",
    ),
    row(29, "f/antelope/centos/{compiler,distro,flock}/latest_build/outputs", "raw-branch", "raw-branch"),
    row(
        30,
        "master/debian/monolithic/20221123T070000Z/outputs/aptly/{deb-local-build,deb-local-source}",
        "build-name",
        "inside",
    ),
    row(31, "master/debian/monolithic/20230504T060000Z/outputs/CONTEXT.sh", "build-name", "inside"),
    row(
        32,
        "master/debian/monolithic/latest_build/{inputs,outputs/std,outputs/rt}/packages",
        "build-name",
        "alias",
    ),
    row(33, "feature/antelope/debian/{monolithic,openstack}/latest_build/outputs", "build-name", "alias"),
    row(34, "release/7.0.0/debian/monolithic/outputs", "build-name", "inside"),
    row(
        34,
        "release/8.0.0/debian/monolithic/outputs/iso/starlingx-intel-x86-64-cd.iso",
        "build-name",
        "inside",
    ),
    row(35, "release/10.0.0/debian/monolithic/outputs/iso", "build-name", "inside"),
    row(
        35,
        "release/10.0.0/debian/openstack/outputs/helm-charts/stx-openstack-24.09-0-debian-stable-latest.tgz",
        "build-name",
        "inside",
    ),
    row(
        36,
        "release/11.0.0/debian/bullseye/amd64/monolithic/outputs/iso/starlingx-intel-x86-64-20251029043716-cd.iso",
        "build-name",
        "inside",
    ),
    row(
        37,
        "release/latest_release/debian/bullseye/amd64/monolithic/outputs/iso/starlingx-intel-x86-64-20260422094655-cd.iso",
        "build-name",
        "alias",
    ),
    row(
        38,
        "release/latest_release/debian/monolithic/outputs/iso/starlingx-intel-x86-64-cd.iso",
        "build-name",
        "alias",
    ),
    row(
        39,
        "Starlingx/master/{bullseye/monolithic/20260607T041000Z,trixie/monolithic/20260607T220100Z}",
        "unknown-class",
        "unknown-class",
    ),
];

/// Paths that only the server's scripts show.
const SCRIPTED: &[Row] = &[
    row(1, "milestone/2018.10/centos/2018.10.b3/{inputs,outputs,logs}", "build-name", "inside"),
    row(2, "release/2018.10/centos/{2018.10,2018.10.5}", "build-name", "build"),
    row(3, "rc/10.0/{centos/flock,debian/monolithic}/20250310T080000Z", "build-name", "build"),
    row(4, "ussuri/centos/flock/20200601T023000Z", "unknown-class", "build"),
    row(5, "feature/stein/centos/20190812T033004Z", "build", "build"),
    row(
        5,
        "feature/{bookworm,caracal,kernel-6.6}/debian/{monolithic,openstack,build-containers}/20250310T080000Z",
        "build-name",
        "build",
    ),
    row(6, "master/debian/build-containers/20250310T080000Z/logs/a.log", "build-name", "inside"),
    row(7, "master/centos/reports/mirror-check-failures.log", "build-name", "beside"),
    row(8, "master/centos/images-centos-{stable,dev}-{versioned,latest}.lst", "build-name", "beside"),
    row(9, "master/centos/SAVE_DATA", "build-name", "beside"),
    row(9, "master/centos/20190812T033004Z/{KEEP,logs/Success}", "unknown-direction", "inside"),
    row(
        9,
        "master/centos/20190812T033004Z/outputs/{GREEN,YELLOW,RED,Success,No_New_Content}",
        "unknown-artifact",
        "inside",
    ),
    row(10, "master/centos/20190812T033004Z/outputs/tarballs/config-1.0-7.tgz", "unknown-artifact", "inside"),
    row(
        11,
        "master/centos/20190812T033004Z/outputs/docker-images/a-centos-stable.rpmlst",
        "unknown-artifact",
        "inside",
    ),
    row(11, "master/centos/20190812T033004Z/logs/docker-images/a.log", "unknown-direction", "inside"),
    row(12, "r/stx.10.0/debian/monolithic/20250310T080000Z/logs", "raw-branch", "raw-branch"),
];

#[test]
fn all_39_rows_have_a_place_or_a_reason() {
    let (spec, grown) =
        (placed(ROWS, "starlingx", |row| row.spec), placed(ROWS, "starlingx-debian", |row| row.grown));
    assert_eq!(spec, BTreeSet::from([2, 3, 4, 5, 6]));
    let without: BTreeSet<u32> = (1..=39).filter(|number| !grown.contains(number)).collect();
    assert_eq!(without, BTreeSet::from([1, 29, 39]));
    assert!((1..=39).all(|number| ROWS.iter().any(|row| row.number == number)));
}

#[test]
fn what_only_the_scripts_show_has_a_place_or_a_reason() {
    placed(SCRIPTED, "starlingx", |row| row.spec);
    let grown = placed(SCRIPTED, "starlingx-debian", |row| row.grown);
    assert_eq!(grown, (1..=11).collect());
}

/// Holds each row to what is expected, and returns those of which every path has a place.
fn placed(rows: &[Row], layout: &str, expected: impl Fn(&Row) -> &'static str) -> BTreeSet<u32> {
    let layout = Layout::load(Layout::shipped(layout).unwrap(), layout).unwrap();
    let mut placed: BTreeSet<u32> = rows.iter().map(|row| row.number).collect();
    let mut wrong = Vec::new();
    for row in rows {
        for path in spelled(row.path) {
            let place = layout.place(&path.parse().unwrap());
            let said = if let Place::Stray(stray) = &place { &*stray.rule } else { place.kind() };
            if said != expected(row) {
                wrong.push(format!("{} {path}: {said}, not {}: {place:?}", row.number, expected(row)));
            }
            if let Place::Stray(stray) = &place {
                placed.remove(&row.number);
                assert!(stray.nearest.is_some() && stray.why.contains(&stray.found), "{path}: {stray:?}");
            }
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", layout.name(), wrong.join("\n"));
    placed
}

/// Returns every path that braces stand for, as a shell does.
fn spelled(text: &str) -> Vec<String> {
    let Some((before, rest)) = text.split_once('{') else { return vec![text.to_owned()] };
    let (words, after) = rest.split_once('}').unwrap();
    let words = words.split(',').map(|word| format!("{before}{word}{after}"));
    words.flat_map(|text| spelled(&text)).collect()
}
