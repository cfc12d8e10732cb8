//! `pogson reproject`: one image, or each plane of a cube, onto another grid.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use pogson_image::fits::{Bitpix, ImageWriter, Options, Rect};
use pogson_mosaic::background::Background;
use pogson_mosaic::coadd::Combine;
use pogson_mosaic::coadd::block::Finished;
use pogson_mosaic::error::MosaicError;
use pogson_mosaic::flux_scale::Applied;
use pogson_mosaic::mapping::Window;
use pogson_mosaic::pipeline::{self, Sink};
use pogson_mosaic::provenance::{self, About};
use pogson_mosaic::source::{self, OnBad};

use super::mosaic::choices::MosaicArgs;
use crate::arguments::output_frame::FrameArgs;
use crate::failure::Failure;
use crate::output::Output;
use crate::watch::Progress;

/// Bring an image, or each plane of a cube, onto another grid
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Pixels hold surface brightness (the image's unit per pixel of its own) unless --flux is given.

Examples:
  pogson reproject m17.fits -o gal.fits --frame galactic
  pogson reproject m17.fits -o grid.fits --header region.hdr --method montage-exact --footprint area.fits
  pogson reproject cube.fits -o small.fits --center \"10.68 41.27\" --size 0.5 --scale 2")]
pub struct Args {
    /// FITS image or cube
    #[arg(value_name = "IN.fits")]
    input: PathBuf,
    /// The image on its new grid
    #[arg(short, long, value_name = "OUT.fits")]
    output: PathBuf,
    #[command(flatten)]
    frame: FrameArgs,
    #[command(flatten)]
    how: MosaicArgs,
    /// Image of the cover: 1 where the input covers a pixel fully
    #[arg(long, value_name = "F.fits", help_heading = "Outputs")]
    footprint: Option<PathBuf>,
    /// Type of the pixels: -32 or -64
    #[arg(long, value_name = "N", default_value = "-32", allow_hyphen_values = true, help_heading = "Outputs")]
    bitpix: i32,
    /// Replace outputs that exist
    #[arg(long)]
    force: bool,
}

/// Reprojects.
///
/// # Errors
/// An input without an image or WCS, no overlap with the frame, outputs that cannot be written.
pub fn run(args: Args, out: &Output) -> Result<(), Failure> {
    let watch = Progress::new(out);
    let threads = rayon::current_num_threads();
    let paths = [args.input.clone()];
    let (sources, _) = source::open(&paths, &args.how.tiles.pick(), OnBad::Fail, threads, &watch)?;
    let inputs: Vec<_> = sources.iter().map(|s| (&s.wcs, (s.width, s.height))).collect();
    let target = args.frame.target(&inputs)?;
    let settings = pipeline::Settings {
        background: Background::None,
        combine: Combine::Mean,
        ..args.how.settings(threads, OnBad::Fail, super::mosaic::default_memory(), false)?
    };
    let planes = sources[0].planes();
    let mut axes = vec![target.width, target.height];
    if planes > 1 {
        axes.extend(&sources[0].further_axes);
    }
    let scale = Applied { remark: Some("one image".into()), range: (1.0, 1.0), ..Applied::default() };
    let mut header = {
        let about = About { target: &target, sources: &sources, settings: &settings, scale: &scale };
        provenance::header(&about)
    };
    args.frame.keep_distortion(&target, &mut header)?;
    header.push_history(&format!("pogson {} reproject", env!("CARGO_PKG_VERSION")));
    header.push_history(&format!("reprojection {}", settings.method.name()));
    let options = Options { overwrite: args.force, checksum: true };
    let bitpix = super::mosaic::bitpix(args.bitpix)?;
    let image = ImageWriter::create(&args.output, &header, &axes, bitpix, options)?;
    let cover = match &args.footprint {
        Some(path) => {
            header.remove("BUNIT");
            Some(ImageWriter::create(path, &header, &axes, Bitpix::F32, options)?)
        }
        None => None,
    };
    let sink = Planes { image: &image, cover: cover.as_ref(), plane: AtomicUsize::new(0) };
    pipeline::run_planes(&sources, &target, &settings, planes, &sink, &watch)?;
    if let Some(cover) = cover {
        cover.finish()?;
    }
    image.finish()?;
    if out.is_json() {
        return out.object(&serde_json::json!({
            "output": args.output, "width": target.width, "height": target.height, "planes": planes,
        }));
    }
    out.line(format!("{}: {} x {} pixels, {planes} plane(s)", args.output.display(), target.width, target.height))
}

/// The output, plane by plane.
struct Planes<'a> {
    image: &'a ImageWriter,
    cover: Option<&'a ImageWriter>,
    plane: AtomicUsize,
}

impl Sink for Planes<'_> {
    fn begin_plane(&self, plane: usize) {
        self.plane.store(plane, Ordering::SeqCst);
    }

    fn take(&self, window: Window, planes: &Finished) -> Result<(), MosaicError> {
        let rect = Rect { x: window.x as usize, y: window.y as usize, width: window.width, height: window.height };
        let at = self.plane.load(Ordering::SeqCst);
        self.image.write_rect_f32(at, rect, &planes.value)?;
        if let Some(cover) = self.cover {
            cover.write_rect_f32(at, rect, &planes.footprint)?;
        }
        Ok(())
    }
}
