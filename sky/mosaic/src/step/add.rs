//! Step 6: projected images, with or without corrections, to the mosaic.

use super::identity::KEY;
use super::image::{self, OnGrid, Stored};
use crate::background::polynomial::Polynomial;
use crate::error::MosaicError;
use crate::patch::Projector;
use crate::pipeline::{self, Settings, Sink, add_projected};
use crate::place::Target;
use crate::provenance::{KEPT, MOST_NAMED};
use crate::source::{LeftOut, Source};
use crate::work::Watch;
use pogson_image::fits::Header;

/// What is known of a mosaic of projected images before its pixels are computed.
pub struct Added<'a> {
    /// The output frame.
    pub target: &'a Target,
    /// Options.
    pub settings: &'a Settings,
    /// Whether corrections are subtracted.
    pub corrected: bool,
    /// What it is made of.
    pub key: &'a str,
}

/// Keywords that a mosaic takes over from its images beside those that every mosaic keeps.
const ALSO: [&str; 1] = ["MAGZP"];

impl Added<'_> {
    /// The header of the mosaic.
    pub fn header(&self, images: &[OnGrid]) -> Header {
        let mut header = Header::new();
        self.target.wcs.write_to(&mut header);
        for key in KEPT.into_iter().chain(ALSO) {
            let mut cards = images.iter().map(|image| image.header().card(key));
            if let Some(Some(first)) = cards.next()
                && cards.all(|card| card.is_some_and(|card| card.value() == first.value()))
            {
                header.push(first.clone());
            }
        }
        header.set(KEY, self.key, "made of: see docs, step");
        header
    }

    /// Most cards that [`Added::record`] adds.
    pub fn room(&self, images: usize) -> usize {
        12 + images.min(MOST_NAMED)
    }

    /// Adds how the mosaic was made, and of what.
    pub fn record(&self, header: &mut Header, used: &[Source]) {
        header.push_history(&format!("pogson {} step add", env!("CARGO_PKG_VERSION")));
        header.push_history(&format!("co-addition {}", self.settings.combine));
        let done = if self.corrected { "subtracted from" } else { "taken as they are in" };
        header.push_history(&format!("backgrounds {done} the images"));
        for (number, source) in used.iter().enumerate().take(MOST_NAMED) {
            let name = source.path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
            let tile = source.header.str("PROV0001").map_or(name, str::to_owned);
            header.set(&format!("PROV{:04}", number + 1), tile.as_str(), "");
        }
        header.set("NCOMBINE", used.len() as i64, "number of tiles");
    }
}

/// Co-adds images that lie on the grid of `target`; blocks go to `sink`. Images off the frame are passed over.
///
/// - `corrections`: one for each image, subtracted; `None` where none is known. An empty slice corrects nothing.
/// - `settings`: combination, threads, memory, threshold and variance are used.
///
/// Returns the images that took part, in order, and those that could not be read.
///
/// # Errors
/// [`MosaicError::NoOverlap`] if no image touches the frame, [`MosaicError::Interrupted`], and those of reading and
/// writing.
pub fn add(
    images: Vec<OnGrid>,
    corrections: &[Option<Polynomial>],
    target: &Target,
    settings: &Settings,
    sink: &dyn Sink,
    watch: &dyn Watch,
) -> Result<(Vec<Source>, Vec<LeftOut>), MosaicError> {
    let given = images.len();
    let mut stored: Vec<Stored> = Vec::new();
    let mut used: Vec<OnGrid> = Vec::new();
    let mut polynomials = Vec::new();
    for (k, image) in images.into_iter().enumerate() {
        let Some(projector) = image.stored(target.window())? else { continue };
        stored.push(projector);
        let none = || Polynomial::zero((image.window.x as f64, image.window.y as f64), 0);
        polynomials.push(corrections.get(k).cloned().flatten().unwrap_or_else(none));
        used.push(image);
    }
    if used.is_empty() {
        let frame = format!("{} x {} pixels, {}", target.width, target.height, target.wcs.projection().code());
        return Err(MosaicError::NoOverlap { tiles: given, frame });
    }
    let variance = settings.variance || settings.combine.needs_variance();
    let sources: Vec<Source> = used.into_iter().map(|image| image.source).collect();
    let load = |k: usize| image::load(&sources[k], variance);
    let projectors = stored.into_iter().map(|s| Box::new(s) as Box<dyn Projector>).collect();
    let corrections = (!corrections.is_empty()).then_some(polynomials.as_slice());
    let ready = pipeline::OnGrid { images: &sources, projectors, load: &load, corrections };
    let left_out = add_projected(ready, target, settings, sink, watch)?;
    Ok((sources, left_out))
}
