//! Code signing keys: the present one, and what a client that holds an earlier one is told.

use std::collections::HashMap;

use crate::store::KeyRow;

/// What a client needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    /// Nothing: it holds the present key.
    None,
    /// The present key: it has none.
    First(&'a str),
    /// The key after its own, with its own's signature of that.
    Next {
        /// The key.
        key: &'a str,
        /// The signature.
        signature: &'a str,
        /// Whether that is the present one; else there are more steps.
        last: bool,
    },
    /// It holds a key that was never the project's.
    Unknown,
}

/// All keys that were ever used.
#[derive(Debug, Clone, Default)]
pub struct Keys {
    present: Option<KeyRow>,
    /// Key, signature, and whether it is the last, by the key before, without white space.
    after: HashMap<String, (String, String, bool)>,
}

fn plain(key: &str) -> String {
    key.split_whitespace().collect()
}

impl Keys {
    /// Of their rows.
    pub fn of(rows: Vec<KeyRow>) -> Keys {
        let by_id: HashMap<i64, &KeyRow> = rows.iter().map(|row| (row.id, row)).collect();
        let after = rows.iter().filter_map(|row| {
            let next = by_id.get(&row.next?)?;
            Some((plain(&row.body), (next.body.clone(), row.signature.clone(), next.next.is_none())))
        });
        Keys {
            after: after.collect(),
            present: rows.iter().filter(|row| row.next.is_none()).max_by_key(|row| row.id).cloned(),
        }
    }

    /// The present key's row; none before the first was changed for another.
    pub fn present(&self) -> Option<&KeyRow> {
        self.present.as_ref()
    }

    /// What a client needs that holds a key, or none; `first` is the project's key where there are no rows.
    pub fn step<'a>(&'a self, first: &'a str, held: &str) -> Step<'a> {
        let present = self.present.as_ref().map_or(first, |row| row.body.as_str());
        if held.is_empty() {
            return Step::First(present);
        }
        if crate::sign::is_same_key(held, present) {
            return Step::None;
        }
        match self.after.get(&plain(held)) {
            Some((key, signature, last)) => Step::Next { key, signature, last: *last },
            None => Step::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_led_from_key_to_key() {
        let row = |id: i64, body: &str, next: Option<i64>| KeyRow {
            id,
            body: body.to_owned(),
            next,
            signature: format!("by {body}"),
            created: 0,
        };
        let none = Keys::of(Vec::new());
        assert_eq!((none.step("a\nb", ""), none.step("a\nb", "a\r\nb\n")), (Step::First("a\nb"), Step::None));
        assert_eq!(none.step("a", "b"), Step::Unknown);
        let keys = Keys::of(vec![row(1, "a", Some(2)), row(2, "b", Some(3)), row(3, "c", None)]);
        assert_eq!(keys.step("a", "a"), Step::Next { key: "b", signature: "by a", last: false });
        assert_eq!(keys.step("a", " b\n"), Step::Next { key: "c", signature: "by b", last: true });
        assert_eq!((keys.step("a", "c"), keys.step("a", "")), (Step::None, Step::First("c")));
        assert_eq!(keys.step("a", "d"), Step::Unknown);
    }
}
