//! Which band an image is of: as the user says, else by its keywords, else by its name.

use pogson_image::fits::Header;
use pogson_image::unit::Survey;

use super::table::{KNOWN, SurveyBand, named};

/// How a band was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// By keywords.
    Header,
    /// By the file's name.
    FileName,
}

/// The band of an image by its header, else by its file's name; None if neither shows it.
pub fn recognise(header: &Header, file_name: &str) -> Option<(&'static SurveyBand, Found)> {
    by_survey(header)
        .or_else(|| by_channel_of_mips(header))
        .or_else(|| by_filter(header))
        .map(|band| (band, Found::Header))
        .or_else(|| by_name(file_name).map(|band| (band, Found::FileName)))
}

fn by_survey(header: &Header) -> Option<&'static SurveyBand> {
    let (survey, band) = Survey::identify(header)?;
    let word = match survey {
        Survey::TwoMass => "2MASS",
        Survey::Wise => "WISE",
        Survey::Sdss => "SDSS",
        Survey::PanStarrs1 => "PS1",
        Survey::Galex => "GALEX",
        Survey::Irac => "IRAC",
        Survey::Pacs => "PACS",
        Survey::Spire => "SPIRE",
        Survey::Legacy => return None,
    };
    named(&format!("{word}_{band}"))
}

/// Spitzer's MIPS numbers its channels by wavelength by keyword CHNLNUM.
fn by_channel_of_mips(header: &Header) -> Option<&'static SurveyBand> {
    if !header.str("INSTRUME").is_some_and(|name| name.trim().eq_ignore_ascii_case("MIPS")) {
        return None;
    }
    let name = match header.i64("CHNLNUM")? {
        1 => "MIPS_24",
        2 => "MIPS_70",
        3 => "MIPS_160",
        _ => return None,
    };
    named(name)
}

/// Keywords that name survey and filter together, or apart.
fn by_filter(header: &Header) -> Option<&'static SurveyBand> {
    let text = |key: &str| header.str(key).unwrap_or_default().split(" /").next().unwrap_or_default().trim().to_owned();
    let filter = text("FILTER");
    if filter.is_empty() {
        return None;
    }
    // One letter alone says too little.
    if filter.len() > 2
        && let Some(band) = named(&filter)
    {
        return Some(band);
    }
    ["TELESCOP", "INSTRUME", "SURVEY"].iter().find_map(|key| {
        let word = text(key);
        if word.is_empty() { None } else { named(&format!("{word}_{filter}")) }
    })
}

/// Words of the name: the survey's, followed at once by the band's, or both in one word. The last such pair counts, for
/// galaxies come before their bands in names. GALEX's archive says `fd-int` and `nd-int` in names of tiles.
fn by_name(file_name: &str) -> Option<&'static SurveyBand> {
    let stem = file_name.trim_end_matches(".gz").trim_end_matches(".fz");
    let stem = stem.rsplit_once('.').map_or(stem, |(stem, _)| stem);
    let words: Vec<&str> =
        stem.split(|c: char| !c.is_ascii_alphanumeric() && c != '.').filter(|w| !w.is_empty()).collect();
    let pairs = words.windows(2).rev().find_map(|pair| {
        let survey = pair[0].to_ascii_uppercase();
        let known = KNOWN.iter().any(|band| band.survey_words.contains(&survey.as_str()));
        if known { named(&format!("{}_{}", pair[0], pair[1].trim_end_matches("um"))) } else { None }
    });
    let galex = words.windows(2).find_map(|pair| match (pair[0], pair[1].starts_with("int")) {
        ("fd", true) => named("GALEX_FUV"),
        ("nd", true) => named("GALEX_NUV"),
        _ => None,
    });
    // In one word the survey has to be said, or a word such as W1 or FUV stand alone.
    pairs.or(galex).or_else(|| words.iter().rev().filter(|w| w.len() > 1).find_map(|word| named(word)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(header: &str, name: &str) -> Option<&'static str> {
        recognise(&Header::from_text(header).unwrap(), name).map(|(band, _)| band.name)
    }

    #[test]
    fn names_of_files_show_their_band() {
        for (name, band) in [
            ("NGC5584_WISE_12.fits.gz", Some("WISE_W3")),
            ("SDSS_i.fits", Some("SDSS_i")),
            ("m51-2mass-k.fits", Some("2MASS_Ks")),
            ("ngc628_irac_3.6.fits", Some("IRAC_ch1")),
            ("ngc628_sdssr_v2.fits", Some("SDSS_r")),
            ("1210p015_ac51-w1-int-3.fits", Some("WISE_W1")),
            ("herschel_160um.fits", Some("PACS_160")),
            ("AIS_212_sg41-fd-int.fits.gz", Some("GALEX_FUV")),
            ("NGA_M81-nd-intbgsub.fits", Some("GALEX_NUV")),
            ("image.fits", None),
            ("r.fits", None),
        ] {
            assert_eq!(found("SIMPLE = T", name), band, "{name}");
        }
    }

    #[test]
    fn keywords_go_before_names() {
        assert_eq!(found("ORIGIN = '2MASS'\nFILTER = 'h'", "SDSS_i.fits"), Some("2MASS_H"));
        assert_eq!(found("TELESCOP = 'WISE'\nBAND = 4", "x.fits"), Some("WISE_W4"));
        assert_eq!(found("FILTER = 'SDSS_g'", "x.fits"), Some("SDSS_g"));
        assert_eq!(found("FILTER = 'r'\nTELESCOP = 'PS1'", "x.fits"), Some("PS1_r"));
        assert_eq!(found("FILTER = 'r'", "x.fits"), None);
        assert_eq!(found("INSTRUME = 'MIPS'\nCHNLNUM = 2", "x.fits"), Some("MIPS_70"));
        assert_eq!(found("INSTRUME = 'MIPS'\nCHNLNUM = 9", "x.fits"), None);
    }
}
