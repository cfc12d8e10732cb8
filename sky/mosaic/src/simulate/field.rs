//! A survey laid out: its tiles, its stars, and the truth about both.

use pogson_image::fits::Header;
use pogson_image::sphere::{Frame, SkyCoord, Vectors};
use pogson_image::wcs::Wcs;

use super::random::Random;
use super::recipe::{Background, Recipe, RecipeError};

/// Zero point of a tile without scatter, in magnitudes.
const ZERO_POINT_MAG: f64 = 20.0;

/// Streams of random numbers, one for each purpose; tiles' noise follows from `NOISE` on.
const STARS: u64 = 0;
const SCANS: u64 = 1;
const TILES: u64 = 1 << 20;
pub(super) const NOISE: u64 = 1 << 40;

/// A star.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Star {
    /// Its place, FK5 J2000.
    pub place: SkyCoord,
    /// Its flux; see [`Recipe::flux`].
    pub flux: f64,
}

/// A tile before it is drawn.
#[derive(Debug, Clone)]
pub struct TilePlan {
    /// Number, from 0.
    pub id: usize,
    /// Scan, 0 through the centre.
    pub scan: i64,
    /// Place in the scan, 0 nearest the centre.
    pub row: i64,
    /// Name of its file.
    pub name: String,
    /// Its coordinates and what else its header says.
    pub header: Header,
    /// The same, understood.
    pub wcs: Wcs,
    /// Background at the middle of the tile and its slopes per pixel.
    pub plane: [f64; 3],
    /// What the stars' fluxes are multiplied by.
    pub gain: f64,
}

/// A survey laid out.
#[derive(Debug, Clone)]
pub struct Field {
    /// What it follows.
    pub recipe: Recipe,
    /// Header of the field's own grid, in which a mosaic is to be made.
    pub region: Header,
    /// The same, understood.
    pub region_wcs: Wcs,
    /// Pixels along a side of the field.
    pub side: usize,
    /// All stars in and just around the field.
    pub stars: Vec<Star>,
    /// All tiles that touch the field.
    pub tiles: Vec<TilePlan>,
    /// The stars' places in the frame of the images.
    pub(super) directions: Vectors,
}

impl Field {
    /// Lays out a survey.
    ///
    /// # Errors
    /// Numbers out of range; a projection that does not exist.
    pub fn new(recipe: &Recipe) -> Result<Field, RecipeError> {
        recipe.check()?;
        let side = (recipe.size_deg * 3600.0 / recipe.scale_arcsec).round().max(1.0) as usize;
        let center = fk5().convert_one(&recipe.frame, recipe.center);
        let region = image_header(&recipe.frame, "TAN", center, (side, side), recipe.scale_arcsec, 0.0);
        let region_wcs = Wcs::from_header(&region)?;
        let stars = scatter_stars(recipe, side, &region_wcs);
        let mut directions = Vectors::new();
        for star in &stars {
            directions.push(fk5().convert_one(&recipe.frame, star.place).to_vector());
        }
        let mut field =
            Field { recipe: recipe.clone(), region, region_wcs, side, stars, tiles: Vec::new(), directions };
        field.tiles = field.lay_tiles(center)?;
        Ok(field)
    }

    fn lay_tiles(&self, center: SkyCoord) -> Result<Vec<TilePlan>, RecipeError> {
        let recipe = &self.recipe;
        let (width, height) = (recipe.tile.0 as f64, recipe.tile.1 as f64);
        let pixel_deg = recipe.scale_arcsec / 3600.0;
        let (scan_step, row_step, shift) = (width * 429.0 / 512.0, height * 970.0 / 1024.0, height * 763.0 / 1024.0);
        // Enough scans and rows for a field and tiles turned by any angle.
        let half = 0.5 * std::f64::consts::SQRT_2 * self.side as f64 + 0.5 * libm::hypot(width, height);
        let (sine, cosine) = libm::sincos(recipe.rotation_deg.to_radians());
        let scans = (half / scan_step).ceil() as i64 + 1;
        let rows = (half / row_step).ceil() as i64 + 1;
        let mut tiles = Vec::new();
        let mut scan_random = Random::new(recipe.seed, SCANS);
        for scan in -scans..=scans {
            let rotation = recipe.rotation_deg + scan_random.normal(recipe.rotation_scatter_deg);
            let scan_level = scan_random.normal(1.0);
            for row in -rows..=rows {
                let cell = ((scan + scans) * (2 * rows + 1) + row + rows) as u64;
                let mut random = Random::new(recipe.seed, TILES + cell);
                let (jitter_x, jitter_y) = (random.uniform(-0.5, 0.5), random.uniform(-0.5, 0.5));
                let along_x = (scan as f64 * scan_step + jitter_x) * pixel_deg;
                let along_y = (row as f64 * row_step + if scan % 2 == 0 { 0.0 } else { shift } + jitter_y) * pixel_deg;
                let (east, north) = (cosine * along_x - sine * along_y, sine * along_x + cosine * along_y);
                let Some(place) = offset(center, east, north) else { continue };
                let header =
                    image_header(&recipe.frame, &recipe.projection, place, recipe.tile, recipe.scale_arcsec, rotation);
                let wcs = Wcs::from_header(&header)?;
                let plane = draw_plane(recipe, scan_level, &mut random);
                let magnitudes = random.normal(recipe.zero_point_scatter_mag);
                if self.touches(&wcs) {
                    let mut tile = TilePlan {
                        id: tiles.len(),
                        scan,
                        row,
                        name: format!("sim_{:03}_{:03}.fits", scan + scans, row + rows),
                        header,
                        wcs,
                        plane,
                        gain: libm::pow(10.0, 0.4 * magnitudes),
                    };
                    tile.header.set("BUNIT", "DN", "");
                    tile.header.set("MAGZP", ZERO_POINT_MAG + magnitudes, "[mag] zero point");
                    tile.header.set("SCANNO", scan + 1000, "scan");
                    tiles.push(tile);
                }
            }
        }
        Ok(tiles)
    }

    /// True when the box around the tile's border, on the field's grid, meets the field.
    fn touches(&self, wcs: &Wcs) -> bool {
        let (width, height) = (self.recipe.tile.0 as f64, self.recipe.tile.1 as f64);
        let (mut low, mut high) = ([f64::INFINITY; 2], [f64::NEG_INFINITY; 2]);
        for (u, v) in [(0.0, 0.0), (0.5, 0.0), (1.0, 0.0), (0.0, 0.5), (1.0, 0.5), (0.0, 1.0), (0.5, 1.0), (1.0, 1.0)] {
            let Some(place) = wcs.pix_to_sky(u * width - 0.5, v * height - 0.5) else { continue };
            let Some((x, y)) = self.region_wcs.sky_to_pix(place) else { continue };
            for (axis, value) in [x, y].into_iter().enumerate() {
                low[axis] = value.min(low[axis]);
                high[axis] = value.max(high[axis]);
            }
        }
        let side = self.side as f64 - 0.5;
        (0..2).all(|axis| high[axis] > 0.0 && low[axis] < side)
    }

    /// Truth about the stars, as text: right ascension and declination (FK5 J2000, degrees) and flux.
    pub fn stars_text(&self) -> String {
        let mut text = String::from("# ra dec flux (sum of pixel values times pixel area in square seconds of arc)\n");
        for star in &self.stars {
            text += &format!("{:.9} {:.9} {:.6}\n", star.place.lon_deg, star.place.lat_deg, star.flux);
        }
        text
    }

    /// Truth about the backgrounds, as text.
    pub fn planes_text(&self) -> String {
        let mut text = format!(
            "# id scan tile b0 bx by gain (about pixel {:.1},{:.1})\n",
            0.5 * (self.recipe.tile.0 as f64 + 1.0),
            0.5 * (self.recipe.tile.1 as f64 + 1.0)
        );
        for tile in &self.tiles {
            let [level, along_x, along_y] = tile.plane;
            text += &format!(
                "{} {} {} {level:.6} {along_x:.8} {along_y:.8} {:.8}\n",
                tile.id, tile.scan, tile.row, tile.gain
            );
        }
        text
    }
}

/// The frame of the truth.
pub(super) fn fk5() -> Frame {
    Frame::Fk5 { equinox: 2000.0 }
}

/// Stars on a jittered grid, so that none blends with another, as the field's own grid shows them.
fn scatter_stars(recipe: &Recipe, side: usize, region: &Wcs) -> Vec<Star> {
    let extent = side as f64 * 1.02;
    let per_side = (recipe.stars_per_deg2.sqrt() * recipe.size_deg * 1.02)
        .floor()
        .max(if recipe.stars_per_deg2 > 0.0 { 4.0 } else { 0.0 });
    let step = extent / per_side.max(1.0);
    let mut random = Random::new(recipe.seed, STARS);
    let logs = (libm::log10(recipe.flux.0), libm::log10(recipe.flux.1));
    let mut stars = Vec::new();
    let per_side = per_side as usize;
    for row in 0..per_side {
        for column in 0..per_side {
            let x = (column as f64 + 0.5 + random.uniform(-0.25, 0.25)) * step - 0.01 * side as f64 - 0.5;
            let y = (row as f64 + 0.5 + random.uniform(-0.25, 0.25)) * step - 0.01 * side as f64 - 0.5;
            let flux = libm::pow(10.0, random.uniform(logs.0, logs.1));
            if let Some(place) = region.pix_to_sky(x, y) {
                stars.push(Star { place: recipe.frame.convert_one(&fk5(), place), flux: round_to(flux, 1e6) });
            }
        }
    }
    // What is drawn is what the list says, to its last digit.
    for star in &mut stars {
        star.place =
            SkyCoord { lon_deg: round_to(star.place.lon_deg, 1e9), lat_deg: round_to(star.place.lat_deg, 1e9) };
    }
    stars
}

fn round_to(value: f64, steps: f64) -> f64 {
    (value * steps).round() / steps
}

/// Background at the middle of a tile, and its slopes.
fn draw_plane(recipe: &Recipe, scan_level: f64, random: &mut Random) -> [f64; 3] {
    let draws = [random.normal(1.0), random.normal(1.0), random.normal(1.0)];
    match recipe.background {
        Background::Flat => [recipe.level, 0.0, 0.0],
        Background::Level { offset } => [recipe.level + offset * (scan_level + 0.5 * draws[0]), 0.0, 0.0],
        Background::Plane { offset, slope } => {
            [recipe.level + offset * (scan_level + 0.5 * draws[0]), slope * draws[1], slope * draws[2]]
        }
    }
}

/// The place that lies `x` degrees east and `y` north of `center` on its tangential sphere's grid of great circles;
/// `None` beyond a quarter turn.
fn offset(center: SkyCoord, x: f64, y: f64) -> Option<SkyCoord> {
    if libm::hypot(x, y) >= 90.0 {
        return None;
    }
    // On the sphere turned so that the centre lies on the equator at longitude 0, x and y are longitude and latitude.
    let [px, py, pz] = SkyCoord { lon_deg: x, lat_deg: y }.to_vector();
    let (sine, cosine) = libm::sincos(center.lat_deg.to_radians());
    let turned = [cosine * px - sine * pz, py, sine * px + cosine * pz];
    let place = SkyCoord::from_vector(turned);
    Some(SkyCoord { lon_deg: (place.lon_deg + center.lon_deg).rem_euclid(360.0), lat_deg: place.lat_deg })
}

/// Header of an image about `center`.
fn image_header(
    frame: &Frame,
    projection: &str,
    center: SkyCoord,
    (width, height): (usize, usize),
    scale_arcsec: f64,
    rotation_deg: f64,
) -> Header {
    let (lon, lat) = axis_names(frame);
    let pixel_deg = scale_arcsec / 3600.0;
    let mut header = Header::new();
    header.set("NAXIS1", width, "");
    header.set("NAXIS2", height, "");
    header.set("CTYPE1", format!("{lon:-<5}{projection:->3}"), "");
    header.set("CTYPE2", format!("{lat:-<5}{projection:->3}"), "");
    header.set("CRVAL1", center.lon_deg, "[deg]");
    header.set("CRVAL2", center.lat_deg, "[deg]");
    header.set("CRPIX1", 0.5 * (width as f64 + 1.0), "");
    header.set("CRPIX2", 0.5 * (height as f64 + 1.0), "");
    header.set("CDELT1", -pixel_deg, "[deg]");
    header.set("CDELT2", pixel_deg, "[deg]");
    header.set("CROTA2", rotation_deg, "[deg]");
    match frame {
        Frame::Icrs => header.set("RADESYS", "ICRS", ""),
        Frame::Fk5 { equinox } => header.set("EQUINOX", *equinox, ""),
        Frame::Fk4 { equinox, .. } => {
            header.set("RADESYS", "FK4", "");
            header.set("EQUINOX", *equinox, "");
        }
        Frame::Ecliptic { equinox } => header.set("EQUINOX", *equinox, ""),
        _ => {}
    }
    // Conics need the latitude of their standard parallel, ZPN a polynomial.
    match projection {
        "COP" | "COE" | "COD" | "COO" | "BON" => header.set("PV2_1", 45.0, "[deg]"),
        "ZPN" => header.set("PV2_1", 1.0, ""),
        _ => {}
    }
    header
}

fn axis_names(frame: &Frame) -> (&'static str, &'static str) {
    match frame {
        Frame::Galactic => ("GLON", "GLAT"),
        Frame::Ecliptic { .. } => ("ELON", "ELAT"),
        Frame::Supergalactic => ("SLON", "SLAT"),
        _ => ("RA", "DEC"),
    }
}
