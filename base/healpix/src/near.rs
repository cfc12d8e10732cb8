//! The main cell of a small patch away from the poles, where lines of cells are nearly straight: the hundreds of places that shares are
//! counted by take a few sums each, not an arc tangent.

use std::f64::consts::FRAC_PI_2;

use crate::cell::Cell;
use crate::place::{BELT, cap, of_belt, of_cap, quarters};

/// Largest half side, radians: what is left out is below a fiftieth of a cell.
const SMALL: f64 = 0.03;
/// Least distance from a pole, in sides of cells, for the same reason.
const FROM_POLE: f64 = 100.0;
/// Lines of cells that a patch may reach over, each way.
const LINES: usize = 8;

/// A patch, its places by lines of cells that ascend and that descend.
pub(crate) struct Near {
    middle: Cell,
    /// Half sides, radians.
    half: (f64, f64),
    sin: f64,
    cos: f64,
    quarters: f64,
    /// Whether it lies in the belt around the equator; else in a cap.
    in_belt: bool,
}

impl Near {
    /// None where the patch is large, near a pole, or on both sides of a line behind which lines of cells have another direction.
    ///
    /// - `middle`: the cell of its middle.
    /// - `place_deg`: longitude and latitude of the middle.
    /// - `half`: half of its sides along east and north, radians.
    pub(crate) fn new(middle: Cell, place_deg: (f64, f64), half: (f64, f64)) -> Option<Near> {
        let (sin, cos) = libm::sincos(place_deg.1.to_radians());
        if half.0.max(half.1) > SMALL || cos * ((1u64 << middle.order()) as f64) < FROM_POLE {
            return None;
        }
        let near = Near { middle, half, sin, cos, quarters: quarters(place_deg.0), in_belt: sin.abs() <= BELT };
        let rows = [near.row(-half.1), near.row(half.1)];
        let one_side = rows.iter().all(|row| (row.sin.abs() <= BELT) == near.in_belt);
        let quarter = near.quarters.floor();
        let one_quarter = rows.iter().all(|row| {
            let reach = half.0 * row.along;
            near.quarters - reach >= quarter && near.quarters + reach < quarter + 1.0
        });
        (one_side && (near.in_belt || one_quarter)).then_some(near)
    }

    /// The parallel at `y` radians to the north of the middle.
    fn row(&self, y: f64) -> Row {
        let length = (1.0 + y * y).sqrt();
        let across = self.cos - y * self.sin;
        Row { sin: (self.sin + y * self.cos) / length, cos: across / length, along: 1.0 / (FRAC_PI_2 * across) }
    }

    /// Lines that a place lies behind, ascending and descending, at `x` radians to the east in a row.
    fn lines(&self, row: Row) -> impl Fn(f64) -> (f64, f64) + use<> {
        let n = (1u64 << self.middle.order()) as f64;
        let (in_belt, along) = (self.in_belt, row.along);
        // One turn more in the belt, for a place may lie to the west of longitude 0.
        let (from, wide) = match in_belt {
            true => (self.quarters + 4.5, n * 0.75 * row.sin),
            false => (self.quarters.fract(), n * cap(row.sin.abs(), row.cos)),
        };
        move |x| {
            let turned = from + x * along;
            if in_belt { (n * turned - wide, n * turned + wide) } else { (turned * wide, (1.0 - turned) * wide) }
        }
    }

    fn cell(&self, up: u64, down: u64) -> Cell {
        let order = self.middle.order();
        let (face, column, row) = if self.in_belt {
            of_belt(order, up, down)
        } else {
            of_cap(order, self.sin >= 0.0, self.quarters as u8, up, down)
        };
        Cell::of_face(order, face, column, row)
    }

    /// The cell that has most of `points` times `points` places; of equal ones that of the middle, else the one with the least number. None
    /// where it cannot be said this way.
    pub(crate) fn main_cell(&self, points: usize) -> Option<Cell> {
        let (up, down) = self.lines(self.row(0.0))(0.0);
        let (up, down) = (up as u64, down as u64);
        if self.cell(up, down) != self.middle {
            return None;
        }
        // Place of the middle's lines in the table.
        let center = LINES as u64 / 2;
        let (first_up, first_down) = (up as f64 - center as f64, down as f64 - center as f64);
        let at = |k: usize| (2 * k + 1) as f64 / points as f64 - 1.0;
        let mut counts = [[0_u16; LINES]; LINES];
        for j in 0..points {
            let lines = self.lines(self.row(at(j) * self.half.1));
            for i in 0..points {
                let (one, other) = lines(at(i) * self.half.0);
                let (column, row) = (one - first_up, other - first_down);
                if column < 0.0 || row < 0.0 {
                    return None;
                }
                // By way of small numbers, which take a third of the time that long ones do.
                let (column, row) = (column as i32 as usize, row as i32 as usize);
                *counts.get_mut(column)?.get_mut(row)? += 1;
            }
        }
        let best = counts.iter().flatten().copied().max()?;
        if counts[center as usize][center as usize] == best {
            return Some(self.middle);
        }
        let cells = counts.iter().enumerate().flat_map(|(column, rows)| {
            let is_best = move |(row, count): (usize, &u16)| (*count == best).then_some((column as u64, row as u64));
            rows.iter().enumerate().filter_map(is_best)
        });
        cells.map(|(column, row)| self.cell(up + column - center, down + row - center)).min()
    }
}

/// A parallel through a patch.
struct Row {
    sin: f64,
    cos: f64,
    /// Quarters of a turn for a radian to the east.
    along: f64,
}
