//! What is odd about a targets.yaml that can be used.

use super::target::{Targets, Way};
use crate::decide::Finding;
use crate::decide::lint::{finding, located};
use crate::model::Stream;
use crate::model::registry::is_loopback;

/// Returns everything odd about a targets.yaml; with the streams of a mirror also what fits none of them.
pub fn lint(targets: &Targets, streams: Option<&[Stream]>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, one) in targets.to.iter().enumerate() {
        match &one.way {
            Way::Rsync(address) => {
                let host = address.strip_prefix("rsync://").and_then(|rest| rest.split(['/']).next());
                let host = host.map(|host| host.rsplit('@').next().unwrap_or(host));
                let name = host.map(|host| host.rsplit_once(':').map_or(host, |(name, _)| name));
                if let Some(name) = name.filter(|name| !is_loopback(name)) {
                    let message = format!(
                        "rsync does not encrypt what it sends to `{name}`, nor prove that it is that host; ssh does both"
                    );
                    findings.push(finding("not-encrypted", format!("to[{index}].rsync"), message));
                }
            }
            Way::Http(url) if url.scheme() == "http" && !is_loopback(url.host_str().unwrap_or_default()) => {
                let message = format!("`{url}` is not encrypted; `https` is");
                findings.push(finding("not-encrypted", format!("to[{index}].http"), message));
            }
            _ => {}
        }
        if let Some(streams) = streams.filter(|streams| !streams.is_empty())
            && !streams.iter().any(|stream| one.gets(stream))
        {
            let message = format!("`{}` gets no stream of the mirror", one.name);
            findings.push(finding("unused-streams", format!("to[{index}].streams"), message));
        }
    }
    located(&mut findings, targets.text());
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_encrypted_and_what_fits_nothing_is_found() {
        let text = "targets: 1
to:
  - {name: a, rsync: 'rsync://u@mirror.example.org:8873/m'}
  - {name: b, rsync: 'rsync://127.0.0.1:8873/m'}
  - {name: c, rsync: 'u@h:/x', streams: 'old/**'}
  - {name: d, http: 'http://mirror.example.org/'}
";
        let targets = Targets::load(text, "t.yaml").unwrap();
        let found = lint(&targets, Some(&["master/x".parse().unwrap()]));
        let found: Vec<(&str, &str)> = found.iter().map(|one| (one.code, one.place.as_str())).collect();
        assert_eq!(
            found,
            [
                ("not-encrypted", "to[0].rsync"),
                ("unused-streams", "to[2].streams"),
                ("not-encrypted", "to[3].http")
            ]
        );
        assert_eq!(lint(&targets, None).len(), 2);
    }
}
