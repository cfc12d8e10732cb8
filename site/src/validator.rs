//! Whether what hosts computed is the same.

use std::borrow::Cow;

use pogson_crowd::role::{Outputs, RoleError, UnitFacts, Validator};
use pogson_sed::parameter::Parameter;
use pogson_sed::work::{Answer, Found};

use crate::facts::{Opaque, digest};
use crate::gzip::{normalised, plain};
use crate::tolerant;

/// Bins of a histogram at most; none of ours has a hundredth of them.
const MOST_BINS: usize = 50_000;

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
        if digest(answer.places.iter().map(|place| (place.kind, place.x, place.y))) != opaque.at {
            return Err(RoleError::Permanent("the output has fits of other places than the unit's".to_owned()));
        }
        for place in &answer.places {
            if let Ok(found) = &place.outcome {
                sound(&opaque, found).map_err(|fault| {
                    let (kind, x, y) = (place.kind.word(), place.x, place.y);
                    RoleError::Permanent(format!("the fit of {kind} {x} {y} {fault}"))
                })?;
            }
        }
        Ok(())
    }

    fn agree(&self, unit: &UnitFacts, one: &Outputs, other: &Outputs) -> Result<bool, RoleError> {
        if one == other {
            return Ok(true);
        }
        let opaque = Opaque::parse(&unit.opaque)?;
        let text = |outputs| text_of(&opaque, outputs).map_err(RoleError::Permanent);
        let (one, other) = (text(one)?, text(other)?);
        Ok(match self.comparison {
            Comparison::Exact => one == other,
            Comparison::Tolerant => tolerant::agree(&String::from_utf8_lossy(&one), &String::from_utf8_lossy(&other)),
        })
    }
}

/// Whether a fit is such that a galaxy's file can hold it, whatever its numbers are.
fn sound(opaque: &Opaque, found: &Found) -> Result<(), String> {
    let (fit, n) = (&found.fit, opaque.parameters as usize);
    if !fit.marginals.iter().map(|marginal| marginal.parameter).eq(Parameter::all().take(n)) {
        return Err(format!("has other parameters than the {n} of its library"));
    }
    if fit.best.values.len() != n || fit.best.model_jy.len() != opaque.bands as usize {
        return Err(format!("has not {n} values and {} fluxes", opaque.bands));
    }
    for marginal in &fit.marginals {
        let steps = marginal.first.is_finite() && marginal.step.is_finite() && marginal.step > 0.0;
        let shares = marginal.histogram.iter().all(|p| (0.0..=1.0 + 1e-6).contains(p));
        if !steps || !shares || marginal.histogram.len() > MOST_BINS {
            return Err(format!("has a histogram of {} that cannot be", marginal.parameter.name()));
        }
    }
    let (drawn, covariance) = found.draws.as_ref().map_or((0, 0), |draws| (draws.values.len(), draws.covariance.len()));
    let wanted = opaque.draws as usize;
    // Covariances are of two draws and more.
    let full = if drawn >= 2 * n { n * n } else { 0 };
    if drawn > wanted * n || covariance != full {
        return Err(format!("has not {wanted} draws of {n} parameters and their covariance"));
    }
    Ok(())
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
    answer_in(&text_of(opaque, outputs)?)
}

/// The answer that an output's text gives.
pub(crate) fn answer_in(text: &[u8]) -> Result<Answer, String> {
    let text = std::str::from_utf8(text).map_err(|_| "the output is no text".to_owned())?;
    Answer::parse(text).map_err(|error| format!("the output cannot be read: {error}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::gzip::packed;
    use pogson_sed::work::Kind;

    fn unit(most: u64) -> UnitFacts {
        let opaque = Opaque {
            galaxy: "g".into(),
            run: 1,
            areas: vec![1],
            work: "ab".repeat(32),
            places: 1,
            at: digest([(Kind::Pixel, 3, 4)].into_iter()),
            parameters: 22,
            bands: 2,
            draws: 1,
            most,
        };
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

    /// A fit that is whole, to be spoilt.
    fn fitted() -> String {
        let numbers = |count: usize| vec!["0.5"; count].join(" ");
        let marginal = |parameter: Parameter| format!("of {} {} 0.1 0.2 0.8\n", parameter.name(), numbers(7));
        let marginals: String = Parameter::all().map(marginal).collect();
        format!(
            "pogson fits 1\nwork {}\nplaces 1\npixel 3 4\nbest 1 2 3.0 4.0\nvalues {}\nfluxes {}\nevidence 1.0 2.0 3.0\n\
             facts 2 0.01 0\n{marginals}draw {}\ndone\nend\n",
            "ab".repeat(32),
            numbers(22),
            numbers(2),
            numbers(22)
        )
    }

    #[test]
    fn two_cheats_who_agree_on_what_no_file_can_hold_are_both_invalid() {
        let validator = GalaxyValidator::default();
        let check = |text: String| validator.check(&unit(100_000), &vec![text.into_bytes()]);
        assert_eq!(check(fitted()), Ok(()));
        let spoilt = [
            ("pixel 3 4", "pixel 3 5", "other places"),
            ("fluxes 0.5 0.5", "fluxes 0.5", "22 values and 2 fluxes"),
            ("of tau_v ", "of mu ", "other parameters"),
            ("0.5 0.1 0.2 0.8", "NaN 0.1 0.2 0.8", "a histogram of f_mu_sfh"),
            ("0.5 0.1 0.2 0.8", "0.5 0.0 0.2 0.8", "a histogram of f_mu_sfh"),
            ("0.5 0.1 0.2 0.8", "0.5 0.1 0.2 8", "a histogram of f_mu_sfh"),
            ("0.5 0.1 0.2 0.8", "0.5 0.1 NaN 0.8", "a histogram of f_mu_sfh"),
        ];
        for (from, to, fault) in spoilt {
            let text = fitted().replacen(from, to, 1);
            let said = check(text).unwrap_err().to_string();
            assert!(said.contains(fault), "{said} {fault}");
        }
        let twice = fitted().replacen("draw", &format!("draw {}\ndraw", vec!["0.5"; 22].join(" ")), 1);
        assert!(check(twice).unwrap_err().to_string().contains("1 draws of 22"));
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
