//! A table of images: what is said of each, in TOML or CSV.
//!
//! TOML has one `[[image]]` for each, CSV a first line of the same names:
//!
//! ```toml
//! [[image]]
//! file = "r.fits"
//! band = "SDSS_r"
//! psf = "moffat:1.3,3.5"
//! zero_point = 22.5
//! ```

use std::path::{Path, PathBuf};

use super::spec::{ImageSpec, Uncertainty};

/// Why a table cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// It cannot be read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The table.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is not what it should be.
    #[error("{}: {problem}", path.display())]
    Form {
        /// The table.
        path: PathBuf,
        /// What is wrong, with its place and the mend.
        problem: String,
    },
}

/// Names of columns and keys.
const KEYS: [&str; 15] = [
    "file",
    "hdu",
    "band",
    "wavelength",
    "unit",
    "zero_point",
    "psf",
    "sigma",
    "variance",
    "weight",
    "mask",
    "gain",
    "floor",
    "sky",
    "extinction",
];

/// Reads a table; files are taken from its folder.
///
/// # Errors
/// [`TableError`].
pub fn read_table(path: &Path) -> Result<Vec<ImageSpec>, TableError> {
    let text = std::fs::read_to_string(path).map_err(|source| TableError::Io { path: path.to_owned(), source })?;
    let bad = |problem: String| TableError::Form { path: path.to_owned(), problem };
    let is_toml = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("toml"));
    let rows = if is_toml { toml_rows(&text) } else { csv_rows(&text) }.map_err(bad)?;
    if rows.is_empty() {
        return Err(bad("it names no image; see `pogson help cube` for its form".into()));
    }
    let folder = path.parent().unwrap_or(Path::new(""));
    rows.iter().map(|(place, row)| spec(folder, row).map_err(|problem| bad(format!("{place}: {problem}")))).collect()
}

type Row = Vec<(String, String)>;

fn toml_rows(text: &str) -> Result<Vec<(String, Row)>, String> {
    let table: toml::Table = text.parse().map_err(|e: toml::de::Error| e.to_string())?;
    if let Some(key) = table.keys().find(|key| *key != "image") {
        return Err(format!("'{key}' is not known here; give [[image]] tables"));
    }
    let images = match table.get("image") {
        Some(toml::Value::Array(images)) => images.as_slice(),
        None => &[],
        Some(_) => return Err("'image' has to be [[image]], once for each image".into()),
    };
    let mut rows = Vec::new();
    for (k, image) in images.iter().enumerate() {
        let place = format!("image {}", k + 1);
        let Some(image) = image.as_table() else { return Err(format!("{place} is no table")) };
        let mut row = Row::new();
        for (key, value) in image {
            let text = match value {
                toml::Value::String(text) => text.clone(),
                toml::Value::Integer(number) => number.to_string(),
                toml::Value::Float(number) => number.to_string(),
                other => return Err(format!("{place}: {key} is a {}, neither text nor number", other.type_str())),
            };
            row.push((key.clone(), text));
        }
        rows.push((place, row));
    }
    Ok(rows)
}

fn csv_rows(text: &str) -> Result<Vec<(String, Row)>, String> {
    let mut lines = text.lines().enumerate().filter(|(_, l)| !l.trim().is_empty() && !l.trim_start().starts_with('#'));
    let Some((_, first)) = lines.next() else { return Ok(Vec::new()) };
    let names: Vec<String> = fields(first).iter().map(|f| f.to_ascii_lowercase()).collect();
    let mut rows = Vec::new();
    for (number, line) in lines {
        let values = fields(line);
        if values.len() > names.len() {
            return Err(format!(
                "line {}: {} fields where the first line names {}",
                number + 1,
                values.len(),
                names.len()
            ));
        }
        let row = names.iter().cloned().zip(values).filter(|(_, value)| !value.is_empty()).collect();
        rows.push((format!("line {}", number + 1), row));
    }
    Ok(rows)
}

/// Fields of a line; quotes keep commas together.
fn fields(line: &str) -> Vec<String> {
    let mut out = vec![String::new()];
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => out.push(String::new()),
            c => {
                if let Some(last) = out.last_mut() {
                    last.push(c);
                }
            }
        }
    }
    out.iter().map(|f| f.trim().to_owned()).collect()
}

fn spec(folder: &Path, row: &Row) -> Result<ImageSpec, String> {
    let mut out = ImageSpec::default();
    let file = |text: &str| if text.starts_with('[') { PathBuf::from(text) } else { folder.join(text) };
    for (key, text) in row {
        let number =
            || text.parse::<f64>().ok().filter(|v| v.is_finite()).ok_or(format!("{key} = {text} is no number"));
        let above =
            |number: f64| if number > 0.0 { Ok(number) } else { Err(format!("{key} = {text} has to be above 0")) };
        match key.as_str() {
            "file" => out.path = folder.join(text),
            "hdu" => out.hdu = Some(text.parse().map_err(|_| format!("hdu = {text} is no number of an HDU"))?),
            "band" => out.band = Some(text.clone()),
            "wavelength" => out.wavelength_um = Some(above(number()?)?),
            "unit" => out.unit = Some(text.clone()),
            "zero_point" => out.zero_point = Some(number()?),
            "psf" => {
                out.psf = Some(match text.parse()? {
                    super::PsfChoice::Image(path) => super::PsfChoice::Image(folder.join(path)),
                    other => other,
                });
            }
            "sigma" => out.uncertainty = Some(Uncertainty::Sigma(file(text))),
            "variance" => out.uncertainty = Some(Uncertainty::Variance(file(text))),
            "weight" => out.uncertainty = Some(Uncertainty::Weight(file(text))),
            "mask" => out.mask = Some(file(text)),
            "gain" => out.gain = Some(above(number()?)?),
            "floor" => {
                let floor = number()?;
                if !(0.0..1.0).contains(&floor) {
                    return Err(format!("floor = {text} has to be a share of the flux, 0 to 1"));
                }
                out.floor = Some(floor);
            }
            "sky" => out.sky = Some(text.parse()?),
            "extinction" => out.extinction_mag = Some(number()?),
            _ => return Err(format!("'{key}' is not known; the names are {}", KEYS.join(", "))),
        }
    }
    if out.path.as_os_str().is_empty() || !row.iter().any(|(key, _)| key == "file") {
        return Err("file is missing".into());
    }
    Ok(out)
}
