//! Scales of all tiles from the ratios of their overlaps: least squares of logarithms, weighted by the ratios' errors.

use crate::background::skyline::{Skyline, order};

/// What an overlap demands: the second tile's scale over the first's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Link {
    /// Index of the first tile.
    pub a: usize,
    /// Index of the second tile.
    pub b: usize,
    /// Logarithm of `scale_b / scale_a`.
    pub log_ratio: f64,
    /// Its standard error.
    pub error: f64,
}

/// Scales of the tiles.
#[derive(Debug, Clone, PartialEq)]
pub struct Scales {
    /// Factor of each tile.
    pub factors: Vec<f64>,
    /// Standard error of each factor's logarithm, relative to what its island is normalised by; 0 where nothing is known.
    pub errors: Vec<f64>,
    /// Number of the island that each tile belongs to.
    pub islands: Vec<usize>,
    /// Number of islands.
    pub island_count: usize,
    /// Sum of squared residuals over their errors, before errors are widened.
    pub chi2: f64,
    /// Links less tiles plus islands.
    pub freedom: usize,
}

/// Pull towards scale 1 beside the weakest link: holds what no link determines.
const HOLD: f64 = 1e-9;

/// Solves for the scales of `n` tiles.
///
/// Links leave one factor free in each island: its tiles' factors have the mean 1, or `reference`'s is 1. Errors are widened
/// by the root of chi-square over its degrees of freedom where that is above 1.
pub fn solve(n: usize, links: &[Link], reference: Option<usize>) -> Scales {
    let mut neighbours = vec![Vec::new(); n];
    for link in links {
        neighbours[link.a].push(link.b);
        neighbours[link.b].push(link.a);
    }
    let (islands, island_count) = crate::background::solve::components(&neighbours);
    let order = order(&neighbours);
    let mut place = vec![0; n];
    for (k, &tile) in order.iter().enumerate() {
        place[tile] = k;
    }
    let mut first: Vec<usize> = (0..n).collect();
    for link in links {
        let (i, j) = (place[link.a], place[link.b]);
        first[i.max(j)] = first[i.max(j)].min(i.min(j));
    }
    let mut matrix = Skyline::new(first);
    let mut right = vec![0.0; n];
    let mut weakest = f64::INFINITY;
    for link in links {
        let weight = 1.0 / (link.error * link.error);
        weakest = weakest.min(weight);
        let (i, j) = (place[link.a], place[link.b]);
        matrix.add(i, i, weight);
        matrix.add(j, j, weight);
        matrix.add(i.max(j), i.min(j), -weight);
        right[j] += weight * link.log_ratio;
        right[i] -= weight * link.log_ratio;
    }
    let hold = if weakest.is_finite() { weakest * HOLD } else { 1.0 };
    for k in 0..n {
        matrix.add(k, k, hold);
    }
    let mut scales =
        Scales { factors: vec![1.0; n], errors: vec![0.0; n], islands, island_count, chi2: 0.0, freedom: 0 };
    // The held matrix is positive definite by construction; should rounding spoil it, scale 1 is the safe answer.
    if links.is_empty() || matrix.factor().is_err() {
        return scales;
    }
    matrix.solve(&mut right);
    let logs: Vec<f64> = (0..n).map(|tile| right[place[tile]]).collect();
    let residual = |link: &Link| (logs[link.b] - logs[link.a] - link.log_ratio) / link.error;
    scales.chi2 = links.iter().map(|link| residual(link) * residual(link)).sum();
    scales.freedom = (links.len() + scales.island_count).saturating_sub(n);
    let widen = if scales.freedom > 0 { (scales.chi2 / scales.freedom as f64).sqrt().max(1.0) } else { 1.0 };
    for island in 0..scales.island_count {
        let members: Vec<usize> = (0..n).filter(|&t| scales.islands[t] == island).collect();
        if members.len() > 1 {
            let head = reference.filter(|r| members.contains(r));
            scales.normalise(&members, head, &logs, (&matrix, &place), widen);
        }
    }
    scales
}

impl Scales {
    /// Factors and errors of an island.
    fn normalise(
        &mut self,
        members: &[usize],
        head: Option<usize>,
        logs: &[f64],
        (matrix, place): (&Skyline, &[usize]),
        widen: f64,
    ) {
        let count = members.len() as f64;
        let middle = members.iter().map(|&t| logs[t]).sum::<f64>() / count;
        let shift = match head {
            Some(head) => logs[head],
            // The mean of the factors, not of their logarithms, is 1.
            None => middle + libm::log(members.iter().map(|&t| libm::exp(logs[t] - middle)).sum::<f64>() / count),
        };
        // What the factors are relative to: a tile, or (to first order) the mean of logarithms.
        let basis = |t: usize| match head {
            Some(head) => f64::from(u8::from(t == head)),
            None => 1.0 / count,
        };
        for &tile in members {
            self.factors[tile] = libm::exp(logs[tile] - shift);
            let mut vector = vec![0.0; logs.len()];
            for &t in members {
                vector[place[t]] = f64::from(u8::from(t == tile)) - basis(t);
            }
            let mut solved = vector.clone();
            matrix.solve(&mut solved);
            let variance: f64 = vector.iter().zip(&solved).map(|(v, s)| v * s).sum();
            self.errors[tile] = widen * variance.max(0.0).sqrt();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::random::Random;

    fn chain(n: usize, factors: &[f64], error: f64, random: &mut Random) -> Vec<Link> {
        let mut links = Vec::new();
        for a in 0..n {
            for b in [a + 1, a + 3] {
                if b < n {
                    let log_ratio = libm::log(factors[b] / factors[a]) + random.normal(error);
                    links.push(Link { a, b, log_ratio, error });
                }
            }
        }
        links
    }

    #[test]
    fn known_factors_are_found_but_for_their_mean() {
        let truth: Vec<f64> = (0..20).map(|k| 1.0 + 0.05 * f64::from((k * 7) % 11)).collect();
        let mean = truth.iter().sum::<f64>() / 20.0;
        let links: Vec<Link> = chain(20, &truth, 1e-9, &mut Random::new(1, 0))
            .into_iter()
            .map(|l| Link { log_ratio: libm::log(truth[l.b] / truth[l.a]), ..l })
            .collect();
        let scales = solve(20, &links, None);
        for (found, truth) in scales.factors.iter().zip(&truth) {
            assert!((found - truth / mean).abs() < 1e-9);
        }
        let scales = solve(20, &links, Some(4));
        assert!((scales.factors[4] - 1.0).abs() < 1e-12);
        assert!((scales.factors[7] - truth[7] / truth[4]).abs() < 1e-9);
    }

    #[test]
    fn errors_of_factors_are_what_they_say() {
        let mut random = Random::new(2, 0);
        let (mut squares, mut chi2, mut freedom, mut n) = (0.0, 0.0, 0, 0.0);
        for _ in 0..200 {
            let links = chain(12, &[1.0; 12], 0.01, &mut random);
            let scales = solve(12, &links, None);
            chi2 += scales.chi2;
            freedom += scales.freedom;
            // Where chi-square is low errors are not narrowed, where it is high they are widened: look at the bare ones.
            let widen = (scales.chi2 / scales.freedom as f64).sqrt().max(1.0);
            for (factor, error) in scales.factors.iter().zip(&scales.errors) {
                squares += (libm::log(*factor) * widen / error).powi(2);
                n += 1.0;
            }
        }
        assert!((squares / n - 1.0).abs() < 0.1, "{}", squares / n);
        assert!((chi2 / freedom as f64 - 1.0).abs() < 0.1, "{}", chi2 / freedom as f64);
    }

    #[test]
    fn tiles_without_a_link_keep_scale_one_and_islands_have_their_own_mean() {
        let link = |a, b, ratio: f64| Link { a, b, log_ratio: libm::log(ratio), error: 1e-3 };
        let scales = solve(5, &[link(0, 1, 2.0), link(3, 4, 0.5)], None);
        assert_eq!(scales.island_count, 3);
        assert_eq!(scales.factors[2], 1.0);
        for (tile, truth) in [(0, 2.0 / 3.0), (1, 4.0 / 3.0), (3, 4.0 / 3.0), (4, 2.0 / 3.0)] {
            assert!((scales.factors[tile] - truth).abs() < 1e-8, "{:?}", scales.factors);
        }
        assert_eq!(scales.freedom, 0);
    }
}
