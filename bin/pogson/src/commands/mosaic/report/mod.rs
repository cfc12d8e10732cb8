//! The web page of a mosaic: what it is made of, how well its tiles fit, and how it looks.

mod digits;
mod pictures;
mod seams;

use std::path::{Path, PathBuf};

use pogson_mosaic::background::Background;
use pogson_mosaic::flux_scale::Applied;
use pogson_mosaic::pipeline::{Outcome, Settings};
use pogson_mosaic::place::Target;
use pogson_mosaic::report::{Report, TileReport};
use pogson_mosaic::source::Source;
use pogson_view::report::{Card, Figure, ReportBuilder, Table};

use crate::failure::Failure;

use digits::{name_of, plain, short, signed};

/// Rows of a table that stand open; longer ones are folded.
const OPEN_ROWS: usize = 24;

/// Everything that the page tells of.
pub struct Page<'a> {
    /// The mosaic, as written.
    pub mosaic: &'a Path,
    /// The footprint, if one was written.
    pub footprint: Option<&'a Path>,
    /// All tiles that were opened.
    pub sources: &'a [Source],
    /// Output frame.
    pub target: &'a Target,
    /// Options.
    pub settings: &'a Settings,
    /// Flux scale.
    pub scale: &'a Applied,
    /// Which tiles took part.
    pub outcome: &'a Outcome,
    /// Their figures.
    pub report: &'a Report,
    /// Unit of the pixel values; empty where the tiles do not say or differ.
    pub unit: &'a str,
    /// Wall-clock time in seconds.
    pub seconds: f64,
}

/// Writes the page; it appears whole or not at all.
///
/// # Errors
/// A mosaic that cannot be read back, a page that cannot be written.
pub fn write(page: &Page<'_>, path: &Path) -> Result<(), Failure> {
    let builder = ReportBuilder::new(&format!("Mosaic {}", name_of(page.mosaic)), &page.subtitle());
    let builder = page.warnings(builder.cards(page.cards()));
    let builder = page.pictures(builder)?;
    let builder = seams::section(builder, page);
    let builder = page.tiles(builder);
    Ok(page.making(page.left_out(builder)).write(path)?)
}

impl Page<'_> {
    fn matched(&self) -> bool {
        self.settings.background != Background::None
    }

    /// A value with the mosaic's unit.
    fn with_unit(&self, value: f64) -> String {
        format!("{} {}", short(value), self.unit).trim_end().to_string()
    }

    /// A label with the mosaic's unit in brackets.
    fn labelled(&self, label: &str) -> String {
        if self.unit.is_empty() { label.to_string() } else { format!("{label} ({})", self.unit) }
    }

    fn subtitle(&self) -> String {
        let (width, height) = (self.target.width, self.target.height);
        let middle = (0.5 * (width as f64 - 1.0), 0.5 * (height as f64 - 1.0));
        let mut text = format!("{width} \u{d7} {height} pixels");
        if let Some((across, up)) = self.target.wcs.pixel_scales_deg(middle.0, middle.1) {
            text += &format!(" of {}\u{2033}", short((across * up).sqrt() * 3600.0));
        }
        if let Some(place) = self.target.wcs.pix_to_sky(middle.0, middle.1) {
            let (lon, lat) = (plain(place.lon_deg, 4), signed(&plain(place.lat_deg, 4)));
            text += &format!(", centred at {lon}\u{b0} {lat}\u{b0} ({})", self.target.wcs.frame().name());
        }
        text
    }

    fn cards(&self) -> Vec<Card> {
        let report = self.report;
        let left_out = match report.left_out.len() {
            0 => "none left out".into(),
            n => format!("{n} left out"),
        };
        let mut cards = vec![Card::new("Tiles", &report.tiles.len().to_string()).note(&left_out)];
        if self.matched() {
            let islands = if report.islands == 1 { "one island".into() } else { format!("{} islands", report.islands) };
            cards.push(Card::new("Overlaps", &report.overlaps.len().to_string()).note(&islands));
            if !report.overlaps.is_empty() {
                let before = format!("{} before matching", self.with_unit(report.residual_before));
                cards.push(Card::new("Mean step at seams", &self.with_unit(report.residual_after)).note(&before));
                let rms = |of: &dyn Fn(&pogson_mosaic::report::Overlap) -> f64| {
                    let pixels: f64 = report.overlaps.iter().map(|o| o.pixels as f64).sum();
                    let squares: f64 = report.overlaps.iter().map(|o| o.pixels as f64 * of(o) * of(o)).sum();
                    (squares / pixels.max(1.0)).sqrt()
                };
                let before = format!("{} before matching", self.with_unit(rms(&|o| o.rms_before)));
                cards.push(Card::new("RMS difference", &self.with_unit(rms(&|o| o.rms_after))).note(&before));
            }
        }
        let flux = match (&self.scale.remark, self.scale.zero_point) {
            (None, Some(zero)) => Card::new("Zero point (mag)", &format!("{zero:.4}")).note(&self.scaling()),
            (None, None) => Card::new("Flux scale", "common").note(&self.scaling()),
            (Some(remark), _) => Card::new("Flux scale", "as observed").note(remark),
        };
        cards.push(flux);
        cards.push(Card::new("Time", &format!("{:.1} s", self.seconds)));
        cards
    }

    fn scaling(&self) -> String {
        let (low, high) = self.scale.range;
        format!("tiles multiplied by {low:.4} to {high:.4} ({})", self.scale.origin)
    }

    fn warnings(&self, mut builder: ReportBuilder) -> ReportBuilder {
        if !self.matched() {
            builder = builder.warning("Backgrounds were not matched; the tiles' own levels show at their seams.");
        } else if self.report.islands > 1 {
            builder = builder.warning(&format!(
                "The tiles form {} islands that share no overlap. Backgrounds are matched within each; levels of different islands cannot be compared.",
                self.report.islands
            ));
        }
        let n = self.report.left_out.len();
        if n > 0 {
            let files = if n == 1 { "One file was".into() } else { format!("{n} files were") };
            builder = builder.warning(&format!("{files} left out; the reasons stand below."));
        }
        builder
    }

    fn pictures(&self, builder: ReportBuilder) -> Result<ReportBuilder, Failure> {
        let mosaic = pictures::mosaic(self.mosaic)?;
        let cover = pictures::coverage(self)?;
        let alt = format!("The mosaic of {} tiles in grey", self.report.tiles.len());
        let caption = match self.footprint {
            Some(_) => "Footprint, from dark (least covered) to bright, with the tiles' borders and numbers.",
            None => "The tiles' borders and numbers; brighter where more of them lie upon each other.",
        };
        Ok(builder.section("Pictures").figures(&[
            Figure {
                picture: &mosaic,
                alt: &alt,
                caption: "The mosaic: asinh stretch from just below the sky to the 99.7th percentile; pixels without a value are blue-grey.",
            },
            Figure { picture: &cover, alt: "Where each tile lies in the mosaic", caption },
        ])?)
    }

    fn tiles(&self, builder: ReportBuilder) -> ReportBuilder {
        let mut columns = vec!["Tile".to_string(), "File".into(), "Flux factor".into()];
        if self.matched() {
            columns.push(self.labelled("Level"));
            columns.extend(["Slope in x (per 1000 px)".into(), "Slope in y (per 1000 px)".into()]);
        }
        let islands = self.matched() && self.report.islands > 1;
        if islands {
            columns.push("Island".into());
        }
        let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
        let caption = if self.matched() { "Corrections subtracted from each tile" } else { "Tiles" };
        let mut table = Table::new(caption, &columns);
        for (k, tile) in self.report.tiles.iter().enumerate() {
            let mut row = vec![(k + 1).to_string(), file_of(tile), format!("{:.5}", tile.scale)];
            if self.matched() {
                row.extend([tile.level, 1e3 * tile.slope_x, 1e3 * tile.slope_y].map(|v| signed(&short(v))));
            }
            if islands {
                row.push((tile.island + 1).to_string());
            }
            table.push(row);
        }
        let mut builder = builder.section("Tiles");
        if self.matched() {
            builder = builder.text(
                "Levels are those at the middle of each tile's place in the mosaic. What all tiles of an island have in common cannot be told from overlaps; it stays as observed.",
            );
        }
        folded(builder, table, self.report.tiles.len(), "tiles")
    }

    fn left_out(&self, builder: ReportBuilder) -> ReportBuilder {
        if self.report.left_out.is_empty() {
            return builder;
        }
        let mut table = Table::new("Files left out", &["File", "Reason"]);
        for file in &self.report.left_out {
            table.push([name_of(&file.path), file.reason.clone()]);
        }
        folded(builder.section("Left out"), table, self.report.left_out.len(), "files")
    }

    fn making(&self, builder: ReportBuilder) -> ReportBuilder {
        let background = match self.settings.background {
            Background::None => "none".into(),
            Background::Degree(0) => "a level per tile".into(),
            Background::Degree(1) => "a plane per tile".into(),
            Background::Degree(degree) => format!("a polynomial of degree {degree} per tile"),
        };
        let scale = self.scale.remark.clone().map_or_else(|| self.scaling(), |remark| format!("none: {remark}"));
        let table = Table::new("Settings", &["What", "How"])
            .row(["Reprojection", &self.report.method])
            .row(["Background matching", &background])
            .row(["Flux scale", &scale])
            .row(["Co-addition", &self.settings.combine.to_string()])
            .row(["Least footprint of a pixel", &self.settings.threshold.to_string()])
            .row(["Largest error of coordinate maps", &format!("{} tile pixels", self.settings.tolerance_px)])
            .row(["Times a tile was read", &self.outcome.loads.to_string()])
            .row(["Most memory held in tiles", &format!("{} MiB", self.outcome.peak_tile_bytes.div_ceil(1 << 20))]);
        builder.section("How it was made").table(table)
    }
}

/// A table, behind a line that opens it when it is long.
fn folded(builder: ReportBuilder, table: Table, rows: usize, what: &str) -> ReportBuilder {
    if rows > OPEN_ROWS { builder.folded_table(&format!("All {rows} {what}"), table) } else { builder.table(table) }
}

fn file_of(tile: &TileReport) -> String {
    let name = name_of(&tile.path);
    if tile.hdu > 0 { format!("{name}[{}]", tile.hdu) } else { name }
}

/// Refuses pictures and pages that exist or cannot come to be, before the long work.
///
/// # Errors
/// An output that exists without `force`, whose folder is missing, or that is named twice.
pub fn check_outputs(outputs: &[&PathBuf], others: &[&PathBuf], force: bool) -> Result<(), Failure> {
    for (k, path) in outputs.iter().enumerate() {
        let shown = path.display();
        if outputs[..k].contains(path) || others.contains(path) {
            return Err(Failure::usage(format!("{shown}: is named for two outputs; give each its own file")));
        }
        if path.exists() && !force {
            return Err(Failure::failed(format!("{shown}: exists already; name another output, or --force to replace it")));
        }
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if !folder.is_dir() {
            return Err(Failure::failed(format!("{shown}: there is no folder {}; make it first", folder.display())));
        }
    }
    Ok(())
}
