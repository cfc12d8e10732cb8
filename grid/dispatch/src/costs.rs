//! What answers take, learned from those that came.

/// Weight of a new answer, when there have been some.
const GAIN: f64 = 0.02;

/// Answers after which a mean is one that servers can be judged by.
const SURE: u32 = 8;

/// Most kinds of work that are told apart.
const MOST_PRODUCTS: u32 = 4096;

/// Seconds that answers of one kind take, of those that were cached or of those that were not.
#[derive(Clone, Copy, Debug, Default)]
struct Mean {
    seconds: f64,
    count: u32,
}

impl Mean {
    fn known(seconds: f64) -> Self {
        Self { seconds, count: SURE }
    }

    /// The mean of the first, then one that follows.
    fn learn(&mut self, seconds: f64) {
        self.count = self.count.saturating_add(1);
        self.seconds += GAIN.max(1.0 / f64::from(self.count)) * (seconds - self.seconds);
    }
}

/// Seconds that answers of one kind take.
#[derive(Clone, Copy, Debug, Default)]
struct Cost {
    hit: Mean,
    miss: Mean,
}

/// Sum over the kinds of work of which something is known.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    seconds: f64,
    count: u32,
}

impl Sum {
    /// One of its terms was `before` and is `after`.
    fn changes(&mut self, before: Mean, after: Mean) {
        self.seconds = (self.seconds + after.seconds - before.seconds).max(0.0);
        self.count += u32::from(before.count == 0 && after.count > 0);
    }

    fn mean(self) -> Option<f64> {
        (self.count > 0).then(|| self.seconds / f64::from(self.count))
    }
}

/// Seconds that answers take, by kind of work, where their context is cached and where it is not.
#[derive(Clone, Debug)]
pub struct Costs {
    products: Vec<Cost>,
    hits: Sum,
    misses: Sum,
    /// Guesses of a hit and a miss, until there are answers.
    first: (f64, f64),
    learns: bool,
}

impl Costs {
    /// Nothing is known yet: first guesses are `hit_s` and `miss_s`.
    #[must_use]
    pub fn guessed(hit_s: f64, miss_s: f64) -> Self {
        let (hits, misses) = (Sum::default(), Sum::default());
        Self { products: Vec::new(), hits, misses, first: (hit_s, miss_s), learns: true }
    }

    /// Given ones, hit and miss of each product; nothing is learned. Other products are as the first.
    #[must_use]
    pub fn known(products: &[(f64, f64)]) -> Self {
        let first = products.first().copied().unwrap_or((0.001, 0.01));
        let mut costs = Self { learns: false, ..Self::guessed(first.0, first.1) };
        for &(hit_s, miss_s) in products {
            let cost = Cost { hit: Mean::known(hit_s), miss: Mean::known(miss_s.max(hit_s)) };
            costs.hits.changes(Mean::default(), cost.hit);
            costs.misses.changes(Mean::default(), cost.miss);
            costs.products.push(cost);
        }
        costs
    }

    fn of(&self, product: u32) -> Cost {
        self.products.get(product as usize).copied().unwrap_or_default()
    }

    /// What a hit and a miss take of a kind of work of which nothing is known: as of the others.
    fn pooled(&self) -> (f64, f64) {
        match (self.learns, self.hits.mean(), self.misses.mean()) {
            (true, Some(hit_s), Some(miss_s)) => (hit_s, miss_s.max(hit_s)),
            // As many times as much as was guessed.
            (true, Some(hit_s), None) => (hit_s, hit_s * self.ratio()),
            (true, None, Some(miss_s)) => (miss_s / self.ratio(), miss_s),
            _ => self.first,
        }
    }

    /// Misses by hits, as guessed at first.
    fn ratio(&self) -> f64 {
        if self.first.0 > 0.0 { (self.first.1 / self.first.0).max(1.0) } else { 1.0 }
    }

    /// Seconds of an answer whose context is cached.
    #[must_use]
    pub fn hit_s(&self, product: u32) -> f64 {
        let Cost { hit, miss } = self.of(product);
        match (hit.count, miss.count) {
            (0, 0) => self.pooled().0,
            (0, _) => self.pooled().0.min(miss.seconds),
            _ => hit.seconds,
        }
    }

    /// Seconds of one whose context is not; never less than of one whose is.
    #[must_use]
    pub fn miss_s(&self, product: u32) -> f64 {
        let Cost { hit, miss } = self.of(product);
        if miss.count == 0 { self.pooled().1.max(hit.seconds) } else { miss.seconds.max(hit.seconds) }
    }

    /// Mean over the products, of which any was answered, of what an answer takes whose context is not cached.
    #[must_use]
    pub fn mean_miss_s(&self) -> f64 {
        self.misses.mean().unwrap_or(self.first.1)
    }

    /// Whether so much is known of this kind of work that the time it takes says something of a server.
    pub(crate) fn is_sure(&self, product: u32, hit: bool) -> bool {
        let Cost { hit: of_hits, miss: of_misses } = self.of(product);
        !self.learns || if hit { of_hits.count >= SURE } else { of_misses.count >= SURE }
    }

    /// Whether they change with answers.
    pub(crate) fn learns(&self) -> bool {
        self.learns
    }

    /// An answer took `service_s` on a server of slowness 1.
    pub fn learn(&mut self, product: u32, hit: bool, service_s: f64) {
        if !self.learns || product >= MOST_PRODUCTS || !service_s.is_finite() || service_s < 0.0 {
            return;
        }
        let at = product as usize;
        if at >= self.products.len() {
            self.products.resize(at + 1, Cost::default());
        }
        let cost = &mut self.products[at];
        let (mean, sum) = if hit { (&mut cost.hit, &mut self.hits) } else { (&mut cost.miss, &mut self.misses) };
        let before = *mean;
        mean.learn(service_s);
        sum.changes(before, *mean);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_are_means_at_first_and_follow_later() {
        let mut costs = Costs::guessed(0.004, 0.04);
        for service_s in [0.010, 0.020, 0.030] {
            costs.learn(2, false, service_s);
        }
        assert!((costs.miss_s(2) - 0.020).abs() < 1e-12);
        for _ in 0..500 {
            costs.learn(2, false, 0.1);
        }
        assert!((costs.miss_s(2) - 0.1).abs() < 1e-4);
    }

    #[test]
    fn a_kind_of_work_that_nobody_asked_for_yet_is_taken_for_one_like_the_others() {
        let mut costs = Costs::guessed(0.004, 0.04);
        assert_eq!((costs.hit_s(7), costs.miss_s(7), costs.mean_miss_s()), (0.004, 0.04, 0.04));
        for (product, miss_s) in [(0, 0.2), (1, 0.6)] {
            costs.learn(product, false, miss_s);
        }
        // Misses are ten times as long as hits, as guessed.
        let near = |one: f64, other: f64| (one / other - 1.0).abs() < 1e-12;
        assert!(near(costs.hit_s(7), 0.04) && near(costs.miss_s(7), 0.4) && near(costs.mean_miss_s(), 0.4));
        costs.learn(0, true, 0.1);
        assert!(near(costs.hit_s(7), 0.1) && near(costs.hit_s(1), 0.1) && near(costs.miss_s(0), 0.2));
        costs.learn(7, true, 0.5);
        assert!(near(costs.hit_s(7), 0.5) && near(costs.miss_s(7), 0.5), "never less than a hit");
    }

    #[test]
    fn a_miss_never_counts_less_than_a_hit() {
        let mut costs = Costs::guessed(0.004, 0.04);
        costs.learn(0, true, 0.05);
        costs.learn(0, false, 0.01);
        assert!(costs.miss_s(0) >= costs.hit_s(0));
    }

    #[test]
    fn known_costs_stay() {
        let mut costs = Costs::known(&[(1.0, 10.0), (2.0, 6.0)]);
        costs.learn(0, false, 3.0);
        assert_eq!((costs.hit_s(1), costs.miss_s(0), costs.miss_s(9), costs.mean_miss_s()), (2.0, 10.0, 10.0, 8.0));
    }
}
