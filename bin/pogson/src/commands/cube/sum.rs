//! `pogson cube sum`: fluxes over all usable pixels.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use pogson_cube::Cube;
use pogson_image::region::{Canvas, Mask, Physical, RegionFile};

use crate::failure::Failure;
use crate::output::Output;

/// Sum the usable pixels of a cube, with the covariance of their noise
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Uncertainties hold the noise with its correlation between pixels, the level of the sky and the calibration. --magphys writes \
observations.dat and filters.dat in MAGPHYS's form, which `pogson fit --observations` reads.

Examples:
  pogson cube sum ic494.fits --json
  pogson cube sum ic494.fits --region disc.reg --magphys fit/ --redshift 0.0152")]
pub struct Args {
    /// A cube
    #[arg(value_name = "CUBE.fits")]
    cube: PathBuf,
    /// DS9 regions to which the sum is confined
    #[arg(long, value_name = "FILE.reg")]
    region: Option<PathBuf>,
    /// Folder for observations.dat and filters.dat
    #[arg(long, value_name = "DIR")]
    magphys: Option<PathBuf>,
    /// Redshift for observations.dat [default: the cube's]
    #[arg(long, value_name = "Z")]
    redshift: Option<f64>,
    /// Replace outputs that exist
    #[arg(long)]
    force: bool,
}

/// Sums.
///
/// # Errors
/// A file that is no cube, regions that hold no usable pixel, files that cannot be written.
pub fn run(args: Args, out: &Output) -> Result<(), Failure> {
    let cube = Cube::open(&args.cube)?;
    // Of a binned cube every pixel of every bin counts, not those alone that stand for them.
    let mut pixels = cube.summable();
    if let Some(path) = &args.region {
        let file = RegionFile::read(path).map_err(|e| Failure::bad_input(e.to_string()))?;
        let canvas =
            Canvas { wcs: Some(&cube.wcs), width: cube.width, height: cube.height, physical: Physical::default() };
        let mask = Mask::of(&file.regions, &canvas).map_err(|e| Failure::in_file(path, e))?;
        pixels.retain(|k| mask.row(k / cube.width).get(k % cube.width) == Some(&true));
    }
    if pixels.is_empty() {
        return Err(Failure::bad_input(format!("{}: no usable pixel is left to sum", args.cube.display())));
    }
    let sums = cube.sums(&pixels);
    if let Some(folder) = &args.magphys {
        let redshift = args.redshift.or(cube.redshift);
        let redshift = redshift.ok_or_else(|| Failure::usage("--magphys needs a redshift; give --redshift"))?;
        magphys(folder, &cube, &sums, redshift, args.force)?;
    }
    if out.is_json() {
        let bands: Vec<_> = cube
            .layers
            .iter()
            .zip(&sums)
            .map(|(layer, sum)| {
                serde_json::json!({
                    "band": layer.band.name, "wavelength_um": layer.band.wavelength_um, "sum": sum,
                    "ab": if sum.flux_jy > 0.0 { Some(-2.5 * libm::log10(sum.flux_jy / pogson_image::unit::AB_ZERO_JY)) } else { None },
                })
            })
            .collect();
        return out.object(&serde_json::json!({ "cube": args.cube, "pixels": pixels.len(), "bands": bands }));
    }
    out.line(format!("{} pixels", pixels.len()))?;
    for (layer, sum) in cube.layers.iter().zip(&sums) {
        out.line(format!(
            "  {:10} {:9.4} um  {:.5e} +- {:.2e} Jy",
            layer.band.name, layer.band.wavelength_um, sum.flux_jy, sum.sigma_jy
        ))?;
    }
    Ok(())
}

fn magphys(
    folder: &Path,
    cube: &Cube,
    sums: &[pogson_cube::integrate::Sum],
    redshift: f64,
    force: bool,
) -> Result<(), Failure> {
    std::fs::create_dir_all(folder).map_err(|e| Failure::io(folder, &e))?;
    let mut filters = String::from("#name            lambda_eff      filter_id       fit?\n");
    let name = if cube.name.is_empty() { "integrated".into() } else { cube.name.split_whitespace().collect::<Vec<_>>().join("_") };
    let mut line = format!("{name} {redshift}");
    for (layer, sum) in cube.layers.iter().zip(sums) {
        let _ = writeln!(filters, "{:16} {:<15} {:<15} 1", layer.band.name, layer.band.wavelength_um, layer.band.id);
        let sound = sum.missing * 100 <= sum.pixels && sum.sigma_jy > 0.0;
        let (flux, sigma) = if sound { (sum.flux_jy, sum.sigma_jy) } else { (-1.0, -1.0) };
        let _ = write!(line, "  {flux:.8e}  {sigma:.8e}");
    }
    line.push('\n');
    for (file, text) in [("filters.dat", filters), ("observations.dat", format!("# name redshift, then flux and sigma in Jy\n{line}"))] {
        let path = folder.join(file);
        let output = pogson_image::fits::output::Output::create(&path, force)?;
        use std::io::Write;
        let mut handle = output.file();
        handle.write_all(text.as_bytes()).map_err(|e| Failure::io(&path, &e))?;
        output.finish()?;
    }
    Ok(())
}
