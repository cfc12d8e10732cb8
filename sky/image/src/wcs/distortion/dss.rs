//! Plates of the Digitized Sky Survey: pixels to standard coordinates by the plate solution in the header.
//!
//! Source: the DSS headers' own formulas as published with the survey (STScI, GSSS image headers; Lasker et al.
//! 1990, AJ 99, 2019), and the DSS translation of Calabretta et al. 2004, draft paper IV.

use super::polynomial::{LANES, Lane, Polynomial};
use super::warp::{Domain, Image, Warp, warp_rows};
use crate::fits::header::Header;

/// The number of plate coefficients in use; those above belong to magnitudes and colours and are zero.
const TERMS: usize = 13;

/// A plate solution: 0-based pixels to standard coordinates about the plate's centre, in degrees.
///
/// The tangent plane's `xi` grows to the east and `eta` to the north, as intermediate world coordinates of a TAN
/// projection with CRVAL at [`DssPlate::centre`] and LONPOLE 180.
#[derive(Debug, Clone, PartialEq)]
pub struct DssPlate {
    centre: (f64, f64),
    equinox: f64,
    /// `millimetres = pixel * scale + shift`, along each axis.
    scale: [f64; 2],
    shift: [f64; 2],
    /// In degrees, of millimetres.
    xi: Polynomial,
    eta: Polynomial,
    /// Degrees to millimetres, near the plate's centre.
    inverse: [[f64; 2]; 2],
    offset: [f64; 2],
    domain: Domain,
}

warp_rows!(plate_forward, plate_inverse, DssPlate);

impl DssPlate {
    /// Reads the plate solution: `PLTRAH/M/S`, `PLTDECSN/D/M/S`, `CNPIXi`, `XPIXELSZ`, `YPIXELSZ`, `PPO3`, `PPO6`, `AMDXm`,
    /// `AMDYm`. `None` when any of them is missing or the solution is degenerate.
    pub fn from_header(header: &Header) -> Option<Self> {
        let number = |key: &str| header.f64(key).filter(|v| v.is_finite());
        let sexagesimal = |keys: [&str; 3]| {
            let [d, m, s] = keys.map(number);
            Some(d? + m? / 60.0 + s? / 3600.0)
        };
        let right_ascension = 15.0 * sexagesimal(["PLTRAH", "PLTRAM", "PLTRAS"])?;
        let size = sexagesimal(["PLTDECD", "PLTDECM", "PLTDECS"])?;
        let south = header.str("PLTDECSN").is_some_and(|sign| sign.trim().starts_with('-'));
        let declination = if south { -size } else { size };
        let (x_size, y_size) = (number("XPIXELSZ")?, number("YPIXELSZ")?);
        // Plate pixels count from the plate's corner; the centre of its first pixel is at 0.5.
        let (x_corner, y_corner) = (number("CNPIX1")? + 0.5, number("CNPIX2")? + 0.5);
        let coefficients = |name: &str| {
            let mut terms = [0.0; TERMS];
            for (m, term) in terms.iter_mut().enumerate() {
                let key = format!("{name}{}", m + 1);
                // The first three are there on every plate; later ones may be left out.
                *term = if m < 3 { number(&key)? } else { number(&key).unwrap_or(0.0) };
            }
            Some(terms)
        };
        let (amdx, amdy) = (coefficients("AMDX")?, coefficients("AMDY")?);
        let determinant = amdx[0].mul_add(amdy[0], -(amdx[1] * amdy[1]));
        if determinant == 0.0 || x_size == 0.0 || y_size == 0.0 {
            return None;
        }
        let arcsec = |c: f64| c * 3600.0 / determinant;
        let width = header.i64("NAXIS1").unwrap_or(1).max(1) as f64;
        let height = header.i64("NAXIS2").unwrap_or(1).max(1) as f64;
        let centre = (0.5 * (width - 1.0), 0.5 * (height - 1.0));
        let mut plate = Self {
            centre: (right_ascension, declination),
            equinox: number("EQUINOX").unwrap_or(2000.0),
            scale: [-x_size / 1000.0, y_size / 1000.0],
            shift: [(number("PPO3")? - x_size * x_corner) / 1000.0, (y_size * y_corner - number("PPO6")?) / 1000.0],
            xi: plate_polynomial(&amdx, false),
            eta: plate_polynomial(&amdy, true),
            inverse: [[arcsec(amdy[0]), arcsec(-amdx[1])], [arcsec(-amdy[1]), arcsec(amdx[0])]],
            offset: [amdx[2] / 3600.0, amdy[2] / 3600.0],
            domain: Domain::unbounded(centre, 0.5 * libm::hypot(width, height), 1e-10),
        };
        plate.domain = plate.domain.clone().measured(&plate);
        Some(plate)
    }

    /// The plate's centre, right ascension and declination in degrees, in the plate's equinox.
    pub fn centre(&self) -> (f64, f64) {
        self.centre
    }

    /// The equinox of the plate's coordinates in years, 2000 for all of the survey.
    pub fn equinox(&self) -> f64 {
        self.equinox
    }

    /// Turns 0-based pixels into standard coordinates `(xi, eta)` in degrees, in place.
    pub fn forward(&self, x: &mut [f64], y: &mut [f64]) {
        plate_forward(self, x, y);
    }

    /// Turns standard coordinates in degrees into 0-based pixels, in place; NaN where the solution has no inverse.
    pub fn inverse(&self, xi: &mut [f64], eta: &mut [f64]) {
        plate_inverse(self, xi, eta);
    }

    #[inline(always)]
    fn millimetres(&self, x: &Lane, y: &Lane) -> (Lane, Lane) {
        let (mut u, mut v) = (*x, *y);
        for i in 0..LANES {
            u[i] = u[i].mul_add(self.scale[0], self.shift[0]);
            v[i] = v[i].mul_add(self.scale[1], self.shift[1]);
        }
        (u, v)
    }
}

/// One axis' terms over 3600; `swapped` for AMDY, whose own variable is `y`.
fn plate_polynomial(c: &[f64; TERMS], swapped: bool) -> Polynomial {
    let terms = [
        (1, 0, c[0]),
        (0, 1, c[1]),
        (0, 0, c[2]),
        (2, 0, c[3] + c[6]),
        (1, 1, c[4]),
        (0, 2, c[5] + c[6]),
        (3, 0, c[7] + c[11]),
        (2, 1, c[8]),
        (1, 2, c[9] + c[11]),
        (0, 3, c[10]),
        (5, 0, c[12]),
        (3, 2, 2.0 * c[12]),
        (1, 4, c[12]),
    ];
    Polynomial::from_terms(terms.map(|(own, other, c)| {
        let (p, q) = if swapped { (other, own) } else { (own, other) };
        (p, q, c / 3600.0)
    }))
}

impl Warp for DssPlate {
    #[inline(always)]
    fn map(&self, x: &Lane, y: &Lane) -> (Lane, Lane) {
        let (u, v) = self.millimetres(x, y);
        (self.xi.value(&u, &v), self.eta.value(&u, &v))
    }

    #[inline(always)]
    fn map_with_slopes(&self, x: &Lane, y: &Lane) -> Image {
        let (u, v) = self.millimetres(x, y);
        let (mut xi, mut eta) = (self.xi.slopes(&u, &v), self.eta.slopes(&u, &v));
        for i in 0..LANES {
            xi.by_u[i] *= self.scale[0];
            xi.by_v[i] *= self.scale[1];
            eta.by_u[i] *= self.scale[0];
            eta.by_v[i] *= self.scale[1];
        }
        Image { x: xi.value, y: eta.value, x_by: [xi.by_u, xi.by_v], y_by: [eta.by_u, eta.by_v] }
    }

    #[inline(always)]
    fn guess(&self, x: &Lane, y: &Lane) -> (Lane, Lane) {
        let (mut gx, mut gy) = (*x, *y);
        for i in 0..LANES {
            let (xi, eta) = (x[i] - self.offset[0], y[i] - self.offset[1]);
            let u = self.inverse[0][0].mul_add(xi, self.inverse[0][1] * eta);
            let v = self.inverse[1][0].mul_add(xi, self.inverse[1][1] * eta);
            gx[i] = (u - self.shift[0]) / self.scale[0];
            gy[i] = (v - self.shift[1]) / self.scale[1];
        }
        (gx, gy)
    }

    #[inline(always)]
    fn domain(&self) -> &Domain {
        &self.domain
    }
}
