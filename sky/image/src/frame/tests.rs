use super::*;
use crate::fits::{FitsFile, Header};
use std::path::{Path, PathBuf};

fn tile(crval: (f64, f64), turn: f64, size: (usize, usize)) -> Wcs {
    let (s, c) = crate::sphere::trig::sincos_deg(turn);
    let p = 1.0 / 3600.0;
    let cd = [[-p * c, p * s], [p * s, p * c]];
    let crpix = (0.5 * (size.0 as f64 - 1.0), 0.5 * (size.1 as f64 - 1.0));
    Wcs::new(Frame::Icrs, Projection::tan(), crval, crpix, cd, size).unwrap()
}

fn holds(mosaic: &Wcs, image: &Wcs) -> bool {
    let (nx, ny) = (image.naxis().0 as f64 - 0.5, image.naxis().1 as f64 - 0.5);
    let (mx, my) = (mosaic.naxis().0 as f64 - 0.5, mosaic.naxis().1 as f64 - 0.5);
    [(-0.5, -0.5), (nx, -0.5), (-0.5, ny), (nx, ny)].into_iter().all(|(x, y)| {
        let place = image.pix_to_sky(x, y).unwrap();
        let place = image.frame().convert_one(mosaic.frame(), place);
        let (x, y) = mosaic.sky_to_pix(place).unwrap();
        let slack = 2e-3;
        x > -0.5 - slack && y > -0.5 - slack && x < mx + slack && y < my + slack
    })
}

#[test]
fn one_image_is_its_own_smallest_frame() {
    for (crval, turn) in [((0.01, 5.0), 0.0), ((200.0, -89.999), 0.0), ((10.0, 90.0), 30.0), ((77.0, 45.0), -20.0)] {
        let image = tile(crval, turn, (512, 1024));
        let options = Options { turn: Turn::Smallest, ..Options::default() };
        let mosaic = around_images(std::slice::from_ref(&image), &options).unwrap();
        assert_eq!(mosaic.naxis(), (512, 1024), "{crval:?} {turn}");
        assert!(holds(&mosaic, &image));
        let (a, b) = (mosaic.crval(), image.crval());
        let apart = SkyCoord { lon_deg: a.0, lat_deg: a.1 }.separation_deg(SkyCoord { lon_deg: b.0, lat_deg: b.1 });
        assert!(apart * 3600.0 < 0.01, "{apart}");
    }
}

#[test]
fn tiles_across_longitude_zero_and_the_pole_share_a_small_frame() {
    let options = Options::default();
    let tiles = [tile((359.95, 2.0), 0.1, (300, 300)), tile((0.05, 2.0), -0.1, (300, 300))];
    let mosaic = around_images(&tiles, &options).unwrap();
    assert!(tiles.iter().all(|t| holds(&mosaic, t)));
    assert!(mosaic.naxis().0 < 670 && mosaic.naxis().1 < 310, "{:?}", mosaic.naxis());
    let tiles = [0.0, 90.0, 180.0, 270.0].map(|lon| tile((lon, 89.95), 0.0, (300, 300)));
    // On the pole every direction is north, so only the turned frame is surely the smallest.
    let mosaic = around_images(&tiles, &Options { turn: Turn::Smallest, ..options }).unwrap();
    assert!(tiles.iter().all(|t| holds(&mosaic, t)));
    assert!(mosaic.naxis().0 < 670 && mosaic.naxis().1 < 670, "{:?}", mosaic.naxis());
}

#[test]
fn the_whole_sky_gets_an_aitoff_map_that_holds_it() {
    let tiles: Vec<Wcs> = (0..12)
        .flat_map(|i| (-2..=2).map(move |j| tile((f64::from(i) * 30.0, f64::from(j) * 40.0), 0.0, (100, 100))))
        .collect();
    let options = Options { scale: Scale::Degrees(0.5), frame: Some(Frame::Galactic), ..Options::default() };
    let mosaic = around_images(&tiles, &options).unwrap();
    assert_eq!(mosaic.projection().code(), "AIT");
    assert!(tiles.iter().all(|t| holds(&mosaic, t)));
    assert!(mosaic.naxis().0 <= 650 && mosaic.naxis().1 <= 326, "{:?}", mosaic.naxis());
}

#[test]
fn pixel_sizes_follow_the_choice() {
    let fine = tile((10.0, 0.0), 0.0, (100, 100));
    let coarse =
        Wcs::new(Frame::Icrs, Projection::tan(), (10.0, 0.0), (50.0, 50.0), [[-0.001, 0.0], [0.0, 0.001]], (100, 100))
            .unwrap();
    let images = [fine, coarse.clone(), coarse];
    let side = |scale: Scale| {
        let mosaic = around_images(&images, &Options { scale, ..Options::default() }).unwrap();
        mosaic.pixel_side_deg().unwrap()
    };
    assert!((side(Scale::Finest) * 3600.0 - 1.0).abs() < 1e-6);
    assert!((side(Scale::Median) - 0.001).abs() < 1e-9);
    assert!((side(Scale::Degrees(0.002)) - 0.002).abs() < 1e-9);
}

#[test]
fn what_cannot_be_framed_is_an_error() {
    assert!(matches!(around_images(&[], &Options::default()), Err(FrameError::NoImages)));
    let empty = tile((0.0, 0.0), 0.0, (100, 100)).with_naxis((0, 0));
    assert!(matches!(around_images(&[empty], &Options::default()), Err(FrameError::Nowhere { index: 0, .. })));
    let image = tile((0.0, 0.0), 0.0, (100, 100));
    let bad = Options { scale: Scale::Degrees(0.0), ..Options::default() };
    assert!(matches!(around_images(std::slice::from_ref(&image), &bad), Err(FrameError::Size { .. })));
    let far = [image, tile((180.0, 0.0), 0.0, (10, 10))];
    let tan = Options { projection: Some(Projection::tan()), ..Options::default() };
    assert!(matches!(around_images(&far, &tan), Err(FrameError::NotDrawn { .. })));
}

#[test]
fn a_place_and_a_size_give_their_frame() {
    let m17 = SkyCoord { lon_deg: 275.196, lat_deg: -16.172 };
    let size = (0.5, 0.25);
    let wcs = around_place(m17, size, 1.0 / 3600.0, Frame::Icrs, Projection::tan(), 0.0).unwrap();
    assert_eq!(wcs.naxis(), (1800, 900));
    let (x, y) = wcs.sky_to_pix(m17).unwrap();
    assert!((x - 899.5).abs() < 1e-9 && (y - 449.5).abs() < 1e-9);
    let car = Projection::new("CAR", &Default::default()).unwrap();
    let wcs = around_place(m17, size, 0.001, Frame::Icrs, car, 0.0).unwrap();
    let (x, y) = wcs.sky_to_pix(m17).unwrap();
    assert!((x - 249.5).abs() < 1e-9 && (y - 124.5).abs() < 1e-9);
    assert_eq!(wcs.crval().1, 0.0);
}

#[test]
fn the_y_axis_turns_from_north_through_east() {
    let place = SkyCoord { lon_deg: 50.0, lat_deg: 10.0 };
    let wcs = around_place(place, (0.1, 0.1), 0.001, Frame::Icrs, Projection::tan(), 30.0).unwrap();
    let (up, middle) = (wcs.pix_to_sky(49.5, 59.5).unwrap(), wcs.pix_to_sky(49.5, 49.5).unwrap());
    let east = (up.lon_deg - middle.lon_deg) * libm::cos(10.0_f64.to_radians());
    let angle = libm::atan2(east, up.lat_deg - middle.lat_deg).to_degrees();
    assert!((angle - 30.0).abs() < 0.05, "{angle}");
}

fn shared() -> Option<PathBuf> {
    let path = std::env::var_os("POGSON_SHARED")
        .map(PathBuf::from)
        .unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"))
        .join("data/tiles_m17_2mass_k");
    let found = path.is_dir();
    if !found {
        println!("skipped: {} is missing (set POGSON_SHARED)", path.display());
    }
    found.then_some(path)
}

#[test]
fn the_frame_of_m17_lies_where_montage_puts_it() {
    let Some(folder) = shared() else { return };
    let mut tiles = Vec::new();
    let mut names: Vec<PathBuf> = std::fs::read_dir(folder.join("raw")).unwrap().map(|e| e.unwrap().path()).collect();
    names.sort();
    for path in names.iter().filter(|p| p.to_string_lossy().contains(".fits")) {
        let file = FitsFile::open(path).unwrap();
        let hdu = (0..file.hdus().len()).find(|i| Wcs::from_hdu(&file, *i).is_ok()).unwrap();
        tiles.push(Wcs::from_hdu(&file, hdu).unwrap());
    }
    assert_eq!(tiles.len(), 8);
    let text = std::fs::read_to_string(folder.join("montage_reference/region.hdr")).unwrap();
    let montage = Wcs::from_header(&Header::from_text(&text).unwrap()).unwrap();
    let upright = around_images(&tiles, &Options::default()).unwrap();
    let turned = around_images(&tiles, &Options { turn: Turn::Smallest, ..Options::default() }).unwrap();
    println!("montage {:?} upright {:?} turned {:?}", montage.naxis(), upright.naxis(), turned.naxis());
    for mosaic in [&upright, &turned] {
        assert!(tiles.iter().all(|t| holds(mosaic, t)));
        let (nx, ny) = mosaic.naxis();
        let sky = SkyCoord { lon_deg: mosaic.crval().0, lat_deg: mosaic.crval().1 };
        let sky = mosaic.frame().convert_one(montage.frame(), sky);
        let (x, y) = montage.sky_to_pix(sky).unwrap();
        let (mx, my) = (montage.naxis().0 as f64, montage.naxis().1 as f64);
        assert!((x - 0.5 * mx).abs() < 20.0 && (y - 0.5 * my).abs() < 20.0, "{x} {y}");
        assert!(nx * ny <= (montage.naxis().0 + 2) * (montage.naxis().1 + 2), "{nx} x {ny}");
    }
    assert!(turned.naxis().0 * turned.naxis().1 <= upright.naxis().0 * upright.naxis().1);
}
