//! The pipelines that are part of the program.

use super::Pipeline;
use crate::model::Shipped;

/// Each shipped pipeline by its name.
const SHIPPED: Shipped = Shipped(&[
    ("cloudsig", include_str!("../../../pipelines/cloudsig.yaml")),
    ("fedora-gating", include_str!("../../../pipelines/fedora-gating.yaml")),
    ("generic", include_str!("../../../pipelines/generic.yaml")),
    ("rdo-puppet", include_str!("../../../pipelines/rdo-puppet.yaml")),
    ("rdo-trunk", include_str!("../../../pipelines/rdo-trunk.yaml")),
    ("starlingx", include_str!("../../../pipelines/starlingx.yaml")),
]);

impl Pipeline {
    /// Returns the YAML of a shipped pipeline.
    pub fn shipped(name: &str) -> Option<&'static str> {
        SHIPPED.text(name)
    }

    /// Returns the names of the shipped pipelines.
    pub fn shipped_names() -> impl Iterator<Item = &'static str> {
        SHIPPED.names()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_pipeline_reads_and_does_what_its_examples_say() {
        for name in Pipeline::shipped_names() {
            let pipeline = Pipeline::load(Pipeline::shipped(name).unwrap(), name)
                .unwrap_or_else(|error| panic!("{error}"));
            assert!(pipeline.tests.len() >= 2, "{name} has too few examples");
            for test in &pipeline.tests {
                assert_eq!(pipeline.surprises(test), [], "{name}: {}", test.name);
            }
        }
    }
}
