//! `pogson library export`: libraries in MAGPHYS's text forms.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use pogson_cube::library_store::LibraryFile;
use pogson_image::fits::output;
use pogson_sed::library::{Band, Library};
use pogson_sed::magphys::{write_filters, write_ir, write_sfh};

use crate::failure::Failure;
use crate::output::Output;

/// Write a library in MAGPHYS's text forms
///
/// The folder gets starformhist_cb07_zZ.ZZZZ.lbr and infrared_dce08_zZ.ZZZZ.lbr for each redshift, the names by which MAGPHYS
/// finds them, filters.dat and zlibs.dat. MAGPHYS expects the filters by increasing wavelength.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  pogson library export galaxy.lib -o lbr/")]
pub struct Args {
    /// Library of pogson library build
    library: PathBuf,
    /// Folder to write into; made when missing
    #[arg(long, short, value_name = "DIR")]
    output: PathBuf,
    /// Replace files that are there
    #[arg(long)]
    force: bool,
}

/// Writes it.
///
/// # Errors
/// A library that cannot be read, files that are there already, a full disk.
pub fn run(args: Args, out: &Output) -> Result<(), Failure> {
    let file = LibraryFile::open(&args.library)?;
    let index = file.index();
    let redshifts: Vec<f64> = index.blocks.iter().map(|block| block.redshift).collect();
    prepare(&args.output, &redshifts, args.force)?;
    warn_of_order(&index.bands, out);
    for block in 0..index.blocks.len() {
        write_texts(&args.output, &file.block(block)?, args.force)?;
        out.go_on()?;
    }
    write_tables(&args.output, &index.bands, &redshifts, args.force)?;
    let dir = args.output.display().to_string();
    if out.is_json() {
        return out.object(&serde_json::json!({ "output": dir, "redshifts": redshifts }));
    }
    out.line(format!("{dir}: libraries at {} redshifts, filters.dat, zlibs.dat", redshifts.len()))
}

/// Warns of bands that MAGPHYS cannot take in their order.
pub fn warn_of_order(bands: &[Band], out: &Output) {
    if bands.windows(2).any(|pair| pair[0].wavelength_um > pair[1].wavelength_um) {
        out.warn("the bands are not by increasing wavelength; MAGPHYS itself would mix them up (pogson does not)");
    }
}

/// Makes the folder and looks whether redshifts have file names of their own.
pub fn prepare(dir: &Path, redshifts: &[f64], force: bool) -> Result<(), Failure> {
    let names: Vec<String> = redshifts.iter().map(|z| format!("{z:.4}")).collect();
    if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        let sentence = format!("MAGPHYS's file names have four decimals, and two redshifts are {}; take others", pair[0]);
        return Err(Failure::usage(sentence));
    }
    std::fs::create_dir_all(dir).map_err(|e| Failure::io(dir, &e))?;
    let first = dir.join("filters.dat");
    if first.exists() && !force {
        return Err(Failure::io(&first, &std::io::ErrorKind::AlreadyExists.into()));
    }
    Ok(())
}

/// Writes the two libraries of one redshift.
pub fn write_texts(dir: &Path, library: &Library, force: bool) -> Result<(), Failure> {
    let Library { redshift, bands, stellar, dust } = library;
    let path = |kind: &str| dir.join(format!("{kind}_z{redshift:.4}.lbr"));
    write(&path("starformhist_cb07"), force, |out| write_sfh(out, stellar, bands, *redshift))?;
    write(&path("infrared_dce08"), force, |out| write_ir(out, dust, bands, *redshift))
}

/// Writes filters.dat and zlibs.dat.
pub fn write_tables(dir: &Path, bands: &[Band], redshifts: &[f64], force: bool) -> Result<(), Failure> {
    write(&dir.join("filters.dat"), force, |out| write_filters(out, bands))?;
    write(&dir.join("zlibs.dat"), force, |out| {
        redshifts.iter().enumerate().try_for_each(|(k, z)| writeln!(out, "{:3} {z:8.4}", k + 1))
    })
}

/// Writes a text file that appears when it is whole.
pub fn write(
    path: &Path,
    force: bool,
    content: impl FnOnce(&mut BufWriter<&std::fs::File>) -> std::io::Result<()>,
) -> Result<(), Failure> {
    let output = output::Output::create(path, force)?;
    let mut writer = BufWriter::with_capacity(1 << 18, output.file());
    content(&mut writer).and_then(|()| writer.flush()).map_err(|e| Failure::io(path, &e))?;
    drop(writer);
    Ok(output.finish()?)
}
