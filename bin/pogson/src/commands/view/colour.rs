//! From one or three averaged images to the picture under the overlays.

use pogson_image::fits::FitsFile;
use pogson_image::wcs::Wcs;
use pogson_view::{Limits, Lupton, Picture, Render, Scaled, Stretch, Tone};

use super::{Args, image_of};
use crate::failure::Failure;
use crate::output::Output;

/// A picture and how it came about.
pub struct Made {
    /// The picture.
    pub picture: Picture,
    /// The curve, in words.
    pub stretch: String,
    /// Black and white of each band.
    pub limits: Vec<[f64; 2]>,
}

/// An averaged image and the size of the whole one.
pub type Band = (Scaled, (usize, usize));

/// Paints one band, or three.
///
/// # Errors
/// Numbers that make no sense for Lupton's stretch.
pub fn picture(bands: &[Band], limits: Limits, args: &Args) -> Result<Made, Failure> {
    let found: Vec<(f64, f64)> = bands.iter().map(|(band, _)| limits.find(&band.pixels)).collect();
    let listed = found.iter().map(|(low, high)| [*low, *high]).collect();
    let width = bands[0].0.width;
    let render = Render {
        stretch: args.stretch.unwrap_or(Stretch::Asinh(0.1)),
        limits,
        colormap: args.colormap,
        inverted: args.invert,
        nan: args.nan,
    };
    let [red, green, blue] = bands else {
        let pixels = &bands[0].0.pixels;
        let tone = Tone::new(render.stretch, found[0], pixels);
        let stretch = render.stretch.to_string();
        return Ok(Made { picture: render.toned(pixels, width, &tone), stretch, limits: listed });
    };
    let pixels = [&red.0.pixels[..], &green.0.pixels, &blue.0.pixels];
    if args.stretch.is_some() {
        let stretch = render.stretch.to_string();
        return Ok(Made { picture: render.three(pixels, width), stretch, limits: listed });
    }
    for (name, value) in [("softening", Some(args.softening)), ("linear-range", args.linear_range)] {
        if let Some(value) = value.filter(|v| !(v.is_finite() && *v > 0.0)) {
            return Err(Failure::usage(format!("--{name} {value}: a number above 0 is needed")));
        }
    }
    let picture = match args.linear_range {
        Some(stretch) => {
            let minimum = [found[0].0, found[1].0, found[2].0];
            render.lupton(pixels, width, &Lupton { minimum, stretch, softening: args.softening })
        }
        None => {
            let scaled: Vec<Vec<f32>> = pixels
                .iter()
                .zip(&found)
                .map(|(band, (low, high))| {
                    let per_unit = 1.0 / (high - low).max(f64::MIN_POSITIVE);
                    band.iter().map(|v| ((f64::from(*v) - low) * per_unit) as f32).collect()
                })
                .collect();
            let lupton = Lupton::of_unit_range(args.softening);
            render.lupton([&scaled[0], &scaled[1], &scaled[2]], width, &lupton)
        }
    };
    Ok(Made { picture, stretch: format!("lupton, Q {}", args.softening), limits: listed })
}

/// Three images have to be of one size; that they lie on one place of the sky is only warned of.
///
/// # Errors
/// Sizes that differ.
pub fn same_grid(files: &[FitsFile], bands: &[Band], args: &Args, out: &Output) -> Result<(), Failure> {
    let (width, height) = bands[0].1;
    for (file, (_, (w, h))) in files.iter().zip(bands).skip(1) {
        if (*w, *h) != (width, height) {
            let first = files[0].path().display();
            let fault = format!("has {w} x {h} pixels but {first} has {width} x {height}; reproject them to one grid");
            return Err(Failure::in_file(file.path(), fault));
        }
    }
    let middle = (0.5 * (width as f64 - 1.0), 0.5 * (height as f64 - 1.0));
    let wcs = |file: &FitsFile| Wcs::from_hdu(file, image_of(file, args).ok()?.hdu()).ok();
    let first = wcs(&files[0]);
    let place = first.as_ref().and_then(|wcs| wcs.pix_to_sky(middle.0, middle.1));
    for file in &files[1..] {
        let (Some(first), Some(place), Some(other)) = (&first, place, wcs(file)) else {
            continue;
        };
        let there = other.sky_to_pix(first.frame().convert_one(other.frame(), place));
        if let Some((x, y)) = there
            && libm::hypot(x - middle.0, y - middle.1) > 0.5
        {
            let off = libm::hypot(x - middle.0, y - middle.1);
            out.warn(format!("{}: lies {off:.1} pixels off the red image; reproject to one grid", file.path().display()));
        }
    }
    Ok(())
}
