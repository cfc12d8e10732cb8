//! Replies to account managers.

use super::node::Node;
use super::write::Writer;

/// What an account manager is told of an account.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AccountFacts {
    /// Number.
    pub id: i64,
    /// Name.
    pub name: String,
    /// Country.
    pub country: String,
    /// Web page.
    pub url: String,
    /// Weak account key; empty where it is not told.
    pub weak_key: String,
    /// Venue of new computers.
    pub venue: String,
    /// Whether computers are shown.
    pub shows_hosts: bool,
    /// Team; 0 for none.
    pub team: i64,
    /// Whether the user founded it.
    pub founder: bool,
    /// Global preferences: names and values.
    pub preferences: Vec<(String, String)>,
    /// When they were changed.
    pub preferences_time: f64,
}

/// A text as in a form: BOINC's replies to account managers have names so.
fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b' ' => out.push('+'),
            byte if byte.is_ascii_alphanumeric() || b"-_.".contains(&byte) => out.push(char::from(byte)),
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// The reply to `am_get_info.php`.
pub fn account_facts(facts: &AccountFacts) -> String {
    let mut w = Writer::default();
    w.within("am_get_info_reply", |w| {
        w.flag("success");
        w.raw("id", facts.id);
        w.raw("name", encoded(&facts.name));
        w.raw("country", encoded(&facts.country));
        if !facts.weak_key.is_empty() {
            w.text("weak_auth", &facts.weak_key);
        }
        w.raw("postal_code", "");
        w.within("global_prefs", |w| {
            if !facts.preferences.is_empty() {
                w.within("global_preferences", |w| {
                    w.raw("mod_time", format_args!("{:.6}", facts.preferences_time));
                    for (name, value) in facts.preferences.iter().filter(|(name, _)| is_element(name)) {
                        w.text(name, value);
                    }
                });
            }
        });
        w.raw("project_prefs", "");
        w.raw("url", encoded(&facts.url));
        w.raw("send_email", 0);
        w.raw("show_hosts", u8::from(facts.shows_hosts));
        w.raw("teamid", facts.team);
        w.text("venue", &facts.venue);
        if facts.founder {
            w.flag("teamfounder");
        }
    });
    w.done()
}

/// The reply to what was done.
pub fn manager_success(element: &str) -> String {
    let mut w = Writer::default();
    w.within(element, |w| w.flag("success"));
    w.done()
}

fn is_element(name: &str) -> bool {
    !name.is_empty() && name.len() <= 64 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Names and values of global preferences, without those of venues and the time; an empty element is a yes.
pub fn preference_values(node: &Node) -> Vec<(String, String)> {
    let plain =
        node.children.iter().filter(|one| one.children.is_empty() && one.name != "mod_time" && is_element(&one.name));
    let value = |one: &Node| if one.text.is_empty() { "1".to_owned() } else { one.text.clone() };
    plain.filter(|one| one.name != "venue").map(|one| (one.name.clone(), value(one))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_as_in_forms() {
        let facts = AccountFacts {
            name: "Jürgen <b> & Söhne".to_owned(),
            preferences: vec![("max_ncpus_pct".to_owned(), "5 <".to_owned()), ("x><y".to_owned(), "1".to_owned())],
            ..AccountFacts::default()
        };
        let node = Node::parse(account_facts(&facts).as_bytes(), "am_get_info_reply").unwrap();
        assert_eq!(node.text_of("name"), "J%C3%BCrgen+%3Cb%3E+%26+S%C3%B6hne");
        let preferences = node.get("global_prefs").unwrap().get("global_preferences").unwrap();
        assert_eq!(preference_values(preferences), [("max_ncpus_pct".to_owned(), "5 <".to_owned())]);
        assert!(node.flag("success") && node.get("weak_auth").is_none());
    }
}
