//! What requests of each product took.

use std::collections::BTreeMap;

use crate::report::Cost;

/// Weight of a new answer.
const GAIN: f64 = 0.05;
/// Products that are told apart; what comes beyond them is not learned.
const PRODUCTS: usize = 256;

/// Means of service times, by product and by whether the data was cached.
#[derive(Clone, Debug, Default)]
pub struct Learned {
    products: BTreeMap<u32, Product>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Product {
    hit_s: Option<f64>,
    miss_s: Option<f64>,
    /// Of both, and of those of which nobody said which they were.
    any_s: Option<f64>,
}

impl Learned {
    /// Notes that an answer took `took_s` seconds.
    pub fn learn(&mut self, product: u32, hit: Option<bool>, took_s: f64) {
        if self.products.len() >= PRODUCTS && !self.products.contains_key(&product) {
            return;
        }
        let product = self.products.entry(product).or_default();
        let blend = |mean: &mut Option<f64>| *mean = Some(mean.map_or(took_s, |mean| mean + GAIN * (took_s - mean)));
        blend(&mut product.any_s);
        match hit {
            Some(true) => blend(&mut product.hit_s),
            Some(false) => blend(&mut product.miss_s),
            None => {}
        }
    }

    /// Seconds that a request will take, 0 where nothing is known.
    #[must_use]
    pub fn expected_s(&self, product: u32, hit: Option<bool>) -> f64 {
        let Some(product) = self.products.get(&product) else { return 0.0 };
        let known = match hit {
            Some(true) => product.hit_s,
            Some(false) => product.miss_s,
            None => None,
        };
        known.or(product.any_s).unwrap_or(0.0)
    }

    /// For a report: products of which nothing is known but the mean of all say that as both.
    #[must_use]
    pub fn costs(&self) -> BTreeMap<u32, Cost> {
        let cost = |product: &Product| match (product.hit_s, product.miss_s) {
            (None, None) => Cost { hit_s: product.any_s, miss_s: product.any_s },
            (hit_s, miss_s) => Cost { hit_s, miss_s },
        };
        self.products.iter().map(|(number, product)| (*number, cost(product))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_come_near_what_answers_take() {
        let mut learned = Learned::default();
        for _ in 0..200 {
            learned.learn(3, Some(true), 0.004);
            learned.learn(3, Some(false), 0.04);
            learned.learn(4, None, 1.0);
        }
        let costs = learned.costs();
        assert!((costs[&3].hit_s.unwrap() - 0.004).abs() < 1e-9 && (costs[&3].miss_s.unwrap() - 0.04).abs() < 1e-9);
        assert_eq!(costs[&4], Cost { hit_s: Some(1.0), miss_s: Some(1.0) });
        assert!((learned.expected_s(3, None) - 0.022).abs() < 0.005);
        assert_eq!(learned.expected_s(9, None), 0.0);
    }

    #[test]
    fn no_more_products_are_kept_than_there_is_room_for() {
        let mut learned = Learned::default();
        for product in 0..1000 {
            learned.learn(product, None, 1.0);
        }
        assert_eq!(learned.costs().len(), PRODUCTS);
    }
}
