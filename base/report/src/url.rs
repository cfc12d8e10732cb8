//! Addresses that reports are pushed to.

/// `http://HOST[:PORT][/PATH]`, or https.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Url {
    /// As it was written.
    pub(crate) text: String,
    /// Whether it is https.
    pub(crate) secure: bool,
    /// Name or address, without brackets.
    pub(crate) host: String,
    /// The port, by default 80 or 443.
    pub(crate) port: u16,
    /// Host and port as the header Host has them.
    pub(crate) authority: String,
    /// Path and query, `/` at least.
    pub(crate) path: String,
}

impl Url {
    /// Reads it; `None` where it is no such address.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if !text.bytes().all(|byte| (0x21..0x7f).contains(&byte)) {
            return None;
        }
        let (secure, rest) = match text.split_once("://")? {
            ("http", rest) => (false, rest),
            ("https", rest) => (true, rest),
            _ => return None,
        };
        let rest = rest.split('#').next()?;
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        let (host, port) = match authority.strip_prefix('[') {
            Some(six) => {
                let (host, rest) = six.split_once(']')?;
                (host, if rest.is_empty() { None } else { Some(rest.strip_prefix(':')?) })
            }
            None => authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port))),
        };
        let port = match port {
            Some(digits) => digits.parse().ok().filter(|port| *port > 0 && !digits.starts_with('+'))?,
            None if secure => 443,
            None => 80,
        };
        let named = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_:%".contains(&byte));
        (named && !host.is_empty()).then(|| Self {
            text: text.to_owned(),
            secure,
            host: host.to_owned(),
            port,
            authority: authority.to_owned(),
            path,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses_are_taken_apart() {
        let parts = |text: &str| Url::parse(text).map(|url| (url.host, url.port, url.path));
        let own = |host: &str, port, path: &str| Some((host.to_owned(), port, path.to_owned()));
        assert_eq!(parts("http://gate"), own("gate", 80, "/"));
        assert_eq!(parts("http://gate:9000/reports?a=b#c"), own("gate", 9000, "/reports?a=b"));
        assert_eq!(parts("https://[::1]/r"), own("::1", 443, "/r"));
        assert_eq!(parts("http://[::1]:81"), own("::1", 81, "/"));
        assert_eq!(parts("http://gate?x"), own("gate", 80, "/?x"));
        for wrong in [
            "gate:9000",
            "ftp://gate",
            "http://",
            "http://a:0",
            "http://a:x",
            "http://a:70000",
            "http://[::1",
            "http://u@h",
            "http://a b",
            "http://a\r\nb",
        ] {
            assert_eq!(parts(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_an_address_or_none(text in "(https?://)?[ -~]{0,30}") {
            if let Some(url) = Url::parse(&text) {
                prop_assert!(url.path.starts_with('/') && url.port > 0);
            }
        }
    }
}
