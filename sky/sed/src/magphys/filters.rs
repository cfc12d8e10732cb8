//! Filter tables (`filters.dat`) and lists of library redshifts (`zlibs.dat`).

use std::io::BufRead;

use super::MagphysError;
use super::rows::Rows;
use crate::library::Band;

/// A line of a filter table.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    /// The filter; its wavelength is the effective one in the observer's frame.
    pub band: Band,
    /// Whether the band takes part in fits.
    pub fit: bool,
}

/// Reads a filter table: one header line, then name, effective wavelength in micrometres, number, and 1 or 0 for whether
/// the band is fitted.
///
/// - `file`: what errors call it.
///
/// # Errors
/// A header that is a filter's line, a line of other fields, a wavelength that is not above 0, a filter named twice, a table without filters.
pub fn read_filters(input: impl BufRead, file: &str) -> Result<Vec<Filter>, MagphysError> {
    let mut rows = Rows::new(input, file);
    rows.header(|row| row.is_of_numbers(4))?;
    let mut filters: Vec<(usize, Filter)> = Vec::new();
    while let Some(row) = rows.next()? {
        row.expect(4, || "name, wavelength, number, fit".to_owned())?;
        let name = row.text(0).to_owned();
        let wavelength_um = row.finite(1, "wavelength")?;
        if wavelength_um <= 0.0 {
            return Err(row.fault(1, "wavelength", "micrometres above 0 belong there"));
        }
        let id = row.whole(2, "number")?;
        let fit = match row.text(3) {
            "0" => false,
            "1" => true,
            _ => return Err(row.fault(3, "fit", "1 for bands to fit or 0 belongs there")),
        };
        if let Some((first, _)) = filters.iter().find(|(_, other)| other.band.name == name) {
            return Err(MagphysError::Twice { file: file.to_owned(), line: row.line, first: *first, name });
        }
        filters.push((row.line, Filter { band: Band { name, wavelength_um, id }, fit }));
    }
    if filters.is_empty() {
        return Err(rows.empty("filters"));
    }
    Ok(filters.into_iter().map(|(_, filter)| filter).collect())
}

/// Reads a list of library redshifts: a running number and a redshift in each line, without a header.
///
/// # Errors
/// A line of other fields, a redshift below 0, an empty list.
pub fn read_zlibs(input: impl BufRead, file: &str) -> Result<Vec<f64>, MagphysError> {
    let mut rows = Rows::new(input, file);
    let mut redshifts = Vec::new();
    while let Some(row) = rows.next()? {
        row.expect(2, || "running number, redshift".to_owned())?;
        row.whole(0, "running number")?;
        let redshift = row.finite(1, "redshift")?;
        if redshift < 0.0 {
            return Err(row.fault(1, "redshift", "0 or more belongs there"));
        }
        redshifts.push(redshift);
    }
    if redshifts.is_empty() {
        return Err(rows.empty("redshifts"));
    }
    Ok(redshifts)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "#name lambda_eff filter_id fit?\nSDSSu 0.3534 229 1\nPS1g   0.481\t323 0\n";

    #[test]
    fn a_filter_table_gives_its_bands_in_order() {
        let filters = read_filters(TABLE.as_bytes(), "filters.dat").unwrap();
        assert_eq!(filters.len(), 2);
        assert_eq!(filters[0].band, Band { name: "SDSSu".into(), wavelength_um: 0.3534, id: 229 });
        assert!(filters[0].fit && !filters[1].fit);
    }

    #[test]
    fn a_filter_that_stands_twice_is_named_with_both_lines() {
        let text = format!("{TABLE}SDSSu 0.3534 229 1\n");
        let error = read_filters(text.as_bytes(), "f.dat").unwrap_err().to_string();
        assert_eq!(error, "f.dat, line 4: filter SDSSu stands in line 2 already; leave one of the two out");
    }

    #[test]
    fn a_table_that_is_none_says_what_should_stand_where() {
        let say = |text: &str| read_filters(text.as_bytes(), "f").unwrap_err().to_string();
        assert!(say("#h\nu 0.35 1\n").contains("line 2: has 3 fields, but 4 are needed"));
        assert!(say("#h\nu 0 1 1\n").contains("wavelength"));
        assert!(say("#h\nu 0.3 1 2\n").contains("1 for bands to fit or 0"));
        assert!(say("#h\nu 0.3 x 1\n").contains("'x'"));
        assert!(say("#h\n").contains("holds no filters"));
        assert!(say("u 0.35 1 1\nr 0.6 2 1\n").contains("line 1: field 1 (header) is 'u'"));
    }

    #[test]
    fn redshift_lists_have_no_header() {
        assert_eq!(read_zlibs(&b" 1  0.0100\n 2 0.02"[..], "zlibs.dat").unwrap(), [0.01, 0.02]);
        assert!(read_zlibs(&b""[..], "z").is_err());
        assert!(read_zlibs(&b"1 -0.01"[..], "z").is_err());
    }
}
