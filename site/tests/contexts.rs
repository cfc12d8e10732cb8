//! The gate's rules for a portal say the same as the portal itself: requests that need one storage block there share a context here, and
//! no others do.

use std::collections::HashMap;

use pogson_gate::config::Config;
use pogson_gate::context::{Asked, Contexts};
use pogson_gate::head::Head;
use pogson_gate::route::Routes;
use pogson_portal::context::{Product, context};
use proptest::prelude::*;

struct Gate {
    routes: Routes,
    contexts: Contexts,
}

impl Gate {
    fn new() -> Self {
        let text = "[[listen]]\naddress = \"127.0.0.1:1\"\n[[pool]]\nallow_empty = true\n";
        let config = Config::parse(text).expect("a configuration");
        let routes = Routes::compile(&config).expect("routes");
        Self { routes, contexts: Contexts::compile(&config, Vec::new()).expect("rules") }
    }

    fn context(&self, target: &str) -> u64 {
        let head = Head::of_parts("GET", target, Some("sky.example"), std::iter::empty()).expect("a head");
        let path = self.routes.path(&head).expect("a path");
        self.contexts.of(&Asked::new(&head, &path)).request.context
    }
}

fn of_portal(target: &str) -> Option<String> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    // Descriptions cost nothing: whether properties and coverage are one is not worth agreement.
    context(path, query).filter(|found| found.product != Product::Description).map(|found| found.to_string())
}

fn agree(targets: &[String]) -> Result<(), TestCaseError> {
    let gate = Gate::new();
    let (mut here, mut there) = (HashMap::new(), HashMap::new());
    for target in targets {
        let Some(portal) = of_portal(target) else { continue };
        let gate = gate.context(target);
        prop_assert_eq!(*here.entry(portal.clone()).or_insert(gate), gate, "{} is {} to the portal", target, portal);
        prop_assert_eq!(there.entry(gate).or_insert(portal.clone()), &portal, "{}", target);
    }
    Ok(())
}

fn sexagesimal(degrees: f64, units: f64) -> String {
    let (sign, thousandths) =
        (if degrees < 0.0 { "-" } else { "+" }, (degrees.abs() / units * 3_600_000.0).round() as u64);
    let (whole, part) = (thousandths / 3_600_000, thousandths % 3_600_000);
    format!("{sign}{whole:02}:{:02}:{:02}.{:03}", part / 60_000, part / 1000 % 60, part % 1000)
}

/// One cut-out in all ways that its address may be written.
fn spellings(ra: f64, dec: f64, size: f64) -> Vec<String> {
    // Both sides round to what sexagesimal text says.
    let (hours, degrees) = (sexagesimal(ra, 15.0), sexagesimal(dec, 1.0));
    let (hours, degrees) = (&hours[1..], degrees.as_str());
    let plus = degrees.replace('+', "%2B");
    let half = size / 2.0;
    vec![
        format!("/sky/cutout?ra={ra:.6}&dec={dec:.6}&size={size:.6}"),
        format!("/sky/cutout?POS=CIRCLE+{ra:.6}+{dec:.6}+{half:.7}"),
        format!("/sky/cutout?circle={ra:.6}%20{dec:.6},{half:.7}&FORMAT=png"),
        format!("/sky/cutout?SIZE={size:.6}&Dec={dec:.6}&RA={ra:.6}&format=jpg"),
        format!("/s%6By/cutout?fov={size:.6},{size:.6}&ra={ra:.6}&dec={dec:.6}&width=64"),
        format!("/sky/cutout?ra={hours}&dec={plus}&size={size:.6}"),
        format!("/sky/cutout?center={hours}+{plus}&size={size:.6}"),
        format!("/sky/cutout?pos=Circle+{hours}+{plus}+{half:.7}"),
        format!("/sky/cutout?ra={}&dec={}&size={size:.6}", hours.replace(':', "+"), plus.replace(':', "+")),
        format!("/sky/cutout?ra={dec:.6}&dec={ra:.6}&size={size:.6}"),
    ]
}

#[test]
fn tiles_and_cut_outs_of_one_block_agree() {
    let targets = [
        "/m17/Norder9/Dir1860000/Npix1863470.fits",
        "/m17/Norder9/Dir1860000/Npix1863470.png",
        "/m17/Norder10/Dir7450000/Npix7453880.fits",
        "/m17/Norder9/Dir1860000/Npix1863471.fits",
        "/m17/Norder3/Allsky.png",
        "/m17/Norder2/Dir0/Npix5.png",
        "/m17/Norder8/Dir460000/Npix465867.png",
        "/m17/cutout?POS=CIRCLE+275.2+-16.17+0.01",
        "/m17/cutout?POS=CIRCLE+275.26+-16.17+0.05",
        "/m17/cutout?POS=RANGE+275.2+275.4+-16.2+-16.17",
        "/m17/cutout?POLYGON=275.2+-16.2+275.4+-16.2+275.3+-16.1",
        "/m17/cutout?ra=275.2&dec=-16.17&size=0.1",
        "/other/cutout?ra=275.2&dec=-16.17&size=0.1",
        "/m17/K/cutout?ra=275.2&dec=-16.17&size=0.1",
        "/m17/cutout?ra=275.2&dec=-16.17&size=0.1&band=K",
    ];
    agree(&targets.map(str::to_owned)).expect("agreement");
}

proptest! {
    #[test]
    fn cut_outs_agree_however_they_are_spelt(
        places in proptest::collection::vec((0.0..360.0_f64, -89.0..89.0_f64, 0.001..0.6_f64), 1..30),
    ) {
        // Some near to each other, so that they share blocks.
        let near = places.iter().map(|&(ra, dec, size)| ((ra / 360.0).mul_add(0.5, 10.0), dec / 200.0, size));
        let targets: Vec<String> = places.iter().copied().chain(near).flat_map(|(ra, dec, size)| spellings(ra, dec, size)).collect();
        agree(&targets)?;
    }

    #[test]
    fn ranges_and_polygons_agree(
        places in proptest::collection::vec((1.0..359.0_f64, -85.0..85.0_f64, 0.01..1.0_f64, 0.01..1.0_f64), 1..30),
    ) {
        let targets: Vec<String> = places.iter().flat_map(|&(ra, dec, wide, high)| {
            let (left, right, low, top) = (ra, ra + wide, dec, dec + high);
            let ring = format!("{left:.6}+{low:.6}+{right:.6}+{low:.6}+{right:.6}+{top:.6}+{left:.6}+{top:.6}");
            [
                format!("/sky/cutout?POS=RANGE+{left:.6}+{right:.6}+{low:.6}+{top:.6}"),
                format!("/sky/cutout?format=png&pos=range%20{left:.6},{right:.6}%09{low:.6}++{top:.6}"),
                format!("/sky/cutout?POS=POLYGON+{ring}"),
                format!("/sky/cutout?Polygon={ring}&width=100"),
            ]
        }).collect();
        agree(&targets)?;
    }

    #[test]
    fn tiles_agree(cells in proptest::collection::vec((0_u8..14, any::<u64>()), 1..40)) {
        let targets: Vec<String> = cells.iter().map(|&(order, number)| {
            let cell = number % (12 << (2 * order));
            format!("/sky/Norder{order}/Dir{}/Npix{cell}.fits", cell / 10_000 * 10_000)
        }).collect();
        agree(&targets)?;
    }
}
