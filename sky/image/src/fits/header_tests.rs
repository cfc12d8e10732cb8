//! Tests of headers.

use super::*;
use proptest::prelude::*;

#[test]
fn hierarch_said_more_than_once_is_said_once_when_written() {
    let header = Header::from_text("HIERARCH  HIERARCH HIERARCH 1Z = 3\nA       = 1\n").unwrap();
    let (again, _) = Header::parse(&header.to_bytes()).unwrap();
    assert_eq!(again.to_bytes(), header.to_bytes());
    assert_eq!(again.i64("1Z"), Some(3));
}

#[test]
fn what_reads_as_end_but_is_none_does_not_end_the_header_when_written() {
    for text in ["A = 1\nEND\u{1a}\n", "A       = 1\nend\nB       = 2\nEND\n"] {
        let header = Header::from_text(text).unwrap();
        assert!(header.warnings().iter().any(|w| w.contains("END")), "{text:?}");
        let (again, _) = Header::parse(&header.to_bytes()).unwrap();
        assert_eq!(again.to_bytes(), header.to_bytes());
        assert_eq!(again.i64("A"), Some(1));
    }
}

fn one(text: &str) -> Header {
    Header::from_text(text).unwrap()
}

#[test]
fn cards_in_one_line_are_cards_with_a_line_break_at_the_end_too() {
    let cards = format!("{:80}{:80}{:80}", "CRVAL1  = 2.5", "CRVAL2  = -3.0", "END");
    for end in ["", "\n", "\r\n"] {
        let header = Header::from_text(&format!("{cards}{end}")).unwrap();
        assert_eq!((header.f64("CRVAL1"), header.f64("CRVAL2")), (Some(2.5), Some(-3.0)), "{end:?}");
    }
    let line = Header::from_text("CRVAL1  = 2.5\n").unwrap();
    assert_eq!(line.f64("CRVAL1"), Some(2.5));
}

fn records(header: &Header) -> Vec<String> {
    let bytes = header.to_bytes();
    bytes.chunks(80).map(|c| String::from_utf8(c.to_vec()).unwrap().trim_end().to_owned()).collect()
}

#[test]
fn mandatory_values_stand_in_columns_11_to_30_as_the_standard_asks() {
    let mut h = Header::new();
    h.set("SIMPLE", true, "conforms");
    h.set("BITPIX", -32, "");
    h.set("OBJECT", "M17", "name");
    let lines = records(&h);
    assert_eq!(lines[0], "SIMPLE  =                    T / conforms");
    assert_eq!(lines[1], "BITPIX  =                  -32");
    assert_eq!(lines[2], "OBJECT  = 'M17     '           / name");
    assert_eq!(lines[3], "END");
}

#[test]
fn unchanged_cards_are_written_as_they_stood() {
    let card = format!("{:<80}", "CRVAL1  =   2.7500000000D+02  /odd   spacing");
    let mut bytes = format!("{card}{:<80}", "END").into_bytes();
    bytes.resize(2880, b' ');
    let (header, used) = Header::parse(&bytes).unwrap();
    assert_eq!(used, 2880);
    assert_eq!(header.f64("CRVAL1"), Some(275.0));
    assert!(header.warnings().is_empty());
    assert!(header.to_bytes() == bytes);
}

#[test]
fn long_text_goes_on_in_continue_cards_and_comes_back() {
    let text = "it's long ".repeat(30);
    let mut h = Header::new();
    let comment = "a comment that is too long for what the last card has room for";
    h.set("LONGTEXT", text.as_str(), comment);
    let lines = records(&h);
    assert!(lines[0].ends_with("&'") && lines[1].starts_with("CONTINUE  '"));
    let (back, _) = Header::parse(&h.to_bytes()).unwrap();
    assert_eq!(back.str("LONGTEXT"), Some(text.trim_end()));
    assert_eq!(back.card("LONGTEXT").unwrap().comment(), comment);
    assert_eq!(back.len(), 1);
}

#[test]
fn the_example_of_the_standard_for_continue_is_read() {
    // FITS Standard 4.0, section 4.2.1.2.
    let h = one("STRKEY  = 'This keyword value is continued &'\nCONTINUE  ' over multiple keyword cards.&'\n\
                 CONTINUE  '&' / The comment field for this\nCONTINUE  '' / keyword is also continued.");
    assert_eq!(h.str("STRKEY"), Some("This keyword value is continued  over multiple keyword cards."));
    let comment = "The comment field for this keyword is also continued.";
    assert_eq!(h.card("STRKEY").unwrap().comment(), comment);
}

#[test]
fn hierarch_cards_are_found_with_and_without_the_word() {
    let mut h = one("HIERARCH ESO DET CHIP1 NX = 2048 / pixels");
    assert_eq!(h.i64("ESO DET CHIP1 NX"), Some(2048));
    assert_eq!(h.i64("HIERARCH ESO DET CHIP1 NX"), Some(2048));
    h.set("ESO DET CHIP1 NX", 4096, "");
    assert_eq!(records(&h)[0], "HIERARCH ESO DET CHIP1 NX = 4096 / pixels");
}

#[test]
fn faults_are_mended_and_told() {
    let h = one("crpix1  = 5.5\nCRPIX2=7\nBAD     = hello\nOPEN    = 'no end\nTEL     = 'Caf\u{e9}'");
    assert_eq!(h.f64("CRPIX1"), Some(5.5));
    assert_eq!(h.f64("CRPIX2"), Some(7.0));
    assert_eq!(h.str("BAD"), Some("hello"));
    assert_eq!(h.str("OPEN"), Some("no end"));
    assert_eq!(h.str("TEL"), Some("Caf\u{e9}"));
    assert_eq!(h.warnings().len(), 5, "{:?}", h.warnings());
}

#[test]
fn a_header_without_end_says_where_it_stops() {
    let bytes = format!("{:<80}{:<80}", "SIMPLE  = T", "CRVAL1  = 1.0").into_bytes();
    let err = Header::parse(&bytes).unwrap_err();
    assert_eq!(err, HeaderError::NoEnd { bytes: 160, last: "CRVAL1".into() });
    assert!(matches!(Header::parse(&[0u8; 5760]), Err(HeaderError::NotText { offset: 0 })));
}

#[test]
fn text_beyond_column_80_makes_no_card_of_a_blank_line() {
    let header = one(&format!("BITPIX  = 8\n{:100}x", ""));
    assert_eq!(header.len(), 1);
    assert!(Header::parse(&header.to_bytes()).unwrap().0 == header);
}

#[test]
fn history_is_wrapped_between_words() {
    let mut h = Header::new();
    h.push_history(&"word ".repeat(40));
    assert!(h.cards().all(|c| c.comment().len() <= 72 && !c.comment().starts_with("rd")));
    assert_eq!(h.cards().count(), 3);
}

#[test]
fn long_keywords_leave_room_for_any_value() {
    let mut h = Header::new();
    let key = "A VERY LONG KEYWORD ".repeat(5);
    h.set(&key, Value::Complex(-1.234567890123456e-100, -1.234567890123456e-100), "");
    h.set("X Y", "a'b".repeat(60), "");
    let (back, _) = Header::parse(&h.to_bytes()).unwrap();
    assert_eq!(back.str("X Y"), Some("a'b".repeat(60).as_str()));
    assert_eq!(back.cards().count(), 2);
}

proptest! {
    #[test]
    fn what_is_set_is_read_back(text in "[ -~]{0,200}", real in any::<f64>(), int in any::<i64>(),
                                key in "[A-Z][A-Z0-9_-]{0,7}", comment in "[ -~]{0,30}") {
        prop_assume!(!["COMMENT", "HISTORY", "CONTINUE", "END", "HIERARCH"].contains(&key.as_str()));
        for value in [Value::from(text.as_str()), Value::from(real), Value::from(int)] {
            let mut h = Header::new();
            h.set(&key, value.clone(), comment.trim());
            let (back, _) = Header::parse(&h.to_bytes()).unwrap();
            prop_assert_eq!(back.get(&key), Some(&value));
            prop_assert!(back.warnings().is_empty(), "{:?}", back.warnings());
            prop_assert!(back.to_bytes() == h.to_bytes());
        }
    }

    #[test]
    fn any_bytes_are_read_to_a_fixed_point(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let mut bytes = bytes;
        bytes.resize(bytes.len().next_multiple_of(80), b' ');
        bytes.extend_from_slice(format!("{:<80}", "END").as_bytes());
        if let Ok((header, _)) = Header::parse(&bytes) {
            let once = header.to_bytes();
            let (again, used) = Header::parse(&once).unwrap();
            prop_assert_eq!(used, once.len());
            prop_assert!(again.to_bytes() == once, "{}", String::from_utf8_lossy(&once).trim());
        }
    }

    #[test]
    fn odd_text_is_read_to_a_fixed_point(text in "([A-Za-z =/'&()0-9.é]{1,100}\n){1,6}") {
        let header = Header::from_text(&text).unwrap();
        let once = header.to_bytes();
        let (again, _) = Header::parse(&once).unwrap();
        prop_assert!(again.to_bytes() == once, "{}", String::from_utf8_lossy(&once).trim());
    }
}
