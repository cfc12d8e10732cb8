//! Filters by name, from MAGPHYS's filter tables, and from files of curves.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use pogson_cube::library::band_of;
use pogson_cube::text_file;
use pogson_get::votable::Votable;
use pogson_sed::filter::{Counting, Filter, FilterError, find};
use pogson_sed::library::Band;
use pogson_sed::magphys::read_filters;

use crate::failure::Failure;

/// Which filters, and the curves of those that are not built in.
#[derive(clap::Args, Debug, Clone)]
pub struct FilterArgs {
    /// Filters: names with commas between them (see list-filters), or a MAGPHYS filter table (filters.dat)
    #[arg(long, value_name = "NAMES|FILE")]
    pub filters: String,
    /// Curve of a filter of your own: its name, =, and a file of two columns (wavelength in Angstrom, response) or a VOTable
    /// of the SVO Filter Profile Service; may be given several times
    #[arg(long, value_name = "NAME=FILE")]
    pub curve: Vec<CurveFile>,
}

/// A filter's name and the file with its curve.
#[derive(Debug, Clone)]
pub struct CurveFile {
    name: String,
    path: PathBuf,
}

impl FromStr for CurveFile {
    type Err = String;

    fn from_str(text: &str) -> Result<CurveFile, String> {
        match text.split_once('=') {
            Some((name, path)) if !name.trim().is_empty() && !path.is_empty() => {
                Ok(CurveFile { name: name.trim().to_owned(), path: path.into() })
            }
            _ => Err("write the filter's name, =, and the file with its curve: B_Bessell=bessell_b.txt".to_owned()),
        }
    }
}

impl FilterArgs {
    /// The bands and their curves, in order.
    ///
    /// # Errors
    /// Unknown names, filters named twice, files that cannot be read or are no curves.
    pub fn read(&self) -> Result<Vec<(Band, Filter)>, Failure> {
        let mut own: Vec<Filter> = Vec::new();
        for CurveFile { name, path } in &self.curve {
            if own.iter().any(|filter| filter.name == *name) {
                return Err(FilterError::Twice { name: name.clone(), also: " with --curve".to_owned() }.into());
            }
            own.push(read_curve(name, path)?);
        }
        let bands: Vec<(Option<Band>, String)> = if is_file(&self.filters) {
            let path = Path::new(&self.filters);
            let input = text_file::open(path).map_err(|e| Failure::io(path, &e))?;
            let table = read_filters(input, &self.filters)?;
            table.into_iter().map(|line| (Some(line.band.clone()), line.band.name)).collect()
        } else {
            let names = self.filters.split([',', ' ']).filter(|name| !name.is_empty());
            names.map(|name| (None, name.to_owned())).collect()
        };
        let mut chosen: Vec<(String, Band, Filter)> = Vec::new();
        for (band, name) in bands {
            let filter = match own.iter().find(|filter| filter.name == name) {
                Some(filter) => filter,
                None => find(&name)?,
            };
            if let Some((other, ..)) = chosen.iter().find(|(_, _, other)| other.name == filter.name) {
                let also = if *other == name { String::new() } else { format!(" (as {other} and as {name})") };
                return Err(FilterError::Twice { name: filter.name.clone(), also }.into());
            }
            let band = band.unwrap_or_else(|| band_of(filter));
            let filter = filter.clone();
            chosen.push((name, band, filter));
        }
        if chosen.is_empty() {
            return Err(FilterError::None.into());
        }
        Ok(chosen.into_iter().map(|(_, band, filter)| (band, filter)).collect())
    }
}

/// Whether a list of filters is the name of a file.
fn is_file(text: &str) -> bool {
    !text.contains(',') && (Path::new(text).is_file() || text.ends_with(".dat"))
}

/// Reads a curve from two columns or a VOTable.
fn read_curve(name: &str, path: &Path) -> Result<Filter, Failure> {
    let text = text_file::read(path).map_err(|e| Failure::io(path, &e))?;
    if !text.trim_start().starts_with('<') {
        return Filter::from_text(name, &text).map_err(|fault| Failure::in_file(path, fault));
    }
    let table = Votable::parse(&text).map_err(|fault| Failure::in_file(path, fault))?;
    let column = |names: [&str; 2]| {
        let wanted = |have: &str| names.iter().any(|name| have.eq_ignore_ascii_case(name));
        let at = table.position(|field| wanted(&field.name));
        at.ok_or_else(|| {
            Failure::in_file(path, format!("the table has no column {}; is it a filter's curve?", names[0]))
        })
    };
    let (wavelength, response) = (column(["Wavelength", "WAVE"])?, column(["Transmission", "Response"])?);
    let scale = match table.fields[wavelength].unit.to_lowercase().as_str() {
        "" | "angstrom" | "a" | "aa" | "0.1nm" => 1.0,
        "nm" => 10.0,
        "um" | "micron" => 1e4,
        unit => {
            return Err(Failure::in_file(path, format!("wavelengths in {unit} are not known; convert to Angstrom")));
        }
    };
    let number = |row: usize, column: usize| {
        let value = table.rows[row].get(column).and_then(|value| value.number());
        value.ok_or_else(|| Failure::in_file(path, format!("row {} has no number in column {}", row + 1, column + 1)))
    };
    let mut points = Vec::with_capacity(table.rows.len());
    for row in 0..table.rows.len() {
        points.push((number(row, wavelength)? * scale, number(row, response)?));
    }
    // 0 stands for energy counters and 1 for photon counters in the service's files.
    let energy = table.params.iter().any(|p| p.name == "DetectorType" && matches!(p.value.trim(), "0" | "energy"));
    let counting = if energy { Counting::Energy } else { Counting::Photon };
    let (wavelength, response) = points.into_iter().unzip();
    Filter::new(name, wavelength, response, counting, &path.display().to_string())
        .map_err(|fault| Failure::in_file(path, fault))
}
