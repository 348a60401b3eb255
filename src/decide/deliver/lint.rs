//! Problems of a deliver.yaml that can be used.

use super::subscriber::{Address, Bus, Deliver, Via, Webhook};
use crate::decide::Finding;
use crate::decide::lint::{finding, located};
use crate::model::registry::is_loopback;
use url::Url;

/// Returns every problem of a deliver.yaml.
pub fn lint(deliver: &Deliver) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, one) in deliver.to.iter().enumerate() {
        let (url, plain, secure, is_signed) = match &one.via {
            // A mail server offers to encrypt what follows.
            Via::Run(_) | Via::Mail(_) | Via::Sync(_) => continue,
            Via::Webhook(Webhook { url, secret }) => (url, "http", "https", secret.is_some()),
            Via::Amqp(Bus { url, .. }) => (url, "amqp", "amqps", true),
        };
        let place = format!("to[{index}].{}", one.via.key());
        if !is_signed {
            let message = format!(
                "`{}` gets events without a signature, so that it cannot verify that they come from this mirror; `secret_env` or `secret_file` gives the key",
                one.name
            );
            findings.push(finding("unsigned", &place, message));
        }
        if let Address::Given(url) = url
            && url.scheme() == plain
            && !is_here(url)
        {
            let message = format!("`{url}` is not encrypted; `{secure}` is");
            findings.push(finding("not-encrypted", format!("{place}.url"), message));
        }
    }
    located(&mut findings, deliver.text());
    findings
}

/// Returns whether a host is this machine.
fn is_here(url: &Url) -> bool {
    is_loopback(url.host_str().unwrap_or_default())
}
