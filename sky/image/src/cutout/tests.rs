use super::*;
use crate::fits::{Bitpix, Options, write_image_f64};

fn cut(source: &std::path::Path, cutout: &Cutout, target: &std::path::Path) {
    let file = FitsFile::open(source).unwrap();
    let image = file.first_image().unwrap();
    let mut writer = FitsWriter::create(target, Options::default()).unwrap();
    let header = cutout.header(&image);
    cutout.copy::<FitsError>(&file, &image, &header, &mut writer, |_| Ok(())).unwrap();
    writer.finish().unwrap();
}

#[test]
fn a_cutout_holds_the_pixels_of_its_rectangle_in_every_plane() {
    let dir = tempfile::tempdir().unwrap();
    let (source, target) = (dir.path().join("a.fits"), dir.path().join("b.fits"));
    let values: Vec<f64> = (0..5 * 4 * 3).map(f64::from).collect();
    let header = Header::from_text("CTYPE1  = 'RA---TAN'\nCTYPE2  = 'DEC--TAN'\nCRPIX1  = 2.5\nCRPIX1B = 9.0").unwrap();
    write_image_f64(&source, &header, &[5, 4, 3], &values, false).unwrap();
    cut(&source, &Cutout { rect: Rect { x: 1, y: 2, width: 3, height: 2 }, planes: 0..3 }, &target);
    let file = FitsFile::open(&target).unwrap();
    let image = file.first_image().unwrap();
    assert_eq!(image.axes(), [3, 2, 3]);
    assert_eq!(image.bitpix(), Bitpix::F64);
    let mut found = vec![0.0; 6];
    image.read_f64(2, image.rect(), &mut found).unwrap();
    assert_eq!(found, [51.0, 52.0, 53.0, 56.0, 57.0, 58.0]);
    assert_eq!(image.header().f64("CRPIX1"), Some(1.5));
    assert_eq!(image.header().f64("CRPIX1B"), Some(8.0));
    assert_eq!(image.header().f64("CRPIX2"), Some(-2.0));
}

#[test]
fn integers_keep_their_stored_values_and_scaling() {
    let dir = tempfile::tempdir().unwrap();
    let (source, target) = (dir.path().join("a.fits"), dir.path().join("b.fits"));
    let header = Header::from_text("BSCALE  = 0.5\nBZERO   = 10.0\nBLANK   = -9").unwrap();
    let mut writer = FitsWriter::create(&source, Options::default()).unwrap();
    writer.add_image(&header, &[3, 1], Bitpix::I16).unwrap();
    writer.write_rect_i64(0, 0, Rect { x: 0, y: 0, width: 3, height: 1 }, &[4, -9, 6]).unwrap();
    writer.finish().unwrap();
    cut(&source, &Cutout { rect: Rect { x: 1, y: 0, width: 2, height: 1 }, planes: 0..1 }, &target);
    let file = FitsFile::open(&target).unwrap();
    let image = file.first_image().unwrap();
    let mut found = vec![0.0; 2];
    image.read_f64(0, image.rect(), &mut found).unwrap();
    assert!(found[0].is_nan());
    assert_eq!(found[1], 13.0);
    assert_eq!(image.bitpix(), Bitpix::I16);
}

#[test]
fn one_plane_of_a_cube_keeps_its_place_on_the_third_axis() {
    let dir = tempfile::tempdir().unwrap();
    let (source, target) = (dir.path().join("a.fits"), dir.path().join("b.fits"));
    let header = Header::from_text("CRPIX3  = 1.0").unwrap();
    write_image_f64(&source, &header, &[1, 1, 4], &[0.0, 1.0, 2.0, 3.0], false).unwrap();
    cut(&source, &Cutout { rect: Rect { x: 0, y: 0, width: 1, height: 1 }, planes: 2..4 }, &target);
    let file = FitsFile::open(&target).unwrap();
    let image = file.image(0).unwrap();
    assert_eq!((image.axes(), image.header().f64("CRPIX3")), (&[1, 1, 2][..], Some(-1.0)));
}
