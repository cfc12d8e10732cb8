use super::*;
use proptest::prelude::*;
use std::path::PathBuf;

fn reference(name: &str) -> Option<IpacTable> {
    let root = std::env::var_os("POGSON_SHARED")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")), PathBuf::from);
    let path = root.join("data/tiles_m17_2mass_k/montage_reference").join(name);
    if !path.exists() {
        eprintln!("skipped: {} is absent (set POGSON_SHARED)", path.display());
        return None;
    }
    Some(IpacTable::read(&path).unwrap())
}

#[test]
fn montages_image_table_of_m17_is_read_as_it_stands() {
    let Some(table) = reference("cimages.tbl") else {
        return;
    };
    assert_eq!(table.keyword("datatype"), Some("fitshdr"));
    let images = ImageEntry::read_all(&table).unwrap();
    assert_eq!(images.len(), 8);
    let first = &images[0];
    assert_eq!((first.cntr, first.naxis1, first.naxis2, first.size, first.hdu), (0, 507, 1026, 4_164_480, 0));
    assert_eq!(first.ctype, ["RA---TAN", "DEC--TAN"]);
    assert_eq!(first.crpix, [468.0, -69.0]);
    assert_eq!(first.crval_deg, [275.1849130, -16.1409907]);
    assert_eq!(first.cdelt_deg, [-2.7777800000e-04, 2.7777800000e-04]);
    assert_eq!((first.crota2_deg, first.equinox, first.naxis), (0.0582335, 2000.0, 2));
    assert_eq!(first.naxis3, None);
    assert_eq!(first.center_deg, Some([275.2467200, -15.9792550]));
    assert_eq!(first.corners_deg, None);
    assert_eq!(table.text(0, table.column("cdec").unwrap()), Some("-15d 58m 45.3s"));
}

#[test]
fn montages_overlap_table_of_m17_is_read_although_names_end_before_their_bars() {
    let Some(table) = reference("diffs.tbl") else {
        return;
    };
    let pairs = OverlapEntry::read_all(&table).unwrap();
    let first = OverlapEntry::new(0, 4, "hdu0_aK_asky_990502s1430092.fits", "hdu0_aK_asky_990502s1440186.fits");
    assert_eq!(pairs[0], first);
    assert_eq!(first.diff, "diff.000000.000004.fits");
    assert!(pairs.iter().all(|p| p.plus_id < p.minus_id));
}

#[test]
fn montages_fits_of_m17_are_read_as_they_stand() {
    let Some(table) = reference("fits.tbl") else {
        return;
    };
    let fits = FitEntry::read_all(&table).unwrap();
    let expected = FitEntry {
        plus_id: 0,
        minus_id: 4,
        a: -3.62080e-03,
        b: 5.34379e-03,
        c: -9.66989,
        crpix: [467.0, -70.0],
        x_range: [-466, -392],
        y_range: [70, 892],
        center: [-430.01, 468.20],
        pixels: 44187,
        rms: 1.39804,
        box_center: [-429.3, 481.5],
        box_size: [823.1, 74.7],
        box_angle_deg: 90.1,
    };
    assert_eq!(fits[0], expected);
    assert_eq!(FitEntry::read_all(&FitEntry::table(&fits)).unwrap(), fits);
}

#[test]
fn montages_corrections_of_m17_are_read_as_they_stand() {
    let Some(table) = reference("corrections.tbl") else {
        return;
    };
    let corrections = CorrectionEntry::read_all(&table).unwrap();
    assert_eq!(corrections.len(), 8);
    assert_eq!(corrections[1], CorrectionEntry { id: 4, a: 2.37158e-03, b: -2.86780e-03, c: 5.35194 });
    assert_eq!(CorrectionEntry::read_all(&CorrectionEntry::table(&corrections)).unwrap(), corrections);
}

#[test]
fn a_value_that_runs_over_its_bar_is_still_one_value() {
    let table = IpacTable::parse("|id |name |x  |\n 1 a/long/name 3.5\n").unwrap();
    assert_eq!((table.text(0, 1), table.f64(0, 2).unwrap()), (Some("a/long/name"), Some(3.5)));
}

#[test]
fn the_last_column_takes_the_rest_of_the_line() {
    let table = IpacTable::parse("|id |fname|\n 1   a file with blanks.fits  \n").unwrap();
    assert_eq!(table.text(0, 1), Some("a file with blanks.fits"));
}

#[test]
fn nulls_are_blank_cells_the_null_text_and_the_word_null_in_numbers() {
    let text =
        "|a    |b    |c   |\n|int  |real |char|\n|     |m    |    |\n|-99  |     |    |\n -99   null  null\n  7 \n";
    let table = IpacTable::parse(text).unwrap();
    assert_eq!((table.i64(0, 0).unwrap(), table.f64(0, 1).unwrap(), table.text(0, 2)), (None, None, Some("null")));
    assert_eq!((table.i64(1, 0).unwrap(), table.f64(1, 1).unwrap(), table.text(1, 2)), (Some(7), None, None));
    assert_eq!((table.columns()[1].unit.as_str(), table.columns()[0].null.as_str()), ("m", "-99"));
    assert_eq!(IpacTable::parse(&table.to_text()).unwrap(), table);
}

#[test]
fn keywords_and_comments_are_told_apart() {
    let table = IpacTable::parse("\\ a = comment\n\\key = 'two words'\n\\fixlen=T\n|a|\n 1\n").unwrap();
    assert_eq!(table.comments, ["a = comment"]);
    assert_eq!((table.keyword("KEY"), table.keyword("fixlen")), (Some("two words"), Some("T")));
}

#[test]
fn type_words_may_be_shortened() {
    for (word, kind) in [
        ("i", ColumnType::Int),
        ("doub", ColumnType::Double),
        ("d", ColumnType::Double),
        ("da", ColumnType::Date),
        ("r", ColumnType::Float),
        ("LONG", ColumnType::Long),
        ("c", ColumnType::Char),
        ("", ColumnType::Char),
    ] {
        assert_eq!(ColumnType::from_word(word), kind, "{word}");
    }
}

#[test]
fn errors_name_the_line_or_the_cell() {
    let message = |text: &str| IpacTable::parse(text).unwrap_err().to_string();
    assert!(message("hello\n").starts_with("line 1: data before any header"));
    assert!(message("\n").contains("not an IPAC table"));
    assert!(message("|a|b|\n|int|\n").contains("line 2: 1 columns where the first header line has 2"));
    let table = IpacTable::parse("|id|a|b|c|\n 1 x 2 3\n").unwrap();
    let error = CorrectionEntry::read_all(&table).unwrap_err().to_string();
    assert_eq!(error, "row 1, column 'a': 'x' is not a number");
    let error = ImageEntry::read_all(&table).unwrap_err().to_string();
    assert!(error.starts_with("column 'fname' is missing; the table has: id, a, b, c"), "{error}");
}

#[test]
fn an_existing_table_stays_unless_overwriting_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t.tbl");
    let table = IpacTable::parse("|a|\n 1\n").unwrap();
    table.write(&path, false).unwrap();
    let error = IpacTable::parse("|a|\n 2\n").unwrap().write(&path, false).unwrap_err();
    assert!(matches!(error, TableError::Exists { .. }));
    assert_eq!(IpacTable::read(&path).unwrap(), table);
    table.write(&path, true).unwrap();
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}

fn entry() -> impl Strategy<Value = ImageEntry> {
    let pair = || [any::<f64>(), any::<f64>()].prop_filter("finite", |p| p.iter().all(|v| v.is_finite()));
    let size = (1_usize..1_000_000, 1_usize..1_000_000, 0_u64..1 << 50, 0_usize..99);
    let names = "[A-Za-z0-9_./ éλ-]{0,20}[a-z]";
    (any::<i64>(), size, (pair(), pair(), pair(), pair()), names, prop::option::of(pair())).prop_map(
        |(cntr, (naxis1, naxis2, size, hdu), (crpix, crval_deg, cdelt_deg, other), fname, center_deg)| ImageEntry {
            cntr,
            center_deg,
            naxis1,
            naxis2,
            ctype: ["GLON-CAR".to_owned(), "GLAT-CAR".to_owned()],
            crpix,
            crval_deg,
            cdelt_deg,
            crota2_deg: other[0],
            equinox: other[1],
            naxis: 2,
            naxis3: None,
            corners_deg: center_deg.map(|c| [c, other, crpix, crval_deg]),
            size,
            hdu,
            fname: fname.trim().to_owned(),
        },
    )
}

proptest! {
    #[test]
    fn image_entries_come_back_bit_for_bit(entries in prop::collection::vec(entry(), 1..8)) {
        let text = ImageEntry::table(&entries).to_text();
        prop_assert_eq!(ImageEntry::read_all(&IpacTable::parse(&text).unwrap()).unwrap(), entries);
    }

    #[test]
    fn no_text_makes_the_reader_panic_and_what_it_reads_survives_a_round_trip(text in "[|\\\\ =\na-z0-9.é-]{0,200}") {
        if let Ok(table) = IpacTable::parse(&text) {
            let again = IpacTable::parse(&table.to_text());
            prop_assert!(again.is_ok(), "{:?}", table.to_text());
            prop_assert_eq!(again.unwrap().len(), (0..table.len()).filter(|r| {
                table.columns().len() > 1 || table.text(*r, 0).is_some()
            }).count().min(table.len()));
        }
    }
}
