//! A network device of the kernel whose packets this daemon carries: TUN.

#![allow(unsafe_code, reason = "ioctls that rustix does not know")]

use std::ffi::CStr;
use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::os::fd::{AsRawFd, OwnedFd};

use rustix::fs::{Mode, OFlags};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};

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
    let mut index = named(libc::__c_anonymous_ifr_ifru { ifru_ifindex: 0 });
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
            for (what, bits) in [(libc::SIOCSIFADDR, address.to_bits()), (libc::SIOCSIFNETMASK, mask)] {
                ask(&socket, what as _, &mut named(libc::__c_anonymous_ifr_ifru { ifru_addr: inet(bits) }))?;
            }
        }
        IpAddr::V6(_) => ask(&socket, libc::SIOCGIFINDEX as _, &mut index)?,
    }
    ask(&socket, libc::SIOCSIFFLAGS as _, &mut named(up))?;
    if let IpAddr::V6(address) = address {
        // SAFETY: the kernel has written the index above.
        add(address, prefix, unsafe { index.ifr_ifru.ifru_ifindex })?;
    }
    Ok(device)
}

/// Gives a device an address by netlink: by ioctl it could not be used before the kernel had asked whether another has it
/// (RFC 4862, section 5.4), which who listens or connects in that moment pays for.
fn add(address: Ipv6Addr, prefix: u8, index: i32) -> io::Result<()> {
    let mut body = vec![libc::AF_INET6 as u8, prefix, libc::IFA_F_NODAD as u8, libc::RT_SCOPE_UNIVERSE];
    body.extend(index.to_ne_bytes());
    body.extend((4 + 16_u16).to_ne_bytes());
    body.extend(libc::IFA_LOCAL.to_ne_bytes());
    body.extend(address.octets());
    let flags = libc::NLM_F_REQUEST | libc::NLM_F_ACK | libc::NLM_F_CREATE | libc::NLM_F_EXCL;
    let mut message = (16 + body.len() as u32).to_ne_bytes().to_vec();
    message.extend(libc::RTM_NEWADDR.to_ne_bytes());
    message.extend((flags as u16).to_ne_bytes());
    message.extend([0; 8]);
    message.extend(body);
    let route = rustix::net::socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)?;
    rustix::net::send(&route, &message, SendFlags::empty())?;
    let mut answer = [0; 1024];
    let (got, _) = rustix::net::recv(&route, &mut answer, RecvFlags::empty())?;
    // A header of 16 bytes, then the error below zero, or none.
    match answer[..got].get(16..20).map(|error| i32::from_ne_bytes([error[0], error[1], error[2], error[3]])) {
        Some(0) => Ok(()),
        Some(error) => Err(io::Error::from_raw_os_error(-error)),
        None => Err(io::ErrorKind::InvalidData.into()),
    }
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
