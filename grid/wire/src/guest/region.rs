//! Memory that two guests share: where things lie in it.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::Arc;

use pogson_ring::layout::Geometry;

use super::card::CARD_BYTES;
use super::packets::PACKETS_BYTES;
use crate::mapping::Mapping;

/// Bytes of the cards.
pub(crate) const CONTROL_BYTES: usize = 2 * CARD_BYTES;
/// Bytes of the packets, which follow them.
const NETWORK_BYTES: usize = 2 * PACKETS_BYTES;
/// Bytes before the areas.
const BEFORE_BYTES: u64 = (CONTROL_BYTES + NETWORK_BYTES) as u64;
/// Smallest region, bytes.
const LEAST: u64 = 4 << 20;
/// Connections of an area.
const SLOTS: u32 = 16;

/// An open region.
pub(crate) struct Region {
    file: File,
    /// Its cards.
    pub(crate) control: Arc<Mapping>,
    /// Sizes of a slab.
    pub(crate) geometry: Geometry,
    areas: u64,
}

impl Region {
    /// Opens the memory at `path`: the BAR of an ivshmem device (`/sys/bus/pci/devices/*/resource2`), or a file.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        let bytes = file.metadata()?.len();
        let small = || io::Error::new(io::ErrorKind::InvalidInput, format!("less than {LEAST} bytes"));
        // Both sides see the same size, and so the same areas.
        let ring_bytes = if bytes >= 8 * LEAST { 1 << 17 } else { 1 << 16 };
        let geometry = Geometry::new(SLOTS, ring_bytes).filter(|_| bytes >= LEAST).ok_or_else(small)?;
        let areas = (bytes - BEFORE_BYTES) / (2 * geometry.half_bytes() as u64);
        let control = Arc::new(Mapping::new(file.as_fd(), CONTROL_BYTES, true)?);
        Ok(Self { file, control, geometry, areas })
    }

    /// The descriptor that processes map areas from.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Areas.
    pub(crate) fn areas(&self) -> u64 {
        self.areas
    }

    /// Where the half of `side` in `area` begins.
    pub(crate) fn offset(&self, area: u64, side: usize) -> u64 {
        BEFORE_BYTES + (2 * area + side as u64) * self.geometry.half_bytes() as u64
    }

    /// The part for packets.
    pub(crate) fn packets(&self) -> io::Result<Mapping> {
        Mapping::part(self.file.as_fd(), CONTROL_BYTES as u64, NETWORK_BYTES, true)
    }

    /// The words of both halves of an area.
    pub(crate) fn words(&self, area: u64) -> io::Result<[Mapping; 2]> {
        Ok([self.half(area, 0)?, self.half(area, 1)?])
    }

    /// The words of one half of an area.
    pub(crate) fn half(&self, area: u64, side: usize) -> io::Result<Mapping> {
        Mapping::part(self.file.as_fd(), self.offset(area, side), self.geometry.ring_offset(0), true)
    }

    /// The beginning of one half of an area.
    pub(crate) fn head(&self, area: u64, side: usize) -> io::Result<Mapping> {
        Mapping::part(self.file.as_fd(), self.offset(area, side), 4096, false)
    }
}
