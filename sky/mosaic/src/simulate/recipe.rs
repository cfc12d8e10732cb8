//! What a simulated survey looks like.

use pogson_image::sphere::{Frame, SkyCoord};

use super::star::Profile;

/// How the background of each tile differs from the others'.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Background {
    /// The same level in all tiles.
    Flat,
    /// A level of its own in each scan and tile.
    Level {
        /// Standard deviation of the scans' levels; tiles of a scan scatter by half of it.
        offset: f64,
    },
    /// A level, and a slope along each axis.
    Plane {
        /// As for a level.
        offset: f64,
        /// Standard deviation of the slopes, per pixel.
        slope: f64,
    },
}

/// A simulated survey: scans of overlapping tiles, side by side, over a square field.
///
/// Scans lie 429/512 of a tile's width apart and tiles of a scan 970/1024 of its height, every other scan shifted by
/// 763/1024, as the 2MASS Atlas images do; each tile is put off by up to half a pixel, so that no grid falls on another.
#[derive(Debug, Clone, PartialEq)]
pub struct Recipe {
    /// Side of the field, in degrees; above 0, at most 60.
    pub size_deg: f64,
    /// Its centre, FK5 J2000.
    pub center: SkyCoord,
    /// Frame of the tiles' and the field's coordinates.
    pub frame: Frame,
    /// Projection of the tiles: a three-letter code.
    pub projection: String,
    /// Width and height of a tile, in pixels.
    pub tile: (usize, usize),
    /// Side of a pixel, in seconds of arc.
    pub scale_arcsec: f64,
    /// Rotation of the survey, its tiles and the grid that they lie on, in degrees.
    pub rotation_deg: f64,
    /// Standard deviation of the scans' rotations about it, in degrees.
    pub rotation_scatter_deg: f64,
    /// Stars per square degree.
    pub stars_per_deg2: f64,
    /// Least and greatest flux of a star: the sum of its pixel values times the pixel area in square seconds of arc.
    /// Log-uniform between them.
    pub flux: (f64, f64),
    /// Spread of a star's light.
    pub profile: Profile,
    /// Mean level of the background.
    pub level: f64,
    /// How it varies.
    pub background: Background,
    /// Standard deviation of the noise, Gaussian and independent in each pixel.
    pub noise: f64,
    /// Standard deviation of the tiles' zero points, in magnitudes; MAGZP tells each tile's.
    pub zero_point_scatter_mag: f64,
    /// Fraction of pixels that are hot (1e5 above the rest).
    pub hot_fraction: f64,
    /// Fraction of pixels without a value.
    pub nan_fraction: f64,
    /// Seed of all random numbers.
    pub seed: u64,
}

impl Default for Recipe {
    /// 0.2 degrees of 2MASS-like tiles, free of noise.
    fn default() -> Recipe {
        Recipe {
            size_deg: 0.2,
            center: SkyCoord { lon_deg: 274.7, lat_deg: -13.8 },
            frame: Frame::Fk5 { equinox: 2000.0 },
            projection: "SIN".to_owned(),
            tile: (512, 1024),
            scale_arcsec: 1.0,
            rotation_deg: 0.0,
            rotation_scatter_deg: 0.004,
            stars_per_deg2: 3000.0,
            flux: (1e3, 1e5),
            profile: Profile::Gaussian { fwhm_px: 2.8 },
            level: 640.0,
            background: Background::Plane { offset: 3.0, slope: 3e-3 },
            noise: 0.0,
            zero_point_scatter_mag: 0.0,
            hot_fraction: 0.0,
            nan_fraction: 0.0,
            seed: 1,
        }
    }
}

/// Why a survey cannot be simulated.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RecipeError {
    /// A number outside its range.
    #[error("{name} is {value}; it has to be {wanted}")]
    OutOfRange {
        /// What it is.
        name: &'static str,
        /// Its value.
        value: f64,
        /// What it may be.
        wanted: &'static str,
    },
    /// Coordinates that make no sense, such as an unknown projection.
    #[error("the tiles' coordinates: {0}")]
    Wcs(#[from] pogson_image::wcs::WcsError),
}

impl Recipe {
    /// Checks the numbers.
    ///
    /// # Errors
    /// [`RecipeError::OutOfRange`] names the first one that makes no sense.
    pub fn check(&self) -> Result<(), RecipeError> {
        let fwhm = match self.profile {
            Profile::Gaussian { fwhm_px } | Profile::Moffat { fwhm_px, .. } => fwhm_px,
        };
        let beta = if let Profile::Moffat { beta, .. } = self.profile { beta } else { 2.0 };
        let pixels = self.size_deg * 3600.0 / self.scale_arcsec;
        let checks = [
            (
                "the size of the field in degrees",
                self.size_deg,
                self.size_deg > 0.0 && self.size_deg <= 60.0,
                "above 0, at most 60",
            ),
            (
                "the scale in seconds of arc",
                self.scale_arcsec,
                self.scale_arcsec > 0.0 && self.scale_arcsec <= 3600.0,
                "above 0, at most 3600",
            ),
            ("the side of the field in pixels", pixels, (1.0..=1e6).contains(&pixels), "from 1 to 1,000,000"),
            ("the width of a tile", self.tile.0 as f64, (1..=100_000).contains(&self.tile.0), "from 1 to 100,000"),
            ("the height of a tile", self.tile.1 as f64, (1..=100_000).contains(&self.tile.1), "from 1 to 100,000"),
            ("the full width at half maximum", fwhm, fwhm > 0.0 && fwhm <= 100.0, "above 0, at most 100"),
            ("beta", beta, beta > 1.0 && beta <= 100.0, "above 1, at most 100"),
            (
                "the number of stars in a square degree",
                self.stars_per_deg2,
                (0.0..=1e9).contains(&self.stars_per_deg2),
                "from 0 to 1e9",
            ),
            ("the least flux", self.flux.0, self.flux.0 > 0.0 && self.flux.0.is_finite(), "above 0"),
            (
                "the greatest flux",
                self.flux.1,
                self.flux.1 >= self.flux.0 && self.flux.1.is_finite(),
                "at least the least flux",
            ),
            ("the noise", self.noise, self.noise >= 0.0 && self.noise.is_finite(), "0 or more"),
            ("the scatter of rotations", self.rotation_scatter_deg, self.rotation_scatter_deg >= 0.0, "0 or more"),
            (
                "the scatter of zero points",
                self.zero_point_scatter_mag,
                self.zero_point_scatter_mag >= 0.0,
                "0 or more",
            ),
            ("the fraction of hot pixels", self.hot_fraction, (0.0..=1.0).contains(&self.hot_fraction), "from 0 to 1"),
            (
                "the fraction of pixels without a value",
                self.nan_fraction,
                (0.0..=1.0).contains(&self.nan_fraction),
                "from 0 to 1",
            ),
        ];
        match checks.into_iter().find(|(_, _, good, _)| !good) {
            Some((name, value, _, wanted)) => Err(RecipeError::OutOfRange { name, value, wanted }),
            None => Ok(()),
        }
    }
}
