//! Pixels of a tile, and of the field as it truly is.

use std::f64::consts::PI;

use pogson_image::sphere::SkyCoord;
use pogson_image::wcs::Wcs;

use super::field::{Field, NOISE, TilePlan};
use super::random::Random;

/// How far a hot pixel stands above the rest.
const HOT: f64 = 1e5;

impl Field {
    /// Draws a tile: its `width` × `height` values, row by row. The same for any order of tiles and threads.
    pub fn draw_tile(&self, tile: &TilePlan) -> Vec<f32> {
        let (width, height) = self.recipe.tile;
        let middle = (0.5 * (width as f64 - 1.0), 0.5 * (height as f64 - 1.0));
        let [level, along_x, along_y] = tile.plane;
        let mut image = Vec::with_capacity(width * height);
        for row in 0..height {
            let start = along_y.mul_add(row as f64 - middle.1, level);
            image.extend((0..width).map(|column| along_x.mul_add(column as f64 - middle.0, start)));
        }
        self.draw_stars(&tile.wcs, width, height, tile.gain, &mut image);
        self.disturb(tile, &mut image);
        image.into_iter().map(|value| value as f32).collect()
    }

    /// Draws the field on its own grid: all stars over the mean background, without noise.
    pub fn draw_truth(&self) -> Vec<f32> {
        let mut image = vec![self.recipe.level; self.side * self.side];
        self.draw_stars(&self.region_wcs, self.side, self.side, 1.0, &mut image);
        image.into_iter().map(|value| value as f32).collect()
    }

    /// Adds the stars that an image of these coordinates shows.
    fn draw_stars(&self, wcs: &Wcs, width: usize, height: usize, gain: f64, image: &mut [f64]) {
        let arcsec2_sr = (PI / 180.0 / 3600.0f64).powi(2);
        let reach = self.recipe.profile.reach_px() as f64 + 1.0;
        let middle = wcs.pix_to_sky(0.5 * (width as f64 - 1.0), 0.5 * (height as f64 - 1.0));
        let circle = middle.map(|middle| Circle::around(middle, self.radius_deg(width, height, reach)));
        for (index, star) in self.stars.iter().enumerate() {
            let Some(direction) = self.directions.get(index) else { continue };
            if circle.as_ref().is_some_and(|circle| !circle.holds(direction)) {
                continue;
            }
            let Some((x, y)) = wcs.sky_to_pix(SkyCoord::from_vector(direction)) else { continue };
            let outside = |place: f64, size: usize| place < -reach || place > size as f64 + reach;
            if outside(x, width) || outside(y, height) {
                continue;
            }
            // Values are surface brightness: the smaller the pixel, the higher the sum over the star.
            let area_arcsec2 = wcs.pixel_area_sr(x, y).map_or(f64::NAN, |area| area / arcsec2_sr);
            if area_arcsec2 > 0.0 && area_arcsec2.is_finite() {
                self.recipe.profile.draw(image, width, height, x, y, star.flux * gain / area_arcsec2);
            }
        }
    }

    /// Radius of a circle that surely holds an image, in degrees; generous, for projections stretch.
    fn radius_deg(&self, width: usize, height: usize, reach: f64) -> f64 {
        let diagonal = libm::hypot(width as f64 + 2.0 * reach, height as f64 + 2.0 * reach);
        (0.75 * diagonal * self.recipe.scale_arcsec / 3600.0).min(180.0)
    }

    /// Noise, hot pixels, pixels without a value.
    fn disturb(&self, tile: &TilePlan, image: &mut [f64]) {
        let recipe = &self.recipe;
        let mut random = Random::new(recipe.seed, NOISE + tile.id as u64);
        if recipe.noise > 0.0 {
            for value in image.iter_mut() {
                *value += random.normal(recipe.noise);
            }
        }
        for (fraction, spoil) in [(recipe.hot_fraction, HOT), (recipe.nan_fraction, f64::NAN)] {
            if fraction > 0.0 {
                for value in image.iter_mut() {
                    if random.unit() < fraction {
                        *value += spoil;
                    }
                }
            }
        }
    }
}

/// A circle on the sky.
struct Circle {
    middle: [f64; 3],
    cosine: f64,
}

impl Circle {
    fn around(middle: SkyCoord, radius_deg: f64) -> Circle {
        Circle { middle: middle.to_vector(), cosine: libm::cos(radius_deg.to_radians()) }
    }

    fn holds(&self, v: [f64; 3]) -> bool {
        self.middle.iter().zip(v).map(|(a, b)| a * b).sum::<f64>() >= self.cosine
    }
}
