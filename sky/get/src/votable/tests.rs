use super::*;

const FIELDS: &str = "<FIELD name=\"title\" ucd=\"VOX:Image_Title\" datatype=\"char\" arraysize=\"*\"/>\
    <FIELD name=\"ra\" ucd=\"POS_EQ_RA_MAIN\" datatype=\"double\" unit=\"deg\"/>\
    <FIELD name=\"n\" datatype=\"int\"><VALUES null=\"-9\"/></FIELD>\
    <FIELD name=\"axes\" datatype=\"int\" arraysize=\"2\"/>";

fn document(data: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?><v:VOTABLE xmlns:v=\"http://www.ivoa.net/xml/VOTable/v1.3\">\
         <v:RESOURCE type=\"results\"><INFO name=\"QUERY_STATUS\" value=\"OK\"/><TABLE>{FIELDS}<DATA>{data}</DATA></TABLE>\
         </v:RESOURCE><RESOURCE><TABLE><FIELD name=\"other\" datatype=\"int\"/></TABLE></RESOURCE></v:VOTABLE>"
    )
}

fn expected() -> Vec<Vec<Value>> {
    vec![
        vec![
            Value::Text("M 17 & more".to_owned()),
            Value::Real(275.196),
            Value::Integer(7),
            Value::Numbers(vec![512.0, 1024.0]),
        ],
        vec![Value::Null, Value::Null, Value::Null, Value::Numbers(vec![1.0, 2.0])],
    ]
}

#[test]
fn tabledata_is_read_with_nulls_entities_and_namespaces() {
    let table = Votable::parse(&document(
        "<TABLEDATA><TR><TD>M 17 &amp; <![CDATA[more]]></TD><TD> 275.196 </TD><TD>7</TD><TD>512 1024</TD></TR>\
         <TR><TD/><TD>NaN</TD><TD>-9</TD><TD>1 2</TD></TR></TABLEDATA>",
    ))
    .unwrap();
    assert_eq!(table.rows, expected());
    assert_eq!(table.fields.len(), 4, "the second table is passed over");
    assert_eq!((table.named("RA"), table.with_ucd("vox:image_title")), (Some(1), Some(0)));
    assert!(table.error().is_none());
}

/// Encodes for the tests, by the table of RFC 4648.
fn base64(bytes: &[u8]) -> String {
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for group in bytes.chunks(3) {
        let bits = group.iter().fold(0_u32, |b, x| b << 8 | u32::from(*x)) << (8 * (3 - group.len()));
        for i in 0..4 {
            let letter = letters[(bits >> (18 - 6 * i) & 63) as usize] as char;
            out.push(if i > group.len() { '=' } else { letter });
        }
    }
    out
}

fn binary_row(title: &[u8], ra: f64, n: i32, axes: [i32; 2]) -> Vec<u8> {
    let length = u32::try_from(title.len()).unwrap().to_be_bytes();
    let mut bytes = [&length[..], title, &ra.to_be_bytes(), &n.to_be_bytes()].concat();
    bytes.extend(axes.iter().flat_map(|a| a.to_be_bytes()));
    bytes
}

#[test]
fn binary_and_binary2_hold_the_same_rows() {
    let first = binary_row(b"M 17 & more", 275.196, 7, [512, 1024]);
    let plain = [first.clone(), binary_row(b"", f64::NAN, -9, [1, 2])].concat();
    let stream = |kind: &str, bytes: &[u8]| {
        let text = base64(bytes);
        document(&format!("<{kind}><STREAM encoding=\"base64\">\n{text}\n</STREAM></{kind}>"))
    };
    assert_eq!(Votable::parse(&stream("BINARY", &plain)).unwrap().rows, expected());
    let flagged = [vec![0], first, vec![0b1110_0000], binary_row(b"", 0.0, 0, [1, 2])].concat();
    assert_eq!(Votable::parse(&stream("BINARY2", &flagged)).unwrap().rows, expected());
    let error = Votable::parse(&stream("BINARY", &plain[..plain.len() - 3])).unwrap_err();
    assert_eq!(error, VotableError::Binary { row: 2, what: "end within a row" });
}

#[test]
fn a_status_of_error_gives_its_message() {
    let table = Votable::parse(
        "<VOTABLE><RESOURCE type=\"results\"><INFO name=\"QUERY_STATUS\" value=\"ERROR\">\n SIZE &gt; 5\n deg </INFO>\
         </RESOURCE></VOTABLE>",
    )
    .unwrap();
    assert_eq!(table.error().as_deref(), Some("SIZE > 5 deg"));
}

#[test]
fn what_is_no_votable_is_said_to_be_none() {
    let error = Votable::parse("<!DOCTYPE html><html><body>Service down<br></body></html>").unwrap_err();
    assert!(matches!(&error, VotableError::OtherDocument { start } if start.starts_with("<!DOCTYPE html>")));
    assert!(Votable::parse("").is_err());
    assert!(matches!(Votable::parse("<VOTABLE><RESOURCE></TABLE>").unwrap_err(), VotableError::Xml { .. }));
}

#[test]
fn base64_passes_over_line_ends_and_refuses_foreign_letters() {
    assert_eq!(super::base64::decode("TTE3\nIQ==\n").as_deref(), Some(&b"M17!"[..]));
    assert_eq!(super::base64::decode("TT*3"), None);
}
