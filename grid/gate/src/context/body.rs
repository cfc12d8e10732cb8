//! Names and values in small bodies.

use super::query::pairs;
use crate::head::Head;

/// What a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Json,
    Urlencoded,
}

/// What a request says its body is.
pub(super) fn form(head: &Head) -> Option<Form> {
    let kind = head.get("content-type")?;
    let kind = kind.split(|&byte| byte == b';').next()?.trim_ascii();
    if kind.eq_ignore_ascii_case(b"application/json") {
        Some(Form::Json)
    } else if kind.eq_ignore_ascii_case(b"application/x-www-form-urlencoded") {
        Some(Form::Urlencoded)
    } else {
        None
    }
}

/// The value of a name: a parameter, or a member of the outermost object that is a text, a number or a truth.
pub(super) fn value(form: Form, body: &[u8], name: &str) -> Option<String> {
    match form {
        Form::Urlencoded => {
            let text = std::str::from_utf8(body).ok()?;
            pairs(text.trim()).find(|pair| pair.name() == name).map(|pair| pair.value().into_owned())
        }
        Form::Json => {
            let found: serde_json::Value = serde_json::from_slice(body).ok()?;
            match found.get(name)? {
                serde_json::Value::String(text) => Some(text.clone()),
                other @ (serde_json::Value::Number(_) | serde_json::Value::Bool(_)) => Some(other.to_string()),
                _ => None,
            }
        }
    }
}
