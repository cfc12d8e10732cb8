//! Writing the HDF5 file.

use std::collections::BTreeSet;
use std::io::{BufWriter, Write};
use std::path::Path;

use hdf5_pure::{AttrValue, FileBuilder, FormatError, GroupBuilder};
use pogson_image::fits::output::Output;

use super::areas::Lookup;
use super::error::ResultError;
use super::grid::{check, id_of, planes, put_band, put_details, put_posterior};
use super::histogram::bins;
use super::layout::{
    BLOCK, CHUNK, DETAILS, FILTERS, FORMAT, HISTOGRAM, HISTOGRAM_BLOCK, HISTOGRAM_GRID, IMAGES, PAPER, PARAMETERS,
    POSTERIOR, Row, RowWriter, VERSION, datatype, row_bytes,
};
use super::{Facts, PixelRecord, ResultFile, Special};

/// How hard deflate tries, of 9.
const DEFLATE: u32 = 6;

impl ResultFile {
    /// Writes the file; it has its name only when it is whole. The same contents give the same bytes, in whatever order
    /// pixels came.
    ///
    /// Tables of blocks of 1024 x 1024 pixels hold the frame, undefined where nothing was fitted, and are put together
    /// in memory.
    ///
    /// # Errors
    /// [`ResultError::Record`] for a record that does not fit the facts or a place filled twice; [`ResultError::Output`]
    /// if the file exists and `overwrite` is false, or cannot be written.
    pub fn write(&self, path: &Path, overwrite: bool) -> Result<(), ResultError> {
        let output = Output::create(path, overwrite)?;
        let builder = self.assemble(path)?;
        let fail = |source: hdf5_pure::Error| ResultError::Assemble { path: path.to_owned(), source: Box::new(source) };
        let mut writer = BufWriter::with_capacity(1 << 20, output.file());
        builder.finish_to(&mut writer).map_err(fail)?;
        writer.flush().map_err(|e| ResultError::io(path, "write the file", e))?;
        drop(writer);
        Ok(output.finish()?)
    }

    fn assemble(&self, path: &Path) -> Result<FileBuilder, ResultError> {
        let facts = &self.facts;
        let fail = |e: FormatError| ResultError::Assemble { path: path.to_owned(), source: Box::new(e.into()) };
        let mut file = FileBuilder::new();
        file.set_attr("format", text(FORMAT));
        file.set_attr("format_version", AttrValue::I64(VERSION));
        file.set_attr("creator", text(concat!("pogson ", env!("CARGO_PKG_VERSION"))));
        let mut galaxy = file.create_group("galaxy");
        self.galaxy_attributes(&mut galaxy);
        tables_of_galaxy(&mut galaxy, facts).map_err(fail)?;
        let areas = self.areas();
        self.tables_of_areas(&areas, &mut galaxy).map_err(fail)?;
        let lookup = Lookup::of(&areas, (facts.width, facts.height));
        let of_sums = lookup.of_sums();

        let mut pixel = galaxy.create_group("pixel");
        pixel.set_attr("dimensions", text("x, y, parameter, image"));
        self.write_grid(path, &mut pixel, &self.pixels, (&lookup, (facts.width, facts.height)))?;
        galaxy.add_group(pixel.finish());

        if let Some(binned) = &self.bins {
            let (w, h) = (u64::from(facts.width), u64::from(facts.height));
            let count = binned.map.iter().copied().max().unwrap_or(-1).max(-1) + 1;
            let mut group = galaxy.create_group("bin");
            group
                .create_dataset("map")
                .with_i32_data(&binned.map)
                .with_shape(&[h, w])
                .with_chunks(&[h.clamp(1, 256), w.clamp(1, 256)])
                .with_shuffle()
                .with_deflate(DEFLATE)
                .set_attr("dimensions", text("y, x"));
            self.write_grid(path, &mut group, &binned.records, (&of_sums, (count as u32, 1)))?;
            galaxy.add_group(group.finish());
        }

        let mut special = galaxy.create_group("special_pixels");
        for kind in Special::ALL {
            let records = self.special.get(&kind).map_or(&[][..], Vec::as_slice);
            let mut group = special.create_group(kind.name());
            let count = records.iter().map(|r| r.x.saturating_add(1)).max().unwrap_or(0);
            if count > 0 {
                self.write_grid(path, &mut group, records, (&of_sums, (count, 1)))?;
                let mut names = vec![""; count as usize];
                records.iter().for_each(|r| names[r.x as usize] = &r.observation.name);
                group.create_dataset("names").with_vlen_strings(&names);
            }
            special.add_group(group.finish());
        }
        galaxy.add_group(special.finish());
        file.add_group(galaxy.finish());
        Ok(file)
    }

    /// The tables of some records, after a look at whether they are fit for it.
    fn write_grid(
        &self,
        path: &Path,
        group: &mut GroupBuilder,
        records: &[PixelRecord],
        (areas, size): (&Lookup, (u32, u32)),
    ) -> Result<(), ResultError> {
        let mut places = BTreeSet::new();
        for record in records {
            check(record, &self.facts, size)?;
            let grid =
                |r: &PixelRecord| r.redshift.as_ref().map(|z| z.grid.iter().map(|(z, _)| *z).collect::<Vec<f64>>());
            if let Some((first, own)) = records.iter().find_map(grid).zip(grid(record))
                && first != own
            {
                let problem =
                    "has its redshift on another grid than the first; fit all pixels with one grid".to_owned();
                return Err(ResultError::Record { x: record.x, y: record.y, problem });
            }
            if !places.insert((record.y, record.x)) {
                let problem = "is there twice; give each pixel once".to_owned();
                return Err(ResultError::Record { x: record.x, y: record.y, problem });
            }
        }
        let mut sorted: Vec<&PixelRecord> = records.iter().collect();
        sorted.sort_by_key(|r| (r.y, r.x));
        let done = Grid { facts: &self.facts, areas, size, records: sorted }.write(group);
        done.map_err(|e| ResultError::Assemble { path: path.to_owned(), source: Box::new(e.into()) })
    }

    fn galaxy_attributes(&self, group: &mut GroupBuilder) {
        let facts = &self.facts;
        let strings = |v: Vec<&str>| AttrValue::VarLenStringArray(v.into_iter().map(str::to_owned).collect());
        group.set_attr("name", text(&facts.galaxy));
        group.set_attr("galaxy_id", AttrValue::I64(1));
        group.set_attr("run_id", AttrValue::I64(1));
        group.set_attr("redshift", AttrValue::F64(facts.redshift));
        group.set_attr("dimension_x", AttrValue::I64(i64::from(facts.width)));
        group.set_attr("dimension_y", AttrValue::I64(i64::from(facts.height)));
        group.set_attr("dimension_z", AttrValue::I64(facts.bands.len() as i64));
        for (name, key) in [("ra_cent", "CRVAL1"), ("dec_cent", "CRVAL2")] {
            if let Some(v) = facts.header.f64(key) {
                group.set_attr(name, AttrValue::F64(v));
            }
        }
        group.set_attr("pixel_count", AttrValue::I64(self.pixels.len() as i64));
        group.set_attr("pixels_processed", AttrValue::I64(self.pixels.len() as i64));
        group.set_attr("parameters", strings(facts.parameters.iter().map(|p| p.name()).collect()));
        group.set_attr("parameter_units", strings(facts.parameters.iter().map(|p| p.unit()).collect()));
        let logarithmic = facts.parameters.iter().map(|p| u8::from(p.is_logarithmic())).collect();
        group.set_attr("parameter_is_log10", AttrValue::U8Array(logarithmic));
        group.set_attr("images", strings(IMAGES.to_vec()));
        group.set_attr("library", text(&facts.library));
        group.set_attr("cube", text(&facts.cube));
        group.set_attr("options", text(&serde_json::json!(facts.options).to_string()));
    }
}

impl Special {
    /// What the file calls it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Special::Integrated => "int_flux",
            Special::Radial => "rad",
        }
    }
}

fn text(value: &str) -> AttrValue {
    AttrValue::VarLenString(value.to_owned())
}

fn tables_of_galaxy(galaxy: &mut GroupBuilder, facts: &Facts) -> Result<(), FormatError> {
    let bytes = facts.header.to_bytes();
    let cards: Vec<String> = bytes.chunks_exact(80).map(|c| String::from_utf8_lossy(c).trim_end().to_owned()).collect();
    let cards: Vec<&str> = cards.iter().map(String::as_str).filter(|c| !c.is_empty()).collect();
    galaxy.create_dataset("fits_header").with_vlen_strings(&cards);
    let names: Vec<&str> = facts.bands.iter().map(|b| b.name.as_str()).collect();
    let filters = galaxy.create_dataset("image_filters").with_vlen_strings(&names);
    filters.set_attr("wavelength_um", AttrValue::F64Array(facts.bands.iter().map(|b| b.wavelength_um).collect()));
    filters.set_attr("filter_id", AttrValue::I64Array(facts.bands.iter().map(|b| i64::from(b.id)).collect()));
    Ok(())
}

/// Records on a grid, in order of place.
struct Grid<'a> {
    facts: &'a Facts,
    areas: &'a Lookup,
    size: (u32, u32),
    records: Vec<&'a PixelRecord>,
}

/// A block of the grid: where it begins and how far it goes.
#[derive(Clone, Copy)]
struct Block {
    number: (usize, usize),
    size: (usize, usize),
}

impl Block {
    /// Place of a record in the block's tables: x first.
    fn place(&self, record: &PixelRecord) -> usize {
        let (x, y) = (record.x as usize - self.number.0 * BLOCK, record.y as usize - self.number.1 * BLOCK);
        x * self.size.1 + y
    }

    fn name(&self, table: &str) -> String {
        format!("{table}_{}_{}", self.number.0, self.number.1)
    }

    fn shape(&self, inner: &[usize]) -> Vec<u64> {
        [self.size.0, self.size.1].iter().chain(inner).map(|n| *n as u64).collect()
    }

    fn chunk(&self, inner: &[usize]) -> Vec<u64> {
        [self.size.0.min(CHUNK), self.size.1.min(CHUNK)].iter().chain(inner).map(|n| (*n).max(1) as u64).collect()
    }
}

impl Grid<'_> {
    fn write(&self, group: &mut GroupBuilder) -> Result<(), FormatError> {
        let (width, height) = (self.size.0 as usize, self.size.1 as usize);
        let mut blocks = HistogramBlocks::default();
        for by in 0..height.div_ceil(BLOCK) {
            for bx in 0..width.div_ceil(BLOCK) {
                let size = ((width - bx * BLOCK).min(BLOCK), (height - by * BLOCK).min(BLOCK));
                let block = Block { number: (bx, by), size };
                let within = |r: &&PixelRecord| (r.x as usize / BLOCK, r.y as usize / BLOCK) == (bx, by);
                let records: Vec<&PixelRecord> = self.records.iter().copied().filter(within).collect();
                self.write_block(group, block, &records, &mut blocks)?;
            }
        }
        blocks.write(group)
    }

    fn write_block(
        &self,
        group: &mut GroupBuilder,
        block: Block,
        records: &[&PixelRecord],
        blocks: &mut HistogramBlocks,
    ) -> Result<(), FormatError> {
        let all = self.facts.parameters.len();
        for (prefix, images, from, to) in [("pixel", "pixels", 0, PAPER.min(all)), ("history", "history", PAPER, all)] {
            if from < to {
                self.parameters(group, block, records, images, from..to);
                histograms(group, block, records, prefix, from..to, blocks)?;
            }
        }
        let redshift = self.facts.redshift;
        rows(group, block, records, "pixel_details", DETAILS, 1, |r, row| {
            put_details(row, (id_of(r.x, r.y, self.size.0), self.areas.number(r.x, r.y)), &r.fit, redshift);
        })?;
        rows(group, block, records, "pixel_posterior", POSTERIOR, 1, |r, row| put_posterior(row, &r.fit))?;
        let bytes = row_bytes(FILTERS);
        rows(group, block, records, "pixel_filters", FILTERS, self.facts.bands.len(), |r, row| {
            for (k, band) in row.chunks_exact_mut(bytes).enumerate() {
                put_band(band, r.observation.bands.get(k), r.fit.best.model_jy.get(k));
            }
        })?;
        self.draws(group, block, records);
        redshifts(group, block, records);
        Ok(())
    }

    /// The seven planes of some parameters.
    fn parameters(
        &self,
        group: &mut GroupBuilder,
        block: Block,
        records: &[&PixelRecord],
        images: &str,
        which: std::ops::Range<usize>,
    ) {
        let inner = [which.len(), IMAGES.len()];
        let stride = inner[0] * inner[1];
        let mut data = vec![f32::NAN; block.size.0 * block.size.1 * stride];
        for record in records {
            let at = block.place(record) * stride;
            for (k, seven) in which.clone().zip(data[at..at + stride].chunks_exact_mut(IMAGES.len())) {
                seven.copy_from_slice(&planes(&record.fit, k));
            }
        }
        group
            .create_dataset(&block.name(images))
            .with_f32_data(&data)
            .with_shape(&block.shape(&inner))
            .with_chunks(&block.chunk(&inner))
            .with_shuffle()
            .with_deflate(DEFLATE);
    }

    /// Draws and covariances, where some record has them.
    fn draws(&self, group: &mut GroupBuilder, block: Block, records: &[&PixelRecord]) {
        let n = self.facts.parameters.len();
        let drawn = records.iter().filter_map(|r| Some((block.place(r), r.draws.as_ref()?)));
        let most = drawn.clone().map(|(_, d)| d.values.len() / n.max(1)).max().unwrap_or(0);
        if most > 0 {
            let inner = [most, n];
            let mut data = vec![f32::NAN; block.size.0 * block.size.1 * most * n];
            for (place, d) in drawn.clone() {
                let at = place * most * n;
                data[at..at + d.values.len()].copy_from_slice(&d.values);
            }
            group
                .create_dataset(&block.name("pixel_samples"))
                .with_f32_data(&data)
                .with_shape(&block.shape(&inner))
                .with_chunks(&[1, block.size.1.min(4) as u64, most as u64, n as u64])
                .with_shuffle()
                .with_deflate(DEFLATE);
        }
        if drawn.clone().any(|(_, d)| !d.covariance.is_empty()) {
            let inner = [n, n];
            let mut data = vec![f64::NAN; block.size.0 * block.size.1 * n * n];
            for (place, d) in drawn.filter(|(_, d)| d.covariance.len() == n * n) {
                data[place * n * n..(place + 1) * n * n].copy_from_slice(&d.covariance);
            }
            group
                .create_dataset(&block.name("pixel_covariance"))
                .with_f64_data(&data)
                .with_shape(&block.shape(&inner))
                .with_chunks(&[block.size.0.min(8) as u64, block.size.1.min(8) as u64, n as u64, n as u64])
                .with_shuffle()
                .with_deflate(DEFLATE);
        }
    }
}

/// Redshifts that were found: best, mean and standard deviation, and the probability of each redshift of the grid, which is an
/// attribute.
fn redshifts(group: &mut GroupBuilder, block: Block, records: &[&PixelRecord]) {
    let found = || records.iter().filter_map(|r| Some((block.place(r), r.redshift.as_ref()?)));
    let Some((_, first)) = found().next() else { return };
    let (places, n) = (block.size.0 * block.size.1, first.grid.len());
    let (mut three, mut posterior) = (vec![f64::NAN; 3 * places], vec![f64::NAN; n * places]);
    for (place, z) in found() {
        three[3 * place..3 * place + 3].copy_from_slice(&[z.best(), z.mean(), z.sigma()]);
        posterior[n * place..n * (place + 1)].iter_mut().zip(&z.grid).for_each(|(out, (_, p))| *out = *p);
    }
    let dataset = |group: &mut GroupBuilder, name: &str, data: &[f64], inner: usize, key: &str, value: AttrValue| {
        let dataset = group.create_dataset(&block.name(name));
        dataset.with_f64_data(data).with_shape(&block.shape(&[inner])).with_chunks(&block.chunk(&[inner]));
        dataset.with_shuffle().with_deflate(DEFLATE).set_attr(key, value);
    };
    let columns = ["z_best", "z_mean", "z_sigma"].map(str::to_owned).to_vec();
    dataset(group, "pixel_redshift", &three, 3, "columns", AttrValue::VarLenStringArray(columns));
    let grid = AttrValue::F64Array(first.grid.iter().map(|(z, _)| *z).collect());
    dataset(group, "pixel_redshift_posterior", &posterior, n, "redshifts", grid);
}

/// A table of `inner` rows a pixel, filled by `put`; zeros where nothing was fitted.
fn rows(
    group: &mut GroupBuilder,
    block: Block,
    records: &[&PixelRecord],
    table: &str,
    row: Row,
    inner: usize,
    mut put: impl FnMut(&PixelRecord, &mut [u8]),
) -> Result<(), FormatError> {
    let stride = row_bytes(row) * inner;
    let elements = block.size.0 * block.size.1 * inner;
    let mut data = vec![0u8; block.size.0 * block.size.1 * stride];
    for record in records {
        let at = block.place(record) * stride;
        put(record, &mut data[at..at + stride]);
    }
    let inner: &[usize] = if inner == 1 { &[] } else { &[inner] };
    group
        .create_dataset(&block.name(table))
        .with_compound_data(datatype(row)?, data, elements as u64)
        .with_shape(&block.shape(inner))
        .with_chunks(&block.chunk(inner))
        .with_shuffle()
        .with_deflate(DEFLATE);
    Ok(())
}

/// Ranges of the histograms of some parameters, and where their bins stand.
fn histograms(
    group: &mut GroupBuilder,
    block: Block,
    records: &[&PixelRecord],
    prefix: &str,
    which: std::ops::Range<usize>,
    blocks: &mut HistogramBlocks,
) -> Result<(), FormatError> {
    let (ranges, grid) = (format!("{prefix}_parameters"), format!("{prefix}_histograms_grid"));
    let bytes = row_bytes(PARAMETERS);
    rows(group, block, records, &ranges, PARAMETERS, which.len(), |r, row| {
        for (k, cell) in which.clone().zip(row.chunks_exact_mut(bytes)) {
            let m = r.fit.marginals[k].trimmed();
            let last = m.first + m.step * m.histogram.len().saturating_sub(1) as f64;
            RowWriter::new(cell).f64(m.first).f64(last).f64(m.step);
        }
    })?;
    let bytes = row_bytes(HISTOGRAM_GRID);
    rows(group, block, records, &grid, HISTOGRAM_GRID, which.len(), |r, row| {
        for (k, cell) in which.clone().zip(row.chunks_exact_mut(bytes)) {
            let (number, index, length) = blocks.add(bins(&r.fit.marginals[k].trimmed()));
            RowWriter::new(cell).i32(number).i32(index).i32(length);
        }
    })
}

/// Bins of all histograms, in blocks that are numbered from 1; none stands in two.
#[derive(Default)]
struct HistogramBlocks {
    blocks: Vec<Vec<u8>>,
}

impl HistogramBlocks {
    /// Block, index in it, and number of bins.
    fn add(&mut self, bins: impl Iterator<Item = (f64, f64)>) -> (i32, i32, i32) {
        let bytes = row_bytes(HISTOGRAM);
        let mut new = Vec::new();
        for (x, p) in bins {
            new.extend_from_slice(&x.to_le_bytes());
            new.extend_from_slice(&p.to_le_bytes());
        }
        let length = new.len() / bytes;
        if length == 0 {
            return (0, 0, 0);
        }
        if self.blocks.last().is_none_or(|b| b.len() + new.len() > HISTOGRAM_BLOCK * bytes) {
            self.blocks.push(Vec::new());
        }
        let number = self.blocks.len() as i32;
        let index = self.blocks.last_mut().map_or(0, |last| {
            let index = last.len() / bytes;
            last.append(&mut new);
            index
        });
        (number, index as i32, length as i32)
    }

    fn write(self, group: &mut GroupBuilder) -> Result<(), FormatError> {
        let mut blocks = group.create_group("histogram_blocks");
        for (k, data) in self.blocks.into_iter().enumerate() {
            let rows = (data.len() / row_bytes(HISTOGRAM)) as u64;
            blocks
                .create_dataset(&format!("block_{}", k + 1))
                .with_compound_data(datatype(HISTOGRAM)?, data, rows)
                .with_chunks(&[rows.min(16_384)])
                .with_shuffle()
                .with_deflate(DEFLATE);
        }
        group.add_group(blocks.finish());
        Ok(())
    }
}
