//! Checking JSON answers against the shipped schemas.

use jsonschema::Validator;
use mirrorkeep::cli::{AnswerSchema, event_schemas, schemas};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::LazyLock;
use std::{cell::RefCell, fs};

/// Every answer, as the program describes it.
static ANSWERS: LazyLock<Vec<AnswerSchema>> = LazyLock::new(schemas);

/// Every type of event, as the program describes it.
static EVENTS: LazyLock<Vec<AnswerSchema>> = LazyLock::new(event_schemas);

thread_local! {
    static SHIPPED: RefCell<HashMap<String, Rc<Shipped>>> = RefCell::default();
}

/// A shipped schema, as it is, and in a form that accepts no further fields.
struct Shipped {
    open: Validator,
    closed: Validator,
}

/// Returns the directory of the shipped schemas.
pub(crate) fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schemas")
}

/// Returns which answer a command line gives; nothing for the JSON schemas of files, which are schemas themselves.
fn answer_to(args: &[&str]) -> Option<&'static AnswerSchema> {
    let find = |command: &str| ANSWERS.iter().find(|answer| answer.command == command);
    let verb = args.iter().position(|arg| {
        let group = format!("{arg} ");
        ANSWERS.iter().any(|answer| answer.command == *arg || answer.command.starts_with(&group))
    });
    let verb = verb.unwrap_or_else(|| panic!("{args:?}: no verb has a schema"));
    let below = args.get(verb + 1).and_then(|below| find(&format!("{} {below}", args[verb])));
    let command = match below {
        Some(below) => below.command,
        None if args.get(verb + 1) == Some(&"schema") => return None,
        None => args[verb],
    };
    let has = |option: &str| args.iter().any(|arg| arg.split('=').next() == Some(option));
    let with = ANSWERS.iter().find(|answer| {
        let option = answer.command.strip_prefix(command).and_then(|rest| rest.strip_prefix(' '));
        option.is_some_and(|option| option.starts_with("--") && has(option))
    });
    let found =
        with.or_else(|| if command == "list" && has("--trash") { find("trash list") } else { find(command) });
    Some(found.unwrap_or_else(|| panic!("{args:?}: `{command}` has no schema")))
}

/// Checks an answer against the shipped schema of its command: required fields exist, and existing fields are
/// described.
#[track_caller]
pub(crate) fn assert_shape(args: &[&str], answer: &Value) {
    if let Some(of) = answer_to(args) {
        fits(of, answer).unwrap_or_else(|why| panic!("{args:?}: {why}\n{answer:#}"));
    }
}

/// Checks the last line of standard error of a command that failed.
#[track_caller]
pub(crate) fn assert_error_shape(stderr: &[u8]) {
    let text = String::from_utf8_lossy(stderr);
    let last = text.lines().last().unwrap_or_default();
    let error = serde_json::from_str(last).unwrap_or_else(|why| panic!("{why}: {text}"));
    let of = ANSWERS.iter().find(|answer| answer.command == "error").unwrap();
    fits(of, &error).unwrap_or_else(|why| panic!("{why}\n{error:#}"));
}

/// Returns why an event does not match the shipped schema of its type.
pub(crate) fn event_fits(event: &Value) -> Result<(), String> {
    let kind = event["type"].as_str().unwrap_or_default();
    let short = kind.strip_prefix("mirrorkeep.").ok_or_else(|| format!("{kind}: not a type"))?;
    let of = EVENTS.iter().find(|of| of.command.strip_prefix("event ") == Some(short));
    let all = ANSWERS.iter().find(|answer| answer.command == "events");
    fits(all.ok_or("no schema of events")?, &without_data(event))?;
    fits(of.ok_or_else(|| format!("{kind}: no schema"))?, event)
}

/// Returns an event whose data is of no type.
fn without_data(event: &Value) -> Value {
    let mut event = event.clone();
    event["data"] = Value::Null;
    event
}

/// Returns why an answer does not match its shipped schema.
pub(crate) fn fits(of: &AnswerSchema, answer: &Value) -> Result<(), String> {
    let known = SHIPPED.with_borrow(|known| known.get(&of.file()).cloned());
    let shipped = known.unwrap_or_else(|| {
        let shipped = Rc::new(read(&of.file()));
        SHIPPED.with_borrow_mut(|known| known.insert(of.file(), Rc::clone(&shipped)));
        shipped
    });
    let check = |validator: &Validator| {
        let errors = validator.iter_errors(answer).map(|error| format!("{}: {error}", error.instance_path()));
        let errors: Vec<String> = errors.collect();
        if errors.is_empty() { Ok(()) } else { Err(format!("not as {}: {}", of.file(), errors.join("\n"))) }
    };
    check(&shipped.open).and_then(|()| check(&shipped.closed))
}

fn read(file: &str) -> Shipped {
    let text = fs::read_to_string(directory().join(file)).unwrap_or_else(|why| panic!("{file}: {why}"));
    let open: Value = serde_json::from_str(&text).unwrap();
    let mut closed = open.clone();
    close(&mut closed);
    let [open, closed] = [open, closed].map(|schema| jsonschema::validator_for(&schema).unwrap());
    Shipped { open, closed }
}

/// Makes every object of a schema refuse further fields.
fn close(schema: &mut Value) {
    let Some(keys) = schema.as_object_mut() else { return };
    for (key, below) in &mut *keys {
        match (&**key, below) {
            ("properties" | "$defs", Value::Object(each)) => each.values_mut().for_each(close),
            ("items" | "additionalProperties", below) => close(below),
            // Objects in these are parts of this one.
            ("oneOf" | "anyOf" | "allOf", Value::Array(parts)) => parts.iter_mut().for_each(inner),
            _ => {}
        }
    }
    if keys.contains_key("properties") {
        keys.insert("unevaluatedProperties".to_owned(), json!(false));
    }
}

/// Closes what is below a part of an object, and not the part itself.
fn inner(part: &mut Value) {
    close(part);
    if let Some(keys) = part.as_object_mut() {
        keys.remove("unevaluatedProperties");
    }
}
