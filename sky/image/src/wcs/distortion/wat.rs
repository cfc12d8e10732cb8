//! TNX and ZPX: surfaces in the projection plane, described in IRAF's WAT keywords.
//!
//! `xi' = xi + lngcor(xi, eta)`, `eta' = eta + latcor(xi, eta)`, all in degrees; then TNX deprojects as TAN and ZPX as
//! ZPN, with the coefficients `projpN` that WAT carries. Source: the NOAO documents in the FITS registry.

use super::axes::Description;
use super::error::{DistortionError, DistortionWarning};
use super::polynomial::{LANES, Lane};
use super::surface::Surface;
use super::warp::{Domain, Image, Warp, warp_rows};
use crate::fits::header::Header;

/// The width of a FITS card's text field; IRAF cuts WAT text at this length, blanks included.
const FIELD: usize = 68;
/// The highest `projpN` that ZPN can take.
const LAST_PROJP: usize = 29;

/// The two surfaces, and the ZPN coefficients beside them.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Wat {
    lngcor: Surface,
    latcor: Surface,
    /// `projpN` of ZPX, as `(N, value)`.
    pub(super) projp: Vec<(usize, f64)>,
    domain: Domain,
}

warp_rows!(wat_forward, wat_inverse, Wat);

impl Wat {
    /// Reads the surfaces of both celestial axes.
    pub(super) fn from_header(
        header: &Header,
        description: &Description,
        warnings: &mut Vec<DistortionWarning>,
    ) -> Result<Self, DistortionError> {
        let mut read = |k: usize, axis: usize, attribute: &'static str| {
            let attributes = Attributes::of(header, axis);
            match attributes.get(attribute) {
                Some(text) => Ok((surface(text, axis, attribute)?, attributes)),
                None => {
                    warnings.push(DistortionWarning::NoSurface {
                        ctype: description.ctype[k].clone(),
                        axis,
                        attribute,
                    });
                    Ok((Surface::zero(), attributes))
                }
            }
        };
        let (lngcor, lng_attributes) = read(0, description.lng, "lngcor")?;
        let (latcor, lat_attributes) = read(1, description.lat, "latcor")?;
        let projp = (0..=LAST_PROJP)
            .filter_map(|n| {
                let name = format!("projp{n}");
                let text = lng_attributes.get(&name).or_else(|| lat_attributes.get(&name))?;
                Some((n, number(text)?))
            })
            .collect();
        let (centre, half_diagonal) = description.plane_disc(header);
        let mut wat = Self { lngcor, latcor, projp, domain: Domain::unbounded(centre, half_diagonal, 1e-13) };
        wat.domain = wat.domain.clone().measured(&wat);
        Ok(wat)
    }

    /// True when neither surface corrects anything.
    pub(super) fn is_identity(&self) -> bool {
        self.lngcor.is_zero() && self.latcor.is_zero()
    }
}

/// The kind of coordinates, `wtype`, that WAT keywords name for an axis; lower case.
pub(super) fn wtype(header: &Header, axis: usize) -> Option<String> {
    Attributes::of(header, axis).get("wtype").map(str::to_ascii_lowercase)
}

/// The attributes `name = value` that an axis' WAT keywords hold.
struct Attributes(Vec<(String, String)>);

impl Attributes {
    /// Joins `WATi_001`, `WATi_002`, ... and takes them apart.
    fn of(header: &Header, axis: usize) -> Self {
        let mut text = String::new();
        for k in 1..1000 {
            let Some(piece) = header.str(&format!("WAT{axis}_{k:03}")) else {
                break;
            };
            // FITS drops trailing blanks, but here they part numbers.
            text.push_str(&format!("{piece:<FIELD$}"));
        }
        Self::parse(&text)
    }

    fn parse(text: &str) -> Self {
        let mut attributes = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('=') {
            let name = before.split_whitespace().next_back().unwrap_or_default().to_ascii_lowercase();
            let after = after.trim_start();
            let (value, next) = match after.strip_prefix('"') {
                Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
                None => after.split_at(after.find(char::is_whitespace).unwrap_or(after.len())),
            };
            attributes.push((name, value.to_owned()));
            rest = next;
        }
        Self(attributes)
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

fn number(text: &str) -> Option<f64> {
    text.replace(['D', 'd'], "E").parse().ok()
}

fn surface(text: &str, axis: usize, attribute: &str) -> Result<Surface, DistortionError> {
    let fail =
        |reason, found| DistortionError::Surface { keyword: format!("{attribute} of WAT{axis}_001"), reason, found };
    let numbers = text
        .split_whitespace()
        .map(|word| number(word).ok_or_else(|| fail("a surface is made of numbers", word.to_owned())))
        .collect::<Result<Vec<_>, _>>()?;
    Surface::from_numbers(&numbers).map_err(|(reason, found)| fail(reason, found))
}

impl Warp for Wat {
    #[inline(always)]
    fn map(&self, x: &Lane, y: &Lane) -> (Lane, Lane) {
        let (mut ox, mut oy) = (self.lngcor.value(x, y), self.latcor.value(x, y));
        for i in 0..LANES {
            ox[i] += x[i];
            oy[i] += y[i];
        }
        (ox, oy)
    }

    #[inline(always)]
    fn map_with_slopes(&self, x: &Lane, y: &Lane) -> Image {
        let (mut lng, mut lat) = (self.lngcor.slopes(x, y), self.latcor.slopes(x, y));
        for i in 0..LANES {
            lng.value[i] += x[i];
            lng.by_u[i] += 1.0;
            lat.value[i] += y[i];
            lat.by_v[i] += 1.0;
        }
        Image { x: lng.value, y: lat.value, x_by: [lng.by_u, lng.by_v], y_by: [lat.by_u, lat.by_v] }
    }

    #[inline(always)]
    fn guess(&self, x: &Lane, y: &Lane) -> (Lane, Lane) {
        (*x, *y)
    }

    #[inline(always)]
    fn domain(&self) -> &Domain {
        &self.domain
    }
}
