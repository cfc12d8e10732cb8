//! Rate of exact overlap on one thread, in input pixels per second of CPU time, on a made-up tile in SIN laid on TAN:
//! `cargo run --release -p pogson-mosaic --example exact_rate [FILE_STEM]`. With FILE_STEM, the tile and the template
//! are written too (STEM.fits, STEM.hdr), for mProjectPP and mProject to be timed on.

use pogson_image::fits::Header;
use pogson_image::wcs::Wcs;
use pogson_mosaic::exact::{Accumulator, ExactMap, PlaneMap, Source};
use std::error::Error;

const SIZE: (usize, usize) = (512, 1024);
const OUT: (usize, usize) = (700, 1200);
const ROUNDS: u32 = 10;

fn header(code: &str, size: (usize, usize), rotation: f64) -> Result<Header, Box<dyn Error>> {
    let scale = 1.0 / 3600.0;
    Ok(Header::from_text(&format!(
        "SIMPLE = T\nBITPIX = -32\nNAXIS = 2\nNAXIS1 = {}\nNAXIS2 = {}\nCTYPE1 = 'RA---{code}'\nCTYPE2 = 'DEC--{code}'\n\
         EQUINOX = 2000.0\nCRPIX1 = {}\nCRPIX2 = {}\nCRVAL1 = 275.2\nCRVAL2 = -16.1\nCDELT1 = {}\nCDELT2 = {scale}\n\
         CROTA2 = {rotation}\nEND",
        size.0,
        size.1,
        0.5 * size.0 as f64 + 0.5,
        0.5 * size.1 as f64 + 0.5,
        -scale,
    ))?)
}

/// CPU seconds of this thread.
fn cpu_seconds() -> Result<f64, Box<dyn Error>> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(text.split(' ').next().ok_or("empty schedstat")?.parse::<f64>()? * 1e-9)
}

fn measure(name: &str, mut work: impl FnMut(&mut Accumulator<'_>)) -> Result<(), Box<dyn Error>> {
    let (mut sum, mut area) = (vec![1.0; OUT.0 * OUT.1], vec![1.0; OUT.0 * OUT.1]);
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let start = cpu_seconds()?;
        work(&mut Accumulator::new((0, 0), OUT.0, OUT.1, &mut sum, &mut area));
        best = best.min(cpu_seconds()? - start);
    }
    println!("{name}: {:.1} Mpix/s", (SIZE.0 * SIZE.1) as f64 * 1e-6 / best);
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let data: Vec<f32> = (0..SIZE.0 * SIZE.1).map(|k| (k * 7919 % 1000) as f32 * 0.01).collect();
    for rotation in [0.2, 30.0] {
        let (tile, template) = (header("SIN", SIZE, 0.0)?, header("TAN", OUT, rotation)?);
        let (input, output) = (Wcs::from_header(&tile)?, Wcs::from_header(&template)?);
        let source = Source { data: &data, width: SIZE.0, height: SIZE.1, weight: None, variance: None };
        println!("rotated by {rotation} degrees");
        measure("exact on the sphere, mapping included", |into| {
            if let Ok(map) = ExactMap::new(&input, SIZE, &output, OUT) {
                map.accumulate(&source, into);
            }
        })?;
        measure("exact in the plane to 0.001 pixels, mapping included", |into| {
            if let Ok(map) = PlaneMap::new(&input, SIZE, &output, OUT, 0.001) {
                map.accumulate(&source, into);
            }
        })?;
        if let Some(stem) = std::env::args().nth(1).filter(|_| rotation < 1.0) {
            let mut file = tile.to_bytes();
            file.extend(data.iter().flat_map(|v| v.to_be_bytes()));
            file.resize(file.len().next_multiple_of(2880), 0);
            std::fs::write(format!("{stem}.fits"), file)?;
            let cards = template.to_bytes();
            let text: String =
                cards.chunks(80).map(|c| String::from_utf8_lossy(c).trim_end().to_owned() + "\n").collect();
            std::fs::write(format!("{stem}.hdr"), text.trim_end().to_owned() + "\n")?;
        }
    }
    Ok(())
}
