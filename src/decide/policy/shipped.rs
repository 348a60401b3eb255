//! The policies that are part of the program.

use super::Policy;
use crate::model::Shipped;

/// Each shipped policy by its name.
const SHIPPED: Shipped = Shipped(&[
    ("fedora-compose", include_str!("../../../policies/fedora-compose.yaml")),
    ("generic", include_str!("../../../policies/generic.yaml")),
    ("openstack-tarballs", include_str!("../../../policies/openstack-tarballs.yaml")),
    ("rdo-trunk", include_str!("../../../policies/rdo-trunk.yaml")),
    ("starlingx", include_str!("../../../policies/starlingx.yaml")),
    ("starlingx-production", include_str!("../../../policies/starlingx-production.yaml")),
]);

impl Policy {
    /// Returns the YAML of a shipped policy.
    pub fn shipped(name: &str) -> Option<&'static str> {
        SHIPPED.text(name)
    }

    /// Returns the names of the shipped policies.
    pub fn shipped_names() -> impl Iterator<Item = &'static str> {
        SHIPPED.names()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_policy_reads_and_does_what_its_examples_say() {
        for name in Policy::shipped_names() {
            let policy =
                Policy::load(Policy::shipped(name).unwrap(), name).unwrap_or_else(|error| panic!("{error}"));
            assert!(policy.tests.len() >= 2, "{name} has too few examples");
            for test in &policy.tests {
                assert_eq!(policy.surprises(test), [], "{name}: {}", test.name);
            }
        }
    }
}
