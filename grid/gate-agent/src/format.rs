//! How the lines of an access log are written: nginx's `log_format`, Apache's `LogFormat`, JSON by named fields.

/// Both servers' default.
const COMBINED: &str = r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent""#;
/// What came before it.
const COMMON: &str = r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent"#;

/// Why a format is not understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// There is nothing to read in it.
    #[error(
        "the format '{format}' has neither variables of nginx ($status) nor directives of Apache (%s); combined, common and json are names"
    )]
    Empty {
        /// The format.
        format: String,
    },
    /// A sign without a name.
    #[error("the format '{format}' has '{sign}' at byte {at} without the name of a variable or directive behind it")]
    NoName {
        /// The format.
        format: String,
        /// `$` or `%`.
        sign: char,
        /// Where, from 0.
        at: usize,
    },
    /// Nothing tells where one field ends and the next begins.
    #[error("the format '{format}' has nothing between {first} and {second}; put a space or quotes there")]
    Adjacent {
        /// The format.
        format: String,
        /// The field before.
        first: String,
        /// The field behind.
        second: String,
    },
    /// Not one of the fields that are read.
    #[error(
        "'{found}' is none of the fields that are read: request_time, upstream_response_time, cache_status, request, path, status, class; write FIELD=KEY"
    )]
    Field {
        /// What it was.
        found: String,
    },
}

/// What a field of a line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// How long the request took, by the unit.
    RequestTime(Unit),
    /// Seconds that the servers behind it took: several numbers, where there were several.
    UpstreamTime,
    /// Whether it came from a cache, in words.
    CacheStatus,
    /// Method, target and version.
    Request,
    /// The target alone.
    Path,
    /// The status of the answer.
    Status,
    /// The class that the gate gave it.
    Class,
    /// Something in square brackets, which may hold spaces.
    Bracketed,
    /// Something else.
    Other,
}

/// Units of times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Seconds, with or without a fraction.
    Seconds,
    /// Thousandths.
    Milliseconds,
    /// Millionths.
    Microseconds,
}

/// A piece of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// As it stands there.
    Text(Vec<u8>),
    /// A value.
    Field(Field),
}

/// How lines are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LineFormat {
    /// Fields with text between them.
    Text(Parts),
    /// An object of JSON, the fields being found under these keys (`a.b` is `b` within `a`).
    Json(Vec<(Field, String)>),
}

/// Fields with text between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parts(pub(crate) Vec<Part>);

impl LineFormat {
    /// Reads `combined`, `common`, `json` (fields named as nginx names its variables), a `log_format` of nginx or a `LogFormat` of
    /// Apache.
    ///
    /// # Errors
    /// [`FormatError`] says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, FormatError> {
        match text {
            "combined" => Self::nginx(COMBINED),
            "common" => Self::nginx(COMMON),
            "json" => Ok(Self::Json(JSON.iter().map(|(field, key)| (*field, (*key).to_owned())).collect())),
            _ if has_variable(text) => Self::nginx(text),
            _ if text.contains('%') => Self::apache(text),
            _ => Err(FormatError::Empty { format: text.into() }),
        }
    }

    /// Reads what stands between the quotes of nginx's `log_format`.
    ///
    /// # Errors
    /// [`FormatError`] says what is wrong with it.
    pub fn nginx(text: &str) -> Result<Self, FormatError> {
        let mut parts = Builder::new(text);
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            parts.text(&rest[..at]);
            let behind = &rest[at + 1..];
            let (name, after) = match behind.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
                Some(braced) => braced,
                None => {
                    let end = behind.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(behind.len());
                    behind.split_at(end)
                }
            };
            if name.is_empty() {
                return Err(FormatError::NoName { format: text.into(), sign: '$', at: text.len() - rest.len() + at });
            }
            parts.field(variable(name), name)?;
            rest = after;
        }
        parts.text(rest);
        parts.end()
    }

    /// Reads what stands between the quotes of Apache's `LogFormat`.
    ///
    /// # Errors
    /// [`FormatError`] says what is wrong with it.
    pub fn apache(text: &str) -> Result<Self, FormatError> {
        let mut parts = Builder::new(text);
        let mut rest = text;
        while let Some(at) = rest.find(['%', '\\']) {
            parts.text(&rest[..at]);
            let behind = &rest[at + 1..];
            let first = behind.chars().next();
            if rest[at..].starts_with('\\') {
                let meant = match first {
                    Some('t') => "\t",
                    Some('n') => "\n",
                    Some(other) => &behind[..other.len_utf8()],
                    None => "\\",
                };
                parts.text(meant);
                rest = &behind[first.map_or(0, char::len_utf8)..];
                continue;
            }
            if first == Some('%') {
                parts.text("%");
                rest = &behind[1..];
                continue;
            }
            let no_name = || FormatError::NoName { format: text.into(), sign: '%', at: text.len() - rest.len() + at };
            // Conditions by status and the choice of the first or last of internal redirects say nothing of the form.
            let mut directive = behind.trim_start_matches(|c: char| c.is_ascii_digit() || "!,<>".contains(c));
            let mut argument = "";
            if let Some(inner) = directive.strip_prefix('{') {
                (argument, directive) = inner.split_once('}').ok_or_else(no_name)?;
                directive = directive.trim_start_matches(['<', '>']);
            }
            let length = if directive.starts_with('^') { 3 } else { 1 };
            let name = directive.get(..length).ok_or_else(no_name)?;
            parts.field(apache_field(name, argument), name)?;
            rest = &directive[length..];
        }
        parts.text(rest);
        parts.end()
    }

    /// For JSON: reads `field` from `key` instead.
    ///
    /// # Errors
    /// [`FormatError::Field`] where it is no such field.
    pub fn rename(&mut self, field: &str, key: &str) -> Result<(), FormatError> {
        let wrong = || FormatError::Field { found: field.into() };
        let Some((known, _)) = JSON.iter().find(|(_, name)| *name == field) else { return Err(wrong()) };
        let Self::Json(keys) = self else { return Err(wrong()) };
        keys.retain(|(other, _)| other != known);
        keys.push((*known, key.into()));
        Ok(())
    }

    /// Whether a line says how long its request took.
    #[must_use]
    pub fn has_time(&self) -> bool {
        self.fields().any(|field| matches!(field, Field::RequestTime(_) | Field::UpstreamTime))
    }

    /// Whether a line says if its answer came from a cache.
    #[must_use]
    pub fn has_cache_status(&self) -> bool {
        self.fields().any(|field| field == Field::CacheStatus)
    }

    fn fields(&self) -> impl Iterator<Item = Field> {
        let (parts, keys) = match self {
            Self::Text(parts) => (parts.0.as_slice(), [].as_slice()),
            Self::Json(keys) => ([].as_slice(), keys.as_slice()),
        };
        let of_parts = parts.iter().filter_map(|part| match part {
            Part::Field(field) => Some(*field),
            Part::Text(_) => None,
        });
        of_parts.chain(keys.iter().map(|(field, _)| *field))
    }
}

/// Fields of JSON, under the names that nginx's variables have, or shorter ones.
const JSON: [(Field, &str); 10] = [
    (Field::RequestTime(Unit::Seconds), "request_time"),
    (Field::UpstreamTime, "upstream_response_time"),
    (Field::CacheStatus, "cache_status"),
    (Field::CacheStatus, "upstream_cache_status"),
    (Field::Request, "request"),
    (Field::Path, "path"),
    (Field::Path, "request_uri"),
    (Field::Path, "uri"),
    (Field::Status, "status"),
    (Field::Class, "class"),
];

fn has_variable(text: &str) -> bool {
    text.split('$').skip(1).any(|behind| behind.starts_with(|c: char| c.is_ascii_lowercase() || c == '{'))
}

fn variable(name: &str) -> Field {
    match name {
        "request_time" => Field::RequestTime(Unit::Seconds),
        "upstream_response_time" => Field::UpstreamTime,
        "upstream_cache_status" | "sent_http_x_cache" | "upstream_http_x_cache" | "sent_http_x_cache_status" => {
            Field::CacheStatus
        }
        "request" => Field::Request,
        "request_uri" | "uri" | "document_uri" => Field::Path,
        "status" => Field::Status,
        "http_pogson_class" => Field::Class,
        _ => Field::Other,
    }
}

fn apache_field(name: &str, argument: &str) -> Field {
    let is = |other: &str| argument.eq_ignore_ascii_case(other);
    match name {
        "D" => Field::RequestTime(Unit::Microseconds),
        "T" if is("ms") => Field::RequestTime(Unit::Milliseconds),
        "T" if is("us") => Field::RequestTime(Unit::Microseconds),
        "T" => Field::RequestTime(Unit::Seconds),
        "r" => Field::Request,
        "U" => Field::Path,
        "s" => Field::Status,
        "t" if argument.is_empty() => Field::Bracketed,
        "i" if is("Pogson-Class") => Field::Class,
        "o" if is("X-Cache") || is("X-Cache-Status") => Field::CacheStatus,
        "e" if is("cache-status") => Field::CacheStatus,
        _ => Field::Other,
    }
}

/// Puts parts together.
struct Builder<'a> {
    format: &'a str,
    parts: Vec<Part>,
    last: String,
}

impl<'a> Builder<'a> {
    fn new(format: &'a str) -> Self {
        Self { format, parts: Vec::new(), last: String::new() }
    }

    fn text(&mut self, text: &str) {
        match self.parts.last_mut() {
            _ if text.is_empty() => {}
            Some(Part::Text(before)) => before.extend_from_slice(text.as_bytes()),
            _ => self.parts.push(Part::Text(text.into())),
        }
    }

    fn field(&mut self, field: Field, name: &str) -> Result<(), FormatError> {
        if let Some(Part::Field(_)) = self.parts.last() {
            let (first, second) = (std::mem::take(&mut self.last), name.into());
            return Err(FormatError::Adjacent { format: self.format.into(), first, second });
        }
        self.parts.push(Part::Field(field));
        self.last = name.into();
        Ok(())
    }

    fn end(self) -> Result<LineFormat, FormatError> {
        if self.parts.iter().any(|part| matches!(part, Part::Field(_))) {
            Ok(LineFormat::Text(Parts(self.parts)))
        } else {
            Err(FormatError::Empty { format: self.format.into() })
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn formats_that_make_no_sense_are_refused() {
        let wrong = |text: &str| LineFormat::parse(text).expect_err(text).to_string();
        assert!(wrong("").contains("neither"));
        assert!(wrong("plain").contains("neither"));
        assert!(wrong("$status$request").contains("nothing between status and request"));
        assert!(wrong("%s%r").contains("nothing between s and r"));
        assert!(wrong("$status $").contains("'$' at byte 8"));
        assert!(wrong("%s %").contains("'%' at byte 3"));
        assert!(wrong("%{Referer").contains("'%' at byte 0"));
        assert!(LineFormat::parse("json").is_ok_and(|mut json| json.rename("color", "c").is_err()));
        assert!(LineFormat::parse("combined").is_ok_and(|mut text| text.rename("status", "s").is_err()));
    }

    proptest! {
        #[test]
        fn any_text_is_a_format_or_none(text in "[ -~é]{0,40}") {
            let _ = (LineFormat::parse(&text), LineFormat::nginx(&text), LineFormat::apache(&text));
        }

        #[test]
        fn directives_and_text_are_taken_apart(text in "([$%][{a-zA-Z}^><!0-9,]{0,6}[ \"\\\\]?){0,8}") {
            let _ = (LineFormat::nginx(&text), LineFormat::apache(&text));
        }
    }
}
