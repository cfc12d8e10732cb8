//! A cube from FITS.

use std::path::Path;

use pogson_image::fits::{FitsFile, Header};
use pogson_image::wcs::Wcs;
use pogson_sed::library::Band;

use super::write::LAYOUT;
use super::{Brightness, Cube, Layer};
use crate::correlation::NoiseCorrelation;
use crate::error::CubeError;

/// Pixels beyond which a file is taken for damaged.
const MOST_PIXELS: usize = 1 << 31;

impl Cube {
    /// Reads a cube; a second file of uncertainties is found by SIGFILE, beside the first.
    ///
    /// # Errors
    /// [`CubeError::NotACube`] for files of another kind, or with layers that do not belong together;
    /// [`CubeError::Fits`], [`CubeError::Wcs`].
    pub fn open(path: &Path) -> Result<Cube, CubeError> {
        let file = FitsFile::open(path)?;
        let primary = file.hdu(0)?.header().clone();
        let bad = |problem: String| CubeError::NotACube { path: path.to_owned(), problem };
        if primary.i64("POGCUBE") != Some(LAYOUT) {
            return Err(bad(format!("POGCUBE = {LAYOUT} is not in its primary header; make it by `pogson cube`")));
        }
        let second = match primary.str("SIGFILE").map(str::trim).filter(|name| !name.is_empty()) {
            Some(name) if name.contains('/') => return Err(bad(format!("SIGFILE = '{name}' is no plain file name"))),
            Some(name) => Some(FitsFile::open(&path.with_file_name(name))?),
            None => None,
        };
        let reader = Reader { path, file: &file, sigmas: second.as_ref().unwrap_or(&file), primary: &primary };
        reader.cube()
    }
}

struct Reader<'a> {
    path: &'a Path,
    file: &'a FitsFile,
    sigmas: &'a FitsFile,
    primary: &'a Header,
}

impl Reader<'_> {
    fn bad(&self, problem: impl Into<String>) -> CubeError {
        CubeError::NotACube { path: self.path.to_owned(), problem: problem.into() }
    }

    fn cube(&self) -> Result<Cube, CubeError> {
        let number = |key: &str| self.primary.f64(key).filter(|v| v.is_finite());
        let area = number("PIXAREA").filter(|a| *a > 0.0);
        let area = area.ok_or_else(|| self.bad("PIXAREA is missing or not above 0; make the cube again"))?;
        let first = self.of_kind(self.file, "FLUX").next().ok_or_else(|| self.bad("it has no layer of fluxes"))?;
        let image = self.file.image(first)?;
        let (width, height) = (image.width(), image.height());
        if image.axes().len() != 2 || width == 0 || height == 0 || width.saturating_mul(height) > MOST_PIXELS {
            return Err(self.bad(format!("its layers have axes {:?}", image.axes())));
        }
        let wcs = Wcs::from_hdu(self.file, first);
        let wcs = wcs.map_err(|source| CubeError::Wcs { path: self.path.to_owned(), source })?;
        let mut layers: Vec<Layer> = Vec::new();
        for hdu in self.of_kind(self.file, "FLUX") {
            let layer = self.layer(hdu, (width, height), area)?;
            if layers.iter().any(|other| other.band.name == layer.band.name) {
                return Err(self.bad(format!("band {} is there twice", layer.band.name)));
            }
            layers.push(layer);
        }
        let declared = self.primary.i64("NBANDS").unwrap_or(layers.len() as i64);
        if declared != layers.len() as i64 {
            return Err(self.bad(format!("it has {} layers where NBANDS = {declared}; fetch it again", layers.len())));
        }
        let mask = match self.of_kind(self.file, "MASK").next() {
            Some(hdu) => self.values(self.file, hdu, (width, height))?.iter().map(|v| *v as i32).collect(),
            None => vec![0; width * height],
        };
        let bins = match self.of_kind(self.file, "BINS").next() {
            Some(hdu) => Some(self.values(self.file, hdu, (width, height))?.iter().map(|v| *v as i32 - 1).collect()),
            None => None,
        };
        let history = self.primary.cards().filter(|c| c.key() == "HISTORY").map(|c| c.comment().trim_end().to_owned());
        Ok(Cube {
            name: self.primary.str("OBJECT").unwrap_or_default().to_owned(),
            wcs,
            width,
            height,
            pixel_area_arcsec2: area,
            psf_fwhm_arcsec: number("PSFFWHM"),
            min_bands: self.primary.i64("MINBANDS").and_then(|n| usize::try_from(n).ok()).unwrap_or(1),
            ebv: number("EBV").unwrap_or(0.0),
            redshift: number("REDSHIFT"),
            layers,
            mask,
            bins,
            history: history.collect(),
        })
    }

    /// HDUs of one kind.
    fn of_kind<'b>(&self, file: &'b FitsFile, kind: &'b str) -> impl Iterator<Item = usize> + use<'b> {
        let is = move |k: &usize| file.hdus()[*k].header().str("LAYER").is_some_and(|l| l.trim() == kind);
        (1..file.hdus().len()).filter(is)
    }

    fn layer(&self, hdu: usize, size: (usize, usize), area: f64) -> Result<Layer, CubeError> {
        let header = self.file.hdu(hdu)?.header();
        let number = |key: &str| header.f64(key).filter(|v| v.is_finite());
        let name = header.str("FILTER").unwrap_or_default().trim().to_owned();
        if name.is_empty() {
            return Err(self.bad(format!("its HDU {hdu} has no FILTER")));
        }
        let wavelength = number("WAVELEN").filter(|w| *w > 0.0);
        let wavelength_um = wavelength.ok_or_else(|| self.bad(format!("band {name} has no WAVELEN above 0")))?;
        let unit = match header.str("BUNIT").map(str::trim) {
            Some("Jy/pixel") => Brightness::JyPerPixel,
            Some("Jy/arcsec2") => Brightness::JyPerArcsec2,
            other => {
                let found = other.unwrap_or("absent");
                return Err(self.bad(format!("BUNIT of band {name} is {found}, not Jy/pixel or Jy/arcsec2")));
            }
        };
        let unit = unit.jy_per_pixel(area);
        let matching =
            |file: &FitsFile, k: &usize| file.hdus()[*k].header().str("FILTER").is_some_and(|f| f.trim() == name);
        let sigma = self.of_kind(self.sigmas, "SIGMA").find(|k| matching(self.sigmas, k));
        let sigma = sigma.ok_or_else(|| self.bad(format!("band {name} has no layer of uncertainties")))?;
        let scaled = |mut values: Vec<f32>| {
            if unit != 1.0 {
                values.iter_mut().for_each(|v| *v = (f64::from(*v) * unit) as f32);
            }
            values
        };
        let noise = match self.of_kind(self.file, "NCORR").find(|k| matching(self.file, k)) {
            Some(hdu) => self.correlation(hdu, &name)?,
            None => NoiseCorrelation::none(),
        };
        Ok(Layer {
            flux: scaled(self.values(self.file, hdu, size)?),
            sigma: scaled(self.values(self.sigmas, sigma, size)?),
            floor: number("CALFLOOR").filter(|f| *f >= 0.0).unwrap_or(0.0),
            sky_sigma: number("SKYSIG").filter(|s| *s >= 0.0).unwrap_or(0.0) * unit,
            noise,
            psf_fwhm_arcsec: number("PSFFWHM"),
            extinction_mag: number("AGAL").unwrap_or(0.0),
            source: header.str("SRCFILE").unwrap_or_default().to_owned(),
            band: Band {
                name,
                wavelength_um,
                id: header.i64("FILTERID").and_then(|n| u32::try_from(n).ok()).unwrap_or(0),
            },
        })
    }

    fn values(&self, file: &FitsFile, hdu: usize, size: (usize, usize)) -> Result<Vec<f32>, CubeError> {
        let image = file.image(hdu)?;
        if image.axes() != [size.0, size.1] {
            let (found, wanted) = (image.axes().to_vec(), size);
            return Err(self.bad(format!("HDU {hdu} of {} has axes {found:?}, not {wanted:?}", file.path().display())));
        }
        let mut values = vec![0.0; size.0 * size.1];
        image.read_f32(0, image.rect(), &mut values)?;
        Ok(values)
    }

    fn correlation(&self, hdu: usize, band: &str) -> Result<NoiseCorrelation, CubeError> {
        let image = self.file.image(hdu)?;
        let side = image.width();
        let odd = || self.bad(format!("the noise correlation of band {band} is no square of odd side about a 1"));
        if image.axes() != [side, side] || side % 2 == 0 || side > 4097 {
            return Err(odd());
        }
        let mut rho = vec![0.0; side * side];
        image.read_f32(0, image.rect(), &mut rho)?;
        NoiseCorrelation::new(side / 2, rho).ok_or_else(odd)
    }
}
