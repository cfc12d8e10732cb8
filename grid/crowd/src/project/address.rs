//! The address that clients attach to.

/// A project's address: `http://HOST:PORT/NAME/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Whether it is `https`.
    pub secure: bool,
    /// Name or number of the host.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Path; begins and ends in `/`.
    pub path: String,
}

/// Why a text is no project's address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no project's address: {why}; write http://HOST:PORT/NAME/")]
pub struct AddressError {
    /// The text.
    pub text: String,
    /// What is wrong.
    pub why: &'static str,
}

impl Address {
    /// Reads an address; a slash at the end is added.
    ///
    /// # Errors
    /// [`AddressError`].
    pub fn parse(text: &str) -> Result<Address, AddressError> {
        let no = |why| AddressError { text: text.to_owned(), why };
        let lower = text.to_ascii_lowercase();
        let (secure, rest) = match (lower.strip_prefix("http://"), lower.strip_prefix("https://")) {
            (Some(_), _) => (false, &text[7..]),
            (_, Some(_)) => (true, &text[8..]),
            _ => return Err(no("it begins with neither http:// nor https://")),
        };
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (host, port) = match authority.rsplit_once(':').filter(|(_, port)| !port.ends_with(']')) {
            Some((host, port)) => (host, port.parse().map_err(|_| no("the port is no number below 65536"))?),
            None => (authority, if secure { 443 } else { 80 }),
        };
        let fine = |c: char| c.is_ascii_alphanumeric() || "._-[]:".contains(c);
        if host.is_empty() || !host.chars().all(fine) {
            return Err(no("it has no host"));
        }
        let mut path = if path.is_empty() { "/".to_owned() } else { path.to_owned() };
        if !path.ends_with('/') {
            path.push('/');
        }
        if !path.chars().all(|c| c.is_ascii_alphanumeric() || "/._-~".contains(c))
            || path.contains("//")
            || path.contains("..")
        {
            return Err(no("its path has other characters than letters, digits and ._-~"));
        }
        Ok(Address { secure, host: host.to_ascii_lowercase(), port, path })
    }

    /// The address without the path.
    pub fn origin(&self) -> String {
        let (scheme, usual) = if self.secure { ("https", 443) } else { ("http", 80) };
        if self.port == usual {
            format!("{scheme}://{}", self.host)
        } else {
            format!("{scheme}://{}:{}", self.host, self.port)
        }
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", self.origin(), self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::Address;

    #[test]
    fn addresses_are_read_and_written_as_clients_have_them() {
        let of = |text: &str| Address::parse(text).map(|address| address.to_string());
        assert_eq!(of("http://127.0.0.1:8899/pogs").unwrap(), "http://127.0.0.1:8899/pogs/");
        assert_eq!(of("HTTPS://Pogs.Example.org:443/").unwrap(), "https://pogs.example.org/");
        assert_eq!(of("http://[::1]:80/a/").unwrap(), "http://[::1]/a/");
        for wrong in
            ["pogs.org", "ftp://a/", "http:///x", "http://a:99999/", "http://a/b c/", "http://a/../", "http://a/<b>/"]
        {
            assert!(of(wrong).is_err(), "{wrong}");
        }
    }
}
