//! Pages for people, and lists of data sets for programs.

use std::fmt::Write;

use serde_json::json;

use crate::collection::Collection;
use crate::properties::{Publisher, properties};
use crate::set::DataSet;

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn framed(title: &str, body: &str) -> String {
    let title = escaped(title);
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><style>body{{font:16px/1.5 sans-serif;max-width:50em;margin:2em auto;\
         padding:0 1em}}img{{max-width:100%;background:#1c2530}}code{{background:#eee}}</style></head><body><h1>{title}</h1>{body}</body></html>"
    )
}

/// The list of data sets as a page.
pub(crate) fn home(collection: &Collection) -> String {
    let mut body = String::from("<ul>");
    for set in collection.sets() {
        let name = escaped(&set.name);
        let (ra, dec, fov) = set.view();
        // Writing to a string does not fail.
        let _ = write!(
            body,
            "<li><a href=\"/{name}/\">{name}</a>: {fov}&deg; about {ra} {dec}, tiles to order {}</li>",
            set.order
        );
    }
    body.push_str("</ul><p>For programs: this list as JSON (<code>Accept: application/json</code>), as <a href=\"/hipslist\">HiPS list</a>.</p>");
    framed("Data sets", &body)
}

/// The same for programs.
pub(crate) fn home_json(collection: &Collection) -> String {
    let sets: Vec<_> = collection.sets().map(described).collect();
    json!({ "data_sets": sets }).to_string()
}

fn described(set: &DataSet) -> serde_json::Value {
    let (ra, dec, fov) = set.view();
    json!({
        "name": set.name, "version": set.version, "order": set.order, "block_order": set.block_order,
        "pixel_scale_deg": set.scale_deg, "unit": set.unit(), "sky_fraction": set.coverage.sky_fraction(),
        "ra_deg": ra, "dec_deg": dec, "fov_deg": fov,
        "tiles": format!("/{}/Norder{{order}}/Dir{{dir}}/Npix{{npix}}.fits?v={}", set.name, set.version),
        "cutouts": format!("/{}/cutout?ra={{ra}}&dec={{dec}}&size={{deg}}", set.name),
    })
}

/// The list of data sets as HiPS has it: records of properties, empty lines between them.
pub(crate) fn hips_list(collection: &Collection, publisher: &Publisher, base: &str) -> String {
    let records: Vec<String> =
        collection.sets().map(|set| properties(set, publisher, Some(&format!("{base}/{}", set.name)))).collect();
    records.join("\n")
}

/// A data set's page.
pub(crate) fn of_set(set: &DataSet) -> String {
    let (ra, dec, fov) = set.view();
    let size = fov.min(10.0);
    let name = escaped(&set.name);
    let look = format!("cutout?ra={ra}&amp;dec={dec}&amp;size={size}&amp;width=600&amp;format=png");
    framed(
        &set.name,
        &format!(
            "<p><img src=\"{look}\" alt=\"{name}\"></p><p>{fov}&deg; about {ra} {dec}; HiPS tiles to order {}.</p><ul>\
             <li><a href=\"properties\">properties</a></li><li>coverage: <a href=\"Moc.fits\">Moc.fits</a>, \
             <a href=\"Moc.json\">Moc.json</a>, <a href=\"Moc.txt\">Moc.txt</a></li>\
             <li><a href=\"Norder3/Allsky.png\">Allsky.png</a></li>\
             <li>a part: <code>cutout?ra=DEG&amp;dec=DEG&amp;size=DEG&amp;format=fits</code></li></ul>",
            set.order
        ),
    )
}
