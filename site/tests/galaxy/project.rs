//! A project's folder with galaxies, a server's facts, and a host's work.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use pogson_crowd::life::Trouble;
use pogson_crowd::role::{Fact, Facts, Finished, Generator, NewUnit, RoleError, Supply, UnitFacts};
use pogson_cube::Cube;
use pogson_cube::correlation::NoiseCorrelation;
use pogson_cube::cube::{Layer, Saving, mask};
use pogson_cube::fitting::{
    CubeRun, How as FitHow, fit_integrated, fit_pixels, fit_rings, parameters_of, ring_width, run_in_words,
};
use pogson_cube::library::Size;
use pogson_cube::library_store::LibraryFile;
use pogson_cube::result::journal::Journal;
use pogson_cube::result::{Facts as ResultFacts, ResultFile};
use pogson_image::sphere::Frame;
use pogson_image::wcs::{Projection, Wcs};
use pogson_sed::fit::{Fitter, Options};
use pogson_sed::library::Band;
use pogson_sed::library_file::Index;
use pogson_sed::work::{Answer, Answered, Bench, Work};
use pogson_site::{Galaxies, NewGalaxy, Settings};

pub(crate) const BANDS: [(&str, f64, f32); 6] = [
    ("GALEX_NUV", 0.2304, 0.15),
    ("SDSS_g", 0.4702, 0.6),
    ("SDSS_r", 0.6176, 1.0),
    ("SDSS_i", 0.749, 1.3),
    ("WISE_W1", 3.35, 0.7),
    ("WISE_W3", 11.56, 2.0),
];

/// Facts as a server would store them.
#[derive(Default, Clone)]
pub(crate) struct Stored(pub(crate) BTreeMap<String, String>);

impl Facts for Stored {
    fn get(&self, key: &str) -> Result<Option<String>, RoleError> {
        Ok(self.0.get(key).cloned())
    }

    fn beginning(&self, prefix: &str) -> Result<Vec<(String, String)>, RoleError> {
        let own = self.0.iter().filter(|(key, _)| key.starts_with(prefix));
        Ok(own.map(|(key, text)| (key.clone(), text.clone())).collect())
    }
}

impl Stored {
    pub(crate) fn store(&mut self, facts: Vec<Fact>) {
        for fact in facts {
            match fact.text {
                Some(text) => self.0.insert(fact.key, text),
                None => self.0.remove(&fact.key),
            };
        }
    }
}

/// A galaxy of `width` x `height` pixels whose light falls from the middle, with masked pixels, one without light, and a band that
/// lacks columns.
pub(crate) fn cube(width: usize, height: usize) -> Cube {
    let scale = 3.0 / 3600.0;
    let cd = [[-scale, 0.0], [0.0, scale]];
    let (x0, y0) = (width as f64 / 2.0, height as f64 / 2.0);
    let wcs = Wcs::new(Frame::Icrs, Projection::tan(), (121.6, 1.03), (x0, y0), cd, (width, height)).unwrap();
    let distance = |p: usize| libm::hypot((p % width) as f64 - x0, (p / width) as f64 - y0);
    let layer = |k: usize| {
        let (name, wavelength_um, light) = BANDS[k];
        let noise = |p: usize| ((p * 7919 + k * 104_729) % 1000) as f32 / 1000.0 - 0.5;
        let fall = |p: usize| 1e-4 * libm::exp(-distance(p) / x0 * 2.0) as f32;
        let flux: Vec<f32> = (0..width * height).map(|p| light * (fall(p) + 4e-6 * noise(p)).max(1e-7)).collect();
        let mut sigma: Vec<f32> = flux.iter().map(|f| 0.05 * f + 2e-6 * light).collect();
        if k == 5 {
            (0..width * height).filter(|p| p % width < 2).for_each(|p| sigma[p] = f32::NAN);
        }
        Layer {
            band: Band { name: name.into(), wavelength_um, id: 0 },
            flux,
            sigma,
            floor: 0.0,
            sky_sigma: 0.0,
            noise: NoiseCorrelation::none(),
            psf_fwhm_arcsec: Some(9.0),
            extinction_mag: 0.0,
            source: String::new(),
        }
    };
    let mut cube = Cube {
        name: "NGC 0".into(),
        wcs,
        width,
        height,
        pixel_area_arcsec2: 9.0,
        psf_fwhm_arcsec: Some(9.0),
        min_bands: 5,
        ebv: 0.0,
        redshift: Some(0.01),
        layers: (0..BANDS.len()).map(layer).collect(),
        mask: vec![0; width * height],
        bins: None,
        history: Vec::new(),
    };
    (0..width * height).filter(|p| p % 11 == 3).for_each(|p| cube.mask[p] = mask::STAR);
    // A pixel that cannot be fitted: no light at all.
    cube.layers.iter_mut().for_each(|layer| layer.flux[width * 2 + 4] = 0.0);
    cube
}

/// A project's folder with one galaxy added.
pub(crate) struct Project {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) galaxies: Galaxies,
    pub(crate) facts: Stored,
}

impl Project {
    pub(crate) fn new(settings: Settings) -> Project {
        let dir = tempfile::tempdir().unwrap();
        let galaxies = Galaxies::new(&dir.path().join("project"), settings);
        Project { dir, galaxies, facts: Stored::default() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn add(&mut self, cube: &Cube, name: &str) -> Result<(), pogson_site::SiteError> {
        let path = self.path(&format!("{name}.fits"));
        cube.save(&path, &Saving { overwrite: true, ..Saving::default() }).unwrap();
        let new = NewGalaxy { models: Size { stellar: 300, dust: 300 }, ..NewGalaxy::new(&path, name, None) };
        self.add_new(&new)
    }

    pub(crate) fn add_new(&mut self, new: &NewGalaxy) -> Result<(), pogson_site::SiteError> {
        let added = self.galaxies.add(&self.facts, new, &|_| (), &AtomicBool::new(false))?;
        self.facts.store(added.facts);
        Ok(())
    }

    /// All units that are to be had, a few at a time.
    pub(crate) fn generate(&mut self) -> Supply {
        let mut generator = self.galaxies.generator();
        let mut all = Supply::default();
        loop {
            let supply = generator.generate(&self.facts, 3).unwrap();
            assert!(supply.units.len() <= 3);
            if supply.units.is_empty() {
                return all;
            }
            self.facts.store(supply.facts);
            all.units.extend(supply.units);
            all.files.extend(supply.files);
        }
    }
}

/// Does a unit's work as the worker does, and gives its output.
pub(crate) fn work(supply: &Supply, unit: &NewUnit) -> Vec<u8> {
    let read = |open: &str| {
        let input = unit.inputs.iter().find(|input| input.open_name == open).unwrap();
        fs::read(&supply.files.iter().find(|file| file.name == input.file).unwrap().path).unwrap()
    };
    let work = Work::parse(&String::from_utf8(read("work.txt")).unwrap()).unwrap();
    let bytes = read("library.lib");
    let index = Index::read(&bytes, "l").unwrap();
    let library = index.library(&bytes, 0, "l").unwrap();
    let bench = Bench::new(&work, &library, &index.name()).unwrap();
    let places = work.places.iter().map(|place| Answered::new(place, bench.fit(place).unwrap())).collect();
    let output = Answer { work: work.hash(), places }.text().into_bytes();
    assert!(output.len() as u64 <= unit.outputs[0].most, "{} > {}", output.len(), unit.outputs[0].most);
    output
}

pub(crate) fn facts_of(unit: &NewUnit) -> UnitFacts {
    let (app, name) = (unit.app.clone(), unit.name.clone());
    UnitFacts { app, name, opaque: unit.opaque.clone(), batch: unit.batch.clone() }
}

pub(crate) fn finished(unit: &NewUnit, output: Option<Vec<u8>>, users: &[(i64, &str)]) -> Finished {
    let trouble = output.is_none().then_some(Trouble::TooManyErrors);
    let users = users.iter().map(|(id, name)| (*id, (*name).to_owned())).collect();
    Finished { unit: facts_of(unit), outputs: output.map(|output| vec![output]), trouble, users }
}

/// What `pogson fit` writes of a cube with a library.
pub(crate) fn at_one_place(path: &Path, library: &Path, folder: &Path) -> ResultFile {
    let cube = Cube::open(path).unwrap();
    let redshift = cube.redshift.unwrap();
    let file = LibraryFile::open(library).unwrap();
    let library = file.nearest(redshift, 0.005).unwrap();
    let options = Options { floor: 0.05, min_bands: cube.min_bands, ..Options::default() };
    let fitter = Fitter::new(&library, options.clone()).unwrap();
    let width = ring_width(&cube);
    let words = run_in_words(&options, &cube.bands(), &[], 100, Some(width));
    let mut facts = ResultFacts::of_cube(&cube, redshift, parameters_of(&library), file.index().name(), words);
    if facts.galaxy.is_empty() {
        facts.galaxy = path.file_stem().unwrap().to_string_lossy().into_owned();
    }
    let (mut journal, held) = Journal::open(&folder.join("journal"), &facts, Duration::from_secs(60)).unwrap();
    let mut result = held.result;
    let stop = AtomicBool::new(false);
    let how = FitHow::Known(&fitter);
    let run = CubeRun { how, redshift, band_floors: &[], draws: 100, progress: &|_| (), stop: &stop };
    fit_pixels(&run, &cube, &cube.usable(), &mut journal, &mut result).unwrap();
    fit_rings(&run, &cube, width, &mut journal, &mut result).unwrap();
    fit_integrated(&run, &cube, &mut journal, &mut result).unwrap();
    result
}
