//! Headers: band, place on the sky and photometric scale of each image.

use std::path::Path;

use pogson_image::fits::{FitsFile, Header};
use pogson_image::unit::{AB_ZERO_JY, Calibration, MagnitudeSystem, PhotometricScale, Quantity, Survey, UnitError};
use pogson_image::wcs::Wcs;
use pogson_sed::library::Band;

use super::spec::{ImageSpec, Uncertainty};
use crate::band::{KNOWN, SurveyBand, named, recognise};
use crate::error::CubeError;

/// An image that is understood but not read.
#[derive(Debug, Clone)]
pub struct Input {
    /// What the user said.
    pub spec: ImageSpec,
    /// Its HDU.
    pub hdu: usize,
    /// Its band.
    pub band: Band,
    /// What is known of the band, if it is one of the surveys'.
    pub known: Option<&'static SurveyBand>,
    /// Its place on the sky.
    pub wcs: Wcs,
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Pixel values to Jy.
    pub scale: PhotometricScale,
    /// Its header.
    pub header: Header,
    /// What was assumed and should be known, a sentence each.
    pub remarks: Vec<String>,
}

/// Reads the headers of all images, and orders them by wavelength.
///
/// # Errors
/// The first fault of an image: no celestial image, an unknown band, a unit or zero point that is missing; a band that two
/// images have.
pub fn open(specs: &[ImageSpec]) -> Result<Vec<Input>, CubeError> {
    if specs.is_empty() {
        return Err(CubeError::Request("no images are given; name at least one FITS file".into()));
    }
    let units = DustPedia::survey(specs)?;
    let mut inputs = specs.iter().map(|spec| open_one(spec, &units)).collect::<Result<Vec<Input>, _>>()?;
    inputs.sort_by(|a, b| a.band.wavelength_um.total_cmp(&b.band.wavelength_um).then(a.band.name.cmp(&b.band.name)));
    for (k, input) in inputs.iter().enumerate() {
        if let Some(other) = inputs[..k].iter().find(|other| other.band.name.eq_ignore_ascii_case(&input.band.name)) {
            let problem = format!(
                "is given twice, by {} and {}; leave one out, make a mosaic of them first, or name one of them by --band FILE=NAME",
                other.spec.path.display(),
                input.spec.path.display()
            );
            return Err(CubeError::band(&input.band.name, problem));
        }
    }
    Ok(inputs)
}

fn open_one(spec: &ImageSpec, units: &DustPedia) -> Result<Input, CubeError> {
    let path = &spec.path;
    let file = FitsFile::open(path)?;
    let (hdu, wcs) = place(&file, spec)?;
    let image = file.image(hdu)?;
    let (width, height) = (image.width(), image.height());
    let header = image.header().clone();
    if image.planes() != 1 {
        return Err(CubeError::image(
            path,
            format!("is a cube of axes {:?}; give one image for each band", image.axes()),
        ));
    }
    if wcs.pixel_side_deg().is_none() {
        return Err(CubeError::image(path, "its middle is off the sky; correct its WCS"));
    }
    let (band, known) = band_of(spec, &header)?;
    let mut remarks = Vec::new();
    let scale = scale_of(spec, &header, known, units, &mut remarks)?;
    let mut spec = spec.clone();
    if spec.uncertainty.is_none() {
        spec.uncertainty = own_uncertainty(&file, hdu, (width, height));
    }
    Ok(Input { spec, hdu, band, known, wcs, width, height, scale, header, remarks })
}

/// The image and its coordinates.
fn place(file: &FitsFile, spec: &ImageSpec) -> Result<(usize, Wcs), CubeError> {
    let bad = |source| CubeError::Wcs { path: spec.path.clone(), source };
    if let Some(hdu) = spec.hdu {
        file.image(hdu)?;
        return Ok((hdu, Wcs::from_hdu(file, hdu).map_err(bad)?));
    }
    let mut fault = None;
    for hdu in (0..file.hdus().len()).filter(|&k| file.hdus()[k].image_dimensions() >= 2) {
        match Wcs::from_hdu(file, hdu) {
            Ok(wcs) => return Ok((hdu, wcs)),
            Err(source) => {
                fault.get_or_insert(bad(source));
            }
        }
    }
    Err(fault.unwrap_or_else(|| CubeError::image(&spec.path, "holds no image; give a FITS image of one band")))
}

/// Uncertainties in an extension of the image's own file, by its name and size.
fn own_uncertainty(file: &FitsFile, image: usize, size: (usize, usize)) -> Option<Uncertainty> {
    let fits = |k: &usize| file.hdus()[*k].axes() == [size.0, size.1];
    (0..file.hdus().len()).filter(|k| *k != image && fits(k)).find_map(|k| {
        let place = std::path::PathBuf::from(format!("[{k}]"));
        match file.hdus()[k].name()?.trim().to_ascii_uppercase().as_str() {
            "ERR" | "ERROR" | "SIGMA" | "RMS" | "UNC" | "UNCERT" | "UNCERTAINTY" | "STDDEV" => {
                Some(Uncertainty::Sigma(place))
            }
            "VAR" | "VARIANCE" => Some(Uncertainty::Variance(place)),
            "IVAR" | "INVVAR" => Some(Uncertainty::Weight(place)),
            _ => None,
        }
    })
}

fn band_of(spec: &ImageSpec, header: &Header) -> Result<(Band, Option<&'static SurveyBand>), CubeError> {
    let known = match &spec.band {
        Some(name) => match named(name) {
            Some(known) => known,
            None => {
                let Some(wavelength_um) = spec.wavelength_um else {
                    let names: Vec<&str> = KNOWN.iter().map(|b| b.name).collect();
                    let problem = format!(
                        "its band {name} is no filter that is known here ({}); correct it, or say its wavelength in a table \
                         (--bands)",
                        names.join(", ")
                    );
                    return Err(CubeError::image(&spec.path, problem));
                };
                return Ok((Band { name: name.clone(), wavelength_um, id: 0 }, None));
            }
        },
        None => match recognise(header, &spec.file_name()) {
            Some((known, _)) => known,
            None => {
                let problem = "its band shows neither in its header nor in its name; say --band FILE=NAME, as SDSS_r";
                return Err(CubeError::image(&spec.path, problem));
            }
        },
    };
    let mut band = known.band();
    if let Some(wavelength_um) = spec.wavelength_um {
        band.wavelength_um = wavelength_um;
    }
    Ok((band, Some(known)))
}

/// The photometric scale: as the user says, else as the header says, with the survey's rules for the band.
fn scale_of(
    spec: &ImageSpec,
    header: &Header,
    known: Option<&'static SurveyBand>,
    units: &DustPedia,
    remarks: &mut Vec<String>,
) -> Result<PhotometricScale, CubeError> {
    let fault = |source| CubeError::Unit { path: spec.path.clone(), source };
    if let Some(zero_point) = spec.zero_point {
        return Ok(PhotometricScale {
            calibration: Calibration::Linear { jy: AB_ZERO_JY * libm::pow(10.0, -0.4 * zero_point) },
            quantity: Quantity::PerPixel,
            system: MagnitudeSystem::Ab,
            survey: None,
            band: String::new(),
            why: format!("AB magnitude {zero_point} of 1, as was said"),
        });
    }
    let mut header = header.clone();
    if let Some(unit) = &spec.unit {
        for key in ["BUNIT", "SIGUNIT", "ZUNITS"] {
            header.remove(key);
        }
        header.set("BUNIT", unit.as_str(), "");
    }
    if Survey::identify(&header).is_none() {
        introduce(&mut header, known);
    }
    match PhotometricScale::from_header(&header) {
        Ok(scale) => Ok(scale),
        Err(source @ (UnitError::NoZeroPoint { .. } | UnitError::BadKeyword { .. }))
            if unit_text(&header).is_empty() && units.vouches_for(&spec.file_name()) =>
        {
            remarks.push(format!(
                "{} has no unit ({source}); it is taken as Jy/pixel, as the other DustPedia maps of its galaxy are",
                spec.file_name()
            ));
            PhotometricScale::from_unit("Jy/pixel", None, None).map_err(fault)
        }
        Err(source) => Err(fault(source)),
    }
}

/// Puts the survey of a band, known by the user or the file's name, into a header that does not show it, so that its rules
/// for counts apply. Physical units need no rules.
fn introduce(header: &mut Header, known: Option<&'static SurveyBand>) {
    let Some(band) = known else { return };
    let unit = unit_text(header).to_ascii_lowercase();
    if unit.contains("jy") {
        return;
    }
    let word = band.name.split('_').nth(1).unwrap_or_default();
    match band.survey() {
        Some(Survey::TwoMass) => {
            header.set("ORIGIN", "2MASS", "");
            header.set("FILTER", word.trim_end_matches('s').to_ascii_lowercase(), "");
        }
        Some(Survey::Wise) => {
            header.set("TELESCOP", "WISE", "");
            header.set("BAND", word.trim_start_matches('W').parse::<i64>().unwrap_or(0), "");
        }
        Some(Survey::Galex) if unit.is_empty() || unit.contains("count") || unit.contains("ct") => {
            header.set("TELESCOP", "GALEX", "");
            header.set("BAND", if word == "FUV" { 2 } else { 1 }, "");
        }
        Some(Survey::Sdss) if unit.contains("magg") => {
            header.set("TELESCOP", "2.5m", "");
            header.set("FILTER", word, "");
        }
        _ => {}
    }
}

fn unit_text(header: &Header) -> String {
    let keys = ["BUNIT", "SIGUNIT", "ZUNITS"];
    keys.iter().filter_map(|key| header.str(key)).map(str::trim).find(|u| !u.is_empty()).unwrap_or_default().to_owned()
}

/// Galaxies of which maps in DustPedia's form are among the images: TARGET_INSTRUMENT_BAND with TARGET and a unit of
/// Jy/pix in the header (Clark et al. 2018, A&A 609, A37). Some of its maps lack the unit, which all have.
struct DustPedia {
    targets: Vec<String>,
}

impl DustPedia {
    fn survey(specs: &[ImageSpec]) -> Result<DustPedia, CubeError> {
        let mut targets = Vec::new();
        for spec in specs {
            if target_of(&spec.file_name()).is_none() {
                continue;
            }
            let file = FitsFile::open(Path::new(&spec.path))?;
            for hdu in file.hdus() {
                let header = hdu.header();
                let target = header.str("TARGET").and_then(|t| t.split_whitespace().next()).unwrap_or_default();
                let unit = header.str("SIGUNIT").unwrap_or_default();
                if !target.is_empty() && unit.trim().starts_with("Jy/pix") && header.contains("MAPDATE") {
                    targets.push(target.to_owned());
                }
            }
        }
        Ok(DustPedia { targets })
    }

    fn vouches_for(&self, file_name: &str) -> bool {
        target_of(file_name).is_some_and(|target| self.targets.iter().any(|t| t == target))
    }
}

/// The first of three words joined by underscores.
fn target_of(file_name: &str) -> Option<&str> {
    let stem = file_name.split('.').next()?;
    let mut words = stem.split('_');
    let target = words.next()?;
    (words.count() == 2).then_some(target)
}
