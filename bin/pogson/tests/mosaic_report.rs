//! `mosaic --report --preview`: the page and the picture beside the mosaic.

use std::path::Path;
use std::process::Command;

fn pogson(args: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_pogson")).args(args).output().expect("the program starts");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn path(dir: &Path, name: &str) -> String {
    dir.join(name).display().to_string()
}

/// A survey of a few small tiles; returns their names.
fn simulate(dir: &Path) -> Vec<String> {
    let (code, error) =
        pogson(&["simulate", "-o", &path(dir, ""), "--size", "0.05", "--tile", "128x128", "--noise", "1"]);
    assert_eq!(code, Some(0), "{error}");
    let entries = std::fs::read_dir(dir.join("raw")).expect("tiles were written");
    entries.map(|entry| entry.expect("a file").file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn the_page_names_each_tile_and_shows_its_pictures_and_the_preview_decodes() {
    let dir = tempfile::tempdir().unwrap();
    let names = simulate(dir.path());
    let region = path(dir.path(), "region.hdr");
    let (raw, fits) = (path(dir.path(), "raw"), path(dir.path(), "m.fits"));
    let (html, png) = (path(dir.path(), "m.html"), path(dir.path(), "m.png"));
    let (code, error) =
        pogson(&["mosaic", &raw, "-o", &fits, "--header", &region, "--report", &html, "--preview", &png]);
    assert_eq!(code, Some(0), "{error}");
    let page = std::fs::read_to_string(&html).unwrap();
    assert!(names.len() > 2);
    for name in &names {
        assert!(page.contains(name.as_str()), "{name}");
    }
    assert_eq!(page.matches("data:image/png;base64,").count(), 2);
    assert_eq!(page.matches("<svg").count(), 2);
    // Pictures as text may hold any letters.
    let words: String = page.split("base64,").map(|part| part.split_once('"').map_or(part, |(_, rest)| rest)).collect();
    for absent in ["NaN", "http:", "https:", "<script"] {
        assert!(!words.contains(absent), "{absent}");
    }
    let picture = pogson_view::png::decode(&std::fs::read(&png).unwrap()).unwrap();
    assert_eq!((picture.width(), picture.height()), (180, 180));
    let (darkest, brightest) = (picture.rgb().iter().min().unwrap(), picture.rgb().iter().max().unwrap());
    assert!(brightest - darkest > 200, "{darkest} to {brightest}");
    let left: Vec<_> = std::fs::read_dir(dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with('.'))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn files_left_out_stand_in_the_page_with_their_reasons() {
    let dir = tempfile::tempdir().unwrap();
    simulate(dir.path());
    std::fs::write(dir.path().join("raw/broken.fits"), "SIMPLE  =                    T").unwrap();
    let region = path(dir.path(), "region.hdr");
    let (raw, fits, html) = (path(dir.path(), "raw"), path(dir.path(), "m.fits"), path(dir.path(), "m.html"));
    let footprint = path(dir.path(), "f.fits");
    let (code, error) =
        pogson(&["mosaic", &raw, "-o", &fits, "--header", &region, "--report", &html, "--footprint", &footprint]);
    assert_eq!(code, Some(0), "{error}");
    let page = std::fs::read_to_string(&html).unwrap();
    assert!(page.contains("broken.fits") && page.contains("Left out") && page.contains("1 left out"));
}

#[test]
fn a_page_that_exists_is_refused_before_any_work_and_replaced_by_force() {
    let dir = tempfile::tempdir().unwrap();
    simulate(dir.path());
    let region = path(dir.path(), "region.hdr");
    let (raw, fits, html) = (path(dir.path(), "raw"), path(dir.path(), "m.fits"), path(dir.path(), "m.html"));
    std::fs::write(&html, "mine").unwrap();
    let (code, error) = pogson(&["mosaic", &raw, "-o", &fits, "--header", &region, "--report", &html]);
    assert_eq!(code, Some(1));
    assert!(error.contains("m.html") && error.contains("--force"), "{error}");
    assert!(!Path::new(&fits).exists());
    assert_eq!(std::fs::read_to_string(&html).unwrap(), "mine");
    assert_eq!(pogson(&["mosaic", &raw, "-o", &fits, "--header", &region, "--report", &html, "--force"]).0, Some(0));
    assert!(std::fs::read_to_string(&html).unwrap().contains("<title>Mosaic m.fits</title>"));
    let (code, error) = pogson(&["mosaic", &raw, "-o", &fits, "--header", &region, "--preview", &fits, "--force"]);
    assert_eq!(code, Some(2), "{error}");
    let nowhere = path(dir.path(), "no/m.png");
    let (code, error) = pogson(&["mosaic", &raw, "-o", &fits, "--header", &region, "--preview", &nowhere, "--force"]);
    assert_eq!(code, Some(1), "{error}");
}

#[test]
fn a_mosaic_without_matching_says_so_in_its_page() {
    let dir = tempfile::tempdir().unwrap();
    simulate(dir.path());
    let region = path(dir.path(), "region.hdr");
    let (raw, fits, html) = (path(dir.path(), "raw"), path(dir.path(), "m.fits"), path(dir.path(), "m.html"));
    assert_eq!(
        pogson(&["mosaic", &raw, "-o", &fits, "--header", &region, "--report", &html, "--background", "none"]).0,
        Some(0)
    );
    let page = std::fs::read_to_string(&html).unwrap();
    assert!(page.contains("Backgrounds were not matched") && !page.contains("<svg"));
}
