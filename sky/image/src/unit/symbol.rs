//! The words of units: base units, prefixes, aliases.

use super::parse::{DIMENSIONS, Dimension};

/// Scale to the base units and exponent of each dimension.
pub(super) type Meaning = (f64, [f64; DIMENSIONS]);

const fn of(scale: f64, pairs: &[(Dimension, f64)]) -> Meaning {
    let mut dims = [0.0; DIMENSIONS];
    let mut i = 0;
    while i < pairs.len() {
        dims[pairs[i].0 as usize] = pairs[i].1;
        i += 1;
    }
    (scale, dims)
}

use Dimension::{Angle, Beam, Count, Electron, Kelvin, Kilogram, Magnitude, Metre, Photon, Pixel, Second};

const DEGREE: f64 = std::f64::consts::PI / 180.0;
/// Jansky in kg s⁻² (W m⁻² Hz⁻¹).
const JY: f64 = 1e-26;
const ENERGY: [(Dimension, f64); 3] = [(Kilogram, 1.0), (Metre, 2.0), (Second, -2.0)];
const FLUX: [(Dimension, f64); 2] = [(Kilogram, 1.0), (Second, -2.0)];

/// Units that take prefixes, by their exact spelling.
const PREFIXED: &[(&str, Meaning)] = &[
    ("Jy", of(JY, &FLUX)),
    ("Jansky", of(JY, &FLUX)),
    ("jansky", of(JY, &FLUX)),
    // The flux of an AB magnitude of 0, Fukugita et al. 1996.
    ("maggy", of(3631.0 * JY, &FLUX)),
    ("maggies", of(3631.0 * JY, &FLUX)),
    ("maggie", of(3631.0 * JY, &FLUX)),
    ("mgy", of(3631.0 * JY, &FLUX)),
    ("Mgy", of(3631.0 * JY, &FLUX)),
    ("W", of(1.0, &[(Kilogram, 1.0), (Metre, 2.0), (Second, -3.0)])),
    ("J", of(1.0, &ENERGY)),
    ("erg", of(1e-7, &ENERGY)),
    ("eV", of(1.602_176_634e-19, &ENERGY)),
    ("m", of(1.0, &[(Metre, 1.0)])),
    ("g", of(1e-3, &[(Kilogram, 1.0)])),
    ("s", of(1.0, &[(Second, 1.0)])),
    ("sec", of(1.0, &[(Second, 1.0)])),
    ("Hz", of(1.0, &[(Second, -1.0)])),
    ("K", of(1.0, &[(Kelvin, 1.0)])),
    ("rad", of(1.0, &[(Angle, 1.0)])),
    ("sr", of(1.0, &[(Angle, 2.0)])),
    ("arcsec", of(DEGREE / 3600.0, &[(Angle, 1.0)])),
    ("as", of(DEGREE / 3600.0, &[(Angle, 1.0)])),
    ("mag", of(1.0, &[(Magnitude, 1.0)])),
    ("pc", of(3.085_677_581_491_367e16, &[(Metre, 1.0)])),
];

/// Units without prefixes, in lower case; looked up so when the exact word is none of the above.
const PLAIN: &[(&str, Meaning)] = &[
    ("angstrom", of(1e-10, &[(Metre, 1.0)])),
    ("angstroms", of(1e-10, &[(Metre, 1.0)])),
    ("ang", of(1e-10, &[(Metre, 1.0)])),
    ("aa", of(1e-10, &[(Metre, 1.0)])),
    // The ampere of the standard never occurs in images; spectra and surveys write A for angstrom.
    ("a", of(1e-10, &[(Metre, 1.0)])),
    ("å", of(1e-10, &[(Metre, 1.0)])),
    ("micron", of(1e-6, &[(Metre, 1.0)])),
    ("microns", of(1e-6, &[(Metre, 1.0)])),
    ("second", of(1.0, &[(Second, 1.0)])),
    ("seconds", of(1.0, &[(Second, 1.0)])),
    ("min", of(60.0, &[(Second, 1.0)])),
    ("minute", of(60.0, &[(Second, 1.0)])),
    ("h", of(3600.0, &[(Second, 1.0)])),
    ("hr", of(3600.0, &[(Second, 1.0)])),
    ("hour", of(3600.0, &[(Second, 1.0)])),
    ("d", of(86400.0, &[(Second, 1.0)])),
    ("day", of(86400.0, &[(Second, 1.0)])),
    ("yr", of(31_557_600.0, &[(Second, 1.0)])),
    ("deg", of(DEGREE, &[(Angle, 1.0)])),
    ("degree", of(DEGREE, &[(Angle, 1.0)])),
    ("degrees", of(DEGREE, &[(Angle, 1.0)])),
    ("arcmin", of(DEGREE / 60.0, &[(Angle, 1.0)])),
    ("arcminute", of(DEGREE / 60.0, &[(Angle, 1.0)])),
    ("arcmins", of(DEGREE / 60.0, &[(Angle, 1.0)])),
    ("arcsecs", of(DEGREE / 3600.0, &[(Angle, 1.0)])),
    ("arcsecond", of(DEGREE / 3600.0, &[(Angle, 1.0)])),
    ("arcseconds", of(DEGREE / 3600.0, &[(Angle, 1.0)])),
    ("asec", of(DEGREE / 3600.0, &[(Angle, 1.0)])),
    ("sqarcsec", of(DEGREE * DEGREE / 3600.0 / 3600.0, &[(Angle, 2.0)])),
    ("sqdeg", of(DEGREE * DEGREE, &[(Angle, 2.0)])),
    ("steradian", of(1.0, &[(Angle, 2.0)])),
    ("pixel", of(1.0, &[(Pixel, 1.0)])),
    ("pixels", of(1.0, &[(Pixel, 1.0)])),
    ("pix", of(1.0, &[(Pixel, 1.0)])),
    ("px", of(1.0, &[(Pixel, 1.0)])),
    ("beam", of(1.0, &[(Beam, 1.0)])),
    ("beams", of(1.0, &[(Beam, 1.0)])),
    ("bm", of(1.0, &[(Beam, 1.0)])),
    ("count", of(1.0, &[(Count, 1.0)])),
    ("counts", of(1.0, &[(Count, 1.0)])),
    ("ct", of(1.0, &[(Count, 1.0)])),
    ("cts", of(1.0, &[(Count, 1.0)])),
    ("cnt", of(1.0, &[(Count, 1.0)])),
    ("cnts", of(1.0, &[(Count, 1.0)])),
    ("dn", of(1.0, &[(Count, 1.0)])),
    ("adu", of(1.0, &[(Count, 1.0)])),
    ("adus", of(1.0, &[(Count, 1.0)])),
    ("electron", of(1.0, &[(Electron, 1.0)])),
    ("electrons", of(1.0, &[(Electron, 1.0)])),
    ("e", of(1.0, &[(Electron, 1.0)])),
    ("e-", of(1.0, &[(Electron, 1.0)])),
    ("photon", of(1.0, &[(Photon, 1.0)])),
    ("photons", of(1.0, &[(Photon, 1.0)])),
    ("ph", of(1.0, &[(Photon, 1.0)])),
    ("mags", of(1.0, &[(Magnitude, 1.0)])),
    ("magnitude", of(1.0, &[(Magnitude, 1.0)])),
    ("abmag", of(1.0, &[(Magnitude, 1.0)])),
];

const PREFIXES: &[(&str, f64)] = &[
    ("nano", 1e-9),
    ("micro", 1e-6),
    ("milli", 1e-3),
    ("kilo", 1e3),
    ("mega", 1e6),
    ("da", 1e1),
    ("y", 1e-24),
    ("z", 1e-21),
    ("a", 1e-18),
    ("f", 1e-15),
    ("p", 1e-12),
    ("n", 1e-9),
    ("u", 1e-6),
    ("µ", 1e-6),
    ("μ", 1e-6),
    ("m", 1e-3),
    ("c", 1e-2),
    ("d", 1e-1),
    ("h", 1e2),
    ("k", 1e3),
    ("M", 1e6),
    ("G", 1e9),
    ("T", 1e12),
    ("P", 1e15),
    ("E", 1e18),
    // No prefix of the standard: capitals of headers that know no small letters (CM, NM, UM).
    ("C", 1e-2),
    ("K", 1e3),
    ("N", 1e-9),
    ("U", 1e-6),
];

/// What a word means: exact spelling first, with or without a prefix, then without regard to case (`JY/BEAM`,
/// `MJY/SR`; there the prefix keeps its own case, so MJY is mega and mJY milli).
pub(super) fn meaning(word: &str) -> Option<Meaning> {
    let exact = |name: &str, word: &str| name == word;
    let loose = |name: &str, word: &str| name.eq_ignore_ascii_case(word);
    if let Some((_, found)) = PLAIN.iter().find(|(name, _)| *name == word) {
        return Some(*found);
    }
    prefixed(word, exact).or_else(|| {
        let lower = word.to_lowercase();
        let plain = PLAIN.iter().find(|(name, _)| *name == lower).map(|(_, found)| *found);
        plain.or_else(|| prefixed(word, loose))
    })
}

fn prefixed(word: &str, same: impl Fn(&str, &str) -> bool) -> Option<Meaning> {
    if let Some((_, found)) = PREFIXED.iter().find(|(name, _)| same(name, word)) {
        return Some(*found);
    }
    PREFIXES.iter().find_map(|(prefix, factor)| {
        let rest = word.strip_prefix(prefix).or_else(|| {
            let head = word.get(..prefix.len())?;
            (prefix.len() > 1 && head.eq_ignore_ascii_case(prefix)).then(|| &word[prefix.len()..])
        })?;
        let (_, (scale, dims)) = PREFIXED.iter().find(|(name, _)| same(name, rest))?;
        Some((scale * factor, *dims))
    })
}
