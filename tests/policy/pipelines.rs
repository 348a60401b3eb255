//! The pipelines that ship: nothing is odd about them, and the layouts that they are for know their stages.

use mirrorkeep::decide::pipeline::{LintTerms, Pipeline, lint};
use mirrorkeep::layout::Layout;
use std::collections::{BTreeMap, BTreeSet};

fn odd(name: &str, layout: Option<&Layout>) -> Vec<String> {
    let pipeline = Pipeline::load(Pipeline::shipped(name).unwrap(), name).unwrap();
    let terms = LintTerms { layout, policy: None, streams: &BTreeMap::new(), builds: &[] };
    lint(&pipeline, &terms).into_iter().map(|found| format!("{name}: {}", found.message)).collect()
}

#[test]
fn nothing_is_odd_about_a_shipped_pipeline_and_its_layout_knows_its_names() {
    for name in Pipeline::shipped_names() {
        let layout = match name {
            "fedora-gating" => "fedora-compose",
            "rdo-puppet" | "rdo-trunk" => "rdo-trunk",
            "starlingx" => "starlingx",
            _ => "generic",
        };
        let text = Layout::shipped(layout).unwrap();
        // What the comment of the file asks for.
        let asked: &[&str] = match name {
            "cloudsig" => &["candidate", "release", "previous-release"],
            "starlingx" => &["sanity", "latest_yellow_build", "latest_green_build", "previous_green_build"],
            _ => &[],
        };
        let by_hand: String =
            asked.iter().map(|name| format!("  - {{ name: {name}, by_hand: true }}\n")).collect();
        let text = text.replace("aliases:\n", &format!("aliases:\n{by_hand}"));
        let layout = Layout::load(&text, layout).unwrap();
        assert_eq!(odd(name, None), Vec::<String>::new());
        assert_eq!(odd(name, Some(&layout)), Vec::<String>::new());
    }
}

#[test]
fn names_that_a_layout_moves_by_rules_are_told() {
    let layout = Layout::load(Layout::shipped("starlingx-debian").unwrap(), "starlingx-debian").unwrap();
    let found = odd("starlingx", Some(&layout)).join("\n");
    for wanted in
        ["a rule moves `latest_green_build`", "a rule moves `latest_yellow_build`", "knows no alias `sanity`"]
    {
        assert!(found.contains(wanted), "{wanted}\n{found}");
    }
}

#[test]
fn the_committed_schema_of_pipelines_is_the_programs() {
    let committed = include_str!("../../pipelines/pipeline.schema.json");
    let committed: serde_json::Value = serde_json::from_str(committed).unwrap();
    let how = "write it again: mirrorkeep pipeline schema > pipelines/pipeline.schema.json";
    assert_eq!(committed, Pipeline::schema(), "{how}");
}

#[test]
fn the_pipeline_that_the_guide_shows_reads_and_does_what_its_examples_say() {
    let guide = include_str!("../../docs/pipeline.md");
    let block = guide.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let pipeline = Pipeline::load(block, "guide").unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(pipeline.tests.len(), 1);
    assert_eq!(pipeline.surprises(&pipeline.tests[0]), []);
}

#[test]
fn the_guide_names_every_key_of_a_pipeline_and_every_finding() {
    let guide = include_str!("../../docs/pipeline.md");
    let schema = Pipeline::schema();
    let shapes = schema["$defs"].as_object().unwrap().values().chain([&schema]);
    for key in
        shapes.flat_map(|shape| shape["properties"].as_object().into_iter().flatten()).map(|(key, _)| key)
    {
        assert!(
            guide.contains(&format!("`{key}`")) || guide.contains(&format!("{key}:")),
            "`{key}` is not told"
        );
    }
    let told: BTreeSet<&str> = (guide.split("| code | what |").nth(1).unwrap().lines())
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .collect();
    let source = include_str!("../../src/decide/pipeline/lint.rs");
    let source = source.split("#[cfg(test)]").next().unwrap();
    let is_code = |word: &&str| {
        !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c == '-') && !word.ends_with('-')
    };
    let keys = ["name", "previous"];
    let codes: BTreeSet<&str> =
        source.split('"').skip(1).step_by(2).filter(is_code).filter(|word| !keys.contains(word)).collect();
    assert_eq!(told, codes);
}
