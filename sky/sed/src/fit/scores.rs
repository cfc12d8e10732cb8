//! Normal scores: a parameter's values turned into those of a normal distribution by their rank, and back.
//!
//! Parameters have bounds, tails and atoms; their scores have none, and are nearer to linear in the light.

/// The scores of weighed values: rising values, each with its score.
pub(crate) struct Scores {
    knots: Vec<(f64, f64)>,
}

/// Knots from the end over which a line through the outermost reaches beyond.
const OUTER: usize = 10;

impl Scores {
    /// From values with weights that sum to 1; equal values share a score.
    pub(crate) fn new(values: &[f64], weights: &[f64]) -> Scores {
        let mut order: Vec<usize> = (0..values.len()).collect();
        order.sort_by(|&a, &b| values[a].total_cmp(&values[b]).then(a.cmp(&b)));
        let mut groups: Vec<(f64, f64)> = Vec::new();
        for member in order {
            match groups.last_mut() {
                Some(last) if last.0 == values[member] => last.1 += weights[member],
                _ => groups.push((values[member], weights[member])),
            }
        }
        let mut before = 0.0;
        let score = |(value, weight): (f64, f64)| {
            let middle = before + 0.5 * weight;
            before += weight;
            (value, quantile(middle.clamp(1e-12, 1.0 - 1e-12)))
        };
        Scores { knots: groups.into_iter().map(score).collect() }
    }

    /// The score of a value; beyond the outermost values along a line.
    pub(crate) fn of(&self, value: f64) -> f64 {
        along(&self.knots, value, |knot| *knot)
    }

    /// The value of a score.
    pub(crate) fn value(&self, score: f64) -> f64 {
        along(&self.knots, score, |knot| (knot.1, knot.0))
    }
}

/// A curve through knots, with lines beyond them; `pick` says which of a knot's numbers is the argument.
fn along(knots: &[(f64, f64)], x: f64, pick: impl Fn(&(f64, f64)) -> (f64, f64)) -> f64 {
    let last = knots.len() - 1;
    if last == 0 {
        return pick(&knots[0]).1;
    }
    let place = knots.partition_point(|knot| pick(knot).0 <= x);
    let (from, to, through) = match place {
        0 => (0, OUTER.min(last), 0),
        place if place > last => (last - OUTER.min(last), last, last),
        place => (place - 1, place, place - 1),
    };
    let ((x0, y0), (x1, y1), (at, through)) = (pick(&knots[from]), pick(&knots[to]), pick(&knots[through]));
    through + (x - at) * (y1 - y0) / (x1 - x0)
}

/// The value that a normal variable stays below with probability `p`, above 0 and below 1 (Wichura 1988, Applied Statistics
/// 37, 477: AS 241, PPND7; good to 1e-7).
pub(crate) fn quantile(p: f64) -> f64 {
    let q = p - 0.5;
    if q.abs() <= 0.425 {
        let r = 0.180_625 - q * q;
        return q * (((59.109_374_720 * r + 159.291_132_02) * r + 50.434_271_938) * r + 3.387_132_717_9)
            / (((67.187_563_600 * r + 78.757_757_664) * r + 17.895_169_469) * r + 1.0);
    }
    let r = libm::sqrt(-libm::log(p.min(1.0 - p)));
    let value = if r <= 5.0 {
        let r = r - 1.6;
        (((0.170_238_210_3 * r + 1.306_728_481_6) * r + 2.756_815_390_0) * r + 1.423_437_277_7)
            / ((0.120_211_329_75 * r + 0.737_001_642_5) * r + 1.0)
    } else {
        let r = r - 5.0;
        (((0.017_337_203_997 * r + 0.428_682_943_37) * r + 3.081_226_386_0) * r + 6.657_905_115_0)
            / ((0.012_258_202_635 * r + 0.241_978_942_25) * r + 1.0)
    };
    if q < 0.0 { -value } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_normal_distribution() {
        // scipy.stats.norm.ppf.
        let known =
            [(0.5, 0.0), (0.84, 0.994_457_883_209_753), (0.975, 1.959_963_984_540_054), (1e-4, -3.719_016_485_455_709)];
        for (p, wanted) in known.into_iter().chain([(1e-12, -7.034_483_825_301_132), (0.08, -1.405_071_560_309_632_7)])
        {
            assert!((quantile(p) - wanted).abs() < 1e-6, "{p}: {}", quantile(p));
        }
    }

    #[test]
    fn scores_go_there_and_back_within_and_beyond() {
        let values: Vec<f64> = (0..101).map(|k| f64::from((k * 37) % 101).powi(2)).collect();
        let scores = Scores::new(&values, &[1.0 / 101.0; 101]);
        assert!(scores.of(2500.0).abs() < 1e-7, "the middle has a score of 0: {}", scores.of(2500.0));
        for value in [-50.0, 0.0, 3.0, 2500.0, 9999.0, 10_400.0] {
            assert!((scores.value(scores.of(value)) - value).abs() < 1e-6 * (1.0 + value.abs()), "{value}");
        }
    }

    #[test]
    fn equal_values_share_a_score() {
        let scores = Scores::new(&[1.0, 5.0, 5.0, 5.0], &[0.25; 4]);
        assert!((scores.of(5.0) - quantile(0.625)).abs() < 1e-12);
        assert_eq!(Scores::new(&[2.0, 2.0], &[0.5; 2]).value(1.3), 2.0);
    }
}
