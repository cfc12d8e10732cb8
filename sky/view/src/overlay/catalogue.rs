//! Catalogues over a picture: rings whose size follows the magnitude.

use std::path::{Path, PathBuf};

use pogson_image::sphere::{Frame, SkyCoord};
use pogson_image::table::{IpacTable, TableError};

use super::label::{Ink, Labels};
use super::sheet::Sheet;
use crate::draw::Layer;
use crate::picture::Picture;

/// One object of a catalogue.
#[derive(Debug, Clone, PartialEq)]
pub struct Marker {
    /// Where it is, in the catalogue's frame.
    pub place: SkyCoord,
    /// Its magnitude, if known.
    pub magnitude: Option<f64>,
    /// Its name, if it is to be written.
    pub label: Option<String>,
}

/// Objects in one frame.
#[derive(Debug, Clone, PartialEq)]
pub struct Catalogue {
    /// Frame of all places.
    pub frame: Frame,
    /// The objects.
    pub markers: Vec<Marker>,
}

/// Why a catalogue cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// The file could not be read.
    #[error("{path}: cannot be read: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The IPAC table is at fault.
    #[error(transparent)]
    Table(#[from] TableError),
    /// There are no columns of coordinates.
    #[error("{path}: no column is named like a coordinate (ra and dec, glon and glat, lon and lat); it has {columns}")]
    NoCoordinates {
        /// The file.
        path: PathBuf,
        /// The names of its columns.
        columns: String,
    },
    /// A column asked for is missing.
    #[error("{path}: no column '{name}'; it has {columns}")]
    NoColumn {
        /// The file.
        path: PathBuf,
        /// The column asked for.
        name: String,
        /// The names of its columns.
        columns: String,
    },
}

/// Names of columns that hold coordinates in degrees, and whether they are galactic.
const COORDINATES: [(&str, &str, bool); 12] = [
    ("ra", "dec", false),
    ("raj2000", "dej2000", false),
    ("_raj2000", "_dej2000", false),
    ("ra_icrs", "de_icrs", false),
    ("ra_deg", "dec_deg", false),
    ("alpha_j2000", "delta_j2000", false),
    ("alphawin_j2000", "deltawin_j2000", false),
    ("x_world", "y_world", false),
    ("glon", "glat", true),
    ("l", "b", true),
    ("lon", "lat", false),
    ("lon_deg", "lat_deg", false),
];

/// Rows of text cells under names.
struct Cells {
    names: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Catalogue {
    /// Reads an IPAC table (`.tbl`), or values separated by commas, semicolons, tabs or blanks under a line of names.
    ///
    /// Coordinates are in degrees, in columns named as surveys name them (ra and dec, RAJ2000 and DEJ2000,
    /// ALPHA_J2000, glon and glat ...; case does not count). Rows without both are left out.
    ///
    /// - `magnitude`, `label`: columns with magnitudes (a column `mag`, else the first that begins so, if not given)
    ///   and names (none if not given).
    ///
    /// # Errors
    /// [`CatalogueError`].
    pub fn read(path: &Path, magnitude: Option<&str>, label: Option<&str>) -> Result<Catalogue, CatalogueError> {
        let bytes = std::fs::read(path).map_err(|source| CatalogueError::Io { path: path.to_path_buf(), source })?;
        let text = String::from_utf8_lossy(&bytes);
        let is_ipac = text.lines().find(|l| !l.starts_with('\\')).is_some_and(|l| l.trim_start().starts_with('|'));
        let cells = if is_ipac { ipac(&IpacTable::read(path)?) } else { separated(&text) };
        let find = |name: &str| cells.names.iter().position(|n| n.eq_ignore_ascii_case(name));
        let columns = || cells.names.join(", ");
        let found = COORDINATES.iter().find_map(|(a, b, galactic)| Some((find(a)?, find(b)?, *galactic)));
        let (lon, lat, galactic) =
            found.ok_or_else(|| CatalogueError::NoCoordinates { path: path.to_path_buf(), columns: columns() })?;
        let asked = |name: Option<&str>| match name {
            None => Ok(None),
            Some(name) => find(name).map(Some).ok_or_else(|| CatalogueError::NoColumn {
                path: path.to_path_buf(),
                name: name.into(),
                columns: columns(),
            }),
        };
        let by_custom = || {
            let begins = |n: &String| n.to_ascii_lowercase().starts_with("mag");
            find("mag").or_else(|| cells.names.iter().position(begins))
        };
        let magnitude = asked(magnitude)?.or_else(by_custom);
        let label = asked(label)?;
        let cell = |row: &[String], column: Option<usize>| column.and_then(|c| row.get(c).cloned());
        let number = |row: &[String], column| {
            cell(row, column).and_then(|text| text.trim().parse::<f64>().ok()).filter(|v| v.is_finite())
        };
        let markers = cells.rows.iter().filter_map(|row| {
            let (lon_deg, lat_deg) = (number(row, Some(lon))?, number(row, Some(lat))?);
            Some(Marker {
                place: SkyCoord { lon_deg, lat_deg },
                magnitude: number(row, magnitude),
                label: cell(row, label).filter(|text| !text.is_empty()),
            })
        });
        Ok(Catalogue {
            frame: if galactic { Frame::Galactic } else { Frame::Icrs },
            markers: markers.filter(|m| (-90.0..=90.0).contains(&m.place.lat_deg)).collect(),
        })
    }
}

fn ipac(table: &IpacTable) -> Cells {
    let names: Vec<String> = table.columns().iter().map(|c| c.name.clone()).collect();
    let cell = |row, column| table.text(row, column).unwrap_or_default().to_owned();
    let rows = (0..table.len()).map(|row| (0..names.len()).map(|c| cell(row, c)).collect()).collect();
    Cells { names, rows }
}

fn separated(text: &str) -> Cells {
    let mut lines = text.lines().map(|l| l.trim_end_matches('\r')).filter(|l| !l.trim().is_empty());
    let head = lines.next().unwrap_or_default().trim_start_matches('\u{feff}');
    let separator = [',', ';', '\t'].into_iter().find(|c| head.contains(*c));
    let split = |line: &str| -> Vec<String> {
        match separator {
            Some(separator) => quoted(line, separator),
            None => line.split_whitespace().map(str::to_owned).collect(),
        }
    };
    let names = split(head.trim_start_matches('#').trim());
    let rows = lines.filter(|l| !l.starts_with('#')).map(split).collect();
    Cells { names, rows }
}

/// Cells of a line, of which those in double quotes may hold the separator.
fn quoted(line: &str, separator: char) -> Vec<String> {
    let (mut cells, mut cell, mut inside) = (Vec::new(), String::new(), false);
    for c in line.chars() {
        if c == '"' {
            inside = !inside;
        } else if c == separator && !inside {
            cells.push(std::mem::take(&mut cell).trim().to_owned());
        } else {
            cell.push(c);
        }
    }
    cells.push(cell.trim().to_owned());
    cells
}

/// Draws a ring about each object on the picture and writes its name; returns how many were on it.
///
/// The brightest twentieth get the largest rings, the faintest the smallest, and radii follow the magnitude between.
pub fn draw_catalogue(picture: &mut Picture, sheet: &Sheet<'_>, catalogue: &Catalogue, ink: Ink) -> usize {
    let mut magnitudes: Vec<f64> = catalogue.markers.iter().filter_map(|m| m.magnitude).collect();
    magnitudes.sort_unstable_by(f64::total_cmp);
    let bright = magnitudes.get(magnitudes.len() / 20).copied().unwrap_or(0.0);
    let faint = magnitudes.last().copied().unwrap_or(0.0);
    let (small, large) = (0.35 * ink.text, 1.1 * ink.text);
    let radius = |magnitude: Option<f64>| match magnitude {
        Some(m) if faint > bright => small + (large - small) * ((faint - m) / (faint - bright)).clamp(0.0, 1.0),
        _ => 0.6 * ink.text,
    };
    let mut layers = [Layer::over(picture), Layer::over(picture)];
    let mut labels = Labels::new(ink, sheet.size());
    let mut seen = 0;
    for marker in &catalogue.markers {
        let point = sheet.sky_to_point(&catalogue.frame, marker.place);
        let Some(at) = point.filter(|p| sheet.holds(*p, 0.0)) else {
            continue;
        };
        seen += 1;
        let r = radius(marker.magnitude);
        layers[0].circle(at, r, ink.line + 2.2);
        layers[1].circle(at, r, ink.line + 0.2);
        if let Some(label) = &marker.label {
            labels.place(label, (at.0 + r + 0.35 * ink.text, at.1 + 0.4 * ink.text));
        }
    }
    layers[0].lay(picture, ink.rim, 0.45);
    layers[1].lay(picture, ink.colour, 0.95);
    labels.draw(picture);
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_of_every_kind_read_to_the_same_objects() {
        let folder = tempfile::tempdir().unwrap();
        let texts = [
            ("a.csv", "name,RA,Dec,Mag_K\n\"M 17, core\",275.1,-16.2,4.5\nb,,1,2\nc,10,95,2\n"),
            ("b.tbl", "|name |ra    |dec   |mag |\n|char |double|double|real|\n c     275.1  -16.2  4.5 \n"),
            ("c.txt", "# name ra dec mag\nx 275.1 -16.2 4.5\n"),
        ];
        for (name, text) in texts {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            let catalogue = Catalogue::read(&path, None, Some("name")).unwrap();
            assert_eq!(catalogue.markers.len(), 1, "{name}");
            let marker = &catalogue.markers[0];
            assert_eq!((marker.place.lon_deg, marker.place.lat_deg), (275.1, -16.2));
            assert_eq!(marker.magnitude, Some(4.5));
        }
    }

    #[test]
    fn a_table_without_coordinates_is_named_with_its_columns() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("flux.csv");
        std::fs::write(&path, "id,flux\n1,2\n").unwrap();
        let error = Catalogue::read(&path, None, None).unwrap_err().to_string();
        assert!(error.contains("flux.csv") && error.contains("id, flux"), "{error}");
    }
}
