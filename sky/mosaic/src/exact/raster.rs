//! Exact coverage of a square grid by a sheet of quadrilaterals: the inner loop of exact reprojection.
//!
//! Each straight edge is walked once through the unit cells that it crosses. A piece of an edge inside a cell covers,
//! with its sign, all that lies to the right of it in its row: the rest of its own cell at once, the cells further
//! right by a running sum along the row. An edge between two pixels carries the difference of their values, so the
//! sheet costs two edges a pixel. The result is continuous in the position of the edges: a corner that rounding puts
//! on the wrong side of a cell's border changes nothing.
//!
//! `ORDER` is the highest moment kept about each cell's centre (0: area alone; 1: centroid; 2: second moments), from
//! which a smooth weight such as the solid angle of a gnomonic plane is integrated over each overlap.
//!
//! Source: signed-area accumulation as in exact-coverage scan conversion; moments by integrating the monomials
//! over the trapezium between a straight piece and the cell's right side.

/// Moments of a covered part of a cell about the cell's centre: integrals of 1, X, Y, X², XY, Y² in cell units.
pub(crate) type Moments = [f64; 6];

/// A rectangle of cells `[column, column + 1) x [row, row + 1)` that edges are laid on. Two channels: the values
/// (times weight) and the weights.
///
/// A cell is `OWN[ORDER]` moments of the parts that pieces in it cover, then `ORDER + 1` numbers that it hands to the
/// cells on its right: integrals of 1, Y, Y² over the heights that its pieces span. X and Y run from -1/2 to 1/2.
#[derive(Debug, Default)]
pub(crate) struct Raster {
    width: usize,
    height: usize,
    values: Vec<f64>,
    weights: Vec<f64>,
}

impl Raster {
    /// Empties the raster and gives it a new size, in cells, for moments up to `order`.
    pub(crate) fn reset(&mut self, order: usize, width: usize, height: usize) {
        self.width = width;
        self.height = height;
        for channel in [&mut self.values, &mut self.weights] {
            channel.clear();
            channel.resize(width * height * STRIDE[order.min(2)], 0.0);
        }
    }

    /// Lays an edge from `a` to `b` (cell coordinates, inside the raster): all to its right gains `value` and
    /// `weight` where it runs upwards, and loses them where it runs downwards.
    #[inline(always)]
    pub(crate) fn edge<const ORDER: usize>(&mut self, a: (f64, f64), b: (f64, f64), value: f64, weight: f64) {
        let (low, high, value, weight) = match a.1 < b.1 {
            true => (a, b, value, weight),
            false => (b, a, -value, -weight),
        };
        let rise = high.1 - low.1;
        if rise <= 0.0 {
            return;
        }
        let (first, last) = (low.1 as usize, high.1 as usize);
        if first == last {
            self.row_piece::<ORDER>(first, low, high, value, weight);
            return;
        }
        let slope = (high.0 - low.0) / rise;
        let mut from = low;
        for row in first..last {
            let top = (row + 1) as f64;
            let x = on_line(top - low.1, high.1 - top, slope, low.0, high.0);
            self.row_piece::<ORDER>(row, from, (x, top), value, weight);
            from = (x, top);
        }
        if from.1 < high.1 {
            self.row_piece::<ORDER>(last, from, high, value, weight);
        }
    }

    /// As [`Raster::edge`], for edges that may leave the raster: what lies left of column 1 counts as in column 0,
    /// what lies right of the last column, above or below is left out. First and last column are then margins.
    #[inline(always)]
    pub(crate) fn edge_within<const ORDER: usize>(&mut self, a: (f64, f64), b: (f64, f64), value: f64, weight: f64) {
        let (width, height) = (self.width as f64 - 0.5, self.height as f64);
        if a.1.max(b.1) <= 0.0 || a.1.min(b.1) >= height || a.0.min(b.0) >= width || a.1 == b.1 {
            return;
        }
        let (a, b) = (cut_y(a, a, b, height), cut_y(b, a, b, height));
        let (from, to, sign) = if a.0 > b.0 { (b, a, -1.0) } else { (a, b, 1.0) };
        let enter = cut_x(from, to, 1.0);
        let leave = cut_x(from, to, width);
        self.edge::<ORDER>((0.5, from.1), (0.5, enter.1), sign * value, sign * weight);
        if enter.0 >= 1.0 && enter.0 < width {
            self.edge::<ORDER>(enter, leave, sign * value, sign * weight);
        }
    }

    /// A piece of an edge within one row, cut at the columns' borders.
    #[inline(always)]
    fn row_piece<const ORDER: usize>(&mut self, row: usize, a: (f64, f64), b: (f64, f64), value: f64, weight: f64) {
        let (ca, cb) = (a.0 as usize, b.0 as usize);
        if ca == cb {
            self.piece::<ORDER>(row, ca, a, b, value, weight);
            return;
        }
        let run = b.0 - a.0;
        let slope = (b.1 - a.1) / run;
        let mut from = a;
        if ca < cb {
            for column in ca..cb {
                let x = (column + 1) as f64;
                let to = (x, on_line(x - a.0, b.0 - x, slope, a.1, b.1));
                self.piece::<ORDER>(row, column, from, to, value, weight);
                from = to;
            }
        } else {
            for column in (cb + 1..=ca).rev() {
                let x = column as f64;
                let to = (x, on_line(x - a.0, b.0 - x, slope, a.1, b.1));
                self.piece::<ORDER>(row, column, from, to, value, weight);
                from = to;
            }
        }
        self.piece::<ORDER>(row, cb, from, b, value, weight);
    }

    /// A piece of an edge within one cell.
    #[inline(always)]
    fn piece<const ORDER: usize>(
        &mut self,
        row: usize,
        column: usize,
        a: (f64, f64),
        b: (f64, f64),
        value: f64,
        weight: f64,
    ) {
        let at = row * self.width + column;
        let dy = b.1 - a.1;
        let x = 0.5 * (a.0 + b.0) - (column as f64 + 0.5);
        let open = 0.5 - x;
        let mut own = [dy * open, 0.0, 0.0, 0.0, 0.0, 0.0];
        let mut carry = [dy, 0.0, 0.0];
        if ORDER > 0 {
            let dx = b.0 - a.0;
            let y = 0.5 * (a.1 + b.1) - (row as f64 + 0.5);
            let xx = x.mul_add(x, dx * dx * TWELFTH);
            let xy = dx * dy * TWELFTH;
            own[1] = dy * 0.5 * (0.25 - xx);
            own[2] = dy * y.mul_add(open, -xy);
            carry[1] = dy * y;
            if ORDER > 1 {
                let yy = y.mul_add(y, dy * dy * TWELFTH);
                own[3] = dy * THIRD * (0.125 - x * (x * x + dx * dx * 0.25));
                own[4] = dy * 0.5 * (0.25 * y - y.mul_add(xx, 2.0 * x * xy));
                own[5] = dy * (0.5 * yy - x.mul_add(yy, 2.0 * y * xy));
                carry[2] = dy * yy;
            }
        }
        add::<ORDER>(&mut self.values, at, &own, &carry, value);
        if weight != 0.0 {
            add::<ORDER>(&mut self.weights, at, &own, &carry, weight);
        }
    }

    /// The cells of one row, in order of the column.
    #[inline(always)]
    pub(crate) fn row<const ORDER: usize>(&self, row: usize) -> Row<'_, ORDER> {
        let stride = STRIDE[ORDER];
        let range = row * self.width * stride..(row + 1) * self.width * stride;
        Row {
            values: self.values[range.clone()].chunks_exact(stride),
            weights: self.weights[range].chunks_exact(stride),
            run: [[0.0; 3]; 2],
        }
    }
}

/// The moments (values, weights) of a row of cells, one after the other.
pub(crate) struct Row<'a, const ORDER: usize> {
    values: std::slice::ChunksExact<'a, f64>,
    weights: std::slice::ChunksExact<'a, f64>,
    run: [[f64; 3]; 2],
}

impl<const ORDER: usize> Iterator for Row<'_, ORDER> {
    type Item = (Moments, Moments);

    #[inline(always)]
    fn next(&mut self) -> Option<(Moments, Moments)> {
        let (value, weight) = (self.values.next()?, self.weights.next()?);
        let both = (moments::<ORDER>(value, &self.run[0]), moments::<ORDER>(weight, &self.run[1]));
        for k in 0..=ORDER {
            self.run[0][k] += value[OWN[ORDER] + k];
            self.run[1][k] += weight[OWN[ORDER] + k];
        }
        Some(both)
    }
}

/// Where a line is, `after` its start (value `a`) and `before` its end (value `b`): measured from the nearer, so that
/// a crossing close to a corner is as exact as the corner.
#[inline(always)]
fn on_line(after: f64, before: f64, slope: f64, a: f64, b: f64) -> f64 {
    if after.abs() < before.abs() { slope.mul_add(after, a) } else { slope.mul_add(-before, b) }
}

/// The point `p` of the line from `a` to `b`, moved along it to a height of 0 to `height`.
#[inline(always)]
fn cut_y(p: (f64, f64), a: (f64, f64), b: (f64, f64), height: f64) -> (f64, f64) {
    let y = p.1.clamp(0.0, height);
    if y == p.1 { p } else { ((b.0 - a.0).mul_add((y - a.1) / (b.1 - a.1), a.0), y) }
}

/// Where the line from `p` to `q`, which runs to the right, passes `x`; its end if it lies on one side.
#[inline(always)]
fn cut_x(p: (f64, f64), q: (f64, f64), x: f64) -> (f64, f64) {
    match (p.0 < x, q.0 < x) {
        (true, false) => (x, (q.1 - p.1).mul_add((x - p.0) / (q.0 - p.0), p.1)),
        (true, true) => q,
        _ => p,
    }
}

/// Moments that a cell keeps of its own, by order.
pub(crate) const OWN: [usize; 3] = [1, 3, 6];
/// Numbers in a cell, by order.
const STRIDE: [usize; 3] = [2, 5, 9];
const TWELFTH: f64 = 1.0 / 12.0;
const THIRD: f64 = 1.0 / 3.0;

#[inline(always)]
fn add<const ORDER: usize>(cells: &mut [f64], at: usize, own: &Moments, carry: &[f64; 3], factor: f64) {
    if let Some(cell) = cells.get_mut(at * STRIDE[ORDER]..(at + 1) * STRIDE[ORDER]) {
        for k in 0..OWN[ORDER] {
            cell[k] = own[k].mul_add(factor, cell[k]);
        }
        for k in 0..=ORDER {
            cell[OWN[ORDER] + k] = carry[k].mul_add(factor, cell[OWN[ORDER] + k]);
        }
    }
}

/// A cell's own parts and the full width that the cells on its left hand over.
#[inline(always)]
fn moments<const ORDER: usize>(cell: &[f64], run: &[f64; 3]) -> Moments {
    let mut m = [0.0; 6];
    m[..OWN[ORDER]].copy_from_slice(&cell[..OWN[ORDER]]);
    m[0] += run[0];
    if ORDER > 0 {
        m[2] += run[1];
    }
    if ORDER > 1 {
        m[3] = run[0].mul_add(TWELFTH, m[3]);
        m[5] += run[2];
    }
    m
}
