//! Filter curves from text.

use super::{Counting, Filter, FilterError};

impl Filter {
    /// Reads a curve of two columns: wavelength and response, separated by blanks or commas, either way round in wavelength.
    ///
    /// Lines that begin with `#` are comments, but for two: `# unit um` (or `nm`, `Angstrom`) and `# counting energy` (or
    /// `photon`); without them wavelengths are in Angstrom and responses count photons. Further columns are left alone.
    ///
    /// # Errors
    /// A line that is no pair of numbers, a curve that [`Filter::new`] refuses, wavelengths that cannot be in Angstrom.
    pub fn from_text(name: &str, text: &str) -> Result<Filter, FilterError> {
        let (mut scale, mut stated, mut counting) = (1.0, false, Counting::Photon);
        let mut points: Vec<(f64, f64)> = Vec::new();
        for (line, content) in text.lines().enumerate() {
            let content = content.trim().trim_start_matches('\u{feff}');
            if let Some(comment) = content.strip_prefix(['#', ';', '!']) {
                let words: Vec<String> = comment.split_whitespace().map(str::to_lowercase).collect();
                match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
                    ["unit" | "unit:", unit] => {
                        (scale, stated) = match unit {
                            "um" | "micron" | "microns" | "micrometre" | "micrometer" => (1e4, true),
                            "nm" => (10.0, true),
                            "angstrom" | "a" | "aa" => (1.0, true),
                            _ => return Err(line_error(name, line, content)),
                        }
                    }
                    ["counting" | "counting:", "energy"] => counting = Counting::Energy,
                    ["counting" | "counting:", "photon" | "photons"] => counting = Counting::Photon,
                    _ => {}
                }
                continue;
            }
            if content.is_empty() {
                continue;
            }
            let mut fields = content.split([' ', '\t', ',']).filter(|field| !field.is_empty());
            let mut number = || fields.next().and_then(|field| field.parse::<f64>().ok()).filter(|x| x.is_finite());
            match (number(), number()) {
                (Some(wavelength), Some(response)) => points.push((wavelength, response)),
                // One line of column names may stand first.
                _ if points.is_empty() && content.starts_with(|c: char| c.is_ascii_alphabetic()) => {}
                _ => return Err(line_error(name, line, content)),
            }
        }
        if points.first().zip(points.last()).is_some_and(|(first, last)| first.0 > last.0) {
            points.reverse();
        }
        let last = points.last().map_or(0.0, |point| point.0);
        if !stated && !points.is_empty() && last < 600.0 {
            return Err(FilterError::Unit { name: name.to_owned(), last });
        }
        let (wavelength, response) = points.into_iter().map(|(w, r)| (w * scale, r)).unzip();
        Filter::new(name, wavelength, response, counting, "text")
    }
}

fn line_error(name: &str, line: usize, content: &str) -> FilterError {
    FilterError::Line { name: name.to_owned(), line: line + 1, text: content.chars().take(40).collect() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn units_and_counting_are_taken_from_comments() {
        let plain = Filter::from_text("a", "# a filter\n5000 0\n6000 1\n7000 0\n").unwrap();
        let um = Filter::from_text("b", "# unit um\nlambda T\n0.7, 0\n0.6, 1\n0.5, 0\n").unwrap();
        assert_eq!((plain.response(), plain.counting()), (um.response(), um.counting()));
        assert!((plain.pivot() - um.pivot()).abs() < 1e-6);
        let energy = Filter::from_text("c", "# counting energy\n5000 0\n6000 1\n7000 0\n").unwrap();
        assert!(energy.counting() == Counting::Energy && energy.pivot() < plain.pivot());
    }

    #[test]
    fn curves_that_are_none_are_refused_with_their_line() {
        let say = |text: &str| Filter::from_text("f", text).unwrap_err().to_string();
        assert!(say("5000 0\nx y\n").starts_with("filter f, line 2: 'x y'"));
        assert!(say("0.5 0\n0.6 1\n").contains("micrometres"));
        assert!(say("5000 0\n5000 1\n").contains("follows"));
        assert!(say("5000 0\n6000 0\n").contains("all of its responses are 0"));
        assert!(say("5000 1\n6000 -1\n").contains("response of -1"));
        assert!(say("").contains("0 wavelengths"));
        assert!(say("# unit parsec\n1 1\n2 2\n").contains("line 1"));
    }

    proptest! {
        #[test]
        fn text_of_any_kind_does_not_panic(text in "\\PC{0,80}\n?[0-9. ,e-]{0,80}") {
            let _ = Filter::from_text("f", &text);
        }
    }
}
