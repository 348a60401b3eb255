//! A subscriber: which events it gets, how it is reached, and how long it is waited for.

use crate::decide::events::Filter;
use crate::decide::policy::Span;
use crate::model::Digest;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// What a deliver.yaml means.
#[derive(Debug, Clone)]
pub struct Deliver {
    pub(super) text: Arc<str>,
    /// The digest of the file.
    pub digest: Digest,
    /// The subscribers.
    pub to: Vec<Subscriber>,
}

/// Who gets events.
#[derive(Debug, Clone)]
pub struct Subscriber {
    /// Its name.
    pub name: String,
    /// Which events it gets.
    pub filter: Filter,
    /// The number of its first event, where nothing is known of it yet; otherwise it begins with the next.
    pub since: Option<u64>,
    /// For how long an event may be refused before it is parked.
    pub park_after: Span,
    /// How old the oldest event that waits may be before `deliver status` reports it.
    pub alarm: Span,
    /// For how long one delivery may take.
    pub limit: Duration,
    /// How long events are gathered that are sent as one; each is sent alone without it.
    pub digest: Option<Duration>,
    /// How it is reached.
    pub via: Via,
}

/// How a subscriber is reached.
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
}

/// A command, without a shell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command(pub Vec<String>);

/// An address that events are posted to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// The address.
    pub url: Address,
    /// What events are signed with.
    pub secret: Option<Secret>,
}

/// A message bus, by AMQP 0-9-1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bus {
    /// The address of the broker.
    pub url: Address,
    /// The exchange, which routes by topic.
    pub exchange: String,
    /// What comes before the type in a topic; may be empty.
    pub topic_prefix: String,
}

/// People who get a letter for each event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// The address of the mail server.
    pub url: Address,
    /// Who writes.
    pub from: String,
    /// Who gets it.
    pub to: Vec<String>,
    /// The subject, in which fields are filled in.
    pub subject: String,
}

/// Where an address is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// In the file.
    Given(Box<Url>),
    /// In this environment variable.
    Env(String),
}

/// Where a secret is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Secret {
    /// In this environment variable.
    Env(String),
    /// In this file.
    File(PathBuf),
}

impl Deliver {
    /// Returns the YAML it was read from.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the environment variables that have secrets, which no command gets.
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
        }
    }

    fn secrets(&self) -> Vec<&str> {
        let (url, secret) = match self {
            Self::Run(_) => return Vec::new(),
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

/// The verbs below `deliver`, which are no names.
const VERBS: [&str; 7] = ["status", "replay", "park", "unpark", "lint", "schema", "help"];

/// The most characters of a name.
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
