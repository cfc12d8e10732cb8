//! What `pogson view` draws over the picture.

use std::path::PathBuf;

use pogson_image::fits::{FitsFile, Header};
use pogson_image::region::RegionFile;
use pogson_image::sphere::Frame;
use pogson_image::wcs::Wcs;
use pogson_view::overlay::{
    Catalogue, Ink, Sheet, draw_catalogue, draw_compass, draw_footprint, draw_grid, draw_regions, draw_scale_bar,
};
use pogson_view::{Picture, Rgb};
use serde::Serialize;

use super::{FrameName, colour_of};
use crate::failure::Failure;
use crate::output::Output;

/// Options of the overlays.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Drawn over the picture")]
pub struct OverlayArgs {
    /// Coordinate grid of a frame: icrs, fk5, fk4, galactic, ecliptic, supergalactic
    #[arg(long, value_name = "FRAME")]
    grid: Option<FrameName>,
    /// Rings about the objects of a table (IPAC, or CSV with a line of names)
    #[arg(long, value_name = "TABLE")]
    catalog: Option<PathBuf>,
    /// Column of magnitudes that the rings' sizes follow [default: the first that begins with mag]
    #[arg(long, value_name = "COLUMN", requires = "catalog")]
    magnitude: Option<String>,
    /// Column of names to write beside the rings
    #[arg(long, value_name = "COLUMN", requires = "catalog")]
    label: Option<String>,
    /// DS9 regions
    #[arg(long, value_name = "FILE")]
    regions: Option<PathBuf>,
    /// Outlines of other images
    #[arg(long, value_name = "FITS", num_args = 1..)]
    footprints: Vec<PathBuf>,
    /// Arrows to north and east
    #[arg(long)]
    compass: bool,
    /// Bar of a round length
    #[arg(long)]
    scale_bar: bool,
    /// Colour of the grid, by name or #rrggbb [default: one that stands out]
    #[arg(long, value_name = "COLOUR", value_parser = colour_of)]
    grid_colour: Option<Rgb>,
    /// Colour of the catalogue's rings
    #[arg(long, value_name = "COLOUR", value_parser = colour_of)]
    catalog_colour: Option<Rgb>,
}

impl OverlayArgs {
    /// Whether anything is to be drawn.
    pub fn any(&self) -> bool {
        self.grid.is_some()
            || self.catalog.is_some()
            || self.regions.is_some()
            || !self.footprints.is_empty()
            || self.compass
            || self.scale_bar
    }
}

/// How much of each overlay lies on the picture.
#[derive(Serialize, Default)]
pub struct Seen {
    #[serde(skip_serializing_if = "Option::is_none")]
    objects: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    regions: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    footprints: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scale_bar_deg: Option<f64>,
}

/// Draws all that was asked for, lines under words.
///
/// # Errors
/// A table, region file or image that cannot be read.
pub fn draw(
    picture: &mut Picture,
    wcs: &Wcs,
    header: &Header,
    factor: f64,
    args: &OverlayArgs,
    out: &Output,
) -> Result<Seen, Failure> {
    let sheet = Sheet::new(wcs, picture, factor);
    // Each overlay has its own colour, one for dark pictures and one for light ones.
    let plain = Ink::for_picture(picture, None);
    let dark = plain.rim == Rgb::BLACK;
    let ink = |own: Option<Rgb>, on_dark: u32, on_light: u32| Ink {
        colour: own.unwrap_or(Rgb::hex(if dark { on_dark } else { on_light })),
        ..plain
    };
    let mut seen = Seen::default();
    if !args.footprints.is_empty() {
        let mut count = 0;
        for path in &args.footprints {
            let file = FitsFile::open(path)?;
            let image = file.first_image()?;
            let other = Wcs::from_hdu(&file, image.hdu()).map_err(|e| Failure::in_file(path, e))?;
            count += usize::from(draw_footprint(picture, &sheet, &other, ink(None, 0xff9a6b, 0xa83c00)));
        }
        seen.footprints = Some(count);
    }
    if let Some(FrameName(frame)) = &args.grid {
        draw_grid(picture, &sheet, frame, ink(args.grid_colour, 0x9fdcff, 0x0a3f66));
    }
    if let Some(path) = &args.regions {
        let file = RegionFile::read(path)?;
        for (line, word) in &file.skipped {
            out.warn(format!("{}:{line}: {word} is not drawn", path.display()));
        }
        seen.regions = Some(draw_regions(picture, &sheet, header, &file.regions, plain));
    }
    if let Some(path) = &args.catalog {
        let catalogue = Catalogue::read(path, args.magnitude.as_deref(), args.label.as_deref())?;
        let ink = ink(args.catalog_colour, 0xffe066, 0x8a3b9c);
        seen.objects = Some(draw_catalogue(picture, &sheet, &catalogue, ink));
    }
    if args.compass {
        let frame = args.grid.as_ref().map_or(&Frame::Icrs, |name| &name.0);
        draw_compass(picture, &sheet, frame, ink(None, 0xffd27f, 0x7a4a00));
    }
    if args.scale_bar {
        seen.scale_bar_deg = draw_scale_bar(picture, &sheet, ink(None, 0xffd27f, 0x7a4a00));
    }
    Ok(seen)
}
