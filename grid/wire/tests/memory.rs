//! What a process can do with the memory that it was given.

#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]
#![allow(unsafe_code, reason = "mprotect; a thread takes another user")]

mod client;

use std::os::fd::AsRawFd;

use client::{Client, Served, connection, map, pair};
use pogson_ring::protocol::PAGE_BYTES;
use pogson_wire::policy::Policy;
use rustix::fs::{Mode, OFlags, SealFlags};
use rustix::io::Errno;
use rustix::mm::MprotectFlags;

#[test]
fn the_others_half_can_neither_be_mapped_for_writing_nor_made_writable() {
    let served = Served::new(Policy::default());
    let [mut near, mut far] = [Client::new(&served.path), Client::new(&served.path)];
    let [at_near, _] = pair(&mut near, &mut far, 1, &connection());
    let other = near.halves[&(at_near.slab, at_near.side)][1].memory();
    assert_eq!(map(other, PAGE_BYTES, true).err(), Some(Errno::ACCESS));
    let readable = map(other, PAGE_BYTES, false).unwrap();
    let rights = MprotectFlags::READ | MprotectFlags::WRITE;
    // SAFETY: a mapping of this test's own, which nothing refers to.
    let outcome = unsafe { rustix::mm::mprotect(readable.cast(), PAGE_BYTES, rights) };
    assert_eq!(outcome, Err(Errno::ACCESS));
    assert_eq!(rustix::io::write(other, b"x"), Err(Errno::BADF));
}

#[test]
fn another_user_cannot_open_the_others_half_anew() {
    if !rustix::process::geteuid().is_root() {
        println!("left out: only root can take another user");
        return;
    }
    let served = Served::new(Policy::default());
    let [mut near, mut far] = [Client::new(&served.path), Client::new(&served.path)];
    let [at_near, _] = pair(&mut near, &mut far, 1, &connection());
    let half = near.halves[&(at_near.slab, at_near.side)][1].memory();
    for memory in [half, &near.peers[&far.session][0]] {
        let path = format!("/proc/self/fd/{}", memory.as_raw_fd());
        let open = || {
            // SAFETY: the system call itself changes this thread alone, which ends after it.
            assert_eq!(unsafe { libc::syscall(libc::SYS_setresuid, -1, 54_321, -1) }, 0);
            rustix::fs::open(&path, OFlags::RDWR | OFlags::CLOEXEC, Mode::empty()).err()
        };
        let outcome = std::thread::scope(|scope| scope.spawn(open).join().unwrap());
        assert_eq!(outcome, Some(Errno::ACCESS));
        assert!(rustix::fs::open(&path, OFlags::RDWR | OFlags::CLOEXEC, Mode::empty()).is_ok());
    }
}

#[test]
fn nobody_can_change_the_size_of_what_is_shared() {
    let served = Served::new(Policy::default());
    let [mut near, mut far] = [Client::new(&served.path), Client::new(&served.path)];
    let [at_near, _] = pair(&mut near, &mut far, 1, &connection());
    let half = near.halves[&(at_near.slab, at_near.side)][0].memory();
    for (memory, bytes) in [(half, at_near.geometry.half_bytes()), (near.page.memory(), PAGE_BYTES)] {
        assert_eq!(rustix::fs::fstat(memory).unwrap().st_size as usize, bytes);
        for other in [0, bytes / 2, bytes * 2] {
            assert_eq!(rustix::fs::ftruncate(memory, other as u64), Err(Errno::PERM));
        }
        assert_eq!(rustix::fs::fcntl_add_seals(memory, SealFlags::WRITE), Err(Errno::PERM));
    }
}

#[test]
fn what_is_shared_begins_as_zeros() {
    let served = Served::new(Policy { slots: 2, ..Policy::default() });
    let [mut near, mut far] = [Client::new(&served.path), Client::new(&served.path)];
    let [at_near, _] = pair(&mut near, &mut far, 1, &connection());
    for half in &near.halves[&(at_near.slab, at_near.side)] {
        let mut bytes = vec![1; at_near.geometry.half_bytes()];
        let read = rustix::io::pread(half.memory(), &mut bytes, 0).unwrap();
        assert_eq!(read, bytes.len());
        assert!(bytes.iter().all(|byte| *byte == 0));
    }
}
