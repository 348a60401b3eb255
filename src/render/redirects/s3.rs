//! Routing rules of an S3 website: by the beginning of the key, so that they hold for whatever lies below a name.
//!
//! The name itself, without a slash at its end, is no key below it and is not redirected.

use crate::render::redirects::{Redirect, RedirectError};
use serde_json::json;

/// How many rules a website may have.
pub(super) const MOST: usize = 50;

/// The object that a website shows for a directory; the API wants one.
const INDEX: &str = "index.html";

pub(super) fn json(names: &[Redirect]) -> Result<String, RedirectError> {
    few(names)?;
    let rule = |name: &Redirect| {
        json!({
            "Condition": {"KeyPrefixEquals": below(name.from.as_str())},
            "Redirect": {"HttpRedirectCode": "302", "ReplaceKeyPrefixWith": below(name.to.as_str())},
        })
    };
    let rules: Vec<_> = names.iter().map(rule).collect();
    let mut website = json!({"IndexDocument": {"Suffix": INDEX}});
    // The API refuses a list without rules.
    if let (false, Some(website)) = (rules.is_empty(), website.as_object_mut()) {
        website.insert("RoutingRules".to_owned(), rules.into());
    }
    Ok(format!("{website:#}\n"))
}

pub(super) fn xml(names: &[Redirect]) -> Result<String, RedirectError> {
    few(names)?;
    let rule = |name: &Redirect| {
        let (from, to) = (escaped(&below(name.from.as_str())), escaped(&below(name.to.as_str())));
        format!(
            "    <RoutingRule>
      <Condition><KeyPrefixEquals>{from}</KeyPrefixEquals></Condition>
      <Redirect><HttpRedirectCode>302</HttpRedirectCode><ReplaceKeyPrefixWith>{to}</ReplaceKeyPrefixWith></Redirect>
    </RoutingRule>
"
        )
    };
    let rules: String = names.iter().map(rule).collect();
    let rules =
        if rules.is_empty() { rules } else { format!("  <RoutingRules>\n{rules}  </RoutingRules>\n") };
    Ok(format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<WebsiteConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">
  <IndexDocument><Suffix>{INDEX}</Suffix></IndexDocument>
{rules}</WebsiteConfiguration>
"
    ))
}

fn few(names: &[Redirect]) -> Result<(), RedirectError> {
    if names.len() > MOST { Err(RedirectError::TooMany(names.len())) } else { Ok(()) }
}

/// Returns what every key below a path begins with.
fn below(path: &str) -> String {
    if path.is_empty() { String::new() } else { format!("{path}/") }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
