//! Sparse symmetric positive definite systems: reverse Cuthill-McKee ordering and an envelope Cholesky factor.
//!
//! Source: George & Liu 1981, "Computer Solution of Large Sparse Positive Definite Systems", chapter 4.

/// Order of the nodes of a graph that keeps neighbours close (reverse Cuthill-McKee), over all components.
pub fn order(neighbours: &[Vec<usize>]) -> Vec<usize> {
    let n = neighbours.len();
    let mut seen = vec![false; n];
    let mut order = Vec::with_capacity(n);
    for start in 0..n {
        if seen[start] {
            continue;
        }
        let root = far_node(neighbours, start);
        let first = order.len();
        seen[root] = true;
        order.push(root);
        let mut next = first;
        while next < order.len() {
            let node = order[next];
            next += 1;
            let mut fresh: Vec<usize> = neighbours[node].iter().copied().filter(|&k| !seen[k]).collect();
            fresh.sort_by_key(|&k| (neighbours[k].len(), k));
            fresh.dedup();
            for k in fresh {
                seen[k] = true;
                order.push(k);
            }
        }
    }
    order.reverse();
    order
}

/// A node at the rim of the component of `start`, by breadth-first walks until the depth grows no more.
fn far_node(neighbours: &[Vec<usize>], start: usize) -> usize {
    let mut root = start;
    let mut depth = 0;
    loop {
        let (level, last) = walk(neighbours, root);
        if level <= depth {
            return root;
        }
        depth = level;
        root = last;
    }
}

/// Depth of the breadth-first walk from `root`, and a node of least degree in its last level.
fn walk(neighbours: &[Vec<usize>], root: usize) -> (usize, usize) {
    let mut level = std::collections::HashMap::from([(root, 0usize)]);
    let mut queue = std::collections::VecDeque::from([root]);
    let mut best = (0, root);
    while let Some(node) = queue.pop_front() {
        let here = level[&node];
        let better = here > best.0 || (here == best.0 && neighbours[node].len() < neighbours[best.1].len());
        if better {
            best = (here, node);
        }
        for &k in &neighbours[node] {
            level.entry(k).or_insert_with(|| {
                queue.push_back(k);
                here + 1
            });
        }
    }
    best
}

/// Lower triangle of a symmetric matrix, each row from its first stored column to the diagonal.
pub struct Skyline {
    first: Vec<usize>,
    start: Vec<usize>,
    data: Vec<f64>,
}

impl Skyline {
    /// A zero matrix; `first[i]` is the first column that row `i` stores, at most `i`.
    pub fn new(first: Vec<usize>) -> Skyline {
        let mut start = Vec::with_capacity(first.len());
        let mut length = 0;
        for (i, f) in first.iter().enumerate() {
            start.push(length);
            length += i + 1 - f;
        }
        Skyline { first, start, data: vec![0.0; length] }
    }

    /// Adds to the element in row `i`, column `j <= i`, inside the envelope.
    pub fn add(&mut self, i: usize, j: usize, value: f64) {
        self.data[self.start[i] + j - self.first[i]] += value;
    }

    /// Diagonal element.
    pub fn diagonal(&self, i: usize) -> f64 {
        self.data[self.start[i] + i - self.first[i]]
    }

    /// Replaces the matrix by its Cholesky factor.
    ///
    /// # Errors
    /// The row at which the matrix proves not positive definite.
    pub fn factor(&mut self) -> Result<(), usize> {
        for i in 0..self.first.len() {
            let (done, rest) = self.data.split_at_mut(self.start[i]);
            let fi = self.first[i];
            let row = &mut rest[..i + 1 - fi];
            for j in fi..i {
                let fj = self.first[j];
                let from = fi.max(fj);
                let other = &done[self.start[j]..][..j + 1 - fj];
                let sum = dot(&row[from - fi..j - fi], &other[from - fj..j - fj]);
                row[j - fi] = (row[j - fi] - sum) / other[j - fj];
            }
            let pivot = row[i - fi] - dot(&row[..i - fi], &row[..i - fi]);
            if pivot.is_nan() || pivot <= 0.0 {
                return Err(i);
            }
            row[i - fi] = pivot.sqrt();
        }
        Ok(())
    }

    /// Solves with the factor, in place.
    pub fn solve(&self, x: &mut [f64]) {
        for i in 0..x.len() {
            let row = self.row(i);
            let last = row.len() - 1;
            x[i] = (x[i] - dot(&row[..last], &x[self.first[i]..i])) / row[last];
        }
        for i in (0..x.len()).rev() {
            let row = self.row(i);
            let last = row.len() - 1;
            x[i] /= row[last];
            let value = x[i];
            for (x, c) in x[self.first[i]..i].iter_mut().zip(row) {
                *x -= c * value;
            }
        }
    }

    fn row(&self, i: usize) -> &[f64] {
        &self.data[self.start[i]..self.start[i] + i + 1 - self.first[i]]
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut lanes = [0.0f64; 8];
    let (ac, ar) = a.as_chunks::<8>();
    let (bc, br) = b.as_chunks::<8>();
    for (a, b) in ac.iter().zip(bc) {
        for l in 0..8 {
            lanes[l] += a[l] * b[l];
        }
    }
    let rest: f64 = ar.iter().zip(br).map(|(a, b)| a * b).sum();
    ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) + ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7])) + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_with_a_known_solution_is_solved() {
        // The second difference with a ridge; the solution is chosen, the right side follows.
        let n = 200;
        let mut matrix = Skyline::new((0..n).map(|i: usize| i.saturating_sub(3)).collect());
        let known: Vec<f64> = (0..n).map(|i| ((i * 37) % 11) as f64 - 5.0).collect();
        let mut right = vec![0.0; n];
        for i in 0..n {
            matrix.add(i, i, 4.0);
            right[i] += 4.0 * known[i];
            if i >= 3 {
                matrix.add(i, i - 3, -1.5);
                right[i] -= 1.5 * known[i - 3];
                right[i - 3] -= 1.5 * known[i];
            }
        }
        assert_eq!(matrix.factor(), Ok(()));
        matrix.solve(&mut right);
        for (found, known) in right.iter().zip(&known) {
            assert!((found - known).abs() < 1e-12);
        }
    }

    #[test]
    fn an_indefinite_matrix_is_refused() {
        let mut matrix = Skyline::new(vec![0, 0]);
        matrix.add(0, 0, 1.0);
        matrix.add(1, 0, 2.0);
        matrix.add(1, 1, 1.0);
        assert_eq!(matrix.factor(), Err(1));
    }

    #[test]
    fn the_order_keeps_a_grid_narrow() {
        // A 30 x 5 grid numbered badly: a good order has a bandwidth near the short side.
        let (w, h) = (30, 5);
        let id = |x: usize, y: usize| (y * w + x) * 7 % (w * h);
        let mut neighbours = vec![Vec::new(); w * h];
        for y in 0..h {
            for x in 0..w {
                for (dx, dy) in [(1, 0), (0, 1)] {
                    if x + dx < w && y + dy < h {
                        neighbours[id(x, y)].push(id(x + dx, y + dy));
                        neighbours[id(x + dx, y + dy)].push(id(x, y));
                    }
                }
            }
        }
        let order = order(&neighbours);
        let mut place = vec![0; w * h];
        for (k, &node) in order.iter().enumerate() {
            place[node] = k;
        }
        let band = (0..w * h)
            .flat_map(|n| neighbours[n].iter().map(move |&k| (n, k)))
            .map(|(a, b)| place[a].abs_diff(place[b]))
            .max();
        assert!(band.is_some_and(|b| b <= 9), "{band:?}");
    }
}
