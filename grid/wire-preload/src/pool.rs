//! Arrays that are mapped once, whose items are taken and given back without a lock and never move. Pages that no item was taken
//! from cost nothing.

use crate::kernel;
use core::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};

/// What lies in a pool. All its bytes may be zero.
///
/// # Safety
/// Memory of zeros is a valid value, and a shared reference from any thread is sound.
pub(crate) unsafe trait Item: 'static {
    /// The link to the next free item, which only the pool uses.
    fn link(&self) -> &AtomicU32;
}

/// A pool of `T`, which lies behind a [`Pool`] in a static.
pub(crate) struct Pool<T> {
    start: AtomicPtr<u8>,
    room: u32,
    flags: i32,
    _items: core::marker::PhantomData<fn() -> T>,
}

#[repr(C, align(64))]
struct Free {
    /// Number of the first free item, and above it a count that tells two lists with the same first item apart.
    first: AtomicU64,
    /// Items that were ever taken.
    taken: AtomicU32,
}

impl<T: Item> Pool<T> {
    /// A pool for `room` items (numbers 1 to `room`) of this process.
    pub(crate) const fn private(room: u32) -> Self {
        Self::with(room, libc::MAP_PRIVATE)
    }

    /// The same, which children by fork share.
    pub(crate) const fn shared(room: u32) -> Self {
        Self::with(room, libc::MAP_SHARED)
    }

    const fn with(room: u32, flags: i32) -> Self {
        Self { start: AtomicPtr::new(core::ptr::null_mut()), room, flags, _items: core::marker::PhantomData }
    }

    /// Maps the pool. Before this it is empty and full at once.
    pub(crate) fn open(&self) {
        let bytes = size_of::<Free>() + (self.room as usize + 1) * size_of::<T>().next_multiple_of(64);
        let flags = self.flags | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        if let Some(start) = kernel::map(bytes, libc::PROT_READ | libc::PROT_WRITE, flags, -1) {
            self.start.store(start, Ordering::Release);
        }
    }

    /// Item `number`, whether it is taken or not; `None` for 0 and for numbers past the end.
    #[inline]
    pub(crate) fn get(&self, number: u32) -> Option<&'static T> {
        let start = self.start.load(Ordering::Relaxed);
        if number == 0 || number > self.room || start.is_null() {
            return None;
        }
        let at = size_of::<Free>() + number as usize * size_of::<T>().next_multiple_of(64);
        // SAFETY: within the mapping, which stays for ever; zeros are a valid `T`, which is shared by references only.
        Some(unsafe { &*start.add(at).cast::<T>() })
    }

    /// Number of the item at `address`, or `None` for an address that is in no item.
    pub(crate) fn number_at(&self, address: u64) -> Option<u32> {
        let start = self.start.load(Ordering::Relaxed) as u64;
        let bytes = size_of::<T>().next_multiple_of(64) as u64;
        let number = address.checked_sub(start + size_of::<Free>() as u64)? / bytes;
        u32::try_from(number).ok().filter(|number| start != 0 && (1..=self.room).contains(number))
    }

    /// Takes an item, whose contents are as the last holder left them.
    pub(crate) fn take(&self) -> Option<u32> {
        let free = self.free()?;
        loop {
            let first = free.first.load(Ordering::Acquire);
            let Some(item) = self.get(first as u32) else { break };
            let next = u64::from(item.link().load(Ordering::Relaxed)) | ((first >> 32) + 1) << 32;
            if free.first.compare_exchange(first, next, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
                return Some(first as u32);
            }
        }
        let taken = free
            .taken
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |taken| (taken < self.room).then_some(taken + 1));
        taken.ok().map(|taken| taken + 1)
    }

    /// Gives an item back.
    pub(crate) fn give_back(&self, number: u32) {
        let (Some(free), Some(item)) = (self.free(), self.get(number)) else { return };
        loop {
            let first = free.first.load(Ordering::Acquire);
            item.link().store(first as u32, Ordering::Relaxed);
            let next = u64::from(number) | ((first >> 32) + 1) << 32;
            if free.first.compare_exchange(first, next, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
                return;
            }
        }
    }

    /// Items that were ever taken: numbers above are not in use.
    pub(crate) fn reach(&self) -> u32 {
        self.free().map_or(0, |free| free.taken.load(Ordering::Relaxed))
    }

    fn free(&self) -> Option<&'static Free> {
        let start = self.start.load(Ordering::Acquire);
        // SAFETY: the mapping begins with it and stays for ever; zeros are an empty list.
        (!start.is_null()).then(|| unsafe { &*start.cast::<Free>() })
    }
}
