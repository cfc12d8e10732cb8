//! The host of SN 2010H, as far as images of it are there.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use pogson_crowd::role::{Assimilator, NewUnit};
use pogson_cube::build::{Reddening, Request, build};
use pogson_cube::grid::GridChoice;
use pogson_cube::input::ImageSpec;
use pogson_cube::library::Size;
use pogson_cube::result::ResultFile;
use pogson_mosaic::work::Silent;
use pogson_site::{FLOPS, NewGalaxy, Settings};

use crate::project::{Project, at_one_place, finished, work};

const IMAGES: [&str; 8] = ["GALEX_NUV", "SDSS_u", "SDSS_r", "SDSS_i", "SDSS_z", "WISE_W1", "WISE_W2", "WISE_W3"];

/// The folder of its images; none, and a reason, where they are not there.
fn images() -> Option<PathBuf> {
    let root = std::env::var_os("POGSON_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"), PathBuf::from);
    let folder = root.join("data/galaxies/2010H_host");
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: {} is missing; set POGSON_SHARED", folder.display());
    None
}

/// CPU seconds of this thread.
fn seconds() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    (Duration::from_secs(time.tv_sec as u64) + Duration::from_nanos(time.tv_nsec as u64)).as_secs_f64()
}

#[test]
fn a_real_galaxy_comes_out_as_at_one_place_and_its_units_take_the_time_that_was_said() {
    let Some(folder) = images() else { return };
    let specs = IMAGES.map(|name| ImageSpec::new(folder.join(format!("{name}.fits.gz")))).to_vec();
    let mut request = Request {
        grid: GridChoice { scale_arcsec: Some(6.0), size_deg: Some((0.018, 0.018)), ..GridChoice::default() },
        redshift: Some(0.0152),
        ..Request::new(specs)
    };
    request.reddening = Reddening { ebv: 0.025, ..request.reddening };
    let (cube, _) = build(&request, &Silent).unwrap();
    let mut project = Project::new(Settings::default());
    let path = project.path("host.fits");
    cube.save(&path, &Default::default()).unwrap();
    // Fewer models than in earnest: tests are not compiled for speed.
    let new = NewGalaxy { models: Size { stellar: 1500, dust: 1500 }, ..NewGalaxy::new(&path, "2010H_host", None) };
    project.add_new(&new).unwrap();
    let supply = project.generate();
    let library = supply.files.iter().find(|file| file.sticky).unwrap().path.clone();
    let expected = at_one_place(&path, &library, project.dir.path());
    let mut assimilator = project.galaxies.assimilator();
    let mut worst: f64 = 1.0;
    let (mut said, mut took) = (0.0, 0.0);
    // The last comes first.
    for unit in supply.units.iter().rev() {
        let before = seconds();
        let output = work(&supply, unit);
        let spent = seconds() - before;
        (said, took) = (said + unit.flops / FLOPS, took + spent);
        worst = worst.max(ratio(unit, spent));
        let facts = assimilator.assimilate(&project.facts, &finished(unit, Some(output), &[(1, "Ada"), (2, "Max")]));
        project.facts.store(facts.unwrap());
    }
    println!("{} units: {took:.2} CPU s, {said:.2} were said; the worst is off by {worst:.2}", supply.units.len());
    assert!((0.5..2.0).contains(&(said / took)), "{said} {took}");
    let state = project.galaxies.state(&project.facts, "2010H_host").unwrap();
    let found = state.hdf5.unwrap();
    let wanted = ResultFile { crowd: ResultFile::read(&found).unwrap().crowd, ..expected };
    assert!(wanted.pixels.len() > 50, "{}", wanted.pixels.len());
    let beside = project.path("expected.h5");
    wanted.write(&beside, false).unwrap();
    assert!(fs::read(&beside).unwrap() == fs::read(&found).unwrap());
}

/// How far what was said of a unit is from what it took, as a factor.
fn ratio(unit: &NewUnit, spent: f64) -> f64 {
    let ratio = unit.flops / FLOPS / spent;
    ratio.max(1.0 / ratio)
}
