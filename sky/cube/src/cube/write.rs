//! A cube into FITS: an extension for each band's flux and another for its uncertainty, in one file or two.

use std::path::Path;

use pogson_image::fits::{Bitpix, FitsWriter, Header, Options, Rect};

use super::{Cube, Layer};
use crate::error::CubeError;

/// Unit of the layers in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Brightness {
    /// Jy in each pixel.
    #[default]
    JyPerPixel,
    /// Jy per square arcsecond.
    JyPerArcsec2,
}

impl Brightness {
    /// As BUNIT has it.
    pub fn unit(self) -> &'static str {
        match self {
            Brightness::JyPerPixel => "Jy/pixel",
            Brightness::JyPerArcsec2 => "Jy/arcsec2",
        }
    }

    /// Jy per pixel of one of these, for pixels of this many square arcseconds.
    pub fn jy_per_pixel(self, pixel_area_arcsec2: f64) -> f64 {
        match self {
            Brightness::JyPerPixel => 1.0,
            Brightness::JyPerArcsec2 => pixel_area_arcsec2,
        }
    }
}

/// How a cube is written.
#[derive(Debug, Clone, Copy, Default)]
pub struct Saving<'a> {
    /// Unit of the layers.
    pub brightness: Brightness,
    /// A second file for the uncertainties; None puts them beside the fluxes.
    pub sigma_file: Option<&'a Path>,
    /// Whether files of these names may be replaced.
    pub overwrite: bool,
}

/// Version of the layout, POGCUBE.
pub(super) const LAYOUT: i64 = 1;

impl Cube {
    /// Writes the cube; files appear whole or not at all.
    ///
    /// # Errors
    /// [`CubeError::Fits`] if a file exists, or cannot be written.
    pub fn save(&self, path: &Path, how: &Saving<'_>) -> Result<(), CubeError> {
        let options = Options { overwrite: how.overwrite, checksum: true };
        let mut file = FitsWriter::create(path, options)?;
        let mut second = how.sigma_file.map(|path| FitsWriter::create(path, options)).transpose()?;
        let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut primary = self.primary(how);
        if let Some(other) = how.sigma_file {
            primary.set("SIGFILE", name(other), "file of the uncertainties, in the same folder");
        }
        file.add_image(&primary, &[], Bitpix::U8)?;
        if let Some(second) = &mut second {
            let mut primary = self.primary(how);
            primary.set("FLUXFILE", name(path), "file of the fluxes, in the same folder");
            second.add_image(&primary, &[], Bitpix::U8)?;
        }
        for layer in &self.layers {
            let header = self.layer_header(layer, how);
            self.put(&mut file, header, layer, "FLUX", &layer.flux, how)?;
        }
        for layer in &self.layers {
            let header = self.layer_header(layer, how);
            self.put(second.as_mut().unwrap_or(&mut file), header, layer, "SIGMA", &layer.sigma, how)?;
        }
        self.put_mask(&mut file)?;
        self.put_bins(&mut file)?;
        for layer in self.layers.iter().filter(|layer| layer.noise.reach() > 0) {
            put_correlation(&mut file, layer)?;
        }
        if let Some(second) = second {
            second.finish()?;
        }
        Ok(file.finish()?)
    }

    fn primary(&self, how: &Saving<'_>) -> Header {
        let mut header = Header::new();
        header.set("POGCUBE", LAYOUT, "layout of this cube");
        if !self.name.is_empty() {
            header.set("OBJECT", self.name.as_str(), "");
        }
        header.set("NBANDS", self.layers.len(), "number of bands");
        header.set("BUNIT", how.brightness.unit(), "unit of fluxes and uncertainties");
        header.set("PIXAREA", self.pixel_area_arcsec2, "[arcsec2] solid angle of a pixel at the middle");
        if let Some(fwhm) = self.psf_fwhm_arcsec {
            header.set("PSFFWHM", fwhm, "[arcsec] FWHM that bands were brought to");
        }
        header.set("MINBANDS", self.min_bands, "bands that a usable pixel needs");
        header.set("EBV", self.ebv, "[mag] Galactic E(B-V) that was corrected for");
        if let Some(redshift) = self.redshift {
            header.set("REDSHIFT", redshift, "");
        }
        for line in &self.history {
            header.push_history(line);
        }
        header
    }

    fn layer_header(&self, layer: &Layer, how: &Saving<'_>) -> Header {
        let mut header = Header::new();
        header.set("FILTER", layer.band.name.as_str(), "");
        header.set("WAVELEN", layer.band.wavelength_um, "[um] effective wavelength");
        header.set("FILTERID", layer.band.id, "MAGPHYS's number of the filter, 0 if none");
        header.set("BUNIT", how.brightness.unit(), "");
        if let Some(fwhm) = layer.psf_fwhm_arcsec {
            header.set("PSFFWHM", fwhm, "[arcsec] FWHM of the point spread function here");
        }
        header.set("AGAL", layer.extinction_mag, "[mag] Galactic extinction that was corrected for");
        header.set("CALFLOOR", layer.floor, "share of the flux in SIGMA, in quadrature");
        let unit = how.brightness.jy_per_pixel(self.pixel_area_arcsec2);
        header.set("SKYSIG", layer.sky_sigma / unit, "std. dev. of the sky level, not in SIGMA");
        header.set("NCORR", layer.noise.area(), "[pixel] correlation area of the noise");
        if !layer.source.is_empty() {
            header.set("SRCFILE", layer.source.as_str(), "");
        }
        self.wcs.write_to(&mut header);
        header
    }

    fn put(
        &self,
        file: &mut FitsWriter,
        mut header: Header,
        layer: &Layer,
        kind: &str,
        values: &[f32],
        how: &Saving<'_>,
    ) -> Result<(), CubeError> {
        let name = match kind {
            "FLUX" => layer.band.name.clone(),
            _ => format!("{}_{kind}", layer.band.name),
        };
        header.set("EXTNAME", name, "");
        header.set("LAYER", kind, "FLUX, or SIGMA: standard deviation");
        let hdu = file.add_image(&header, &[self.width, self.height], Bitpix::F32)?;
        let unit = how.brightness.jy_per_pixel(self.pixel_area_arcsec2);
        if unit == 1.0 {
            return Ok(file.write_rows_f32(hdu, 0, 0, values)?);
        }
        let scaled: Vec<f32> = values.iter().map(|v| (f64::from(*v) / unit) as f32).collect();
        Ok(file.write_rows_f32(hdu, 0, 0, &scaled)?)
    }

    fn put_mask(&self, file: &mut FitsWriter) -> Result<(), CubeError> {
        let mut header = Header::new();
        self.wcs.write_to(&mut header);
        header.set("EXTNAME", "MASK", "");
        header.set("LAYER", "MASK", "0 is usable");
        header.push_comment("Bits: 1 fewer bands than MINBANDS have data, 2 a star, 4 a region that was given,");
        header.push_comment("8 outside the object, 16 another pixel stands for its bin.");
        let hdu = file.add_image(&header, &[self.width, self.height], Bitpix::I32)?;
        let values: Vec<i64> = self.mask.iter().map(|m| i64::from(*m)).collect();
        let rect = Rect { x: 0, y: 0, width: self.width, height: self.height };
        Ok(file.write_rect_i64(hdu, 0, rect, &values)?)
    }
}

impl Cube {
    fn put_bins(&self, file: &mut FitsWriter) -> Result<(), CubeError> {
        let Some(bins) = &self.bins else { return Ok(()) };
        let mut header = Header::new();
        self.wcs.write_to(&mut header);
        header.set("EXTNAME", "BINS", "");
        header.set("LAYER", "BINS", "number of each pixel's bin from 1, 0 for none");
        let hdu = file.add_image(&header, &[self.width, self.height], Bitpix::I32)?;
        let values: Vec<i64> = bins.iter().map(|bin| i64::from(*bin) + 1).collect();
        let rect = Rect { x: 0, y: 0, width: self.width, height: self.height };
        Ok(file.write_rect_i64(hdu, 0, rect, &values)?)
    }
}

fn put_correlation(file: &mut FitsWriter, layer: &Layer) -> Result<(), CubeError> {
    let side = 2 * layer.noise.reach() + 1;
    let mut header = Header::new();
    header.set("EXTNAME", format!("{}_NCORR", layer.band.name), "");
    header.set("LAYER", "NCORR", "correlation of the noise by distance in pixels");
    header.set("FILTER", layer.band.name.as_str(), "");
    for axis in [1, 2] {
        header.set(&format!("CRPIX{axis}"), (layer.noise.reach() + 1) as f64, "distance 0");
    }
    let hdu = file.add_image(&header, &[side, side], Bitpix::F32)?;
    Ok(file.write_rows_f32(hdu, 0, 0, layer.noise.square())?)
}
