//! A program for the kernel that looks a connection up and reads its sequence numbers. It is run on a made-up packet, and attached to
//! nothing: what it looks at goes on undisturbed.

#![allow(unsafe_code, reason = "bpf(2) has no safe form")]

use std::ffi::CStr;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use rustix::io::Errno;

use crate::numbers::Numbers;

type Instruction = [u8; 8];

const fn op(code: u8, to: u8, from: u8, offset: i16, value: i32) -> Instruction {
    let registers = if cfg!(target_endian = "little") { from << 4 | to } else { to << 4 | from };
    let (o, v) = (offset.to_ne_bytes(), value.to_ne_bytes());
    [code, registers, o[0], o[1], v[0], v[1], v[2], v[3]]
}

const fn set(to: u8, value: i32) -> Instruction {
    op(0xb7, to, 0, 0, value)
}

const fn copy(to: u8, from: u8) -> Instruction {
    op(0xbf, to, from, 0, 0)
}

const fn add(to: u8, value: i32) -> Instruction {
    op(0x07, to, 0, 0, value)
}

const fn subtract(to: u8, from: u8) -> Instruction {
    op(0x1f, to, from, 0, 0)
}

const fn load_32(to: u8, from: u8, offset: i16) -> Instruction {
    op(0x61, to, from, offset, 0)
}

const fn load_64(to: u8, from: u8, offset: i16) -> Instruction {
    op(0x79, to, from, offset, 0)
}

const fn store_32(to: u8, offset: i16, from: u8) -> Instruction {
    op(0x63, to, from, offset, 0)
}

const fn skip_if(register: u8, is: i32, instructions: i16) -> Instruction {
    op(0x15, register, 0, instructions, is)
}

const fn skip_unless(register: u8, is: i32, instructions: i16) -> Instruction {
    op(0x55, register, 0, instructions, is)
}

const fn call(function: i32) -> Instruction {
    op(0x85, 0, 0, 0, function)
}

const STORE_BYTES: i32 = 9;
const LOAD_BYTES: i32 = 26;
const LOOK_UP_TCP: i32 = 84;
const RELEASE: i32 = 86;
const TCP_OF: i32 = 96;

/// The register that points to the end of the program's own 512 bytes.
const OWN: u8 = 10;

// Of struct bpf_sock and struct bpf_tcp_sock.
const BOUND_INTERFACE: i16 = 0;
const NEXT_RECEIVED: i16 = 16;
const FIRST_UNACKNOWLEDGED: i16 = 24;
const BYTES_RECEIVED: i16 = 80;
const BYTES_ACKNOWLEDGED: i16 = 88;

/// Where in the packet: bytes of the addresses, the addresses (struct bpf_sock_tuple), the answer.
const ASKED: usize = 16;
const ADDRESSES: usize = ASKED + 4;
const ADDRESS_BYTES: [i32; 2] = [12, 36];
const ANSWER: usize = ADDRESSES + ADDRESS_BYTES[1] as usize;
const PACKET: usize = ANSWER + 8;

/// Instructions that others skip to.
const LET_GO: i16 = 41;
const END: i16 = 43;

const PROGRAM: [Instruction; 45] = [
    set(9, 0),
    copy(6, 1),
    // The question, to the program's own bytes.
    set(2, ASKED as i32),
    copy(3, OWN),
    add(3, -40),
    set(4, 40),
    call(LOAD_BYTES),
    skip_unless(0, 0, END - 8),
    // The socket, in the network namespace of the thread that runs this.
    load_32(3, OWN, -40),
    copy(1, 6),
    copy(2, OWN),
    add(2, -36),
    skip_if(3, ADDRESS_BYTES[1], 1),
    set(3, ADDRESS_BYTES[0]),
    set(4, -1),
    set(5, 0),
    call(LOOK_UP_TCP),
    skip_if(0, 0, END - 18),
    copy(7, 0),
    load_32(8, 7, BOUND_INTERFACE),
    copy(1, 7),
    call(TCP_OF),
    skip_if(0, 0, LET_GO - 23),
    // What is bound to an interface is another socket with the same addresses.
    skip_unless(8, 0, LET_GO - 24),
    load_32(1, 0, FIRST_UNACKNOWLEDGED),
    load_64(2, 0, BYTES_ACKNOWLEDGED),
    subtract(1, 2),
    store_32(OWN, -8, 1),
    load_32(1, 0, NEXT_RECEIVED),
    load_64(2, 0, BYTES_RECEIVED),
    subtract(1, 2),
    store_32(OWN, -4, 1),
    // The answer, into the packet.
    copy(1, 6),
    set(2, ANSWER as i32),
    copy(3, OWN),
    add(3, -8),
    set(4, 8),
    set(5, 0),
    call(STORE_BYTES),
    skip_unless(0, 0, 1),
    set(9, 1),
    copy(1, 7),
    call(RELEASE),
    copy(0, 9),
    op(0x95, 0, 0, 0, 0),
];

/// Of the kernel's union bpf_attr, to load a program.
#[repr(C)]
struct Load {
    kind: u32,
    instructions: u32,
    program: u64,
    license: u64,
    log: [u32; 2],
    log_text: u64,
    version: u32,
    flags: u32,
}

/// To run one.
#[repr(C)]
struct Run {
    program: u32,
    outcome: u32,
    bytes_in: u32,
    bytes_out: u32,
    packet_in: u64,
    packet_out: u64,
    repeat: u32,
    took: u32,
}

const LOAD: i32 = 5;
const RUN: i32 = 10;
/// BPF_PROG_TYPE_SCHED_CLS.
const CLASSIFIER: u32 = 3;
const LICENSE: &CStr = c"Dual MIT/GPL";

/// # Safety
/// What `attributes` points to is valid as `command` asks.
unsafe fn bpf<T>(command: i32, attributes: &mut T) -> Result<i32, Errno> {
    // SAFETY: the caller's promise.
    let answer = unsafe { libc::syscall(libc::SYS_bpf, command, std::ptr::from_mut(attributes), size_of::<T>()) };
    if answer < 0 {
        let errno = std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EINVAL);
        return Err(Errno::from_raw_os_error(errno));
    }
    Ok(answer as i32)
}

/// The loaded program.
pub(crate) struct Lookup(OwnedFd);

impl Lookup {
    /// Loads it, which takes CAP_BPF and CAP_NET_ADMIN (or CAP_SYS_ADMIN).
    pub(crate) fn load() -> Result<Self, Errno> {
        let mut attributes = Load {
            kind: CLASSIFIER,
            instructions: PROGRAM.len() as u32,
            program: PROGRAM.as_ptr() as u64,
            license: LICENSE.as_ptr() as u64,
            log: [0; 2],
            log_text: 0,
            version: 0,
            flags: 0,
        };
        // SAFETY: program and license live as long as this process.
        let file = unsafe { bpf(LOAD, &mut attributes) }?;
        // SAFETY: the kernel has just made this descriptor for the caller, closed on exec, and nobody else knows of it.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(file) }))
    }

    /// Numbers of the connection between `local` and `remote`, if it is here.
    pub(crate) fn numbers(&self, local: SocketAddr, remote: SocketAddr) -> Result<Option<Numbers>, Errno> {
        let mut packet = [0_u8; PACKET];
        let (bytes, addresses) = packet.split_at_mut(ADDRESSES);
        // From the network's side: what sends to this end comes first.
        let (length, ports) = match (remote.ip(), local.ip()) {
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                addresses[..4].copy_from_slice(&from.octets());
                addresses[4..8].copy_from_slice(&to.octets());
                (ADDRESS_BYTES[0], 8)
            }
            (IpAddr::V6(from), IpAddr::V6(to)) => {
                addresses[..16].copy_from_slice(&from.octets());
                addresses[16..32].copy_from_slice(&to.octets());
                (ADDRESS_BYTES[1], 32)
            }
            _ => return Ok(None),
        };
        addresses[ports..ports + 2].copy_from_slice(&remote.port().to_be_bytes());
        addresses[ports + 2..ports + 4].copy_from_slice(&local.port().to_be_bytes());
        bytes[ASKED..].copy_from_slice(&length.to_ne_bytes());
        let mut answer = [0_u8; PACKET];
        let mut attributes = Run {
            program: self.0.as_raw_fd() as u32,
            outcome: 0,
            bytes_in: PACKET as u32,
            bytes_out: PACKET as u32,
            packet_in: packet.as_ptr() as u64,
            packet_out: answer.as_mut_ptr() as u64,
            repeat: 1,
            took: 0,
        };
        // SAFETY: both packets live through the call, and the second is valid for writing.
        unsafe { bpf(RUN, &mut attributes) }?;
        let word = |at: usize| u32::from_ne_bytes(std::array::from_fn(|i| answer[at + i]));
        let numbers = Numbers { sends: word(ANSWER), receives: word(ANSWER + 4) };
        Ok((attributes.outcome == 1).then_some(numbers))
    }
}
