//! What is odd about a deliver.yaml that can be used.

use super::subscriber::{Address, Deliver, Via, Webhook};
use crate::decide::Finding;
use crate::decide::lint::{finding, located};
use url::Host;

/// Returns everything odd about a deliver.yaml.
pub fn lint(deliver: &Deliver) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, one) in deliver.to.iter().enumerate() {
        let Via::Webhook(Webhook { url, secret }) = &one.via else { continue };
        let place = format!("to[{index}].webhook");
        if secret.is_none() {
            let message = format!(
                "`{}` cannot tell that an event comes from this mirror; `secret_env` or `secret_file` signs it",
                one.name
            );
            findings.push(finding("unsigned", &place, message));
        }
        if let Address::Given(url) = url
            && url.scheme() == "http"
            && !is_here(url.host())
        {
            let message = format!("`{url}` is not encrypted; `https` is");
            findings.push(finding("not-encrypted", format!("{place}.url"), message));
        }
    }
    located(&mut findings, deliver.text());
    findings
}

/// Returns whether a host is this machine.
fn is_here(host: Option<Host<&str>>) -> bool {
    match host {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(at)) => at.is_loopback(),
        Some(Host::Ipv6(at)) => at.is_loopback(),
        None => false,
    }
}
