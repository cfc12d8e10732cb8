//! Rectangles on the sky, and the cell that most of one lies in.

use crate::cell::Cell;
use crate::near::Near;

/// A rectangle about a place, its sides along east and north in the plane that touches the sphere there, as images of the sky have it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Patch {
    /// Longitude of the middle, degrees in [0, 360).
    pub lon_deg: f64,
    /// Latitude of the middle, degrees.
    pub lat_deg: f64,
    /// Side along the east, degrees in the plane.
    pub width_deg: f64,
    /// Side along the north, degrees in the plane.
    pub height_deg: f64,
}

/// Widest angle from corner to corner of a cell of order 0, radians; of deeper ones a half for each order.
const WIDEST: f64 = 1.69;
/// Points along a side, by which shares of cells are found: of patches smaller than a cell, and of larger ones.
const POINTS: (usize, usize) = (8, 12);
/// Largest angle between the middle of a patch and a place in it, as its cosine: 80 degrees, for the plane has no end.
const FARTHEST_COS: f64 = 0.173_648_177_666_930_35;
/// Places along a parallel that are followed.
const ALONG: usize = 17;

impl Patch {
    /// A patch to the tenth decimal of a degree: spellings that differ by rounding are one.
    ///
    /// - `size_deg`: along east and north.
    pub fn new(lon_deg: f64, lat_deg: f64, size_deg: (f64, f64)) -> Patch {
        let rounded = |deg: f64| (deg * 1e10).round() / 1e10;
        Patch {
            lon_deg: rounded(lon_deg.rem_euclid(360.0)) % 360.0,
            lat_deg: rounded(lat_deg),
            width_deg: rounded(size_deg.0),
            height_deg: rounded(size_deg.1),
        }
    }

    /// The smallest one about two meridians and two parallels, each as the lesser and the greater.
    ///
    /// None where they are not in order, lie outside -360 to 360 and -90 to 90 degrees, hold nothing, or reach so far that no plane has
    /// them.
    pub fn of_range(lon_deg: (f64, f64), lat_deg: (f64, f64)) -> Option<Patch> {
        let sound = lon_deg.0 >= -360.0 && lon_deg.0 < lon_deg.1 && lon_deg.1 <= 360.0;
        if !(sound && lat_deg.0 >= -90.0 && lat_deg.0 < lat_deg.1 && lat_deg.1 <= 90.0) || lon_deg.1 - lon_deg.0 > 180.0
        {
            return None;
        }
        let at = |k: usize| lon_deg.0 + (lon_deg.1 - lon_deg.0) * k as f64 / (ALONG - 1) as f64;
        let parallel = |lat: f64| (0..ALONG).map(move |k| Vector::of(at(k), lat));
        around(&parallel(lat_deg.0).chain(parallel(lat_deg.1)).collect::<Vec<_>>())
    }

    /// The smallest one about a polygon whose sides are great circles, by longitudes and latitudes of its corners in degrees.
    ///
    /// None of fewer than three corners, and of such as reach too far for a plane.
    pub fn of_polygon(corners_deg: &[(f64, f64)]) -> Option<Patch> {
        if corners_deg.len() < 3 {
            return None;
        }
        around(&corners_deg.iter().map(|(lon, lat)| Vector::of(*lon, *lat)).collect::<Vec<_>>())
    }

    /// The cell that has the largest share of it; of equal ones that of its middle, else the one with the least number.
    ///
    /// Shares are counted to about a fortieth of the patch. Of one that is longer than two cells only what lies around its middle is
    /// looked at: cells there are as large as any.
    ///
    /// - `order`: at most [`crate::MAX_ORDER`]; deeper ones count as that.
    pub fn main_cell(self, order: u8) -> Cell {
        let middle = Cell::containing(order, self.lon_deg, self.lat_deg);
        let widest = WIDEST / (1_u64 << middle.order()) as f64;
        let half = |side_deg: f64| 0.5 * side_deg.abs().to_radians();
        let (wide, high) = (half(self.width_deg), half(self.height_deg));
        let known = wide.is_finite() && high.is_finite();
        // The cell of the middle lies within it as a whole.
        if !known || wide.min(high) >= widest {
            return middle;
        }
        let (wide, high) = (wide.min(widest), high.min(widest));
        let points = if 2.0 * wide.max(high) < widest { POINTS.0 } else { POINTS.1 };
        let near = Near::new(middle, (self.lon_deg, self.lat_deg), (wide, high));
        if let Some(cell) = near.and_then(|near| near.main_cell(points)) {
            return cell;
        }
        let frame = Frame::about(Vector::of(self.lon_deg, self.lat_deg));
        let cell = |x: f64, y: f64| frame.place(x * wide, y * high).cell(middle.order());
        if [(-1.0, -1.0), (1.0, -1.0), (-1.0, 1.0), (1.0, 1.0)].iter().all(|(x, y)| cell(*x, *y) == middle) {
            return middle;
        }
        let at = |k: usize| (2 * k + 1) as f64 / points as f64 - 1.0;
        let mut counts = vec![(middle, 0_u32)];
        for (j, i) in (0..points).flat_map(|j| (0..points).map(move |i| (j, i))) {
            let found = cell(at(i), at(j));
            match counts.iter_mut().find(|(cell, _)| *cell == found) {
                Some((_, count)) => *count += 1,
                None => counts.push((found, 1)),
            }
        }
        let best = counts.iter().map(|(_, count)| *count).max().unwrap_or(0);
        if counts[0].1 == best {
            return middle;
        }
        counts.iter().filter(|(_, count)| *count == best).map(|(cell, _)| *cell).min().unwrap_or(middle)
    }
}

/// A direction, of any length above 0.
#[derive(Clone, Copy)]
struct Vector([f64; 3]);

impl Vector {
    fn of(lon_deg: f64, lat_deg: f64) -> Vector {
        let (sin_lon, cos_lon) = libm::sincos(lon_deg.to_radians());
        let (sin_lat, cos_lat) = libm::sincos(lat_deg.to_radians());
        Vector([cos_lat * cos_lon, cos_lat * sin_lon, sin_lat])
    }

    fn dot(self, other: Vector) -> f64 {
        self.0[0] * other.0[0] + self.0[1] * other.0[1] + self.0[2] * other.0[2]
    }

    /// Longitude and latitude, degrees.
    fn lonlat_deg(self) -> (f64, f64) {
        let [x, y, z] = self.0;
        (libm::atan2(y, x).to_degrees(), libm::atan2(z, libm::hypot(x, y)).to_degrees())
    }

    fn cell(self, order: u8) -> Cell {
        let [x, y, z] = self.0;
        let across = (x * x + y * y).sqrt();
        let length = (across * across + z * z).sqrt();
        Cell::in_direction(order, libm::atan2(y, x).to_degrees(), (z / length, across / length))
    }
}

/// A place with the directions of east and north there.
struct Frame {
    middle: Vector,
    east: Vector,
    north: Vector,
}

impl Frame {
    /// - `middle`: of length 1.
    fn about(middle: Vector) -> Frame {
        let [x, y, z] = middle.0;
        let across = libm::hypot(x, y);
        // At a pole itself the meridian of 0 is taken, as it is by its longitude.
        let (cos, sin) = if across > 0.0 { (x / across, y / across) } else { (1.0, 0.0) };
        Frame { middle, east: Vector([-sin, cos, 0.0]), north: Vector([-z * cos, -z * sin, across]) }
    }

    /// The direction of a place in the plane, radians.
    fn place(&self, x: f64, y: f64) -> Vector {
        let part = |k: usize| self.middle.0[k] + x * self.east.0[k] + y * self.north.0[k];
        Vector([part(0), part(1), part(2)])
    }
}

/// The smallest patch that holds some places; their middle is found by going to the middle of what they take in the plane, which moves
/// less each time.
fn around(places: &[Vector]) -> Option<Patch> {
    let sum = places.iter().fold([0.0; 3], |sum, v| [sum[0] + v.0[0], sum[1] + v.0[1], sum[2] + v.0[2]]);
    let mut middle = Vector(sum);
    let mut half = (0.0, 0.0);
    for last in [false, false, false, true] {
        let length = middle.dot(middle).sqrt();
        if length < 1e-9 || !length.is_finite() {
            return None;
        }
        middle = Vector(middle.0.map(|part| part / length));
        let frame = Frame::about(middle);
        let (mut x, mut y) = ((f64::INFINITY, f64::NEG_INFINITY), (f64::INFINITY, f64::NEG_INFINITY));
        for place in places {
            let near = place.dot(middle);
            if near < FARTHEST_COS {
                return None;
            }
            let (along, across) = (place.dot(frame.east) / near, place.dot(frame.north) / near);
            x = (x.0.min(along), x.1.max(along));
            y = (y.0.min(across), y.1.max(across));
        }
        if last {
            half = (x.1.max(-x.0), y.1.max(-y.0));
        } else {
            middle = frame.place(0.5 * (x.0 + x.1), 0.5 * (y.0 + y.1));
        }
    }
    let (lon, lat) = middle.lonlat_deg();
    let side = |half: f64| 2.0 * half.to_degrees();
    let patch = Patch::new(lon, lat, (side(half.0), side(half.1)));
    (patch.width_deg > 0.0 && patch.height_deg > 0.0).then_some(patch)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    /// Shares of cells, counted at 200 x 200 places.
    fn shares(patch: Patch, order: u8) -> BTreeMap<Cell, f64> {
        const FINE: usize = 200;
        let frame = Frame::about(Vector::of(patch.lon_deg, patch.lat_deg));
        let at = |k: usize, side: f64| side.to_radians() * ((k as f64 + 0.5) / FINE as f64 - 0.5);
        let mut out = BTreeMap::new();
        for (j, i) in (0..FINE).flat_map(|j| (0..FINE).map(move |i| (j, i))) {
            let (lon, lat) = frame.place(at(i, patch.width_deg), at(j, patch.height_deg)).lonlat_deg();
            *out.entry(Cell::containing(order, lon, lat)).or_insert(0.0) += 1.0 / (FINE * FINE) as f64;
        }
        out
    }

    proptest! {
        #[test]
        fn no_cell_has_much_more_of_a_patch_than_its_main_one(
            lon in 0.0f64..360.0, z in -1.0f64..1.0, order in 3u8..15, wide in 0.02f64..2.0, high in 0.02f64..2.0,
        ) {
            let cell_deg = 58.6 / f64::from(1u16 << order);
            let patch = Patch::new(lon, libm::asin(z).to_degrees(), (wide * cell_deg, high * cell_deg));
            let shares = shares(patch, order);
            let most = shares.values().fold(0.0f64, |most, share| most.max(*share));
            let main = shares.get(&patch.main_cell(order)).copied().unwrap_or(0.0);
            prop_assert!(main > most - 0.08, "{main} of {most}");
        }

        #[test]
        fn the_cell_of_the_middle_is_the_main_one_of_patches_that_hold_it_or_lie_in_it(
            order in 0u8..12, share in 0.0f64..1.0, size in 0.01f64..0.2,
        ) {
            let count = crate::cell_count(order);
            let cell = Cell::new(order, ((count as f64 * share) as u64).min(count - 1)).expect("a cell");
            let (lon, lat) = cell.center();
            let side = 58.6 / f64::from(1u16 << order);
            prop_assert_eq!(Patch::new(lon, lat, (size * side, size * side)).main_cell(order), cell);
            prop_assert_eq!(Patch::new(lon, lat, (5.0 * side, 4.0 * side)).main_cell(order), cell);
        }

        #[test]
        fn a_polygon_lies_within_its_patch_and_touches_all_sides_off_the_poles(
            lon in 0.0f64..360.0, lat in -89.0f64..89.0, at in prop::collection::vec((-3.0f64..3.0, -3.0f64..3.0), 3..9),
        ) {
            let frame = Frame::about(Vector::of(lon, lat));
            let corners: Vec<_> = at.iter().map(|(x, y)| frame.place(x.to_radians(), y.to_radians()).lonlat_deg()).collect();
            let Some(patch) = Patch::of_polygon(&corners) else { return Ok(()) };
            let frame = Frame::about(Vector::of(patch.lon_deg, patch.lat_deg));
            let plane: Vec<_> = corners.iter().map(|(lon, lat)| {
                let place = Vector::of(*lon, *lat);
                let near = place.dot(frame.middle);
                ((place.dot(frame.east) / near).to_degrees(), (place.dot(frame.north) / near).to_degrees())
            }).collect();
            let most = |pick: fn(&(f64, f64)) -> f64| plane.iter().map(pick).fold(f64::NEG_INFINITY, f64::max);
            let half = (0.5 * patch.width_deg, 0.5 * patch.height_deg);
            for (reach, half) in [(most(|p| p.0), half.0), (most(|p| -p.0), half.0), (most(|p| p.1), half.1), (most(|p| -p.1), half.1)] {
                prop_assert!(reach < half + 1e-9, "{reach} {half} {patch:?}");
                // At a pole north and east turn as the middle moves.
                prop_assert!(patch.lat_deg.abs() > 75.0 || half - reach < 2e-3 * half.max(0.01), "{reach} {half} {patch:?}");
            }
        }

        #[test]
        fn any_numbers_are_a_patch_or_none(lon in any::<f64>(), lat in any::<f64>(), wide in any::<f64>(), high in any::<f64>()) {
            let _ = Patch::new(lon, lat, (wide, high)).main_cell(9);
            let _ = Patch::of_range((lon, wide), (lat, high));
            let _ = Patch::of_polygon(&[(lon, lat), (wide, high), (lat, lon)]);
        }
    }

    #[test]
    fn a_range_has_the_sides_that_its_meridians_and_parallels_have() {
        // About the equator: tangents of half the angles, by the gnomonic projection's definition.
        let patch = Patch::of_range((359.0, 360.0), (-0.5, 0.5)).expect("a patch");
        let side = 2.0 * libm::tan(0.5_f64.to_radians()).to_degrees();
        assert!((patch.lon_deg - 359.5).abs() < 1e-9 && patch.lat_deg.abs() < 1e-9);
        assert!((patch.width_deg - side).abs() < 1e-9, "{patch:?}");
        // The corners lie nearer to the edge than the parallels' middles: tan(lat) / cos(lon).
        assert!((patch.height_deg - side / libm::cos(0.5_f64.to_radians())).abs() < 1e-9, "{patch:?}");
    }

    #[test]
    fn what_no_plane_holds_is_none() {
        assert_eq!(Patch::of_range((0.0, 360.0), (-1.0, 1.0)), None);
        assert_eq!(Patch::of_range((2.0, 1.0), (-1.0, 1.0)), None);
        assert_eq!(Patch::of_range((1.0, 2.0), (1.0, 1.0)), None);
        assert_eq!(Patch::of_range((1.0, 2.0), (80.0, 91.0)), None);
        assert_eq!(Patch::of_polygon(&[(0.0, 0.0), (120.0, 0.0), (240.0, 0.0)]), None);
        assert_eq!(Patch::of_polygon(&[(0.0, 0.0), (1.0, 0.0)]), None);
    }
}
