//! What the server shows of galaxies.

use pogson_crowd::pages::{Section, Shown};
use pogson_crowd::role::Assimilator;
use pogson_site::{GalaxyPages, Settings};

use crate::project::{Project, cube, finished, work};

fn html(shown: Option<Shown>) -> String {
    match shown {
        Some(Shown::Page { body, .. }) => body.into_string(),
        _ => panic!("no page"),
    }
}

#[test]
fn a_galaxys_pages_follow_its_areas() {
    let mut project = Project::new(Settings::default());
    project.add(&cube(10, 9), "NGC0").unwrap();
    let supply = project.generate();
    let fresh = || GalaxyPages::new(project.galaxies.clone());
    let facts = project.facts.clone();
    let get = |pages: &GalaxyPages, path: &str| pages.page(&facts, "/pogs/", path, None).unwrap();
    assert!(html(get(&fresh(), "")).contains("href=\"/pogs/galaxies/NGC0\""));
    let page = html(get(&fresh(), "NGC0"));
    assert!(page.contains("(0.0 %)") && !page.contains("<img"), "{page}");
    assert_eq!(fresh().of_user(&facts, 1), Ok(vec![]));

    let mut stored = project.facts.clone();
    let mut assimilator = project.galaxies.assimilator();
    for (at, unit) in supply.units.iter().enumerate() {
        let users = if at == 0 { vec![(1, "Ada"), (2, "B & <b>co</b>")] } else { vec![(1, "Ada")] };
        stored.store(assimilator.assimilate(&stored, &finished(unit, Some(work(&supply, unit)), &users)).unwrap());
        if at == 0 {
            let page = html(fresh().page(&stored, "/pogs/", "NGC0", None).unwrap());
            assert!(page.contains("B &amp; &lt;b&gt;co") && page.contains("/map/"), "{page}");
        }
    }
    let pages = fresh();
    let get = |path: &str| pages.page(&stored, "/pogs/", path, None).unwrap();
    let page = html(get("NGC0"));
    assert!(page.contains("(done)") && page.contains("NGC0/NGC0.h5"), "{page}");
    let map = page.split("src=\"/pogs/galaxies/").nth(1).unwrap().split('"').next().unwrap();
    for picture in [map, "NGC0/mask/1.png", "NGC0/mask/2.png"] {
        let Some(Shown::Picture(bytes)) = get(picture) else { panic!("{picture}") };
        assert!(bytes.starts_with(b"\x89PNG"));
    }
    let Some(Shown::File { path, name }) = get("NGC0/NGC0.h5") else { panic!("no file") };
    assert!(path.is_file() && name == "NGC0.h5");
    let own = html(get("NGC0/user/2"));
    assert!(own.contains("B &amp; &lt;b&gt;co") && own.contains("mask/2.png"));
    let links = pages.of_user(&stored, 2).unwrap();
    assert_eq!(links, [("NGC0/user/2".to_owned(), "NGC0: 1 areas".to_owned())]);
    for none in [
        "NGC1",
        "NGC0/user/3",
        "NGC0/user/x",
        "NGC0/map/../../secret",
        "NGC0/map/x.png",
        "../NGC0",
        "a/b/c/d",
        "NGC0/other.h5",
    ] {
        assert!(get(none).is_none(), "{none}");
    }
}
