//! Streams of bits, highest bit first, for RICE_1 and HCOMPRESS_1.

/// Bits of a byte slice, highest first, held left-aligned in 64 bits.
pub(super) struct BitReader<'a> {
    bytes: &'a [u8],
    position: usize,
    /// The next bits, the first at the top.
    pub(super) window: u64,
    /// How many bits of the window are valid; those below repeat bytes still to come, or are zero.
    pub(super) held: u32,
}

impl<'a> BitReader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        BitReader { bytes, position: 0, window: 0, held: 0 }
    }

    /// Fills the window to at least 56 bits, or to all that is left.
    #[inline(always)]
    pub(super) fn refill(&mut self) {
        if let Some(next) = self.bytes.get(self.position..).and_then(|rest| rest.first_chunk::<8>()) {
            self.window |= u64::from_be_bytes(*next) >> self.held;
            self.position += ((63 - self.held) >> 3) as usize;
            self.held |= 56;
        } else {
            self.refill_at_end();
        }
    }

    #[cold]
    fn refill_at_end(&mut self) {
        // Whatever an eight-byte refill left below `held` repeats the bytes that are added here.
        while self.held <= 56 {
            let Some(&byte) = self.bytes.get(self.position) else { break };
            self.window |= u64::from(byte) << (56 - self.held);
            self.position += 1;
            self.held += 8;
        }
    }

    #[inline(always)]
    pub(super) fn skip(&mut self, count: u32) {
        // Two shifts, for `count` may be the whole width.
        self.window = self.window << (count - 1) << 1;
        self.held -= count;
    }

    /// The next `count` bits (1 to 32), or nothing at the end.
    #[inline(always)]
    pub(super) fn take(&mut self, count: u32) -> Option<u32> {
        if self.held < count {
            self.refill();
            if self.held < count {
                return None;
            }
        }
        let value = (self.window >> (64 - count)) as u32;
        self.skip(count);
        Some(value)
    }

    /// Counts zeros up to the next one and steps over it.
    pub(super) fn unary(&mut self) -> Option<u32> {
        let mut zeros = 0u32;
        loop {
            self.refill();
            let run = self.window.leading_zeros();
            if run < self.held {
                self.skip(run + 1);
                return Some(zeros.wrapping_add(run));
            }
            if self.held == 0 {
                return None;
            }
            zeros = zeros.wrapping_add(self.held);
            self.window = 0;
            self.held = 0;
        }
    }

    /// Drops the bits up to the next byte of the input.
    pub(super) fn align(&mut self) {
        let rest = self.held % 8;
        if rest > 0 {
            self.skip(rest);
        }
    }
}

/// Bits collected into bytes, highest first.
pub(super) struct BitWriter {
    bytes: Vec<u8>,
    window: u64,
    held: u32,
}

impl BitWriter {
    pub(super) fn with_capacity(bytes: usize) -> Self {
        BitWriter { bytes: Vec::with_capacity(bytes), window: 0, held: 0 }
    }

    /// Appends the lowest `count` bits (0 to 32) of `value`, whose other bits are zero.
    #[inline(always)]
    pub(super) fn put(&mut self, value: u32, count: u32) {
        self.window = (self.window << count) | u64::from(value);
        self.held += count;
        if self.held >= 32 {
            self.held -= 32;
            self.bytes.extend_from_slice(&((self.window >> self.held) as u32).to_be_bytes());
        }
    }

    pub(super) fn zeros(&mut self, mut count: u32) {
        while count > 32 {
            self.put(0, 32);
            count -= 32;
        }
        self.put(0, count);
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        while self.held >= 8 {
            self.held -= 8;
            self.bytes.push((self.window >> self.held) as u8);
        }
        if self.held > 0 {
            self.bytes.push((self.window << (8 - self.held)) as u8);
        }
        self.bytes
    }
}
