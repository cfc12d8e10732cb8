use super::*;
use proptest::prelude::*;

fn one(text: &str) -> Region {
    let mut file = RegionFile::parse(text).unwrap();
    assert_eq!(file.regions.len(), 1, "{text}");
    file.regions.remove(0)
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-12 * (1.0 + b.abs())
}

#[test]
fn a_file_as_ds9_writes_it_is_read() {
    let text = "# Region file format: DS9 version 4.1\n\
        global color=green dashlist=8 3 width=1 font=\"helvetica 10 normal roman\" select=1\n\
        fk5\n\
        circle(18:20:47.04,-16:10:18.0,30.000\") # color=#ff8800 text={M 17; core}\n\
        -ellipse(275.2,-16.1,1.5',30\",45)\n\
        # text(275.3,-16.2) text={label # one}\n\
        # ruler(275.3,-16.2,275.4,-16.2) ruler=arcmin\n\
        image;box(100,200,10,20,0);polygon(1,1,5,1,5,5)\n";
    let file = RegionFile::parse(text).unwrap();
    assert_eq!(file.regions.len(), 5);
    assert_eq!(file.skipped, [(7, "ruler".to_owned())]);
    let circle = &file.regions[0];
    let Shape::Circle { center, radius: Length::Degrees(radius) } = circle.shape else { panic!("{circle:?}") };
    // 18h 20m 47.04s = 275.196 degrees.
    assert!(close(center[0], 275.196) && close(center[1], -(16.0 + 10.3 / 60.0)) && close(radius, 30.0 / 3600.0));
    assert_eq!((circle.color.as_deref(), circle.text.as_deref()), (Some("#ff8800"), Some("M 17; core")));
    let ellipse = &file.regions[1];
    assert!(!ellipse.include && ellipse.system == System::Fk5);
    assert_eq!(ellipse.color.as_deref(), Some("green"));
    let Shape::Ellipse { radii: [Length::Degrees(a), Length::Degrees(b)], angle_deg: 45.0, hole: None, .. } =
        ellipse.shape
    else {
        panic!("{ellipse:?}")
    };
    assert!(close(a, 0.025) && close(b, 30.0 / 3600.0));
    assert_eq!(file.regions[2].text.as_deref(), Some("label # one"));
    assert_eq!(file.regions[3].system, System::Image);
    assert!(matches!(&file.regions[4].shape, Shape::Polygon { vertices } if vertices.len() == 3));
    assert_eq!(file.regions[4].line, 8);
}

#[test]
fn coordinates_come_in_many_spellings() {
    for (text, lon, lat) in [
        ("fk5;point(18h20m47.04s,-16d10m18s)", 275.196, -16.171_666_666_666_667),
        ("icrs;point 275.196 -16.5", 275.196, -16.5),
        ("galactic;point(15:03:00,-0:30:00)", 15.05, -0.5),
        ("ecliptic;point(1r,0.5r)", 57.295_779_513_082_32, 28.647_889_756_541_16),
        ("j2000;point(10d,20d) # point=circle", 10.0, 20.0),
        ("physical;point(10.5,20)", 10.5, 20.0),
    ] {
        let Shape::Point { center } = one(text).shape else { panic!("{text}") };
        assert!(close(center[0], lon) && close(center[1], lat), "{text}: {center:?}");
    }
}

#[test]
fn lengths_know_their_units() {
    for (text, length) in [
        ("image;circle(1,1,5)", Length::ImagePixels(5.0)),
        ("circle(1,1,5)", Length::PhysicalPixels(5.0)),
        ("image;circle(1,1,36\")", Length::Degrees(0.01)),
        ("fk5;circle(1,1,0.5)", Length::Degrees(0.5)),
        ("fk5;circle(1,1,7p)", Length::PhysicalPixels(7.0)),
        ("fk5;circle(1,1,7i)", Length::ImagePixels(7.0)),
        ("fk5;circle(1,1,6')", Length::Degrees(0.1)),
    ] {
        assert_eq!(one(text).shape, Shape::Circle { center: [1.0, 1.0], radius: length }, "{text}");
    }
}

#[test]
fn rings_of_several_radii_reach_from_the_first_to_the_last() {
    let ring = one("image;annulus(1,2,3,4,5)").shape;
    let (inner, outer) = (Length::ImagePixels(3.0), Length::ImagePixels(5.0));
    assert_eq!(ring, Shape::Annulus { center: [1.0, 2.0], inner, outer });
    let Shape::Box { hole: Some(hole), size, angle_deg, .. } = one("image;box(0,0,1,2,3,4,30)").shape else { panic!() };
    assert_eq!((hole, angle_deg), ([Length::ImagePixels(1.0), Length::ImagePixels(2.0)], 30.0));
    assert_eq!(size, [Length::ImagePixels(3.0), Length::ImagePixels(4.0)]);
}

#[test]
fn errors_name_line_and_text() {
    let message = |text: &str| RegionFile::parse(text).unwrap_err().to_string();
    assert!(message("fk5\nbanana(1,2)").starts_with("line 2: 'banana(1,2)' is no region shape"));
    assert_eq!(message("image;circle(1,2)"), "line 1: circle with 2 numbers; it takes 3: x, y, radius");
    assert_eq!(message("fk5;circle(1,x,3)"), "line 1: 'x' is no coordinate of the Fk5 system");
    assert_eq!(message("fk5;circle(1,95,3)"), "line 1: '95' is no coordinate of the Fk5 system");
    assert_eq!(message("image;circle(1,1,-3)"), "line 1: '-3' is no length of the Image system");
    assert!(message("fk5;point(10:61:00,1)").contains("'10:61:00'"));
    assert!(message("image;polygon(1,1,2,2)").contains("an even number of 6 or more"));
}

proptest! {
    #[test]
    fn no_text_makes_the_region_reader_panic(text in "\\PC{0,80}") {
        let _ = RegionFile::parse(&text);
    }

    #[test]
    fn no_likely_text_makes_the_region_reader_panic(text in "(fk5|image|-|circle|box|text|[(){}\"';#,=: 0-9.\n]){0,30}") {
        let _ = RegionFile::parse(&text);
    }

    #[test]
    fn numbers_are_read_as_written(x in -1e4_f64..1e4, y in -1e4_f64..1e4, r in 0.0_f64..1e4) {
        let expected = Shape::Circle { center: [x, y], radius: Length::ImagePixels(r) };
        prop_assert_eq!(one(&format!("image;circle({x},{y},{r})")).shape, expected);
    }
}
