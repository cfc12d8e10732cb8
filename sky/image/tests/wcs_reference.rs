//! Every header of the shared collection against wcslib's answers.
//!
//! The answers were computed with astropy 8 (wcslib): `wcs` is the core transformation, `all` has SIP and look-up
//! tables too. Places agree within the larger of 1e-9 pixels, 2e-13 degrees (on the sky) and wcslib's own round-trip
//! error there.

use pogson_image::fits::{FitsFile, Header};
use pogson_image::sphere::SkyCoord;
use pogson_image::wcs::Wcs;
use serde_json::Value;
use std::path::{Path, PathBuf};

fn shared() -> Option<PathBuf> {
    let path = std::env::var_os("POGSON_SHARED")
        .map(PathBuf::from)
        .unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"));
    let found = path.join("data/wcs/reference_answers.json").is_file();
    if !found {
        println!("skipped: {} has no data/wcs/reference_answers.json (set POGSON_SHARED)", path.display());
    }
    found.then_some(path)
}

/// The WCS of a name as in the answers: `folder/file#hdu`.
fn read(folder: &Path, name: &str) -> Result<Wcs, String> {
    let (file, hdu) = name.split_once('#').unwrap_or((name, "0"));
    let path = folder.join(file);
    if file.ends_with(".hdr") {
        let bytes = std::fs::read(&path).map_err(|e| e.to_string())?;
        let text: String = bytes.iter().map(|b| char::from(*b)).collect();
        // One file is a single line of 80-column cards, ended by a line feed.
        let header = Header::from_text(text.trim_end_matches('\n')).map_err(|e| e.to_string())?;
        return Wcs::from_header(&header).map_err(|e| e.to_string());
    }
    let fits = FitsFile::open(&path).map_err(|e| e.to_string())?;
    Wcs::from_hdu(&fits, hdu.parse().map_err(|_| "no HDU number")?).map_err(|e| e.to_string())
}

fn points(value: &Value) -> Vec<Option<(f64, f64)>> {
    let rows = value.as_array().map(Vec::as_slice).unwrap_or(&[]);
    rows.iter().map(|row| Some((row[0].as_f64()?, row[1].as_f64()?))).collect()
}

/// How far a header is from its answers.
#[derive(Default)]
struct Deviation {
    /// Worst distance on the sky, degrees, and the same over its tolerance.
    sky: f64,
    sky_of_allowed: f64,
    /// Worst distance of the answer's place from the pixel it belongs to, and the same over its tolerance.
    pixel: f64,
    pixel_of_allowed: f64,
    /// Points that only one of both can place.
    lopsided: usize,
}

/// Compares answers; `back` is wcslib's own round-trip error in pixels.
///
/// That error is one way of its iteration against the other; ours adds the rounding of the answer's degrees.
fn compare(wcs: &Wcs, pix: &[Option<(f64, f64)>], sky: &[Option<(f64, f64)>], back: f64) -> Deviation {
    let mut worst = Deviation::default();
    for (pix, sky) in pix.iter().zip(sky) {
        let Some((x, y)) = pix else { continue };
        let (Some(ours), Some((lon, lat))) = (wcs.pix_to_sky(x - 1.0, y - 1.0), sky) else {
            worst.lopsided += usize::from(wcs.pix_to_sky(x - 1.0, y - 1.0).is_some() != sky.is_some());
            continue;
        };
        let side = wcs.pixel_scales_deg(x - 1.0, y - 1.0).map_or(f64::NAN, |(a, b)| a.max(b));
        let plain = 1e-9_f64.max(2e-13 / side);
        let allowed = if back > plain { back + plain } else { plain };
        let theirs = SkyCoord { lon_deg: *lon, lat_deg: *lat };
        let apart = ours.separation_deg(theirs);
        worst.sky = worst.sky.max(apart);
        // Pixel errors are by axis, this one is a distance. At the rim of a map the scale can't be measured; the pixel test below holds there.
        worst.sky_of_allowed = worst.sky_of_allowed.max(apart / (std::f64::consts::SQRT_2 * allowed * side));
        let (bx, by) = wcs.sky_to_pix(theirs).unwrap_or((f64::INFINITY, f64::INFINITY));
        let off = (bx + 1.0 - x).abs().max((by + 1.0 - y).abs());
        worst.pixel = worst.pixel.max(off);
        worst.pixel_of_allowed = worst.pixel_of_allowed.max(if side.is_nan() { off / 1e-9 } else { off / allowed });
    }
    worst
}

#[test]
fn every_shared_header_agrees_with_wcslib() {
    let Some(shared) = shared() else { return };
    let folder = shared.join("data/wcs");
    let text = std::fs::read_to_string(folder.join("reference_answers.json")).unwrap();
    let answers: Value = serde_json::from_str(&text).unwrap();
    let mut failures = Vec::new();
    let mut checked = 0;
    for (name, answer) in answers["headers"].as_object().unwrap() {
        if answer.get("pix").is_none() {
            // wcslib refuses units that do not fit; here they are taken as degrees with a warning, or refused too.
            continue;
        }
        let wcs = match read(&folder, name) {
            Ok(wcs) => wcs,
            Err(error) => {
                failures.push(format!("{name}: {error}"));
                continue;
            }
        };
        let back = answer["back"].as_f64().unwrap_or(0.0);
        let pix = points(&answer["pix"]);
        for set in ["wcs", "all"] {
            let Some(sky) = answer.get(set) else { continue };
            // TPV and detector look-ups aside, `wcs` is without distortion where `all` exists.
            let whole = set == "all" || answer.get("all").is_none();
            let wcs = if whole { wcs.clone() } else { wcs.without_distortion() };
            let found = compare(&wcs, &pix, &points(sky), back);
            let line = format!(
                "{name} {set}: sky {:.1e} deg ({:.2} of what is allowed), pixel {:.1e} ({:.2}), {} on one side only",
                found.sky, found.sky_of_allowed, found.pixel, found.pixel_of_allowed, found.lopsided
            );
            println!("{line}");
            checked += 1;
            if found.sky_of_allowed > 1.0 || found.pixel_of_allowed > 1.0 || found.lopsided > 0 {
                failures.push(line);
            }
        }
    }
    assert!(checked >= 50, "only {checked} answers found");
    assert!(failures.is_empty(), "{} of {checked}:\n{}", failures.len(), failures.join("\n"));
}
