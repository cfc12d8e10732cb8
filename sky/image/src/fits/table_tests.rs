//! Tests of binary tables: round trips, hostile headers, real tables whose figures astropy gave.

use proptest::prelude::*;

use super::checksum::Verdict;
use super::read_tests::{hdu, shared};
use super::*;

fn written(columns: &[NewColumn]) -> (tempfile::TempDir, FitsFile) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.fits");
    let mut writer = FitsWriter::create(&path, Options::default()).unwrap();
    let mut header = Header::new();
    header.set("EXTNAME", "T", "");
    assert_eq!(write_table(&mut writer, &header, columns).unwrap(), 1);
    writer.finish().unwrap();
    let file = FitsFile::open(&path).unwrap();
    for index in 0..2 {
        assert_eq!(file.verify(index).unwrap(), (Verdict::Right, Verdict::Right));
    }
    (folder, file)
}

fn fixed(name: &str, repeat: usize, values: Values) -> NewColumn {
    NewColumn::new(name, "", Cells::Fixed { repeat, values })
}

#[test]
fn all_types_of_columns_come_back() {
    let columns = [
        fixed("L", 2, Values::Logical(vec![Some(true), Some(false), None, Some(true)])),
        fixed("X", 11, Values::Bit((0..22).map(|i| i % 3 == 0).collect())),
        fixed("SB", 1, Values::I8(vec![-128, 127])),
        fixed("B", 1, Values::U8(vec![0, 255])),
        fixed("I", 1, Values::I16(vec![i16::MIN, i16::MAX])),
        fixed("UI", 1, Values::U16(vec![0, u16::MAX])),
        fixed("J", 2, Values::I32(vec![1, 2, i32::MIN, i32::MAX])),
        fixed("UJ", 1, Values::U32(vec![0, u32::MAX])),
        fixed("K", 1, Values::I64(vec![i64::MIN, i64::MAX])),
        fixed("UK", 1, Values::U64(vec![5, i64::MAX as u64])),
        fixed("E", 1, Values::F32(vec![1.5, f32::NAN])),
        fixed("D", 3, Values::F64(vec![0.1, 0.2, 0.3, 0.4, 0.5, 0.6])),
        fixed("C", 1, Values::Complex32(vec![(1.0, -1.0), (0.5, 0.25)])),
        fixed("M", 1, Values::Complex64(vec![(0.1, -0.1), (2.0, 3.0)])),
        NewColumn::new("A", "", Cells::Text(vec!["short".into(), "a longer text".into()])),
        NewColumn::new("PD", "Jy", Cells::Variable(vec![Values::F64(vec![]), Values::F64(vec![1.0, 2.0, 3.0])])),
        NewColumn::new("PA", "", Cells::Variable(vec![Values::Text("var".into()), Values::Text(String::new())])),
        NewColumn::new("PX", "", Cells::Variable(vec![Values::Bit(vec![true; 9]), Values::Bit(vec![false])])),
        fixed("EMPTY", 0, Values::F32(vec![])),
    ];
    let (_folder, file) = written(&columns);
    let table = file.table(file.named("T", None).unwrap()).unwrap();
    let at = |name: &str| table.require(name).unwrap();
    assert_eq!((table.rows(), table.columns().len()), (2, 19));
    assert_eq!(table.logicals(0, at("L")).unwrap(), [Some(true), Some(false)]);
    assert_eq!(table.logicals(1, at("L")).unwrap(), [None, Some(true)]);
    assert_eq!(table.bits(1, at("X")).unwrap(), (11..22).map(|i| i % 3 == 0).collect::<Vec<_>>());
    assert_eq!(table.i64s(0, at("SB")).unwrap(), [-128]);
    assert_eq!(table.i64s(1, at("B")).unwrap(), [255]);
    assert_eq!(table.i64s(0, at("I")).unwrap(), [-32768]);
    assert_eq!(table.f64s(1, at("UI")).unwrap(), [65535.0]);
    assert_eq!(table.i64s(1, at("J")).unwrap(), [i64::from(i32::MIN), i64::from(i32::MAX)]);
    assert_eq!(table.i64s(1, at("UJ")).unwrap(), [i64::from(u32::MAX)]);
    assert_eq!(table.i64s(0, at("K")).unwrap(), [i64::MIN]);
    assert_eq!(table.i64s(1, at("UK")).unwrap(), [i64::MAX]);
    assert!(table.f64s(1, at("e")).unwrap()[0].is_nan());
    assert_eq!(table.column_f64(at("D")).unwrap(), [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]);
    assert_eq!(table.complexes(1, at("C")).unwrap(), [(0.5, 0.25)]);
    assert_eq!(table.complexes(0, at("M")).unwrap(), [(0.1, -0.1)]);
    assert_eq!(table.column_text(at("A")).unwrap(), ["short", "a longer text"]);
    assert_eq!(table.f64s(0, at("PD")).unwrap(), [0.0; 0]);
    assert_eq!(table.f64s(1, at("PD")).unwrap(), [1.0, 2.0, 3.0]);
    assert_eq!(table.columns()[at("PD")].unit, "Jy");
    assert_eq!(table.text(0, at("PA")).unwrap(), "var");
    assert_eq!(table.bits(0, at("PX")).unwrap(), [true; 9]);
    assert_eq!(table.f64s(0, at("EMPTY")).unwrap(), [0.0; 0]);
    assert!(table.f64s(0, at("A")).unwrap_err().to_string().contains("column A: has type A, not numbers"));
    assert!(table.require("Z").unwrap_err().to_string().contains("L, X, SB"));
    assert!(table.f64s(2, at("E")).unwrap_err().to_string().contains("row 3: the table has 2 rows"));
}

#[test]
fn stored_numbers_of_columns_are_scaled_and_nulls_are_nan() {
    let mut column = fixed("S", 1, Values::I16(vec![10, -1]));
    column.scaling = Some((0.5, 100.0));
    column.null = Some(-1);
    let (_folder, file) = written(&[column]);
    let values = file.table(1).unwrap().column_f64(0).unwrap();
    assert!(values[0] == 105.0 && values[1].is_nan());
}

#[test]
fn columns_of_different_lengths_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = FitsWriter::create(&folder.path().join("t.fits"), Options::default()).unwrap();
    let columns = [fixed("A", 1, Values::U8(vec![1, 2])), fixed("B", 1, Values::U8(vec![1]))];
    let err = write_table(&mut writer, &Header::new(), &columns).unwrap_err();
    assert!(err.to_string().contains("column B: has 1 elements for 2 rows of 1"), "{err}");
}

fn table_bytes(form: &str, row_bytes: usize, rows: usize, more: &[&str], data: &[u8]) -> Vec<u8> {
    let mut bytes = hdu(&["SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 0"], &[]);
    let cards = [
        "XTENSION= 'BINTABLE'".to_owned(),
        "BITPIX  = 8".to_owned(),
        "NAXIS   = 2".to_owned(),
        format!("NAXIS1  = {row_bytes}"),
        format!("NAXIS2  = {rows}"),
        format!("PCOUNT  = {}", data.len().saturating_sub(row_bytes.saturating_mul(rows))),
        "GCOUNT  = 1".to_owned(),
        "TFIELDS = 1".to_owned(),
        format!("TFORM1  = '{form}'"),
    ];
    let all: Vec<&str> = cards.iter().map(String::as_str).chain(more.iter().copied()).collect();
    bytes.extend(hdu(&all, data));
    bytes
}

#[test]
fn hostile_tables_are_errors_not_crashes() {
    let open = |bytes| FitsFile::from_bytes("t.fits", bytes).unwrap();
    let reach = [0, 0, 0, 9, 0, 0, 0, 0, 1, 2];
    let file = open(table_bytes("1PJ(9)", 8, 1, &[], &reach));
    let err = file.table(1).unwrap().f64s(0, 0).unwrap_err();
    assert!(err.to_string().contains("9 elements at byte 0 do not lie in the heap of 2 bytes"), "{err}");
    let negative = [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];
    assert!(open(table_bytes("1PJ", 8, 1, &[], &negative)).table(1).unwrap().f64s(0, 0).is_err());
    let huge = [0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 1];
    assert!(open(table_bytes("1QM", 16, 1, &[], &huge)).table(1).unwrap().complexes(0, 0).is_err());
    let wide = open(table_bytes("99999D", 8, 1, &[], &[0; 8])).table(1).unwrap_err();
    assert!(wide.to_string().contains("ends beyond the 8 bytes of a row"), "{wide}");
    let odd = open(table_bytes("1Z", 8, 1, &[], &[0; 8])).table(1).unwrap_err();
    assert!(odd.to_string().contains("TFORM1 = '1Z' is no format of FITS"), "{odd}");
    let rows = open(table_bytes("0A", 0, 1 << 50, &[], &[]));
    assert_eq!(rows.table(1).unwrap().column_text(0).unwrap().len(), 0);
    let many = open(table_bytes("1D", 8, 1 << 50, &[], &[0; 16])).table(1).unwrap_err();
    assert!(matches!(many, FitsError::TruncatedData { .. }));
}

#[test]
fn the_heap_begins_where_theap_says() {
    let data = [0, 0, 0, 1, 0, 0, 0, 0, 9, 9, 9, 9, 0, 7];
    let file = FitsFile::from_bytes("t", table_bytes("1PI", 8, 1, &["THEAP   = 12"], &data)).unwrap();
    assert_eq!(file.table(1).unwrap().i64s(0, 0).unwrap(), [7]);
}

#[test]
fn real_tables_have_the_values_that_astropy_reads() {
    // astropy 8.0.2: Table.read of each.
    if let Some(path) = shared("wcs/drizzle/j8bt06nyq_sip_flt.fits") {
        let file = FitsFile::open(&path).unwrap();
        let table = file.table(2).unwrap();
        assert_eq!(table.rows(), 7);
        let ids = table.column_text(table.require("WCS_ID").unwrap()).unwrap();
        let crval = table.column_f64(table.require("CRVAL1").unwrap()).unwrap();
        assert_eq!(ids[1], "IDC_n721640fj");
        assert_eq!(crval[1], 6.02714833333);
    }
    if let Some(path) = shared("wcs/toasty/earth_healpix_equ.fits") {
        let file = FitsFile::open(&path).unwrap();
        let table = file.table(1).unwrap();
        let sum: f64 = table.column_f64(table.require("I").unwrap()).unwrap().iter().sum();
        assert_eq!((table.rows(), sum), (49152, 6144736.0));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn variable_cells_come_back(cells in proptest::collection::vec(proptest::collection::vec(any::<i32>(), 0..20), 1..20)) {
        let column = NewColumn::new("V", "", Cells::Variable(cells.iter().cloned().map(Values::I32).collect()));
        let (_folder, file) = written(&[column, fixed("N", 1, Values::I64((0..cells.len() as i64).collect()))]);
        let table = file.table(1).unwrap();
        for (row, cell) in cells.iter().enumerate() {
            let expected: Vec<i64> = cell.iter().map(|v| i64::from(*v)).collect();
            prop_assert_eq!(table.i64s(row, 0).unwrap(), expected);
            prop_assert_eq!(table.i64s(row, 1).unwrap(), [row as i64]);
        }
    }
}
