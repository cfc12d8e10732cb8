//! What a query in ADQL is about: its table, the place it searches, and its shape.

use super::angle::SkyPlace;
use super::hash::ContextHash;

/// What is known of a query.
pub(super) struct About<'a> {
    /// First table that it names.
    pub(super) table: &'a str,
    /// Middle of its first circle.
    pub(super) place: Option<SkyPlace>,
    /// Hash of its words: the same for queries that differ in numbers, texts, blanks and the case of words alone.
    pub(super) shape: u64,
}

/// Reads a query as far as needed; what is no query has a shape all the same.
pub(super) fn about(query: &str) -> About<'_> {
    let (mut table, mut place, mut from) = ("", None, false);
    let mut shape = ContextHash::new(0);
    let mut rest = query;
    loop {
        let (word, after) = token(rest);
        if word.is_empty() {
            break;
        }
        let first = word.as_bytes()[0];
        if first.is_ascii_digit() || first == b'.' || first == b'\'' {
            shape = shape.number(u64::from(if first == b'\'' { b'\'' } else { b'0' }));
        } else {
            let mut small = [0; 32];
            for (to, from) in small.iter_mut().zip(word.bytes()) {
                *to = from.to_ascii_lowercase();
            }
            shape = shape.text(&small[..word.len().min(32)]);
        }
        if from && table.is_empty() {
            table = named(rest);
        }
        from = word.eq_ignore_ascii_case("from");
        if place.is_none() && word.eq_ignore_ascii_case("circle") {
            place = circle(after);
        }
        rest = after;
    }
    About { table, place, shape: shape.end() }
}

/// The next word, number, quoted text or sign, and what follows.
fn token(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    let Some(first) = text.chars().next() else { return ("", "") };
    let length = match first {
        '\'' | '"' => text[1..].find(first).map_or(text.len(), |at| at + 2),
        _ if is_word(first) => text.find(|letter| !is_word(letter)).unwrap_or(text.len()),
        other => other.len_utf8(),
    };
    text.split_at(length)
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_' || letter == '.'
}

/// The name of a table, with its schema.
fn named(text: &str) -> &str {
    let text = text.trim_start();
    &text[..text.find(|letter: char| !is_word(letter) && letter != '"').unwrap_or(text.len())]
}

/// The middle of `('ICRS', lon, lat, radius)` or `(POINT('ICRS', lon, lat), radius)`; the frame may be left out.
fn circle(text: &str) -> Option<SkyPlace> {
    let mut inner = text.trim_start().strip_prefix('(')?.trim_start();
    if let Some((word, after)) = inner.split_at_checked(5)
        && word.eq_ignore_ascii_case("point")
    {
        inner = after.trim_start().strip_prefix('(')?.trim_start();
    }
    let inner = &inner[..inner.find(')')?];
    let mut parts = inner.split(',').map(str::trim).filter(|part| !part.starts_with('\''));
    SkyPlace::of_two(parts.next()?, parts.next()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cone_search_has_table_and_place() {
        let query = "SELECT TOP 10 * FROM gaia.source WHERE 1 = CONTAINS(POINT('ICRS', ra, dec), CIRCLE('ICRS', 275.2, -16.17, 0.1))";
        let found = about(query);
        assert_eq!(found.table, "gaia.source");
        assert_eq!(found.place, SkyPlace::of_two("275.2", "-16.17"));
        let newer = "SELECT * FROM t WHERE 1 = CONTAINS(POINT(ra, dec), CIRCLE( Point (275.2, -16.17), 0.1))";
        assert_eq!(about(newer).place, found.place);
        assert_eq!(about("select x from \"a b\" where y > 3").place, None);
    }

    #[test]
    fn the_shape_of_a_query_is_without_its_values() {
        let shape = |query| about(query).shape;
        let wanted = shape("SELECT a FROM t WHERE b > 3.5 AND c = 'x y'");
        assert_eq!(shape("select  a\nfrom T where B>17 and c='z'"), wanted);
        assert_ne!(shape("SELECT a FROM t WHERE b < 3.5 AND c = 'x y'"), wanted);
        assert_ne!(shape("SELECT a FROM u WHERE b > 3.5 AND c = 'x y'"), wanted);
    }

    proptest::proptest! {
        #[test]
        fn any_text_has_a_shape(text in ".{0,80}") {
            let _ = about(&text).shape;
            let _ = about(&format!("SELECT * FROM {text} CIRCLE({text}")).shape;
        }
    }
}
