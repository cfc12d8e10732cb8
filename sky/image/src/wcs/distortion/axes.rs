//! Which header axes are celestial, under which projection code, and where the image lies.

use crate::fits::header::Header;

/// What a distortion has to know of a header's coordinate description.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Description {
    /// The description's letter, or nothing for the primary one.
    pub(super) alt: String,
    /// 1-based axis of longitude.
    pub(super) lng: usize,
    /// 1-based axis of latitude.
    pub(super) lat: usize,
    /// CTYPE of the two axes, in upper case.
    pub(super) ctype: [String; 2],
}

impl Description {
    /// Reads the description `alt`; axes 1 and 2 where no CTYPE is celestial.
    pub(super) fn of(header: &Header, alt: Option<char>) -> Self {
        let alt = alt.filter(|c| !c.is_whitespace()).map(String::from).unwrap_or_default();
        let ctype = |axis: usize| {
            let text = header.str(&format!("CTYPE{axis}{alt}")).unwrap_or_default();
            text.trim().to_ascii_uppercase()
        };
        let find = |celestial: fn(&str) -> bool| (1..=9).find(|axis| celestial(&ctype(*axis)));
        let (lng, lat) = match (find(is_longitude), find(is_latitude)) {
            (Some(lng), Some(lat)) => (lng, lat),
            _ => (1, 2),
        };
        Self { ctype: [ctype(lng), ctype(lat)], alt, lng, lat }
    }

    /// The projection's three letters, empty where CTYPE has none.
    pub(super) fn projection(&self) -> &str {
        self.ctype[0].get(5..8).unwrap_or_default()
    }

    /// True when both axes are marked as distorted by SIP.
    pub(super) fn says_sip(&self) -> bool {
        self.ctype.iter().all(|c| c.ends_with("-SIP"))
    }

    /// The values `PVi_m` of a 1-based axis, by rising `m`, up to 99.
    pub(super) fn pv(&self, header: &Header, axis: usize) -> Vec<(usize, f64)> {
        (0..100).filter_map(|m| Some((m, header.f64(&format!("PV{axis}_{m}{}", self.alt))?))).collect()
    }

    /// Centre (0-based) and half diagonal of the image in pixels of the axes `(first, second)`.
    pub(super) fn image_disc(&self, header: &Header, first: usize, second: usize) -> ((f64, f64), f64) {
        let size = |axis: usize| {
            let crpix = header.f64(&format!("CRPIX{axis}{}", self.alt)).unwrap_or(1.0);
            match header.i64(&format!("NAXIS{axis}")) {
                Some(n) if n > 1 => n as f64,
                // Without a size, the image is taken to be centred on its reference pixel.
                _ => (2.0 * crpix.abs()).clamp(512.0, 65_536.0),
            }
        };
        let (width, height) = (size(first), size(second));
        let centre = (0.5 * (width - 1.0), 0.5 * (height - 1.0));
        (centre, 0.5 * libm::hypot(width, height))
    }

    /// Centre and half diagonal of the image in intermediate world coordinates, in degrees.
    pub(super) fn plane_disc(&self, header: &Header) -> ((f64, f64), f64) {
        let ((cx, cy), half) = self.image_disc(header, self.lng, self.lat);
        let axes = [self.lng, self.lat];
        let number = |key: String| header.f64(&key);
        let alt = &self.alt;
        let has_cd = axes.iter().any(|i| axes.iter().any(|j| header.contains(&format!("CD{i}_{j}{alt}"))));
        let mut matrix = [[0.0; 2]; 2];
        for (row, i) in axes.iter().enumerate() {
            for (column, j) in axes.iter().enumerate() {
                matrix[row][column] = if has_cd {
                    number(format!("CD{i}_{j}{alt}")).unwrap_or(0.0)
                } else {
                    let unit = if i == j { 1.0 } else { 0.0 };
                    number(format!("PC{i}_{j}{alt}")).unwrap_or(unit) * number(format!("CDELT{i}{alt}")).unwrap_or(1.0)
                };
            }
        }
        let dx = cx + 1.0 - number(format!("CRPIX{}{alt}", self.lng)).unwrap_or(0.0);
        let dy = cy + 1.0 - number(format!("CRPIX{}{alt}", self.lat)).unwrap_or(0.0);
        let centre = (matrix[0][0].mul_add(dx, matrix[0][1] * dy), matrix[1][0].mul_add(dx, matrix[1][1] * dy));
        let area = matrix[0][0].mul_add(matrix[1][1], -(matrix[0][1] * matrix[1][0]));
        (centre, half * area.abs().sqrt())
    }
}

fn is_longitude(ctype: &str) -> bool {
    ctype.starts_with("RA--") || ctype.get(1..5) == Some("LON-") || ctype.get(2..5) == Some("LN-")
}

fn is_latitude(ctype: &str) -> bool {
    ctype.starts_with("DEC-") || ctype.get(1..5) == Some("LAT-") || ctype.get(2..5) == Some("LT-")
}
