//! What is known of the bands of the surveys.

use pogson_image::unit::Survey;
use pogson_sed::library::Band;

/// A band of a survey.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SurveyBand {
    /// The filter's name.
    pub name: &'static str,
    /// Pivot wavelength, micrometres.
    pub wavelength_um: f64,
    /// Number in MAGPHYS's filter file, 0 if none.
    pub magphys: u32,
    /// Usual full width at half maximum of the survey's images, arcseconds.
    pub fwhm_arcsec: f64,
    /// Uncertainty of the calibration, as a share of the flux.
    pub floor: f64,
    /// Survey, by the words that file names use.
    pub survey_words: &'static [&'static str],
    /// Band, by the words that file names and keywords use after the survey's.
    pub band_words: &'static [&'static str],
}

const GALEX: &[&str] = &["GALEX"];
const SDSS: &[&str] = &["SDSS"];
const PS1: &[&str] = &["PS1", "PANSTARRS", "PANSTARRS1", "PS"];
const TWOMASS: &[&str] = &["2MASS", "TWOMASS"];
const WISE: &[&str] = &["WISE", "ALLWISE", "UNWISE"];
const IRAC: &[&str] = &["IRAC", "SPITZER"];
const MIPS: &[&str] = &["MIPS", "SPITZER"];
const PACS: &[&str] = &["PACS", "HERSCHEL"];
const SPIRE: &[&str] = &["SPIRE", "HERSCHEL"];

/// Shorthand of a row.
#[allow(clippy::too_many_arguments, reason = "a row of the table below")]
const fn row(
    name: &'static str,
    wavelength_um: f64,
    magphys: u32,
    fwhm_arcsec: f64,
    floor: f64,
    survey_words: &'static [&'static str],
    band_words: &'static [&'static str],
) -> SurveyBand {
    SurveyBand { name, wavelength_um, magphys, fwhm_arcsec, floor, survey_words, band_words }
}

/// All of them, by wavelength.
///
/// - Pivot wavelengths: of the filter curves of sedpy (bd-j/sedpy, MIT).
/// - Numbers: the filter files of POGS (ICRAR/boinc-magphys).
/// - Widths and calibration: table 1 of Clark et al. 2018, A&A 609, A37 (DustPedia), which collects the surveys' own figures:
///   - GALEX: Morrissey et al. 2007, ApJS 173, 682.
///   - SDSS: 1.3" is the median seeing in r of the imaging (Abazajian et al. 2009, ApJS 182, 543); 13, 8, 8, 7, 8 mmag in ugriz
///     (Padmanabhan et al. 2008, ApJ 674, 1217).
///   - 2MASS: Skrutskie et al. 2006, AJ 131, 1163; 2.9" are stars measured in Atlas images, which are resampled. Uncertainties
///     are those of the zero points, 1594 +- 27.8, 1024 +- 20.0, 666.7 +- 12.6 Jy (Cohen, Wheaton & Megeath 2003, AJ 126, 1090).
///   - WISE: Wright et al. 2010, AJ 140, 1868. The telescope's widths are 6.1, 6.4, 6.5, 12.0"; IPAC's Atlas images are smoothed
///     once more by the detection filter, and the widths here are theirs: 8.1, 8.8, 11.0, 17.5" (Jarrett et al. 2012, AJ 144,
///     68).
///   - IRAC: mean widths of Fazio et al. 2004, ApJS 154, 10; 3 % (Reach et al. 2005, PASP 117, 978).
///   - MIPS: Rieke et al. 2004, ApJS 154, 25; 24 um Engelbracht et al. 2007, PASP 119, 994 (4 %, 5 % with the flux
///     nonlinearity); 70 um Gordon et al. 2007, PASP 119, 1019 (5 %, 10 % for extended light); 160 um Stansberry et al. 2007,
///     PASP 119, 1038 (12 %).
///   - PACS: Poglitsch et al. 2010, A&A 518, L2, of maps by fast scans; 5 % for points (Balog et al. 2014, Exp. Astron. 37,
///     129), 7 % for extended light.
///   - SPIRE: Griffin et al. 2010, A&A 518, L3 (18.1, 24.9, 36.4"); 4 % of Neptune's model and 1.5 % of repeatability, added
///     (Bendo et al. 2013, MNRAS 433, 3062).
/// - Pan-STARRS1: median seeing of the stacks, and 2 % (Chambers et al. 2016, arXiv:1612.05560).
pub const KNOWN: [SurveyBand; 32] = [
    row("GALEX_FUV", 0.153508, 123, 4.3, 0.045, GALEX, &["FUV"]),
    row("GALEX_NUV", 0.230070, 124, 5.3, 0.027, GALEX, &["NUV"]),
    row("SDSS_u", 0.355678, 229, 1.3, 0.013, SDSS, &["U"]),
    row("SDSS_g", 0.470268, 230, 1.3, 0.008, SDSS, &["G"]),
    row("PS1_g", 0.484920, 323, 1.31, 0.02, PS1, &["G"]),
    row("SDSS_r", 0.617569, 231, 1.3, 0.008, SDSS, &["R"]),
    row("PS1_r", 0.620117, 324, 1.19, 0.02, PS1, &["R"]),
    row("SDSS_i", 0.749059, 232, 1.3, 0.007, SDSS, &["I"]),
    row("PS1_i", 0.753488, 325, 1.11, 0.02, PS1, &["I"]),
    row("PS1_z", 0.867404, 326, 1.07, 0.02, PS1, &["Z"]),
    row("SDSS_z", 0.894603, 233, 1.3, 0.008, SDSS, &["Z"]),
    row("PS1_y", 0.962772, 327, 1.02, 0.02, PS1, &["Y"]),
    row("2MASS_J", 1.235510, 0, 2.9, 0.017, TWOMASS, &["J"]),
    row("2MASS_H", 1.645742, 0, 2.9, 0.019, TWOMASS, &["H"]),
    row("2MASS_Ks", 2.160300, 0, 2.9, 0.019, TWOMASS, &["KS", "K"]),
    row("WISE_W1", 3.368326, 280, 8.1, 0.029, WISE, &["W1", "3.4", "1"]),
    row("IRAC_ch1", 3.550758, 0, 1.66, 0.03, IRAC, &["CH1", "3.6", "I1", "1"]),
    row("IRAC_ch2", 4.495818, 0, 1.72, 0.03, IRAC, &["CH2", "4.5", "I2", "2"]),
    row("WISE_W2", 4.617890, 281, 8.8, 0.034, WISE, &["W2", "4.6", "2"]),
    row("IRAC_ch3", 5.724484, 0, 1.88, 0.03, IRAC, &["CH3", "5.8", "I3", "3"]),
    row("IRAC_ch4", 7.884091, 0, 1.98, 0.03, IRAC, &["CH4", "8.0", "8", "I4", "4"]),
    row("WISE_W3", 12.07258, 282, 11.0, 0.046, WISE, &["W3", "12", "3"]),
    row("WISE_W4", 22.19293, 283, 17.5, 0.056, WISE, &["W4", "22", "4"]),
    row("MIPS_24", 23.59282, 0, 6.0, 0.05, MIPS, &["24", "M1"]),
    row("PACS_70", 70.77337, 0, 9.0, 0.07, PACS, &["70", "BLUE"]),
    row("MIPS_70", 70.88584, 0, 18.0, 0.10, MIPS, &["70", "M2"]),
    row("PACS_100", 100.7919, 0, 10.0, 0.07, PACS, &["100", "GREEN"]),
    row("MIPS_160", 155.3386, 0, 38.0, 0.12, MIPS, &["160", "M3"]),
    row("PACS_160", 161.9220, 0, 13.0, 0.07, PACS, &["160", "RED"]),
    row("SPIRE_250", 248.3012, 0, 18.0, 0.055, SPIRE, &["250", "PSW"]),
    row("SPIRE_350", 348.4228, 0, 25.0, 0.055, SPIRE, &["350", "PMW"]),
    row("SPIRE_500", 500.4426, 0, 36.0, 0.055, SPIRE, &["500", "PLW"]),
];

/// The band of a name: `SDSS_r`, `sdss r`, `SDSSr`, `WISE 12`, `W1`, `MAGPHYS`'s spellings.
pub fn named(name: &str) -> Option<&'static SurveyBand> {
    let wanted = plain(name);
    let exact = KNOWN.iter().find(|band| plain(band.name) == wanted);
    exact.or_else(|| KNOWN.iter().find(|band| band.spellings().any(|s| s == wanted))).or_else(|| {
        // The filters' own other names.
        let filter = pogson_sed::filter::find(name).ok()?;
        KNOWN.iter().find(|band| band.name == filter.name)
    })
}

/// Letters and digits alone, in capitals.
fn plain(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect()
}

impl SurveyBand {
    /// Survey and band words run together.
    fn spellings(&self) -> impl Iterator<Item = String> + '_ {
        self.survey_words.iter().flat_map(|s| self.band_words.iter().map(move |b| plain(&format!("{s}{b}"))))
    }

    /// As libraries and cubes have it.
    pub fn band(&self) -> Band {
        Band { name: self.name.into(), wavelength_um: self.wavelength_um, id: self.magphys }
    }

    /// The survey whose calibration rules apply to images without keywords of their own; None where images come in
    /// physical units.
    pub fn survey(&self) -> Option<Survey> {
        match self.name.split('_').next() {
            Some("GALEX") => Some(Survey::Galex),
            Some("2MASS") => Some(Survey::TwoMass),
            Some("WISE") => Some(Survey::Wise),
            Some("SDSS") => Some(Survey::Sdss),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_are_found_by_the_names_that_people_use() {
        for (text, name) in [
            ("SDSS_r", "SDSS_r"),
            ("sdss r", "SDSS_r"),
            ("SDSSu", "SDSS_u"),
            ("PS1g", "PS1_g"),
            ("GALEXFUV", "GALEX_FUV"),
            ("NUV", "GALEX_NUV"),
            ("2MASS_K", "2MASS_Ks"),
            ("WISE_12", "WISE_W3"),
            ("W4", "WISE_W4"),
            ("WISEW1", "WISE_W1"),
            ("IRAC 3.6", "IRAC_ch1"),
            ("irac_ch4", "IRAC_ch4"),
            ("MIPS24", "MIPS_24"),
            ("PACS_160", "PACS_160"),
            ("SPIRE 500", "SPIRE_500"),
        ] {
            assert_eq!(named(text).map(|b| b.name), Some(name), "{text}");
        }
        for unknown in ["r", "SDSS", "SDSS_q", "", "100", "Johnson_V"] {
            assert_eq!(named(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn wavelengths_are_the_pivots_of_the_embedded_filters() {
        for band in &KNOWN {
            let filter = pogson_sed::filter::find(band.name).unwrap();
            assert_eq!(filter.name, band.name);
            // The table's are sums by trapezoids (sedpy), the filter's integrals of straight pieces.
            assert!(
                (filter.pivot() * 1e-4 / band.wavelength_um - 1.0).abs() < 1e-3,
                "{}: {}",
                band.name,
                filter.pivot()
            );
        }
    }

    #[test]
    fn the_table_is_ordered_and_every_name_is_its_own() {
        for pair in KNOWN.windows(2) {
            assert!(pair[0].wavelength_um < pair[1].wavelength_um, "{}", pair[1].name);
        }
        for band in &KNOWN {
            assert_eq!(named(band.name), Some(band));
        }
    }
}
