//! Packages by the names of their files, and the order of their versions.
//!
//! No package is opened: RPM names its files `NAME-VERSION-RELEASE.ARCH.rpm`, Debian `NAME_VERSION_ARCH.deb`, both
//! without the epoch. Versions are ordered as `rpm` and `dpkg` order them.

use super::deb_version::DebVersion;
use schemars::JsonSchema;
use serde::Serialize;
use std::borrow::Cow;
use std::cmp::Ordering;

/// The kind of a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PackageKind {
    /// RPM.
    Rpm,
    /// Debian.
    Deb,
}

/// The parts of the name of a package's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package<'a> {
    /// The kind of the package.
    pub kind: PackageKind,
    /// Its name.
    pub name: &'a str,
    /// Its architecture, `src` or `source` for sources.
    pub arch: &'a str,
    /// Its version, for RPM with the release: `VERSION-RELEASE`.
    pub version: Cow<'a, str>,
}

impl<'a> Package<'a> {
    /// Parses the name of a file; nothing if it is not that of a package.
    pub fn of(file: &'a str) -> Option<Self> {
        let (stem, ending) = file.rsplit_once('.')?;
        match ending {
            "rpm" => rpm(stem),
            "deb" | "udeb" | "ddeb" => {
                let (rest, arch) = stem.rsplit_once('_')?;
                deb(rest, arch)
            }
            "dsc" => deb(stem, "source"),
            _ => None,
        }
    }
}

/// The place of a version in the order of versions; a text that is not a version comes first.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// Not a version.
    None,
    /// A version of RPM.
    Rpm(rpm_version::EvrSortKey),
    /// A version of Debian.
    Deb(DebVersion),
}

impl PackageKind {
    /// Returns the place of a version in the order of versions.
    pub(super) fn rank(self, version: &str) -> Rank {
        match self {
            Self::Rpm => Rank::Rpm(rpm_version::Evr::parse(version).sortkey()),
            Self::Deb => DebVersion::read(version).map_or(Rank::None, Rank::Deb),
        }
    }

    /// Returns the order of two versions; nothing if one of them is not a version.
    pub fn compare(self, one: &str, other: &str) -> Option<Ordering> {
        let (one, other) = (self.rank(one), self.rank(other));
        (one != Rank::None && other != Rank::None).then(|| one.cmp(&other))
    }
}

fn rpm(stem: &str) -> Option<Package<'_>> {
    let (nvr, arch) = stem.rsplit_once('.')?;
    let (nv, release) = nvr.rsplit_once('-')?;
    let (name, version) = nv.rsplit_once('-')?;
    let whole = [name, version, release, arch].iter().all(|part| !part.is_empty());
    let version = nvr.get(name.len() + 1..)?;
    whole.then_some(Package { kind: PackageKind::Rpm, name, arch, version: version.into() })
}

fn deb<'a>(rest: &'a str, arch: &'a str) -> Option<Package<'a>> {
    let (name, version) = rest.split_once('_')?;
    let whole = [name, version, arch].iter().all(|part| !part.is_empty() && !part.contains('_'));
    // As apt writes the colon after an epoch.
    let version = if version.contains("%3a") { version.replace("%3a", ":").into() } else { version.into() };
    whole.then_some(Package { kind: PackageKind::Deb, name, arch, version })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn case(file: &str, expected: Option<(&str, &str, &str)>) {
        let read = Package::of(file);
        let told = read.as_ref().map(|package| (package.name, &*package.version, package.arch));
        assert_eq!(told, expected, "{file}");
    }

    #[test]
    fn the_name_of_a_file_says_which_package_it_is() {
        case("bash-4.4.19-7.el8.x86_64.rpm", Some(("bash", "4.4.19-7.el8", "x86_64")));
        case("python3-oslo.config-5.2.0-1.tis.src.rpm", Some(("python3-oslo.config", "5.2.0-1.tis", "src")));
        case("libstdc++-devel-8.5-1.fc40.noarch.rpm", Some(("libstdc++-devel", "8.5-1.fc40", "noarch")));
        case("libc6_2.36-9+deb12u4_amd64.deb", Some(("libc6", "2.36-9+deb12u4", "amd64")));
        case("bind9_1%3a9.18-1_arm64.deb", Some(("bind9", "1:9.18-1", "arm64")));
        case("netcfg_1.2_amd64.udeb", Some(("netcfg", "1.2", "amd64")));
        case("hello_2.10-3.dsc", Some(("hello", "2.10-3", "source")));
        for file in [
            "a.rpm",
            "a-1.x86_64.rpm",
            "-1-2.noarch.rpm",
            "a.deb",
            "a_1.deb",
            "a_b_c_d.deb",
            "a_1_.deb",
            "x.txt",
            "",
        ] {
            case(file, None);
        }
    }

    #[test]
    fn versions_are_in_the_order_of_rpm_and_dpkg() {
        let rpm = [
            "1.0~rc1-1",
            "1.0-1",
            "1.0-1.el8",
            "1.0-2",
            "1.0-10",
            "1.0^git1-1",
            "1.0.1-1",
            "1.10-1",
            "2.0a-1",
        ];
        let deb = [
            "1.0~rc1-1",
            "1.0",
            "1.0-1",
            "1.0-1+b1",
            "1.0-2",
            "1.0-10",
            "1.0+dfsg-1",
            "1.0.1-1",
            "1.10-1",
            "1:0.1",
        ];
        for (kind, sorted) in [(PackageKind::Rpm, &rpm[..]), (PackageKind::Deb, &deb)] {
            for pair in sorted.windows(2) {
                assert_eq!(kind.compare(pair[0], pair[1]), Some(Ordering::Less), "{pair:?}");
                assert_eq!(kind.compare(pair[1], pair[0]), Some(Ordering::Greater), "{pair:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn no_name_and_no_version_panics(text in any::<String>(), other in any::<String>()) {
            for ending in ["rpm", "deb", "dsc"] {
                let file = format!("{text}.{ending}");
                if let Some(package) = Package::of(&file) {
                    prop_assert!(!package.name.is_empty() && !package.arch.is_empty() && !package.version.is_empty());
                }
            }
            for kind in [PackageKind::Rpm, PackageKind::Deb] {
                let order = kind.compare(&text, &other);
                prop_assert_eq!(order.map(Ordering::reverse), kind.compare(&other, &text));
            }
        }

        #[test]
        fn what_a_package_is_called_is_read_back(
            name in "[a-z][a-z0-9+.-]{0,8}", version in "[0-9][a-z0-9.+~]{0,6}", release in "[0-9][a-z0-9.]{0,5}", arch in "x86_64|noarch|src",
        ) {
            let file = format!("{name}-{version}-{release}.{arch}.rpm");
            let read = Package::of(&file).unwrap();
            prop_assert_eq!((read.name, &*read.version, read.arch), (&*name, &*format!("{version}-{release}"), &*arch));
            let file = format!("{name}_{version}-{release}_amd64.deb");
            let read = Package::of(&file).unwrap();
            prop_assert_eq!((read.name, &*read.version, read.arch), (&*name, &*format!("{version}-{release}"), "amd64"));
        }
    }
}
