//! The YAML of deliver.yaml, exactly; `load` makes the subscribers from it.

use crate::decide::pipeline::TimeLimit;
use crate::decide::policy::Span;
use crate::model::OneOrMany;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Which programs get which events.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "the keys `deliver: 1` and `to`, a list of subscribers")]
pub(super) struct DeliverFile {
    /// The version of this form: 1.
    #[schemars(extend("const" = 1))]
    pub(super) deliver: u32,
    /// The subscribers.
    #[schemars(length(min = 1))]
    pub(super) to: Vec<SubscriberFile>,
}

/// A subscriber: a selection of events, and exactly one of `run`, `webhook`, `amqp`, `mail` and `sync`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "a subscriber such as `{name: ci, types: [build.published], webhook: {url: \"https://ci.example.org/hook\"}}`"
)]
pub(super) struct SubscriberFile {
    /// Its name: lower-case letters, digits, `-` and `_`.
    pub(super) name: String,
    /// The types of its events, such as `build.published`, or groups such as `stage.*`; all without it.
    #[serde(default)]
    pub(super) types: Option<OneOrMany>,
    /// The streams, as patterns: `*` within a name, `**` for any names. Events without a stream are delivered.
    #[serde(default)]
    pub(super) streams: Option<OneOrMany>,
    /// The results of builds, such as `success`. Events without a result are delivered.
    #[serde(default)]
    pub(super) results: Option<OneOrMany>,
    /// For events `build.labelled`, only those that set these labels, each to one of these values.
    #[serde(default)]
    pub(super) labels: BTreeMap<String, OneOrMany>,
    /// The number of the first event for a new subscriber [default: the next event].
    #[serde(default)]
    pub(super) since: Option<u64>,
    /// How long an event may be refused before it is parked [default: 3d].
    #[serde(default)]
    pub(super) park_after: Option<Span>,
    /// `deliver status` reports when the oldest waiting event is older [default: 1h].
    #[serde(default)]
    pub(super) alarm: Option<Span>,
    /// Time limit of one delivery [default: 30s, or 10m for a command].
    #[serde(default)]
    pub(super) timeout: Option<TimeLimit>,
    /// A program and its arguments. It gets the event on standard input; `{stream}`, `{build}`, `{path}`,
    /// `{subject}`, `{type}` and `{seq}` in an argument are replaced. Exit code 0 accepts the event, 75 asks for
    /// another attempt later.
    #[serde(default)]
    pub(super) run: Option<Vec<String>>,
    /// An HTTP address to which events are posted.
    #[serde(default)]
    pub(super) webhook: Option<WebhookFile>,
    /// A message bus.
    #[serde(default)]
    pub(super) amqp: Option<BusFile>,
    /// A letter for each event.
    #[serde(default)]
    pub(super) mail: Option<MailFile>,
    /// Targets of targets.yaml that `sync` brings up to date, or `all`.
    #[serde(default)]
    pub(super) sync: Option<OneOrMany>,
}

/// An HTTP address to which events are posted: exactly one of `url` and `url_env`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "`url` or `url_env`, and `secret_env` or `secret_file`, such as `{url: \"https://ci.example.org/hook\", secret_env: HOOK_SECRET}`"
)]
pub(super) struct WebhookFile {
    /// The address, with `http` or `https`.
    #[serde(default)]
    pub(super) url: Option<String>,
    /// The environment variable with the address, if it is a secret.
    #[serde(default)]
    pub(super) url_env: Option<String>,
    /// The environment variable with the secret by which events are signed (Standard Webhooks).
    #[serde(default)]
    pub(super) secret_env: Option<String>,
    /// The file with the secret, as an absolute path.
    #[serde(default)]
    pub(super) secret_file: Option<String>,
}

/// A message bus (AMQP 0-9-1): exactly one of `url` and `url_env`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "`url_env`, `exchange` and `topic_prefix`, such as `{url_env: AMQP_URL, topic_prefix: org.example.mirror}`"
)]
pub(super) struct BusFile {
    /// The address of the broker, with `amqp` or `amqps`, without a user and password.
    #[serde(default)]
    pub(super) url: Option<String>,
    /// The environment variable with the address: `amqps://USER:PASSWORD@HOST/VHOST`.
    #[serde(default)]
    pub(super) url_env: Option<String>,
    /// The exchange, which routes by topic [default: `amq.topic`].
    #[serde(default)]
    pub(super) exchange: Option<String>,
    /// The prefix of the type in a topic, such as `org.example.mirror` in `org.example.mirror.build.published.v1`.
    #[serde(default)]
    pub(super) topic_prefix: Option<String>,
}

/// A letter for each event: exactly one of `url` and `url_env`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "`url` or `url_env`, `from` and `to`, such as `{url: smtp://localhost, from: mirror@example.org, to: [team@example.org]}`"
)]
pub(super) struct MailFile {
    /// The address of the mail server, with `smtp` or `smtps`, without a user and password.
    #[serde(default)]
    pub(super) url: Option<String>,
    /// The environment variable with the address: `smtps://USER:PASSWORD@HOST`.
    #[serde(default)]
    pub(super) url_env: Option<String>,
    /// The sender.
    pub(super) from: String,
    /// The recipients.
    pub(super) to: OneOrMany,
    /// The subject; `{type}`, `{subject}`, `{stream}` and `{build}` are replaced.
    #[serde(default)]
    pub(super) subject: Option<String>,
    /// Send one letter for all events of this span, instead of one for each.
    #[serde(default)]
    pub(super) digest: Option<TimeLimit>,
}
