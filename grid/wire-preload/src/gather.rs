//! Bytes of a program that lie in several places: what readv, writev and their kin are given.

use crate::guard;
use pogson_ring::stream::Stretches;

/// The places, and how far the call has come in them.
#[derive(Clone, Copy)]
pub(crate) struct Gather {
    parts: *const libc::iovec,
    count: usize,
    /// As the call gave them.
    given: (*const libc::iovec, usize, usize),
    /// Bytes of the first part that are done.
    done: usize,
    left: usize,
}

impl Gather {
    /// # Safety
    /// `parts` is valid for `count` entries as long as this lives. Where these point to is valid for what is done with it, or not
    /// there at all.
    pub(crate) unsafe fn new(parts: *const libc::iovec, count: usize) -> Result<Self, i32> {
        if count > libc::UIO_MAXIOV as usize {
            return Err(libc::EINVAL);
        }
        let mut left = 0_usize;
        for part in 0..count {
            // SAFETY: the caller's promise.
            let length = unsafe { (*parts.add(part)).iov_len };
            left = left.checked_add(length).filter(|left| *left <= isize::MAX as usize).ok_or(libc::EINVAL)?;
        }
        Ok(Self { parts, count, given: (parts, count, left), done: 0, left })
    }

    /// Bytes that are still to be done.
    pub(crate) fn left(&self) -> usize {
        self.left
    }

    /// Goes back to the first byte.
    pub(crate) fn start_again(&mut self) {
        (self.parts, self.count, self.left) = self.given;
        self.done = 0;
    }

    /// The next bytes that lie together, `most` at most.
    fn next(&mut self, most: usize) -> (*mut u8, usize) {
        while self.count > 0 {
            // SAFETY: as promised to `new`.
            let part = unsafe { &*self.parts };
            let here = part.iov_len - self.done;
            if here == 0 {
                // SAFETY: there is another entry, or the count ends the loop.
                self.parts = unsafe { self.parts.add(1) };
                self.count -= 1;
                self.done = 0;
                continue;
            }
            let length = here.min(most);
            let at = part.iov_base.cast::<u8>().wrapping_add(self.done);
            self.done += length;
            self.left -= length;
            return (at, length);
        }
        (core::ptr::null_mut(), 0)
    }

    /// Copies the next bytes into a ring; there are as many as the stretches are long. False, with nothing done, if some of them
    /// are not there.
    ///
    /// # Safety
    /// `ring` is valid for writing the stretches.
    #[inline]
    pub(crate) unsafe fn copy_into(&mut self, ring: *mut u8, stretches: Stretches) -> bool {
        let before = *self;
        for (offset, length) in [(stretches.offset, stretches.first), (0, stretches.second)] {
            let mut copied = 0;
            while copied < length {
                let (from, bytes) = self.next(length - copied);
                // SAFETY: the caller's promises for both sides; a program's buffer is never a ring.
                if bytes == 0 || !unsafe { guard::copy(ring.add(offset + copied), from, bytes) } {
                    *self = before;
                    return false;
                }
                copied += bytes;
            }
        }
        true
    }

    /// Copies bytes of a ring to the next places, which have room for them. False, with nothing done, if some of those are not there.
    ///
    /// # Safety
    /// `ring` is valid for reading the stretches.
    #[inline]
    pub(crate) unsafe fn copy_from(&mut self, ring: *const u8, stretches: Stretches) -> bool {
        let before = *self;
        for (offset, length) in [(stretches.offset, stretches.first), (0, stretches.second)] {
            let mut copied = 0;
            while copied < length {
                let (to, bytes) = self.next(length - copied);
                // SAFETY: the caller's promises for both sides; a program's buffer is never a ring.
                if bytes == 0 || !unsafe { guard::copy(to, ring.add(offset + copied), bytes) } {
                    *self = before;
                    return false;
                }
                copied += bytes;
            }
        }
        true
    }

    /// Passes over bytes.
    pub(crate) fn skip(&mut self, bytes: usize) {
        let mut passed = 0;
        while passed < bytes {
            let (_, length) = self.next(bytes - passed);
            if length == 0 {
                return;
            }
            passed += length;
        }
    }

    /// What is left as entries for a call of the kernel, `most` bytes and 16 entries at most; how many entries.
    pub(crate) fn entries(&self, most: usize, into: &mut [libc::iovec; 16]) -> usize {
        let (mut done, mut left, mut count) = (self.done, most, 0);
        for part in 0..self.count {
            if count == into.len() || left == 0 {
                break;
            }
            // SAFETY: as promised to `new`.
            let entry = unsafe { &*self.parts.add(part) };
            let length = (entry.iov_len - done).min(left);
            if length > 0 {
                into[count] = libc::iovec { iov_base: entry.iov_base.wrapping_byte_add(done), iov_len: length };
                count += 1;
                left -= length;
            }
            done = 0;
        }
        count
    }
}
