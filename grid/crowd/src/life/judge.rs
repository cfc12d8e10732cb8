//! Which of several results is to be believed.

/// What comparing a unit's successes came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Enough agree: the first of them speaks for the unit.
    Agreed {
        /// Place of the canonical result.
        canonical: usize,
        /// Places of all that agree with it, itself among them.
        valid: Vec<usize>,
        /// Places of the others.
        invalid: Vec<usize>,
    },
    /// Not enough agree, and another result may tell.
    Inconclusive,
    /// Not enough agree, of more than there may be.
    GivenUp,
}

/// Compares the outputs of a unit's successes, each with each: one that more than half a quorum agree with, itself among them,
/// is canonical (`validate_util2.cpp`, `check_set`).
///
/// - `count`: successes whose outputs can be read;
/// - `agree`: whether two of them say the same; need not be transitive;
/// - `quorum`, `most`: successes that are compared, and those that may differ.
pub fn judge(count: usize, mut agree: impl FnMut(usize, usize) -> bool, quorum: usize, most: usize) -> Verdict {
    let wanted = quorum / 2 + 1;
    if count < quorum {
        return Verdict::Inconclusive;
    }
    for canonical in 0..count {
        let (valid, invalid): (Vec<usize>, Vec<usize>) =
            (0..count).partition(|&other| other == canonical || agree(canonical, other));
        if valid.len() >= wanted {
            return Verdict::Agreed { canonical, valid, invalid };
        }
    }
    if count > most { Verdict::GivenUp } else { Verdict::Inconclusive }
}

/// Whether a result that came after the canonical one is valid: they agree. Where the canonical outputs are gone it is too late.
pub fn straggler(agrees: Option<bool>) -> super::Validity {
    match agrees {
        Some(true) => super::Validity::Valid,
        Some(false) => super::Validity::Invalid,
        None => super::Validity::TooLate,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[i32], quorum: usize) -> Verdict {
        judge(values.len(), |a, b| values[a] == values[b], quorum, 4)
    }

    #[test]
    fn two_that_agree_make_a_quorum_of_two() {
        assert_eq!(of(&[1, 1], 2), Verdict::Agreed { canonical: 0, valid: vec![0, 1], invalid: vec![] });
        assert_eq!(of(&[1, 2], 2), Verdict::Inconclusive);
        assert_eq!(of(&[1, 2, 2], 2), Verdict::Agreed { canonical: 1, valid: vec![1, 2], invalid: vec![0] });
    }

    #[test]
    fn one_alone_is_believed_where_one_is_asked_for() {
        assert_eq!(of(&[1], 1), Verdict::Agreed { canonical: 0, valid: vec![0], invalid: vec![] });
        assert_eq!(of(&[1], 2), Verdict::Inconclusive);
    }

    #[test]
    fn the_fifth_success_without_a_match_ends_the_unit() {
        assert_eq!(of(&[1, 2, 3, 4], 2), Verdict::Inconclusive);
        assert_eq!(of(&[1, 2, 3, 4, 5], 2), Verdict::GivenUp);
        assert!(matches!(of(&[1, 2, 3, 4, 3], 2), Verdict::Agreed { canonical: 2, .. }));
    }

    #[test]
    fn the_wider_of_two_camps_is_not_needed_but_more_than_half_a_quorum() {
        // Of a quorum of three, two.
        assert_eq!(of(&[1, 2, 2], 3), Verdict::Agreed { canonical: 1, valid: vec![1, 2], invalid: vec![0] });
        assert_eq!(of(&[1, 2, 3], 3), Verdict::Inconclusive);
    }
}
