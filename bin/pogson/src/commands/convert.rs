//! `pogson convert`: another type of pixels, another compression.

use std::path::{Path, PathBuf};

use pogson_image::cutout::Cutout;
use pogson_image::fits::tiled::dither::Dither;
use pogson_image::fits::tiled::{Codec, TiledOptions, add_tiled};
use pogson_image::fits::{Bitpix, FitsFile, FitsWriter, Header, Image, Options, Rect};
use serde::Serialize;

use crate::arguments::hdu::{HduChoice, find_hdu};
use crate::failure::Failure;
use crate::output::Output;
use crate::progress::Unit;

/// Values that are converted at once.
const BLOCK: usize = 1 << 20;

/// Change the type of an image's pixels, or compress and uncompress it
///
/// Without --bitpix, pixels keep their stored values and type, and the image is uncompressed, or compressed by tiles with
/// --compress.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  pogson convert mosaic.fits -o small.fits --compress rice --quantize 16
  pogson convert tile.fits.fz -o tile.fits
  pogson convert float.fits -o short.fits --bitpix 16 --bscale 0.01 --bzero 600
  pogson convert counts.fits -o packed.fits --compress gzip2 --quantize 0")]
pub struct Args {
    /// FITS image, plain, gzipped or tile-compressed
    input: PathBuf,
    /// Image to write
    #[arg(long, short)]
    output: PathBuf,
    /// Type of the pixels: 8, 16, 32, 64, -32 or -64 [default: as they are]
    #[arg(long, value_parser = parse_bitpix, allow_hyphen_values = true, value_name = "N")]
    bitpix: Option<Bitpix>,
    /// BSCALE of integers: value = BSCALE x stored + BZERO
    #[arg(long, requires = "bitpix", allow_hyphen_values = true, value_name = "VALUE")]
    bscale: Option<f64>,
    /// BZERO of integers
    #[arg(long, requires = "bitpix", allow_hyphen_values = true, value_name = "VALUE")]
    bzero: Option<f64>,
    /// Stored integer of pixels without a value [default: the least of the type, 255 of bytes]
    #[arg(long, requires = "bitpix", allow_hyphen_values = true, value_name = "N")]
    blank: Option<i64>,
    /// Compress by tiles
    #[arg(long, value_enum, default_value_t = Compression::None)]
    compress: Compression,
    /// Steps of the quantisation in a standard deviation of the noise; below 0, the step itself; 0 keeps floats without
    /// loss (gzip only)
    #[arg(long, default_value_t = 16.0, value_name = "Q", allow_hyphen_values = true)]
    quantize: f32,
    /// Dither of quantised floats: 1, 2 (keeps exact zeros) or none
    #[arg(long, default_value = "1", value_parser = parse_dither)]
    dither: Dither,
    /// Where the dithering begins in its sequence of random numbers, 1 to 10000
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: i64,
    /// Size of the tiles along each axis [default: rows]
    #[arg(long, value_delimiter = ',', value_name = "X,Y,..")]
    tile: Vec<usize>,
    /// Rounding of hcompress: 0 and 1 without loss
    #[arg(long, default_value_t = 0, value_name = "N")]
    scale: i32,
    /// Ask readers to smooth images rounded by --scale
    #[arg(long)]
    smooth: bool,
    /// HDU to convert: a number from 0, a name, or NAME,VERSION [default: the first image]
    #[arg(long)]
    hdu: Option<HduChoice>,
    /// Replace the output if it exists
    #[arg(long)]
    force: bool,
}

#[derive(clap::ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
enum Compression {
    Rice,
    Gzip1,
    Gzip2,
    Hcompress,
    Plio,
    /// Tiles of pixels as they are (NOCOMPRESS)
    Store,
    None,
}

fn parse_bitpix(text: &str) -> Result<Bitpix, String> {
    let code = text.trim().parse().ok().and_then(Bitpix::from_code);
    code.ok_or_else(|| "BITPIX is one of 8, 16, 32, 64, -32, -64".to_owned())
}

fn parse_dither(text: &str) -> Result<Dither, String> {
    match text {
        "1" => Ok(Dither::Subtractive1),
        "2" => Ok(Dither::Subtractive2),
        "none" | "0" => Ok(Dither::None),
        _ => Err("dither is 1, 2 or none".to_owned()),
    }
}

#[derive(Serialize)]
struct Report {
    output: String,
    bitpix: i64,
    axes: Vec<usize>,
    compression: Option<&'static str>,
    bytes_in: u64,
    bytes_out: u64,
}

/// Converts.
///
/// # Errors
/// No image, values that the new type cannot hold, a codec that does not suit the pixels, an output that cannot be written.
pub fn run(args: Args, out: &Output) -> Result<(), Failure> {
    let file = FitsFile::open(&args.input)?;
    let image = file.image(find_hdu(&file, args.hdu.as_ref())?)?;
    let options = Options { overwrite: args.force, checksum: true };
    let codec = codec(args.compress);
    let (bitpix, axes) = (args.bitpix.unwrap_or(image.bitpix()), image.axes().to_vec());
    match (args.bitpix, codec) {
        (None, None) => write_plain(&file, &image, &args.output, options, out)?,
        (Some(bitpix), None) => write_values(&args, &image, bitpix, &args.output, options, out)?,
        (None, Some(codec)) => write_compressed(&args, &image, codec, options)?,
        (Some(bitpix), Some(codec)) => {
            // Compression reads stored pixels, so the new type is written to a file of its own first.
            let beside = args.output.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
            let scratch = tempfile::tempdir_in(beside).map_err(|e| Failure::io(beside, &e))?;
            let plain = scratch.path().join("plain.fits");
            write_values(&args, &image, bitpix, &plain, options, out)?;
            let file = FitsFile::open(&plain)?;
            write_compressed(&args, &file.image(0)?, codec, options)?;
        }
    }
    let bytes = |path: &Path| std::fs::metadata(path).map(|meta| meta.len()).map_err(|e| Failure::io(path, &e));
    let report = Report {
        output: args.output.display().to_string(),
        bitpix: bitpix.code(),
        axes,
        compression: codec.map(Codec::name),
        bytes_in: bytes(&args.input)?,
        bytes_out: bytes(&args.output)?,
    };
    if out.is_json() {
        return out.object(&report);
    }
    out.note(format!("{}: {} bytes, from {}", report.output, report.bytes_out, report.bytes_in));
    Ok(())
}

fn codec(compression: Compression) -> Option<Codec> {
    Some(match compression {
        Compression::Rice => Codec::Rice,
        Compression::Gzip1 => Codec::Gzip1,
        Compression::Gzip2 => Codec::Gzip2,
        Compression::Hcompress => Codec::Hcompress,
        Compression::Plio => Codec::Plio,
        Compression::Store => Codec::None,
        Compression::None => return None,
    })
}

/// The image as it is stored, uncompressed.
fn write_plain(
    file: &FitsFile,
    image: &Image<'_>,
    path: &Path,
    options: Options,
    out: &Output,
) -> Result<(), Failure> {
    let whole = Cutout { rect: image.rect(), planes: 0..image.planes() };
    let mut writer = FitsWriter::create(path, options)?;
    let progress = out.progress("writing", (image.rect().area() * image.planes()) as u64, Unit::Pixels);
    whole.copy::<Failure>(file, image, &whole.header(image), &mut writer, |done| {
        progress.add(done as u64);
        out.go_on()
    })?;
    Ok(writer.finish()?)
}

fn write_compressed(args: &Args, image: &Image<'_>, codec: Codec, options: Options) -> Result<(), Failure> {
    let level = (args.quantize != 0.0).then_some(args.quantize);
    if level.is_none() && !image.bitpix().is_integer() && !matches!(codec, Codec::Gzip1 | Codec::Gzip2 | Codec::None) {
        return Err(Failure::usage(format!("{} cannot hold floats without --quantize; choose gzip2", codec.name())));
    }
    let tiled = TiledOptions {
        codec,
        tile: args.tile.clone(),
        level,
        dither: args.dither,
        seed: args.seed,
        hcompress_scale: args.scale,
        smooth: args.smooth,
    };
    let mut writer = FitsWriter::create(&args.output, options)?;
    add_tiled(&mut writer, image, &tiled)?;
    Ok(writer.finish()?)
}

/// The image's values in another type.
fn write_values(
    args: &Args,
    image: &Image<'_>,
    bitpix: Bitpix,
    path: &Path,
    options: Options,
    out: &Output,
) -> Result<(), Failure> {
    let header = scaled_header(args, image, bitpix);
    let mut writer = FitsWriter::create(path, options)?;
    writer.add_image(&header, image.axes(), bitpix)?;
    let rows = (BLOCK / image.width().max(1)).max(1);
    let progress = out.progress("converting", (image.rect().area() * image.planes()) as u64, Unit::Pixels);
    for plane in 0..image.planes() {
        for y in (0..image.height()).step_by(rows) {
            out.go_on()?;
            let rect = Rect { x: 0, y, width: image.width(), height: rows.min(image.height() - y) };
            let mut values = vec![0.0; rect.area()];
            image.read_f64(plane, rect, &mut values)?;
            writer.write_rect_f64(0, plane, rect, &values)?;
            progress.add(rect.area() as u64);
        }
    }
    Ok(writer.finish()?)
}

/// The header with the scaling of the new type.
fn scaled_header(args: &Args, image: &Image<'_>, bitpix: Bitpix) -> Header {
    let mut header = image.header().clone();
    for key in ["BSCALE", "BZERO", "BLANK"] {
        header.remove(key);
    }
    let Some((least, _)) = bitpix.range() else { return header };
    if let Some(scale) = args.bscale {
        header.set("BSCALE", scale, "value = BSCALE x stored + BZERO");
    }
    if let Some(zero) = args.bzero {
        header.set("BZERO", zero, "");
    }
    let usual = if bitpix == Bitpix::U8 { 255 } else { least };
    // Integers without missing pixels need no mark for them.
    let may_miss = !image.bitpix().is_integer() || image.scaling().blank.is_some();
    if let Some(blank) = args.blank.or(may_miss.then_some(usual)) {
        header.set("BLANK", blank, "stored value of pixels without a value");
    }
    header
}
