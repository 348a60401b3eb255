//! An event of the journal as a sentence.

use crate::model::{BuildId, Stamp, shown};
use crate::record::{Event, EventKind, Lapsed, Promotion, Waived};
use crate::render::paint::{bytes, count};
use serde_json::Value;

/// Returns an event as one sentence, in the past tense.
pub fn sentence(event: &Event) -> String {
    let to = &event.to;
    let text = match event.what {
        EventKind::Initialised => "made the mirror".to_owned(),
        EventKind::Published => format!("published {to}{}", size(event)),
        EventKind::Confirmed => format!("found nothing changed since {to}"),
        EventKind::Adopted if flag(event, "rebuilt") => format!("rebuilt the record of {to}"),
        EventKind::Adopted => format!("adopted {to}{}", size(event)),
        EventKind::Aliased => {
            let from = text_of(event, "from").map(|from| format!(" (it was at {from})")).unwrap_or_default();
            let taken = text_of(event, "why");
            match (text_of(event, "to"), flag(event, "by_hand")) {
                (Some(target), false) if taken.is_some() => {
                    format!("accepted that {to} points to {target}: {}", taken.unwrap_or_default())
                }
                (Some(target), false) => format!("pointed {to} at {target}{from}"),
                (Some(target), true) => format!("found that another program moved {to} to {target}{from}"),
                (None, _) => format!("found that another program removed {to}"),
            }
        }
        EventKind::Configured => match (text_of(event, "before"), text_of(event, "after")) {
            (before, Some(after)) if before == Some(after) => format!("changed the {to} in force, {after}"),
            (Some(before), Some(after)) => format!("put the {to} {after} in force in place of {before}"),
            (_, after) => format!("put the {to} {} in force", after.unwrap_or("not known")),
        },
        EventKind::Unaliased => match text_of(event, "from") {
            Some(from) => format!("removed the alias {to}, which pointed at {from}"),
            None => format!("removed the alias {to}"),
        },
        EventKind::Materialized => match text_of(event, "generation") {
            Some(generation) => format!("copied the build to {generation} below {to}"),
            None => format!("stopped keeping a copy below {to}"),
        },
        EventKind::Labelled => format!("labelled {to} {}", labels(event)),
        EventKind::Held | EventKind::Unheld => holds(event),
        EventKind::Pruned => {
            // A build that is deleted at once has no term.
            let until = stamp(event, "until").filter(|until| *until > event.at);
            let until = until.map(|until| format!(" (it can be restored until {})", until.iso()));
            let until = until.unwrap_or_default();
            match text_of(event, "why") {
                Some(why) => format!("withdrew {to}: {why}{until}"),
                None if event.stated().retired.is_some() => {
                    format!("moved {to} to the trash, since its stream is retired{until}")
                }
                None => {
                    let stated = event.stated();
                    let rules = stated.rules.filter(|rules| !rules.is_empty());
                    let rules = rules.map(|rules| format!(": {}", Lapsed::line(&rules))).unwrap_or_default();
                    match stated.archive {
                        Some(archive) => format!("moved {to} to the archive {}{rules}", archive.address),
                        None => format!("moved {to} to the trash{rules}{until}"),
                    }
                }
            }
        }
        EventKind::Trimmed => format!("took {} out of {to}", list(event, "parts")),
        EventKind::Restored => format!("restored {to} from the trash"),
        EventKind::Swept => {
            let why = text_of(event, "why").map(|why| format!(": {why}")).unwrap_or_default();
            format!("deleted {to} from the trash{why}")
        }
        EventKind::Lost => format!("recorded that {to} is missing"),
        EventKind::Promoted | EventKind::Demoted => stage(event),
        EventKind::Waived | EventKind::Unwaived => waiver(event),
        EventKind::Pinned => match event.stated().pins.map_or(0, |pins| pins.len()) as u64 {
            0 => format!("removed the image pins {to}"),
            pins => format!("set the image pins {to}: {}", count(pins, "image")),
        },
        EventKind::Untagged => {
            let tags = event.stated().digests.unwrap_or_default().into_values().map(|tags| tags.len() as u64);
            format!("deleted {} of {to}", count(tags.sum(), "tag"))
        }
        EventKind::Requested => {
            format!("requested a build of {to}: {}", text_of(event, "why").unwrap_or_default())
        }
        EventKind::Unrequested => format!("took back the requests of builds of {to}"),
        EventKind::Started => format!("started a build of {to}"),
        EventKind::Ended => {
            format!("ended the build of {to}: {}", text_of(event, "outcome").unwrap_or("not known"))
        }
        EventKind::Released => format!("released {to}"),
        EventKind::Branched => {
            let with =
                text_of(event, "seed").map(|seed| format!(", beginning with {seed}")).unwrap_or_default();
            format!("branched {to} from {}{with}", text_of(event, "like").unwrap_or_default())
        }
        EventKind::Retiring => {
            let stated = event.stated().retirement;
            let why = stated.as_ref().map(|stated| format!(": {}", stated.why)).unwrap_or_default();
            let is_redirected = stated.as_ref().is_some_and(|stated| stated.redirect_since.is_some());
            match stated.and_then(|stated| stated.removal_at.filter(|_| stated.redirect_since.is_none())) {
                Some(at) => {
                    format!("announced that the builds of {to} are removed from {} on{why}", at.iso())
                }
                None if is_redirected => format!("began to redirect {to}"),
                None => format!("began to retire {to}{why}"),
            }
        }
        EventKind::Retired => format!("retired {to}"),
        EventKind::Unretired => {
            format!("ended the retirement of {to}: {}", text_of(event, "why").unwrap_or_default())
        }
        EventKind::Recovered => "accepted that events of the journal are lost".to_owned(),
    };
    shown(&text).into_owned()
}

fn text_of<'a>(event: &'a Event, key: &str) -> Option<&'a str> {
    event.details.get(key).and_then(Value::as_str)
}

fn flag(event: &Event, key: &str) -> bool {
    event.details.get(key).and_then(Value::as_bool).unwrap_or_default()
}

fn stamp(event: &Event, key: &str) -> Option<Stamp> {
    text_of(event, key)?.parse().ok()
}

/// Returns result, files and bytes of a build, as far as the event states them.
fn size(event: &Event) -> String {
    let number = |key: &str| event.details.get(key).and_then(Value::as_u64);
    let result = text_of(event, "result").map(str::to_owned);
    let files = number("files").map(|files| count(files, "file"));
    let parts: Vec<String> = [result, files, number("bytes").map(bytes)].into_iter().flatten().collect();
    if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) }
}

fn labels(event: &Event) -> String {
    let labels = event.details.get("labels").and_then(Value::as_object);
    let each = labels.into_iter().flatten().map(|(key, value)| match value.as_str() {
        Some(value) => format!("{key}={value}"),
        None => format!("without {key}"),
    });
    each.collect::<Vec<_>>().join(" ")
}

fn list(event: &Event, key: &str) -> String {
    let all = event.details.get(key).and_then(Value::as_array).into_iter().flatten();
    let all: Vec<&str> = all.filter_map(Value::as_str).collect();
    if all.is_empty() { "parts".to_owned() } else { all.join(", ") }
}

/// Returns how a stage was moved forward or back.
fn stage(event: &Event) -> String {
    let to = &event.to;
    let Some(promotion) = event.stated().promotion else {
        return format!("moved the stage {to}");
    };
    let stays = promotion.stays();
    let Promotion { build, before, why, lacked, members, .. } = promotion;
    let with: Vec<String> = members
        .into_iter()
        .map(|one| one.build.map_or(one.stream.to_string(), |id| id.to_string()))
        .collect();
    let with = if with.is_empty() { String::new() } else { format!(" with {}", with.join(", ")) };
    let named = |id: Option<BuildId>| id.map_or_else(|| "no build".to_owned(), |id| id.to_string());
    let why = why.map(|why| format!(": {why}")).unwrap_or_default();
    if event.what == EventKind::Demoted {
        let back = build.map_or_else(|| "no build (none had it before)".to_owned(), |id| id.to_string());
        return format!("demoted {to} from {} to {back}{with}{why}", named(before));
    }
    if stays {
        return format!("moved the image tags of {to} back to those of {}{why}", named(build));
    }
    let without = if lacked.is_empty() { String::new() } else { format!(" without {}", lacked.join(", ")) };
    format!("promoted {} to {to}{with}{without}{why}", named(build))
}

/// Returns the scope of a waiver.
fn waiver(event: &Event) -> String {
    let Some(Waived { name, job, build, until, why }) = event.stated().waiver else {
        return format!("changed a waiver of {}", event.to);
    };
    let why = why.map(|why| format!(": {why}")).unwrap_or_default();
    let scope = match (build, until) {
        (Some(id), _) => format!(" on {id}"),
        (None, Some(until)) => format!(" until {}", until.iso()),
        (None, None) => String::new(),
    };
    let did = if event.what == EventKind::Waived { "waived" } else { "no longer waived" };
    format!("{did} the vote of {job} for {name}{scope}{why}")
}

/// Returns the holds in an event.
fn holds(event: &Event) -> String {
    let to = &event.to;
    let holds = event.details.get("holds").and_then(Value::as_array);
    let why = |hold: &Value| hold.get("why").and_then(Value::as_str).map(str::to_owned);
    match (event.what, holds) {
        (EventKind::Held, Some(holds)) => match holds.last().and_then(why) {
            Some(why) => format!("held {to}: {why}"),
            None => format!("held {to}"),
        },
        (_, Some(holds)) if !holds.is_empty() => {
            format!("removed holds on {to}, {} left", holds.len())
        }
        _ => format!("removed the holds on {to}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::person;
    use serde_json::json;

    fn event(what: EventKind, to: &str, details: Value) -> Event {
        Event::done(what, to, &details)
    }

    #[test]
    fn each_event_is_a_sentence() {
        let build = "master/centos/20181205T060000Z";
        let name = "master/centos/latest_build";
        let cases = [
            (
                EventKind::Published,
                build,
                json!({"result": "success", "files": 2, "bytes": 5}),
                "published master/centos/20181205T060000Z (success, 2 files, 5 B)",
            ),
            (
                EventKind::Aliased,
                name,
                json!({"from": null, "to": build}),
                "pointed master/centos/latest_build at master/centos/20181205T060000Z",
            ),
            (
                EventKind::Aliased,
                name,
                json!({"from": "a", "to": "b", "by_hand": true}),
                "found that another program moved master/centos/latest_build to b (it was at a)",
            ),
            (
                EventKind::Unaliased,
                name,
                json!({"from": "a"}),
                "removed the alias master/centos/latest_build, which pointed at a",
            ),
            (
                EventKind::Labelled,
                build,
                json!({"labels": {"a": "b", "c": null}}),
                "labelled master/centos/20181205T060000Z a=b without c",
            ),
            (
                EventKind::Held,
                build,
                json!({"holds": [{"why": "old"}, {"why": "bug\u{202e}"}]}),
                "held master/centos/20181205T060000Z: bug\\u{202e}",
            ),
            (
                EventKind::Unheld,
                build,
                json!({"holds": []}),
                "removed the holds on master/centos/20181205T060000Z",
            ),
            (
                EventKind::Pruned,
                build,
                json!({"until": "2019-01-01T00:00:00Z"}),
                "moved master/centos/20181205T060000Z to the trash (it can be restored until 2019-01-01T00:00:00Z)",
            ),
            (
                EventKind::Pruned,
                build,
                json!({"why": "a key", "until": "1970-01-01T00:00:00Z"}),
                "withdrew master/centos/20181205T060000Z: a key",
            ),
            (
                EventKind::Trimmed,
                build,
                json!({"parts": ["bulky"]}),
                "took bulky out of master/centos/20181205T060000Z",
            ),
            (
                EventKind::Adopted,
                build,
                json!({"rebuilt": true}),
                "rebuilt the record of master/centos/20181205T060000Z",
            ),
            (EventKind::Recovered, "x", json!({}), "accepted that events of the journal are lost"),
        ];
        for (what, to, details, expected) in cases {
            assert_eq!(sentence(&event(what, to, details)), expected);
        }
        assert_eq!(person("Jane pid 1 (ci@host) pid 7"), "Jane pid 1 (ci@host)");
        assert_eq!(person("ci@host"), "ci@host");
    }
}
