//! The shipped JSON schemas of answers: from the types that are written, one for each answer, and open to more fields.

use crate::support::shapes::{directory, fits};
use mirrorkeep::cli::{AnswerSchema, event_schemas, schemas, site_schemas};
use mirrorkeep::decide::events::{type_name, type_of};
use mirrorkeep::record::EventKind;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// Returns a schema as its file has it.
fn text(schema: &Value) -> String {
    serde_json::to_string_pretty(schema).unwrap() + "\n"
}

#[test]
fn the_committed_schemas_are_the_programs() {
    let all = [schemas(), event_schemas(), site_schemas()].concat();
    let made: BTreeMap<String, String> =
        all.iter().map(|answer| (answer.file(), text(&answer.schema))).collect();
    assert_eq!(made.len(), all.len(), "two answers have one file");
    if std::env::var_os("MIRRORKEEP_WRITE_SCHEMAS").is_some() {
        fs::remove_dir_all(directory()).ok();
        fs::create_dir_all(directory()).unwrap();
        for (file, text) in &made {
            fs::write(directory().join(file), text).unwrap();
        }
    }
    let entries = fs::read_dir(directory()).unwrap().map(|entry| entry.unwrap());
    let committed: BTreeMap<String, String> = entries
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read_to_string(entry.path()).unwrap()))
        .collect();
    let how =
        "write them again: MIRRORKEEP_WRITE_SCHEMAS=1 cargo test --locked --test all the_committed_schemas";
    assert_eq!(committed.keys().collect::<Vec<_>>(), made.keys().collect::<Vec<_>>(), "{how}");
    for (file, text) in &made {
        assert!(committed[file] == *text, "{file} is not what the program makes; {how}");
    }
}

#[test]
fn every_row_of_the_documents_has_its_schema_and_every_schema_its_row() {
    let (table, _) = include_str!("../../docs/json.md").split_once("\n## ").unwrap();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `"));
    let names = rows.flat_map(|row| row.split(" | ").next().unwrap().split(", "));
    let first = |command: &str| command.trim_matches('`').split(" --").next().unwrap().to_owned();
    // The schemas of files are answers, too, and are shipped beside what they describe.
    let told: BTreeSet<String> = names.map(first).filter(|command| !command.ends_with(" schema")).collect();
    let has = |command: &str| schemas().iter().any(|answer| answer.command == command);
    let made: BTreeSet<String> =
        schemas().iter().map(|answer| first(answer.command)).filter(|command| command != "error").collect();
    assert!(has("error") && made.len() > 50, "{made:?}");
    assert_eq!(made, told);
}

#[test]
fn a_later_version_may_add_fields_and_must_keep_those_that_are_there() {
    for answer in [schemas(), event_schemas()].concat() {
        let text = text(&answer.schema);
        for closed in ["\"additionalProperties\": false", "\"unevaluatedProperties\": false"] {
            assert!(!text.contains(closed), "{}: {closed}", answer.command);
        }
        let required = answer.schema["required"].as_array().map_or(0, Vec::len);
        assert!(required > 1, "{}: requires {required} fields", answer.command);
        let version = |field: &Value| field["const"] == json!(1) || field["const"] == json!("1.0");
        let properties = answer.schema["properties"].as_object().unwrap();
        assert!(
            answer.command == "error" || properties.values().any(version),
            "{}: no version",
            answer.command
        );
    }
}

#[test]
fn an_answer_that_lacks_a_field_or_has_another_one_does_not_fit() {
    let answers = schemas();
    let resolve = answers.iter().find(|answer| answer.command == "resolve").unwrap();
    let whole =
        json!({"resolve": 1, "alias": "a/latest", "build": "a/1", "path": "a/1", "url": null, "page": null});
    assert_eq!(fits(resolve, &whole), Ok(()));
    for field in ["resolve", "alias", "build", "path"] {
        let mut lacking = whole.clone();
        lacking.as_object_mut().unwrap().remove(field);
        assert!(fits(resolve, &lacking).unwrap_err().contains("required"), "{field}");
        let mut other = whole.clone();
        other[field] = json!([]);
        assert!(fits(resolve, &other).is_err(), "{field}");
    }
    let mut more = whole;
    more["more"] = json!(true);
    assert!(fits(resolve, &more).unwrap_err().contains("more"));
}

#[test]
fn every_type_of_event_has_its_schema() {
    let made: BTreeSet<&str> = event_schemas().iter().map(|of| of.command).collect();
    let expected: Vec<String> =
        EventKind::ALL.iter().map(|kind| format!("event {}.v1", type_name(*kind))).collect();
    assert_eq!(made, expected.iter().map(String::as_str).collect());
    for kind in EventKind::ALL {
        let named = |of: &&AnswerSchema| of.schema["properties"]["type"]["const"] == type_of(kind);
        let of: Vec<String> = event_schemas().iter().filter(named).map(AnswerSchema::file).collect();
        assert_eq!(of, [format!("event-{}.v1.json", type_name(kind))]);
    }
}
