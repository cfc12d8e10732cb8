//! Makes the tables under data/ from their sources in FITS: `cargo run -p pogson-cube --example embed -- SOURCES data`.
//!
//! SOURCES is a folder with spectra/ssp_pegase2_kroupa.fits, spectra/ssp_pegase2_kroupa_12z100t.fits, the same with _neb,
//! spectra/dust_templates.fits and filters/filters.fits; data/README.md says where these come from.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a tool for developers, run by hand")]

use std::error::Error;
use std::fmt::Write;
use std::path::Path;

use pogson_cube::ssp_fits;
use pogson_image::fits::FitsFile;

type Outcome = Result<(), Box<dyn Error>>;

fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [sources, data] = arguments.as_slice() else { return Err("give the folders SOURCES and data".into()) };
    let (sources, data) = (Path::new(sources), Path::new(data));
    spectra(sources, data)?;
    nebular(sources, data)?;
    hydrocarbons(sources, data)?;
    filters(sources, data)
}

fn spectra(sources: &Path, data: &Path) -> Outcome {
    let mut ssp = ssp_fits::read(&sources.join("spectra/ssp_pegase2_kroupa.fits"))?;
    ssp.name = "PEGASE.2, Kroupa (2001) 0.1-100 Msun, Padova 1994".to_owned();
    std::fs::write(data.join("ssp.bin"), ssp.to_bytes())?;
    println!("ssp.bin: {:?} {} {} {}", ssp.name, ssp.metallicity.len(), ssp.age.len(), ssp.wavelength.len());
    Ok(())
}

/// The shape of nebular light for each ionising photon, at Z = 0.02 and the age 0.1 Myr.
fn nebular(sources: &Path, data: &Path) -> Outcome {
    let stars = ssp_fits::read(&sources.join("spectra/ssp_pegase2_kroupa_12z100t.fits"))?;
    let path = sources.join("spectra/ssp_pegase2_kroupa_12z100t_neb.fits");
    let gas = ssp_fits::read(&path)?;
    let solar = stars.metallicity.iter().position(|&z| z == 0.02).ok_or("no Z = 0.02")?;
    let file = FitsFile::open(&path)?;
    let props = file.table(file.named("PROPS", None)?)?;
    let photons = props.column_f64(props.require("QH")?)?[solar * stars.age.len()];
    let mut text = String::from(
        "# Light of gas per ionising photon per second (PEGASE.2): continuum, Angstrom, Lsun/Hz; lines, Angstrom, Lsun\n",
    );
    let (stars_light, gas_light) = (stars.spectrum(solar, 0), gas.spectrum(solar, 0));
    for ((&wavelength, &a), &b) in stars.wavelength.iter().zip(stars_light).zip(gas_light) {
        if wavelength >= 912.0 {
            let light = ((f64::from(b) - f64::from(a)) / photons).max(0.0);
            writeln!(text, "continuum {wavelength} {light:.4e}")?;
        }
    }
    let wavelengths = file.table(file.named("LINEWAVE", None)?)?.column_f64(0)?;
    let image = file.image(file.named("LINES", None)?)?;
    let mut lines = vec![0.0; image.width() * image.height()];
    image.read_f64(solar, image.rect(), &mut lines)?;
    for (wavelength, luminosity) in wavelengths.iter().zip(&lines) {
        writeln!(text, "line {wavelength} {:.4e}", luminosity / photons)?;
    }
    std::fs::write(data.join("nebular.txt"), text)?;
    Ok(())
}

fn hydrocarbons(sources: &Path, data: &Path) -> Outcome {
    let file = FitsFile::open(&sources.join("spectra/dust_templates.fits"))?;
    let table = file.table(file.named("DCE08", None)?)?;
    let wavelength = table.column_f64(table.require("WAVE")?)?;
    let light = table.column_f64(table.require("PAH_ONLY")?)?;
    let mut text = String::from(
        "# Grid of dust spectra (Angstrom), and on it the light of hydrocarbons (1/Angstrom, integral 1):\n\
         # DL07 (Draine & Li 2007), MW3.1, U = 1, q_PAH 4.58 % minus 0.47 %, 2.5 to 20 um\n",
    );
    for (wavelength, light) in wavelength.iter().zip(&light) {
        writeln!(text, "{wavelength} {light:.7e}")?;
    }
    std::fs::write(data.join("pah.txt"), text)?;
    Ok(())
}

fn filters(sources: &Path, data: &Path) -> Outcome {
    let file = FitsFile::open(&sources.join("filters/filters.fits"))?;
    let table = file.table(file.named("FILTERS", None)?)?;
    let curves = file.table(file.named("CURVES", None)?)?;
    let wavelength = curves.column_f64(curves.require("WAVE")?)?;
    let response = curves.column_f64(curves.require("TRANS")?)?;
    let text = |name: &str| table.column_text(table.require(name)?);
    let number = |name: &str| table.column_f64(table.require(name)?);
    let (names, sources) = (text("NAME")?, text("SOURCE")?);
    let (vega, reference, first, points) = (number("AB_VEGA")?, number("KREF")?, number("FIRST")?, number("NPTS")?);
    let mut out = String::from(
        "# Filter curves: \"filter NAME counting AB-Vega(mag) KREF | source\", then Angstrom and response, greatest 1\n",
    );
    for (k, name) in names.iter().enumerate() {
        writeln!(out, "filter {} photon {:.4} {:.5} | {}", name.trim(), vega[k], reference[k], sources[k].trim())?;
        let first = first[k] as usize;
        for at in first..first + points[k] as usize {
            writeln!(out, "{} {:.6}", wavelength[at], response[at])?;
        }
    }
    std::fs::write(data.join("filters.txt"), out)?;
    Ok(())
}
