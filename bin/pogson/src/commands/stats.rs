//! `pogson stats`: what values an image holds.

use std::path::PathBuf;

use pogson_image::fits::{FitsFile, HduKind, Rect};
use pogson_view::stats::{Statistics, StatsOptions, statistics};
use serde::Serialize;

use crate::arguments::hdu::{HduChoice, find_hdu};
use crate::arguments::section::Section;
use crate::failure::Failure;
use crate::output::Output;

/// Show what values an image holds: extremes, mean, median, percentiles, scatter
///
/// All figures are exact, also of images larger than memory, and count finite pixels only.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  pogson stats mosaic.fits
  pogson stats tile.fits --pixels 101:200,51:150 --json
  pogson stats difference.fits --bins 40 --range -1 1
  pogson stats bundle.fits --all")]
pub struct Args {
    /// FITS file
    file: PathBuf,
    /// HDU to look at: a number from 0, a name, or NAME,VERSION [default: the first image]
    #[arg(long)]
    hdu: Option<HduChoice>,
    /// Look at every image of the file
    #[arg(long, conflicts_with = "hdu")]
    all: bool,
    /// Plane of a cube, from 1
    #[arg(long, value_name = "N", default_value_t = 1)]
    plane: usize,
    /// Pixels, 1-based and inclusive: X1:X2,Y1:Y2; * is a whole axis
    #[arg(long, value_name = "SECTION", allow_hyphen_values = true)]
    pixels: Option<Section>,
    /// Percentiles to find
    #[arg(long, value_name = "P,P...", value_delimiter = ',', default_value = "1,5,25,75,95,99")]
    percentiles: Vec<f64>,
    /// Clip values further from the median than so many standard deviations
    #[arg(long, value_name = "N", default_value_t = 3.0)]
    clip: f64,
    /// Count values in so many bins
    #[arg(long, value_name = "N", default_value_t = 0)]
    bins: usize,
    /// Ends of the bins [default: the extremes]
    #[arg(long, value_names = ["LOW", "HIGH"], num_args = 2, requires = "bins", allow_negative_numbers = true)]
    range: Option<Vec<f64>>,
}

#[derive(Serialize)]
struct Report {
    file: String,
    images: Vec<ImageReport>,
}

#[derive(Serialize)]
struct ImageReport {
    hdu: usize,
    name: Option<String>,
    unit: Option<String>,
    /// First and last column, first and last row, 1-based.
    pixels: [usize; 4],
    count: u64,
    nan: u64,
    infinite: u64,
    min: f64,
    min_at: Option<[usize; 2]>,
    max: f64,
    max_at: Option<[usize; 2]>,
    sum: f64,
    mean: f64,
    std: f64,
    median: f64,
    mad: f64,
    percentiles: Vec<[f64; 2]>,
    clipped: Option<Clipped>,
    histogram: Option<Histogram>,
}

#[derive(Serialize)]
struct Clipped {
    count: u64,
    mean: f64,
    median: f64,
    std: f64,
    iterations: usize,
}

#[derive(Serialize)]
struct Histogram {
    low: f64,
    high: f64,
    counts: Vec<u64>,
}

/// Shows the statistics.
///
/// # Errors
/// No image, no such plane or pixels.
pub fn run(args: Args, out: &Output) -> Result<(), Failure> {
    let options = options(&args)?;
    let file = FitsFile::open(&args.file)?;
    let chosen = if args.all {
        let is_image = |i: &usize| {
            let kind = file.hdus()[*i].kind();
            matches!(kind, HduKind::Image | HduKind::CompressedImage) && !file.hdus()[*i].axes().is_empty()
        };
        (0..file.hdus().len()).filter(is_image).collect()
    } else {
        vec![find_hdu(&file, args.hdu.as_ref())?]
    };
    let mut images = Vec::new();
    for hdu in chosen {
        out.go_on()?;
        let image = file.image(hdu)?;
        let rect = match &args.pixels {
            None => image.rect(),
            Some(section) => section.within(image.width(), image.height()).ok_or_else(|| {
                let size = format!("{} x {}", image.width(), image.height());
                Failure::in_file(&args.file, format!("no pixel asked for lies within the image of {size}"))
            })?,
        };
        if args.plane == 0 || args.plane > image.planes() {
            let fault = format!("--plane {}: the image has planes 1 to {}", args.plane, image.planes());
            return Err(Failure::in_file(&args.file, fault));
        }
        let found = statistics(&image, args.plane - 1, rect, &options)?;
        let name = file.hdu(hdu)?.name().map(str::to_owned);
        let unit = image.header().str("BUNIT").map(str::to_owned);
        images.push(report(hdu, name, unit, rect, found));
    }
    if out.is_json() {
        return out.object(&Report { file: args.file.display().to_string(), images });
    }
    for image in &images {
        print(&args, image, out)?;
    }
    Ok(())
}

fn options(args: &Args) -> Result<StatsOptions, Failure> {
    if let Some(bad) = args.percentiles.iter().find(|p| !(0.0..=100.0).contains(*p)) {
        return Err(Failure::usage(format!("--percentiles {bad}: a percentile lies between 0 and 100")));
    }
    if !(args.clip.is_finite() && args.clip > 0.0) {
        return Err(Failure::usage(format!("--clip {}: a number above 0 is needed", args.clip)));
    }
    let range = match args.range.as_deref() {
        Some([low, high]) if low < high => Some((*low, *high)),
        Some(_) => return Err(Failure::usage("--range: the first number has to be the smaller one")),
        None => None,
    };
    if args.bins > 1_000_000 {
        return Err(Failure::usage(format!("--bins {}: a million bins are the most", args.bins)));
    }
    Ok(StatsOptions {
        percentiles: args.percentiles.clone(),
        clip_sigma: args.clip,
        clip_iterations: 5,
        bins: args.bins,
        range,
    })
}

fn report(hdu: usize, name: Option<String>, unit: Option<String>, rect: Rect, found: Statistics) -> ImageReport {
    let place = |at: Option<(usize, usize)>| at.map(|(x, y)| [x + 1, y + 1]);
    ImageReport {
        hdu,
        name,
        unit,
        pixels: [rect.x + 1, rect.x + rect.width, rect.y + 1, rect.y + rect.height],
        count: found.count,
        nan: found.nan,
        infinite: found.infinite,
        min: found.min,
        min_at: place(found.min_at),
        max: found.max,
        max_at: place(found.max_at),
        sum: found.sum,
        mean: found.mean,
        std: found.std,
        median: found.median,
        mad: found.mad,
        percentiles: found.percentiles.into_iter().map(|(percent, value)| [percent, value]).collect(),
        clipped: found.clipped.map(|c| Clipped {
            count: c.count,
            mean: c.mean,
            median: c.median,
            std: c.std,
            iterations: c.iterations,
        }),
        histogram: found.histogram.map(|h| Histogram { low: h.low, high: h.high, counts: h.counts }),
    }
}

fn print(args: &Args, image: &ImageReport, out: &Output) -> Result<(), Failure> {
    let [x1, x2, y1, y2] = image.pixels;
    let name = image.name.as_deref().map(|n| format!(" {n}")).unwrap_or_default();
    let unit = image.unit.as_deref().map(|u| format!(", in {u}")).unwrap_or_default();
    out.line(format!("{}[{}]{name}: pixels {x1}:{x2},{y1}:{y2}{unit}", args.file.display(), image.hdu))?;
    out.line(format!("  pixels     {} finite, {} undefined, {} infinite", image.count, image.nan, image.infinite))?;
    let at = |place: Option<[usize; 2]>| place.map(|[x, y]| format!(" at {x}, {y}")).unwrap_or_default();
    out.line(format!("  min        {:.8}{}", image.min, at(image.min_at)))?;
    out.line(format!("  max        {:.8}{}", image.max, at(image.max_at)))?;
    out.line(format!("  sum        {:.8}", image.sum))?;
    out.line(format!("  mean       {:.8}, standard deviation {:.8}", image.mean, image.std))?;
    let sigma = 1.482_602_218_505_602 * image.mad;
    out.line(format!("  median     {:.8}, sigma by MAD {sigma:.8}", image.median))?;
    if let Some(c) = &image.clipped {
        let left_out = image.count - c.count;
        out.line(format!(
            "  clipped    mean {:.8}, median {:.8}, standard deviation {:.8} ({left_out} pixels left out)",
            c.mean, c.median, c.std
        ))?;
    }
    for [percent, value] in &image.percentiles {
        out.line(format!("  {:<10} {value:.8}", format!("{percent} %")))?;
    }
    if let Some(h) = &image.histogram {
        let most = h.counts.iter().copied().max().unwrap_or(0).max(1);
        let width = (h.high - h.low) / h.counts.len() as f64;
        for (k, n) in h.counts.iter().enumerate() {
            let bar = "#".repeat((n * 50 / most) as usize);
            out.line(format!("  {:>14.6} {n:>12} {bar}", width.mul_add(k as f64, h.low)))?;
        }
    }
    Ok(())
}
