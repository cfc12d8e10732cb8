//! How clients find a project and an account in it.

use super::write::{Writer, escaped};

/// What clients are told of a project before they attach (`get_project_config.php`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProjectConfig {
    /// Name that people read.
    pub name: String,
    /// The address that clients attach to.
    pub master_url: String,
    /// Fewest characters of a password.
    pub least_password: u32,
    /// Whether no account can be made.
    pub closed: bool,
    /// Whether no tasks are given out.
    pub stopped: bool,
    /// Platforms with a version, and their plan classes.
    pub platforms: Vec<(String, String)>,
    /// What users agree to; empty for nothing.
    pub terms_of_use: String,
}

impl ProjectConfig {
    /// The document.
    pub fn write(&self) -> String {
        let mut w = Writer::default();
        w.line("<?xml version=\"1.0\" encoding=\"UTF-8\" ?>");
        w.within("project_config", |w| {
            w.text("name", &self.name);
            w.text("master_url", &self.master_url);
            w.text("web_rpc_url_base", &self.master_url);
            w.raw("server_version", 801);
            w.raw("web_stopped", 0);
            w.raw("sched_stopped", u8::from(self.stopped));
            w.raw("min_passwd_length", self.least_password);
            if self.closed {
                w.flag("account_creation_disabled");
            }
            w.within("platforms", |w| {
                for (platform, plan_class) in &self.platforms {
                    w.within("platform", |w| {
                        w.text("platform_name", platform);
                        w.text("user_friendly_name", platform);
                        if !plan_class.is_empty() {
                            w.text("plan_class", plan_class);
                        }
                    });
                }
            });
            if !self.terms_of_use.is_empty() {
                w.text("terms_of_use", &self.terms_of_use);
            }
        });
        w.done()
    }
}

/// Why an account was not found or not made, with BOINC's numbers (`lib/error_numbers.h`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    /// No account has this address.
    #[error("no account has this address")]
    NotFound,
    /// An account has it already.
    #[error("an account with this address exists, with another password")]
    NotUnique,
    /// The user's name cannot be one.
    #[error("this name cannot be a user's: no markup, and not empty")]
    BadName,
    /// The address cannot be one.
    #[error("this is no e-mail address")]
    BadEmail,
    /// Another password.
    #[error("the password is another one")]
    BadPassword,
    /// No accounts are made.
    #[error("this project makes no new accounts now")]
    Closed,
    /// The key opens no account.
    #[error("this key serves computers alone; give the account key")]
    WeakKey,
    /// A value that cannot be.
    #[error("a value is none that it can have")]
    BadValue,
    /// XML that is none.
    #[error("the preferences are no XML")]
    BadXml,
    /// Too many tries.
    #[error("too many tries; wait a while")]
    TooMany,
    /// The database failed.
    #[error("the project cannot look accounts up now; try again later")]
    Unavailable,
}

impl AccountError {
    /// BOINC's number.
    pub fn number(self) -> i32 {
        match self {
            AccountError::NotFound => -136,
            AccountError::NotUnique => -137,
            AccountError::BadName => -188,
            AccountError::BadEmail => -205,
            AccountError::BadPassword => -206,
            AccountError::Closed => -208,
            AccountError::TooMany | AccountError::Unavailable => -183,
            AccountError::WeakKey => -155,
            AccountError::BadValue => -1,
            AccountError::BadXml => -112,
        }
    }
}

/// The reply with an account's key.
pub fn account_out(authenticator: &str) -> String {
    let mut w = Writer::default();
    w.within("account_out", |w| w.text("authenticator", authenticator));
    w.done()
}

/// The reply to a question whether an account exists.
pub fn success() -> String {
    "<success/>\n".to_owned()
}

/// The reply that says why not.
pub fn error_reply(error: AccountError) -> String {
    let mut w = Writer::default();
    w.within("error", |w| {
        w.raw("error_num", error.number());
        w.text("error_msg", &error.to_string());
    });
    w.done()
}

/// The master page: clients look for the scheduler's address line by line, in pieces of 256 bytes.
pub fn master_page(name: &str, scheduler_url: &str, body: &str) -> String {
    let (name, url) = (escaped(name), escaped(scheduler_url));
    format!(
        "<!DOCTYPE html>\n<html>\n<head>\n<meta charset=\"utf-8\">\n<title>{name}</title>\n\
         <link rel=\"boinc_scheduler\" href=\"{url}\">\n</head>\n<body>\n{body}\n<!--\n<scheduler>{url}</scheduler>\n-->\n</body>\n</html>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Node;

    #[test]
    fn clients_find_the_scheduler_in_a_line() {
        let page = master_page("P", "http://h/p/cgi", "<p>hello</p>");
        assert!(page.lines().any(|line| line.starts_with("<link rel=\"boinc_scheduler\" href=\"http://h/p/cgi\"")));
        assert!(page.lines().any(|line| line == "<scheduler>http://h/p/cgi</scheduler>"));
    }

    #[test]
    fn errors_have_boincs_numbers() {
        let node = Node::parse(error_reply(AccountError::BadPassword).as_bytes(), "error").unwrap();
        assert_eq!(node.whole("error_num"), Some(-206));
    }

    #[test]
    fn a_configuration_lists_platforms() {
        let config = ProjectConfig {
            platforms: vec![("a".to_owned(), String::new()), ("b".to_owned(), "mt".to_owned())],
            ..ProjectConfig::default()
        };
        let node = Node::parse(config.write().as_bytes(), "project_config").unwrap();
        let platforms: Vec<&str> =
            node.get("platforms").unwrap().all("platform").map(|p| p.text_of("platform_name")).collect();
        assert_eq!(platforms, ["a", "b"]);
        assert!(!node.flag("account_creation_disabled"));
    }
}
