//! Concentration, asymmetry, smoothness, Gini and M20.
//!
//! Definitions: Lotz, Primack & Madau (2004, AJ 128, 163; equations 4, 6, 8-11), Conselice (2003, ApJS 147, 1), with the
//! choices of Rodriguez-Gomez et al. (2019, MNRAS 483, 4140) where the former leave some: apertures of 1.5 Petrosian
//! radii, smoothing by a quarter of it, the Petrosian ellipse about the centre of least asymmetry for Gini and M20.

use super::aperture::Ellipse;
use super::image::Field;
use super::search::{minimum, root};
use super::segment::regions;
use super::smooth::{boxed, gaussian};
use super::{MorphologyError, flag};

/// Ratio of surface brightness at the Petrosian radius to the mean within.
const ETA: f64 = 0.2;
/// Width of the rings for Petrosian radii, pixels.
const RING: f64 = 1.0;
/// Radius of the aperture for concentration, asymmetry and smoothness, in Petrosian radii.
const EXTENT: f64 = 1.5;
/// Smoothing length and radius of the hole for smoothness, in Petrosian radii.
const FRACTION: f64 = 0.25;
/// Smoothing for the region of Gini and M20, in Petrosian radii.
const FRACTION_GINI: f64 = 0.2;
/// Side of the square of sky that is looked for.
const SKY_BOX: usize = 32;

/// The indices of an object. Lengths in pixels, places in pixels of the image from 0.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Indices {
    /// `5 log10(r80 / r20)` within 1.5 Petrosian radii.
    pub concentration: f64,
    /// Sum of absolute differences to the image turned by half a circle over the sum of absolute values, less the sky's
    /// share, at the centre where it is least.
    pub asymmetry: f64,
    /// Light in clumps of less than a quarter of the Petrosian radius, less the sky's share.
    pub smoothness: f64,
    /// Gini coefficient of the pixels of the Petrosian region.
    pub gini: f64,
    /// `log10` of the share of the second moment that is due to the brightest fifth of the light.
    pub m20: f64,
    /// Column of the centroid.
    pub x_centroid: f64,
    /// Row of the centroid.
    pub y_centroid: f64,
    /// Column of the centre of least asymmetry.
    pub x_asymmetry: f64,
    /// Row of the centre of least asymmetry.
    pub y_asymmetry: f64,
    /// `1 - b / a` of the second moments about the centre of least asymmetry.
    pub ellipticity: f64,
    /// Angle of the major axis from +x towards +y, radians.
    pub orientation: f64,
    /// Petrosian radius in circles.
    pub petrosian_circle: f64,
    /// Petrosian semi-major axis in ellipses.
    pub petrosian_ellipse: f64,
    /// Radius that holds 20 % of the light within 1.5 Petrosian radii.
    pub r20: f64,
    /// Radius that holds half of it.
    pub r50: f64,
    /// Radius that holds 80 % of it.
    pub r80: f64,
    /// Mean of the sky next to the object; 0 without sky.
    pub sky_mean: f64,
    /// Standard deviation of the sky; 0 without sky.
    pub sky_sigma: f64,
    /// What to beware of: bits of [`flag`].
    pub flags: u32,
}

/// What the sky next to the object does to sums of absolute differences, a pixel.
#[derive(Debug, Clone, Default)]
struct Sky {
    pixels: Vec<f64>,
    width: usize,
    mean: f64,
    sigma: f64,
    asymmetry: f64,
}

/// The indices of the object that `inside` tells.
///
/// - `values`: an image with its sky subtracted, row by row; undefined pixels are left out;
/// - `inside`: the object; other pixels are sky unless `masked`, which may be empty.
///
/// # Errors
/// [`MorphologyError::NoObject`] where the object has no pixel or no light.
pub fn indices(values: &[f64], width: usize, inside: &[bool], masked: &[bool]) -> Result<Indices, MorphologyError> {
    let mut flags = 0;
    let whole = Field::new(values, width, masked);
    if inside.len() < whole.values.len() || !inside.iter().any(|i| *i) {
        return Err(MorphologyError::NoObject { problem: "no pixel belongs to the object" });
    }
    let (corner, size) = stamp(inside, width, whole.height);
    let mut field = whole.cut(corner, size);
    let inside: Vec<bool> =
        (0..size.0 * size.1).map(|k| inside[(corner.1 + k / size.0) * width + corner.0 + k % size.0]).collect();
    field.mask_outliers(10.0);
    let own: Vec<f64> = field.values.iter().zip(&inside).map(|(v, i)| if *i { *v } else { 0.0 }).collect();
    let centroid = centroid(&own, size.0)
        .ok_or(MorphologyError::NoObject { problem: "the light of the object's pixels adds up to nothing" })?;
    let sky = sky_box(&field, &inside);
    if sky.pixels.is_empty() {
        flags |= flag::NO_SKY;
    } else if sky.mean.abs() > sky.sigma {
        flags |= flag::SKY_NOT_SUBTRACTED;
    }
    let circle = Ellipse::circle(centroid, 1.0);
    let reach = petrosian(&field, circle, &mut flags) * EXTENT;
    let asymmetry_at = |centre| asymmetry(&field, centre, reach, sky.asymmetry);
    let mut centre = minimum(centroid, asymmetry_at);
    let drift = FRACTION / EXTENT * reach;
    let far = |a: (f64, f64), b: (f64, f64)| libm::hypot(a.0 - b.0, a.1 - b.1) > drift;
    if far(centre, centroid) {
        flags |= flag::CENTRE_DRIFTED;
        let brightest = (0..own.len()).max_by(|a, b| own[*a].total_cmp(&own[*b]).then(b.cmp(a))).unwrap_or(0);
        let brightest = ((brightest % size.0) as f64, (brightest / size.0) as f64);
        centre = minimum(brightest, asymmetry_at);
        if far(centre, brightest) {
            centre = centroid;
        }
    }
    let shape = moments(&own, size.0, centre);
    let ellipse = Ellipse { centre, a: 1.0, q: 1.0 - shape.0, theta: shape.1 };
    let circle = petrosian(&field, Ellipse::circle(centre, 1.0), &mut flags);
    let petrosian_ellipse = petrosian(&field, ellipse, &mut flags);
    let within = |fraction| light_radius(&field, centre, EXTENT * circle, fraction);
    let (r20, r50, r80) = (within(0.2), within(0.5), within(0.8));
    let region = petrosian_region(&field, Ellipse { centre: centroid, ..ellipse }, petrosian_ellipse, &mut flags);
    let to_image = |(x, y): (f64, f64)| (x + corner.0 as f64, y + corner.1 as f64);
    let ((x_centroid, y_centroid), (x_asymmetry, y_asymmetry)) = (to_image(centroid), to_image(centre));
    Ok(Indices {
        concentration: 5.0 * libm::log10(r80 / r20),
        asymmetry: asymmetry_at(centre),
        smoothness: smoothness(&field, centre, circle, &sky),
        gini: gini(&field, &region),
        m20: m20(&field, &region),
        x_centroid,
        y_centroid,
        x_asymmetry,
        y_asymmetry,
        ellipticity: shape.0,
        orientation: shape.1,
        petrosian_circle: circle,
        petrosian_ellipse,
        r20,
        r50,
        r80,
        sky_mean: sky.mean,
        sky_sigma: sky.sigma,
        flags,
    })
}

/// Corner and size of a square about the object, 2.5 times as wide as it and at least 48 pixels, within the image.
fn stamp(inside: &[bool], width: usize, height: usize) -> ((usize, usize), (usize, usize)) {
    let (mut low, mut high) = ((width, height), (0, 0));
    for (k, _) in inside.iter().enumerate().filter(|(_, i)| **i) {
        let (x, y) = (k % width, k / width);
        low = (low.0.min(x), low.1.min(y));
        high = (high.0.max(x + 1), high.1.max(y + 1));
    }
    let (dx, dy) = (high.0 - low.0, high.1 - low.1);
    let middle = (low.0 + dx / 2, low.1 + dy / 2);
    let reach = ((dx.max(dy) as f64 * 2.5 / 2.0) as usize).max(24);
    let from = (middle.0.saturating_sub(reach), middle.1.saturating_sub(reach));
    let to = ((middle.0 + reach).min(width), (middle.1 + reach).min(height));
    (from, (to.0 - from.0, to.1 - from.1))
}

/// Mean place weighted by light. None where the light does not add up to something.
fn centroid(values: &[f64], width: usize) -> Option<(f64, f64)> {
    let (mut sum, mut sx, mut sy) = (0.0, 0.0, 0.0);
    for (k, v) in values.iter().enumerate() {
        sum += v;
        sx += v * (k % width) as f64;
        sy += v * (k / width) as f64;
    }
    (sum > 0.0).then(|| (sx / sum, sy / sum))
}

/// Ellipticity and angle of the second moments about a centre.
fn moments(values: &[f64], width: usize, centre: (f64, f64)) -> (f64, f64) {
    let (mut sum, mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0, 0.0);
    for (k, v) in values.iter().enumerate() {
        let (dx, dy) = ((k % width) as f64 - centre.0, (k / width) as f64 - centre.1);
        sum += v;
        xx += v * dx * dx;
        xy += v * dx * dy;
        yy += v * dy * dy;
    }
    let (mut xx, xy, mut yy) = (xx / sum, xy / sum, yy / sum);
    // An object thinner than a pixel is widened to one (SExtractor's manual).
    let pixel = 1.0 / 12.0;
    while (xx * yy - xy * xy).abs() < pixel * pixel {
        xx += if xx >= 0.0 { pixel } else { -pixel };
        yy += if yy >= 0.0 { pixel } else { -pixel };
    }
    let (mean, half) = (0.5 * (xx + yy), libm::hypot(0.5 * (xx - yy), xy));
    let (one, other) = ((mean + half).abs(), (mean - half).abs());
    let (large, small) = (one.max(other), one.min(other));
    (1.0 - (small / large).sqrt(), 0.5 * libm::atan2(2.0 * xy, xx - yy))
}

/// The first square without object or mask, from the lower left, of 32 pixels or half that and so on.
fn sky_box(field: &Field, inside: &[bool]) -> Sky {
    // Taken pixels left of and below each place, so that a square is asked in one step.
    let (w, h) = (field.width, field.height);
    let mut taken = vec![0u32; (w + 1) * (h + 1)];
    for y in 0..h {
        for x in 0..w {
            let at = y * w + x;
            let own = u32::from(inside[at] || field.masked[at]);
            taken[(y + 1) * (w + 1) + x + 1] =
                own + taken[y * (w + 1) + x + 1] + taken[(y + 1) * (w + 1) + x] - taken[y * (w + 1) + x];
        }
    }
    let mut side = SKY_BOX;
    while side >= 2 {
        for y in 0..h.saturating_sub(side) {
            for x in 0..w.saturating_sub(side) {
                let at = |x: usize, y: usize| taken[y * (w + 1) + x];
                if at(x + side, y + side) + at(x, y) == at(x + side, y) + at(x, y + side) {
                    return sky_of(field.cut((x, y), (side, side)));
                }
            }
        }
        side /= 2;
    }
    Sky::default()
}

fn sky_of(cut: Field) -> Sky {
    let n = cut.values.len() as f64;
    let mean = cut.values.iter().sum::<f64>() / n;
    let variance = cut.values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / n;
    let turned = cut.values.iter().rev();
    let asymmetry = cut.values.iter().zip(turned).map(|(a, b)| (a - b).abs()).sum::<f64>() / n;
    Sky { width: cut.width, pixels: cut.values, mean, sigma: variance.sqrt(), asymmetry }
}

/// The semi-major axis where the mean over a ring falls to a fifth of the mean within; `shape.a` does not matter.
fn petrosian(field: &Field, shape: Ellipse, flags: &mut u32) -> f64 {
    let above = |a: f64| {
        let ring = shape.with_a(a + 0.5 * RING).ring_sum(a - 0.5 * RING, field, |k| field.values[k]);
        let within = shape.with_a(a).sum(field, |k| field.values[k]).mean().abs();
        let ring = ring.mean().abs();
        let ratio = if within == 0.0 { f64::from(u8::from(ring != 0.0)) } else { ring / within };
        ratio - ETA
    };
    let last = field.diagonal() / shape.q;
    let mut before = None;
    for k in 0..100 {
        let a = RING + (last - RING) * f64::from(k) / 99.0;
        if above(a) > 0.0 {
            before = Some(a);
        } else if let Some(before) = before {
            return root(before, a, above);
        } else {
            *flags |= flag::PETROSIAN;
            return RING;
        }
    }
    *flags |= flag::PETROSIAN;
    last
}

/// Equation 10 of Lotz et al. about a centre.
fn asymmetry(field: &Field, centre: (f64, f64), reach: f64, sky: f64) -> f64 {
    let outside = |v: f64, n: usize| v < 0.0 || v >= n as f64;
    if outside(centre.0, field.width) || outside(centre.1, field.height) {
        return 100.0;
    }
    let (turned, hidden) = field.turned(centre);
    let shown = |k: usize| !field.masked[k] && !hidden[k];
    let (mut light, mut difference, mut area) = (0.0, 0.0, 0.0);
    Ellipse::circle(centre, reach).visit(field.width, field.height, |k, share| {
        if shown(k) {
            light += share * field.values[k].abs();
            difference += share * (turned[k] - field.values[k]).abs();
            area += share;
        }
    });
    if light == 0.0 { 100.0 } else { (difference - area * sky) / light }
}

/// Radius of the circle that holds a fraction of the light within `reach`.
fn light_radius(field: &Field, centre: (f64, f64), reach: f64, fraction: f64) -> f64 {
    let within = |r: f64| {
        let mut sum = 0.0;
        Ellipse::circle(centre, r).visit(field.width, field.height, |k, share| sum += share * field.values[k]);
        sum
    };
    let total = within(reach);
    let lacks = |r: f64| fraction - within(r).abs() / total.abs();
    let mut before = 0.0;
    for k in 1..100 {
        let r = reach * f64::from(k) / 99.0;
        if lacks(r) < 0.0 {
            return root(before, r, lacks);
        }
        before = r;
    }
    reach
}

/// Equation 11 of Lotz et al.
fn smoothness(field: &Field, centre: (f64, f64), petrosian: f64, sky: &Sky) -> f64 {
    let size = ((FRACTION * petrosian) as usize).max(1);
    let clumps = |values: &[f64], width: usize| {
        let smooth = boxed(values, width, size);
        values.iter().zip(smooth).map(|(v, s)| (v - s).max(0.0)).collect::<Vec<f64>>()
    };
    let difference = clumps(&field.values, field.width);
    let outer = Ellipse::circle(centre, EXTENT * petrosian);
    let inner = FRACTION * petrosian;
    let ring = |values: &[f64]| {
        let mut sum = 0.0;
        outer.visit(field.width, field.height, |k, share| sum += share * values[k]);
        outer.with_a(inner).visit(field.width, field.height, |k, share| sum -= share * values[k]);
        sum
    };
    let of_sky = match sky.pixels.len() {
        0 => 0.0,
        n => clumps(&sky.pixels, sky.width).iter().sum::<f64>() / n as f64,
    };
    let area = outer.area() - outer.with_a(inner).area();
    (ring(&difference) - area * of_sky) / ring(&field.values)
}

/// The pixels of the smoothed image that are at least as bright as it is at the Petrosian radius: the region with the
/// brightest.
fn petrosian_region(field: &Field, shape: Ellipse, radius: f64, flags: &mut u32) -> Vec<bool> {
    let smooth = gaussian(&field.values, field.width, FRACTION_GINI * radius);
    let (outer, inner) = (shape.with_a(radius + 0.5 * RING), shape.with_a(radius - 0.5 * RING));
    let mut sum = 0.0;
    outer.visit(field.width, field.height, |k, share| sum += share * smooth[k]);
    inner.visit(field.width, field.height, |k, share| sum -= share * smooth[k]);
    let threshold = sum / (outer.area() - inner.area());
    let above: Vec<bool> = smooth.iter().map(|v| *v >= threshold).collect();
    let labels = regions(&above, field.width);
    if labels.iter().any(|l| *l > 1) {
        *flags |= flag::SEVERAL_REGIONS;
    }
    let brightest = (0..smooth.len()).max_by(|a, b| smooth[*a].total_cmp(&smooth[*b]).then(b.cmp(a))).unwrap_or(0);
    labels.iter().map(|l| *l != 0 && *l == labels[brightest]).collect()
}

/// Equation 6 of Lotz et al.; NaN without two pixels.
pub(super) fn gini(field: &Field, region: &[bool]) -> f64 {
    let mut light: Vec<f64> =
        field.values.iter().zip(region).filter(|(_, inside)| **inside).map(|(v, _)| v.abs()).collect();
    light.sort_by(f64::total_cmp);
    let n = light.len() as f64;
    let sum: f64 = light.iter().sum();
    let weighted: f64 = light.iter().enumerate().map(|(k, v)| (2.0 * (k as f64 + 1.0) - n - 1.0) * v).sum();
    weighted / ((n - 1.0) * sum)
}

/// Equation 8 of Lotz et al.; NaN without light.
fn m20(field: &Field, region: &[bool]) -> f64 {
    let image: Vec<f64> = field.values.iter().zip(region).map(|(v, inside)| if *inside { *v } else { 0.0 }).collect();
    let Some(centre) = centroid(&image, field.width) else { return f64::NAN };
    let moment = |least: f64| -> f64 {
        let bright = image.iter().enumerate().filter(|(_, v)| **v >= least);
        bright
            .map(|(k, v)| {
                let (dx, dy) = ((k % field.width) as f64 - centre.0, (k / field.width) as f64 - centre.1);
                v * (dx * dx + dy * dy)
            })
            .sum()
    };
    let mut sorted = image.clone();
    sorted.sort_by(f64::total_cmp);
    let total: f64 = sorted.iter().sum();
    let mut sum = 0.0;
    let threshold = sorted.iter().find(|v| {
        sum += **v;
        sum / total >= 0.8
    });
    match threshold {
        Some(threshold) => libm::log10(moment(*threshold) / moment(f64::NEG_INFINITY)),
        None => f64::NAN,
    }
}
