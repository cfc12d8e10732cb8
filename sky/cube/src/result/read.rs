//! Reading the HDF5 file back.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use hdf5_pure::{AttrValue, Dataset, File, Group};
use pogson_image::fits::Header;
use pogson_sed::fit::RedshiftPosterior;
use pogson_sed::library::Band;
use pogson_sed::parameter::Parameter;

use super::error::ResultError;
use super::grid::{from_band, from_planes, from_rows, observation};
use super::histogram::from_bins;
use super::layout::{
    AREA, AREA_USER, BLOCK, DETAILS, FILTERS, FORMAT, HISTOGRAM, HISTOGRAM_GRID, IMAGES, PAPER, PARAMETERS, POSTERIOR,
    Row, RowReader, VERSION, datatype, row_bytes,
};
use super::{Area, Bins, Crowd, Draws, Facts, PixelRecord, ResultFile, Special};

/// Longest side of a frame.
const LONGEST: i64 = 1 << 16;
/// Most bytes that a table may unpack to.
const MOST_BYTES: u64 = 1 << 34;

impl ResultFile {
    /// Reads a file that [`ResultFile::write`] made. Plane values come back as the file's 32-bit floats.
    ///
    /// # Errors
    /// [`ResultError::Hdf5`] for what is no HDF5 or damaged, [`ResultError::Layout`] for HDF5 of another make.
    pub fn read(path: &Path) -> Result<ResultFile, ResultError> {
        let open = |e| ResultError::Hdf5 { path: path.to_owned(), what: "the file".into(), source: Box::new(e) };
        let file = File::open_streaming(path).map_err(open)?;
        let reader = Reader { path };
        let root = file.root();
        let attributes = reader.attributes(&root, "the root")?;
        if attributes.get("format").and_then(AttrValue::as_str) != Some(FORMAT) {
            return Err(ResultError::layout(path, "the root", format!("lacks the attribute format = '{FORMAT}'")));
        }
        let version = attributes.get("format_version").and_then(AttrValue::as_i64).unwrap_or(0);
        if version != VERSION {
            let problem = format!("has format_version {version}, and this program reads {VERSION}");
            return Err(ResultError::layout(path, "the root", problem));
        }
        let galaxy = reader.group(&root, "galaxy")?;
        let facts = reader.facts(&galaxy)?;
        let mut result = ResultFile::new(facts);
        let facts = &result.facts;
        let size = (facts.width, facts.height);
        let pixels = reader.grid(&reader.group(&galaxy, "pixel")?, facts, size)?;
        let groups = galaxy.groups().map_err(|e| reader.hdf5("galaxy", e))?;
        let mut bins = None;
        if groups.iter().any(|g| g == "bin") {
            let group = reader.group(&galaxy, "bin")?;
            let map = reader.dataset(&group, "map")?;
            reader.shape(&map, "bin/map", &[u64::from(facts.height), u64::from(facts.width)])?;
            let map = map.read_i32().map_err(|e| reader.hdf5("bin/map", e))?;
            let count = map.iter().copied().max().unwrap_or(-1).max(-1).saturating_add(1) as u32;
            bins = Some(Bins { map, records: reader.grid(&group, facts, (count, 1))? });
        }
        let mut special = BTreeMap::new();
        let parent = reader.group(&galaxy, "special_pixels")?;
        for kind in Special::ALL {
            let group = reader.group(&parent, kind.name())?;
            let datasets = group.datasets().map_err(|e| reader.hdf5(kind.name(), e))?;
            if !datasets.iter().any(|d| d == "names") {
                continue;
            }
            let names = reader.dataset(&group, "names")?.read_string().map_err(|e| reader.hdf5("names", e))?;
            let mut records = reader.grid(&group, facts, (names.len() as u32, 1))?;
            for record in &mut records {
                if let Some(name) = names.get(record.x as usize) {
                    record.observation.name.clone_from(name);
                }
            }
            special.insert(kind, records);
        }
        let crowd = reader.crowd(&galaxy)?;
        (result.pixels, result.bins, result.special, result.crowd) = (pixels, bins, special, Some(crowd));
        Ok(result)
    }
}

struct Reader<'a> {
    path: &'a Path,
}

/// A table of rows.
struct Table {
    data: Vec<u8>,
    row: usize,
}

impl Table {
    fn row(&self, k: usize) -> &[u8] {
        self.data.get(k * self.row..(k + 1) * self.row).unwrap_or_default()
    }
}

impl Reader<'_> {
    fn hdf5(&self, what: &str, source: hdf5_pure::Error) -> ResultError {
        ResultError::Hdf5 { path: self.path.to_owned(), what: what.to_owned(), source: Box::new(source) }
    }

    fn attributes(&self, group: &Group, what: &str) -> Result<HashMap<String, AttrValue>, ResultError> {
        group.attrs().map_err(|e| self.hdf5(what, e))
    }

    fn group(&self, parent: &Group, name: &str) -> Result<Group, ResultError> {
        parent.group(name).map_err(|e| self.hdf5(name, e))
    }

    fn dataset(&self, parent: &Group, name: &str) -> Result<Dataset, ResultError> {
        parent.dataset(name).map_err(|e| self.hdf5(name, e))
    }

    /// Checks a dataset's shape, and that it is not larger than memory.
    fn shape(&self, dataset: &Dataset, name: &str, wanted: &[u64]) -> Result<(), ResultError> {
        let shape = dataset.shape().map_err(|e| self.hdf5(name, e))?;
        if shape != wanted {
            return Err(ResultError::layout(self.path, name, format!("has the shape {shape:?} instead of {wanted:?}")));
        }
        let element = dataset.element_size().map_err(|e| self.hdf5(name, e))?;
        let bytes = shape.iter().try_fold(element, |b, n| b.checked_mul(*n));
        if bytes.is_none_or(|b| b > MOST_BYTES) {
            return Err(ResultError::layout(self.path, name, "is larger than this program reads"));
        }
        Ok(())
    }

    fn rows(&self, group: &Group, name: &str, row: Row, shape: &[u64]) -> Result<Table, ResultError> {
        let dataset = self.dataset(group, name)?;
        self.shape(&dataset, name, shape)?;
        self.rows_of(&dataset, name, row)
    }

    fn rows_of(&self, dataset: &Dataset, name: &str, row: Row) -> Result<Table, ResultError> {
        let found = dataset.datatype().map_err(|e| self.hdf5(name, e))?;
        if !datatype(row).is_ok_and(|wanted| wanted == found) {
            return Err(ResultError::layout(self.path, name, "has rows of another make"));
        }
        let data = dataset.read_raw().map_err(|e| self.hdf5(name, e))?;
        Ok(Table { data, row: row_bytes(row) })
    }

    fn facts(&self, galaxy: &Group) -> Result<Facts, ResultError> {
        let attributes = self.attributes(galaxy, "galaxy")?;
        let fault = |name: &str, problem: &str| ResultError::layout(self.path, &format!("galaxy/{name}"), problem);
        let string = |name: &str| {
            let value = attributes.get(name).and_then(AttrValue::as_str);
            value.map(str::to_owned).ok_or_else(|| fault(name, "is missing or no text"))
        };
        let side = |name: &str| {
            let value = attributes.get(name).and_then(AttrValue::as_i64).filter(|v| (1..=LONGEST).contains(v));
            value.map(|v| v as u32).ok_or_else(|| fault(name, "is missing or no number from 1 to 65536"))
        };
        let names = attributes.get("parameters").and_then(AttrValue::as_strings);
        let names = names.ok_or_else(|| fault("parameters", "is missing or no list of names"))?;
        let known = |name: &String| Parameter::all().find(|p| p.name() == name);
        let parameters: Option<Vec<Parameter>> = names.iter().map(known).collect();
        let parameters = parameters.ok_or_else(|| fault("parameters", "names an unknown parameter"))?;
        let header = self.dataset(galaxy, "fits_header")?.read_string().map_err(|e| self.hdf5("fits_header", e))?;
        let header = Header::from_text(&header.join("\n")).map_err(|e| fault("fits_header", &e.to_string()))?;
        let options = serde_json::from_str(&string("options")?).map_err(|e| fault("options", &e.to_string()))?;
        Ok(Facts {
            galaxy: string("name")?,
            redshift: attributes.get("redshift").and_then(AttrValue::as_f64).unwrap_or(f64::NAN),
            width: side("dimension_x")?,
            height: side("dimension_y")?,
            header,
            bands: self.bands(galaxy)?,
            parameters,
            library: string("library")?,
            cube: string("cube")?,
            options,
        })
    }

    /// Areas and those who fitted them: nobody is named in files of one place.
    fn crowd(&self, galaxy: &Group) -> Result<Crowd, ResultError> {
        let there = galaxy.datasets().map_err(|e| self.hdf5("galaxy", e))?;
        let people = if there.iter().any(|name| name == "user") { self.people(galaxy)? } else { BTreeMap::new() };
        let table = |name: &str, row: Row| {
            let dataset = self.dataset(galaxy, name)?;
            self.rows_of(&dataset, name, row)
        };
        let (area, pairs) = (table("area", AREA)?, table("area_user", AREA_USER)?);
        let mut users: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
        for k in 0..pairs.data.len() / pairs.row {
            let mut row = RowReader::new(pairs.row(k));
            users.entry(row.i64()).or_default().push(row.i64());
        }
        let areas = (0..area.data.len() / area.row).map(|k| {
            let mut row = RowReader::new(area.row(k));
            let number = row.i64();
            let mut corner = || u32::try_from(row.i64()).unwrap_or(u32::MAX);
            let (first, last) = ((corner(), corner()), (corner(), corner()));
            let users = users.remove(&number).unwrap_or_default();
            Area { number: u32::try_from(number).unwrap_or(0), first, last, users }
        });
        Ok(Crowd { areas: areas.collect(), users: people })
    }

    /// People by number.
    fn people(&self, galaxy: &Group) -> Result<BTreeMap<i64, String>, ResultError> {
        let dataset = self.dataset(galaxy, "user")?;
        let names = dataset.read_string().map_err(|e| self.hdf5("user", e))?;
        let attributes = dataset.attrs().map_err(|e| self.hdf5("user", e))?;
        let numbers = attributes.get("userid").and_then(AttrValue::to_i64s).unwrap_or_default();
        if numbers.len() != names.len() {
            return Err(ResultError::layout(self.path, "user", "lacks a number for each name"));
        }
        Ok(numbers.into_iter().zip(names).collect())
    }

    fn bands(&self, galaxy: &Group) -> Result<Vec<Band>, ResultError> {
        let what = "image_filters";
        let dataset = self.dataset(galaxy, what)?;
        let names = dataset.read_string().map_err(|e| self.hdf5(what, e))?;
        let attributes = dataset.attrs().map_err(|e| self.hdf5(what, e))?;
        let wavelengths = attributes.get("wavelength_um").and_then(AttrValue::to_f64s).unwrap_or_default();
        let ids = attributes.get("filter_id").and_then(AttrValue::to_i64s).unwrap_or_default();
        if wavelengths.len() != names.len() || ids.len() != names.len() {
            return Err(ResultError::layout(self.path, what, "lacks a wavelength or a number for each filter"));
        }
        let together = names.into_iter().zip(wavelengths).zip(ids);
        Ok(together
            .map(|((name, wavelength_um), id)| Band { name, wavelength_um, id: u32::try_from(id).unwrap_or(0) })
            .collect())
    }

    /// All records of a grid, by rows.
    fn grid(&self, group: &Group, facts: &Facts, size: (u32, u32)) -> Result<Vec<PixelRecord>, ResultError> {
        let mut records = Vec::new();
        let mut histograms = Histograms { reader: self, group, held: None };
        let blocks = |n: u32| (n as usize).div_ceil(BLOCK);
        for by in 0..blocks(size.1) {
            for bx in 0..blocks(size.0) {
                self.block(group, facts, size, (bx, by), &mut histograms, &mut records)?;
            }
        }
        records.sort_by_key(|r| (r.y, r.x));
        Ok(records)
    }

    fn block(
        &self,
        group: &Group,
        facts: &Facts,
        (width, height): (u32, u32),
        (bx, by): (usize, usize),
        histograms: &mut Histograms<'_>,
        records: &mut Vec<PixelRecord>,
    ) -> Result<(), ResultError> {
        let (nx, ny) = ((width as usize - bx * BLOCK).min(BLOCK), (height as usize - by * BLOCK).min(BLOCK));
        let name = |table: &str| format!("{table}_{bx}_{by}");
        let shape = |inner: &[usize]| [nx, ny].iter().chain(inner).map(|n| *n as u64).collect::<Vec<u64>>();
        let details = self.rows(group, &name("pixel_details"), DETAILS, &shape(&[]))?;
        let posterior = self.rows(group, &name("pixel_posterior"), POSTERIOR, &shape(&[]))?;
        let nbands = facts.bands.len();
        let bands_shape = if nbands == 1 { shape(&[]) } else { shape(&[nbands]) };
        let filters = self.rows(group, &name("pixel_filters"), FILTERS, &bands_shape)?;
        let begin = records.len();
        for x in 0..nx {
            for y in 0..ny {
                let place = x * ny + y;
                let Some(mut fit) = from_rows(details.row(place), posterior.row(place)) else { continue };
                let (x, y) = ((bx * BLOCK + x) as u32, (by * BLOCK + y) as u32);
                let (measured, model): (Vec<_>, Vec<_>) =
                    (0..nbands).map(|b| from_band(filters.row(place * nbands + b))).unzip();
                fit.best.model_jy = model;
                let observation = observation(facts, (x, y), measured);
                records.push(PixelRecord { x, y, observation, fit, draws: None, redshift: None });
            }
        }
        // Each pixel's place in the block, for the tables that follow.
        let place = |r: &PixelRecord| (r.x as usize - bx * BLOCK) * ny + (r.y as usize - by * BLOCK);
        let new = &mut records[begin..];
        new.sort_by_key(|r| (r.y, r.x));
        let all = facts.parameters.len();
        for (prefix, images, from, to) in [("pixel", "pixels", 0, PAPER.min(all)), ("history", "history", PAPER, all)] {
            if from >= to {
                continue;
            }
            let count = to - from;
            let dataset = self.dataset(group, &name(images))?;
            self.shape(&dataset, &name(images), &shape(&[count, IMAGES.len()]))?;
            let planes = dataset.read_f32().map_err(|e| self.hdf5(&name(images), e))?;
            let inner = if count == 1 { shape(&[]) } else { shape(&[count]) };
            let ranges = self.rows(group, &name(&format!("{prefix}_parameters")), PARAMETERS, &inner)?;
            let grid = self.rows(group, &name(&format!("{prefix}_histograms_grid")), HISTOGRAM_GRID, &inner)?;
            for record in new.iter_mut() {
                let at = place(record) * count;
                for (k, parameter) in facts.parameters[from..to].iter().enumerate() {
                    let seven = planes.get((at + k) * IMAGES.len()..).and_then(|p| p.first_chunk::<7>());
                    let mut range = RowReader::new(ranges.row(at + k));
                    let (first, _last, step) = (range.f64(), range.f64(), range.f64());
                    let seven = seven.copied().unwrap_or([f32::NAN; 7]);
                    let (mut marginal, best) = from_planes(*parameter, seven, first, step);
                    marginal.histogram = histograms.get(grid.row(at + k), first, step)?;
                    record.fit.marginals.push(marginal);
                    record.fit.best.values.push(best);
                }
            }
        }
        self.draws(group, facts, &name, (nx, ny), new, place)?;
        self.redshifts(group, &name("pixel_redshift_posterior"), (nx, ny), new, place)
    }

    /// Posteriors of redshifts, where the file has them.
    fn redshifts(
        &self,
        group: &Group,
        name: &str,
        (nx, ny): (usize, usize),
        records: &mut [PixelRecord],
        place: impl Fn(&PixelRecord) -> usize,
    ) -> Result<(), ResultError> {
        if !group.datasets().map_err(|e| self.hdf5("the grid", e))?.iter().any(|d| d == name) {
            return Ok(());
        }
        let dataset = self.dataset(group, name)?;
        let attributes = dataset.attrs().map_err(|e| self.hdf5(name, e))?;
        let grid = match attributes.get("redshifts") {
            Some(AttrValue::F64Array(grid)) => grid.clone(),
            Some(AttrValue::F64(z)) => vec![*z],
            _ => return Err(ResultError::layout(self.path, name, "lacks the attribute redshifts")),
        };
        let n = grid.len();
        self.shape(&dataset, name, &[nx as u64, ny as u64, n as u64])?;
        let values = dataset.read_f64().map_err(|e| self.hdf5(name, e))?;
        for record in records.iter_mut() {
            let own = values.get(place(record) * n..(place(record) + 1) * n).unwrap_or_default();
            if own.iter().all(|p| p.is_finite()) && !own.is_empty() {
                let grid = grid.iter().copied().zip(own.iter().copied()).collect();
                record.redshift = Some(RedshiftPosterior { grid });
            }
        }
        Ok(())
    }

    /// Draws and covariances, where the file has them.
    fn draws(
        &self,
        group: &Group,
        facts: &Facts,
        name: &dyn Fn(&str) -> String,
        (nx, ny): (usize, usize),
        records: &mut [PixelRecord],
        place: impl Fn(&PixelRecord) -> usize,
    ) -> Result<(), ResultError> {
        let n = facts.parameters.len();
        let datasets = group.datasets().map_err(|e| self.hdf5("the grid", e))?;
        let (samples, covariance) = (name("pixel_samples"), name("pixel_covariance"));
        if datasets.contains(&samples) {
            let dataset = self.dataset(group, &samples)?;
            let most = dataset.shape().map_err(|e| self.hdf5(&samples, e))?.get(2).copied().unwrap_or(0);
            self.shape(&dataset, &samples, &[nx as u64, ny as u64, most, n as u64])?;
            let values = dataset.read_f32().map_err(|e| self.hdf5(&samples, e))?;
            let stride = most as usize * n;
            for record in records.iter_mut() {
                let at = place(record) * stride;
                let own = values.get(at..at + stride).unwrap_or_default();
                let whole = own.chunks_exact(n.max(1)).take_while(|draw| !draw.iter().all(|v| v.is_nan())).count();
                if whole > 0 {
                    record.draws = Some(Draws { values: own[..whole * n].to_vec(), covariance: Vec::new() });
                }
            }
        }
        if datasets.contains(&covariance) {
            let dataset = self.dataset(group, &covariance)?;
            self.shape(&dataset, &covariance, &[nx as u64, ny as u64, n as u64, n as u64])?;
            let values = dataset.read_f64().map_err(|e| self.hdf5(&covariance, e))?;
            for record in records.iter_mut() {
                let at = place(record) * n * n;
                let own = values.get(at..at + n * n).unwrap_or_default();
                if !own.iter().all(|v| v.is_nan()) {
                    let draws = record.draws.get_or_insert(Draws { values: Vec::new(), covariance: Vec::new() });
                    draws.covariance = own.to_vec();
                }
            }
        }
        Ok(())
    }
}

/// The blocks of histogram bins; the one that was asked for last is held.
struct Histograms<'a> {
    reader: &'a Reader<'a>,
    group: &'a Group,
    held: Option<(i32, Table)>,
}

impl Histograms<'_> {
    /// The histogram that a row of the grid points to.
    fn get(&mut self, place: &[u8], first: f64, step: f64) -> Result<Vec<f64>, ResultError> {
        let mut row = RowReader::new(place);
        let (number, index, length) = (row.i32(), i64::from(row.i32()), i64::from(row.i32()));
        if number <= 0 || length <= 0 {
            return Ok(Vec::new());
        }
        let name = format!("histogram_blocks/block_{number}");
        if self.held.as_ref().is_none_or(|(held, _)| *held != number) {
            let dataset = self.reader.dataset(self.group, &name)?;
            let shape = dataset.shape().map_err(|e| self.reader.hdf5(&name, e))?;
            self.reader.shape(&dataset, &name, &shape)?;
            self.held = Some((number, self.reader.rows_of(&dataset, &name, HISTOGRAM)?));
        }
        let fault = |problem: &str| ResultError::layout(self.reader.path, &name, problem);
        let table = self.held.as_ref().map(|(_, table)| table).ok_or_else(|| fault("is missing"))?;
        let rows = (table.data.len() / table.row.max(1)) as i64;
        if index < 0 || length > rows || index > rows - length {
            return Err(fault("ends before the histograms that stand in it"));
        }
        let bin = |k: i64| {
            let mut row = RowReader::new(table.row(k as usize));
            (row.f64(), row.f64())
        };
        let bins: Vec<(f64, f64)> = (index..index + length).map(bin).collect();
        from_bins(first, step, &bins).ok_or_else(|| fault("holds bins that are not on the grid of their parameter"))
    }
}
