//! The senders of a process: one for each subscriber, with one runtime for all that speak to a network.

use super::amqp::BusSender;
use super::command::CommandSender;
use super::mail::MailSender;
use super::message::Sender;
use super::secret::SendError;
use super::webhook::WebhookSender;
use crate::decide::deliver::{Deliver, Subscriber, Via};
use std::sync::Arc;
use tokio::runtime::Runtime;

/// What the senders of a process share.
#[derive(Debug, Clone)]
pub struct Post {
    runtime: Arc<Runtime>,
    /// How a command finds the mirror.
    mirror: String,
}

impl Post {
    /// Returns what the senders of a mirror share.
    pub fn new(mirror: String) -> Result<Self, SendError> {
        // Fails when there is one already, which serves as well.
        rustls::crypto::ring::default_provider().install_default().ok();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        Ok(Self { runtime: Arc::new(runtime.map_err(SendError::Start)?), mirror })
    }

    /// Returns the sender of a subscriber; fails where a variable or file that it needs is not there.
    pub fn sender(&self, of: &Subscriber, deliver: &Deliver) -> Result<Box<dyn Sender>, SendError> {
        Ok(match &of.via {
            Via::Run(command) => {
                let secrets = deliver.secrets().into_iter().map(str::to_owned).collect();
                Box::new(CommandSender::new(command, of.limit, secrets, self.mirror.clone()))
            }
            Via::Mail(mail) => Box::new(MailSender::new(mail, of.limit, Arc::clone(&self.runtime))?),
            Via::Amqp(bus) => Box::new(BusSender::new(bus, of.limit, Arc::clone(&self.runtime))?),
            Via::Webhook(webhook) => {
                Box::new(WebhookSender::new(webhook, of.limit, Arc::clone(&self.runtime))?)
            }
        })
    }
}
