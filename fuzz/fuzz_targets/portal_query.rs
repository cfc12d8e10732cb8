//! Any text as an address of a portal: tiles by number, Allsky, and cut-outs as SODA has them. What is read can be written in its one
//! spelling and read as the same; its context is the one that a gate in front finds by its own rules.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use pogson_gate::config::Config;
use pogson_gate::context::{Asked, Contexts, Place};
use pogson_gate::head::Head;
use pogson_gate::route::NormalPath;
use pogson_portal::context::context;
use pogson_portal::cutout::LONGEST_SIDE;
use pogson_portal::request::{Format, Request, What};

static RULES: LazyLock<Contexts> = LazyLock::new(|| {
    let config = Config::parse("[[listen]]\naddress = \"127.0.0.1:1\"\n[[pool]]\nallow_empty = true\n");
    Contexts::compile(&config.expect("a configuration"), Vec::new()).expect("rules")
});

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (path, query) = text.split_once('?').unwrap_or((text, ""));
    // The whole as the parameters of a cut-out as well, so that few bytes say much.
    one("/s/cutout", text);
    one(path, query);
});

fn one(path: &str, query: &str) {
    let Ok(request) = Request::parse(path, query) else { return };
    if let Request::Of(_, what) = &request {
        match what {
            What::Tile(cell, format) => {
                let extension = match format {
                    Format::Fits => "fits",
                    Format::Png => "png",
                    Format::Jpg => "jpg",
                };
                let (order, index) = (cell.order(), cell.index());
                let dir = index / 10_000 * 10_000;
                let again = format!("/s/Norder{order}/Dir{dir}/Npix{index}.{extension}");
                assert_eq!(Request::parse(&again, ""), Ok(Request::Of("s".into(), what.clone())));
            }
            What::Cutout(cutout) => {
                let (lon, lat, sides) = (cutout.center.lon_deg, cutout.center.lat_deg, cutout.size_deg);
                assert!((0.0..=360.0).contains(&lon) && (-90.0..=90.0).contains(&lat), "{lon} {lat}");
                assert!(sides.0 > 0.0 && sides.1 > 0.0 && sides.0.is_finite() && sides.1.is_finite(), "{sides:?}");
                let pixels = [cutout.width, cutout.height];
                assert!(pixels.into_iter().flatten().all(|side| (1..=LONGEST_SIDE).contains(&side)));
                let again = format!("ra={lon}&dec={lat}&size={},{}", sides.0, sides.1);
                let Ok(Request::Of(_, What::Cutout(other))) = Request::parse("/s/cutout", &again) else {
                    panic!("{again} is not read again");
                };
                assert_eq!((other.center, other.size_deg), (cutout.center, sides), "{again}");
            }
            What::Page | What::Properties | What::Moc(_) | What::Allsky(_) => {}
        }
    }
    let Some(cell) = context(path, query).and_then(|context| context.cell) else { return };
    let target = if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") };
    let Ok(head) = Head::of_parts("GET", &target, Some("a"), std::iter::empty()) else { return };
    let Ok(seen) = NormalPath::of(head.path(), true) else { return };
    let found = RULES.of(&Asked::new(&head, &seen));
    let is_as_sent = head.path() == path && head.query().unwrap_or_default() == query;
    // A cell's edge may lie between two roundings of a place; a tile has none.
    if is_as_sent && let Ok(Request::Of(_, What::Tile(..))) = Request::parse(path, query) {
        assert_eq!(found.place, Place::Cell { order: cell.order(), index: cell.index() }, "{target}");
    }
}
