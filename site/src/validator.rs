//! Whether what hosts computed is the same.

use std::borrow::Cow;

use pogson_crowd::role::{Outputs, RoleError, UnitFacts, Validator};
use pogson_sed::work::Answer;

use crate::facts::Opaque;
use crate::gzip::{normalised, plain};
use crate::tolerant;

/// How outputs are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Comparison {
    /// Byte by byte, but for line ends: fits are the same on all machines.
    #[default]
    Exact,
    /// As POGS did: numbers within 1e-4 of each other.
    Tolerant,
}

/// Compares answers to a galaxy's units.
#[derive(Debug, Clone, Copy, Default)]
pub struct GalaxyValidator {
    comparison: Comparison,
}

impl GalaxyValidator {
    /// - `comparison`: how.
    pub fn new(comparison: Comparison) -> GalaxyValidator {
        GalaxyValidator { comparison }
    }
}

impl Validator for GalaxyValidator {
    fn check(&self, unit: &UnitFacts, outputs: &Outputs) -> Result<(), RoleError> {
        let opaque = Opaque::parse(&unit.opaque)?;
        let answer = answer_of(&opaque, outputs).map_err(RoleError::Permanent)?;
        if answer.work != opaque.work {
            return Err(RoleError::Permanent("the output answers other work".to_owned()));
        }
        if answer.places.len() != opaque.places as usize {
            let (found, wanted) = (answer.places.len(), opaque.places);
            return Err(RoleError::Permanent(format!("the output has {found} fits in place of {wanted}")));
        }
        Ok(())
    }

    fn agree(&self, unit: &UnitFacts, one: &Outputs, other: &Outputs) -> Result<bool, RoleError> {
        let opaque = Opaque::parse(&unit.opaque)?;
        let text = |outputs| text_of(&opaque, outputs).map_err(RoleError::Permanent);
        let (one, other) = (text(one)?, text(other)?);
        Ok(match self.comparison {
            Comparison::Exact => one == other,
            Comparison::Tolerant => tolerant::agree(&String::from_utf8_lossy(&one), &String::from_utf8_lossy(&other)),
        })
    }
}

/// The text of a unit's only output, with line ends of one kind.
pub(crate) fn text_of<'a>(opaque: &Opaque, outputs: &'a Outputs) -> Result<Cow<'a, [u8]>, String> {
    let [output] = outputs.as_slice() else {
        return Err(format!("there are {} outputs in place of 1", outputs.len()));
    };
    let plain = plain(output, opaque.most).map_err(|fault| format!("the output {fault}"))?;
    Ok(match plain {
        Cow::Borrowed(bytes) => normalised(bytes),
        Cow::Owned(bytes) => Cow::Owned(normalised(&bytes).into_owned()),
    })
}

/// The answer that a unit's output gives.
pub(crate) fn answer_of(opaque: &Opaque, outputs: &Outputs) -> Result<Answer, String> {
    let text = text_of(opaque, outputs)?;
    let text = std::str::from_utf8(&text).map_err(|_| "the output is no text".to_owned())?;
    Answer::parse(text).map_err(|error| format!("the output cannot be read: {error}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::gzip::packed;

    fn unit(most: u64) -> UnitFacts {
        let opaque = Opaque { galaxy: "g".into(), run: 1, areas: vec![1], work: "ab".repeat(32), places: 1, most };
        UnitFacts {
            app: "pogson_fit".into(),
            name: "g_area1".into(),
            opaque: serde_json::json!(opaque).to_string(),
            batch: "g".into(),
        }
    }

    fn answer(work: &str, reason: &str) -> String {
        format!("pogson fits 1\nwork {work}\nplaces 1\npixel 3 4\nskipped {reason}\nend\n")
    }

    #[test]
    fn answers_agree_compressed_or_not_and_with_any_line_ends() {
        let validator = GalaxyValidator::default();
        let text = answer(&"ab".repeat(32), "too dark");
        let forms = [
            text.clone().into_bytes(),
            packed(text.as_bytes()).unwrap(),
            text.replace('\n', "\r\n").into_bytes(),
            packed(text.replace('\n', "\r\n").as_bytes()).unwrap(),
        ];
        for a in &forms {
            assert_eq!(validator.check(&unit(1000), &vec![a.clone()]), Ok(()));
            for b in &forms {
                assert_eq!(validator.agree(&unit(1000), &vec![a.clone()], &vec![b.clone()]), Ok(true));
            }
        }
        let other = answer(&"ab".repeat(32), "too dork").into_bytes();
        assert_eq!(validator.agree(&unit(1000), &vec![forms[1].clone()], &vec![other]), Ok(false));
    }

    #[test]
    fn what_cannot_be_an_answer_is_invalid() {
        let validator = GalaxyValidator::default();
        let good = answer(&"ab".repeat(32), "too dark").into_bytes();
        let said = |outputs: Outputs, most| match validator.check(&unit(most), &outputs) {
            Err(RoleError::Permanent(sentence)) => sentence,
            other => panic!("{other:?}"),
        };
        assert!(said(vec![], 1000).contains("0 outputs"));
        assert!(said(vec![good.clone(), good.clone()], 1000).contains("2 outputs"));
        assert!(said(vec![good.clone()], 50).contains("larger than the 50 bytes"));
        assert!(said(vec![packed(&vec![b' '; 3_000_000]).unwrap()], 100_000).contains("larger than"));
        assert!(said(vec![answer(&"cd".repeat(32), "x").into_bytes()], 1000).contains("other work"));
        assert!(said(vec![good[..good.len() - 4].to_vec()], 1000).contains("cut off"));
        assert!(said(vec![vec![0xff; 100]], 1000).contains("no text"));
        assert!(said(vec![b"<html>".to_vec()], 1000).contains("begins with '<html>'"));
        let more = String::from_utf8(good).unwrap().replace("places 1", "places 2");
        assert!(said(vec![more.into_bytes()], 1000).contains("line"));
    }
}
