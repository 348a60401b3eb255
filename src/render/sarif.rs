//! Findings as SARIF 2.1.0, which code hosts and editors show beside the files.

use crate::decide::check::{Code, Finding, Severity};
use crate::model::Digest;
use crate::render::findings::meaning;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_sarif::sarif::{
    ArtifactLocation, Location, Message, MultiformatMessageString, PhysicalLocation, PropertyBag, Region,
    ReportingDescriptor, Result as Found, ResultLevel, Run, Sarif, Tool, ToolComponent,
};
use std::collections::BTreeMap;

/// The address of the schema.
const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// Returns findings as a SARIF log; paths are relative to `%MIRROR%`.
pub fn sarif(found: &[Finding]) -> Sarif {
    let rules: Vec<ReportingDescriptor> = Code::ALL.iter().copied().map(rule).collect();
    let driver = ToolComponent::builder()
        .name("mirrorkeep")
        .version(env!("CARGO_PKG_VERSION"))
        .semantic_version(env!("CARGO_PKG_VERSION"))
        .rules(rules)
        .build();
    let results: Vec<Found> = found.iter().map(result).collect();
    let root = Message::builder().text("the root of the mirror").build();
    let root = ArtifactLocation::builder().description(root).build();
    let run = Run::builder()
        .tool(Tool::builder().driver(driver).build())
        .original_uri_base_ids(BTreeMap::from([("%MIRROR%".to_owned(), root)]))
        .results(results)
        .build();
    Sarif::builder().version(serde_json::json!("2.1.0")).schema(SCHEMA).runs(vec![run]).build()
}

fn rule(code: Code) -> ReportingDescriptor {
    let text = |text: &str| MultiformatMessageString::builder().text(text.to_owned()).build();
    ReportingDescriptor::builder()
        .id(code.as_str())
        .short_description(text(code.meaning()))
        .help(text(code.hint()))
        .build()
}

fn result(found: &Finding) -> Found {
    let index = Code::ALL.iter().position(|code| *code == found.code);
    let text = format!("{}; found {}, expected {}", meaning(found), found.found, found.expected);
    let place = ArtifactLocation::builder().uri(uri(&found.path)).uri_base_id("%MIRROR%").build();
    // Code hosts require a line; most findings are about a whole file or directory.
    let region = Region::builder().start_line(1_i64).build();
    let place = PhysicalLocation::builder().artifact_location(place).region(region).build();
    // A code host identifies a finding by this across runs, whatever was found at its path.
    let print = Digest::of(format!("{} {}", found.code, found.path).as_bytes()).to_string();
    let more = [
        ("nearest".to_owned(), serde_json::json!(found.nearest)),
        ("hint".to_owned(), serde_json::json!(found.hint)),
    ];
    Found::builder()
        .rule_id(found.code.as_str())
        .rule_index(index.and_then(|index| i64::try_from(index).ok()).unwrap_or(-1))
        .level(match found.severity {
            Severity::Error => ResultLevel::Error,
            Severity::Warning => ResultLevel::Warning,
            Severity::Note => ResultLevel::Note,
        })
        .message(Message::builder().text(text).build())
        .locations(vec![Location::builder().physical_location(place).build()])
        .partial_fingerprints(BTreeMap::from([("codeAndPath/v1".to_owned(), print)]))
        .properties(
            PropertyBag::builder()
                .additional_properties(more.into_iter().collect::<BTreeMap<_, _>>())
                .build(),
        )
        .build()
}

/// The characters that are percent-encoded in a path of a URI.
const IN_PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/')
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=')
    .remove(b'@');

/// Returns a path as a relative URI, with other characters percent-encoded.
fn uri(path: &str) -> String {
    utf8_percent_encode(path, IN_PATH).to_string()
}
