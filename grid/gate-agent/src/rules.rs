//! Which class or product a path has.

/// Bytes of a pattern at most.
const LONGEST: usize = 256;

/// Why a rule is not understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{rule}' is no rule: it is PATTERN=NUMBER, the pattern beginning with / and having at most 256 bytes")]
pub struct RuleError {
    /// What it was.
    rule: String,
}

/// A pattern and the number of what it matches.
///
/// A pattern matches the beginning of a path; `$` at its end stands for the path's end, `?` for one character other than `/`, `*` for any
/// number of them, `**` for any number of any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What stands before the first sign.
    prefix: Vec<u8>,
    /// The rest.
    pattern: Vec<Step>,
    number: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Byte(u8),
    One,
    Any,
    All,
    End,
}

impl std::str::FromStr for Rule {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        let wrong = || RuleError { rule: text.into() };
        let (pattern, number) = text.rsplit_once('=').ok_or_else(wrong)?;
        let number = number.parse().map_err(|_| wrong())?;
        if !pattern.starts_with('/') || pattern.len() > LONGEST {
            return Err(wrong());
        }
        let mut steps = Vec::new();
        let plain = pattern.bytes().take_while(|byte| !b"*?$".contains(byte)).count();
        let (prefix, mut rest) = pattern.as_bytes().split_at(plain);
        while let Some(&byte) = rest.first() {
            let (step, length) = match byte {
                b'*' if rest.get(1) == Some(&b'*') => (Step::All, 2),
                b'*' => (Step::Any, 1),
                b'?' => (Step::One, 1),
                b'$' if rest.len() == 1 => (Step::End, 1),
                byte => (Step::Byte(byte), 1),
            };
            steps.push(step);
            rest = &rest[length..];
        }
        Ok(Self { prefix: prefix.into(), pattern: steps, number })
    }
}

impl Rule {
    /// Whether it matches; the time that takes is at most the product of both lengths.
    fn matches(&self, path: &[u8]) -> bool {
        let Some(path) = path.strip_prefix(self.prefix.as_slice()) else { return false };
        let (steps, end) = (&self.pattern, self.pattern.len());
        // Places in the pattern at which one may be, having read so much of the path.
        let (mut at, mut next) = (vec![false; end + 1], vec![false; end + 1]);
        at[0] = true;
        pass_free(steps, &mut at);
        for byte in path {
            if at[end] {
                return true;
            }
            next.fill(false);
            for (place, step) in steps.iter().enumerate().filter(|(place, _)| at[*place]) {
                match step {
                    Step::Byte(wanted) => next[place + 1] |= wanted == byte,
                    Step::One => next[place + 1] |= *byte != b'/',
                    Step::Any => next[place] |= *byte != b'/',
                    Step::All => next[place] = true,
                    Step::End => {}
                }
            }
            pass_free(steps, &mut next);
            std::mem::swap(&mut at, &mut next);
        }
        at[end] || (steps.last() == Some(&Step::End) && at[end - 1])
    }
}

/// Stars may stand for nothing.
fn pass_free(steps: &[Step], at: &mut [bool]) {
    for (place, step) in steps.iter().enumerate() {
        if matches!(step, Step::Any | Step::All) && at[place] {
            at[place + 1] = true;
        }
    }
}

/// Rules in their order: the first that matches counts.
#[derive(Clone, Debug, Default)]
pub struct Rules(pub Vec<Rule>);

impl Rules {
    /// The number of a path.
    #[must_use]
    pub fn number(&self, path: &str) -> Option<u64> {
        self.0.iter().find(|rule| rule.matches(path.as_bytes())).map(|rule| rule.number)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rules(texts: &[&str]) -> Rules {
        Rules(texts.iter().map(|text| text.parse().expect(text)).collect())
    }

    #[test]
    fn the_first_rule_that_matches_counts() {
        let rules = rules(&["/tiles/*/Norder0/=9", "/tiles/=1", "/cutout$=2", "/**.fits$=3", "/a?c=4"]);
        let numbers = [
            "/tiles/dss/Norder0/x",
            "/tiles/a/b/Norder0/",
            "/cutout",
            "/cutout/x",
            "/x/y.fits",
            "/x/y.fits.gz",
            "/abc",
            "/a/c",
        ]
        .map(|path| rules.number(path));
        assert_eq!(numbers, [Some(9), Some(1), Some(2), None, Some(3), None, Some(4), None]);
    }

    #[test]
    fn what_is_no_rule_is_refused() {
        for wrong in ["", "/a", "a=1", "/a=x", "/a=-1", "=1", &format!("/{}=1", "a".repeat(300))] {
            assert!(wrong.parse::<Rule>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn many_stars_take_no_more_than_the_product_of_lengths() {
        let rule = format!("/{}b=1", "**a*".repeat(60));
        assert_eq!(rules(&[&rule]).number(&format!("/{}", "a".repeat(4000))), None);
    }

    proptest! {
        #[test]
        fn a_pattern_without_signs_is_a_prefix(pattern in "/[a-c/]{0,6}", path in "/[a-c/]{0,8}") {
            let number = rules(&[&format!("{pattern}=5")]).number(&path);
            prop_assert_eq!(number.is_some(), path.starts_with(&pattern));
        }

        #[test]
        fn any_text_is_a_rule_or_none(text in "[ -~]{0,30}=?[0-9]{0,3}", path in "[ -~]{0,30}") {
            if let Ok(rule) = text.parse::<Rule>() {
                let _ = Rules(vec![rule]).number(&path);
            }
        }
    }
}
