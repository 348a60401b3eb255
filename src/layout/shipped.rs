//! The layouts that are part of the program.

use super::Layout;
use crate::model::Shipped;

/// Each shipped layout by its name.
const SHIPPED: Shipped = Shipped(&[
    ("generic", include_str!("../../layouts/generic.yaml")),
    ("starlingx", include_str!("../../layouts/starlingx.yaml")),
    ("starlingx-debian", include_str!("../../layouts/starlingx-debian.yaml")),
    ("rdo-trunk", include_str!("../../layouts/rdo-trunk.yaml")),
    ("fedora-compose", include_str!("../../layouts/fedora-compose.yaml")),
    ("openstack-tarballs", include_str!("../../layouts/openstack-tarballs.yaml")),
]);

impl Layout {
    /// The name of the layout that a mirror gets when none is named.
    pub const DEFAULT: &'static str = "generic";

    /// Returns the YAML of a shipped layout.
    pub fn shipped(name: &str) -> Option<&'static str> {
        SHIPPED.text(name)
    }

    /// Returns the names of the shipped layouts.
    pub fn shipped_names() -> impl Iterator<Item = &'static str> {
        SHIPPED.names()
    }
}
