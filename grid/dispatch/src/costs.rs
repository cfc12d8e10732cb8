//! What answers take, learned from those that came.

/// Weight of a new answer.
const GAIN: f64 = 0.05;

/// Most kinds of work that are told apart.
const MOST_PRODUCTS: u32 = 4096;

/// Seconds that answers of one kind take.
#[derive(Clone, Copy, Debug)]
struct Cost {
    hit_s: f64,
    miss_s: f64,
    hits: u32,
    misses: u32,
}

/// Seconds that answers take, by kind of work, where their context is cached and where it is not.
#[derive(Clone, Debug)]
pub struct Costs {
    products: Vec<Cost>,
    first: Cost,
    learns: bool,
}

impl Costs {
    /// Nothing is known yet: first guesses are `hit_s` and `miss_s`.
    #[must_use]
    pub fn guessed(hit_s: f64, miss_s: f64) -> Self {
        Self { products: Vec::new(), first: Cost { hit_s, miss_s, hits: 0, misses: 0 }, learns: true }
    }

    /// Given ones, hit and miss of each product; nothing is learned.
    #[must_use]
    pub fn known(products: &[(f64, f64)]) -> Self {
        let products: Vec<_> =
            products.iter().map(|&(hit_s, miss_s)| Cost { hit_s, miss_s, hits: 0, misses: 0 }).collect();
        let first = products.first().copied().unwrap_or(Cost { hit_s: 0.001, miss_s: 0.01, hits: 0, misses: 0 });
        Self { products, first, learns: false }
    }

    fn of(&self, product: u32) -> &Cost {
        self.products.get(product as usize).unwrap_or(&self.first)
    }

    /// Seconds of an answer whose context is cached.
    #[must_use]
    pub fn hit_s(&self, product: u32) -> f64 {
        self.of(product).hit_s
    }

    /// Seconds of one whose context is not; never less than of one whose is.
    #[must_use]
    pub fn miss_s(&self, product: u32) -> f64 {
        let cost = self.of(product);
        cost.miss_s.max(cost.hit_s)
    }

    /// Mean over the products of what an answer takes whose context is not cached.
    #[must_use]
    pub fn mean_miss_s(&self) -> f64 {
        if self.products.is_empty() {
            return self.first.miss_s;
        }
        self.products.iter().map(|cost| cost.miss_s.max(cost.hit_s)).sum::<f64>() / self.products.len() as f64
    }

    /// An answer took `service_s` on a server of slowness 1.
    pub fn learn(&mut self, product: u32, hit: bool, service_s: f64) {
        if !self.learns || product >= MOST_PRODUCTS || !service_s.is_finite() || service_s < 0.0 {
            return;
        }
        let at = product as usize;
        if at >= self.products.len() {
            self.products.resize(at + 1, self.first);
        }
        let cost = &mut self.products[at];
        let (mean, count) = if hit { (&mut cost.hit_s, &mut cost.hits) } else { (&mut cost.miss_s, &mut cost.misses) };
        *count = count.saturating_add(1);
        // The mean of the first, then one that follows.
        let gain = GAIN.max(1.0 / f64::from(*count));
        *mean += gain * (service_s - *mean);
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
        assert!((costs.hit_s(2) - 0.004).abs() < 1e-12 && (costs.miss_s(0) - 0.04).abs() < 1e-12);
        for _ in 0..200 {
            costs.learn(2, false, 0.1);
        }
        assert!((costs.miss_s(2) - 0.1).abs() < 1e-4);
    }

    #[test]
    fn a_miss_never_counts_less_than_a_hit() {
        let mut costs = Costs::guessed(0.004, 0.04);
        costs.learn(0, true, 0.05);
        costs.learn(0, false, 0.01);
        assert!(costs.miss_s(0) >= costs.hit_s(0));
    }
}
