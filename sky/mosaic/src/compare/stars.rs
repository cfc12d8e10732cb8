//! Known stars in an image.

use std::f64::consts::PI;

use pogson_image::fits::{FitsError, Image, Rect};
use pogson_image::sphere::{Frame, SkyCoord, Vectors};
use pogson_image::wcs::Wcs;
use rayon::prelude::*;

use super::aperture::{Aperture, Patch, measure};
use super::score::StarResult;

/// Square degrees per steradian, in square seconds of arc.
const ARCSEC2_PER_SR: f64 = (180.0 * 3600.0 / PI) * (180.0 * 3600.0 / PI);

/// How near an edge of a tile has to be for a star to count as at a seam, in pixels of the tile.
pub const SEAM_PX: f64 = 14.0;

/// A star of known flux.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ListedStar {
    /// Its place, FK5 J2000.
    pub place: SkyCoord,
    /// Its flux.
    pub flux: f64,
}

/// A line of a star list that is no star.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("line {line}, '{text}', is no star; each line has right ascension and declination in degrees, and flux")]
pub struct StarListError {
    /// Number of the line, from 1.
    pub line: usize,
    /// What it says.
    pub text: String,
}

/// Reads a star list: right ascension, declination (degrees, FK5 J2000) and flux, apart by blanks or commas; `#` begins a
/// comment; further columns are left aside.
///
/// # Errors
/// The first line that is something else.
pub fn parse_stars(text: &str) -> Result<Vec<ListedStar>, StarListError> {
    let mut stars = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let content = line.split('#').next().unwrap_or("").trim();
        if content.is_empty() {
            continue;
        }
        let words = content.split([' ', '\t', ',']).filter(|word| !word.is_empty());
        let numbers: Vec<f64> = words.map_while(|word| word.parse().ok()).take(3).collect();
        match numbers.as_slice() {
            [ra, dec, flux] if (-90.0..=90.0).contains(dec) && ra.is_finite() && flux.is_finite() => {
                stars.push(ListedStar { place: SkyCoord { lon_deg: *ra, lat_deg: *dec }, flux: *flux });
            }
            _ => return Err(StarListError { line: index + 1, text: content.to_owned() }),
        }
    }
    Ok(stars)
}

/// What a pixel's value means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantity {
    /// Surface brightness: a flux is a sum of values times the pixel's area in square seconds of arc.
    SurfaceBrightness,
    /// Flux: a flux is a plain sum of values.
    Flux,
}

/// Borders of the tiles that a mosaic was made of.
#[derive(Debug, Clone, Default)]
pub struct Seams(Vec<(Wcs, usize, usize)>);

impl Seams {
    /// Adds a tile of `width` × `height` pixels.
    pub fn add(&mut self, wcs: Wcs, width: usize, height: usize) {
        self.0.push((wcs, width, height));
    }

    /// For each place (FK5 J2000), whether a border passes within [`SEAM_PX`].
    fn pass_by(&self, stars: &[ListedStar]) -> Vec<bool> {
        let mut near = vec![false; stars.len()];
        for (wcs, width, height) in &self.0 {
            let (x, y) = pixels_of(wcs, stars);
            for (near, (x, y)) in near.iter_mut().zip(x.iter().zip(&y)) {
                let (width, height) = (*width as f64, *height as f64);
                let inside = *x > -SEAM_PX && *x < width + SEAM_PX && *y > -SEAM_PX && *y < height + SEAM_PX;
                let core = *x >= SEAM_PX && *x <= width - SEAM_PX && *y >= SEAM_PX && *y <= height - SEAM_PX;
                *near |= inside && !core;
            }
        }
        near
    }
}

/// Places of stars in an image, 0-based pixels; NaN where they have none.
fn pixels_of(wcs: &Wcs, stars: &[ListedStar]) -> (Vec<f64>, Vec<f64>) {
    let lon: Vec<f64> = stars.iter().map(|star| star.place.lon_deg).collect();
    let lat: Vec<f64> = stars.iter().map(|star| star.place.lat_deg).collect();
    let mut vectors = Vectors::from_lonlat(&lon, &lat);
    Frame::Fk5 { equinox: 2000.0 }.convert(wcs.frame(), &mut vectors);
    let (mut x, mut y) = (vec![0.0; stars.len()], vec![0.0; stars.len()]);
    wcs.vectors_to_pix(&vectors, &mut x, &mut y);
    (x, y)
}

/// Measures each star that lies in the image with all the pixels that its aperture and ring need.
///
/// - `seams`: borders of the tiles, if they are known.
///
/// # Errors
/// When pixels cannot be read.
pub fn measure_stars(
    image: &Image<'_>,
    wcs: &Wcs,
    stars: &[ListedStar],
    aperture: &Aperture,
    quantity: Quantity,
    seams: &Seams,
) -> Result<Vec<StarResult>, FitsError> {
    let (x, y) = pixels_of(wcs, stars);
    let seam = seams.pass_by(stars);
    let within =
        |x: f64, y: f64| x > -0.5 && y > -0.5 && x < image.width() as f64 - 0.5 && y < image.height() as f64 - 0.5;
    let mut areas: Vec<f64> = x
        .iter()
        .zip(&y)
        .filter(|(x, y)| within(**x, **y))
        .filter_map(|(x, y)| wcs.pixel_area_sr(*x, *y))
        .map(|area| area * ARCSEC2_PER_SR)
        .filter(|area| *area > 0.0 && area.is_finite())
        .collect();
    areas.sort_by(f64::total_cmp);
    let Some(middle) = areas.get(areas.len() / 2) else { return Ok(Vec::new()) };
    let scale_arcsec = middle.sqrt();
    let reach = aperture.reach_px(scale_arcsec);
    let measured: Result<Vec<Option<StarResult>>, FitsError> = (0..stars.len())
        .into_par_iter()
        .map(|index| {
            let (x, y, star) = (x[index], y[index], &stars[index]);
            let Some(rect) = square(x, y, reach, image.width(), image.height()) else { return Ok(None) };
            let mut values = vec![0f32; rect.area()];
            image.read_f32(0, rect, &mut values)?;
            let patch =
                Patch { values: &values, side: rect.width, x: x - rect.x as f64, y: y - rect.y as f64, scale_arcsec };
            let Some(found) = measure(&patch, aperture) else { return Ok(None) };
            let area = match quantity {
                Quantity::SurfaceBrightness => wcs.pixel_area_sr(x, y).map(|area| area * ARCSEC2_PER_SR),
                Quantity::Flux => Some(1.0),
            };
            let Some(area) = area else { return Ok(None) };
            Ok(Some(StarResult {
                ra: star.place.lon_deg,
                dec: star.place.lat_deg,
                true_flux: star.flux,
                flux: found.sum * area,
                dx: found.dx,
                dy: found.dy,
                background: found.background,
                x: x + 1.0,
                y: y + 1.0,
                seam: seam[index],
            }))
        })
        .collect();
    Ok(measured?.into_iter().flatten().collect())
}

/// The square of `reach` pixels to each side of a place; `None` when it is not all within the image.
fn square(x: f64, y: f64, reach: usize, width: usize, height: usize) -> Option<Rect> {
    let side = 2 * reach + 1;
    let corner = |place: f64| {
        let corner = place.round() - reach as f64;
        (0.0..1e15).contains(&corner).then_some(corner as usize)
    };
    let rect = Rect { x: corner(x)?, y: corner(y)?, width: side, height: side };
    rect.is_within(width, height).then_some(rect)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_list_has_comments_and_further_columns() {
        let stars = parse_stars("# ra dec flux\n10.5 -3 1000 extra\n\n 11,4,2e3 # bright\n").unwrap();
        assert_eq!(stars.len(), 2);
        assert_eq!(stars[1], ListedStar { place: SkyCoord { lon_deg: 11.0, lat_deg: 4.0 }, flux: 2000.0 });
    }

    #[test]
    fn a_line_that_is_no_star_is_named() {
        let error = parse_stars("1 2 3\n1 two 3").unwrap_err();
        assert_eq!((error.line, error.text.as_str()), (2, "1 two 3"));
        assert!(parse_stars("1 95 3").is_err());
    }
}
