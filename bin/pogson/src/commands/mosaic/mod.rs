//! `pogson mosaic`: from tiles to one image.

pub mod choices;
mod report;

use std::path::PathBuf;
use std::time::Instant;

use pogson_image::fits::{Bitpix, Options};
use pogson_mosaic::background::Background;
use pogson_mosaic::flux_scale::{self, Applied, FluxScale};
use pogson_mosaic::mapping::Window;
use pogson_mosaic::output::{Files, Form, Paths};
use pogson_mosaic::pipeline;
use pogson_mosaic::place::Target;
use pogson_mosaic::provenance::{self, About};
use pogson_mosaic::report::Report;
use pogson_mosaic::source::{self, OnBad, Source};
use pogson_view::Render;

use crate::arguments::bytes::Bytes;
use crate::arguments::cut::CutArgs;
use crate::arguments::output_frame::FrameArgs;
use crate::arguments::tiles;
use crate::failure::Failure;
use crate::output::Output;
use crate::watch::Progress;

/// Longest side of a preview, in pixels.
const PREVIEW_SIDE: usize = 1200;

/// Make a mosaic of tiles: reproject, match backgrounds, co-add
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Pixels hold surface brightness (the tiles' unit per tile pixel) unless --flux is given.

Examples:
  pogson mosaic tiles/ -o m17.fits --preview m17.png --report m17.html
  pogson mosaic a.fits b.fits -o out.fits --header region.hdr
  pogson mosaic tiles/ -o out.fits --center \"18:20:44 -16:08:28\" --size 0.5 --scale 1
  pogson mosaic tiles/ -o exact.fits --method montage-exact --background none
  pogson mosaic tiles/ -o big.fits --tiles 4x3 --footprint cover.fits
  pogson mosaic tiles/ -o small.fits --header region.hdr --trim")]
pub struct Args {
    /// FITS files, or folders of them
    #[arg(required = true, value_name = "TILE|DIR")]
    tiles: Vec<PathBuf>,
    /// The mosaic
    #[arg(short, long, value_name = "OUT.fits")]
    output: PathBuf,
    #[command(flatten)]
    frame: FrameArgs,
    #[command(flatten)]
    how: choices::MosaicArgs,
    /// Image of the tiles' cover: 1 where one tile covers a pixel fully
    #[arg(long, value_name = "F.fits", help_heading = "Outputs")]
    footprint: Option<PathBuf>,
    /// Image of the variance, from weight maps or from the tiles' noise
    #[arg(long, value_name = "V.fits", help_heading = "Outputs")]
    variance: Option<PathBuf>,
    /// Image of the number of tiles
    #[arg(long, value_name = "N.fits", help_heading = "Outputs")]
    count: Option<PathBuf>,
    /// Web page with figures and pictures
    #[arg(long, value_name = "R.html", help_heading = "Outputs")]
    report: Option<PathBuf>,
    /// Picture of the mosaic
    #[arg(long, value_name = "P.png", help_heading = "Outputs")]
    preview: Option<PathBuf>,
    /// Type of the pixels: -32 or -64
    #[arg(long, value_name = "N", default_value = "-32", allow_hyphen_values = true, help_heading = "Outputs")]
    bitpix: i32,
    #[command(flatten)]
    cut: CutArgs,
    /// Memory for tiles and buffers [default: a quarter of the machine's]
    #[arg(long, value_name = "SIZE")]
    memory: Option<Bytes>,
    /// Replace outputs that exist
    #[arg(long)]
    force: bool,
}

/// Makes the mosaic.
///
/// # Errors
/// No usable tile, no overlap with the frame, outputs that cannot be written, an interruption.
pub fn run(args: Args, out: &Output) -> Result<(), Failure> {
    let start = Instant::now();
    let watch = Progress::new(out);
    args.check_outputs()?;
    let paths = tiles::expand(&args.tiles)?;
    let threads = rayon::current_num_threads();
    let on_bad = if args.how.tiles.strict { OnBad::Fail } else { OnBad::LeaveOut };
    let (mut sources, left_out) = source::open(&paths, &args.how.tiles.pick(), on_bad, threads, &watch)?;
    for file in &left_out {
        out.warn(format!("left out: {}", file.reason));
    }
    let memory = args.memory.map_or_else(default_memory, |bytes| bytes.0);
    let settings = args.how.settings(threads, on_bad, memory, args.variance.is_some())?;
    warn_of_scales(&sources, out);
    let wanted = args.how.tiles.flux_scale()?;
    let inputs: Vec<_> = sources.iter().map(|s| (&s.wcs, (s.width, s.height))).collect();
    let target = args.frame.target(&inputs)?;
    let scale = match &wanted {
        FluxScale::Fit(tile) => flux_scale::by_fit(&mut sources, &target, &settings, tile.as_deref(), &watch)?,
        other => common_scale(other, &mut sources)?,
    };
    warn_of_scale(&scale, out);
    let about = About { target: &target, sources: &sources, settings: &settings, scale: &scale };
    let bitpix = bitpix(args.bitpix)?;
    let planes = Paths {
        mosaic: args.output.clone(),
        footprint: args.footprint.clone(),
        variance: args.variance.clone(),
        count: args.count.clone(),
    };
    let axes = axes(&sources, (target.width, target.height))?;
    let mut header = provenance::header(&about);
    args.frame.keep_distortion(&target, &mut header)?;
    let options = Options { overwrite: args.force, checksum: true };
    let cut = args.cut.cut(&sources, &target);
    let form = Form { axes: &axes, bitpix, cut: &cut, tight: args.cut.trim, options };
    let mut files = Files::create(&planes, &header, provenance::room(sources.len()), &form)?;
    let outcomes = pipeline::run_planes(&sources, &target, &settings, sources[0].planes(), &files, &watch)?;
    // Pages and figures tell of the first plane of cubes.
    let Some(outcome) = outcomes.into_iter().next() else { return Err(Failure::interrupted()) };
    let part = files.trim()?;
    files.amend(|header| provenance::record(header, &about, &outcome));
    let written = Written { files: files.mosaics(), part: part.filter(|_| args.cut.trim) };
    files.finish()?;
    warn_of_unused(&sources, &outcome.used, out);
    let report = Report::new(&sources, left_out, &outcome);
    if let Some(path) = &args.preview {
        pogson_view::preview(&args.output, path, PREVIEW_SIDE, &Render::default())?;
    }
    if let Some(path) = &args.report {
        let shown = shown(&target, written.part);
        let page = report::Page {
            mosaic: &args.output,
            footprint: args.footprint.as_deref(),
            sources: &sources,
            target: &shown,
            settings: &settings,
            scale: &scale,
            outcome: &outcome,
            report: &report,
            unit: header.str("BUNIT").unwrap_or(""),
            seconds: start.elapsed().as_secs_f64(),
        };
        report::write(&page, path)?;
    }
    finish(&args, out, &report, &scale, &written, (target.width, target.height), start.elapsed().as_secs_f64())
}

impl Args {
    /// Pictures and pages are refused before the long work; images are by their writer.
    fn check_outputs(&self) -> Result<(), Failure> {
        let images: Vec<&PathBuf> =
            [Some(&self.output), self.footprint.as_ref(), self.variance.as_ref(), self.count.as_ref()]
                .into_iter()
                .flatten()
                .collect();
        let pages: Vec<&PathBuf> = [&self.preview, &self.report].into_iter().flatten().collect();
        if self.cut.grid.is_some() && !pages.is_empty() {
            return Err(Failure::usage("--preview and --report need the mosaic in one file; leave --tiles away"));
        }
        report::check_outputs(&pages, &images, self.force)
    }
}

/// The type of the output's pixels.
///
/// # Errors
/// Others than -32 and -64.
pub fn bitpix(number: i32) -> Result<Bitpix, Failure> {
    match number {
        -32 => Ok(Bitpix::F32),
        -64 => Ok(Bitpix::F64),
        other => Err(Failure::usage(format!("--bitpix {other}: give -32 or -64"))),
    }
}

/// A quarter of the machine's memory.
pub fn default_memory() -> usize {
    let info = rustix::system::sysinfo();
    (info.totalram as usize).saturating_mul(info.mem_unit as usize) / 4
}

/// Brings the sources to one flux scale, as asked.
///
/// # Errors
/// Those of a table of factors.
pub fn common_scale(wanted: &FluxScale, sources: &mut [Source]) -> Result<Applied, Failure> {
    Ok(match wanted {
        FluxScale::Keyword => flux_scale::by_keyword(sources),
        FluxScale::Table(path) => flux_scale::by_table(sources, path)?,
        FluxScale::None | FluxScale::Fit(_) => Applied {
            remark: Some("none was asked for".into()),
            range: (1.0, 1.0),
            ..Applied::default()
        },
    })
}

/// Tiles that are named one by one in warnings.
const MOST_NAMED: usize = 5;

/// The axes of the mosaic: those of the frame, and the further ones of cubes, which all tiles must have alike.
fn axes(sources: &[Source], (width, height): (usize, usize)) -> Result<Vec<usize>, Failure> {
    let mut axes = vec![width, height];
    let Some(first) = sources.first() else { return Ok(axes) };
    if let Some(other) = sources.iter().find(|s| s.planes() != first.planes()) {
        let fault = format!("{} planes, and {} has {}", other.planes(), first.path.display(), first.planes());
        return Err(Failure::in_file(&other.path, format!("it has {fault}; make cubes of equal depth (cutout --plane)")));
    }
    if first.planes() > 1 {
        axes.extend(&first.further_axes);
    }
    Ok(axes)
}

/// Says which tiles lie outside the frame.
fn warn_of_unused(sources: &[Source], used: &[usize], out: &Output) {
    let unused: Vec<&Source> = (0..sources.len()).filter(|k| !used.contains(k)).map(|k| &sources[k]).collect();
    if unused.is_empty() {
        return;
    }
    let names: Vec<String> = unused.iter().take(MOST_NAMED).map(|s| s.path.display().to_string()).collect();
    let more = if unused.len() > MOST_NAMED { ", ..." } else { "" };
    let (n, all) = (unused.len(), sources.len());
    out.warn(format!("{n} of {all} tiles touch no pixel of the output frame: {}{more}", names.join(", ")));
}

/// Says that pixels of the tiles differ wildly in size.
fn warn_of_scales(sources: &[Source], out: &Output) {
    let sides = || sources.iter().filter_map(|s| s.wcs.with_naxis((s.width, s.height)).pixel_side_deg().map(|side| (side, s)));
    let least = sides().min_by(|a, b| a.0.total_cmp(&b.0));
    let most = sides().max_by(|a, b| a.0.total_cmp(&b.0));
    let (Some((fine, finest)), Some((coarse, coarsest))) = (least, most) else { return };
    if coarse > WILD_RATIO * fine {
        out.warn(format!(
            "pixels differ in size: {:.4}\" in {}, {:.4}\" in {}; check CDELT or CD of these",
            fine * 3600.0,
            finest.path.display(),
            coarse * 3600.0,
            coarsest.path.display()
        ));
    }
}

/// Ratio of pixel sides that is taken for a mistake.
const WILD_RATIO: f64 = 20.0;

/// Says which tiles a fit could not reach.
fn warn_of_scale(scale: &Applied, out: &Output) {
    let Some(fit) = &scale.fit else { return };
    for tile in fit.loose.iter().take(MOST_NAMED) {
        out.warn(format!("{}: its overlaps show too few stars to fit a flux scale; it keeps scale 1", tile.display()));
    }
    if let Some(more) = fit.loose.len().checked_sub(MOST_NAMED).filter(|more| *more > 0) {
        out.warn(format!("so do {more} other tiles"));
    }
    if fit.groups > 1 {
        out.warn(format!(
            "the tiles form {} groups without stars in common; flux scales are fitted within each, and the mean of each is 1",
            fit.groups
        ));
    }
}

/// The part of the frame that the mosaic's file holds, as a frame of its own.
fn shown(target: &Target, part: Option<Window>) -> Target {
    let cut = part.and_then(|part| {
        let wcs = target.wcs.shifted(part.x as f64, part.y as f64, (part.width, part.height))?;
        Some(Target { wcs, width: part.width, height: part.height })
    });
    cut.unwrap_or_else(|| target.clone())
}

/// The files of the mosaic.
struct Written {
    files: Vec<PathBuf>,
    /// The part of the frame that was kept, if it was trimmed.
    part: Option<Window>,
}

fn finish(
    args: &Args,
    out: &Output,
    report: &Report,
    scale: &Applied,
    written: &Written,
    frame: (usize, usize),
    seconds: f64,
) -> Result<(), Failure> {
    let (width, height) = written.part.map_or(frame, |part| (part.width, part.height));
    if report.islands > 1 && args.how.background() != Background::None {
        out.warn(format!(
            "the tiles form {} islands that share no overlap; backgrounds are matched within each",
            report.islands
        ));
    }
    if out.is_json() {
        return out.object(&serde_json::json!({
            "output": args.output,
            "files": written.files,
            "trimmed_from": written.part.map(|part| [part.x, part.y]),
            "preview": args.preview,
            "report": args.report,
            "width": width,
            "height": height,
            "tiles": report.tiles.len(),
            "left_out": report.left_out,
            "overlaps": report.overlaps.len(),
            "islands": report.islands,
            "method": report.method,
            "residual_before": report.residual_before,
            "residual_after": report.residual_after,
            "flux_scale": scale,
            "seconds": seconds,
            "tile_reports": report.tiles,
            "overlap_reports": report.overlaps,
        }));
    }
    out.line(format!(
        "{}: {width} x {height} pixels of {} tiles, {} overlaps; steps at seams {:.4} before, {:.4} after matching; {seconds:.1} s",
        args.output.display(),
        report.tiles.len(),
        report.overlaps.len(),
        report.residual_before,
        report.residual_after
    ))
}
