//! Fits of a list as a table: one row of comma-separated values for each object.

use std::fmt::Write;

use pogson_sed::fit::RedshiftPosterior;
use pogson_sed::observation::Observation;
use pogson_sed::parameter::Parameter;

use crate::result::PixelRecord;

/// Endings of the columns of a parameter: the best pair's value, the most probable bin, the percentiles.
const ENDINGS: [&str; 7] = ["best", "peak", "p2.5", "p16", "p50", "p84", "p97.5"];

/// A fit with its place in the list.
#[derive(Debug, Clone, Copy)]
pub struct TableRow<'a> {
    /// Place from 1, which names the object's file.
    pub number: usize,
    /// What was fitted, and the fit.
    pub record: &'a PixelRecord,
    /// What is known of the redshift, where that was found.
    pub redshift: Option<&'a RedshiftPosterior>,
}

/// The table. Where redshifts were found they have three columns: the most probable, mean, standard deviation. Percentiles and peaks are of log10 where the parameter is logarithmic, best values are not; values that a
/// library does not tell are empty.
pub fn table(rows: &[TableRow<'_>]) -> String {
    let known = |parameter: &Parameter| {
        rows.iter().any(|row| row.record.fit.marginals.iter().any(|marginal| marginal.parameter == *parameter))
    };
    let parameters: Vec<Parameter> = Parameter::all().filter(known).collect();
    let mut text = String::from(
        "number,name,redshift,library_redshift,bands,chi2,i_sfh,i_ir,ln_evidence,effective_stellar,effective_dust,flags",
    );
    let found = rows.iter().any(|row| row.redshift.is_some());
    if found {
        text.push_str(",z_best,z_mean,z_sigma");
    }
    for parameter in &parameters {
        for ending in ENDINGS {
            let log = if parameter.is_logarithmic() && ending != "best" { "log_" } else { "" };
            // A string takes all that is written to it.
            let _ = write!(text, ",{log}{}_{ending}", parameter.name());
        }
    }
    text.push('\n');
    for row in rows {
        write_row(&mut text, row, &parameters, found);
    }
    text
}

fn write_row(text: &mut String, row: &TableRow<'_>, parameters: &[Parameter], found: bool) {
    let (PixelRecord { observation, fit, .. }, best) = (row.record, &row.record.fit.best);
    let _ = write!(
        text,
        "{},{},{},{},{},{:.6},{},{},{:.6},{:.3},{:.3},{}",
        row.number,
        quoted(observation),
        observation.redshift,
        fit.redshift,
        fit.bands_used,
        best.chi2,
        best.stellar,
        best.dust,
        fit.ln_evidence,
        fit.effective_stellar,
        fit.effective_dust,
        fit.flags
    );
    match row.redshift {
        Some(z) => {
            let _ = write!(text, ",{},{:.6},{:.6}", z.best(), z.mean(), z.sigma());
        }
        None if found => text.push_str(",,,"),
        None => (),
    }
    for parameter in parameters {
        match fit.marginals.iter().position(|marginal| marginal.parameter == *parameter) {
            Some(k) => {
                let marginal = &fit.marginals[k];
                let value = best.values.get(k).copied().unwrap_or(f64::NAN);
                let _ = write!(text, ",{value:.6e},{:.6}", marginal.peak);
                for percentile in marginal.percentiles {
                    let _ = write!(text, ",{percentile:.6}");
                }
            }
            None => text.push_str(&",".repeat(ENDINGS.len())),
        }
    }
    text.push('\n');
}

/// A name as comma-separated values have it (RFC 4180).
fn quoted(observation: &Observation) -> String {
    match observation.name.contains([',', '"']) {
        true => format!("\"{}\"", observation.name.replace('"', "\"\"")),
        false => observation.name.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::result::made_up::{facts, record};

    #[test]
    fn all_rows_have_the_columns_of_the_head_and_names_are_quoted() {
        let facts = facts(9, 9, true);
        let mut one = record(&facts, 1, 0, 7, 0);
        one.observation.name = "a \"b\", c".into();
        let mut two = record(&facts, 2, 0, 7, 0);
        // A library without histories.
        two.fit.marginals.truncate(16);
        two.fit.best.values.truncate(16);
        let text = table(&[
            TableRow { number: 1, record: &one, redshift: None },
            TableRow { number: 12, record: &two, redshift: None },
        ]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3);
        assert!(lines[1].starts_with("1,\"a \"\"b\"\", c\",0.01,0.01,5,"), "{}", lines[1]);
        assert!(lines[2].starts_with("12,"), "{}", lines[2]);
        let columns = 12 + 22 * 7;
        assert_eq!(lines[0].split(',').count(), columns);
        // One comma stands in the name.
        assert_eq!(lines[1].split(',').count(), columns + 1);
        assert_eq!(lines[2].split(',').count(), columns);
        assert!(lines[0].contains(",log_m_star_p50,") && lines[0].contains(",m_star_best,"));
        assert!(lines[0].contains(",mu_p97.5,") && lines[0].ends_with(",log_last_burst_p97.5"));
    }

    #[test]
    fn redshifts_that_were_found_have_columns() {
        let one = record(&facts(9, 9, true), 1, 0, 7, 0);
        let found = RedshiftPosterior { grid: vec![(0.01, 0.25), (0.03, 0.75)] };
        let row = |number, redshift| TableRow { number, record: &one, redshift };
        let text = table(&[row(1, None), row(2, Some(&found))]);
        let lines: Vec<&str> = text.lines().collect();
        let from = lines[0].split(',').position(|name| name == "z_best").unwrap();
        let of = |line: usize| lines[line].split(',').skip(from).take(3).collect::<Vec<_>>().join(",");
        assert_eq!(of(0), "z_best,z_mean,z_sigma");
        assert_eq!(of(1), ",,");
        // Variance over the points 7.5e-5, and of cells of 0.02 3.33e-5.
        assert_eq!(of(2), "0.03,0.025000,0.010408");
        assert!(lines.iter().all(|line| line.split(',').count() == lines[0].split(',').count()));
    }
}
