//! A galaxy from its cube to its file, through the roles that a server calls, held against the fit at one place.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use pogson_crowd::life::Trouble;
use pogson_crowd::role::{
    Assimilator, Fact, Facts, Finished, Generator, NewUnit, RoleError, Supply, UnitFacts, Validator,
};
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
use pogson_site::{AreaState, Comparison, Galaxies, NewGalaxy, Settings};

const BANDS: [(&str, f64, f32); 6] = [
    ("GALEX_NUV", 0.2304, 0.15),
    ("SDSS_g", 0.4702, 0.6),
    ("SDSS_r", 0.6176, 1.0),
    ("SDSS_i", 0.749, 1.3),
    ("WISE_W1", 3.35, 0.7),
    ("WISE_W3", 11.56, 2.0),
];

/// Facts as a server would store them.
#[derive(Default, Clone)]
struct Stored(BTreeMap<String, String>);

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
    fn store(&mut self, facts: Vec<Fact>) {
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
fn cube(width: usize, height: usize) -> Cube {
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
struct Project {
    dir: tempfile::TempDir,
    galaxies: Galaxies,
    facts: Stored,
}

impl Project {
    fn new(settings: Settings) -> Project {
        let dir = tempfile::tempdir().unwrap();
        let galaxies = Galaxies::new(&dir.path().join("project"), settings);
        Project { dir, galaxies, facts: Stored::default() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn add(&mut self, cube: &Cube, name: &str) -> Result<(), pogson_site::SiteError> {
        let path = self.path(&format!("{name}.fits"));
        cube.save(&path, &Saving { overwrite: true, ..Saving::default() }).unwrap();
        let new = NewGalaxy { models: Size { stellar: 300, dust: 300 }, ..NewGalaxy::new(&path, name, None) };
        self.add_new(&new)
    }

    fn add_new(&mut self, new: &NewGalaxy) -> Result<(), pogson_site::SiteError> {
        let added = self.galaxies.add(&self.facts, new, &|_| (), &AtomicBool::new(false))?;
        self.facts.store(added.facts);
        Ok(())
    }

    /// All units that are to be had, a few at a time.
    fn generate(&mut self) -> Supply {
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
fn work(supply: &Supply, unit: &NewUnit) -> Vec<u8> {
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

fn facts_of(unit: &NewUnit) -> UnitFacts {
    let (app, name) = (unit.app.clone(), unit.name.clone());
    UnitFacts { app, name, opaque: unit.opaque.clone(), batch: unit.batch.clone() }
}

fn finished(unit: &NewUnit, output: Option<Vec<u8>>, users: &[(i64, &str)]) -> Finished {
    let trouble = output.is_none().then_some(Trouble::TooManyErrors);
    let users = users.iter().map(|(id, name)| (*id, (*name).to_owned())).collect();
    Finished { unit: facts_of(unit), outputs: output.map(|output| vec![output]), trouble, users }
}

/// What `pogson fit` writes of a cube with a library.
fn at_one_place(cube: &Path, library: &Path, folder: &Path) -> ResultFile {
    let cube = Cube::open(cube).unwrap();
    let redshift = cube.redshift.unwrap();
    let file = LibraryFile::open(library).unwrap();
    let library = file.nearest(redshift, 0.005).unwrap();
    let options = Options { floor: 0.05, min_bands: cube.min_bands, ..Options::default() };
    let fitter = Fitter::new(&library, options.clone()).unwrap();
    let width = ring_width(&cube);
    let words = run_in_words(&options, &cube.bands(), &[], 100, Some(width));
    let facts = ResultFacts::of_cube(&cube, redshift, parameters_of(&library), file.index().name(), words);
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

#[test]
fn a_galaxy_fitted_by_a_crowd_is_the_one_fitted_at_one_place_in_any_order_of_arrival() {
    let mut project = Project::new(Settings::default());
    let cube = cube(17, 16);
    project.add(&cube, "NGC0").unwrap();
    let supply = project.generate();
    let validator = project.galaxies.validator(Comparison::Exact);
    let mut outputs = Vec::new();
    for unit in &supply.units {
        let output = work(&supply, unit);
        assert_eq!(validator.check(&facts_of(unit), &vec![output.clone()]), Ok(()));
        let mut other = output.clone();
        let digit = other.iter().rposition(|b| b.is_ascii_digit() && *b != b'9').unwrap();
        other[digit] += 1;
        let agree = |a: &[u8], b: &[u8]| validator.agree(&facts_of(unit), &vec![a.to_vec()], &vec![b.to_vec()]);
        assert_eq!(agree(&output, &output), Ok(true));
        assert_eq!(agree(&output, &other), Ok(false));
        outputs.push(output);
    }
    assert!(supply.units.len() > 10);
    assert_eq!(supply.units[4].name, "NGC0_area5");
    let library = supply.files.iter().find(|file| file.sticky).unwrap().path.clone();
    let expected = at_one_place(&project.path("NGC0.fits"), &library, project.dir.path());
    assert!(expected.pixels.len() < cube.usable().len());
    let begun = project.facts.clone();
    let mut files = Vec::new();
    for order in 0..3 {
        project.facts = begun.clone();
        let mut numbers: Vec<usize> = (0..supply.units.len()).collect();
        match order {
            0 => {}
            1 => numbers.reverse(),
            _ => numbers.sort_by_key(|k| k * 7919 % 31),
        }
        let mut assimilator = project.galaxies.assimilator();
        for (done, &k) in numbers.iter().enumerate() {
            assert_eq!(project.galaxies.state(&project.facts, "NGC0").unwrap().done as usize, done);
            let users = [(1, "Ada"), (2 + k as i64 % 3, "B & <co>")];
            let told = finished(&supply.units[k], Some(outputs[k].clone()), &users);
            // The server may end before it has stored what it is told, and ask again.
            let first = assimilator.assimilate(&project.facts, &told).unwrap();
            let again = project.galaxies.assimilator().assimilate(&project.facts, &told).unwrap();
            assert_eq!(first, again);
            project.facts.store(first);
        }
        let state = project.galaxies.state(&project.facts, "NGC0").unwrap();
        assert_eq!((state.done, state.given_up.len(), state.users), (state.areas, 0, 4));
        assert_eq!(state.maps.len(), 8);
        let path = state.hdf5.unwrap();
        let found = ResultFile::read(&path).unwrap();
        let crowd = found.crowd.clone().unwrap();
        assert_eq!(crowd.areas.len(), state.areas as usize);
        assert_eq!(crowd.users[&1], "Ada");
        let mut wanted = expected.clone();
        wanted.crowd = Some(crowd);
        let beside = project.path("expected.h5");
        wanted.write(&beside, true).unwrap();
        assert!(fs::read(&beside).unwrap() == fs::read(&path).unwrap(), "order {order}");
        files.push(fs::read(&path).unwrap());
        assert_eq!(project.galaxies.check(&project.facts, true).unwrap(), []);
    }
    assert!(files[0] == files[1] && files[1] == files[2]);
}

#[test]
fn areas_that_are_given_up_leave_their_pixels_undefined_and_the_galaxy_ends() {
    let mut project = Project::new(Settings::default());
    project.add(&cube(10, 9), "g").unwrap();
    let supply = project.generate();
    let mut assimilator = project.galaxies.assimilator();
    for (k, unit) in supply.units.iter().enumerate() {
        let output = (k != 1).then(|| work(&supply, unit));
        let facts = assimilator.assimilate(&project.facts, &finished(unit, output, &[(7, "Ada")])).unwrap();
        project.facts.store(facts);
    }
    let state = project.galaxies.state(&project.facts, "g").unwrap();
    assert_eq!(state.given_up.len(), 1);
    assert_eq!((state.given_up[0].area, state.given_up[0].trouble.as_str()), (2, "too many results failed"));
    let areas = project.galaxies.areas(&project.facts, "g").unwrap();
    assert_eq!(areas[1].1.state, AreaState::GivenUp);
    let result = ResultFile::read(&state.hdf5.unwrap()).unwrap();
    let inside = |x: u32, y: u32| {
        let area = &areas[1].1;
        (area.first.0..=area.last.0).contains(&x) && (area.first.1..=area.last.1).contains(&y)
    };
    assert!(!result.pixels.is_empty());
    assert!(result.pixels.iter().all(|record| !inside(record.x, record.y)));
    assert_eq!(project.galaxies.check(&project.facts, true).unwrap(), []);
    // Nobody fitted the area: the mask of who fitted all others has a hole there.
    let mask = project.galaxies.mask(&project.facts, "g", 7).unwrap();
    let usable = Cube::open(&project.path("g.fits")).unwrap().usable();
    for pixel in 0..90 {
        let (x, y) = ((pixel % 10) as u32, (pixel / 10) as u32);
        assert_eq!(mask.pixels[pixel], usable.contains(&pixel) && !inside(x, y), "{x} {y}");
    }
    assert_eq!(project.galaxies.mask(&project.facts, "g", 8).unwrap().areas, Vec::<u32>::new());
    assert!(mask.png().unwrap().starts_with(b"\x89PNG"));
    assert_eq!(project.galaxies.of_user(&project.facts, 7).unwrap(), [("g".to_owned(), state.areas - 1)]);
    // Some days later its areas are forgotten by the database, and not by us.
    let facts = project.galaxies.forget_areas(&project.facts, "g").unwrap();
    project.facts.store(facts);
    assert_eq!(project.galaxies.areas(&project.facts, "g").unwrap(), areas);
    assert_eq!(project.galaxies.check(&project.facts, true).unwrap(), []);
    assert!(project.facts.0.keys().all(|key| !key.starts_with("galaxy-area/")));
}

#[test]
fn units_pack_whole_areas_up_to_the_time_that_is_wanted() {
    let mut project = Project::new(Settings { target_seconds: 1e9, ..Settings::default() });
    project.add(&cube(20, 18), "g").unwrap();
    let supply = project.generate();
    let [unit] = supply.units.as_slice() else { panic!("{}", supply.units.len()) };
    let areas = project.galaxies.state(&project.facts, "g").unwrap().areas;
    assert_eq!(unit.name, format!("g_area1-{areas}"));
    let output = work(&supply, unit);
    let mut assimilator = project.galaxies.assimilator();
    let facts = assimilator.assimilate(&project.facts, &finished(unit, Some(output), &[(1, "Ada")])).unwrap();
    project.facts.store(facts);
    assert!(project.galaxies.state(&project.facts, "g").unwrap().hdf5.is_some());

    let mut project = Project::new(Settings::default());
    project.add(&cube(20, 18), "g").unwrap();
    let one_by_one = project.generate();
    assert_eq!(one_by_one.units.len(), areas as usize);
    let places = |unit: &NewUnit| serde_json::from_str::<pogson_site::Opaque>(&unit.opaque).unwrap().places;
    for unit in &one_by_one.units {
        assert_eq!(unit.credit, 8_850_000 * i64::from(places(unit)));
        assert_eq!((unit.limits.quorum, unit.limits.target, unit.limits.errors, unit.limits.successes), (2, 2, 8, 4));
        assert_eq!((unit.delay, unit.outputs[0].gzip, unit.batch.as_str()), (7 * 86400, true, "g"));
        assert!(unit.flops > 0.0 && unit.flops_bound > 10.0 * unit.flops);
    }
    let sum: u32 = one_by_one.units.iter().map(places).sum();
    assert_eq!(sum, places(unit));
}

#[test]
fn galaxies_with_the_same_filters_and_nearly_the_same_redshift_share_a_library() {
    let mut project = Project::new(Settings::default());
    let mut galaxy = cube(6, 6);
    for (name, redshift) in [("a", 0.01), ("b", 0.0142), ("c", 0.016)] {
        galaxy.redshift = Some(redshift);
        project.add(&galaxy, name).unwrap();
    }
    let of = |project: &Project, name: &str| project.galaxies.state(&project.facts, name).unwrap().library;
    assert_eq!(of(&project, "a"), of(&project, "b"));
    assert_ne!(of(&project, "a"), of(&project, "c"));
    let files = fs::read_dir(project.path("project/libraries")).unwrap().count();
    assert_eq!(files, 2);
    galaxy.layers.remove(0);
    galaxy.redshift = Some(0.01);
    project.add(&galaxy, "d").unwrap();
    assert_ne!(of(&project, "d"), of(&project, "a"));
}

#[test]
fn a_galaxy_that_was_deleted_and_added_again_uses_no_name_twice() {
    let mut project = Project::new(Settings::default());
    project.add(&cube(6, 6), "g").unwrap();
    let first = project.generate();
    let said = project.add(&cube(6, 6), "g").unwrap_err().to_string();
    assert!(said.contains("already"), "{said}");
    let mut assimilator = project.galaxies.assimilator();
    let output = work(&first, &first.units[0]);
    let facts = assimilator.assimilate(&project.facts, &finished(&first.units[0], Some(output.clone()), &[])).unwrap();
    project.facts.store(facts);
    let (galaxy, facts) = project.galaxies.delete(&project.facts, "g").unwrap();
    project.facts.store(facts);
    project.galaxies.remove_files(&project.facts, &galaxy).unwrap();
    assert_eq!(project.galaxies.list(&project.facts).unwrap(), []);
    assert_eq!(project.galaxies.check(&project.facts, true).unwrap(), []);
    assert!(!project.path("project/galaxies/g").exists());
    project.add(&cube(6, 6), "g").unwrap();
    let second = project.generate();
    assert_eq!(second.units[0].name, "g_r2_area1");
    assert!(
        second.files.iter().filter(|file| !file.sticky).all(|file| first.files.iter().all(|o| o.name != file.name))
    );
    // What comes late of the first is of no use, and does no harm.
    let late = finished(&first.units[0], Some(output), &[(1, "Ada")]);
    assert_eq!(project.galaxies.assimilator().assimilate(&project.facts, &late).unwrap(), []);
}

#[test]
fn cubes_that_cannot_be_fitted_are_refused_with_what_to_mend() {
    let mut project = Project::new(Settings::default());
    let mut said = |cube: &Cube, name: &str| {
        let error = project.add(cube, name).unwrap_err();
        assert!(error.is_bad_input(), "{error}");
        error.to_string()
    };
    let good = cube(6, 6);
    let with = |change: &dyn Fn(&mut Cube)| {
        let mut changed = good.clone();
        change(&mut changed);
        changed
    };
    assert!(said(&good, "../g").contains("cannot be a galaxy's name"));
    assert!(said(&with(&|c| c.redshift = None), "a").contains("give --redshift"));
    assert!(said(&with(&|c| c.redshift = Some(0.0)), "b").contains("tells no distance"));
    assert!(said(&with(&|c| c.mask.fill(2)), "c").contains("no pixel is usable"));
    assert!(said(&with(&|c| c.layers[0].band.name = "X_own".into()), "d").contains("X_own"));
    assert!(said(&with(&|c| c.layers.iter_mut().for_each(|l| l.flux.fill(0.0))), "e").contains("none of some pixels"));
    assert_eq!(project.galaxies.list(&project.facts).unwrap(), []);
}
