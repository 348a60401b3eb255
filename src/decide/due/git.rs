//! A branch or tag of a git repository, as users type it, and the answer of the repository.
//!
//! Both are untrusted. No address and no branch name can be parsed as an option of git, none runs a command by a
//! transport, and an answer counts only if it states exactly the requested ref.

use crate::model::unprintable;
use crate::record::Context;
use std::fmt;
use std::str::FromStr;

/// A branch or tag of a repository, and the checkout of a build to compare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitSource {
    /// The directory of the checkout, as a CONTEXT line names it without `./`.
    pub dir: Option<String>,
    /// The address of the repository.
    pub url: String,
    /// The branch, tag, full name of a ref, or `HEAD`.
    pub reference: String,
}

/// Why a text is not a branch or tag of a repository.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is not a branch or tag of a repository: {why}", .text.escape_debug())]
pub struct GitSourceError {
    text: String,
    why: String,
}

/// The accepted schemes of an address.
const SCHEMES: [&str; 6] = ["https", "http", "ssh", "git", "git+ssh", "file"];

impl FromStr for GitSource {
    type Err = GitSourceError;

    fn from_str(text: &str) -> Result<Self, GitSourceError> {
        let wrong = |why: &str| GitSourceError { text: shortened(text), why: why.to_owned() };
        let form = "expected [DIR=]URL@REF, such as https://git.example.org/a.git@main";
        if let Some(c) = unprintable(text) {
            return Err(wrong(&format!("it contains {}", crate::model::named(c))));
        }
        let (dir, rest) = match text.split_once('=') {
            // With `./` it is a directory, whatever follows.
            Some((dir, rest))
                if !dir.starts_with(['/', '-']) && !dir.contains([':', '@'])
                    || dir.strip_prefix("./").is_some_and(Context::can_name) =>
            {
                let dir = dir.strip_prefix("./").unwrap_or(dir);
                if !Context::can_name(dir) {
                    return Err(wrong("no CONTEXT names such a directory"));
                }
                (Some(dir.to_owned()), rest)
            }
            _ => (None, text),
        };
        let (url, reference) = rest.rsplit_once('@').ok_or_else(|| wrong(form))?;
        check_url(url).map_err(|why| wrong(&why))?;
        if !is_ref(reference) {
            return Err(wrong(&format!("no branch or tag can have the name `{reference}`")));
        }
        Ok(Self { dir, url: url.to_owned(), reference: reference.to_owned() })
    }
}

impl fmt::Display for GitSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(dir) = &self.dir {
            let is_plain = !dir.starts_with('-') && !dir.contains([':', '@']);
            write!(f, "{}{dir}=", if is_plain { "" } else { "./" })?;
        }
        write!(f, "{}@{}", self.url, self.reference)
    }
}

/// Fails if an address is not passed to git; `shown` is what a person wrote for it.
pub fn check_address(url: &str, shown: &str) -> Result<(), String> {
    let why = match unprintable(shown) {
        Some(c) => Err(format!("it contains {}", crate::model::named(c))),
        None => check_url(url),
    };
    why.map_err(|why| {
        format!("`{}` is not the address of a repository: {why}", shortened(shown).escape_debug())
    })
}

/// Returns a text for a message, without what may be a user, a password or a token.
fn shortened(text: &str) -> String {
    let (text, query) = text.split_once('?').map_or((text, ""), |(text, _)| (text, "?…"));
    let (scheme, rest) = text.split_once("://").map_or((None, text), |(scheme, rest)| (Some(scheme), rest));
    let (before, after) = rest.rsplit_once('@').unwrap_or(("", rest));
    let host = before.split('/').next().unwrap_or_default();
    let has_user = match scheme {
        Some(_) => !before.contains('/') || !is_port(host),
        None => before.contains(':'),
    };
    let hides = !before.is_empty() && (has_user || before.contains('@'));
    let scheme = scheme.map(|scheme| format!("{scheme}://")).unwrap_or_default();
    let shown = if hides { format!("…@{after}") } else { rest.to_owned() };
    format!("{scheme}{shown}{query}").chars().take(200).collect()
}

/// Returns whether what follows a colon in a host is a port, and not part of a password.
fn is_port(host: &str) -> bool {
    let host = host.rsplit_once(']').map_or(host, |(_, rest)| rest);
    host.split_once(':').is_none_or(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Returns why an address is not passed to git.
fn check_url(url: &str) -> Result<(), String> {
    let form =
        "expected an address such as https://git.example.org/a.git, git@example.org:a.git or /srv/git/a.git";
    if url.len() > 2000 {
        return Err("it is longer than 2000 characters".to_owned());
    }
    if url.starts_with('-') || url.contains(char::is_whitespace) {
        return Err(form.to_owned());
    }
    if let Some((scheme, rest)) = url.split_once("://") {
        if !SCHEMES.contains(&scheme) {
            return Err(format!("`{scheme}` is not accepted; {} are", SCHEMES.join(", ")));
        }
        let (host, path) = rest.split_once('/').ok_or(form)?;
        let (user, host) = host.rsplit_once('@').map_or((None, host), |(user, host)| (Some(user), host));
        let is_web = scheme.starts_with("http");
        if is_web && path.contains('?') {
            return Err("it contains a query, which may have a token; let a credential helper of git answer"
                .to_owned());
        }
        if user.is_some_and(|user| is_web || user.contains(':')) {
            return Err("it contains a user or password; let a credential helper of git answer".to_owned());
        }
        if !is_port(host) {
            return Err(form.to_owned());
        }
        let dashed = |part: &str| part.starts_with('-');
        if dashed(host)
            || user.is_some_and(dashed)
            || host.is_empty() != (scheme == "file")
            || path.is_empty()
        {
            return Err(form.to_owned());
        }
        return Ok(());
    }
    // `ext::` and other helpers run what the address contains.
    if url.contains("::") {
        return Err("addresses of transport helpers (`NAME::…`) are not accepted".to_owned());
    }
    if url.starts_with('/') || url.starts_with("./") || url.starts_with("../") {
        return Ok(());
    }
    // USER@HOST:PATH
    let (host, path) = url.split_once(':').ok_or(form)?;
    if SCHEMES.contains(&host) {
        return Err(format!("after `{host}:`, two slashes are expected"));
    }
    let has_host = |part: &str| part.split_once('@').is_some_and(|(_, rest)| rest.contains(':'));
    if path.split('/').next().is_some_and(has_host) {
        return Err("it contains a password; let a credential helper of git answer".to_owned());
    }
    let (user, host) = host.rsplit_once('@').unwrap_or(("", host));
    let is_name = |name: &str| {
        name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '[' | ']'))
    };
    if host.is_empty() || path.is_empty() || [user, host, path].iter().any(|part| part.starts_with('-')) {
        return Err(form.to_owned());
    }
    if is_name(host) && is_name(user) { Ok(()) } else { Err(form.to_owned()) }
}

/// Returns whether a branch, a tag or a ref can have that name, by the rules of `git check-ref-format`.
fn is_ref(name: &str) -> bool {
    let forbidden = |c: char| {
        c.is_ascii_control()
            || c.is_whitespace()
            || matches!(c, '~' | '^' | ':' | '?' | '*' | '[' | '\\' | '@')
    };
    let part = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.ends_with(".lock");
    !name.is_empty()
        && name.len() <= 500
        && !name.starts_with('-')
        && !name.ends_with('.')
        && !name.contains("..")
        && !name.contains(forbidden)
        && name.split('/').all(part)
}

impl GitSource {
    /// Returns the full names that it can mean, in order of precedence.
    pub fn refs(&self) -> Vec<String> {
        let name = &self.reference;
        if name == "HEAD" {
            return vec![name.clone()];
        }
        if name.starts_with("refs/") {
            return vec![format!("{name}^{{}}"), name.clone()];
        }
        vec![format!("refs/heads/{name}"), format!("refs/tags/{name}^{{}}"), format!("refs/tags/{name}")]
    }
}

/// Returns the commit of the first of these refs that is in an answer of `git ls-remote`.
pub fn commit_in<'a>(answer: &'a str, refs: &[String]) -> Option<&'a str> {
    let is_commit = |id: &str| {
        matches!(id.len(), 40 | 64) && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let stated = |name: &String| {
        let lines = answer.lines().filter_map(|line| line.split_once('\t'));
        lines.filter(|(id, at)| at == name && is_commit(id)).map(|(id, _)| id).next()
    };
    refs.iter().find_map(stated)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn read(text: &str, dir: Option<&str>, url: &str, reference: &str) {
        let source: GitSource = text.parse().unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((source.dir.as_deref(), &*source.url, &*source.reference), (dir, url, reference));
    }

    #[track_caller]
    fn refused(text: &str, said: &str) {
        let error = text.parse::<GitSource>().unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }

    #[test]
    fn a_source_is_an_address_and_a_branch_or_tag() {
        read("https://git.example.org/a.git@main", None, "https://git.example.org/a.git", "main");
        read("stx/config=https://h/a@refs/heads/x", Some("stx/config"), "https://h/a", "refs/heads/x");
        read("./a=/srv/git/a.git@v1.0", Some("a"), "/srv/git/a.git", "v1.0");
        read("./-a@b=git@h:a/b.git@main", Some("-a@b"), "git@h:a/b.git", "main");
        read("ssh://git@h:29418/a@r/stx.10.0", None, "ssh://git@h:29418/a", "r/stx.10.0");
        read("git@h:a/b.git@main", None, "git@h:a/b.git", "main");
        read("h:a@b@HEAD", None, "h:a@b", "HEAD");
        read("file:///srv/a@main", None, "file:///srv/a", "main");
        read("../a.git@main", None, "../a.git", "main");
    }

    #[test]
    fn what_git_could_take_for_something_else_is_refused() {
        let form = "expected";
        refused("https://h/a", form);
        refused("--upload-pack=touch /tmp/x@main", "is not a branch or tag of a repository");
        refused("-x@main", form);
        refused("ssh://-oProxyCommand=x/a@main", form);
        refused("ssh://-x@h/a@main", form);
        refused("-oProxyCommand=x:a@main", form);
        refused("x@-oProxyCommand:a@main", form);
        refused("h:-a@main", form);
        refused("ext::sh -c id@main", form);
        refused("ext::sh@main", "transport helpers");
        refused("fd::7@main", "transport helpers");
        refused("ext://x/y@main", "`ext` is not accepted");
        refused("ssh://git@h/a", form);
        refused("git@h:a", form);
        refused("a.git@main", form);
        refused("https:///a@main", form);
        refused("https://h/a@-main", "no branch or tag");
        refused("https://h/a@--upload-pack=x", "no branch or tag");
        for name in ["", "a b", "a..b", "a.lock", "/a", "a/", "a//b", ".a", "a*", "a^{}", "a:b", "a\\b", "a."]
        {
            refused(&format!("https://h/a@{name}"), "no branch or tag");
        }
        refused("https://h/a@\u{1b}[2K", "it contains");
        refused("../x=https://h/a@main", "no CONTEXT names such a directory");
        let secret = "https://me:hunter2@h/a@main".parse::<GitSource>().unwrap_err().to_string();
        assert!(secret.contains("password") && !secret.contains("hunter2"), "{secret}");
        refused("https://token@h/a@main", "password");
        refused("https://h/a?private_token=x@main", "query");
        refused("https:/h/a@main", "two slashes");
        for text in [
            "https://me:hunter2@h/a",
            "https://me:hunter2@h/a@main",
            "https://me:hun@ter2@h/a@main",
            "https://me:hun/ter2@h/a",
            "https://hunter2@h/a",
            "https:/me:hunter2@h/a@main",
            "me:hunter2@h:a@main",
            "https://h/a?token=hunter2@main",
            "https://h/a?token=hunter2",
        ] {
            let error = text.parse::<GitSource>().unwrap_err().to_string();
            assert!(!error.contains("ter2"), "{error}");
        }
        refused("https://h:8443/a", "`https://h:8443/a`");
        refused("https://u:p/w@h/x@main", form);
        read("https://[::1]:8443/a@main", None, "https://[::1]:8443/a", "main");
    }

    #[test]
    fn only_the_ref_that_was_asked_for_counts() {
        let [a, b, c] = ["a", "b", "c"].map(|digit| digit.repeat(40));
        let source = |name: &str| format!("https://h/a@{name}").parse::<GitSource>().unwrap().refs();
        let answer =
            format!("{a}\trefs/heads/x/refs/heads/main\n{b}\trefs/tags/main\n{c}\trefs/heads/main\n");
        assert_eq!(commit_in(&answer, &source("main")), Some(&*c));
        let tag = format!("{a}\trefs/tags/v1\n{b}\trefs/tags/v1^{{}}\n");
        assert_eq!(commit_in(&tag, &source("v1")), Some(&*b));
        assert_eq!(commit_in(&tag, &source("refs/tags/v1")), Some(&*b));
        assert_eq!(commit_in(&format!("{a}\tHEAD\n"), &source("HEAD")), Some(&*a));
        for odd in ["", "\t", "x\trefs/heads/main", "refs/heads/main", &format!("{a} refs/heads/main")] {
            assert_eq!(commit_in(odd, &source("main")), None, "{odd:?}");
        }
        assert_eq!(commit_in(&format!("{}\trefs/heads/main", a.to_uppercase()), &source("main")), None);
    }
}
