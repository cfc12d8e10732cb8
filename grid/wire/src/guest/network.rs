//! A network for guests that have none: a thread that carries packets between a device of this guest's kernel and the regions.
//! Connections are made by it as by any other, and those that are busy leave it for rings.

use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;

use super::device;
use super::packets::{self, LONGEST};
use crate::error::ServeError;
use crate::mapping::{self, Mapping};

/// Packets that one side gets before another has its turn.
const TURN: usize = 64;

/// The way to another guest.
pub(crate) struct Line {
    /// The region's part for packets.
    pub(crate) packets: Arc<Mapping>,
    /// The side that is here.
    pub(crate) side: usize,
    /// Addresses of the other guest, by the map.
    pub(crate) addresses: Vec<IpAddr>,
}

#[derive(Default)]
struct Lines {
    own: Vec<IpAddr>,
    lines: Vec<Line>,
}

/// The network, as the daemon sees it.
pub(crate) struct Network {
    lines: Arc<Mutex<Lines>>,
    stop: Arc<AtomicBool>,
}

impl Network {
    /// Makes the device and begins to carry.
    ///
    /// # Errors
    /// The daemon may not make the device, or the system has no threads left.
    pub(crate) fn begin((address, prefix): (IpAddr, u8)) -> Result<Self, ServeError> {
        let device = device::make(address, prefix).map_err(|source| ServeError::System {
            what: "no network device can be made (--network needs /dev/net/tun and CAP_NET_ADMIN)",
            source,
        })?;
        let network = Self { lines: Arc::default(), stop: Arc::default() };
        let (lines, stop) = (Arc::clone(&network.lines), Arc::clone(&network.stop));
        let begun = thread::Builder::new().name("network".into()).stack_size(512 << 10);
        begun
            .spawn(move || run(&device, &lines, &stop))
            .map_err(|source| ServeError::System { what: "no thread for the guests' network", source })?;
        Ok(network)
    }

    /// Carries by these lines from now on; the memory of others is not touched after this.
    ///
    /// - `own`: addresses of this guest, by the map.
    pub(crate) fn set(&self, own: Vec<IpAddr>, lines: Vec<Line>) {
        *locked(&self.lines) = Lines { own, lines };
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        *locked(&self.lines) = Lines::default();
    }
}

fn locked(lines: &Mutex<Lines>) -> MutexGuard<'_, Lines> {
    lines.lock().unwrap_or_else(PoisonError::into_inner)
}

fn run(device: &OwnedFd, lines: &Mutex<Lines>, stop: &AtomicBool) {
    mapping::wake_on_time();
    let mut packet = [0; LONGEST];
    let mut news = Instant::now();
    while !stop.load(Relaxed) {
        let carried = {
            let lines = locked(lines);
            let there = lines.send(device, &mut packet);
            let here = lines.receive(device, &mut packet);
            there || here
        };
        let now = Instant::now();
        if carried {
            news = now;
        } else {
            let pause = Timespec { tv_sec: 0, tv_nsec: pause(now.duration_since(news)).subsec_nanos().into() };
            // Whatever came of it: both sides are looked at.
            let _ = rustix::event::poll(&mut [PollFd::new(device, PollFlags::IN)], Some(&pause));
        }
    }
}

/// How long nobody looks at the regions when nothing has come for `idle`.
fn pause(idle: Duration) -> Duration {
    let micros = match idle.as_micros() {
        0..2_000 => 10,
        2_000..50_000 => 50,
        50_000..2_000_000 => 500,
        _ => 2_000,
    };
    Duration::from_micros(micros)
}

impl Lines {
    /// Packets of this guest to the others; whether there were some.
    fn send(&self, device: &OwnedFd, packet: &mut [u8; LONGEST]) -> bool {
        for turn in 0..TURN {
            let length = match rustix::io::read(device, &mut packet[..]) {
                Ok(length) => length,
                Err(Errno::INTR) => continue,
                Err(_) => return turn > 0,
            };
            let Some((_, to)) = ends(&packet[..length]) else { continue };
            if let Some(line) = self.lines.iter().find(|line| line.addresses.contains(&to)) {
                // What finds no room is lost, and TCP sends it again.
                let (own, other) = (line.packets.packets(line.side), line.packets.packets(1 - line.side));
                packets::put(own, other, &packet[..length]);
            }
        }
        true
    }

    /// Packets of the other guests to this one; whether there were some. A guest's packets are from its addresses to this one's.
    fn receive(&self, device: &OwnedFd, packet: &mut [u8; LONGEST]) -> bool {
        let mut some = false;
        for line in &self.lines {
            let (own, other) = (line.packets.packets(line.side), line.packets.packets(1 - line.side));
            for _ in 0..TURN {
                let Some(length) = packets::take(own, other, packet) else { break };
                some = true;
                let fits = |(from, to)| line.addresses.contains(&from) && self.own.contains(&to);
                if ends(&packet[..length]).is_some_and(fits) {
                    // A full queue of the kernel's loses it.
                    let _ = rustix::io::write(device, &packet[..length]);
                }
            }
        }
        some
    }
}

/// Where a packet of IP comes from and goes to; `None` for one that is none.
fn ends(packet: &[u8]) -> Option<(IpAddr, IpAddr)> {
    match packet.first()? >> 4 {
        4 => {
            let address = |at: usize| Some(IpAddr::from(<[u8; 4]>::try_from(packet.get(at..at + 4)?).ok()?));
            Some((address(12)?, address(16)?))
        }
        6 => {
            let address = |at: usize| Some(IpAddr::from(<[u8; 16]>::try_from(packet.get(at..at + 16)?).ok()?));
            Some((address(8)?, address(24)?))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packets_ends_are_where_the_headers_have_them() {
        // RFC 791, 3.1 and RFC 8200, 3.
        let mut four = [0_u8; 20];
        (four[0], four[12], four[15], four[16], four[19]) = (0x45, 192, 1, 198, 2);
        assert_eq!(ends(&four), Some((IpAddr::from([192, 0, 0, 1]), IpAddr::from([198, 0, 0, 2]))));
        let mut six = [0_u8; 40];
        (six[0], six[8], six[23], six[24], six[39]) = (0x60, 0xfd, 1, 0xfd, 2);
        let address = |last| IpAddr::from([0xfd00, 0, 0, 0, 0, 0, 0, last]);
        assert_eq!(ends(&six), Some((address(1), address(2))));
        for odd in [&four[..19], &six[..39], &[], &[0x50; 60]] {
            assert_eq!(ends(odd), None);
        }
    }
}
