//! A context's number: the same on every machine, so that several gates send a context to the same back end.

/// Odd constants with as many ones as zeros.
const MIX: [u64; 2] = [0x9e37_79b9_7f4a_7c15, 0xd6e8_feb8_6659_fd93];

/// A hash that grows by pieces; pieces are told apart.
#[derive(Clone, Copy, Debug)]
pub struct ContextHash(u64);

/// Both halves of a product, so that every bit of the result depends on every bit.
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

impl ContextHash {
    /// A hash for things of one kind.
    #[must_use]
    pub fn new(kind: u64) -> Self {
        Self(fold(kind ^ MIX[0], MIX[1]))
    }

    /// With one more number.
    #[must_use]
    pub fn number(self, number: u64) -> Self {
        Self(fold(self.0 ^ number, MIX[0]) ^ MIX[1].wrapping_mul(number | 1))
    }

    /// With one more text.
    #[must_use]
    pub fn text(self, text: &[u8]) -> Self {
        let (whole, rest) = text.as_chunks::<8>();
        let hash = whole.iter().fold(self, |hash, eight| hash.number(u64::from_le_bytes(*eight)));
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        // The length tells texts apart that end in zeros.
        hash.number(u64::from_le_bytes(last)).number(text.len() as u64)
    }

    /// The number.
    #[must_use]
    pub fn end(self) -> u64 {
        fold(self.0 ^ MIX[1], MIX[0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_neighbours_spread_over_all_bits() {
        let mut seen = std::collections::HashSet::new();
        let mut ones = [0_u32; 64];
        for cell in 0..50_000_u64 {
            let hash = ContextHash::new(1).text(b"m17").number(cell).end();
            assert!(seen.insert(hash));
            for (bit, count) in ones.iter_mut().enumerate() {
                *count += u32::from(hash >> bit & 1 == 1);
            }
        }
        // 25000 are expected, with a deviation of 112: five of them.
        assert!(ones.iter().all(|&count| count.abs_diff(25_000) < 560), "{ones:?}");
    }

    #[test]
    fn pieces_are_told_apart() {
        let of = |a: &[u8], b: &[u8]| ContextHash::new(1).text(a).text(b).end();
        assert_ne!(of(b"ab", b"c"), of(b"a", b"bc"));
        assert_ne!(of(b"", b"\0"), of(b"\0", b""));
        assert_ne!(of(b"\0", b""), of(b"\0\0", b""));
    }
}
