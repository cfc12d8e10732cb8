//! Pictures of a galaxy while its areas come in.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use pogson_cube::maps::colours;
use pogson_cube::result::ResultFile;
use pogson_sed::parameter::Parameter;
use pogson_view::{Bound, Limits, Render, Rgb, Stretch};

use crate::error::SiteError;
use crate::galaxy::Galaxy;
use crate::objects::write_whole;

/// The parameters whose medians are shown.
pub const MAPS: [Parameter; 8] = [
    Parameter::StellarMass,
    Parameter::Sfr,
    Parameter::SpecificSfr,
    Parameter::DustLuminosity,
    Parameter::DustMass,
    Parameter::TauV,
    Parameter::FMuStars,
    Parameter::ColdTemperature,
];
/// Least side of a picture, pixels.
const SIDE: usize = 256;

/// A galaxy's maps: medians of single precision in a file, pixel by pixel for each of [`MAPS`], and a picture of each.
pub(crate) struct Maps {
    folder: PathBuf,
    width: usize,
    height: usize,
}

impl Maps {
    pub(crate) fn of(dir: &Path, galaxy: &Galaxy) -> Maps {
        let folder = galaxy.folder(dir).join("maps");
        Maps { folder, width: galaxy.size.0 as usize, height: galaxy.size.1 as usize }
    }

    fn values(&self) -> PathBuf {
        self.folder.join("medians.f32")
    }

    /// The pictures, by parameter.
    pub(crate) fn pictures(&self) -> Vec<(Parameter, PathBuf)> {
        MAPS.iter().map(|parameter| (*parameter, self.folder.join(format!("{}.png", parameter.name())))).collect()
    }

    /// Writes the medians of some fits, and brings them to the disk.
    pub(crate) fn put(&self, part: &ResultFile) -> Result<(), SiteError> {
        let path = self.values();
        let pixels = self.width * self.height;
        if !path.exists() {
            let empty: Vec<u8> = (0..pixels * MAPS.len()).flat_map(|_| f32::NAN.to_le_bytes()).collect();
            write_whole(&path, &empty)?;
        }
        let places: Vec<Option<usize>> = MAPS.iter().map(|parameter| part.parameter_index(*parameter)).collect();
        let mut values: Vec<(usize, f32)> = Vec::new();
        let mut note = |pixel: usize, record: &pogson_cube::result::PixelRecord| {
            for (map, place) in places.iter().enumerate() {
                if let Some(marginal) = place.and_then(|place| record.fit.marginals.get(place)) {
                    values.push((map * pixels + pixel, marginal.median() as f32));
                }
            }
        };
        for record in &part.pixels {
            note(record.y as usize * self.width + record.x as usize, record);
        }
        if let Some(bins) = &part.bins {
            for record in &bins.records {
                let own = bins.map.iter().enumerate().filter(|(_, bin)| i64::from(**bin) == i64::from(record.x));
                own.for_each(|(pixel, _)| note(pixel, record));
            }
        }
        let write = || {
            let mut file = File::options().write(true).open(&path)?;
            for (place, value) in values {
                file.seek(SeekFrom::Start(4 * place as u64))?;
                file.write_all(&value.to_le_bytes())?;
            }
            file.sync_data()
        };
        write().map_err(SiteError::io(&path, "write the medians"))
    }

    /// The medians of each map, row by row from the bottom; NaN where none has come in.
    pub(crate) fn read(&self) -> Result<Vec<Vec<f32>>, SiteError> {
        let path = self.values();
        let pixels = self.width * self.height;
        let mut bytes = Vec::new();
        match File::open(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            opened => {
                let read = opened.and_then(|mut file| file.read_to_end(&mut bytes));
                read.map_err(SiteError::io(&path, "read the medians"))?;
            }
        }
        let mut values: Vec<f32> = bytes.as_chunks().0.iter().map(|&b| f32::from_le_bytes(b)).collect();
        values.resize(pixels * MAPS.len(), f32::NAN);
        Ok(values.chunks(pixels.max(1)).map(<[f32]>::to_vec).collect())
    }

    /// Draws all maps anew.
    pub(crate) fn draw(&self) -> Result<(), SiteError> {
        let times = SIDE.div_ceil(self.width.max(self.height).max(1)).max(1);
        for ((parameter, path), map) in self.pictures().into_iter().zip(self.read()?) {
            let limits: Limits = Limits::Bounds(Bound::Percentile(1.0), Bound::Percentile(99.0));
            let (low, high) = match limits.find(&map) {
                (low, high) if low < high => (low, high),
                (low, _) if low.is_finite() => (low - 0.5, low + 0.5),
                _ => (0.0, 1.0),
            };
            let limits = Limits::Bounds(Bound::Value(low), Bound::Value(high));
            let nan = Rgb::hex(0x3c_444c);
            let render =
                Render { stretch: Stretch::Linear, limits, colormap: colours(parameter), inverted: false, nan };
            let large: Vec<f32> = (0..self.height * times)
                .flat_map(|y| (0..self.width * times).map(move |x| (x / times, y / times)))
                .map(|(x, y)| map[y * self.width + x])
                .collect();
            let picture = render.picture(&large, self.width * times);
            write_whole(&path, &pogson_view::png::encode(&picture)?)?;
        }
        Ok(())
    }

    /// Draws all maps anew if medians have come in since.
    pub(crate) fn refresh(&self) -> Result<(), SiteError> {
        let changed = |path: &Path| fs::metadata(path).and_then(|known| known.modified()).ok();
        let Some(values) = changed(&self.values()) else { return Ok(()) };
        let stale = self.pictures().iter().any(|(_, path)| changed(path).is_none_or(|drawn| drawn < values));
        if stale { self.draw() } else { Ok(()) }
    }
}
