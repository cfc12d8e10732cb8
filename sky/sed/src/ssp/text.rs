//! Numbers in text, record by record.

use crate::magphys::fortran::number;

/// Goes through text as numbers.
pub(super) struct Numbers<'a> {
    text: &'a str,
}

impl<'a> Numbers<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Numbers { text }
    }

    /// What is left.
    pub(super) fn rest(&self) -> &'a str {
        self.text
    }

    fn word(&mut self) -> Option<&'a str> {
        let text = self.text.trim_start();
        let end = text.find(char::is_whitespace).unwrap_or(text.len());
        let (word, rest) = text.split_at(end);
        self.text = rest;
        (!word.is_empty()).then_some(word)
    }

    /// The next number, in Fortran's spellings too (`1.5-103`); none, and nothing taken, where there is none.
    pub(super) fn number(&mut self) -> Option<f64> {
        let before = self.text;
        let value = self.word().and_then(number).filter(|value| value.is_finite());
        if value.is_none() {
            self.text = before;
        }
        value
    }

    /// The next count (of at least 1 and at most a million) and as many numbers; none, and nothing taken, where these are not.
    pub(super) fn record(&mut self) -> Option<Vec<f64>> {
        let before = self.text;
        let count = self.word().and_then(|word| word.parse::<usize>().ok()).filter(|n| (1..=1_000_000).contains(n));
        let values = count.and_then(|count| self.values(count));
        if values.is_none() {
            self.text = before;
        }
        values
    }

    /// So many numbers.
    pub(super) fn values(&mut self, count: usize) -> Option<Vec<f64>> {
        (0..count).map(|_| self.number()).collect()
    }

    /// Goes on line by line to a record of at least eight numbers above 0 that increase, and takes it.
    pub(super) fn skip_to_increasing(&mut self) -> Option<Vec<f64>> {
        while !self.text.is_empty() {
            let before = self.text;
            let record = self.record();
            if let Some(values) = record.filter(|v| v.len() >= 8 && v[0] > 0.0 && v.windows(2).all(|p| p[0] < p[1])) {
                return Some(values);
            }
            self.text = before.split_once('\n').map_or("", |(_, rest)| rest);
        }
        None
    }
}

/// The number that follows a word in text, such as 0.02 in `Z=0.0200, `.
pub(super) fn number_after(text: &str, word: &str) -> Option<f64> {
    text.match_indices(word).find_map(|(at, _)| {
        let rest = text[at + word.len()..].trim_start();
        let end = rest.find(|c: char| !(c.is_ascii_digit() || ".eE+-".contains(c))).unwrap_or(rest.len());
        rest[..end].trim_end_matches(['.', '-', '+']).parse().ok()
    })
}

#[cfg(test)]
pub(super) mod tests {
    use core::fmt::Write;

    use proptest::prelude::*;

    use super::*;

    /// Writes a record as Fortran's unformatted lists do, five numbers to a line.
    pub(in crate::ssp) fn write_record(text: &mut String, values: &[f64]) {
        write!(text, " {}", values.len()).unwrap();
        for (k, value) in values.iter().enumerate() {
            let end = if k % 5 == 4 { "\n" } else { "" };
            write!(text, " {value:.6E}{end}").unwrap();
        }
        text.push('\n');
    }

    #[test]
    fn records_run_across_lines_and_numbers_are_found_behind_words() {
        let mut numbers = Numbers::new("3 1.0 2.0\n 3.0 2 7 8 x");
        assert_eq!(numbers.record(), Some(vec![1.0, 2.0, 3.0]));
        assert_eq!(numbers.record(), Some(vec![7.0, 8.0]));
        assert_eq!((numbers.record(), numbers.rest()), (None, " x"));
        assert_eq!(number_after("Y=0.27, Z=0.0200, [Fe/H]", "Z="), Some(0.02));
        assert_eq!(number_after("Log(Z/Zsol): -0.300\n", "Log(Z/Zsol):"), Some(-0.3));
        assert_eq!(number_after("nothing", "Z="), None);
    }

    proptest! {
        #[test]
        fn text_of_any_kind_does_not_panic(text in "[ \n0-9.eE+#Z=-]{0,200}") {
            let _ = crate::ssp::Ssp::from_bc03(&text, "f", Some(0.02), Some(&text));
            let _ = crate::ssp::Ssp::from_fsps(&text, "f", None);
            let _ = crate::ssp::Ssp::from_bpass(&text, &text, "f", 0.02);
        }
    }
}
