//! From the YAML of a deliver.yaml to the subscribers, with every problem reported at once with its place.

use super::DeliverFileError;
use super::schema::{BusFile, DeliverFile, MailFile, SubscriberFile, WebhookFile};
use super::subscriber::{
    Address, Bus, Command, Deliver, Mail, Secret, Subscriber, Via, Webhook, subscriber_name,
};
use crate::decide::events::{Choice, Filter};
use crate::decide::pipeline::TimeLimit;
use crate::decide::policy::unknown::{self, Pieces};
use crate::decide::policy::{Span, pattern};
use crate::decide::targets::target_name;
use crate::model::{Digest, Document, Label, OneOrMany, Outcome, Problem, by_place, unprintable};
use serde_json::Value;
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;
use url::Url;

/// Every target, where targets are named.
const ALL: &str = "all";

/// The maximum number of subscribers: each has a thread.
const MOST: usize = 32;

/// The default of how long an event may be refused.
const PARK_AFTER: Span = Span::days(3);

/// The default maximum age of a waiting event.
const ALARM: Span = Span::hours(1);

/// The default time limits of one request, of one command and of one run of `sync`.
const LIMITS: (Duration, Duration, Duration) =
    (Duration::from_secs(30), Duration::from_mins(10), Duration::from_hours(24));

/// The default exchange.
const EXCHANGE: &str = "amq.topic";

/// The maximum number of bytes of an exchange and of the prefix of a topic.
const LONGEST_TOPIC: usize = 128;

/// The default subject of a letter.
const SUBJECT: &str = "[mirrorkeep] {type} {subject}";

/// The placeholders in the subject of a letter.
const SUBJECT_FIELDS: [&str; 4] = ["{type}", "{subject}", "{stream}", "{build}"];

/// The maximum number of recipients of a letter.
const MOST_RECEIVERS: usize = 50;

/// The placeholders in the arguments of a command.
const FIELDS: [&str; 6] = ["{stream}", "{build}", "{path}", "{subject}", "{type}", "{seq}"];

impl Deliver {
    /// Parses a deliver.yaml; `file` is its name in messages.
    pub fn load(text: &str, file: &str) -> Result<Self, DeliverFileError> {
        static SCHEMA: LazyLock<Value> = LazyLock::new(Deliver::schema);
        let document = Document::parse(text, file).map_err(DeliverFileError)?;
        let (raw, problems) = unknown::read(&document, &SCHEMA, pieces).map_err(DeliverFileError)?;
        let mut loading = Loading { document: &document, problems };
        let deliver = loading.deliver(&raw, text);
        if loading.problems.is_empty() {
            Ok(deliver)
        } else {
            Err(DeliverFileError(by_place(loading.problems)))
        }
    }

    /// Returns the JSON schema of a deliver.yaml, for completion and checks in editors.
    pub fn schema() -> Value {
        schemars::schema_for!(DeliverFile).to_value()
    }
}

/// Returns every problem that parsing the subscribers one by one finds, without the unknown keys.
fn pieces(document: &Document, first: Vec<Problem>, unknown: Vec<Problem>) -> Vec<Problem> {
    let mut pieces = Pieces::beside(document, unknown);
    for index in 0..document.items("to").unwrap_or(0) {
        let at = format!("to[{index}]");
        let key = |key: &str| format!("{at}.{key}");
        // Entry by entry: an unknown key of a subscriber would hide them.
        let found = [
            pieces.take_any::<OneOrMany>(&key("types")),
            pieces.take_any::<OneOrMany>(&key("streams")),
            pieces.take_any::<OneOrMany>(&key("results")),
            pieces.take_any::<u64>(&key("since")),
            pieces.take_any::<Span>(&key("park_after")),
            pieces.take_any::<Span>(&key("alarm")),
            pieces.take_any::<TimeLimit>(&key("timeout")),
            pieces.take_any::<Vec<String>>(&key("run")),
            pieces.take_any::<WebhookFile>(&key("webhook")),
            pieces.take_any::<BusFile>(&key("amqp")),
            pieces.take_any::<MailFile>(&key("mail")),
            pieces.take_any::<OneOrMany>(&key("sync")),
        ];
        if !found.contains(&true) {
            pieces.take::<SubscriberFile>(&at);
        }
    }
    pieces.end(first)
}

/// A file that is being parsed.
struct Loading<'a> {
    document: &'a Document,
    problems: Vec<Problem>,
}

impl Loading<'_> {
    fn problem(&mut self, path: &str, message: impl Into<String>) {
        self.problems.push(self.document.problem(path, message));
    }

    fn deliver(&mut self, raw: &DeliverFile, text: &str) -> Deliver {
        if raw.deliver != 1 {
            self.problem("deliver", format!("version {} is not known; 1 is accepted", raw.deliver));
        }
        if raw.to.len() > MOST {
            self.problem("to", format!("{} subscribers; at most {MOST} are accepted", raw.to.len()));
        }
        let mut names = HashSet::new();
        let mut to = Vec::new();
        for (index, one) in raw.to.iter().enumerate() {
            let at = format!("to[{index}]");
            if let Err(why) = subscriber_name(&one.name) {
                self.problem(&format!("{at}.name"), why);
            } else if !names.insert(&one.name) {
                self.problem(&format!("{at}.name"), format!("a second subscriber `{}`", one.name));
            }
            to.extend(self.subscriber(&at, one));
        }
        Deliver { text: text.into(), digest: Digest::of(text.as_bytes()), to }
    }

    fn subscriber(&mut self, at: &str, raw: &SubscriberFile) -> Option<Subscriber> {
        let filter = self.filter(at, raw);
        if raw.since == Some(0) {
            self.problem(&format!("{at}.since"), "0 is not accepted; the first event has the number 1");
        }
        let ways = [
            raw.run.is_some(),
            raw.webhook.is_some(),
            raw.amqp.is_some(),
            raw.mail.is_some(),
            raw.sync.is_some(),
        ];
        if ways.iter().filter(|given| **given).count() != 1 {
            self.problem(at, "exactly one of `run`, `webhook`, `amqp`, `mail` and `sync` is accepted");
            return None;
        }
        let via = match raw {
            SubscriberFile { run: Some(words), .. } => {
                Some(Via::Run(self.command(&format!("{at}.run"), words)))
            }
            SubscriberFile { webhook: Some(webhook), .. } => {
                self.webhook(&format!("{at}.webhook"), webhook).map(Via::Webhook)
            }
            SubscriberFile { amqp: Some(bus), .. } => self.bus(&format!("{at}.amqp"), bus).map(Via::Amqp),
            SubscriberFile { mail: Some(mail), .. } => self.mail(&format!("{at}.mail"), mail).map(Via::Mail),
            SubscriberFile { sync: Some(names), .. } => {
                Some(Via::Sync(self.targets(&format!("{at}.sync"), names)))
            }
            _ => None,
        }?;
        let limit = match via {
            Via::Run(_) => LIMITS.1,
            Via::Sync(_) => LIMITS.2,
            Via::Webhook(_) | Via::Amqp(_) | Via::Mail(_) => LIMITS.0,
        };
        Some(Subscriber {
            name: raw.name.clone(),
            filter,
            since: raw.since,
            park_after: raw.park_after.unwrap_or(PARK_AFTER),
            alarm: raw.alarm.unwrap_or(ALARM),
            limit: raw.timeout.map_or(limit, |limit| limit.0),
            digest: raw.mail.as_ref().and_then(|mail| mail.digest).map(|every| every.0),
            via,
        })
    }

    fn targets(&mut self, at: &str, names: &OneOrMany) -> Vec<String> {
        let names = names.as_slice();
        if names == [ALL] {
            return Vec::new();
        }
        for name in names {
            if let Err(why) = target_name(name) {
                self.problem(at, why);
            }
        }
        names.to_vec()
    }

    fn filter(&mut self, at: &str, raw: &SubscriberFile) -> Filter {
        let mut filter = Filter::default();
        for text in words(raw.types.as_ref()) {
            match text.parse::<Choice>() {
                Ok(choice) => filter.types.push(choice),
                Err(error) => self.problem(&format!("{at}.types"), error.to_string()),
            }
        }
        for text in words(raw.streams.as_ref()) {
            let (pattern, wrong) = pattern(text);
            for why in wrong {
                self.problem(&format!("{at}.streams"), why);
            }
            filter.streams.push(pattern);
        }
        for text in words(raw.results.as_ref()) {
            match text.parse::<Outcome>() {
                Ok(result) => filter.results.push(result),
                Err(error) => self.problem(&format!("{at}.results"), error.to_string()),
            }
        }
        for (key, values) in &raw.labels {
            for value in values.as_slice() {
                if let Err(error) = Label::read(key, value) {
                    self.problem(&format!("{at}.labels.{key}"), error.to_string());
                }
            }
            filter.labels.insert(key.clone(), values.as_slice().to_vec());
        }
        filter
    }

    fn command(&mut self, at: &str, words: &[String]) -> Command {
        match words.first().map(String::as_str) {
            None | Some("") => self.problem(
                at,
                "a program and its arguments are expected, such as `[/usr/local/bin/rebuild, \"{stream}\"]`",
            ),
            Some(program) if program.contains(['{', '}']) => {
                self.problem(&format!("{at}[0]"), "nothing is filled in in the name of the program");
            }
            Some(_) => {}
        }
        for (index, word) in words.iter().enumerate().skip(1) {
            let rest = FIELDS.iter().fold(word.clone(), |rest, field| rest.replace(field, ""));
            if rest.contains(['{', '}']) {
                let why = format!(
                    "`{}` has a brace that is of no field; {} are filled in",
                    word.escape_debug(),
                    FIELDS.join(", ")
                );
                self.problem(&format!("{at}[{index}]"), why);
            }
        }
        if words.iter().any(|word| word.contains('\0')) {
            self.problem(at, "a zero byte is not accepted in a command");
        }
        Command(words.to_vec())
    }

    fn webhook(&mut self, at: &str, raw: &WebhookFile) -> Option<Webhook> {
        let url = self.address(at, (raw.url.as_ref(), raw.url_env.as_ref()), web_address);
        let secret = match (&raw.secret_env, &raw.secret_file) {
            (None, None) => None,
            (Some(name), None) => self.variable(&format!("{at}.secret_env"), name).map(Secret::Env),
            (None, Some(file)) if file.starts_with('/') => Some(Secret::File(PathBuf::from(file))),
            (None, Some(file)) => {
                let why = format!(
                    "`{}` is not an absolute path, such as `/etc/mirrorkeep/hook`",
                    file.escape_debug()
                );
                self.problem(&format!("{at}.secret_file"), why);
                None
            }
            (Some(_), Some(_)) => {
                self.problem(at, "at most one of `secret_env` and `secret_file` is accepted");
                None
            }
        };
        Some(Webhook { url: url?, secret })
    }

    fn bus(&mut self, at: &str, raw: &BusFile) -> Option<Bus> {
        let url =
            self.address(at, (raw.url.as_ref(), raw.url_env.as_ref()), |text| public(bus_address(text)?));
        let exchange = raw.exchange.clone().unwrap_or_else(|| EXCHANGE.to_owned());
        let topic_prefix = raw.topic_prefix.clone().unwrap_or_default();
        for (key, text) in [("exchange", &exchange), ("topic_prefix", &topic_prefix)] {
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
            if text.len() > LONGEST_TOPIC
                || !text.chars().all(plain)
                || text.starts_with('.')
                || text.ends_with('.')
            {
                let why = format!(
                    "at most {LONGEST_TOPIC} letters, digits, `.`, `_` and `-` are accepted, such as `org.example.mirror`"
                );
                self.problem(&format!("{at}.{key}"), why);
            }
        }
        Some(Bus { url: url?, exchange, topic_prefix })
    }

    fn mail(&mut self, at: &str, raw: &MailFile) -> Option<Mail> {
        let url =
            self.address(at, (raw.url.as_ref(), raw.url_env.as_ref()), |text| public(mail_address(text)?));
        let to = raw.to.as_slice().to_vec();
        let all = to.iter().map(|one| ("to", one)).chain([("from", &raw.from)]);
        for (key, one) in all {
            if !is_mailbox(one) {
                let why =
                    format!("`{}` is not a mail address, such as `team@example.org`", one.escape_debug());
                self.problem(&format!("{at}.{key}"), why);
            }
        }
        if to.len() > MOST_RECEIVERS {
            self.problem(
                &format!("{at}.to"),
                format!("{} addresses; at most {MOST_RECEIVERS} are accepted", to.len()),
            );
        }
        let subject = raw.subject.clone().unwrap_or_else(|| SUBJECT.to_owned());
        let rest = SUBJECT_FIELDS.iter().fold(subject.clone(), |rest, field| rest.replace(field, ""));
        if rest.contains(['{', '}']) || subject.len() > 200 || unprintable(&subject).is_some() {
            let why = format!(
                "at most 200 printable characters are accepted, with the fields {}",
                SUBJECT_FIELDS.join(", ")
            );
            self.problem(&format!("{at}.subject"), why);
        }
        Some(Mail { url: url?, from: raw.from.clone(), to, subject })
    }

    /// Parses an address, or the name of the variable that has it.
    fn address(
        &mut self,
        at: &str,
        given: (Option<&String>, Option<&String>),
        read: impl FnOnce(&str) -> Result<Url, String>,
    ) -> Option<Address> {
        match given {
            (Some(text), None) => match read(text) {
                Ok(url) => Some(Address::Given(Box::new(url))),
                Err(why) => {
                    self.problem(&format!("{at}.url"), why);
                    None
                }
            },
            (None, Some(name)) => self.variable(&format!("{at}.url_env"), name).map(Address::Env),
            _ => {
                self.problem(at, "exactly one of `url` and `url_env` is accepted");
                None
            }
        }
    }

    fn variable(&mut self, at: &str, name: &str) -> Option<String> {
        let plain = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        if name.is_empty()
            || name.len() > 128
            || !name.chars().all(plain)
            || name.starts_with(|c: char| c.is_ascii_digit())
        {
            // It may be the secret itself.
            self.problem(at, "this is not the name of an environment variable, such as `HOOK_SECRET`");
            return None;
        }
        Some(name.to_owned())
    }
}

/// Returns the words of a list, none if it is not given.
fn words(list: Option<&OneOrMany>) -> impl Iterator<Item = &String> {
    list.into_iter().flat_map(OneOrMany::as_slice)
}

/// Parses an HTTP address for events; the error does not repeat it, since it may be a secret.
pub fn web_address(text: &str) -> Result<Url, String> {
    let accepted = "an address such as `https://ci.example.org/hook` is accepted";
    let url = Url::parse(text).map_err(|error| format!("this is not an address ({error}); {accepted}"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(format!("only `http` and `https` are accepted; {accepted}"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a user or password is not accepted in an address; `url_env` names a variable that has a secret one, and `secret_env` signs events".to_owned());
    }
    if url.fragment().is_some() {
        return Err(format!("a fragment (`#…`) is not sent; {accepted}"));
    }
    Ok(url)
}

/// Fails for an address with a user or password, which is not secret in the file.
fn public(url: Url) -> Result<Url, String> {
    if url.username().is_empty() && url.password().is_none() {
        return Ok(url);
    }
    Err("a user or password is not accepted here; `url_env` names a variable that has them".to_owned())
}

/// Returns whether a text is a mail address in plain characters, which needs no quotes in any header or command.
fn is_mailbox(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
    let host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
    text.len() <= 254
        && text.split_once('@').is_some_and(|(name, at)| {
            !name.is_empty() && name.chars().all(plain) && !at.is_empty() && at.chars().all(host)
        })
}

/// Parses the address of a mail server; the error does not repeat it, since it may be a secret.
pub fn mail_address(text: &str) -> Result<Url, String> {
    let accepted = "an address such as `smtp://localhost` is accepted";
    let url = Url::parse(text).map_err(|error| format!("this is not an address ({error}); {accepted}"))?;
    if !matches!(url.scheme(), "smtp" | "smtps") || url.host_str().is_none_or(str::is_empty) {
        return Err(format!("only `smtp` and `smtps` are accepted; {accepted}"));
    }
    if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        return Err(format!("nothing is accepted behind the host; {accepted}"));
    }
    Ok(url)
}

/// Parses the address of a broker; the error does not repeat it, since it may be a secret.
pub fn bus_address(text: &str) -> Result<Url, String> {
    let accepted = "an address such as `amqps://bus.example.org/vhost` is accepted";
    let url = Url::parse(text).map_err(|error| format!("this is not an address ({error}); {accepted}"))?;
    if !matches!(url.scheme(), "amqp" | "amqps") || url.host_str().is_none_or(str::is_empty) {
        return Err(format!("only `amqp` and `amqps` are accepted; {accepted}"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(format!("`?` and `#` are not accepted; {accepted}"));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<String> {
        Deliver::load(text, "d.yaml")
            .err()
            .map_or(Vec::new(), |error| error.0.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn every_problem_of_a_file_is_reported_at_once_with_its_place() {
        let text = "deliver: 2
to:
  - {name: CI, types: [build.publish], run: []}
  - {name: ci, streams: /x, results: good, since: 0, webhook: {url: 'ftp://x/'}}
  - {name: ci, labels: {'a b': c}, webhook: {url: 'https://u:p@x/', url_env: X}}
  - {name: status, webhook: {url_env: 'x y', secret_env: A, secret_file: b}}
  - {name: both, run: ['{stream}', '{strem}'], webhook: {url: 'https://x/'}}
  - {name: ci, webhook: {url: 'https://u:hidden@x/', secret_file: rel}}
  - {name: cmd, run: ['{stream}', '{strem}', '{stream}-{seq}']}
  - {name: bus, amqp: {url: 'amqp://u:hidden@x', exchange: 'a b', topic_prefix: x.}}
  - {name: bus2, amqp: {url: 'https://x'}}
  - {name: post, mail: {url: 'smtp://u:hidden@x', from: a, to: ['b@c', \"d@e>\\r\\nRCPT TO:<f@g\"], subject: '{x}'}}
";
        let found = problems(text);
        let wanted = [
            "d.yaml:1:1: deliver: version 2 is not known",
            "d.yaml:3:6: to[0].name: `CI` is not a name of a subscriber",
            "to[0].types: `build.publish` is not a type of events",
            "to[0].run: a program and its arguments are expected",
            "to[1].streams: `/x` can match nothing",
            "to[1].results: `good` is not a result",
            "to[1].since: 0 is not accepted",
            "to[1].webhook.url: only `http` and `https` are accepted",
            "to[2].name: a second subscriber `ci`",
            "to[2].labels.a b:",
            "to[2].webhook: exactly one of `url` and `url_env`",
            "to[3].name: `status` is a verb of `deliver`",
            "to[3].webhook.url_env: this is not the name of an environment variable",
            "to[3].webhook: at most one of `secret_env` and `secret_file`",
            "to[4]: exactly one of `run`, `webhook`, `amqp`, `mail` and `sync`",
            "to[5].name: a second subscriber `ci`",
            "to[5].webhook.url: a user or password is not accepted",
            "to[5].webhook.secret_file: `rel` is not an absolute path",
            "to[7].amqp.url: a user or password is not accepted",
            "to[7].amqp.exchange: at most 128 letters",
            "to[7].amqp.topic_prefix: at most 128 letters",
            "to[9].mail.url: a user or password is not accepted",
            "to[9].mail.from: `a` is not a mail address",
            "to[9].mail.to: `d@e>",
            "to[9].mail.subject: at most 200",
            "to[8].amqp.url: only `amqp` and `amqps` are accepted",
            "to[6].run[0]: nothing is filled in",
            "to[6].run[1]: `{strem}` has a brace that is of no field",
        ];
        for wanted in wanted {
            assert!(found.iter().any(|line| line.contains(wanted)), "{wanted}\n{}", found.join("\n"));
        }
        assert_eq!(found.len(), wanted.len(), "{}", found.join("\n"));
        assert!(found.iter().all(|line| !line.contains("hidden") && !line.contains("u:p")), "{found:?}");
    }

    #[test]
    fn unknown_keys_and_wrong_forms_are_named_with_what_is_accepted() {
        let found = problems(
            "deliver: 1\nto:\n  - {name: a, typ: x, alarm: soon, webhook: {url: 'https://x/', secret: s}}\n",
        );
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found.iter().any(|line| line.contains("unknown key `typ` (`types`?)")), "{found:?}");
        assert!(found.iter().any(|line| line.contains("unknown key `secret`")), "{found:?}");
        assert!(found.iter().any(|line| line.contains("`soon` is not a length of time")), "{found:?}");
    }

    #[test]
    fn an_unknown_key_hides_no_other_problem() {
        let found = problems(
            "deliver: 1\nto:\n  - {name: CI, typ: x, run: []}\n  - {name: a, 'x.y': 1, webhook: {url: 'ftp://x/', secret: s}}\n",
        );
        for wanted in [
            "to[0].typ: unknown key `typ`",
            "to[0].name: `CI` is not a name",
            "to[0].run: a program",
            "to[1].x.y: unknown key",
            "to[1].webhook.secret: unknown key",
            "to[1].webhook.url: only `http` and `https`",
        ] {
            assert!(found.iter().any(|line| line.contains(wanted)), "{wanted}\n{}", found.join("\n"));
        }
        assert_eq!(found.len(), 6, "{}", found.join("\n"));
    }

    #[test]
    fn a_file_means_what_it_says() {
        let text = "deliver: 1
to:
  - name: ci
    types: [build.published, 'stage.*']
    streams: 'master/**'
    webhook: {url: 'https://ci.example.org/hook?x=1', secret_env: HOOK_SECRET}
  - {name: rebuild, park_after: 1h, timeout: 5m, run: [/usr/local/bin/rebuild, '{stream}']}
";
        let deliver = Deliver::load(text, "d.yaml").unwrap();
        assert_eq!(deliver.secrets(), ["HOOK_SECRET"]);
        let [ci, rebuild] = &deliver.to[..] else { panic!() };
        assert_eq!(
            (ci.limit, ci.park_after, ci.via.key()),
            (Duration::from_secs(30), Span::days(3), "webhook")
        );
        assert_eq!((rebuild.limit, rebuild.park_after), (Duration::from_mins(5), Span::hours(1)));
        assert_eq!(ci.filter.types.len(), 2);
        assert_eq!(text, deliver.text());
        let none = Deliver::load("deliver: 1\nto: []\n", "d.yaml").unwrap();
        assert!(none.to.is_empty());
    }
}
