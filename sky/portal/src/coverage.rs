//! Where a data set has pixels: ranges of HEALPix cells, and the forms in which the IVOA writes them (MOC 2.0).

use std::fmt::Write as _;
use std::ops::Range;

use pogson_healpix::{Cell, cell_count};
use pogson_image::fits::Header;
use pogson_image::fits::header::BLOCK;

/// Ranges of cells of one order, ascending, neither touching nor overlapping.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coverage {
    order: u8,
    ranges: Vec<Range<u64>>,
}

impl Coverage {
    /// The coverage of some cells, in any order, repeated or not.
    pub fn of_cells(order: u8, mut cells: Vec<u64>) -> Coverage {
        cells.sort_unstable();
        cells.dedup();
        let mut ranges: Vec<Range<u64>> = Vec::new();
        for cell in cells {
            match ranges.last_mut() {
                Some(last) if last.end == cell => last.end += 1,
                _ => ranges.push(cell..cell + 1),
            }
        }
        Coverage { order, ranges }
    }

    /// The order of its cells.
    pub fn order(&self) -> u8 {
        self.order
    }

    /// Share of the sky, 0 to 1.
    pub fn sky_fraction(&self) -> f64 {
        let cells: u64 = self.ranges.iter().map(|r| r.end - r.start).sum();
        cells as f64 / cell_count(self.order) as f64
    }

    /// Whether a cell, of any order, shares sky with it.
    pub fn touches(&self, cell: Cell) -> bool {
        let wanted = if cell.order() > self.order { cell.parent(self.order) } else { cell }.children(self.order);
        let next = self.ranges.partition_point(|range| range.end <= wanted.start);
        self.ranges.get(next).is_some_and(|range| range.start < wanted.end)
    }

    /// The cells of an order, not deeper than its own, that share sky with it; ascending.
    pub fn cells_at(&self, order: u8) -> Vec<u64> {
        let shift = 2 * u32::from(self.order.saturating_sub(order));
        let mut cells: Vec<u64> = Vec::new();
        for range in &self.ranges {
            let first = range.start >> shift;
            let from = if cells.last() == Some(&first) { first + 1 } else { first };
            cells.extend(from..=(range.end - 1) >> shift);
        }
        cells
    }

    /// The fewest cells that make it up, by order and number.
    fn hierarchical(&self) -> Vec<(u8, u64)> {
        let mut out = Vec::new();
        for range in &self.ranges {
            let mut at = range.start;
            while at < range.end {
                let mut up = 0u8;
                // As large a cell as begins here and ends within the range.
                while up < self.order {
                    let size = 1u64 << (2 * u32::from(up + 1));
                    if at % size != 0 || at + size > range.end {
                        break;
                    }
                    up += 1;
                }
                out.push((self.order - up, at >> (2 * u32::from(up))));
                at += 1 << (2 * u32::from(up));
            }
        }
        out.sort_unstable();
        out
    }

    /// As JSON: an object of lists by order.
    pub fn to_json(&self) -> String {
        let mut orders = serde_json::Map::new();
        for (order, index) in self.hierarchical() {
            let list = orders.entry(order.to_string()).or_insert_with(|| serde_json::Value::Array(Vec::new()));
            if let Some(list) = list.as_array_mut() {
                list.push(index.into());
            }
        }
        // The deepest order is told even where no cell is of it.
        orders.entry(self.order.to_string()).or_insert_with(|| serde_json::Value::Array(Vec::new()));
        serde_json::Value::Object(orders).to_string()
    }

    /// As text: `order/numbers`, runs of numbers as ranges.
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        let mut current = None;
        let cells = self.hierarchical();
        let mut k = 0;
        while k < cells.len() {
            let (order, first) = cells[k];
            let mut last = first;
            while cells.get(k + 1) == Some(&(order, last + 1)) {
                (k, last) = (k + 1, last + 1);
            }
            k += 1;
            let space = if out.is_empty() { "" } else { " " };
            let front = if current == Some(order) { String::new() } else { format!("{order}/") };
            current = Some(order);
            let end = if last > first { format!("-{last}") } else { String::new() };
            // Writing to a string does not fail.
            let _ = write!(out, "{space}{front}{first}{end}");
        }
        if current != Some(self.order) {
            let space = if out.is_empty() { "" } else { " " };
            let _ = write!(out, "{space}{}/", self.order);
        }
        out
    }

    /// As a FITS table of unique numbers, `4 * 4^order + number`.
    pub fn to_fits(&self) -> Vec<u8> {
        let cells = self.hierarchical();
        let mut primary = Header::new();
        primary.set("SIMPLE", true, "conforms to FITS");
        primary.set("BITPIX", 8_i64, "");
        primary.set("NAXIS", 0_i64, "");
        primary.set("EXTEND", true, "");
        let mut table = Header::new();
        table.set("XTENSION", "BINTABLE", "multi-order coverage map");
        for (key, value) in [("BITPIX", 8), ("NAXIS", 2), ("NAXIS1", 8), ("NAXIS2", cells.len() as i64)] {
            table.set(key, value, "");
        }
        for (key, value) in [("PCOUNT", 0_i64), ("GCOUNT", 1), ("TFIELDS", 1)] {
            table.set(key, value, "");
        }
        table.set("TFORM1", "1K", "");
        table.set("TTYPE1", "UNIQ", "4 * 4^order + number");
        table.set("PIXTYPE", "HEALPIX", "");
        table.set("ORDERING", "NUNIQ", "");
        table.set("COORDSYS", "C", "ICRS");
        table.set("MOCVERS", "2.0", "");
        table.set("MOCDIM", "SPACE", "");
        table.set("MOCORD_S", i64::from(self.order), "deepest order");
        table.set("MOCORDER", i64::from(self.order), "the same, as of MOC 1");
        table.set("MOCTOOL", concat!("pogson ", env!("CARGO_PKG_VERSION")), "");
        let mut out = primary.to_bytes();
        out.extend(table.to_bytes());
        let mut numbers: Vec<u64> = cells.iter().map(|(order, index)| (4 << (2 * u32::from(*order))) + index).collect();
        numbers.sort_unstable();
        out.extend(numbers.iter().flat_map(|number| number.to_be_bytes()));
        out.resize(out.len().next_multiple_of(BLOCK), 0);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn four_brothers_become_their_parent() {
        let coverage = Coverage::of_cells(3, vec![7, 4, 5, 6, 9]);
        assert_eq!(coverage.to_text(), "2/1 3/9");
        assert_eq!(coverage.to_json(), r#"{"2":[1],"3":[9]}"#);
        assert_eq!(coverage.sky_fraction(), 5.0 / 768.0);
        let bytes = coverage.to_fits();
        let data = &bytes[2 * BLOCK..];
        assert_eq!(data[..8], (4u64 * 16 + 1).to_be_bytes());
        assert_eq!(data[8..16], (4u64 * 64 + 9).to_be_bytes());
    }

    #[test]
    fn no_cells_are_a_coverage_too() {
        let empty = Coverage::of_cells(5, vec![]);
        assert_eq!((empty.to_text(), empty.sky_fraction()), ("5/".to_owned(), 0.0));
        assert!(!empty.touches(Cell::containing(0, 0.0, 0.0)));
    }

    proptest! {
        #[test]
        fn a_cell_touches_if_one_of_its_cells_is_covered(cells in prop::collection::vec(0u64..3072, 0..60), order in 0u8..7, at in 0.0f64..1.0) {
            let coverage = Coverage::of_cells(4, cells.clone());
            let cell = Cell::new(order, (cell_count(order) as f64 * at) as u64).expect("a cell");
            let wanted = cells.iter().filter_map(|c| Cell::new(4, *c)).any(|c| c.contains(cell) || cell.contains(c));
            prop_assert_eq!(coverage.touches(cell), wanted);
            if order <= 4 {
                prop_assert_eq!(coverage.cells_at(order).contains(&cell.index()), wanted);
            }
        }

        #[test]
        fn the_hierarchy_holds_each_cell_once(cells in prop::collection::vec(0u64..3072, 0..600)) {
            let coverage = Coverage::of_cells(4, cells.clone());
            let mut back: Vec<u64> =
                coverage.hierarchical().into_iter().filter_map(|(o, k)| Cell::new(o, k)).flat_map(|c| c.children(4)).collect();
            back.sort_unstable();
            let mut wanted = cells;
            wanted.sort_unstable();
            wanted.dedup();
            prop_assert_eq!(back, wanted);
        }
    }
}
