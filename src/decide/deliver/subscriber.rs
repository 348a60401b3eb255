//! A subscriber: its events, how they are sent, and how long it is waited for.

use crate::decide::events::Filter;
use crate::decide::policy::Span;
use crate::model::Digest;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// The contents of a deliver.yaml.
#[derive(Debug, Clone)]
pub struct Deliver {
    pub(super) text: Arc<str>,
    /// The digest of the file.
    pub digest: Digest,
    /// The subscribers.
    pub to: Vec<Subscriber>,
}

/// A subscriber.
#[derive(Debug, Clone)]
pub struct Subscriber {
    /// Its name.
    pub name: String,
    /// Its selection of events.
    pub filter: Filter,
    /// The number of its first event if it is new; the next event by default.
    pub since: Option<u64>,
    /// How long an event may be refused before it is parked.
    pub park_after: Span,
    /// How old the oldest waiting event may be before `deliver status` reports it.
    pub alarm: Span,
    /// Time limit of one delivery.
    pub limit: Duration,
    /// How long events are gathered that are sent as one; without it, each is sent alone.
    pub digest: Option<Duration>,
    /// How events are sent to it.
    pub via: Via,
}

/// How events are sent to a subscriber.
#[derive(Debug, Clone)]
pub enum Via {
    /// By a command.
    Run(Command),
    /// By a request to an address.
    Webhook(Webhook),
    /// By a message on a bus.
    Amqp(Bus),
    /// By a letter.
    Mail(Mail),
    /// By a run of `sync` for these targets; for all without names.
    Sync(Vec<String>),
}

/// A command, without a shell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command(pub Vec<String>);

/// An HTTP address to which events are posted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// The address.
    pub url: Address,
    /// The secret that signs events.
    pub secret: Option<Secret>,
}

/// A message bus, by AMQP 0-9-1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bus {
    /// The address of the broker.
    pub url: Address,
    /// The exchange, which routes by topic.
    pub exchange: String,
    /// The prefix of the type in a topic; may be empty.
    pub topic_prefix: String,
}

/// Recipients of a letter for each event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// The address of the mail server.
    pub url: Address,
    /// The sender.
    pub from: String,
    /// The recipients.
    pub to: Vec<String>,
    /// The subject, with placeholders.
    pub subject: String,
}

/// The source of an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// The file.
    Given(Box<Url>),
    /// This environment variable.
    Env(String),
}

/// The source of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Secret {
    /// This environment variable.
    Env(String),
    /// This file.
    File(PathBuf),
}

impl Deliver {
    /// Returns the YAML from which it was parsed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the environment variables with secrets, which no command gets.
    pub fn secrets(&self) -> Vec<&str> {
        self.to.iter().flat_map(|one| one.via.secrets()).collect()
    }
}

impl Via {
    /// Returns its key in the file.
    pub fn key(&self) -> &'static str {
        match self {
            Self::Run(_) => "run",
            Self::Webhook(_) => "webhook",
            Self::Amqp(_) => "amqp",
            Self::Mail(_) => "mail",
            Self::Sync(_) => "sync",
        }
    }

    fn secrets(&self) -> Vec<&str> {
        let (url, secret) = match self {
            Self::Run(_) | Self::Sync(_) => return Vec::new(),
            Self::Webhook(Webhook { url, secret }) => (url, secret.as_ref()),
            Self::Amqp(Bus { url, .. }) | Self::Mail(Mail { url, .. }) => (url, None),
        };
        let url = match url {
            Address::Env(name) => Some(name.as_str()),
            Address::Given(_) => None,
        };
        let secret = match secret {
            Some(Secret::Env(name)) => Some(name.as_str()),
            _ => None,
        };
        url.into_iter().chain(secret).collect()
    }
}

/// The verbs below `deliver`, which cannot be names.
const VERBS: [&str; 7] = ["status", "replay", "park", "unpark", "lint", "schema", "help"];

/// The maximum number of characters of a name.
const LONGEST: usize = 64;

/// Returns why a text is not the name of a subscriber.
pub fn subscriber_name(text: &str) -> Result<(), String> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
    let begins = text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    if !begins || text.len() > LONGEST || !text.chars().all(plain) {
        let shown: String = text.chars().take(LONGEST).flat_map(char::escape_debug).collect();
        return Err(format!(
            "`{shown}` is not a name of a subscriber; at most {LONGEST} lower-case letters, digits, `-` and `_` are accepted"
        ));
    }
    if VERBS.contains(&text) {
        return Err(format!("`{text}` is a verb of `deliver`; another name is accepted"));
    }
    Ok(())
}
