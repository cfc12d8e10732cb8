//! A cell by its order and number.

use crate::bits::{interleave, separate};
use crate::place;

/// The deepest order: numbers of cells fit 64 bits.
pub const MAX_ORDER: u8 = 29;

/// Number of cells of an order, 12 times 4 to its power; orders above [`MAX_ORDER`] count as that.
pub fn cell_count(order: u8) -> u64 {
    12 << (2 * u32::from(order.min(MAX_ORDER)))
}

/// A cell of the NESTED scheme.
///
/// Within its base face (0 to 11) a cell has a column, which grows to the north-east, and a row, which grows to the
/// north-west.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Cell {
    order: u8,
    index: u64,
}

impl Cell {
    /// The cell of a number; none where the order has no such cell.
    pub fn new(order: u8, index: u64) -> Option<Cell> {
        (order <= MAX_ORDER && index < cell_count(order)).then_some(Cell { order, index })
    }

    /// The cell that holds a place.
    ///
    /// - `order`: at most [`MAX_ORDER`]; deeper ones count as that.
    /// - `lon_deg`: any finite longitude; `lat_deg`: within 90 degrees. What is not finite counts as 0.
    pub fn containing(order: u8, lon_deg: f64, lat_deg: f64) -> Cell {
        let order = order.min(MAX_ORDER);
        let (face, column, row) = place::of_sky(order, lon_deg, lat_deg);
        Cell::of_face(order, face, column, row)
    }

    /// The same by longitude and by sine and cosine of the latitude, all finite.
    pub(crate) fn in_direction(order: u8, lon_deg: f64, latitude: (f64, f64)) -> Cell {
        let (face, column, row) = place::of_direction(order, lon_deg, latitude);
        Cell::of_face(order, face, column, row)
    }

    /// The cell at a column and row of a base face, each below 2 to the power of `order`.
    pub(crate) fn of_face(order: u8, face: u8, column: u32, row: u32) -> Cell {
        Cell { order, index: (u64::from(face) << (2 * u32::from(order))) | interleave(column, row) }
    }

    /// Its order.
    pub fn order(self) -> u8 {
        self.order
    }

    /// Its number.
    pub fn index(self) -> u64 {
        self.index
    }

    /// Base face, 0 to 11; column and row within it.
    pub fn face_place(self) -> (u8, u32, u32) {
        let shift = 2 * u32::from(self.order);
        let (column, row) = separate(self.index & ((1 << shift) - 1));
        ((self.index >> shift) as u8, column, row)
    }

    /// The cell of a lower order that holds this one; itself where `order` is not lower.
    pub fn parent(self, order: u8) -> Cell {
        let up = self.order.saturating_sub(order);
        Cell { order: self.order - up, index: self.index >> (2 * u32::from(up)) }
    }

    /// The numbers of the cells of a deeper order within this one; its own number where `order` is not deeper.
    pub fn children(self, order: u8) -> std::ops::Range<u64> {
        let down = 2 * u32::from(order.min(MAX_ORDER).saturating_sub(self.order));
        (self.index << down)..((self.index + 1) << down)
    }

    /// Whether the other cell is this one or lies within it.
    pub fn contains(self, other: Cell) -> bool {
        other.order >= self.order && other.parent(self.order) == self
    }

    /// Longitude in [0, 360) and latitude, degrees, of a point of the cell.
    ///
    /// - `x`, `y`: share of the way along columns and rows, within [0, 1]; (0, 0) is the southern corner, (0.5, 0.5) the
    ///   centre.
    pub fn point(self, x: f64, y: f64) -> (f64, f64) {
        let (face, column, row) = self.face_place();
        let side = (1u64 << self.order) as f64;
        place::to_sky(face, (f64::from(column) + x) / side, (f64::from(row) + y) / side)
    }

    /// Longitude and latitude of the centre, degrees.
    pub fn center(self) -> (f64, f64) {
        self.point(0.5, 0.5)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_twelve_base_cells_have_the_published_centres() {
        // Górski et al. 2005, figure 4: polar rows at z = 2/3, the equatorial row from longitude 0.
        let polar = libm::asin(2.0 / 3.0).to_degrees();
        for index in 0..12u64 {
            let (lon, lat) = Cell::new(0, index).expect("a base cell").center();
            let column = (index % 4) as f64 * 90.0;
            let (wanted_lon, wanted_lat) = match index / 4 {
                0 => (45.0 + column, polar),
                1 => (column, 0.0),
                _ => (45.0 + column, -polar),
            };
            assert!((lon - wanted_lon).abs() < 1e-12 && (lat - wanted_lat).abs() < 1e-12, "{index}: {lon} {lat}");
        }
    }

    #[test]
    fn places_lie_in_the_cells_that_astropy_healpix_names() {
        for (order, lon, lat, index) in [
            (0, 45.0, 90.0, 0),
            (0, 200.0, -80.0, 10),
            (3, 0.1, 0.2, 304),
            (3, 10.0, 89.9, 63),
            (9, 275.2, -16.17, 1_863_470),
            (9, 180.01, -0.02, 1_638_399),
            (12, 359.999, -41.9, 190_141_760),
            (18, 123.456, -67.89, 628_368_365_796),
            (29, 10.684_708, 41.268_75, 190_633_513_587_146_677),
        ] {
            assert_eq!(Cell::containing(order, lon, lat).index(), index, "{order} {lon} {lat}");
        }
    }

    #[test]
    fn numbers_past_the_last_are_no_cells() {
        assert!(Cell::new(0, 12).is_none() && Cell::new(3, 768).is_none() && Cell::new(30, 0).is_none());
        assert!(Cell::new(3, 767).is_some());
    }

    #[test]
    fn places_that_are_not_finite_do_no_harm() {
        for (lon, lat) in [(f64::NAN, 0.0), (f64::INFINITY, 10.0), (1e300, -90.0), (0.0, f64::NAN), (0.0, 200.0)] {
            let cell = Cell::containing(29, lon, lat);
            assert!(cell.index() < cell_count(29));
        }
    }

    proptest! {
        #[test]
        fn the_centre_of_a_cell_lies_in_the_cell(order in 0u8..=26, share in 0.0f64..1.0) {
            let count = cell_count(order);
            let cell = Cell::new(order, ((count as f64 * share) as u64).min(count - 1)).expect("in range");
            let (lon, lat) = cell.center();
            prop_assert_eq!(Cell::containing(order, lon, lat), cell);
        }

        #[test]
        fn a_place_lies_in_the_parent_of_its_cell(lon in -360.0f64..720.0, lat in -90.0f64..=90.0, order in 0u8..=29) {
            let deep = Cell::containing(29, lon, lat);
            prop_assert_eq!(deep.parent(order), Cell::containing(order, lon, lat));
        }

        #[test]
        fn four_children_fill_their_parent(order in 0u8..28, share in 0.0f64..1.0) {
            let count = cell_count(order);
            let cell = Cell::new(order, ((count as f64 * share) as u64).min(count - 1)).expect("in range");
            let children: Vec<_> = cell.children(order + 1).filter_map(|k| Cell::new(order + 1, k)).collect();
            prop_assert_eq!(children.len(), 4);
            prop_assert!(children.iter().all(|child| cell.contains(*child) && child.parent(order) == cell));
        }
    }
}
