//! Footprints of images on the sphere, and which of them overlap.

use crate::sphere::{Conversion, Frame, SkyCoord};
use crate::wcs::Wcs;

/// The sky that an image covers.
#[derive(Debug, Clone)]
pub struct Footprint {
    wcs: Wcs,
    to_icrs: Conversion,
    from_icrs: Conversion,
    /// Points along the outer pixel edges as ICRS unit vectors, in order around the image; empty where the
    /// projection does not reach all of them.
    edge: Vec<[f64; 3]>,
    center: [f64; 3],
    /// Angle in radians from the centre that holds all of the image; π when that is not known.
    radius: f64,
}

/// Points along each side; the sides of gnomonic images are great circles, of others nearly so between these points.
const PER_SIDE: usize = 12;
/// Bounding angle in radians beyond which footprints are compared by points rather than as polygons.
const WIDE: f64 = 0.5;

impl Footprint {
    /// The footprint of an image; None in a frame that has no way to the ICRS.
    pub fn of(wcs: &Wcs) -> Option<Footprint> {
        if !wcs.frame().reaches(&Frame::Icrs) {
            return None;
        }
        let to_icrs = wcs.frame().conversion(&Frame::Icrs);
        let from_icrs = Frame::Icrs.conversion(wcs.frame());
        let (width, height) = wcs.naxis();
        let (width, height) = (width as f64, height as f64);
        let at = |x: f64, y: f64| wcs.pix_to_sky(x - 0.5, y - 0.5).map(|p| to_icrs.apply_one(p.to_vector()));
        let edge: Option<Vec<[f64; 3]>> = (0..4 * PER_SIDE)
            .map(|i| {
                let t = (i % PER_SIDE) as f64 / PER_SIDE as f64;
                match i / PER_SIDE {
                    0 => at(width * t, 0.0),
                    1 => at(width, height * t),
                    2 => at(width * (1.0 - t), height),
                    _ => at(0.0, height * (1.0 - t)),
                }
            })
            .collect();
        let edge = edge.unwrap_or_default();
        let sum = edge.iter().fold([0.0; 3], |s, v| [s[0] + v[0], s[1] + v[1], s[2] + v[2]]);
        let length = dot(sum, sum).sqrt();
        let center = if length > 0.0 { sum.map(|c| c / length) } else { [1.0, 0.0, 0.0] };
        // The pole or the far side of the sky may lie within an image whose edge is short.
        let farthest = edge.iter().map(|v| angle(center, *v)).fold(0.0, f64::max);
        let middle = at(width / 2.0, height / 2.0);
        let plain = !edge.is_empty() && farthest < WIDE && middle.is_some_and(|m| angle(center, m) <= farthest);
        let radius = if plain { farthest * (1.0 + 1e-9) } else { std::f64::consts::PI };
        Some(Footprint { wcs: wcs.clone(), to_icrs, from_icrs, edge, center, radius })
    }

    /// Whether two images share sky; ones that touch along an edge do not.
    ///
    /// Images up to about 28 degrees in radius are compared as polygons of great circles. For wider ones the
    /// centres of a grid of 64 x 64 points of each are looked up in the other.
    pub fn overlaps(&self, other: &Footprint) -> bool {
        if !self.may_overlap(other) {
            return false;
        }
        if self.radius > WIDE || other.radius > WIDE {
            return self.reaches_into(other) || other.reaches_into(self);
        }
        let (east, north) = axes(self.center);
        let flat = |v: &[f64; 3]| {
            let depth = dot(*v, self.center);
            [dot(*v, east) / depth, dot(*v, north) / depth]
        };
        let a: Vec<[f64; 2]> = self.edge.iter().map(flat).collect();
        let b: Vec<[f64; 2]> = other.edge.iter().map(flat).collect();
        let any_crossing = pairs(&a).any(|(p, q)| pairs(&b).any(|(r, s)| cross(p, q, r, s)));
        any_crossing
            || a.iter().any(|p| inside(&b, *p))
            || b.iter().any(|p| inside(&a, *p))
            || inside(&b, middle(&a))
            || inside(&a, middle(&b))
    }

    /// Whether the caps around both meet; cheap, and true whenever [`Footprint::overlaps`] is.
    pub fn may_overlap(&self, other: &Footprint) -> bool {
        angle(self.center, other.center) < self.radius + other.radius
    }

    fn reaches_into(&self, other: &Footprint) -> bool {
        let (width, height) = self.wcs.naxis();
        (0..64 * 64).any(|i| {
            let (x, y) = ((i % 64) as f64 + 0.5, f64::from(i / 64) + 0.5);
            let place = self.wcs.pix_to_sky(x / 64.0 * width as f64 - 0.5, y / 64.0 * height as f64 - 0.5);
            let place = place.map(|p| other.from_icrs.apply_one(self.to_icrs.apply_one(p.to_vector())));
            let pixel = place.and_then(|v| other.wcs.sky_to_pix(SkyCoord::from_vector(v)));
            let (right, top) = (other.wcs.naxis().0 as f64 - 0.5, other.wcs.naxis().1 as f64 - 0.5);
            pixel.is_some_and(|(x, y)| x > -0.5 && y > -0.5 && x < right && y < top)
        })
    }
}

/// Index pairs (i < j) of footprints that overlap, in order. Candidates are found by their declinations.
pub fn overlapping_pairs(footprints: &[Footprint]) -> Vec<(usize, usize)> {
    let latitude = |f: &Footprint| libm::asin(f.center[2].clamp(-1.0, 1.0));
    let bands: Vec<(f64, f64)> = footprints.iter().map(|f| (latitude(f) - f.radius, latitude(f) + f.radius)).collect();
    let mut order: Vec<usize> = (0..footprints.len()).collect();
    order.sort_by(|a, b| bands[*a].0.total_cmp(&bands[*b].0).then(a.cmp(b)));
    let mut found = Vec::new();
    for (rank, &i) in order.iter().enumerate() {
        let above = order[rank + 1..].iter().take_while(|&&j| bands[j].0 <= bands[i].1);
        for &j in above {
            if footprints[i].overlaps(&footprints[j]) {
                found.push((i.min(j), i.max(j)));
            }
        }
    }
    found.sort_unstable();
    found
}

fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

fn angle(a: [f64; 3], b: [f64; 3]) -> f64 {
    let c = [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
    libm::atan2(dot(c, c).sqrt(), dot(a, b))
}

/// Two directions at right angles to `v` and each other.
fn axes(v: [f64; 3]) -> ([f64; 3], [f64; 3]) {
    let helper = if v[2].abs() < 0.9 { [0.0, 0.0, 1.0] } else { [1.0, 0.0, 0.0] };
    let product =
        |a: [f64; 3], b: [f64; 3]| [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
    let east = product(helper, v);
    let length = dot(east, east).sqrt();
    let east = east.map(|c| c / length);
    (east, product(v, east))
}

fn pairs(polygon: &[[f64; 2]]) -> impl Iterator<Item = ([f64; 2], [f64; 2])> + '_ {
    polygon.iter().copied().zip(polygon.iter().copied().cycle().skip(1))
}

/// Twice the area of a triangle, positive counter-clockwise.
fn turn(a: [f64; 2], b: [f64; 2], c: [f64; 2]) -> f64 {
    (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
}

/// Whether segments cross in their insides.
fn cross(p: [f64; 2], q: [f64; 2], r: [f64; 2], s: [f64; 2]) -> bool {
    turn(p, q, r) * turn(p, q, s) < 0.0 && turn(r, s, p) * turn(r, s, q) < 0.0
}

/// Whether a point lies within a polygon and farther than rounding from its edge.
fn inside(polygon: &[[f64; 2]], p: [f64; 2]) -> bool {
    let mut within = false;
    for (a, b) in pairs(polygon) {
        let area = turn(a, b, p);
        if area.abs() < 1e-15 {
            let length = libm::hypot(b[0] - a[0], b[1] - a[1]);
            if area.abs() <= 1e-14 * length {
                return false;
            }
        }
        if (a[1] <= p[1]) != (b[1] <= p[1]) && (area > 0.0) == (b[1] > a[1]) {
            within = !within;
        }
    }
    within
}

fn middle(polygon: &[[f64; 2]]) -> [f64; 2] {
    let count = polygon.len() as f64;
    let sum = polygon.iter().fold([0.0; 2], |s, p| [s[0] + p[0], s[1] + p[1]]);
    sum.map(|c| c / count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fits::Header;

    /// A gnomonic image of `width` x `height` degrees in pixels of 0.01 degrees, turned.
    fn image(ra: f64, dec: f64, width: f64, height: f64, turn_deg: f64) -> Footprint {
        let (nx, ny) = ((width * 100.0).round(), (height * 100.0).round());
        let text = format!(
            "NAXIS1 = {nx}\nNAXIS2 = {ny}\nCTYPE1 = 'RA---TAN'\nCTYPE2 = 'DEC--TAN'\nCRVAL1 = {ra}\nCRVAL2 = {dec}\n\
             CRPIX1 = {}\nCRPIX2 = {}\nCDELT1 = -0.01\nCDELT2 = 0.01\nCROTA2 = {turn_deg}\n",
            (nx + 1.0) / 2.0,
            (ny + 1.0) / 2.0
        );
        Footprint::of(&Wcs::from_header(&Header::from_text(&text).unwrap()).unwrap()).unwrap()
    }

    #[test]
    fn neighbours_overlap_and_those_apart_do_not() {
        let a = image(10.0, 0.0, 1.0, 1.0, 0.0);
        assert!(a.overlaps(&a), "an image overlaps its like");
        assert!(a.overlaps(&image(10.9, 0.0, 1.0, 1.0, 0.0)));
        assert!(!a.overlaps(&image(11.1, 0.0, 1.0, 1.0, 0.0)));
        assert!(a.overlaps(&image(10.0, 0.0, 0.1, 0.1, 33.0)), "one within the other");
        // A cross: no corner of one lies in the other.
        assert!(image(10.0, 0.0, 3.0, 0.2, 0.0).overlaps(&image(10.0, 0.0, 0.2, 3.0, 0.0)));
        // Caps meet, corners do not.
        let (b, c) = (image(10.0, 0.0, 1.0, 1.0, 0.0), image(10.9, 1.05, 1.0, 1.0, 0.0));
        assert!(b.may_overlap(&c) && !b.overlaps(&c));
    }

    #[test]
    fn the_zero_meridian_and_the_pole_are_places_like_others() {
        assert!(image(359.8, 20.0, 1.0, 1.0, 0.0).overlaps(&image(0.3, 20.0, 1.0, 1.0, 0.0)));
        assert!(image(0.0, 90.0, 1.0, 1.0, 0.0).overlaps(&image(123.0, 89.6, 1.0, 1.0, 10.0)));
        assert!(!image(0.0, 90.0, 1.0, 1.0, 0.0).overlaps(&image(123.0, 88.0, 1.0, 1.0, 0.0)));
    }

    #[test]
    fn an_all_sky_map_overlaps_everything() {
        let text = "NAXIS1 = 360\nNAXIS2 = 180\nCTYPE1 = 'GLON-AIT'\nCTYPE2 = 'GLAT-AIT'\nCRPIX1 = 180.5\nCRPIX2 = 90.5\n\
            CRVAL1 = 0.0\nCRVAL2 = 0.0\nCDELT1 = -1.0\nCDELT2 = 1.0\n";
        let sky = Footprint::of(&Wcs::from_header(&Header::from_text(text).unwrap()).unwrap()).unwrap();
        assert!(sky.overlaps(&image(266.4, -29.0, 1.0, 1.0, 0.0)));
        assert!(image(192.0, 27.0, 1.0, 1.0, 0.0).overlaps(&sky));
    }

    #[test]
    fn pairs_found_by_declination_are_all_pairs() {
        let footprints: Vec<Footprint> = (0..40)
            .map(|i| {
                let step = f64::from(i);
                image((step * 37.3) % 6.0, (step * 1.7) % 5.0 - 2.5, 1.0, 0.7, step * 11.0)
            })
            .collect();
        let mut expected = Vec::new();
        for i in 0..footprints.len() {
            for j in i + 1..footprints.len() {
                if footprints[i].overlaps(&footprints[j]) {
                    assert!(footprints[j].overlaps(&footprints[i]), "{i} {j}");
                    expected.push((i, j));
                }
            }
        }
        assert!(expected.len() > 20);
        assert_eq!(overlapping_pairs(&footprints), expected);
    }
}
