//! Answers as text.
//!
//! ```text
//! pogson fits 1
//! work 64 hexadecimal digits         SHA-256 of the work's text
//! places 15
//! pixel 33 7                         a place, and what was found there
//! best 1234 567 11.9 4.5e6           stellar and dust model, chi2, stellar mass
//! values ...                         of the best pair, one for each parameter
//! fluxes ...                         of the best pair, Jy, one for each band
//! evidence -12.3 100.2 50.1          its logarithm, stellar and dust models that share the probability
//! facts 12 0.01 0                    bands that counted, redshift, flags
//! of m_star ...                      percentiles, peak, first bin's centre, step, histogram; a line for each parameter
//! draw ...                           parameters of a draw; a line for each
//! with ...                           covariances of a parameter with those up to itself; a line for each
//! done
//! pixel 34 7
//! skipped a sentence that says why
//! end
//! ```

use std::fmt::Write;

use super::lines::{Lines, put};
use super::{Found, Kind, Place, WorkError};
use crate::parameter::Parameter;
use crate::posterior::{BestFit, Draws, Marginal, PixelFit};

const FIRST: &str = "pogson fits 1";

/// What was found at a place, or why nothing was.
pub type Outcome = Result<Found, String>;

/// A place with its outcome.
#[derive(Debug, Clone, PartialEq)]
pub struct Answered {
    /// Of what kind.
    pub kind: Kind,
    /// Column, or number.
    pub x: u32,
    /// Row, or 0.
    pub y: u32,
    /// What was found.
    pub outcome: Outcome,
}

/// What became of a piece of work.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// SHA-256 of the work's text ([`Work::hash`](super::Work::hash)).
    pub work: String,
    /// Its places, in order.
    pub places: Vec<Answered>,
}

/// The first lines of an answer.
///
/// - `hash`: of the work;
/// - `places`: their number.
pub fn head_of(hash: &str, places: usize) -> String {
    format!("{FIRST}\nwork {hash}\nplaces {places}\n")
}

/// The last line of an answer.
pub fn tail_of() -> &'static str {
    "end\n"
}

impl Answered {
    /// Of a place of the work.
    pub fn new(place: &Place, outcome: Outcome) -> Answered {
        Answered { kind: place.kind, x: place.x, y: place.y, outcome }
    }

    /// The lines of the place.
    pub fn text(&self) -> String {
        let mut text = format!("{} {} {}\n", self.kind.word(), self.x, self.y);
        let found = match &self.outcome {
            Ok(found) => found,
            Err(sentence) => {
                let _ = writeln!(text, "skipped {}", sentence.split_whitespace().collect::<Vec<_>>().join(" "));
                return text;
            }
        };
        let fit = &found.fit;
        let best = &fit.best;
        let _ = writeln!(text, "best {} {} {:?} {:?}", best.stellar, best.dust, best.chi2, best.stellar_mass);
        for (key, values) in [("values", &best.values), ("fluxes", &best.model_jy)] {
            text.push_str(key);
            put(&mut text, values);
            text.push('\n');
        }
        let _ = writeln!(text, "evidence {:?} {:?} {:?}", fit.ln_evidence, fit.effective_stellar, fit.effective_dust);
        let _ = writeln!(text, "facts {} {:?} {}", fit.bands_used, fit.redshift, fit.flags);
        for marginal in &fit.marginals {
            let _ = write!(text, "of {}", marginal.parameter.name());
            put(&mut text, marginal.percentiles.iter().chain([&marginal.peak, &marginal.first, &marginal.step]));
            put(&mut text, &marginal.histogram);
            text.push('\n');
        }
        if let Some(draws) = &found.draws {
            let n = fit.marginals.len().max(1);
            for draw in draws.rows(n) {
                text.push_str("draw");
                put(&mut text, draw);
                text.push('\n');
            }
            // The other half is the same.
            for (k, row) in draws.covariance.chunks_exact(n).enumerate() {
                text.push_str("with");
                put(&mut text, &row[..=k.min(n - 1)]);
                text.push('\n');
            }
        }
        text.push_str("done\n");
        text
    }
}

impl Answer {
    /// The text.
    pub fn text(&self) -> String {
        let mut text = head_of(&self.work, self.places.len());
        self.places.iter().for_each(|place| text.push_str(&place.text()));
        text.push_str(tail_of());
        text
    }

    /// The answer that a text gives; any line end will do.
    ///
    /// # Errors
    /// [`WorkError`]: another kind of text, one that is cut off, the line that cannot be read.
    pub fn parse(text: &str) -> Result<Answer, WorkError> {
        let mut lines = Lines::of(text, FIRST)?;
        let mut line = lines.of_key("work")?;
        let work = line.word()?.to_owned();
        line.end()?;
        let mut line = lines.of_key("places")?;
        let count: usize = line.number()?;
        line.end()?;
        let mut places = Vec::new();
        for _ in 0..count {
            places.push(place(&mut lines)?);
        }
        lines.of_key("end")?.end()?;
        lines.end()?;
        Ok(Answer { work, places })
    }

    /// Whether it answers this work: its hash, and its places in its order.
    pub fn is_of(&self, work: &super::Work) -> bool {
        let same = |(own, other): (&Answered, &Place)| (own.kind, own.x, own.y) == (other.kind, other.x, other.y);
        self.work == work.hash()
            && self.places.len() == work.places.len()
            && self.places.iter().zip(&work.places).all(same)
    }
}

fn place(lines: &mut Lines<'_>) -> Result<Answered, WorkError> {
    let mut line = lines.next()?;
    let kind = line.word()?;
    let kind = Kind::of(kind).ok_or_else(|| line.wrong("names no kind of place"))?;
    let (x, y) = (line.number()?, line.number()?);
    line.end()?;
    let mut line = lines.next()?;
    match line.word()? {
        "skipped" => return Ok(Answered { kind, x, y, outcome: Err(line.sentence().to_owned()) }),
        "best" => {}
        _ => return Err(line.wrong("begins neither with 'best' nor with 'skipped'")),
    }
    let (stellar, dust, chi2, stellar_mass) = (line.number()?, line.number()?, line.number()?, line.number()?);
    line.end()?;
    let values: Vec<f64> = lines.of_key("values")?.numbers()?;
    let model_jy = lines.of_key("fluxes")?.numbers()?;
    let mut line = lines.of_key("evidence")?;
    let (ln_evidence, effective_stellar, effective_dust) = (line.number()?, line.number()?, line.number()?);
    line.end()?;
    let mut line = lines.of_key("facts")?;
    let (bands_used, redshift, flags) = (line.number()?, line.number()?, line.number()?);
    line.end()?;
    let (mut marginals, mut drawn, mut rows) = (Vec::new(), Vec::new(), Vec::new());
    let (mut count, n) = (0, values.len());
    loop {
        let mut line = lines.next()?;
        match line.word()? {
            "of" if count == 0 => {
                let name = line.word()?;
                let parameter = Parameter::all().find(|parameter| parameter.name() == name);
                let parameter = parameter.ok_or_else(|| line.wrong("names no parameter"))?;
                let mut percentiles = [0.0; 5];
                for percentile in &mut percentiles {
                    *percentile = line.number()?;
                }
                let (peak, first, step) = (line.number()?, line.number()?, line.number()?);
                marginals.push(Marginal { parameter, percentiles, peak, first, step, histogram: line.numbers()? });
            }
            "draw" if rows.is_empty() => {
                let values: Vec<f32> = line.numbers()?;
                if values.len() != n {
                    return Err(line.wrong(format!("holds {} values for {n} parameters", values.len())));
                }
                drawn.extend(values);
                count += 1;
            }
            "with" => {
                let row: Vec<f64> = line.numbers()?;
                if row.len() != rows.len() + 1 {
                    return Err(line.wrong(format!("holds {} covariances in place of {}", row.len(), rows.len() + 1)));
                }
                rows.push(row);
            }
            "done" => {
                line.end()?;
                if marginals.len() != n || !(rows.is_empty() || rows.len() == n) {
                    return Err(WorkError::Line { line: 0, problem: format!("a place lacks some of {n} parameters") });
                }
                break;
            }
            _ => return Err(line.wrong("begins with no word that may stand there")),
        }
    }
    let at = |i: usize, j: usize| if j <= i { rows[i][j] } else { rows[j][i] };
    let side = rows.len();
    let covariance = (0..side * side).map(|k| at(k / side, k % side)).collect();
    let draws = (count > 0).then_some(Draws { values: drawn, covariance });
    let best = BestFit { stellar, dust, chi2, stellar_mass, values, model_jy };
    let fit = PixelFit { best, marginals, ln_evidence, effective_stellar, effective_dust, bands_used, redshift, flags };
    Ok(Answered { kind, x, y, outcome: Ok(Found { fit, draws }) })
}
