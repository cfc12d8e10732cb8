//! How a client attaches: the project's configuration, its account, the master page with the scheduler's address.

use crate::output::md5_text;
use crate::scan::find;

/// What an account request came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Account {
    /// The account's key.
    Key(String),
    /// There is none.
    Unknown,
    /// Refused, with the server's number and words.
    Refused(i64, String),
}

/// Number for an account that does not exist (`lib/error_numbers.h`).
const NOT_FOUND: i64 = -136;

/// Path and query that look an account up, below the project's address.
pub fn lookup(email: &str, password: &str) -> String {
    format!("lookup_account.php?email_addr={}&passwd_hash={}", encoded(email), passwd_hash(email, password))
}

/// Path and query that make an account.
pub fn create(email: &str, password: &str, name: &str) -> String {
    let (email_text, name) = (encoded(email), encoded(name));
    format!("create_account.php?email_addr={email_text}&passwd_hash={}&user_name={name}", passwd_hash(email, password))
}

/// What clients send for a password: MD5 of it and the address in small letters.
pub fn passwd_hash(email: &str, password: &str) -> String {
    md5_text(format!("{password}{}", email.to_lowercase()).as_bytes())
}

/// Reads the reply to either.
pub fn account(text: &str) -> Account {
    if let Some(key) = find(text, "authenticator") {
        return Account::Key(key.to_owned());
    }
    match find(text, "error_num").and_then(|number| number.parse().ok()) {
        Some(NOT_FOUND) => Account::Unknown,
        number => Account::Refused(number.unwrap_or(-1), find(text, "error_msg").unwrap_or("").to_owned()),
    }
}

/// The scheduler's address on a master page.
pub fn scheduler(page: &str) -> Option<&str> {
    let linked = page.split("<link rel=\"boinc_scheduler\" href=\"").nth(1).and_then(|rest| rest.split('"').next());
    find(page, "scheduler").or(linked)
}

/// As libcurl's callers encode a query: all but letters, digits, `-` and `_`, the full stop too.
fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut done, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => done.push(char::from(byte)),
            _ => done.push_str(&format!("%{byte:02X}")),
        }
        done
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_asked_for_as_clients_do() {
        let path = lookup("A@b.c", "secret");
        // md5sum of "secreta@b.c".
        assert_eq!(path, "lookup_account.php?email_addr=A%40b%2Ec&passwd_hash=a98c72232328832c1e135c9a5ed11d8f");
    }

    #[test]
    fn replies_about_accounts_are_read() {
        let key = "0123456789abcdef0123456789abcdef";
        let text =
            format!("<?xml version=\"1.0\"?>\n<account_out>\n <authenticator>{key}</authenticator>\n</account_out>");
        assert_eq!(account(&text), Account::Key(key.to_owned()));
        assert_eq!(account("<error><error_num>-136</error_num></error>"), Account::Unknown);
        let refused = account("<error><error_num>-206</error_num><error_msg>bad password</error_msg></error>");
        assert_eq!(refused, Account::Refused(-206, "bad password".to_owned()));
    }

    #[test]
    fn the_scheduler_is_found_on_the_page() {
        let page = "<html><head>\n<link rel=\"boinc_scheduler\" href=\"http://a/cgi\">\n</head></html>";
        assert_eq!(scheduler(page), Some("http://a/cgi"));
        assert_eq!(scheduler("<!--\n<scheduler>http://b/cgi</scheduler>\n-->"), Some("http://b/cgi"));
        assert_eq!(scheduler("nothing"), None);
    }
}
