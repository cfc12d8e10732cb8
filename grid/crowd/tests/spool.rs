//! The upload spool: what is acknowledged is there again, whatever happens to the computer.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::HashSet;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};

use md5::{Digest, Md5};
use pogson_crowd::spool::disk::{Fault, FaultyDisk, ForgetfulDisk, RealDisk};
use pogson_crowd::spool::{Location, Options, Spool, SpoolError};
use proptest::prelude::*;

fn md5(bytes: &[u8]) -> [u8; 16] {
    Md5::digest(bytes).into()
}

fn small() -> Options {
    Options { reserve_bytes: 0, ..Options::default() }
}

fn put(spool: &Spool, name: &str, bytes: &[u8]) -> Location {
    spool.append(name, md5(bytes), bytes.to_vec()).unwrap()
}

fn faulty(folder: &Path) -> (FaultyDisk, Spool) {
    let disk = FaultyDisk::new(Arc::new(RealDisk));
    let spool = Spool::open(folder, "p", Options { disk: Arc::new(disk.clone()), ..small() }).unwrap();
    (disk, spool)
}

#[test]
fn what_was_stored_is_read_also_by_the_next_process_and_by_another() {
    let folder = tempfile::tempdir().unwrap();
    let spool = Spool::open(folder.path(), "p", small()).unwrap();
    let files: Vec<Vec<u8>> = (0..20u8).map(|n| vec![n; usize::from(n) * 100]).collect();
    let places: Vec<Location> =
        files.iter().enumerate().map(|(n, file)| put(&spool, &format!("w_{n}"), file)).collect();
    let other = Spool::open(folder.path(), "q", small()).unwrap();
    for spool in [&spool, &other] {
        for (place, file) in places.iter().zip(&files) {
            assert_eq!(&spool.read(place).unwrap(), file);
        }
    }
    drop(spool);
    let again = Spool::open(folder.path(), "p", small()).unwrap();
    for (place, file) in places.iter().zip(&files) {
        assert_eq!(&again.read(place).unwrap(), file);
    }
    let (listed, damage) = again.list().unwrap();
    assert_eq!(listed.iter().map(|listed| listed.location.clone()).collect::<Vec<_>>(), places);
    assert!(listed.iter().zip(&files).all(|(listed, file)| listed.sound && listed.md5 == md5(file)));
    assert_eq!(damage, []);
}

#[test]
fn one_process_at_a_time_has_a_name() {
    let folder = tempfile::tempdir().unwrap();
    let first = Spool::open(folder.path(), "p", small()).unwrap();
    assert!(matches!(Spool::open(folder.path(), "p", small()), Err(SpoolError::Held { .. })));
    drop(first);
    assert!(Spool::open(folder.path(), "p", small()).is_ok());
}

#[test]
fn many_appends_share_few_syncs() {
    let folder = tempfile::tempdir().unwrap();
    let (disk, spool) = faulty(folder.path());
    let (sender, receiver) = channel();
    for n in 0..2000 {
        let sender = sender.clone();
        spool.append_then(&format!("w_{n}"), [0; 16], vec![1; 4096], move |result| sender.send(result).unwrap());
    }
    let places: HashSet<Location> = (0..2000).map(|_| receiver.recv().unwrap().unwrap()).collect();
    assert_eq!(places.len(), 2000);
    // 8 MB in all, 32 MB in a batch: one sync for the first, the others while it ran and after.
    assert!(disk.syncs() < 200, "{}", disk.syncs());
}

#[test]
fn an_append_returns_after_its_sync_and_not_before() {
    let folder = tempfile::tempdir().unwrap();
    let (disk, spool) = faulty(folder.path());
    for n in 1..10 {
        put(&spool, &format!("w_{n}"), b"x");
        assert_eq!(disk.syncs(), n);
    }
}

#[test]
fn a_segment_cut_off_anywhere_keeps_what_was_synced_before() {
    let folder = tempfile::tempdir().unwrap();
    let spool = Spool::open(folder.path(), "p", small()).unwrap();
    let mut ends = Vec::new();
    let path = folder.path().join("p-000001.seg");
    for n in 0..8u8 {
        let file = vec![n; 37 + usize::from(n)];
        let place = put(&spool, &format!("w_{n}"), &file);
        ends.push((std::fs::metadata(&path).unwrap().len(), place, file));
    }
    drop(spool);
    let bytes = std::fs::read(&path).unwrap();
    for cut in 0..=bytes.len() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("p-000001.seg"), &bytes[..cut]).unwrap();
        let spool = Spool::open(folder.path(), "p", small()).unwrap();
        let kept: Vec<_> = ends.iter().filter(|(end, ..)| *end <= cut as u64).collect();
        assert_eq!(spool.list().unwrap().0.len(), kept.len(), "cut at {cut}");
        for (_, place, file) in &kept {
            assert_eq!(&spool.read(place).unwrap(), file);
        }
        // It goes on after the crash, and the torn tail is gone.
        if cut % 23 == 0 {
            let place = put(&spool, "new", b"new");
            assert_eq!(spool.read(&place).unwrap(), b"new");
        }
        assert_eq!(spool.list().unwrap().1, []);
    }
}

#[test]
fn damage_in_the_middle_costs_what_it_hits_and_nothing_behind_it() {
    let folder = tempfile::tempdir().unwrap();
    let spool = Spool::open(folder.path(), "p", small()).unwrap();
    let places: Vec<Location> = (0..6).map(|n| put(&spool, &format!("w_{n}"), &[n; 64])).collect();
    drop(spool);
    let path = folder.path().join("p-000001.seg");
    let whole = std::fs::read(&path).unwrap();
    // In the head of the second, and in the data of the fourth.
    for (at, hit) in [(places[1].offset + 20, 1), (places[3].offset + 60, 3)] {
        let mut bytes = whole.clone();
        bytes[at as usize] ^= 0x40;
        std::fs::write(&path, &bytes).unwrap();
        let spool = Spool::open(folder.path(), "p", small()).unwrap();
        for (n, place) in places.iter().enumerate() {
            match spool.read(place) {
                Ok(data) => assert!(n != hit && data == [n as u8; 64]),
                Err(error) => assert!(n == hit && matches!(error, SpoolError::Damaged { .. }), "{error}"),
            }
        }
        let (listed, damage) = spool.list().unwrap();
        assert_eq!(listed.iter().filter(|listed| listed.sound).count(), 5);
        assert_eq!(listed.len() + damage.len(), 6);
    }
}

#[test]
fn a_file_that_holds_records_is_no_source_of_records() {
    let folder = tempfile::tempdir().unwrap();
    let spool = Spool::open(folder.path(), "p", small()).unwrap();
    put(&spool, "a", b"secret");
    let copied = std::fs::read(folder.path().join("p-000001.seg")).unwrap();
    let other = Spool::open(folder.path(), "q", small()).unwrap();
    let place = put(&other, "evil", &copied);
    put(&other, "b", b"2");
    drop(other);
    // Its head is lost, so that its data is looked through for the next record.
    let path = folder.path().join("q-000001.seg");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[place.offset as usize + 12] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let other = Spool::open(folder.path(), "q", small()).unwrap();
    assert_eq!(other.list().unwrap().0.iter().map(|listed| listed.name.as_str()).collect::<Vec<_>>(), ["b"]);
}

#[test]
fn deleted_files_stay_deleted_and_empty_segments_go() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { segment_bytes: 1000, ..small() };
    let spool = Spool::open(folder.path(), "p", options.clone()).unwrap();
    let places: Vec<Location> = (0..40).map(|n| put(&spool, &format!("w_{n}"), &[1; 100])).collect();
    let segments = || {
        let files = std::fs::read_dir(folder.path()).unwrap();
        files.filter(|file| file.as_ref().unwrap().path().extension().is_some_and(|e| e == "seg")).count()
    };
    assert!(segments() > 4);
    assert_eq!(spool.held(), (40, 4000));
    for place in &places[..39] {
        assert_eq!(spool.delete(place), Ok(true));
        assert_eq!(spool.delete(place), Ok(false));
    }
    assert_eq!((segments(), spool.held()), (1, (1, 100)));
    drop(spool);
    let spool = Spool::open(folder.path(), "p", options.clone()).unwrap();
    assert_eq!(spool.held(), (1, 100));
    assert_eq!(spool.delete(&places[39]), Ok(true));
    // Numbers never come again, so that a place that is known too long meets nobody else's file.
    drop(spool);
    let spool = Spool::open(folder.path(), "p", options).unwrap();
    let place = put(&spool, "w_40", &[2; 100]);
    assert!(places.iter().all(|old| old.segment != place.segment));
    for old in &places {
        assert_eq!(spool.delete(old), Ok(false));
    }
    assert_eq!(spool.read(&place).unwrap(), [2; 100]);
}

#[test]
fn what_the_database_does_not_know_goes_and_sparse_segments_are_moved_together() {
    let folder = tempfile::tempdir().unwrap();
    let spool = Spool::open(folder.path(), "p", Options { segment_bytes: 2000, ..small() }).unwrap();
    let places: Vec<Location> = (0..50).map(|n| put(&spool, &format!("w_{n}"), &[n; 100])).collect();
    let kept: Vec<Location> = places.iter().step_by(10).cloned().collect();
    assert_eq!(spool.retain(|_, place| kept.contains(place)).unwrap(), 45);
    assert_eq!(spool.held(), (5, 500));
    let moved = spool.compact(0.5).unwrap();
    assert!(moved.len() >= 4, "{moved:?}");
    for one in &moved {
        let data = spool.read(&one.to).unwrap();
        assert_eq!(data, spool.read(&one.from).unwrap());
        assert_eq!(one.name, format!("w_{}", data[0]));
        assert_eq!(spool.delete(&one.from), Ok(true));
    }
    assert_eq!(spool.held(), (5, 500));
}

#[test]
fn a_process_that_is_gone_is_looked_after_by_another() {
    let folder = tempfile::tempdir().unwrap();
    let gone = Spool::open(folder.path(), "gone", Options { segment_bytes: 100, ..small() }).unwrap();
    let places: Vec<Location> = (0..3).map(|n| put(&gone, &format!("w_{n}"), &[n; 100])).collect();
    let spool = Spool::open(folder.path(), "p", small()).unwrap();
    assert_eq!(spool.adopt_left().unwrap(), Vec::<String>::new());
    drop(gone);
    assert_eq!(spool.adopt_left().unwrap(), ["gone"]);
    assert_eq!(spool.held().0, 3);
    for place in &places {
        assert_eq!(spool.delete(place), Ok(true));
    }
    assert!(!folder.path().join("gone-000001.seg").exists());
}

#[test]
fn a_full_disk_refuses_and_what_was_there_stays() {
    let folder = tempfile::tempdir().unwrap();
    let (disk, spool) = faulty(folder.path());
    let before = put(&spool, "w_1", b"before");
    for fault in [Fault::Full, Fault::ReadOnly, Fault::SyncFails] {
        disk.set(fault);
        let error = spool.append("w_2", md5(b"in"), b"in".to_vec()).unwrap_err();
        assert_eq!(matches!(error, SpoolError::NoSpace { .. }), fault == Fault::Full, "{error}");
        assert!(error.is_transient());
        assert_eq!(spool.read(&before).unwrap(), b"before");
        disk.set(Fault::None);
        let after = put(&spool, "w_3", b"after");
        assert_eq!(spool.read(&after).unwrap(), b"after");
    }
    drop(spool);
    let spool = Spool::open(folder.path(), "p", small()).unwrap();
    let (listed, damage) = spool.list().unwrap();
    assert_eq!(listed.len(), 4);
    assert!(listed.iter().all(|listed| listed.sound && listed.name != "w_2"), "{listed:?}");
    assert_eq!(damage, []);
}

#[test]
fn room_is_refused_before_bytes_are_taken() {
    let folder = tempfile::tempdir().unwrap();
    let disk = FaultyDisk::new(Arc::new(RealDisk));
    let options = Options { disk: Arc::new(disk.clone()), reserve_bytes: 1000, ..small() };
    let spool = Spool::open(folder.path(), "p", options).unwrap();
    disk.set_free(1500);
    assert_eq!(spool.room_for(500), Ok(()));
    assert!(matches!(spool.room_for(501), Err(SpoolError::NoSpace { free: 1500, reserve: 1000, .. })));
    assert!(matches!(spool.append("w", [0; 16], vec![0; 600]), Err(SpoolError::NoSpace { .. })));
    assert_eq!(disk.syncs(), 0);
}

#[test]
fn pieces_make_a_file_small_or_large() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { large_bytes: 1000, ..small() };
    let spool = Spool::open(folder.path(), "p", options.clone()).unwrap();
    for bytes in [700usize, 3000] {
        let file: Vec<u8> = (0..bytes).map(|n| (n * 7) as u8).collect();
        let mut partial = spool.partial("w", 0).unwrap();
        partial.write(&file[..300]).unwrap();
        assert!(matches!(spool.partial("w", 0), Err(SpoolError::Busy(_))));
        drop(partial);
        assert_eq!(spool.partial_size("w"), Ok(300));
        assert!(matches!(spool.partial("w", 301), Err(SpoolError::Gap { have: 300, offset: 301, .. })));
        let mut partial = spool.partial("w", 250).unwrap();
        partial.write(&file[250..600]).unwrap();
        let error = spool.finish(partial, bytes as u64, Some(md5(&file))).unwrap_err();
        assert!(matches!(error, SpoolError::Incomplete { have: 600, .. }));
        let mut partial = spool.partial("w", 600).unwrap();
        partial.write(&file[600..]).unwrap();
        let (place, sum) = spool.finish(partial, bytes as u64, Some(md5(&file))).unwrap();
        assert_eq!(sum, md5(&file));
        assert_eq!(place.segment.starts_with("whole/"), bytes > 1000);
        assert_eq!(spool.read(&place).unwrap(), file);
        assert_eq!(spool.partial_size("w"), Ok(0));
        assert!(spool.list().unwrap().0.iter().any(|listed| listed.location == place && listed.name == "w"));
        assert_eq!((spool.delete(&place), spool.delete(&place)), (Ok(true), Ok(false)));
        assert!(
            matches!(spool.read(&place), Err(SpoolError::Missing { .. } | SpoolError::Damaged { .. })) || bytes < 1000
        );
    }
}

#[test]
fn pieces_with_another_md5_are_dropped_and_old_ones_are_swept() {
    let folder = tempfile::tempdir().unwrap();
    let spool = Spool::open(folder.path(), "p", small()).unwrap();
    let mut partial = spool.partial("w", 0).unwrap();
    partial.write(b"hello").unwrap();
    assert_eq!(spool.finish(partial, 5, Some([0; 16])), Err(SpoolError::WrongMd5 { name: "w".to_owned() }));
    assert_eq!(spool.partial_size("w"), Ok(0));
    spool.partial("old", 0).unwrap().write(b"x").unwrap();
    assert_eq!(spool.sweep_partials(1_000_000_000), Ok(0));
    assert_eq!(spool.sweep_partials(i64::MAX), Ok(1));
    assert_eq!(spool.partial_size("old"), Ok(0));
}

#[test]
fn a_full_disk_in_a_piece_leaves_the_file_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let (disk, spool) = faulty(folder.path());
    let mut partial = spool.partial("w", 0).unwrap();
    partial.write(b"hello ").unwrap();
    disk.set(Fault::Full);
    assert!(matches!(partial.write(b"world"), Err(SpoolError::NoSpace { .. })));
    disk.set(Fault::None);
    drop(partial);
    assert_eq!(spool.partial_size("w"), Ok(6));
    let mut partial = spool.partial("w", 6).unwrap();
    partial.write(b"world").unwrap();
    let (place, _) = spool.finish(partial, 11, Some(md5(b"hello world"))).unwrap();
    assert_eq!(spool.read(&place).unwrap(), b"hello world");
}

#[test]
fn names_that_lead_elsewhere_are_refused_everywhere() {
    let folder = tempfile::tempdir().unwrap();
    let spool = Spool::open(folder.path(), "p", small()).unwrap();
    for name in ["../w", "/etc/passwd", "a/b", ".hidden", "", "a\0b"] {
        assert!(matches!(spool.append(name, [0; 16], vec![]), Err(SpoolError::BadName(_))));
        assert!(matches!(spool.partial(name, 0), Err(SpoolError::BadName(_))));
        assert!(matches!(spool.partial_size(name), Err(SpoolError::BadName(_))));
    }
    for segment in ["../p-000001", "whole/../x", "/etc/passwd"] {
        let place = Location { segment: segment.to_owned(), offset: 16, bytes: 1 };
        assert!(spool.read(&place).is_err() && spool.delete(&place).is_err());
    }
    assert!(matches!(Spool::open(folder.path(), "../p", small()), Err(SpoolError::BadName(_))));
}

/// Files stored on a disk that forgets what was not synced, and how many of them are there after the computer lost its power.
fn survivors(disk: ForgetfulDisk) -> (usize, usize) {
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = Vec::new();
    {
        let options = Options { disk: Arc::new(disk), segment_bytes: 3000, large_bytes: 1000, ..small() };
        let spool = Spool::open(folder.path(), "p", options).unwrap();
        for n in 0..30u8 {
            let file = vec![n; 150];
            acknowledged.push((put(&spool, &format!("w_{n}"), &file), file));
        }
        let mut partial = spool.partial("large", 0).unwrap();
        let file = vec![9; 5000];
        partial.write(&file).unwrap();
        acknowledged.push((spool.finish(partial, 5000, Some(md5(&file))).unwrap().0, file));
        // The process ends here, with all that it kept in memory.
    }
    let spool = Spool::open(folder.path(), "p", small()).unwrap();
    let there = acknowledged.iter().filter(|(place, file)| spool.read(place).is_ok_and(|data| data == *file)).count();
    (there, acknowledged.len())
}

#[test]
fn a_disk_that_forgets_what_was_not_synced_loses_nothing_that_was_acknowledged() {
    let (there, all) = survivors(ForgetfulDisk::new());
    assert_eq!(there, all);
}

#[test]
fn without_syncs_all_would_be_lost_so_that_the_test_above_tests_something() {
    assert_eq!(survivors(ForgetfulDisk::deaf()).0, 0);
}

#[test]
fn many_threads_append_delete_and_read_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let spool = Spool::open(folder.path(), "p", Options { segment_bytes: 20_000, ..small() }).unwrap();
    let kept = Mutex::new(Vec::new());
    let count = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for thread in 0..8u8 {
            let (spool, kept, count) = (&spool, &kept, &count);
            scope.spawn(move || {
                for n in 0..40u8 {
                    let file = vec![thread.wrapping_mul(41).wrapping_add(n); 300];
                    let place = put(spool, &format!("w_{thread}_{n}"), &file);
                    assert_eq!(spool.read(&place).unwrap(), file);
                    if n % 4 == 0 {
                        kept.lock().unwrap().push((place, file));
                    } else {
                        assert_eq!(spool.delete(&place), Ok(true));
                    }
                    count.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    let kept = kept.into_inner().unwrap();
    assert_eq!((count.into_inner(), spool.held().0), (320, 80));
    drop(spool);
    let spool = Spool::open(folder.path(), "p", small()).unwrap();
    assert_eq!(spool.held().0, 80);
    assert!(kept.iter().all(|(place, file)| spool.read(place).unwrap() == *file));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn rubbish_in_the_folder_does_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..300), real: bool, at in 0usize..300) {
        let folder = tempfile::tempdir().unwrap();
        let mut file = Vec::new();
        if real {
            let spool = Spool::open(folder.path(), "p", small()).unwrap();
            put(&spool, "a", b"1");
            put(&spool, "b", b"22");
            drop(spool);
            file = std::fs::read(folder.path().join("p-000001.seg")).unwrap();
            let at = at.min(file.len());
            file.truncate(at);
        }
        file.extend(&bytes);
        std::fs::write(folder.path().join("p-000001.seg"), &file).unwrap();
        std::fs::write(folder.path().join("p-.seg"), &bytes).unwrap();
        std::fs::write(folder.path().join("p-1.seg"), &bytes).unwrap();
        let spool = Spool::open(folder.path(), "p", small()).unwrap();
        let (listed, _) = spool.list().unwrap();
        for one in listed.iter().filter(|listed| listed.sound) {
            prop_assert!(spool.read(&one.location).is_ok());
        }
        let place = put(&spool, "new", &bytes);
        prop_assert_eq!(spool.read(&place).unwrap(), bytes);
    }
}
