#![allow(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;

use super::super::made_up::{facts, galaxy, record};
use super::*;

const EVERY: Duration = Duration::from_secs(60);

fn path(folder: &tempfile::TempDir) -> PathBuf {
    folder.path().join("g.h5.part")
}

#[test]
fn the_check_sum_is_that_of_gzip() {
    assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
}

#[test]
fn what_was_recorded_is_there_when_the_run_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let file = galaxy(10, 8, 2, 4);
    let (first, second) = file.pixels.split_at(11);
    let (mut journal, held) = Journal::open(&path, &file.facts, EVERY).unwrap();
    assert!(held.result.pixels.is_empty());
    first.iter().for_each(|r| journal.append(Entry::Pixel, r).unwrap());
    drop(journal);
    let (mut journal, held) = Journal::open(&path, &file.facts, EVERY).unwrap();
    assert_eq!(held.result.pixels, first);
    second.iter().for_each(|r| journal.append(Entry::Pixel, r).unwrap());
    journal.append(Entry::Special(Special::Radial), &second[0]).unwrap();
    journal.append(Entry::Bin, &second[1]).unwrap();
    drop(journal);
    let held = Journal::read(&path).unwrap();
    assert_eq!((held.result.pixels, held.torn), (file.pixels.clone(), 0));
    assert_eq!(held.result.special[&Special::Radial], [second[0].clone()]);
    assert_eq!(held.result.bins.unwrap().records, [second[1].clone()]);
    Journal::open(&path, &file.facts, EVERY).unwrap().0.remove().unwrap();
    assert!(!path.exists());
}

#[test]
fn a_run_that_goes_on_makes_the_bytes_of_one_that_was_not_interrupted() {
    let folder = tempfile::tempdir().unwrap();
    let (path, a, b) = (path(&folder), folder.path().join("a.h5"), folder.path().join("b.h5"));
    let file = galaxy(10, 8, 2, 4);
    file.write(&a, false).unwrap();
    let (mut journal, _) = Journal::open(&path, &file.facts, EVERY).unwrap();
    file.pixels.iter().rev().for_each(|r| journal.append(Entry::Pixel, r).unwrap());
    drop(journal);
    Journal::open(&path, &file.facts, EVERY).unwrap().1.result.write(&b, false).unwrap();
    assert_eq!(std::fs::read(&a).unwrap(), std::fs::read(&b).unwrap());
}

#[test]
fn the_journal_of_another_run_is_refused_with_what_differs() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let facts = facts(5, 4, true);
    drop(Journal::open(&path, &facts, EVERY).unwrap());
    let told = |change: &dyn Fn(&mut Facts)| {
        let mut other = facts.clone();
        change(&mut other);
        Journal::open(&path, &other, EVERY).unwrap_err().to_string()
    };
    assert!(told(&|f| f.library = "library-2".into()).contains("library is library-1, that of this run library-2"));
    assert!(told(&|f| f.cube = "cube-2".into()).contains("cube"));
    assert!(told(&|f| f.redshift = 0.010_000_1).contains("redshift"));
    assert!(told(&|f| drop(f.options.insert("prior".into(), "flat".into()))).contains("option prior"));
    assert!(told(&|f| drop(f.bands.pop())).contains("bands"));
    std::fs::write(&path, b"SIMPLE  =                    T").unwrap();
    assert!(matches!(Journal::open(&path, &facts, EVERY), Err(ResultError::NotJournal { .. })));
    assert!(matches!(Journal::read(&path), Err(ResultError::NotJournal { .. })));
}

#[test]
fn a_journal_that_is_being_written_is_not_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let facts = facts(5, 4, true);
    let (_journal, _) = Journal::open(&path(&folder), &facts, EVERY).unwrap();
    assert!(matches!(Journal::open(&path(&folder), &facts, EVERY), Err(ResultError::Busy { .. })));
}

#[test]
fn parts_join_to_the_file_of_the_whole() {
    let folder = tempfile::tempdir().unwrap();
    let name = |n: &str| folder.path().join(n);
    let file = galaxy(10, 8, 2, 0);
    file.write(&name("whole.h5"), false).unwrap();
    let (first, second) = file.pixels.split_at(20);
    let (mut journal, _) = Journal::open(&name("a.part"), &file.facts, EVERY).unwrap();
    first.iter().for_each(|r| journal.append(Entry::Pixel, r).unwrap());
    let mut part = ResultFile::new(file.facts.clone());
    second.iter().for_each(|r| part.push(r.clone()));
    part.write(&name("b.h5"), false).unwrap();
    // A file of what the journal holds, too: its planes are rounded and still the same pixels.
    let mut again = ResultFile::new(file.facts.clone());
    first.iter().for_each(|r| again.push(r.clone()));
    again.write(&name("again.h5"), false).unwrap();
    let joined = join(&[name("a.part"), name("b.h5"), name("again.h5"), name("a.part")]).unwrap();
    joined.write(&name("joined.h5"), false).unwrap();
    assert_eq!(std::fs::read(name("whole.h5")).unwrap(), std::fs::read(name("joined.h5")).unwrap());
    let mut other = ResultFile::new(file.facts.clone());
    other.push(record(&file.facts, first[0].x, first[0].y, 77, 0));
    other.write(&name("c.h5"), false).unwrap();
    assert!(matches!(join(&[name("a.part"), name("c.h5")]), Err(ResultError::Join { .. })));
    assert!(join(&[]).is_err());
}

#[test]
fn parts_with_records_that_cannot_be_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder);
    let file = galaxy(5, 4, 1, 0);
    let refused = |spoil: fn(&mut PixelRecord)| {
        let _ = std::fs::remove_file(&path);
        let (mut journal, _) = Journal::open(&path, &file.facts, EVERY).unwrap();
        let mut spoilt = file.pixels[0].clone();
        spoil(&mut spoilt);
        journal.append(Entry::Pixel, &spoilt).unwrap();
        matches!(join(&[path.clone(), path.clone()]), Err(ResultError::Record { .. }))
    };
    assert!(refused(|record| record.x = u32::MAX));
    assert!(refused(|record| record.y = u32::MAX));
    assert!(refused(|record| record.fit.marginals.truncate(3)));
    assert!(refused(|record| record.fit.best.values.clear()));
    assert!(!refused(|_| {}));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever a crash cuts off, whole records stay and the run goes on behind them.
    #[test]
    fn a_torn_tail_is_dropped_and_nothing_else(cut in 0.0..1.0f64, changed in any::<bool>()) {
        let folder = tempfile::tempdir().unwrap();
        let path = path(&folder);
        let facts = facts(6, 4, false);
        let records: Vec<PixelRecord> = (0..6).map(|x| {
            let mut r = record(&facts, x, 0, 3, 0);
            r.fit.marginals.iter_mut().for_each(|m| *m = m.trimmed());
            r
        }).collect();
        let mut ends = vec![];
        let (mut journal, _) = Journal::open(&path, &facts, EVERY).unwrap();
        ends.push(std::fs::metadata(&path).unwrap().len() as usize);
        for r in &records {
            journal.append(Entry::Pixel, r).unwrap();
            ends.push(std::fs::metadata(&path).unwrap().len() as usize);
        }
        drop(journal);
        let mut bytes = std::fs::read(&path).unwrap();
        let at = (cut * bytes.len() as f64) as usize;
        prop_assume!(!changed || at >= ends[0]);
        if changed { bytes[at] ^= 0x40; } else { bytes.truncate(at); }
        std::fs::write(&path, &bytes).unwrap();
        // Records that end before the fault.
        let whole = ends.iter().skip(1).filter(|end| **end <= at).count();
        let (mut journal, held) = Journal::open(&path, &facts, EVERY).unwrap();
        prop_assert_eq!(&held.result.pixels[..], &records[..whole]);
        records[whole..].iter().for_each(|r| journal.append(Entry::Pixel, r).unwrap());
        drop(journal);
        let held = Journal::read(&path).unwrap();
        prop_assert_eq!((held.result.pixels, held.torn), (records, 0));
    }

    #[test]
    fn any_bytes_are_read_without_harm(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(decode(&bytes).is_none() || encode(&decode(&bytes).unwrap()) == bytes);
        let mut framed = MAGIC.to_vec();
        framed.extend(&bytes);
        prop_assert!(parse(Path::new("j"), &framed).is_err());
    }
}
