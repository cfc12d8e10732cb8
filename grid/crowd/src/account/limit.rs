//! How often somebody may try: token buckets by address, and one for all.

use std::collections::HashMap;
use std::net::IpAddr;

/// So many at once, and so many a second after that.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// At once.
    pub burst: f64,
    /// A second.
    pub per_second: f64,
}

/// Addresses that are remembered at most: about 10 MB.
const MOST_ADDRESSES: usize = 100_000;

#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: f64,
    at: f64,
}

impl Bucket {
    fn full(rate: Rate, now: f64) -> Bucket {
        Bucket { left: rate.burst, at: now }
    }

    /// Brought to a time. A clock that goes back fills nothing.
    fn at(self, rate: Rate, now: f64) -> Bucket {
        let passed = (now - self.at).max(0.0);
        Bucket { left: (self.left + passed * rate.per_second).min(rate.burst), at: now.max(self.at) }
    }
}

/// Limits by address and for all, on a clock that is handed in (seconds).
#[derive(Debug)]
pub struct Limiter {
    each: Rate,
    all: Rate,
    buckets: HashMap<IpAddr, Bucket>,
    everybody: Option<Bucket>,
    /// When full buckets were last dropped: that takes a while.
    forgot: f64,
}

/// Seconds between two looks for full buckets.
const FORGET_EVERY: f64 = 10.0;

impl Limiter {
    /// So much for each address, and for all together.
    pub fn new(each: Rate, all: Rate) -> Limiter {
        Limiter { each, all, buckets: HashMap::new(), everybody: None, forgot: f64::NEG_INFINITY }
    }

    /// Takes one for an address; no where it has none left, or all together have none. An IPv6 address stands for its /64, which one
    /// customer has whole.
    pub fn take(&mut self, address: IpAddr, now: f64) -> bool {
        let address = network(address);
        let everybody = self.everybody.unwrap_or(Bucket::full(self.all, now)).at(self.all, now);
        if self.buckets.len() >= MOST_ADDRESSES && !self.buckets.contains_key(&address) {
            self.forget(now);
        }
        let full = Bucket::full(self.each, now);
        let own = self.buckets.get(&address).copied().unwrap_or(full).at(self.each, now);
        let granted = own.left >= 1.0 && everybody.left >= 1.0;
        let spent = |bucket: Bucket| Bucket { left: bucket.left - f64::from(u8::from(granted)), ..bucket };
        self.everybody = Some(spent(everybody));
        if self.buckets.len() < MOST_ADDRESSES || self.buckets.contains_key(&address) {
            self.buckets.insert(address, spent(own));
        }
        granted
    }

    /// Drops addresses whose buckets are full again: they are as if they had never come. Where an attack has filled the table, the
    /// limit for all holds for newcomers.
    fn forget(&mut self, now: f64) {
        if (now - self.forgot).abs() < FORGET_EVERY {
            return;
        }
        self.forgot = now;
        let each = self.each;
        self.buckets.retain(|_, bucket| bucket.at(each, now).left < each.burst);
    }
}

fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6([a, b, c, d, 0, 0, 0, 0].into())
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EACH: Rate = Rate { burst: 3.0, per_second: 0.5 };
    const ALL: Rate = Rate { burst: 10.0, per_second: 2.0 };

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn granted(limiter: &mut Limiter, from: &str, tries: usize, now: f64) -> usize {
        (0..tries).filter(|_| limiter.take(address(from), now)).count()
    }

    #[test]
    fn an_address_has_its_burst_and_then_its_pace() {
        let mut limiter = Limiter::new(EACH, ALL);
        assert_eq!(granted(&mut limiter, "10.0.0.1", 9, 100.0), 3);
        assert_eq!(granted(&mut limiter, "10.0.0.1", 9, 101.0), 0);
        assert_eq!(granted(&mut limiter, "10.0.0.1", 9, 104.0), 2);
        assert_eq!(granted(&mut limiter, "10.0.0.1", 9, 1e6), 3);
    }

    #[test]
    fn all_together_have_theirs() {
        let mut limiter = Limiter::new(EACH, ALL);
        let sum: usize = (0..100).map(|n| granted(&mut limiter, &format!("10.0.0.{n}"), 3, 5.0)).sum();
        assert_eq!(sum, 10);
        assert_eq!(granted(&mut limiter, "10.0.1.1", 3, 6.0), 2);
    }

    #[test]
    fn a_network_of_the_new_kind_is_one_address() {
        let mut limiter = Limiter::new(EACH, ALL);
        assert_eq!(granted(&mut limiter, "2001:db8::1", 2, 5.0), 2);
        assert_eq!(granted(&mut limiter, "2001:db8::ffff:2", 2, 5.0), 1);
        assert_eq!(granted(&mut limiter, "2001:db8:0:1::1", 2, 5.0), 2);
        // The old kind in the clothes of the new.
        assert_eq!(granted(&mut limiter, "::ffff:10.0.0.9", 3, 5.0), 3);
        assert_eq!(granted(&mut limiter, "10.0.0.9", 3, 5.0), 0);
    }

    #[test]
    fn a_clock_that_goes_back_gives_nothing_and_breaks_nothing() {
        let mut limiter = Limiter::new(EACH, ALL);
        assert_eq!(granted(&mut limiter, "10.0.0.1", 9, 100.0), 3);
        assert_eq!(granted(&mut limiter, "10.0.0.1", 9, 0.0), 0);
        assert_eq!(granted(&mut limiter, "10.0.0.1", 9, 102.0), 1);
    }

    #[test]
    fn a_million_addresses_do_not_fill_the_memory() {
        let mut limiter = Limiter::new(EACH, Rate { burst: 1e9, per_second: 1e9 });
        for n in 0..300_000u32 {
            limiter.take(IpAddr::V4(n.into()), 1.0);
        }
        assert!(limiter.buckets.len() <= MOST_ADDRESSES);
        // When they are full again they are forgotten, and the newcomer counts.
        assert_eq!(granted(&mut limiter, "11.1.1.1", 9, 100.0), 3);
    }
}
