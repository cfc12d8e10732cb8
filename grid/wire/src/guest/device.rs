//! A network device of the kernel whose packets this daemon carries: TUN.

#![allow(unsafe_code, reason = "ioctls that rustix does not know")]

use std::ffi::CStr;
use std::io;
use std::net::IpAddr;
use std::os::fd::{AsRawFd, OwnedFd};

use rustix::fs::{Mode, OFlags};
use rustix::net::{AddressFamily, SocketFlags, SocketType};

/// Longest packet of the device, bytes: an eighth of what a region has room for.
const MTU: i32 = 16_384;

/// Makes the device `wire0`, `wire1` or so, with an address of a network. It goes when the descriptor does.
///
/// - `prefix`: bits of the address that the network's addresses have in common.
///
/// # Errors
/// There is no `/dev/net/tun`, or the daemon may not administer its network (CAP_NET_ADMIN).
pub(crate) fn make(address: IpAddr, prefix: u8) -> io::Result<OwnedFd> {
    let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let device = rustix::fs::open("/dev/net/tun", flags, Mode::empty())?;
    let mut request = request(c"wire%d");
    request.ifr_ifru.ifru_flags = (libc::IFF_TUN | libc::IFF_NO_PI) as _;
    ask(&device, libc::TUNSETIFF as _, &mut request)?;
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = rustix::net::socket_with(family, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    // The kernel has written the name.
    let name = request.ifr_name;
    let named = |value: libc::__c_anonymous_ifr_ifru| libc::ifreq { ifr_name: name, ifr_ifru: value };
    ask(&socket, libc::SIOCSIFMTU as _, &mut named(libc::__c_anonymous_ifr_ifru { ifru_mtu: MTU }))?;
    let up = libc::__c_anonymous_ifr_ifru { ifru_flags: (libc::IFF_UP | libc::IFF_RUNNING) as _ };
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
            for (what, bits) in [(libc::SIOCSIFADDR, address.to_bits()), (libc::SIOCSIFNETMASK, mask)] {
                ask(&socket, what as _, &mut named(libc::__c_anonymous_ifr_ifru { ifru_addr: inet(bits) }))?;
            }
        }
        IpAddr::V6(address) => {
            let mut index = named(libc::__c_anonymous_ifr_ifru { ifru_ifindex: 0 });
            ask(&socket, libc::SIOCGIFINDEX as _, &mut index)?;
            let mut wanted = libc::in6_ifreq {
                ifr6_addr: libc::in6_addr { s6_addr: address.octets() },
                ifr6_prefixlen: prefix.into(),
                // SAFETY: the kernel has written the index.
                ifr6_ifindex: unsafe { index.ifr_ifru.ifru_ifindex },
            };
            ask(&socket, libc::SIOCSIFADDR as _, &mut wanted)?;
        }
    }
    ask(&socket, libc::SIOCSIFFLAGS as _, &mut named(up))?;
    Ok(device)
}

fn request(name: &CStr) -> libc::ifreq {
    let mut ifr_name = [0; libc::IFNAMSIZ];
    for (to, from) in ifr_name.iter_mut().zip(name.to_bytes()) {
        *to = *from as _;
    }
    libc::ifreq { ifr_name, ifr_ifru: libc::__c_anonymous_ifr_ifru { ifru_flags: 0 } }
}

fn inet(bits: u32) -> libc::sockaddr {
    let mut sa_data = [0; 14];
    for (to, from) in sa_data[2..].iter_mut().zip(bits.to_be_bytes()) {
        *to = from as _;
    }
    libc::sockaddr { sa_family: libc::AF_INET as _, sa_data }
}

fn ask<T>(of: &impl AsRawFd, what: libc::Ioctl, about: &mut T) -> io::Result<()> {
    // SAFETY: each caller in this file passes what the request reads and writes.
    let status = unsafe { libc::ioctl(of.as_raw_fd(), what, about) };
    if status == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
