//! The mosaic's header: what it is, how it was made, of what.

use crate::background::Background;
use crate::flux_scale::Applied;
use crate::pipeline::{Outcome, Settings};
use crate::place::Target;
use crate::source::Source;
use pogson_image::fits::{Header, Value};

/// Keywords that a mosaic keeps when all its tiles agree on them.
pub(crate) const KEPT: [&str; 12] = [
    "BUNIT", "FILTER", "TELESCOP", "INSTRUME", "OBJECT", "SURVEY", "BAND", "WAVELENG", "EXPTIME", "BMAJ", "BMIN", "BPA",
];

/// Keywords that the third axis of a cube may need.
const SPECTRAL: [&str; 10] =
    ["RESTFRQ", "RESTWAV", "RESTFREQ", "SPECSYS", "SSYSOBS", "SSYSSRC", "VELOSYS", "ZSOURCE", "VELREF", "CNAME3"];

/// What is known before pixels are computed.
pub struct About<'a> {
    /// The output frame.
    pub target: &'a Target,
    /// All tiles.
    pub sources: &'a [Source],
    /// Options.
    pub settings: &'a Settings,
    /// Flux scale.
    pub scale: &'a Applied,
}

/// The header of the mosaic, without NAXIS and BITPIX, which the writer sets.
pub fn header(about: &About<'_>) -> Header {
    let mut header = Header::new();
    let cube = about.sources.first().filter(|s| s.planes() > 1);
    let axes = cube.map_or(&[][..], |s| s.wcs.other_axes());
    about.target.wcs.with_other_axes(axes).write_to(&mut header);
    if cube.is_some() {
        for key in SPECTRAL {
            if let Some((value, comment)) = common(about.sources, key) {
                header.set(key, value, &comment);
            }
        }
    }
    for key in KEPT {
        if let Some((value, comment)) = common(about.sources, key) {
            header.set(key, value, &comment);
        }
    }
    if let Some(zero_point) = about.scale.zero_point {
        header.set("MAGZP", zero_point, "zero point that all tiles were brought to [mag]");
    }
    let held =
        if about.settings.flux { "sum of flux in the pixel" } else { "surface brightness, per pixel of the tiles" };
    header.push_comment(&format!("Pixel values hold the {held}."));
    header
}

fn common(sources: &[Source], key: &str) -> Option<(Value, String)> {
    let first = sources.first()?.header.card(key)?;
    let value = first.value()?;
    let agree = sources.iter().all(|s| s.header.get(key) == Some(value));
    agree.then(|| (value.clone(), first.comment().to_string()))
}

/// Most cards that [`record`] adds for this many tiles.
pub fn room(tiles: usize) -> usize {
    // Texts of HISTORY may take several cards.
    28 + 4 * tiles.min(MOST_NAMED)
}

/// Tiles that are named: keywords have eight characters, PROV and four digits.
pub(crate) const MOST_NAMED: usize = 9999;

/// Adds how the mosaic was made: science options only, so that the same science has the same bytes.
pub fn record(header: &mut Header, about: &About<'_>, outcome: &Outcome) {
    header.push_history(&format!("pogson {} mosaic", env!("CARGO_PKG_VERSION")));
    header.push_history(&format!("reprojection {}, co-addition {}", outcome.method.name(), about.settings.combine));
    if let Background::Degree(degree) = about.settings.background {
        header.push_history(&format!(
            "backgrounds matched by polynomials of degree {degree} over {} overlaps in {} island(s)",
            outcome.pairs.len(),
            outcome.solution.island_count
        ));
        header.push_history("the common background polynomial of each island is as observed: overlaps do not fix it");
    }
    match &about.scale.remark {
        None => header.push_history(&format!(
            "tiles multiplied by {:.6} to {:.6} to one flux scale ({})",
            about.scale.range.0, about.scale.range.1, about.scale.origin
        )),
        Some(remark) => header.push_history(&format!("no common flux scale: {remark}")),
    }
    if let Some(fit) = about.scale.fit.as_ref().filter(|fit| fit.overlaps > 0) {
        header.push_history(&format!(
            "flux scales fitted to {} stars and knots of {} overlaps, chi-square {:.4} for {} degrees of freedom",
            fit.objects, fit.overlaps, fit.chi2, fit.freedom
        ));
        header.push_history(&format!(
            "the common factor is not fixed by overlaps: {}",
            match &fit.reference {
                Some(name) => format!("that of {name} is 1, and the mean of groups without it"),
                None => format!("the mean in each of {} group(s) is 1", fit.groups),
            }
        ));
    }
    for (number, &used) in outcome.used.iter().enumerate().take(MOST_NAMED) {
        let source = &about.sources[used];
        let name = source.path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let name = if source.hdu > 0 { format!("{name}[{}]", source.hdu) } else { name };
        header.set(&format!("PROV{:04}", number + 1), name.as_str(), "");
        if about.scale.remark.is_none() {
            let error = about.scale.errors.get(used).filter(|e| **e > 0.0);
            let comment = error.map_or("tile was multiplied by".into(), |e| {
                format!("tile was multiplied by; +- {:.2e}", e * source.scale)
            });
            header.set(&format!("FSCL{:04}", number + 1), source.scale, &comment);
        }
    }
    header.set("NCOMBINE", outcome.used.len() as i64, "number of tiles");
}
