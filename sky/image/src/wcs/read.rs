//! World coordinates out of headers.

use super::axes::{CelestialAxes, Keywords, Linear};
use super::distortion::{Distortion, DssPlate, LookupSource};
use super::error::WcsError;
use super::projection::{CODES, Parameters, Projection};
use super::{LinearAxis, Wcs, system};
use crate::fits::{FitsFile, Header, Value};
use crate::sphere::trig::{sincos_deg, vectors_in_place};
use crate::sphere::{Frame, Rotation, SkyCoord};
use std::sync::Arc;

/// A projection as the header has it, with what may move its fiducial point.
struct Drawn {
    projection: Projection,
    native: Option<(f64, f64)>,
    shifted: bool,
    lonpole: Option<f64>,
    latpole: Option<f64>,
}

impl Wcs {
    /// The primary world coordinates of a header, distortion included; look-up tables need [`Wcs::from_hdu`].
    ///
    /// # Errors
    /// See [`WcsError`]: no celestial axes, an unknown projection, a singular matrix, bad parameters or distortion.
    pub fn from_header(header: &Header) -> Result<Wcs, WcsError> {
        Wcs::read(header, None, None)
    }

    /// World coordinates by their letter: `'A'` to `'Z'`, or `' '` for the primary ones.
    ///
    /// # Errors
    /// As [`Wcs::from_header`].
    pub fn from_header_alt(header: &Header, alt: char) -> Result<Wcs, WcsError> {
        Wcs::read(header, Some(alt), None)
    }

    /// World coordinates of an HDU (0 is the primary), with look-up tables from its file.
    ///
    /// # Errors
    /// As [`Wcs::from_header`]; also where there is no such HDU.
    pub fn from_hdu(file: &FitsFile, hdu: usize) -> Result<Wcs, WcsError> {
        let found = file.hdus().get(hdu).ok_or_else(|| {
            let path = file.path().display();
            WcsError::File(format!("{path} has no HDU {hdu}; it has {} of them", file.hdus().len()))
        })?;
        Wcs::read(found.header(), None, Some(&super::lookup::Tables(file)))
    }

    fn read(header: &Header, alt: Option<char>, lookup: Option<&dyn LookupSource>) -> Result<Wcs, WcsError> {
        let keywords = Keywords::new(header, alt);
        let plate = DssPlate::from_header(header).filter(|_| keywords.is_primary());
        let Some(plate) = plate else {
            return Wcs::by_axes(header, &keywords, alt, lookup);
        };
        let plate = Wcs::of_plate(header, plate)?;
        match Wcs::by_axes(header, &keywords, alt, lookup) {
            Ok(mut plain) if !plate.lies_over(&plain) => {
                let text = "the DSS plate solution (PLTRAH, AMDX1 ...) belongs to another image than CTYPE and CRVAL; left out";
                plain.warnings.push(text.into());
                Ok(plain)
            }
            _ => Ok(plate),
        }
    }

    /// Whether the corners and the middle of the image lie within an arc minute of where `other` has them.
    fn lies_over(&self, other: &Wcs) -> bool {
        let (right, top) = (self.naxis.0 as f64, self.naxis.1 as f64);
        [(0.0, 0.0), (right, 0.0), (0.0, top), (right, top), (0.5 * right, 0.5 * top)].into_iter().all(|(x, y)| {
            let there = other.pix_to_sky(x, y).map(|sky| other.frame.convert_one(&self.frame, sky));
            let near = |a: SkyCoord, b: SkyCoord| a.separation_deg(b) < 1.0 / 60.0;
            self.pix_to_sky(x, y).zip(there).is_some_and(|(a, b)| near(a, b))
        })
    }

    /// Coordinates as CTYPE and its companions have them.
    fn by_axes(
        header: &Header,
        keywords: &Keywords<'_>,
        alt: Option<char>,
        lookup: Option<&dyn LookupSource>,
    ) -> Result<Wcs, WcsError> {
        let axes = CelestialAxes::find(keywords)?;
        let (distortion, odd) =
            Distortion::read(header, alt, lookup).map_err(|error| WcsError::Distortion(error.to_string()))?;
        let mut linear = Linear::read(keywords, &axes)?;
        let mut warnings = std::mem::take(&mut linear.warnings);
        warnings.extend(odd.iter().map(ToString::to_string));
        let frame = system::read(keywords, &axes.system, &mut warnings);
        let drawn = drawn(keywords, &axes, linear.crval, distortion.as_ref())?;
        let pixel = axes.pixel_axes();
        let mut wcs = Wcs {
            frame,
            projection: drawn.projection,
            native: drawn.native,
            offset: (0.0, 0.0),
            crval: linear.crval,
            crpix: linear.crpix,
            cd: linear.cd,
            inverse: linear.cd,
            lonpole: 180.0,
            latpole: 90.0,
            rotation: Rotation::IDENTITY,
            naxis: (size(header, pixel[0]), size(header, pixel[1])),
            latitude_first: axes.lat < axes.lon,
            distortion: distortion.map(Arc::new),
            plate: None,
            others: others(keywords, &axes),
            warnings,
        };
        if drawn.shifted {
            wcs.offset = wcs.fiducial_in_plane().ok_or_else(|| wcs.bad_parameters())?;
        }
        wcs.settle(drawn.lonpole, drawn.latpole)?;
        Ok(wcs)
    }

    /// A plate's coordinates; its plane is that of a gnomonic projection about the plate's centre.
    fn of_plate(header: &Header, plate: DssPlate) -> Result<Wcs, WcsError> {
        let naxis = (size(header, 1), size(header, 2));
        let frame = match header.str("RADECSYS").or_else(|| header.str("RADESYS")).map(str::trim) {
            Some("ICRS") => Frame::Icrs,
            _ => Frame::Fk5 { equinox: plate.equinox() },
        };
        let (mut x, mut y) = ([0.0, 1.0, 0.0], [0.0, 0.0, 1.0]);
        plate.forward(&mut x, &mut y);
        let cd = [[x[1] - x[0], x[2] - x[0]], [y[1] - y[0], y[2] - y[0]]];
        let (mut cx, mut cy) = ([0.0], [0.0]);
        plate.inverse(&mut cx, &mut cy);
        let crpix = if cx[0].is_finite() && cy[0].is_finite() { (cx[0], cy[0]) } else { (0.0, 0.0) };
        let mut wcs = Wcs::new(frame, Projection::tan(), plate.centre(), crpix, cd, naxis)?;
        wcs.plate = Some(Arc::new(plate));
        Ok(wcs)
    }

    /// Where the projection draws the point at CRVAL.
    fn fiducial_in_plane(&self) -> Option<(f64, f64)> {
        let (phi, theta) = self.native?;
        let (mut x, mut y, mut z) = ([phi], [theta], [0.0]);
        vectors_in_place(&mut x, &mut y, &mut z);
        self.projection.project(&mut x, &mut y, &mut z);
        (x[0].is_finite() && y[0].is_finite()).then_some((x[0], y[0]))
    }

    fn bad_parameters(&self) -> WcsError {
        bad_parameters(self.projection.code(), self.projection.parameters())
    }
}

fn size(header: &Header, axis: usize) -> usize {
    header.i64(&format!("NAXIS{axis}")).and_then(|n| usize::try_from(n).ok()).unwrap_or(0)
}

fn bad_parameters(code: &str, parameters: &Parameters) -> WcsError {
    let values: Vec<String> = parameters.0.iter().map(|(m, v)| format!("PV_{m} = {v}")).collect();
    let values = if values.is_empty() { "none given".into() } else { values.join(", ") };
    WcsError::BadParameters { code: code.into(), values }
}

/// The projection with PV of both axes, LONPOLE and LATPOLE, and the codes of older conventions.
fn drawn(
    keywords: &Keywords<'_>,
    axes: &CelestialAxes,
    crval: (f64, f64),
    distortion: Option<&Distortion>,
) -> Result<Drawn, WcsError> {
    let mut parameters = Parameters(keywords.parameters(axes.lat));
    let mut lonpole = keywords.number("LONPOLE");
    let mut latpole = keywords.number("LATPOLE");
    let mut native = None;
    let mut shifted = false;
    // PV of TPV, TNX and TAN are no projection parameters.
    let plain = !matches!(axes.code.as_str(), "TAN" | "TPV" | "TNX" | "ZPX");
    let code = match axes.code.as_str() {
        "TAN" | "TPV" | "TNX" => {
            parameters = Parameters::default();
            "TAN"
        }
        "ZPX" => {
            if let Some(coefficients) = distortion.and_then(Distortion::zpn_coefficients) {
                parameters = Parameters::new(coefficients);
            }
            "ZPN"
        }
        "NCP" => {
            // East-west arrays: C&G 2002, section 5.1.5.
            let (s, c) = sincos_deg(crval.1);
            parameters = Parameters::new(&[(1, 0.0), (2, c / s)]);
            "SIN"
        }
        "GLS" => {
            // AIPS: longitudes scale by the cosine of the latitude itself, counted from the reference point.
            parameters = Parameters::default();
            native = Some((0.0, crval.1));
            shifted = true;
            lonpole = Some(0.0);
            latpole = Some(90.0);
            "SFL"
        }
        other => other,
    };
    if !CODES.contains(&code) {
        let keyword = keywords.name(&format!("CTYPE{}", axes.lon));
        let found = keywords.text(&format!("CTYPE{}", axes.lon)).unwrap_or_default();
        return Err(WcsError::UnknownProjection { keyword, found });
    }
    let projection = Projection::new(code, &parameters).ok_or_else(|| bad_parameters(code, &parameters))?;
    let of_longitude = Parameters(if plain || distortion.is_none() { keywords.parameters(axes.lon) } else { vec![] });
    if axes.code != "GLS" {
        let (phi0, theta0) = (of_longitude.get(1), of_longitude.get(2));
        shifted = of_longitude.get(0).is_some_and(|v| v != 0.0);
        if phi0.is_some() || theta0.is_some() {
            native = Some((phi0.unwrap_or(0.0), theta0.unwrap_or(projection.theta0())));
        }
        if native == Some((0.0, projection.theta0())) {
            native = None;
        }
        shifted &= native.is_some();
        lonpole = of_longitude.get(3).or(lonpole);
        latpole = of_longitude.get(4).or(latpole);
    }
    Ok(Drawn { projection, native, shifted, lonpole, latpole })
}

fn others(keywords: &Keywords<'_>, axes: &CelestialAxes) -> Vec<LinearAxis> {
    let celestial = [axes.lon, axes.lat];
    (1..=axes.count)
        .filter(|axis| !celestial.contains(axis))
        .map(|axis| {
            let number = |stem: &str| keywords.number(&format!("{stem}{axis}"));
            let text = |stem: &str| {
                let value = keywords.plain(&keywords.name(&format!("{stem}{axis}")));
                value.and_then(Value::as_str).unwrap_or("").trim().to_string()
            };
            let scale = keywords.number(&format!("CDELT{axis}")).unwrap_or(1.0);
            let pc = keywords.number(&format!("PC{axis}_{axis}")).unwrap_or(1.0);
            LinearAxis {
                axis,
                ctype: text("CTYPE"),
                unit: text("CUNIT"),
                crpix: number("CRPIX").unwrap_or(0.0),
                crval: number("CRVAL").unwrap_or(0.0),
                cdelt: keywords.number(&format!("CD{axis}_{axis}")).unwrap_or(scale * pc),
            }
        })
        .collect()
}
