//! What is wrong or doubtful about a header's world coordinates, beyond what reading them brings up.
//!
//! Sources: Greisen & Calabretta 2002, A&A 395, 1061 (paper I); Calabretta & Greisen 2002, A&A 395, 1077 (paper II);
//! FITS Standard 4.0, sections 4.4.2 and 8.

use super::Wcs;
use super::axes::{CelestialAxes, Keywords};
use crate::fits::{FitsFile, Header};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Allowed, but outdated or left to defaults.
    Note,
    /// Against the standard or ambiguous; programs may differ in how they read it.
    Warning,
    /// The coordinates can't be used.
    Error,
}

/// One thing that is wrong or doubtful.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// One sentence with keyword and value.
    pub message: String,
}

/// Findings on all descriptions (primary, then A to Z) of a header; look-up tables stay unread.
///
/// A header without any CTYPE has none.
pub fn of_header(header: &Header) -> Vec<Finding> {
    check(header, |alt| Wcs::from_header_alt(header, alt.unwrap_or(' ')))
}

/// As [`of_header`], for an HDU of a file (0 is the primary), with its look-up tables; empty where there is no such HDU.
pub fn of_hdu(file: &FitsFile, hdu: usize) -> Vec<Finding> {
    let Some(found) = file.hdus().get(hdu) else { return Vec::new() };
    let header = found.header();
    check(header, |alt| match alt {
        None => Wcs::from_hdu(file, hdu),
        Some(letter) => Wcs::from_header_alt(header, letter),
    })
}

fn check(header: &Header, read: impl Fn(Option<char>) -> Result<Wcs, super::WcsError>) -> Vec<Finding> {
    let mut findings = Findings { list: Vec::new(), prefix: String::new() };
    let mut any = false;
    for alt in std::iter::once(None).chain(('A'..='Z').map(Some)) {
        let letter = alt.map(String::from).unwrap_or_default();
        if !(1..=9).any(|axis| header.contains(&format!("CTYPE{axis}{letter}"))) {
            continue;
        }
        any = true;
        findings.prefix = alt.map(|a| format!("description {a}: ")).unwrap_or_default();
        let one = Description { header, alt: letter };
        one.matrix(&mut findings);
        one.axes(&mut findings);
        let Ok(axes) = CelestialAxes::find(&Keywords::new(header, alt)) else { continue };
        one.units(&axes, &mut findings);
        one.projection_parameters(&axes, &mut findings);
        match read(alt) {
            Err(error) => findings.error(error.to_string()),
            Ok(wcs) => {
                wcs.warnings().iter().for_each(|w| findings.warning(w.clone()));
                one.orientation(&wcs, &mut findings);
                one.system(&axes, &wcs, &mut findings);
            }
        }
    }
    if any {
        findings.prefix = String::new();
        dates(header, &mut findings);
    }
    findings.list
}

/// Findings so far.
struct Findings {
    list: Vec<Finding>,
    prefix: String,
}

impl Findings {
    fn add(&mut self, severity: Severity, message: String) {
        let message = format!("{}{message}", self.prefix);
        self.list.push(Finding { severity, message });
    }

    fn note(&mut self, message: impl Into<String>) {
        self.add(Severity::Note, message.into());
    }

    fn warning(&mut self, message: impl Into<String>) {
        self.add(Severity::Warning, message.into());
    }

    fn error(&mut self, message: impl Into<String>) {
        self.add(Severity::Error, message.into());
    }
}

/// One description of a header.
struct Description<'a> {
    header: &'a Header,
    alt: String,
}

impl Description<'_> {
    /// The first keyword of the form `stem` + `i_j` that the header has.
    fn first_of_matrix(&self, stem: &str) -> Option<String> {
        let pairs = (1..=9).flat_map(|i| (1..=9).map(move |j| (i, j)));
        pairs.map(|(i, j)| format!("{stem}{i}_{j}{}", self.alt)).find(|key| self.header.contains(key))
    }

    /// CD, PC and CROTA exclude each other (paper I, section 2.1.2; paper II, section 6.1).
    fn matrix(&self, findings: &mut Findings) {
        let (cd, pc) = (self.first_of_matrix("CD"), self.first_of_matrix("PC"));
        let crota = (1..=9).map(|i| format!("CROTA{i}")).filter(|_| self.alt.is_empty());
        let crota = crota.into_iter().find(|key| self.header.f64(key).is_some_and(|v| v != 0.0));
        for axis in [1, 2] {
            let key = format!("CDELT{axis}{}", self.alt);
            if cd.is_none() && self.header.f64(&key) == Some(0.0) {
                findings.warning(format!("{key} = 0 would map a whole axis to one place"));
            }
        }
        match (&cd, &pc, &crota) {
            (Some(cd), Some(pc), _) => {
                findings.error(format!("{cd} and {pc} are both given, but a header has either CD or PC (remove one)"));
            }
            (Some(matrix), None, Some(crota)) => {
                findings.note(format!("{crota} stands beside {matrix}, which overrides it (remove {crota})"));
            }
            (None, Some(matrix), Some(crota)) => {
                findings.warning(format!("{crota} and {matrix} exclude each other (remove {crota})"));
            }
            _ => {}
        }
    }

    /// Numbers of axes agree, and WCSAXES comes before what it announces (paper I, section 2.2).
    fn axes(&self, findings: &mut Findings) {
        let alt = &self.alt;
        let highest = (1..=9).rev().find(|axis| self.header.contains(&format!("CTYPE{axis}{alt}"))).unwrap_or(0);
        let naxis = self.header.i64("NAXIS").unwrap_or(0);
        let key = format!("WCSAXES{alt}");
        if let Some(count) = self.header.i64(&key) {
            if count < highest {
                findings.warning(format!("{key} = {count}, but CTYPE{highest}{alt} describes another axis"));
            }
            if count < naxis {
                findings.note(format!("{key} = {count} leaves some of NAXIS = {naxis} axes undescribed"));
            }
            let place = |key: &str| self.header.cards().position(|card| card.key() == key);
            if place(&format!("CTYPE1{alt}")) < place(&key) && self.header.contains(&format!("CTYPE1{alt}")) {
                findings.warning(format!("{key} has to come before CTYPE1{alt} and all other coordinate keywords"));
            }
        } else if naxis > 0 && highest > naxis {
            findings.warning(format!("CTYPE{highest}{alt} describes an axis beyond NAXIS = {naxis} (add {key})"));
        }
        for stem in ["CRPIX", "CRVAL"] {
            for axis in 1..=highest.min(naxis.max(2)) {
                let key = format!("{stem}{axis}{alt}");
                match self.header.get(&key) {
                    None => findings.note(format!("{key} is missing; it is taken as 0")),
                    Some(value) if value.as_f64().is_none() => {
                        findings.warning(format!("{key} is {}, not a number", value.kind()));
                    }
                    Some(_) => {}
                }
            }
        }
    }

    /// Celestial axes are in degrees, spelt `deg` (paper II, section 2.1).
    fn units(&self, axes: &CelestialAxes, findings: &mut Findings) {
        for axis in [axes.lon, axes.lat] {
            let key = format!("CUNIT{axis}{}", self.alt);
            let Some(unit) = self.header.str(&key).map(str::trim).filter(|unit| !unit.is_empty()) else { continue };
            match unit.to_ascii_lowercase().as_str() {
                "deg" if unit == "deg" => {}
                "deg" | "degree" | "degrees" => findings.warning(format!("{key} = '{unit}' should be spelt 'deg'")),
                "arcmin" | "arcsec" | "mas" | "rad" => {
                    findings.note(format!("{key} = '{unit}'; celestial axes should be in 'deg'"));
                }
                _ => findings.warning(format!("{key} = '{unit}' is no angle; it should be 'deg'")),
            }
        }
    }

    /// PV terms of latitude that the projection doesn't have (paper II, table 13).
    fn projection_parameters(&self, axes: &CelestialAxes, findings: &mut Findings) {
        let (first, last) = match axes.code.as_str() {
            // The distortion's own reader speaks of these.
            "TPV" | "TNX" | "ZPX" | "TAN" => return,
            "ZPN" => (0, 29),
            "SZP" => (1, 3),
            "AZP" | "SIN" | "CYP" | "COP" | "COE" | "COD" | "COO" | "HPX" => (1, 2),
            "AIR" | "CEA" | "BON" => (1, 1),
            _ => (1, 0),
        };
        let keys = (0..100).filter(|m| *m < first || *m > last).map(|m| format!("PV{}_{m}{}", axes.lat, self.alt));
        for key in keys.filter(|key| self.header.contains(key)) {
            findings.warning(format!("{key} is no parameter of the projection {}; it is ignored", axes.code));
        }
    }

    /// The sky as seen from inside: longitude grows against the clock from latitude.
    fn orientation(&self, wcs: &Wcs, findings: &mut Findings) {
        let m = wcs.cd();
        if m[0][0].mul_add(m[1][1], -(m[0][1] * m[1][0])) > 0.0 {
            findings.note("the image is mirrored: with north up, east is on the right");
        }
    }

    /// RADESYS and EQUINOX, and their outdated names (paper II, section 3.1).
    fn system(&self, axes: &CelestialAxes, wcs: &Wcs, findings: &mut Findings) {
        let alt = &self.alt;
        let has = |key: &str| self.header.contains(key);
        if axes.system == "RA" && !has(&format!("RADESYS{alt}")) {
            if has("RADECSYS") {
                findings.note("RADECSYS is an outdated name of RADESYS");
            } else {
                findings.note(format!("RADESYS{alt} is missing; the frame is taken as {}", wcs.frame().name()));
            }
        }
        if alt.is_empty() && has("EPOCH") && !has("EQUINOX") {
            findings.note("EPOCH is an outdated name of EQUINOX");
        }
    }
}

/// DATE-OBS and its kin are ISO 8601 (FITS Standard 4.0, section 4.4.2).
fn dates(header: &Header, findings: &mut Findings) {
    for key in ["DATE-OBS", "DATE-BEG", "DATE-AVG", "DATE-END"] {
        let Some(text) = header.str(key).map(str::trim).filter(|text| !text.is_empty()) else { continue };
        if is_old_date(text) {
            findings.warning(format!("{key} = '{text}' has the form DD/MM/YY of before 2000 (write YYYY-MM-DD)"));
        } else if !is_iso_date(text) {
            findings.warning(format!("{key} = '{text}' is no date of the form YYYY-MM-DD or YYYY-MM-DDThh:mm:ss"));
        }
    }
}

fn numbers(text: &str, separator: char, widths: [usize; 3]) -> Option<[u32; 3]> {
    let parts: Vec<&str> = text.split(separator).collect();
    let [a, b, c] = parts[..] else { return None };
    let read = |part: &str, width| {
        let digits = part.len() == width && part.bytes().all(|b| b.is_ascii_digit());
        if digits { part.parse().ok() } else { None }
    };
    Some([read(a, widths[0])?, read(b, widths[1])?, read(c, widths[2])?])
}

fn is_old_date(text: &str) -> bool {
    numbers(text, '/', [2, 2, 2]).is_some_and(|[day, month, _]| (1..=31).contains(&day) && (1..=12).contains(&month))
}

fn is_iso_date(text: &str) -> bool {
    let (date, time) = text.split_once('T').map_or((text, None), |(date, time)| (date, Some(time)));
    let whole = numbers(date, '-', [4, 2, 2]);
    let date = whole.is_some_and(|[_, month, day]| (1..=12).contains(&month) && (1..=31).contains(&day));
    let time = time.is_none_or(|time| {
        let (seconds, fraction) = time.split_once('.').unwrap_or((time, ""));
        let clock = numbers(seconds, ':', [2, 2, 2]);
        // 60 is a leap second.
        clock.is_some_and(|[h, m, s]| h < 24 && m < 60 && s <= 60) && fraction.bytes().all(|b| b.is_ascii_digit())
    });
    date && time
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "NAXIS = 2\nNAXIS1 = 100\nNAXIS2 = 100\nWCSAXES = 2\nCTYPE1 = 'RA---TAN'\nCTYPE2 = 'DEC--TAN'
CUNIT1 = 'deg'\nCUNIT2 = 'deg'\nCRPIX1 = 50.5\nCRPIX2 = 50.5\nCRVAL1 = 275.0\nCRVAL2 = -16.0\nCDELT1 = -0.001
CDELT2 = 0.001\nRADESYS = 'ICRS'\nDATE-OBS= '2001-02-03T04:05:06.7'";

    fn of(text: &str) -> Vec<Finding> {
        of_header(&Header::from_text(text).expect("a header"))
    }

    #[test]
    fn a_clean_header_has_no_findings() {
        assert_eq!(of(GOOD), []);
        assert_eq!(of("NAXIS = 0"), []);
    }

    #[test]
    fn each_fault_is_found_once_with_its_severity() {
        let faults = [
            ("CD1_1 = -0.001\nCD2_2 = 0.001\nPC1_1 = 1.0", Severity::Error, "CD1_1 and PC1_1"),
            ("CD1_1 = -0.001\nCD2_2 = 0.001\nCROTA2 = 3.0", Severity::Note, "CROTA2"),
            ("PC1_1 = 1.0\nCROTA2 = 3.0", Severity::Warning, "exclude"),
            ("CTYPE3 = 'FREQ'\nCRPIX3 = 1.0\nCRVAL3 = 1.0", Severity::Warning, "CTYPE3"),
            ("A_ORDER = 2\nB_ORDER = 2\nA_2_0 = 1E-6", Severity::Warning, "-SIP"),
        ];
        for (more, severity, word) in faults {
            let found = of(&format!("{GOOD}\n{more}"));
            let of_it: Vec<_> = found.iter().filter(|f| f.message.contains(word)).collect();
            assert!(of_it.len() == 1 && of_it[0].severity == severity, "{more}: {found:?}");
        }
        let changes = [
            ("CUNIT1 = 'deg'", "CUNIT1 = 'DEG'", Severity::Warning, "spelt"),
            ("CUNIT1 = 'deg'", "CUNIT1 = 'm/S'", Severity::Warning, "no angle"),
            ("RADESYS = 'ICRS'", "", Severity::Note, "RADESYS"),
            ("RADESYS = 'ICRS'", "RADECSYS= 'FK5'", Severity::Note, "outdated"),
            ("CDELT1 = -0.001", "CDELT1 = 0.001", Severity::Note, "mirrored"),
            ("CDELT1 = -0.001", "CDELT1 = 0.0", Severity::Warning, "CDELT1"),
            ("2001-02-03T04:05:06.7", "03/02/99", Severity::Warning, "DD/MM/YY"),
            ("2001-02-03T04:05:06.7", "2001-13-03", Severity::Warning, "no date"),
            ("2001-02-03T04:05:06.7", "2001-02-03T4:05", Severity::Warning, "no date"),
            ("CRPIX2 = 50.5\n", "", Severity::Note, "CRPIX2"),
            ("RA---TAN", "RA---XYZ", Severity::Error, "CTYPE"),
        ];
        for (old, new, severity, word) in changes {
            let mut text = GOOD.replace(old, new);
            if word == "CTYPE" {
                text = text.replace("DEC--TAN", "DEC--XYZ");
            }
            let found = of(&text);
            let of_it: Vec<_> = found.iter().filter(|f| f.message.contains(word)).collect();
            assert!(of_it.len() == 1 && of_it[0].severity == severity, "{new}: {found:?}");
        }
    }

    #[test]
    fn wcsaxes_has_to_come_first() {
        let late = format!("{}\nWCSAXES = 2", GOOD.replace("WCSAXES = 2\n", ""));
        assert!(of(&late).iter().any(|f| f.message.contains("before CTYPE1")));
    }
}
