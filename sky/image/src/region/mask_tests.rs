use super::*;
use crate::fits::Header;
use crate::sphere::{Frame, SkyCoord};
use crate::wcs::Wcs;
use proptest::prelude::*;

/// 200 x 150 pixels of 1", turned by 30 degrees.
fn turned(center: [f64; 2], ctype: [&str; 2]) -> Wcs {
    let (s, c) = (0.5 / 3600.0, 0.866_025_403_784_438_6 / 3600.0);
    Wcs::from_header(
        &Header::from_text(&format!(
            "NAXIS1 = 200\nNAXIS2 = 150\nCTYPE1 = '{}'\nCTYPE2 = '{}'\nCRPIX1 = 100.5\nCRPIX2 = 75.5\nCRVAL1 = {}\n\
             CRVAL2 = {}\nCD1_1 = {}\nCD1_2 = {}\nCD2_1 = {}\nCD2_2 = {}\n",
            ctype[0], ctype[1], center[0], center[1], -c, s, s, c
        ))
        .unwrap(),
    )
    .unwrap()
}

fn canvas(wcs: &Wcs) -> Canvas<'_> {
    Canvas { wcs: Some(wcs), width: 200, height: 150, physical: Physical::default() }
}

fn mask(text: &str, canvas: &Canvas<'_>) -> Mask {
    Mask::of(&RegionFile::parse(text).unwrap().regions, canvas).unwrap()
}

fn flat() -> Canvas<'static> {
    Canvas { wcs: None, width: 20, height: 10, physical: Physical::default() }
}

#[test]
fn pixel_figures_cover_the_pixels_whose_centres_they_hold() {
    // Centre on pixel (5, 5) of FITS, radius 1: itself and its four neighbours.
    let cross = mask("image;circle(5,5,1)", &flat());
    assert_eq!(cross.count(), 5);
    assert!(cross.row(4)[3..6].iter().all(|b| *b) && cross.row(3)[4] && !cross.row(3)[3]);
    assert_eq!(mask("image;box(5.5,5.5,4,2,0)", &flat()).count(), 8);
    assert_eq!(mask("image;box(5.5,5.5,4,2,90)", &flat()).count(), 8);
    assert_eq!(mask("image;annulus(5,5,0.5,1)", &flat()).count(), 4);
    assert_eq!(mask("image;polygon(0.5,0.5,20.5,0.5,20.5,10.5,0.5,10.5)", &flat()).count(), 200);
    assert_eq!(mask("image;polygon(0.5,0.5,20.5,0.5,0.5,10.5)", &flat()).count(), 100);
    assert!(mask("image;point(3.4,2.6)", &flat()).row(2)[2]);
    assert_eq!(mask("image;line(2,3,9,3)", &flat()).count(), 8);
    assert_eq!(mask("image;text(2,3) text={x}", &flat()).count(), 0);
    assert_eq!(mask("image;circle(500,500,9);point(-7,2);box(1e30,1,1,1,0)", &flat()).count(), 0);
}

#[test]
fn exclusion_takes_out_and_alone_starts_from_everything() {
    assert_eq!(mask("image;box(5.5,5.5,4,2,0);-box(5.5,5.5,2,2,0)", &flat()).count(), 4);
    assert_eq!(mask("image;-circle(5,5,1)", &flat()).count(), 195);
    assert_eq!(mask("", &flat()).count(), 0);
}

#[test]
fn physical_pixels_follow_ltm_and_ltv() {
    // A cutout that begins at pixel 101 of its parent, binned by 2: image = 0.5 physical - 50.
    let header = Header::from_text("LTM1_1 = 0.5\nLTM2_2 = 0.5\nLTV1 = -50.0\nLTV2 = -50.0\n").unwrap();
    let canvas = Canvas { physical: Physical::from_header(&header), ..flat() };
    assert_eq!(mask("physical;circle(110,110,2)", &canvas), mask("image;circle(5,5,1)", &flat()));
}

#[test]
fn a_circle_on_the_sky_covers_what_lies_within_its_radius() {
    let wcs = turned([275.2, -16.1], ["RA---TAN", "DEC--TAN"]);
    let sky = SkyCoord { lon_deg: 275.195, lat_deg: -16.105 };
    let found = mask("icrs;circle(275.195,-16.105,20.3\")", &canvas(&wcs));
    let mut expected = 0;
    for y in 0..150 {
        for x in 0..200 {
            let place = wcs.frame().convert_one(&Frame::Icrs, wcs.pix_to_sky(x as f64, y as f64).unwrap());
            let within = place.separation_deg(sky) <= 20.3 / 3600.0;
            assert_eq!(found.row(y)[x], within, "{x} {y}");
            expected += usize::from(within);
        }
    }
    assert_eq!(found.count(), expected);
    // π 20.3² = 1294.6 pixels of 1".
    assert!((expected as f64 - 1294.6).abs() < 12.0, "{expected}");
}

#[test]
fn a_circle_around_the_pole_is_whole() {
    let wcs = turned([10.0, 89.999], ["RA---TAN", "DEC--TAN"]);
    let found = mask("fk5;circle(0,90,30\")", &canvas(&wcs));
    assert!((found.count() as f64 - std::f64::consts::PI * 900.0).abs() < 25.0, "{}", found.count());
    let text = "NAXIS1 = 360\nNAXIS2 = 180\nCTYPE1 = 'RA---CAR'\nCTYPE2 = 'DEC--CAR'\nCRPIX1 = 180.5\nCRPIX2 = 90.5\n\
        CRVAL1 = 0.0\nCRVAL2 = 0.0\nCDELT1 = -1.0\nCDELT2 = 1.0\n";
    let all_sky = Wcs::from_header(&Header::from_text(text).unwrap()).unwrap();
    let canvas = Canvas { wcs: Some(&all_sky), width: 360, height: 180, physical: Physical::default() };
    // Ten rows of one degree around the pole, all longitudes.
    assert_eq!(mask("fk5;circle(0,90,10)", &canvas).count(), 3600);
    // Across the seam at longitude 180: as many pixels as anywhere else.
    assert_eq!(mask("fk5;circle(180,0,10)", &canvas).count(), mask("fk5;circle(0,0,10)", &canvas).count());
}

#[test]
fn a_sky_box_keeps_its_sides_and_its_angle_on_a_turned_image() {
    let wcs = turned([275.2, -16.1], ["RA---TAN", "DEC--TAN"]);
    let at = |angle: f64| mask(&format!("fk5;box(275.2,-16.1,80\",20\",{angle})"), &canvas(&wcs));
    for angle in [0.0, 30.0, 77.0] {
        assert!((at(angle).count() as f64 - 1600.0).abs() < 60.0, "{}", at(angle).count());
    }
    // Along west-east: a place 35" west of the centre is in, 35" north is out; turned by 90 degrees it is so the
    // other way round.
    let pixel = |west: f64, north: f64| {
        let lat_deg = -16.1 + north / 3600.0;
        let lon_deg = 275.2 - west / 3600.0 / libm::cos(16.1_f64.to_radians());
        let place = Frame::J2000.convert_one(wcs.frame(), SkyCoord { lon_deg, lat_deg });
        let (x, y) = wcs.sky_to_pix(place).unwrap();
        (x.round() as usize, y.round() as usize)
    };
    let (west, north) = (pixel(35.0, 0.0), pixel(0.0, 35.0));
    assert!(at(0.0).row(west.1)[west.0] && !at(0.0).row(north.1)[north.0]);
    assert!(!at(90.0).row(west.1)[west.0] && at(90.0).row(north.1)[north.0]);
    // 45 degrees from west through north.
    let between = pixel(20.0, 20.0);
    assert!(at(45.0).row(between.1)[between.0] && !at(-45.0).row(between.1)[between.0]);
}

#[test]
fn systems_agree_about_one_place() {
    let wcs = turned([15.05, -0.7], ["GLON-TAN", "GLAT-TAN"]);
    let galactic = SkyCoord { lon_deg: 15.052, lat_deg: -0.702 };
    let reference = mask("galactic;circle(15.052,-0.702,15\")", &canvas(&wcs));
    assert!(reference.count() > 600);
    for (name, frame) in [
        ("icrs", Frame::Icrs),
        ("fk5", Frame::J2000),
        ("fk4", Frame::B1950),
        ("ecliptic", Frame::Ecliptic { equinox: 2000.0 }),
    ] {
        let place = Frame::Galactic.convert_one(&frame, galactic);
        let text = format!("{name};circle({},{},15\")", place.lon_deg, place.lat_deg);
        assert_eq!(mask(&text, &canvas(&wcs)), reference, "{name}");
    }
}

#[test]
fn outlines_run_along_the_masks_edge() {
    let wcs = turned([275.2, -16.1], ["RA---TAN", "DEC--TAN"]);
    let file = RegionFile::parse("icrs;annulus(275.2,-16.1,10\",30\");polygon(275.2,-16.1,275.21,-16.1,275.2,-16.09)")
        .unwrap();
    let rings = file.regions[0].outline(&canvas(&wcs)).unwrap();
    assert_eq!(rings.len(), 2);
    for (ring, radius) in rings.iter().zip([30.0, 10.0]) {
        assert_eq!(
            ring.first().map(|p| p.map(|c| (c * 1e6).round())),
            ring.last().map(|p| p.map(|c| (c * 1e6).round()))
        );
        for [x, y] in ring {
            assert!((libm::hypot(x - 99.5, y - 74.5) - radius).abs() < 1e-3);
        }
    }
    assert_eq!(file.regions[1].outline(&canvas(&wcs)).unwrap()[0].len(), 4);
}

#[test]
fn a_sky_region_needs_world_coordinates() {
    let regions = RegionFile::parse("image\npoint(1,1)\nfk5\ncircle(1,1,1)").unwrap().regions;
    assert_eq!(Mask::of(&regions, &flat()).unwrap_err(), PlaceError::NoWcs { line: 4 });
}

proptest! {
    #[test]
    fn a_polygon_covers_its_area(points in prop::collection::vec((0.0_f64..200.0, 0.0_f64..150.0), 3)) {
        let numbers: Vec<String> = points.iter().map(|(x, y)| format!("{x},{y}")).collect();
        let big = Canvas { wcs: None, width: 200, height: 150, physical: Physical::default() };
        let count = mask(&format!("image;polygon({})", numbers.join(",")), &big).count() as f64;
        let next = points.iter().cycle().skip(1);
        let twice: f64 = points.iter().zip(next).map(|(a, b)| a.0 * b.1 - b.0 * a.1).sum();
        // The count differs from the area by less than the number of pixels that the edges touch.
        prop_assert!((count - twice.abs() / 2.0).abs() < 800.0);
        prop_assert!((count - twice.abs() / 2.0).abs() < 60.0 + 0.1 * count, "{count} {}", twice.abs() / 2.0);
    }
}
