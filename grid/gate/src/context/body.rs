//! Names and values in the beginnings of bodies.

use std::borrow::Cow;

use super::query::pairs;
use crate::head::Head;

/// What a body is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Json,
    Urlencoded,
    /// Parts, with what stands between them (RFC 7578).
    Multipart(Vec<u8>),
}

/// What a request says its body is; `None` if nothing here can read it.
pub(super) fn form(head: &Head) -> Option<Form> {
    if head.get("content-encoding").is_some_and(|coding| !coding.eq_ignore_ascii_case(b"identity")) {
        return None;
    }
    let said = head.get("content-type")?;
    let mut parts = said.split(|&byte| byte == b';');
    let kind = parts.next()?.trim_ascii();
    if kind.eq_ignore_ascii_case(b"application/json") {
        Some(Form::Json)
    } else if kind.eq_ignore_ascii_case(b"application/x-www-form-urlencoded") {
        Some(Form::Urlencoded)
    } else if kind.eq_ignore_ascii_case(b"multipart/form-data") {
        let boundary = parts.find_map(|part| {
            let at = part.iter().position(|&byte| byte == b'=')?;
            part[..at].trim_ascii().eq_ignore_ascii_case(b"boundary").then(|| unquoted(part[at + 1..].trim_ascii()))
        })?;
        (1..=70).contains(&boundary.len()).then(|| Form::Multipart([b"--", boundary].concat()))
    } else {
        None
    }
}

fn unquoted(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\"").and_then(|text| text.strip_suffix(b"\"")).unwrap_or(text)
}

/// A name with its value.
type Field<'a> = (Cow<'a, str>, Cow<'a, str>);

/// Names and values of a form, in order; those alone that are here as a whole.
///
/// - `whole`: whether nothing follows `body`.
pub(super) fn fields<'a>(form: &Form, body: &'a [u8], whole: bool) -> Vec<Field<'a>> {
    match form {
        Form::Json => Vec::new(),
        Form::Urlencoded => {
            let end = if whole { Some(body.len()) } else { body.iter().rposition(|&byte| byte == b'&') };
            let body = &body[..end.unwrap_or(0)];
            // What is no text hides the pairs behind it, not those before: these are read before it has come.
            let (text, is_all) = match std::str::from_utf8(body) {
                Ok(text) => (text, whole),
                Err(why) => {
                    let text = std::str::from_utf8(&body[..why.valid_up_to()]).unwrap_or_default();
                    (text.rsplit_once('&').map_or("", |(whole, _)| whole), false)
                }
            };
            // Blanks before an `&` are of the value.
            pairs(if is_all { text.trim() } else { text.trim_start() })
                .map(|pair| (pair.name(), pair.value()))
                .collect()
        }
        Form::Multipart(delimiter) => parts(delimiter, body).into_iter().filter_map(field).collect(),
    }
}

/// The value of a name: of a form its first one, of JSON a member of the outermost object, or what a pointer (RFC 6901) leads to, if
/// that is a text, a number or a truth.
pub(super) fn value<'a>(form: &Form, body: &'a [u8], whole: bool, name: &str) -> Option<Cow<'a, str>> {
    if *form != Form::Json {
        return fields(form, body, whole).into_iter().find(|(one, _)| one == name).map(|(_, value)| value);
    }
    if !whole {
        return None;
    }
    let found: serde_json::Value = serde_json::from_slice(body).ok()?;
    let found = if name.starts_with('/') { found.pointer(name) } else { found.get(name) };
    match found? {
        serde_json::Value::String(text) => Some(text.clone().into()),
        other @ (serde_json::Value::Number(_) | serde_json::Value::Bool(_)) => Some(other.to_string().into()),
        _ => None,
    }
}

/// Parts whose ends are here, with their heads.
fn parts<'a>(delimiter: &[u8], body: &'a [u8]) -> Vec<&'a [u8]> {
    let mut parts = Vec::new();
    let mut begun: Option<usize> = None;
    let mut at = 0;
    while let Some(found) = body[at..].windows(delimiter.len()).position(|window| window == delimiter) {
        let start = at + found;
        at = start + delimiter.len();
        let is_line = start == 0 || body[..start].ends_with(b"\r\n");
        let rest = &body[at..];
        let is_last = rest.starts_with(b"--");
        let blanks = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        if !is_line || !is_last && !rest[blanks..].starts_with(b"\r\n") {
            // What looks alike in the middle of a part, or what may yet be that.
            continue;
        }
        if let Some(from) = begun {
            parts.push(&body[from..start.saturating_sub(2).max(from)]);
        }
        if is_last {
            break;
        }
        at += blanks;
        begun = Some((at + 2).min(body.len()));
    }
    parts
}

/// Name and value of a part that is no file.
fn field(part: &[u8]) -> Option<Field<'_>> {
    let end = part.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&part[..end]).ok()?;
    let value = std::str::from_utf8(&part[end + 4..]).ok()?;
    let disposition = head.split("\r\n").find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-disposition").then_some(value)
    })?;
    let mut name = None;
    for (key, value) in parameters(disposition) {
        if key.eq_ignore_ascii_case("filename") || key.eq_ignore_ascii_case("filename*") {
            return None;
        }
        if key.eq_ignore_ascii_case("name") && name.is_none() {
            name = Some(value);
        }
    }
    Some((name?, value.into()))
}

/// Parameters behind a word, such as `form-data; name="a"`.
fn parameters(text: &str) -> Vec<Field<'_>> {
    let mut found = Vec::new();
    let mut rest = text.split_once(';').map_or("", |(_, rest)| rest);
    while let Some((key, after)) = rest.split_once('=') {
        let key = key.trim_matches(|letter: char| letter.is_whitespace() || letter == ';');
        if let Some(quoted) = after.strip_prefix('"') {
            let (mut value, mut escaped, mut end) = (String::new(), false, quoted.len());
            for (at, letter) in quoted.char_indices() {
                match letter {
                    '"' if !escaped => {
                        end = at + 1;
                        break;
                    }
                    '\\' if !escaped => escaped = true,
                    plain => {
                        value.push(plain);
                        escaped = false;
                    }
                }
            }
            found.push((key.into(), value.into()));
            rest = &quoted[end..];
        } else {
            let (value, after) = after.split_once(';').unwrap_or((after, ""));
            found.push((key.into(), value.trim().into()));
            rest = after;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn form_of(kind: &str) -> Option<Form> {
        let fields = [("content-type", kind.as_bytes())];
        form(&Head::of_parts("POST", "/", Some("a"), fields.into_iter()).expect("a head"))
    }

    fn multipart() -> Form {
        form_of("multipart/form-data; charset=utf-8; boundary=\"AaB03x\"").expect("a form")
    }

    /// After the example of RFC 1867, section 6.
    const PARTS: &str = "--AaB03x\r\ncontent-disposition: form-data; name=\"field1\"\r\n\r\nJoe Blow\r\n--AaB03xy\r\n--AaB03x\r\n\
        Content-Type: text/plain\r\nContent-Disposition: form-data; filename=\"a; name=\\\"x\\\"\"; name=\"pics\"\r\n\r\nbytes\r\n\
        --AaB03x \t\r\nContent-Disposition: form-data; name=LANG\r\n\r\n\r\n--AaB03x--\r\n--AaB03x\r\n\
        Content-Disposition: form-data; name=\"late\"\r\n\r\nx\r\n--AaB03x--";

    #[test]
    fn parts_that_are_no_files_are_fields() {
        let found = fields(&multipart(), PARTS.as_bytes(), true);
        let found: Vec<_> = found.iter().map(|(name, value)| (&**name, &**value)).collect();
        assert_eq!(found, [("field1", "Joe Blow\r\n--AaB03xy"), ("LANG", "")]);
        let with_preamble = format!("This is a form.\r\n{PARTS}");
        assert_eq!(fields(&multipart(), with_preamble.as_bytes(), true).len(), 2);
    }

    #[test]
    fn what_the_head_does_not_say_or_hides_is_not_read() {
        assert_eq!(form_of("multipart/form-data"), None);
        assert_eq!(form_of("multipart/form-data; boundary="), None);
        assert_eq!(form_of("text/plain"), None);
        let fields = [("content-type", &b"application/json"[..]), ("content-encoding", b"gzip")];
        assert_eq!(form(&Head::of_parts("POST", "/", Some("a"), fields.into_iter()).expect("a head")), None);
    }

    #[test]
    fn what_is_no_text_hides_what_follows_and_nothing_before() {
        let of = |body: &'static [u8], whole: bool, name: &str| {
            value(&Form::Urlencoded, body, whole, name).map(Cow::into_owned)
        };
        for whole in [true, false] {
            assert_eq!(of(b"a=1&b=\xff&c=2&", whole, "a").as_deref(), Some("1"));
            assert_eq!(of(b"a=1&b=\xff&c=2&", whole, "c"), None);
            assert_eq!(of(b"a=1 &b=2", whole, "a").as_deref(), Some("1 "));
        }
        assert_eq!(of(b"a=1\r\n", true, "a").as_deref(), Some("1"));
    }

    #[test]
    fn json_is_read_by_member_and_by_pointer() {
        let body = br#"{"job": {"tables": ["gaia", 7]}, "a/b": true, "x": null, "": 1.5}"#;
        let of = |name: &str| value(&Form::Json, body, true, name).map(Cow::into_owned);
        assert_eq!(of("/job/tables/0").as_deref(), Some("gaia"));
        assert_eq!(of("/job/tables/1").as_deref(), Some("7"));
        assert_eq!(of("/a~1b").as_deref(), Some("true"));
        assert_eq!(of("a/b").as_deref(), Some("true"));
        assert_eq!((of("x"), of("job"), of("/job/tables/9"), of("y")), (None, None, None, None));
        assert_eq!(value(&Form::Json, b"{\"a\": 1}", false, "a"), None, "more may follow");
        assert_eq!(value(&Form::Json, "[".repeat(60_000).as_bytes(), true, "a"), None);
    }

    proptest! {
        /// What is found early is what is found late: where the network cuts a body makes no difference.
        #[test]
        fn a_field_that_is_found_in_a_beginning_is_the_bodys(cut in 0usize..600, names in prop::collection::vec("[a-c]{1,2}", 1..6)) {
            let text: Vec<String> = names.iter().enumerate().map(|(at, name)| format!("{name}=v%{:02x}&&", at + 48)).collect();
            let several: Vec<String> = names
                .iter()
                .enumerate()
                .map(|(at, name)| format!("--AaB03x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\nv{at}\r\n"))
                .collect();
            for (form, body) in [(Form::Urlencoded, text.concat()), (multipart(), several.concat() + "--AaB03x--\r\n")] {
                let begun = &body.as_bytes()[..cut.min(body.len())];
                let all = fields(&form, body.as_bytes(), true);
                prop_assert_eq!(all.len(), names.len());
                let found = fields(&form, begun, false);
                prop_assert_eq!(&found[..], &all[..found.len()]);
            }
        }

        #[test]
        fn any_bytes_are_fields_or_none(bytes in prop::collection::vec(any::<u8>(), 0..300), text in "(--AaB03x|\r\n|-|:|;|=|\"|name|[a-c ]){0,30}") {
            for body in [bytes.as_slice(), text.as_bytes()] {
                for form in [Form::Json, Form::Urlencoded, multipart()] {
                    for whole in [false, true] {
                        let _ = fields(&form, body, whole);
                        let _ = value(&form, body, whole, "a");
                    }
                }
            }
            let _ = parameters(&text);
        }
    }
}
