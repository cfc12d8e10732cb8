//! The codecs against CFITSIO's bytes, against themselves, and against damage.

use super::{TiledError, gzip, hcompress, plio, rice, vectors as v};
use proptest::prelude::*;

/// The pixels that the test vectors were made of: a linear congruential generator upon a parabola.
fn noise(count: usize, spread: i64, seed: i64) -> Vec<i32> {
    let mut x = seed;
    let next = |i| {
        x = (x * 1_103_515_245 + 12345) % (1 << 31);
        ((x >> 16) % spread - spread / 2 + (i * i) as i64 / 50) as i32
    };
    (0..count).map(next).collect()
}

fn words(bytes: &[u8]) -> Vec<i16> {
    bytes.chunks_exact(2).map(|b| i16::from_be_bytes([b[0], b[1]])).collect()
}

#[test]
fn rice_equals_cfitsio_byte_for_byte_at_each_width() {
    let mut wide = noise(70, 40, 1);
    wide[33] = 100_000;
    let mut out = vec![0i32; 70];
    rice::decode(v::RICE_32, 32, &mut out).unwrap();
    assert_eq!(out, wide);
    assert_eq!(rice::encode(&wide, 32).unwrap(), v::RICE_32);

    let middle: Vec<i16> = noise(50, 60000, 2).into_iter().map(|p| (p >> 1) as i16).collect();
    let mut out = vec![0i16; 50];
    rice::decode(v::RICE_16, 16, &mut out).unwrap();
    assert_eq!(out, middle);
    assert_eq!(rice::encode(&middle, 16).unwrap(), v::RICE_16);

    let narrow: Vec<u8> = noise(40, 9, 3).into_iter().map(|p| (p + 100) as u8).collect();
    let mut out = vec![0u8; 40];
    rice::decode(v::RICE_8, 32, &mut out).unwrap();
    assert_eq!(out, narrow);
    assert_eq!(rice::encode(&narrow, 32).unwrap(), v::RICE_8);
}

#[test]
fn plio_equals_cfitsio_word_for_word() {
    let mut mask = vec![0i32; 9000];
    mask[10..13].fill(5);
    mask[20..23].copy_from_slice(&[6, 5, 100_000]);
    mask[40..4500].fill(70_000);
    mask[8999] = 1;
    assert_eq!(plio::encode(&mask).unwrap(), words(v::PLIO));
    let mut out = vec![-1; 9000];
    plio::decode(&words(v::PLIO), &mut out).unwrap();
    assert_eq!(out, mask);
}

#[test]
fn one_pixel_after_4095_zeros_keeps_them() {
    let mut mask = vec![0i32; 4097];
    mask[4095] = 7;
    let mut out = vec![-1; 4097];
    plio::decode(&plio::encode(&mask).unwrap(), &mut out).unwrap();
    assert_eq!(out, mask);
}

#[test]
fn plio_refuses_negative_pixels() {
    let refused = plio::encode(&[1, -3]).unwrap_err();
    assert!(matches!(refused, TiledError::Unrepresentable { value: -3, .. }));
}

#[test]
fn hcompress_equals_cfitsio_byte_for_byte() {
    let pixels = noise(35, 300, 4);
    assert_eq!(hcompress::encode(&pixels, 7, 5, 0).unwrap(), v::H_7X5);
    let mut out = vec![0; 35];
    hcompress::decode(v::H_7X5, 7, 5, false, &mut out).unwrap();
    assert_eq!(out, pixels);
}

#[test]
fn lossy_hcompress_equals_cfitsio_with_and_without_smoothing() {
    assert_eq!(hcompress::encode(&noise(192, 3000, 5), 16, 12, 40).unwrap(), v::H_LOSSY);
    let mut out = vec![0; 192];
    hcompress::decode(v::H_LOSSY, 16, 12, false, &mut out).unwrap();
    assert_eq!(out, v::H_PLAIN);
    hcompress::decode(v::H_LOSSY, 16, 12, true, &mut out).unwrap();
    assert_eq!(out, v::H_SMOOTH);
}

#[test]
fn a_gzip_tile_that_inflates_beyond_its_pixels_is_refused() {
    let bomb = gzip::deflate(&vec![0; 1 << 20], 9);
    assert!(matches!(gzip::inflate(&bomb, 1000), Err(TiledError::WrongSize { wanted: 1000, .. })));
    assert_eq!(gzip::inflate(&bomb, 1 << 20).unwrap().len(), 1 << 20);
}

#[test]
fn shuffling_puts_the_bytes_of_each_significance_together() {
    assert_eq!(gzip::shuffle(&[1, 2, 3, 11, 12, 13], 3), [1, 11, 2, 12, 3, 13]);
}

/// Pixels of mixed roughness: constant stretches, small steps, and any value.
fn pixels(most: usize) -> impl Strategy<Value = Vec<i32>> {
    let stretch = prop_oneof![
        (any::<i32>(), 1usize..90).prop_map(|(value, count)| vec![value; count]),
        proptest::collection::vec(-20..20i32, 1..90),
        proptest::collection::vec(any::<i32>(), 1..40),
        proptest::collection::vec(any::<i16>().prop_map(i32::from), 1..90),
    ];
    proptest::collection::vec(stretch, 1..6).prop_map(move |parts| {
        let mut all = parts.concat();
        all.truncate(most);
        all
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn rice_gives_back_what_it_was_given(pixels in pixels(400), block in prop_oneof![Just(16usize), Just(32), 1usize..70]) {
        let mut out = vec![0i32; pixels.len()];
        rice::decode(&rice::encode(&pixels, block).unwrap(), block, &mut out).unwrap();
        prop_assert_eq!(&out, &pixels);
        let narrow: Vec<i16> = pixels.iter().map(|&p| p as i16).collect();
        let mut out = vec![0i16; pixels.len()];
        rice::decode(&rice::encode(&narrow, block).unwrap(), block, &mut out).unwrap();
        prop_assert_eq!(&out, &narrow);
        let bytes: Vec<u8> = pixels.iter().map(|&p| p as u8).collect();
        let mut out = vec![0u8; pixels.len()];
        rice::decode(&rice::encode(&bytes, block).unwrap(), block, &mut out).unwrap();
        prop_assert_eq!(&out, &bytes);
    }

    #[test]
    fn plio_gives_back_what_it_was_given(
        runs in proptest::collection::vec((prop_oneof![Just(0), 0..5i32, 0..=plio::MAX_VALUE], prop_oneof![1usize..5, 1usize..9000, Just(4095), Just(8190)]), 1..12)
    ) {
        let mask: Vec<i32> = runs.iter().flat_map(|&(value, count)| std::iter::repeat_n(value, count)).collect();
        let mut out = vec![-1; mask.len()];
        plio::decode(&plio::encode(&mask).unwrap(), &mut out).unwrap();
        prop_assert_eq!(out, mask);
    }

    #[test]
    fn lossless_hcompress_gives_back_what_it_was_given(pixels in pixels(400), width in 4usize..40) {
        let height = pixels.len() / width;
        prop_assume!(height >= 4);
        let pixels = &pixels[..width * height];
        let mut out = vec![0i32; pixels.len()];
        hcompress::decode(&hcompress::encode(pixels, width, height, 0).unwrap(), width, height, false, &mut out).unwrap();
        prop_assert_eq!(&out, pixels);
    }

    #[test]
    fn gzip_gives_back_what_it_was_given(bytes in proptest::collection::vec(any::<u8>(), 0..600), size in 1usize..9) {
        let shuffled = gzip::shuffle(&bytes, size);
        prop_assert_eq!(&gzip::unshuffle(&shuffled, size), &bytes);
        prop_assert_eq!(gzip::inflate(&gzip::deflate(&bytes, 1), bytes.len()).unwrap(), bytes);
    }

    #[test]
    fn no_bytes_make_a_decoder_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), width in 1usize..30, height in 1usize..30, smooth: bool) {
        let mut out = vec![0i32; width * height];
        let _ = rice::decode(&bytes, 32, &mut out);
        let _ = plio::decode(&words(&bytes), &mut out);
        let _ = gzip::inflate(&bytes, 4 * out.len());
        let mut coded = vec![0xDD, 0x99];
        for number in [height as i32, width as i32] {
            coded.extend(number.to_be_bytes());
        }
        coded.extend(&bytes);
        let _ = hcompress::decode(&coded, width, height, smooth, &mut out);
    }

    #[test]
    fn a_tile_cut_short_is_an_error(pixels in pixels(200), cut in 0.0..1.0f64) {
        let mut out = vec![0i32; pixels.len()];
        let bytes = rice::encode(&pixels, 32).unwrap();
        // The last byte may hold nothing but padding.
        let kept = ((bytes.len() - 1) as f64 * cut) as usize;
        let short = rice::decode(&bytes[..kept], 32, &mut out);
        let refused = matches!(short, Err(TiledError::Truncated { .. }));
        prop_assert!(refused);
    }
}
