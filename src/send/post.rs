//! The senders of a process: one for each subscriber, with one runtime for all network connections.

use super::amqp::BusSender;
use super::command::CommandSender;
use super::mail::MailSender;
use super::message::Sender;
use super::network::Network;
use super::secret::SendError;
use super::sync::SyncSender;
use super::webhook::WebhookSender;
use crate::decide::deliver::{Subscriber, Via};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What the senders of a process share.
#[derive(Debug, Clone)]
pub struct Post {
    network: Arc<Network>,
    /// How a command finds the mirror.
    mirror: String,
}

impl Post {
    /// Returns what the senders of a mirror share.
    pub fn new(mirror: String) -> Result<Self, SendError> {
        // Fails if there is one already, which serves as well.
        rustls::crypto::ring::default_provider().install_default().ok();
        Ok(Self { network: Arc::new(Network::shared(1).map_err(SendError::Start)?), mirror })
    }

    /// Returns the sender of a subscriber; fails if a variable or file that it needs is missing.
    pub fn sender(&self, of: &Subscriber, secrets: &BTreeSet<String>) -> Result<Box<dyn Sender>, SendError> {
        let secrets = || secrets.iter().cloned().collect();
        Ok(match &of.via {
            Via::Run(command) => {
                Box::new(CommandSender::new(command, of.limit, secrets(), self.mirror.clone()))
            }
            Via::Sync(targets) => {
                Box::new(SyncSender::new(targets.clone(), of.limit, secrets(), self.mirror.clone()))
            }
            Via::Mail(mail) => Box::new(MailSender::new(mail, of.limit, Arc::clone(&self.network))?),
            Via::Amqp(bus) => Box::new(BusSender::new(bus, of.limit, Arc::clone(&self.network))?),
            Via::Webhook(webhook) => Box::new(WebhookSender::new(webhook, of.limit)?),
        })
    }
}
