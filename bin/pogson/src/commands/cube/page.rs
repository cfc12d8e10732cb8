//! The web page of a cube: its bands in pictures, and what was done to each in figures.

use std::path::Path;

use pogson_cube::Cube;
use pogson_cube::build::BuildReport;
use pogson_cube::cube::mask;
use pogson_view::report::{Card, Chart, Figure, ReportBuilder, Table};
use pogson_view::{Bound, Colormap, Layer, Limits, Picture, Render, Rgb, Stretch};

use crate::failure::Failure;

/// Side that small cubes are enlarged towards, pixels.
const SIDE: usize = 260;

/// Writes the page; it appears whole or not at all.
///
/// # Errors
/// A page that cannot be written.
pub fn write(path: &Path, output: &Path, cube: &Cube, report: &BuildReport) -> Result<(), Failure> {
    let file = output.file_name().unwrap_or_default().to_string_lossy();
    let title = if cube.name.is_empty() { format!("Cube {file}") } else { format!("{}: cube {file}", cube.name) };
    let subtitle = format!(
        "{} \u{d7} {} pixels of {}\u{2033}, {} bands",
        cube.width,
        cube.height,
        report.pixel_arcsec,
        cube.layers.len()
    );
    let builder = ReportBuilder::new(&title, &subtitle).cards(cards(cube, report));
    let builder = warnings(builder, report);
    let builder = pictures(builder.section("Bands"), cube, report)?;
    let builder = builder.section("Calibration").table(calibration(report));
    let builder = builder.section("Resolution and noise").table(noise(report));
    let builder = builder
        .text("Correlation is the number of pixels that share their noise: the variance of a sum over many pixels is that many times the sum of their variances. Scatter over noise compares the cube's own pixels beyond the object with the noise that was propagated; 1 is as it should be, more shows sources too faint to be masked, or an uneven sky.");
    let builder = spectrum(builder.section("The object"), report);
    let builder = masks(builder.section("Masks"), cube, report)?;
    Ok(builder.write(path)?)
}

fn cards(cube: &Cube, report: &BuildReport) -> Vec<Card> {
    let width = report.fwhm_arcsec.map_or("as they came".into(), |f| format!("{f:.2}\u{2033}"));
    let percent = 100.0 * report.usable as f64 / cube.pixels().max(1) as f64;
    vec![
        Card::new("Bands", &cube.layers.len().to_string()).note(&format!("{} needed in a pixel", cube.min_bands)),
        Card::new("Resolution (FWHM)", &width),
        Card::new("Usable pixels", &report.usable.to_string()).note(&format!("{percent:.0} % of the grid")),
        Card::new("Masked stars", &report.stars.len().to_string()),
        Card::new("Galactic E(B-V)", &format!("{:.3}", cube.ebv)).note("magnitudes"),
    ]
}

fn warnings(mut builder: ReportBuilder, report: &BuildReport) -> ReportBuilder {
    for band in &report.bands {
        for remark in &band.remarks {
            builder = builder.warning(&format!("{}: {remark}", band.band));
        }
    }
    builder
}

/// Each pixel as a square, so that small cubes can be seen.
fn enlarged(values: &[f32], width: usize) -> (Vec<f32>, usize) {
    let height = values.len() / width.max(1);
    let by = (SIDE / width.max(height).max(1)).max(1);
    let mut out = Vec::with_capacity(values.len() * by * by);
    for y in 0..height * by {
        let row = &values[y / by * width..(y / by + 1) * width];
        out.extend(row.iter().flat_map(|v| std::iter::repeat_n(*v, by)));
    }
    (out, by)
}

fn pictures(builder: ReportBuilder, cube: &Cube, report: &BuildReport) -> Result<ReportBuilder, Failure> {
    let mut made: Vec<(Picture, String, String)> = Vec::new();
    for layer in &cube.layers {
        let (pixels, by) = enlarged(&layer.flux, cube.width);
        let render = Render {
            stretch: Stretch::Asinh(0.05),
            limits: Limits::Bounds(Bound::Percentile(2.0), Bound::Percentile(99.7)),
            colormap: Colormap::Viridis,
            ..Render::default()
        };
        let mut picture = render.picture(&pixels, cube.width * by);
        outline(&mut picture, cube, report, by);
        let alt = format!("{} in Jy per pixel, north up", layer.band.name);
        let caption = format!("{}, {:.3} \u{b5}m", layer.band.name, layer.band.wavelength_um);
        made.push((picture, alt, caption));
    }
    let figures: Vec<Figure<'_>> =
        made.iter().map(|(picture, alt, caption)| Figure { picture, alt, caption }).collect();
    let builder = builder.text("Flux in each pixel after all steps, asinh scale; the ellipse is the object, circles are masked stars.");
    Ok(builder.figures(&figures)?)
}

/// The object's ellipse and the stars.
fn outline(picture: &mut Picture, cube: &Cube, report: &BuildReport, by: usize) {
    let height = cube.height as f64;
    // Pictures run from the top.
    let place = |x: f64, y: f64| ((x + 0.5) * by as f64, (height - 0.5 - y) * by as f64);
    let mut layer = Layer::over(picture);
    if let Some(object) = &report.object {
        let (s, c) = libm::sincos(object.angle_deg.to_radians());
        let points: Vec<_> = (0..64)
            .map(|k| {
                let (sin, cos) = libm::sincos(std::f64::consts::PI * f64::from(k) / 32.0);
                let (u, v) = (object.a * cos, object.b * sin);
                place(object.x + c * u - s * v, object.y + s * u + c * v)
            })
            .collect();
        layer.polyline(&points, true, 1.2);
    }
    layer.lay(picture, Rgb::WHITE, 0.8);
    let mut layer = Layer::over(picture);
    for star in &report.stars {
        let sky = pogson_image::sphere::SkyCoord { lon_deg: star.ra_deg, lat_deg: star.dec_deg };
        if let Some((x, y)) = cube.wcs.sky_to_pix(sky) {
            layer.circle(place(x, y), star.radius_arcsec / report.pixel_arcsec * by as f64, 1.2);
        }
    }
    layer.lay(picture, Rgb([0xff, 0x7f, 0x50]), 0.9);
}

fn calibration(report: &BuildReport) -> Table {
    let columns = ["Band", "Wavelength (\u{b5}m)", "Floor (%)", "Extinction (mag)", "Image", "Values"];
    let mut table = Table::new("From pixel values to Jy", &columns);
    for band in &report.bands {
        table.push([
            band.band.clone(),
            format!("{:.4}", band.wavelength_um),
            format!("{:.1}", 100.0 * band.floor),
            format!("{:.4}", band.extinction_mag),
            Path::new(&band.file).file_name().unwrap_or_default().to_string_lossy().into_owned(),
            band.calibration.clone(),
        ]);
    }
    table
}

fn noise(report: &BuildReport) -> Table {
    let columns = [
        "Band",
        "Pixel (\u{2033})",
        "FWHM (\u{2033})",
        "from",
        "Sky (Jy/pixel)",
        "Scatter (Jy/pixel)",
        "Correlation (pixels)",
        "In the cube: noise (Jy)",
        "correlation (pixels)",
        "scatter over noise",
        "added for faint sources (Jy)",
    ];
    let mut table = Table::new("Images as they came, and noise in the cube", &columns);
    for band in &report.bands {
        let ratio = band.scatter_over_noise;
        table.push([
            band.band.clone(),
            format!("{:.3}", band.pixel_arcsec),
            format!("{:.2}", band.fwhm_arcsec),
            band.fwhm_source.trim_start_matches("measured from ").replace("the survey's usual width", "survey"),
            format!("{:.3e}", band.sky_jy),
            format!("{:.3e}", band.sky_scatter_jy),
            format!("{:.2}", band.sky_correlation_pixels),
            format!("{:.3e}", band.noise_jy),
            format!("{:.2}", band.correlation_pixels),
            if ratio.is_finite() { format!("{ratio:.2}") } else { "-".into() },
            format!("{:.3e}", band.confusion_jy),
        ]);
    }
    table
}

fn spectrum(builder: ReportBuilder, report: &BuildReport) -> ReportBuilder {
    let (Some((ra, dec)), Some((a, b, angle))) = (report.object_deg, report.object_ellipse) else {
        return builder.text("Nothing stands out of the sky; the grid is the common field.");
    };
    let builder = builder.text(&format!(
        "Found at {ra:.5}\u{b0} {dec:.5}\u{b0}, semi-axes {a:.1}\u{2033} and {b:.1}\u{2033}, major axis {angle:.0}\u{b0} from north through east."
    ));
    let points: Vec<(f64, f64)> = report
        .bands
        .iter()
        .filter(|band| band.object_jy > 0.0)
        .map(|band| (libm::log10(band.wavelength_um), libm::log10(band.object_jy)))
        .collect();
    let mut table = Table::new("Flux within the ellipse", &["Band", "Wavelength (\u{b5}m)", "Flux (mJy)", "AB magnitude"]);
    for band in &report.bands {
        let magnitude = if band.object_jy > 0.0 {
            format!("{:.3}", -2.5 * libm::log10(band.object_jy / pogson_image::unit::AB_ZERO_JY))
        } else {
            "-".into()
        };
        let flux = format!("{:.5}", 1e3 * band.object_jy);
        table.push([band.band.clone(), format!("{:.4}", band.wavelength_um), flux, magnitude]);
    }
    let chart = Chart::new("Spectrum of the object", "log wavelength (\u{b5}m)", "log flux (Jy)");
    builder.chart(chart.scatter("bands", &points), "Fluxes within the ellipse, stars left out.").table(table)
}

fn masks(builder: ReportBuilder, cube: &Cube, report: &BuildReport) -> Result<ReportBuilder, Failure> {
    let values: Vec<f32> = cube
        .mask
        .iter()
        .map(|bits| match bits {
            0 => 4.0,
            b if b & mask::FEW_BANDS != 0 => 0.0,
            b if b & mask::STAR != 0 => 1.0,
            b if b & mask::REGION != 0 => 2.0,
            b if b & mask::FAINT != 0 => 2.6,
            _ => 3.2,
        })
        .collect();
    let (pixels, by) = enlarged(&values, cube.width);
    let render = Render {
        stretch: Stretch::Linear,
        limits: Limits::Bounds(Bound::Value(0.0), Bound::Value(4.0)),
        colormap: Colormap::Viridis,
        ..Render::default()
    };
    let picture = render.picture(&pixels, cube.width * by);
    let count = |bit: i32| cube.mask.iter().filter(|b| **b & bit != 0).count();
    let caption = format!(
        "Yellow is usable ({}). From dark to light: too few bands ({}), stars ({}), regions ({}), no light above the noise ({}), outside the object ({}).",
        report.usable,
        count(mask::FEW_BANDS),
        count(mask::STAR),
        count(mask::REGION),
        count(mask::FAINT),
        count(mask::OUTSIDE)
    );
    let builder = builder.figure(&picture, "Map of masked pixels", &caption)?;
    if report.stars.is_empty() {
        return Ok(builder);
    }
    let mut table = Table::new("Masked stars", &["RA (\u{b0})", "Dec (\u{b0})", "Radius (\u{2033})", "Found in"]);
    for star in &report.stars {
        let found = if star.bands.is_empty() { "catalogue".into() } else { star.bands.join(" ") };
        table.push([
            format!("{:.6}", star.ra_deg),
            format!("{:.6}", star.dec_deg),
            format!("{:.1}", star.radius_arcsec),
            found,
        ]);
    }
    Ok(builder.folded_table("Masked stars", table))
}
