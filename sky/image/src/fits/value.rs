//! The value of a header card: its types, its text form and how that is read.

/// The value of a header card.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `T` or `F`.
    Logical(bool),
    /// A whole number; one that does not fit 64 bits becomes [`Value::Real`].
    Integer(i64),
    /// A number with a point or an exponent (`E` or `D`). FITS has no NaN and no infinity in headers: such a value
    /// is written as undefined.
    Real(f64),
    /// Text, without its quotes; trailing blanks, which FITS holds for meaningless, are cut off.
    Text(String),
    /// Real and imaginary part.
    Complex(f64, f64),
    /// A card with `=` but nothing after it.
    Undefined,
}

impl Value {
    /// The value as a real number: of `Integer` and `Real`; `None` of all others.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Value::Integer(v) => Some(*v as f64),
            Value::Real(v) => Some(*v),
            _ => None,
        }
    }

    /// The value as a whole number: of `Integer`, and of a `Real` that is whole and fits; `None` of all others.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Value::Integer(v) => Some(*v),
            Value::Real(v) if v.fract() == 0.0 && v.abs() < 9.2e18 => Some(*v as i64),
            _ => None,
        }
    }

    /// The value of a `Logical`.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Logical(v) => Some(*v),
            _ => None,
        }
    }

    /// The text of a `Text`, trailing blanks cut off.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::Text(v) => Some(v.trim_end_matches(' ')),
            _ => None,
        }
    }

    /// An integer if the number is whole and below 2^53, else a real. Scalings are written so: some readers take
    /// `BZERO = 32768` but not `32768.0` for the unsigned convention.
    pub fn whole_or_real(v: f64) -> Value {
        if v.fract() == 0.0 && v.abs() < 9.0e15 { Value::Integer(v as i64) } else { Value::from(v) }
    }

    /// What kind of value this is, for messages: `a logical`, `an integer`, ...
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Logical(_) => "a logical",
            Value::Integer(_) => "an integer",
            Value::Real(_) => "a real number",
            Value::Text(_) => "text",
            Value::Complex(..) => "a complex number",
            Value::Undefined => "undefined",
        }
    }

    /// The text of a value that is not `Text`, as it stands in a card.
    pub(crate) fn plain_text(&self) -> String {
        match self {
            Value::Logical(v) => if *v { "T" } else { "F" }.to_owned(),
            Value::Integer(v) => v.to_string(),
            Value::Real(v) => real_text(*v),
            Value::Complex(re, im) if re.is_finite() && im.is_finite() => {
                format!("({}, {})", real_text(*re), real_text(*im))
            }
            Value::Text(v) => v.clone(),
            Value::Complex(..) | Value::Undefined => String::new(),
        }
    }
}

/// Shortest decimal form that reads back as the same f64, with a point; empty for what FITS cannot say.
fn real_text(v: f64) -> String {
    if !v.is_finite() {
        return String::new();
    }
    let size = v.abs();
    if v == 0.0 || (1e-4..1e15).contains(&size) {
        return format!("{v:?}");
    }
    let text = format!("{v:E}");
    match text.split_once('E') {
        Some((digits, exponent)) if !digits.contains('.') => format!("{digits}.0E{exponent}"),
        _ => text,
    }
}

/// The quoted form of text: quotes doubled, what is not printable ASCII replaced by `?`.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if matches!(c, ' '..='~') { c } else { '?' }).collect()
}

/// Reads a number as FITS writes it: digits, sign, point, exponent by `E` or `D`; nothing else (no `nan`, no `inf`).
///
/// Whole numbers that fit 64 bits come back as `Integer`. `None` for anything that is not a number or overflows.
pub fn parse_number(text: &str) -> Option<Value> {
    let allowed = |b: u8| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'E' | b'e' | b'D' | b'd');
    if text.is_empty() || !text.bytes().all(allowed) || !text.bytes().any(|b| b.is_ascii_digit()) {
        return None;
    }
    if let Ok(v) = text.parse::<i64>() {
        return Some(Value::Integer(v));
    }
    let real = text.replace(['D', 'd'], "E").parse::<f64>().ok()?;
    real.is_finite().then_some(Value::Real(real))
}

/// A value field taken apart.
pub(crate) struct Field {
    pub(crate) value: Value,
    pub(crate) comment: String,
    /// What was wrong with it, if it had to be mended.
    pub(crate) fault: Option<&'static str>,
}

/// Takes apart what follows the `=` of a card: value, `/`, comment.
pub(crate) fn parse_field(field: &str) -> Field {
    let text = field.trim_start_matches(' ');
    if let Some(quoted) = text.strip_prefix('\'') {
        return parse_quoted(quoted);
    }
    let (body, comment) = match text.split_once('/') {
        Some((body, comment)) => (body.trim(), comment_text(comment)),
        None => (text.trim(), String::new()),
    };
    let clean = |value| Field { value, comment: comment.clone(), fault: None };
    if body.is_empty() {
        return clean(Value::Undefined);
    }
    if let Some(value) = parse_bare(body) {
        return clean(value);
    }
    // A value followed by words without the slash.
    if let Some((first, rest)) = body.split_once(' ')
        && let Some(value) = parse_bare(first)
    {
        let comment = if comment.is_empty() { rest.trim().to_owned() } else { format!("{} / {comment}", rest.trim()) };
        return Field { value, comment, fault: Some("a comment without '/'") };
    }
    let value = match body {
        "t" => Value::Logical(true),
        "f" => Value::Logical(false),
        _ => Value::Text(body.to_owned()),
    };
    Field { value, comment, fault: Some("a value that FITS does not define, kept as text") }
}

fn parse_bare(body: &str) -> Option<Value> {
    match body {
        "T" => Some(Value::Logical(true)),
        "F" => Some(Value::Logical(false)),
        _ => match body.strip_prefix('(').and_then(|b| b.strip_suffix(')')) {
            Some(pair) => {
                let (re, im) = pair.split_once(',')?;
                Some(Value::Complex(parse_number(re.trim())?.as_f64()?, parse_number(im.trim())?.as_f64()?))
            }
            None => parse_number(body),
        },
    }
}

fn parse_quoted(quoted: &str) -> Field {
    let mut text = String::new();
    let mut rest = quoted;
    loop {
        let Some(end) = rest.find('\'') else {
            text.push_str(rest);
            let value = Value::Text(text.trim_end_matches(' ').to_owned());
            return Field { value, comment: String::new(), fault: Some("text without its closing quote") };
        };
        text.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('\'') {
            Some(more) => {
                text.push('\'');
                rest = more;
            }
            None => break,
        }
    }
    let value = Value::Text(text.trim_end_matches(' ').to_owned());
    let rest = rest.trim_start_matches(' ');
    match rest.strip_prefix('/') {
        Some(comment) => Field { value, comment: comment_text(comment), fault: None },
        None if rest.is_empty() => Field { value, comment: String::new(), fault: None },
        None => Field { value, comment: rest.trim_end().to_owned(), fault: Some("a comment without '/'") },
    }
}

fn comment_text(after_slash: &str) -> String {
    after_slash.strip_prefix(' ').unwrap_or(after_slash).trim_end().to_owned()
}

macro_rules! from_integers {
    ($($t:ty),*) => { $(impl From<$t> for Value {
        fn from(v: $t) -> Self { Value::Integer(i64::from(v)) }
    })* };
}
from_integers!(i8, i16, i32, i64, u8, u16, u32);

impl From<usize> for Value {
    /// Sizes beyond 2^63 do not occur; they would become the largest integer.
    fn from(v: usize) -> Self {
        Value::Integer(i64::try_from(v).unwrap_or(i64::MAX))
    }
}

impl From<bool> for Value {
    fn from(v: bool) -> Self {
        Value::Logical(v)
    }
}

impl From<f64> for Value {
    fn from(v: f64) -> Self {
        if v.is_finite() { Value::Real(v) } else { Value::Undefined }
    }
}

impl From<f32> for Value {
    fn from(v: f32) -> Self {
        Value::from(f64::from(v))
    }
}

impl From<&str> for Value {
    fn from(v: &str) -> Self {
        Value::Text(v.trim_end_matches(' ').to_owned())
    }
}

impl From<String> for Value {
    fn from(v: String) -> Self {
        Value::from(v.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_with_d_exponents_are_real() {
        assert_eq!(parse_number("1.5D2"), Some(Value::Real(150.0)));
        assert_eq!(parse_number("-2d-1"), Some(Value::Real(-0.2)));
        assert_eq!(parse_number("+007"), Some(Value::Integer(7)));
        assert_eq!(parse_number("9223372036854775808"), Some(Value::Real(9_223_372_036_854_775_808.0)));
    }

    #[test]
    fn words_are_no_numbers() {
        for text in ["nan", "inf", "1e999", "", ".", "E5", "1_000", "0x10"] {
            assert_eq!(parse_number(text), None, "{text}");
        }
    }

    #[test]
    fn doubled_quotes_become_one() {
        let field = parse_field(" 'O''HARA  '   / who");
        assert_eq!(field.value, Value::Text("O'HARA".into()));
        assert_eq!(field.comment, "who");
        assert!(field.fault.is_none());
    }

    #[test]
    fn a_slash_within_quotes_starts_no_comment() {
        assert_eq!(parse_field("'km/s    ' / unit").value, Value::Text("km/s".into()));
    }

    #[test]
    fn reals_are_written_so_that_they_read_back_with_a_point() {
        for v in [0.1, 1.0, -3.0e22, 1.0e-10, 2.5e-5, f64::MAX, f64::MIN_POSITIVE, 0.0, 123456.0] {
            let text = Value::Real(v).plain_text();
            assert!(text.contains('.'), "{text}");
            assert_eq!(parse_number(&text), Some(Value::Real(v)), "{text}");
        }
    }
}
