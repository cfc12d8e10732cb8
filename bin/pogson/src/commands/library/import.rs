//! `pogson library import`: MAGPHYS's text libraries in Pogson's form.

use std::path::PathBuf;

use pogson_cube::library_store::LibraryWriter;
use pogson_cube::text_file;
use pogson_sed::library::{Band, Library};
use pogson_sed::magphys::{read_filters, read_ir, read_sfh};

use crate::failure::Failure;
use crate::output::Output;

/// Convert a pair of MAGPHYS's libraries (.lbr text, plain or gzipped) to a library of Pogson's
///
/// Numbers are kept to seven digits, as in libraries that Pogson makes.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  pogson library import --sfh starformhist_cb07_z0.0100.lbr --ir infrared_dce08_z0.0100.lbr \\
      --filters filters.dat --redshift 0.01 -o magphys.lib")]
pub struct Args {
    /// Stellar models (starformhist_*.lbr)
    #[arg(long, value_name = "SFH.lbr")]
    sfh: PathBuf,
    /// Dust models (infrared_*.lbr)
    #[arg(long, value_name = "IR.lbr")]
    ir: PathBuf,
    /// Filter table (filters.dat) that the libraries were made for
    #[arg(long, value_name = "FILE")]
    filters: PathBuf,
    /// Redshift of the libraries
    #[arg(long, value_name = "Z")]
    redshift: f64,
    /// Library to write
    #[arg(long, short, value_name = "LIB")]
    output: PathBuf,
    /// Replace a file that is there
    #[arg(long)]
    force: bool,
}

/// Converts them.
///
/// # Errors
/// Files that cannot be read or do not go together, an output that is there already.
pub fn run(args: Args, out: &Output) -> Result<(), Failure> {
    if !(0.0..=5.0).contains(&args.redshift) {
        return Err(Failure::usage(format!("--redshift {}: give one of 0 to 5", args.redshift)));
    }
    let open = |path: &PathBuf| text_file::open(path).map_err(|e| Failure::io(path, &e));
    let name = |path: &PathBuf| path.display().to_string();
    let filters = read_filters(open(&args.filters)?, &name(&args.filters))?;
    let bands: Vec<Band> = filters.into_iter().map(|filter| filter.band).collect();
    let stellar = read_sfh(open(&args.sfh)?, &name(&args.sfh), &bands, args.redshift)?;
    out.go_on()?;
    let dust = read_ir(open(&args.ir)?, &name(&args.ir), &bands, args.redshift)?;
    out.go_on()?;
    let short = |path: &PathBuf| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let source = format!("{} and {}", short(&args.sfh), short(&args.ir));
    let library = Library { redshift: args.redshift, bands, stellar, dust };
    let mut writer = LibraryWriter::create(&args.output, &source, 0, &library.bands, args.force)?;
    writer.add(&library)?;
    let (index, _) = writer.finish()?;
    let (stars, grains, hash) = (library.stellar.len(), library.dust.len(), index.name());
    let output = name(&args.output);
    if out.is_json() {
        return out.object(&serde_json::json!({ "output": output, "name": hash, "stellar": stars, "dust": grains }));
    }
    out.line(format!("{output}: {stars} stellar and {grains} dust models, {hash}"))
}
