//! The YAML of deliver.yaml, exactly; what it means is made of it in `load`.

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

/// A subscriber: a choice of events, and exactly one of `run`, `webhook`, `amqp` and `mail`.
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
    /// The streams, as patterns: `*` within a name, `**` for any names. Events that are about no stream are delivered.
    #[serde(default)]
    pub(super) streams: Option<OneOrMany>,
    /// The results of builds, such as `success`. Events that state none are delivered.
    #[serde(default)]
    pub(super) results: Option<OneOrMany>,
    /// Of the events `build.labelled` only those that set these labels, each to one of these values.
    #[serde(default)]
    pub(super) labels: BTreeMap<String, OneOrMany>,
    /// The number of the first event for a subscriber of which nothing is known yet; without it, the next that happens.
    #[serde(default)]
    pub(super) since: Option<u64>,
    /// For how long an event may be refused before it is parked; 3d without it.
    #[serde(default)]
    pub(super) park_after: Option<Span>,
    /// `deliver status` reports when the oldest event that waits is older; 1h without it.
    #[serde(default)]
    pub(super) alarm: Option<Span>,
    /// For how long one delivery may take; 30s without it, 10m for a command.
    #[serde(default)]
    pub(super) timeout: Option<TimeLimit>,
    /// A program and its arguments. It gets the event on standard input; `{stream}`, `{build}`, `{path}`, `{subject}`, `{type}`
    /// and `{seq}` in an argument are filled in. Exit code 0 is accepted, 75 is later.
    #[serde(default)]
    pub(super) run: Option<Vec<String>>,
    /// An address that the event is posted to.
    #[serde(default)]
    pub(super) webhook: Option<WebhookFile>,
    /// A message bus.
    #[serde(default)]
    pub(super) amqp: Option<BusFile>,
    /// A letter for each event.
    #[serde(default)]
    pub(super) mail: Option<MailFile>,
}

/// An address that events are posted to: exactly one of `url` and `url_env`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "`url` or `url_env`, and `secret_env` or `secret_file`, such as `{url: \"https://ci.example.org/hook\", secret_env: HOOK_SECRET}`"
)]
pub(super) struct WebhookFile {
    /// The address, with `http` or `https`.
    #[serde(default)]
    pub(super) url: Option<String>,
    /// The environment variable that has the address, where it is a secret.
    #[serde(default)]
    pub(super) url_env: Option<String>,
    /// The environment variable that has the secret by which events are signed (Standard Webhooks).
    #[serde(default)]
    pub(super) secret_env: Option<String>,
    /// The file that has the secret, as an absolute path.
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
    /// The environment variable that has the address: `amqps://USER:PASSWORD@HOST/VHOST`.
    #[serde(default)]
    pub(super) url_env: Option<String>,
    /// The exchange, which routes by topic; `amq.topic` without it.
    #[serde(default)]
    pub(super) exchange: Option<String>,
    /// What comes before the type in a topic, such as `org.example.mirror` in `org.example.mirror.build.published.v1`.
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
    /// The environment variable that has the address: `smtps://USER:PASSWORD@HOST`.
    #[serde(default)]
    pub(super) url_env: Option<String>,
    /// Who writes.
    pub(super) from: String,
    /// Who gets it.
    pub(super) to: OneOrMany,
    /// The subject; `{type}`, `{subject}`, `{stream}` and `{build}` are filled in.
    #[serde(default)]
    pub(super) subject: Option<String>,
    /// One letter for all events of such a time, instead of one for each.
    #[serde(default)]
    pub(super) digest: Option<TimeLimit>,
}
