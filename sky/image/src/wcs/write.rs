//! World coordinates into headers, cleanly.

use super::{Wcs, axes, system};
use crate::fits::Header;

/// Takes all that describes world coordinates and distortion out of a header, of every description (primary, A to Z):
/// CTYPE, CRPIX, CRVAL, CDELT, CROTA, CD, PC, PV, PS, CUNIT, LONPOLE, LATPOLE, WCSAXES, RADESYS, EQUINOX, EPOCH, SIP, WAT,
/// look-up tables, DSS plates.
pub fn strip(header: &mut Header) {
    header.retain(|card| !describes_coordinates(card.key()));
}

fn describes_coordinates(key: &str) -> bool {
    const PLAIN: [&str; 22] = [
        "WCSAXES", "WCSNAME", "LONPOLE", "LATPOLE", "RADESYS", "RADECSYS", "EQUINOX", "EPOCH", "WCSDIM", "PPO3",
        "PPO6", "XPIXELSZ", "YPIXELSZ", "CNPIX1", "CNPIX2", "PLTRAH", "PLTRAM", "PLTRAS", "PLTDECSN", "PLTDECD",
        "PLTDECM", "PLTDECS",
    ];
    // SIP: A_1_2, AP_ORDER, A_DMAX.
    let sip = ["A_", "B_", "AP_", "BP_"].iter().any(|stem| {
        key.strip_prefix(stem).is_some_and(|rest| {
            let powers = !rest.is_empty() && rest.chars().all(|c| c.is_ascii_digit() || c == '_');
            powers || rest == "ORDER" || rest == "DMAX"
        })
    });
    // A stem, digits with at most one underscore, and perhaps a description's letter.
    let indexed = [
        "CTYPE", "CRPIX", "CRVAL", "CDELT", "CROTA", "CUNIT", "CD", "PC", "PV", "PS", "CRDER", "CSYER", "CNAME",
        "CPDIS", "CPERR", "CQDIS", "DP", "AMDX", "AMDY", "D2IMDIS", "D2IMERR", "D2IM",
    ]
    .iter()
    .any(|stem| key.strip_prefix(stem).is_some_and(is_index));
    let lettered = PLAIN.iter().any(|plain| {
        key.strip_prefix(plain)
            .is_some_and(|rest| rest.is_empty() || (rest.len() == 1 && rest.as_bytes()[0].is_ascii_uppercase()))
    });
    let wat = key.strip_prefix("WAT").is_some_and(is_index);
    sip || indexed || lettered || wat
}

fn is_index(rest: &str) -> bool {
    let body = rest.strip_suffix(|c: char| c.is_ascii_uppercase()).unwrap_or(rest);
    let starts = body.starts_with(|c: char| c.is_ascii_digit());
    starts && body.chars().all(|c| c.is_ascii_digit() || c == '_' || c == '.')
}

impl Wcs {
    /// Writes the coordinates, without distortion, in place of all that the header says about them; other axes too.
    ///
    /// A matrix without rotation is written as CDELT, others as CD. NAXIS keywords are left to the writer of the file.
    pub fn write_to(&self, header: &mut Header) {
        strip(header);
        let (lon, lat) = if self.latitude_first { (2, 1) } else { (1, 2) };
        let names = axes::names_of(&system::letters(&self.frame));
        let code = self.projection.code();
        let rows = [(lon, &names.0, self.crval.0, self.cd[0]), (lat, &names.1, self.crval.1, self.cd[1])];
        let row_of = |axis: usize| rows.iter().find(|(a, ..)| *a == axis);
        header.set("WCSAXES", 2 + self.others.len() as i64, "number of coordinate axes");
        for axis in [1, 2] {
            if let Some((_, name, _, _)) = row_of(axis) {
                header.set(&format!("CTYPE{axis}"), format!("{name}-{code}"), "coordinate and projection");
            }
        }
        for axis in [1, 2] {
            header.set(&format!("CUNIT{axis}"), "deg", "unit of CRVAL and increments");
        }
        for axis in [1, 2] {
            header.set(&format!("CRPIX{axis}"), self.crpix[axis - 1] + 1.0, "reference pixel");
        }
        for axis in [1, 2] {
            if let Some((_, _, value, _)) = row_of(axis) {
                header.set(&format!("CRVAL{axis}"), *value, "[deg] coordinate there");
            }
        }
        let diagonal = rows.iter().all(|(axis, _, _, row)| row[2 - axis] == 0.0);
        for axis in [1, 2] {
            let Some((_, _, _, row)) = row_of(axis) else { continue };
            if diagonal {
                header.set(&format!("CDELT{axis}"), row[axis - 1], "[deg] increment per pixel");
            } else {
                for column in [1, 2] {
                    header.set(&format!("CD{axis}_{column}"), row[column - 1], "[deg] matrix per pixel");
                }
            }
        }
        self.write_pole(header, lon, lat);
        system::write(&self.frame, header);
        for (i, other) in self.others.iter().enumerate() {
            let axis = i + 3;
            header.set(&format!("CTYPE{axis}"), other.ctype.as_str(), "");
            header.set(&format!("CUNIT{axis}"), other.unit.as_str(), "");
            header.set(&format!("CRPIX{axis}"), other.crpix, "reference pixel");
            header.set(&format!("CRVAL{axis}"), other.crval, "coordinate there");
            let key = if diagonal { format!("CDELT{axis}") } else { format!("CD{axis}_{axis}") };
            header.set(&key, other.cdelt, "increment per pixel");
        }
    }

    fn write_pole(&self, header: &mut Header, lon: usize, lat: usize) {
        header.set("LONPOLE", self.lonpole, "[deg] native longitude of the celestial pole");
        header.set("LATPOLE", self.latpole, "[deg] latitude of the native pole");
        for (m, value) in &self.projection.parameters().0 {
            header.set(&format!("PV{lat}_{m}"), *value, "projection parameter");
        }
        if let Some((phi, theta)) = self.native {
            let shifted = f64::from(u8::from(self.offset != (0.0, 0.0)));
            header.set(&format!("PV{lon}_0"), shifted, "1: plane coordinates start at the reference point");
            header.set(&format!("PV{lon}_1"), phi, "[deg] native longitude of the reference point");
            header.set(&format!("PV{lon}_2"), theta, "[deg] native latitude of the reference point");
        }
    }
}
