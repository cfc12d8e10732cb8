//! Bits of two coordinates one by one in turn.

/// Bits of `x` in the even places, those of `y` in the odd ones.
pub fn interleave(x: u32, y: u32) -> u64 {
    spread(x) | (spread(y) << 1)
}

/// The two coordinates of an index: the even bits, and the odd ones.
pub fn separate(index: u64) -> (u32, u32) {
    (gather(index), gather(index >> 1))
}

fn spread(value: u32) -> u64 {
    let mut v = u64::from(value);
    v = (v | (v << 16)) & 0x0000_ffff_0000_ffff;
    v = (v | (v << 8)) & 0x00ff_00ff_00ff_00ff;
    v = (v | (v << 4)) & 0x0f0f_0f0f_0f0f_0f0f;
    v = (v | (v << 2)) & 0x3333_3333_3333_3333;
    (v | (v << 1)) & 0x5555_5555_5555_5555
}

fn gather(value: u64) -> u32 {
    let mut v = value & 0x5555_5555_5555_5555;
    v = (v | (v >> 1)) & 0x3333_3333_3333_3333;
    v = (v | (v >> 2)) & 0x0f0f_0f0f_0f0f_0f0f;
    v = (v | (v >> 4)) & 0x00ff_00ff_00ff_00ff;
    v = (v | (v >> 8)) & 0x0000_ffff_0000_ffff;
    (v | (v >> 16)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_first_sixteen_follow_the_letter_z() {
        let order: Vec<(u32, u32)> = (0..16).map(separate).collect();
        assert_eq!(order[..4], [(0, 0), (1, 0), (0, 1), (1, 1)]);
        assert_eq!(order[12..], [(2, 2), (3, 2), (2, 3), (3, 3)]);
    }

    proptest! {
        #[test]
        fn separating_undoes_interleaving(x: u32, y: u32) {
            prop_assert_eq!(separate(interleave(x, y)), (x, y));
        }
    }
}
