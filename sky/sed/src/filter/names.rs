//! The many names of one filter.

use super::Filter;

/// Other names, without signs and in lower case, and the embedded filter's name in the same form.
const ALIASES: &[(&str, &str)] = &[
    ("fuv", "galexfuv"),
    ("nuv", "galexnuv"),
    ("2massk", "2massks"),
    ("twomassj", "2massj"),
    ("twomassh", "2massh"),
    ("twomassk", "2massks"),
    ("twomassks", "2massks"),
    ("w1", "wisew1"),
    ("w2", "wisew2"),
    ("w3", "wisew3"),
    ("w4", "wisew4"),
    ("wise1", "wisew1"),
    ("wise2", "wisew2"),
    ("wise3", "wisew3"),
    ("wise4", "wisew4"),
    ("wise34", "wisew1"),
    ("wise46", "wisew2"),
    ("wise12", "wisew3"),
    ("wise22", "wisew4"),
    ("irac1", "iracch1"),
    ("irac2", "iracch2"),
    ("irac3", "iracch3"),
    ("irac4", "iracch4"),
    ("iraci1", "iracch1"),
    ("iraci2", "iracch2"),
    ("iraci3", "iracch3"),
    ("iraci4", "iracch4"),
    ("irac36", "iracch1"),
    ("irac45", "iracch2"),
    ("irac58", "iracch3"),
    ("irac80", "iracch4"),
    ("irac8", "iracch4"),
    ("mips1", "mips24"),
    ("mips2", "mips70"),
    ("mips3", "mips160"),
    ("pacsblue", "pacs70"),
    ("pacsgreen", "pacs100"),
    ("pacsred", "pacs160"),
    ("spirepsw", "spire250"),
    ("spirepmw", "spire350"),
    ("spireplw", "spire500"),
];

/// Prefixes that say no more than the rest of a name does.
const PREFIXES: &[(&str, &str)] = &[
    ("spitzer", ""),
    ("herschel", ""),
    ("panstarrs1", "ps1"),
    ("panstarrsps1", "ps1"),
    ("panstarrs", "ps1"),
    ("slosdss", "sdss"),
    ("sloansdss", "sdss"),
    ("galexgalex", "galex"),
    ("2mass2mass", "2mass"),
    ("wisewise", "wise"),
];

/// One form of all names of a filter: lower case, without signs, telescopes or aliases.
pub(super) fn canonical(name: &str) -> String {
    let mut plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    for (prefix, short) in PREFIXES {
        if let Some(rest) = plain.strip_prefix(prefix) {
            plain = format!("{short}{rest}");
        }
    }
    let infrared = ["mips", "pacs", "spire", "irac", "wise"].iter().any(|prefix| plain.starts_with(prefix));
    for unit in ["micron", "mu", "um"] {
        if let Some(rest) = plain.strip_suffix(unit).filter(|_| infrared) {
            plain.truncate(rest.len());
        }
    }
    // SDSS_r0 and the like are the curves at zero redshift of a few tools.
    if let Some(rest) = plain.strip_suffix('0').filter(|rest| rest.starts_with("sdss") && rest.len() == 5) {
        plain.truncate(rest.len());
    }
    match ALIASES.iter().find(|(alias, _)| *alias == plain) {
        Some((_, name)) => (*name).to_owned(),
        None => plain,
    }
}

/// The three names that are most like a canonical one, with commas between them.
pub(super) fn nearest(wanted: &str, filters: &[Filter]) -> String {
    let mut ranked: Vec<(usize, &str)> =
        filters.iter().map(|filter| (distance(wanted, &canonical(&filter.name)), filter.name.as_str())).collect();
    ranked.sort_by_key(|(distance, _)| *distance);
    let best: Vec<&str> = ranked.iter().take(3).map(|(_, name)| *name).collect();
    best.join(", ")
}

/// Number of letters to insert, leave out or change (Levenshtein 1966).
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let change = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::super::{embedded, find};
    use super::*;

    #[test]
    fn services_and_people_name_the_same_filter_in_many_ways() {
        for (name, meant) in [
            ("sdss.r", "SDSS_r"),
            ("SDSSr", "SDSS_r"),
            ("SLOAN/SDSS.r", "SDSS_r"),
            ("sdss_r0", "SDSS_r"),
            ("2MASS_K", "2MASS_Ks"),
            ("twomass_Ks", "2MASS_Ks"),
            ("2MASS/2MASS.J", "2MASS_J"),
            ("W1", "WISE_W1"),
            ("WISE/WISE.W3", "WISE_W3"),
            ("wise_w4", "WISE_W4"),
            ("GALEXFUV", "GALEX_FUV"),
            ("GALEX/GALEX.NUV", "GALEX_NUV"),
            ("PS1g", "PS1_g"),
            ("PAN-STARRS/PS1.y", "PS1_y"),
            ("Spitzer/IRAC.I1", "IRAC_ch1"),
            ("spitzer_irac_ch2", "IRAC_ch2"),
            ("IRAC_3.6", "IRAC_ch1"),
            ("Spitzer/MIPS.24mu", "MIPS_24"),
            ("PACS100", "PACS_100"),
            ("herschel_pacs_160", "PACS_160"),
            ("Herschel/Pacs.green", "PACS_100"),
            ("Herschel/SPIRE.PSW", "SPIRE_250"),
            ("SPIRE_250um", "SPIRE_250"),
        ] {
            assert_eq!(find(name).map(|filter| filter.name.as_str()), Ok(meant), "{name}");
        }
    }

    #[test]
    fn no_two_filters_have_a_name_in_common() {
        let mut names: Vec<String> = embedded().iter().map(|filter| canonical(&filter.name)).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), embedded().len());
        for (_, name) in ALIASES {
            assert!(names.iter().any(|other| other == name), "{name}");
        }
    }

    #[test]
    fn distances_are_levenshteins() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
    }
}
