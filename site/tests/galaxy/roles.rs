//! Galaxies made up, from the first unit to the file.

use std::fs;

use pogson_crowd::role::{Again, Assimilator, Generator, Keeper, NewUnit, Refitter, RoleError, Validator};
use pogson_cube::Cube;
use pogson_cube::library::Size;
use pogson_cube::result::ResultFile;
use pogson_site::{AreaState, Comparison, Galaxies, NewGalaxy, Settings};

use crate::project::{Project, at_one_place, cube, facts_of, finished, work};

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
        if outputs.len() % 5 == 0 {
            let again = Again { unit: facts_of(unit), command_line: String::new(), inputs: Vec::new(), outputs: 1 };
            let ours = project.galaxies.refitter().refit(&project.facts, &again).unwrap();
            assert_eq!(validator.agree(&facts_of(unit), &ours, &vec![output.clone()]), Ok(true));
        }
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
    // A copy of the project has all that it needs.
    let copy = Galaxies::new(&project.path("copy"), Settings::default());
    project.galaxies.copy_files(&project.facts, "g", &copy).unwrap();
    assert_eq!(copy.check(&project.facts, true).unwrap(), []);
    // Some days later its areas are forgotten by the database, and not by us.
    let mut keeper = project.galaxies.keeper(7 * 86_400);
    for (day, told) in [(100, 1), (101, 0), (106, 0), (107, state.areas as usize), (108, 0)] {
        assert_eq!(project.galaxies.areas(&project.facts, "g").unwrap(), areas);
        let facts = keeper.keep(&project.facts, day * 86_400).unwrap();
        assert_eq!(facts.len(), told, "day {day}");
        project.facts.store(facts);
    }
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

#[test]
fn galaxies_of_higher_priority_are_handed_out_first() {
    let mut project = Project::new(Settings::default());
    for (name, priority) in [("a", 0), ("b", 5), ("c", 0)] {
        let path = project.path(&format!("{name}.fits"));
        cube(6, 6).save(&path, &Default::default()).unwrap();
        let models = Size { stellar: 200, dust: 200 };
        project.add_new(&NewGalaxy { models, priority, ..NewGalaxy::new(&path, name, None) }).unwrap();
    }
    let supply = project.generate();
    let mut batches: Vec<&str> = supply.units.iter().map(|unit| unit.batch.as_str()).collect();
    batches.dedup();
    assert_eq!(batches, ["b", "a", "c"]);
}

#[test]
fn a_galaxy_whose_cube_is_lost_does_not_keep_the_others_from_their_hosts() {
    let mut project = Project::new(Settings::default());
    project.add(&cube(6, 6), "a").unwrap();
    project.add(&cube(6, 6), "b").unwrap();
    let lost = project.path("project/galaxies/a/cube.fits");
    fs::rename(&lost, project.path("kept")).unwrap();
    let supply = project.galaxies.generator().generate(&project.facts, 100).unwrap();
    assert!(!supply.units.is_empty() && supply.units.iter().all(|unit| unit.batch == "b"));
    project.facts.store(supply.facts);
    assert!(project.galaxies.generator().generate(&project.facts, 100).is_err());
    fs::rename(project.path("kept"), &lost).unwrap();
    assert!(project.generate().units.iter().all(|unit| unit.batch == "a"));
}

#[test]
fn what_a_disk_refuses_is_tried_again_and_what_is_of_other_places_is_not() {
    let mut project = Project::new(Settings::default());
    project.add(&cube(6, 6), "g").unwrap();
    let supply = project.generate();
    let output = work(&supply, &supply.units[0]);
    let told = finished(&supply.units[0], Some(output.clone()), &[(1, "Ada")]);
    // A file where the folder of objects should be.
    let objects = project.path("project/objects");
    fs::write(&objects, "").unwrap();
    let error = project.galaxies.assimilator().assimilate(&project.facts, &told).unwrap_err();
    assert!(matches!(error, RoleError::Transient(_)), "{error}");
    assert_eq!(project.galaxies.state(&project.facts, "g").unwrap().done, 0);
    fs::remove_file(&objects).unwrap();
    let facts = project.galaxies.assimilator().assimilate(&project.facts, &told).unwrap();
    project.facts.store(facts);
    assert_eq!(project.galaxies.state(&project.facts, "g").unwrap().done, 1);
    // The next unit with the first one's answer.
    let wrong = finished(&supply.units[1], Some(output), &[(1, "Ada")]);
    let error = project.galaxies.assimilator().assimilate(&project.facts, &wrong).unwrap_err();
    assert!(matches!(error, RoleError::Permanent(_)), "{error}");
    // An object that is damaged is found.
    let state = project.galaxies.areas(&project.facts, "g").unwrap();
    let name = &state[0].1.object;
    fs::write(objects.join(&name[..2]).join(name), "other").unwrap();
    let problems = project.galaxies.check(&project.facts, true).unwrap();
    assert!(problems.iter().any(|problem| problem.sentence.contains("other bytes than were stored")), "{problems:?}");
    fs::remove_dir_all(&objects).unwrap();
    let problems = project.galaxies.check(&project.facts, false).unwrap();
    assert!(problems.iter().any(|problem| problem.sentence.contains("of area 1 is missing")), "{problems:?}");
}
