//! The answer of a registry to a request without credentials: which credentials it accepts, and where tokens are
//! issued.

use http_auth::parse_challenges;

/// The maximum length of a header, in bytes.
const LONGEST: usize = 8 << 10;

/// Which credentials a registry accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Challenge {
    /// A user and a password with each request.
    Basic,
    /// A token.
    Bearer {
        /// The address of the token service.
        realm: String,
        /// The name of the registry there.
        service: Option<String>,
        /// The scope of the token, as the registry writes it.
        scope: Option<String>,
    },
}

impl Challenge {
    /// Parses the values of `WWW-Authenticate`; a token is preferred, and unknown schemes are ignored.
    pub fn read<'a>(values: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let mut basic = None;
        for value in values.into_iter().filter(|value| value.len() <= LONGEST) {
            for challenge in parse_challenges(value).unwrap_or_default() {
                let param = |name: &str| {
                    let (_, value) =
                        challenge.params.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
                    Some(value.to_unescaped()).filter(|value| !value.is_empty())
                };
                if challenge.scheme.eq_ignore_ascii_case("bearer")
                    && let Some(realm) = param("realm")
                {
                    return Some(Self::Bearer { realm, service: param("service"), scope: param("scope") });
                }
                if challenge.scheme.eq_ignore_ascii_case("basic") {
                    basic = Some(Self::Basic);
                }
            }
        }
        basic
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_preferred_and_what_is_not_known_is_none() {
        let bearer = |realm: &str, service: Option<&str>, scope: Option<&str>| {
            let [service, scope] = [service, scope].map(|text| text.map(str::to_owned));
            Some(Challenge::Bearer { realm: realm.to_owned(), service, scope })
        };
        let hub = r#"Bearer realm="https://auth.q.io/token",service="q.io",scope="repository:a/b:pull,push""#;
        let wanted = bearer("https://auth.q.io/token", Some("q.io"), Some("repository:a/b:pull,push"));
        assert_eq!(Challenge::read([hub]), wanted);
        assert_eq!(Challenge::read(["Basic realm=\"x\"", hub]), wanted);
        assert_eq!(
            Challenge::read([r#"basic realm="x", BEARER Realm="https://t/""#]),
            bearer("https://t/", None, None)
        );
        assert_eq!(Challenge::read(["Basic realm=\"x\""]), Some(Challenge::Basic));
        for text in [
            "",
            "Bearer",
            "Bearer service=\"x\"",
            "Negotiate",
            "Digest realm=\"x\"",
            "\"",
            "Bearer realm=\"\"",
        ] {
            assert_eq!(Challenge::read([text]), None, "{text}");
        }
        assert_eq!(Challenge::read([&*format!("Basic realm=\"{}\"", "x".repeat(9000))]), None);
    }
}
