//! What HiPS says of a data set: its `properties` file (HiPS 1.0, section 4.4.1) and its record in a list.

use std::fmt::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use pogson_image::fits::date::format_utc;

use crate::set::{DataSet, TILE_SIDE, hips_pixel_deg};

/// Who publishes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publisher {
    /// The naming authority of the data sets' identifiers; that of unregistered ones is `UNK.AUT`.
    pub authority: String,
}

impl Default for Publisher {
    fn default() -> Publisher {
        Publisher { authority: "UNK.AUT".into() }
    }
}

/// The properties of a data set, a `key = value` on each line.
///
/// - `url`: where the data set is, if that is known; it ends without a slash.
pub fn properties(set: &DataSet, publisher: &Publisher, url: Option<&str>) -> String {
    let mut out = String::new();
    let mut line = |key: &str, value: &str| {
        // Writing to a string does not fail.
        let _ = writeln!(out, "{key:<20} = {value}");
    };
    let moment = |time: SystemTime| {
        let seconds = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        format!("{}Z", &format_utc(seconds)[..16])
    };
    let words =
        |key: &str| set.header.str(key).map(|text| text.trim().replace(['\n', '\r'], " ")).filter(|t| !t.is_empty());
    line("creator_did", &format!("ivo://{}/P/{}", publisher.authority, set.name));
    if let Some(origin) = words("ORIGIN") {
        line("hips_creator", &origin);
    }
    let object = words("OBJECT");
    let title = object.as_ref().map_or_else(|| set.name.clone(), |object| format!("{object} ({})", set.name));
    line("obs_collection", set.name.split('/').next().unwrap_or(&set.name));
    line("obs_title", &title);
    line("obs_description", &format!("{title}: a mosaic made and served by Pogson"));
    if let Some(filter) = words("FILTER").or_else(|| words("BAND")) {
        line("obs_bandpass_name", &filter);
        if let Some(regime) = regime(&filter) {
            line("obs_regime", regime);
        }
    }
    let day = |keys: &[&str]| keys.iter().find_map(|key| set.header.f64(key)).filter(|day| day.is_finite());
    if let Some(first) = day(&["MJD-BEG", "MJD-OBS"]) {
        line("t_min", &number(first));
        // An exposure that says its beginning alone is as long as it says.
        let exposed = set.header.f64("EXPTIME").filter(|seconds| seconds.is_finite() && *seconds > 0.0).unwrap_or(0.0);
        line("t_max", &number(day(&["MJD-END"]).unwrap_or(first + exposed / 86_400.0)));
    }
    line("dataproduct_type", "image");
    line("hips_builder", concat!("pogson ", env!("CARGO_PKG_VERSION")));
    line("hips_version", "1.4");
    line("hips_creation_date", &moment(set.modified));
    line("hips_release_date", &moment(set.modified));
    line("hips_status", "public master clonableOnce");
    line("hips_frame", "equatorial");
    line("hips_order", &set.order.to_string());
    line("hips_order_min", "0");
    line("hips_tile_width", &TILE_SIDE.to_string());
    line("hips_tile_format", "png jpeg fits");
    line("hips_pixel_bitpix", "-32");
    line("data_pixel_bitpix", &set.header.i64("BITPIX").unwrap_or(-32).to_string());
    line("hips_pixel_scale", &number(hips_pixel_deg(set.order)));
    line("s_pixel_scale", &number(set.scale_deg));
    line("hips_sampling", "bspline5");
    line("hips_overlay", "mean");
    line("hips_hierarchy", "mean");
    let (low, high) = set.greys.limits;
    line("hips_pixel_cut", &format!("{} {}", number(low), number(high)));
    line("hips_data_range", &format!("{} {}", number(set.range.0), number(set.range.1)));
    let (ra, dec, fov) = set.view();
    line("hips_initial_ra", &number(ra));
    line("hips_initial_dec", &number(dec));
    line("hips_initial_fov", &number(fov));
    line("moc_sky_fraction", &number(set.coverage.sky_fraction()));
    // In kilobytes: a finest tile is a megabyte, all below it a third of that.
    let tiles = set.coverage.cells_at(set.order).len();
    line("hips_estsize", &(tiles * 1024 * 4 / 3).to_string());
    if let Some(url) = url {
        line("hips_service_url", url);
    }
    out
}

/// Part of the spectrum of the bands that everybody calls the same.
fn regime(band: &str) -> Option<&'static str> {
    let band = band.rsplit(['.', '_', ' ', '/']).next().unwrap_or(band);
    match band {
        "FUV" | "NUV" => Some("UV"),
        "u" | "g" | "r" | "i" | "z" | "U" | "B" | "V" | "R" | "I" => Some("Optical"),
        "Y" | "J" | "H" | "K" | "Ks" | "W1" | "W2" | "W3" | "W4" => Some("Infrared"),
        _ => None,
    }
}

/// A number in as few digits as tell it, without an exponent.
fn number(value: f64) -> String {
    format!("{value}")
}

impl DataSet {
    /// Longitude and latitude of its middle and the width that shows all of it, degrees.
    pub fn view(&self) -> (f64, f64, f64) {
        let level = &self.levels[0];
        let (x, y) = (0.5 * (level.width as f64 - 1.0), 0.5 * (level.height as f64 - 1.0));
        let place = level
            .wcs
            .pix_to_sky(x, y)
            .map(|place| level.wcs.frame().convert_one(&pogson_image::sphere::Frame::Icrs, place));
        let wide = self.scale_deg * level.width.max(level.height) as f64;
        let rounded = |value: f64| (value * 1e6).round() / 1e6;
        place.map_or((0.0, 0.0, 180.0), |place| {
            (rounded(place.lon_deg), rounded(place.lat_deg), rounded(wide.clamp(hips_pixel_deg(self.order), 180.0)))
        })
    }
}
