//! Distortion by look-up tables: corrections in pixels on a coarse grid, read off bilinearly.
//!
//! Source: Calabretta et al. 2004, draft paper IV, section 3.4, as astropy reads it.

use super::error::{DistortionError, DistortionWarning};
use crate::fits::header::Header;

/// A correction in pixels on a regular grid of pixel positions.
#[derive(Debug, Clone, PartialEq)]
pub struct LookupTable {
    width: usize,
    height: usize,
    values: Vec<f32>,
    /// `position = start + step * index` along each axis, 0-based pixels.
    start: [f64; 2],
    step: [f64; 2],
}

/// Where the tables that a header names are read from: the file's other extensions.
pub trait LookupSource {
    /// The table in the image extension `extname` of version `extver`.
    ///
    /// # Errors
    /// [`DistortionError::Table`] when there is no such extension, or it is no image of one or two axes.
    fn table(&self, extname: &str, extver: i64) -> Result<LookupTable, DistortionError>;
}

impl LookupTable {
    /// A table from an image extension.
    ///
    /// - `header`: of the extension; CRPIX, CRVAL, CDELT say for which pixel (1-based) each entry holds.
    /// - `width`, `height`: size; a one-dimensional table has height 1.
    /// - `values`: corrections in pixels, row by row; NaN where there is none to be had.
    ///
    /// # Errors
    /// A reason when the sizes don't match or a CDELT is 0.
    pub fn new(header: &Header, width: usize, height: usize, values: Vec<f32>) -> Result<Self, String> {
        if width == 0 || height == 0 || width.checked_mul(height) != Some(values.len()) {
            return Err(format!("{width} x {height} entries announced, {} found", values.len()));
        }
        let number = |name: &str, axis: usize, default| header.f64(&format!("{name}{axis}")).unwrap_or(default);
        let mut start = [0.0; 2];
        let mut step = [1.0; 2];
        for axis in 0..2 {
            step[axis] = number("CDELT", axis + 1, 1.0);
            if step[axis] == 0.0 || !step[axis].is_finite() {
                return Err(format!("CDELT{} = {}", axis + 1, step[axis]));
            }
            let (crpix, crval) = (number("CRPIX", axis + 1, 0.0), number("CRVAL", axis + 1, 0.0));
            start[axis] = (1.0 - crpix).mul_add(step[axis], crval) - 1.0;
        }
        Ok(Self { width, height, values, start, step })
    }

    /// The table with its two data axes exchanged, but not the description of its grid: what astropy does for a
    /// table whose `AXIS.i` is not `i`.
    fn transposed(self) -> Self {
        let mut values = Vec::with_capacity(self.values.len());
        for x in 0..self.width {
            values.extend((0..self.height).map(|y| self.values[y * self.width + x]));
        }
        Self { width: self.height, height: self.width, values, ..self }
    }

    /// The correction at a 0-based pixel position, in pixels; the grid's edge values go on outside it.
    #[inline(always)]
    pub fn offset(&self, x: f64, y: f64) -> f64 {
        self.slopes(x, y).0
    }

    /// The correction and its slopes by `x` and `y`.
    #[inline(always)]
    pub(super) fn slopes(&self, x: f64, y: f64) -> (f64, f64, f64) {
        let (i, wx, by_x) = self.place(0, self.width, x);
        let (j, wy, by_y) = self.place(1, self.height, y);
        let right = (i + 1).min(self.width - 1);
        let (low, high) = (j * self.width, (j + 1).min(self.height - 1) * self.width);
        let (a, b) = (f64::from(self.values[low + i]), f64::from(self.values[low + right]));
        let (c, d) = (f64::from(self.values[high + i]), f64::from(self.values[high + right]));
        let (bottom, top) = (wx.mul_add(b - a, a), wx.mul_add(d - c, c));
        let value = wy.mul_add(top - bottom, bottom);
        let slope_x = wy.mul_add((d - c) - (b - a), b - a) * by_x;
        // A position that is not a number has no correction either.
        (value + 0.0 * (x + y), slope_x, (top - bottom) * by_y)
    }

    /// Index below a position, weight of the next, and how fast the weight grows; clamped to the grid.
    #[inline(always)]
    fn place(&self, axis: usize, len: usize, position: f64) -> (usize, f64, f64) {
        let last = (len - 1) as f64;
        let t = (position - self.start[axis]) / self.step[axis];
        let clamped = t.max(0.0).min(last);
        let index = clamped.floor();
        let slope = if t > 0.0 && t < last { 1.0 / self.step[axis] } else { 0.0 };
        (index as usize, clamped - index, slope)
    }
}

/// The corrections of both pixel axes.
pub(super) type Tables = [Option<LookupTable>; 2];

/// Names of one kind of correction's keywords.
struct Kind {
    /// Keyword of the distortion's type, without the axis.
    type_key: &'static str,
    /// Keyword of its records, without the axis.
    record_key: &'static str,
    /// EXTNAME of its tables.
    extname: &'static str,
}

/// Reads `CPDISj`, `DPj`: corrections that add up with SIP's.
///
/// # Errors
/// [`DistortionError::NoSource`] without a source, and what the source returns.
pub(super) fn prior(
    header: &Header,
    source: Option<&dyn LookupSource>,
    warnings: &mut Vec<DistortionWarning>,
) -> Result<Tables, DistortionError> {
    let kind = Kind { type_key: "CPDIS", record_key: "DP", extname: "WCSDVARR" };
    Ok([table(header, source, &kind, 1, warnings)?, table(header, source, &kind, 2, warnings)?])
}

/// Reads `D2IMDISj`, `D2IMj`, or the older `AXISCORR`: corrections of the detector, before all others.
///
/// Without a source they are left out with a warning, as astropy does.
pub(super) fn detector(
    header: &Header,
    source: Option<&dyn LookupSource>,
    warnings: &mut Vec<DistortionWarning>,
) -> Result<Tables, DistortionError> {
    let kind = Kind { type_key: "D2IMDIS", record_key: "D2IM", extname: "D2IMARR" };
    let Some(source) = source else {
        for key in ["AXISCORR", "D2IMDIS1", "D2IMDIS2"] {
            if header.contains(key) {
                warnings.push(DistortionWarning::LeftOut {
                    what: key.to_owned(),
                    reason: "its table lies in another extension, and only a header was given".to_owned(),
                });
            }
        }
        return Ok([None, None]);
    };
    if let Some(axis) = header.i64("AXISCORR") {
        return Ok(axis_correction(axis, source, kind.extname, warnings));
    }
    Ok([table(header, Some(source), &kind, 1, warnings)?, table(header, Some(source), &kind, 2, warnings)?])
}

fn axis_correction(
    axis: i64,
    source: &dyn LookupSource,
    extname: &str,
    warnings: &mut Vec<DistortionWarning>,
) -> Tables {
    let mut left_out = |reason: String| {
        warnings.push(DistortionWarning::LeftOut { what: format!("AXISCORR = {axis}"), reason });
        [None, None]
    };
    if axis != 1 && axis != 2 {
        return left_out("it has to be 1 or 2".to_owned());
    }
    match source.table(extname, 1) {
        Err(error) => left_out(error.to_string()),
        Ok(table) => {
            warnings.push(DistortionWarning::AxisCorr { axis });
            if axis == 1 { [Some(table), None] } else { [None, Some(table)] }
        }
    }
}

fn table(
    header: &Header,
    source: Option<&dyn LookupSource>,
    kind: &Kind,
    axis: usize,
    warnings: &mut Vec<DistortionWarning>,
) -> Result<Option<LookupTable>, DistortionError> {
    let keyword = format!("{}{axis}", kind.type_key);
    let Some(distortion) = header.str(&keyword) else {
        return Ok(None);
    };
    if !distortion.trim().eq_ignore_ascii_case("lookup") {
        warnings.push(DistortionWarning::LeftOut {
            what: format!("{keyword} = '{}'", distortion.trim()),
            reason: "only look-up tables are known here".to_owned(),
        });
        return Ok(None);
    }
    let source = source.ok_or(DistortionError::NoSource { keyword })?;
    let record_key = format!("{}{axis}", kind.record_key);
    let extver = record(header, &record_key, "EXTVER").unwrap_or(1.0);
    let own_axis = record(header, &record_key, &format!("AXIS.{axis}")).unwrap_or(axis as f64);
    let table = source.table(kind.extname, extver as i64)?;
    Ok(Some(if own_axis == axis as f64 { table } else { table.transposed() }))
}

/// The value of a field in record-valued cards: `DP1 = 'AXIS.1: 1'`, or written out as `DP1.AXIS.1 = 1`.
fn record(header: &Header, key: &str, field: &str) -> Option<f64> {
    let inside = header.cards().filter(|card| card.key() == key).find_map(|card| {
        let (name, value) = card.value()?.as_str()?.split_once(':')?;
        if name.trim().eq_ignore_ascii_case(field) { value.trim().parse::<f64>().ok() } else { None }
    });
    inside.or_else(|| header.f64(&format!("{key}.{field}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(width: usize, height: usize, factor: f32, cards: &str) -> LookupTable {
        let entry = |k: usize| (((k % width) * 7 + (k / width) * 13) % 11) as f32 - 5.0;
        let values = (0..width * height).map(|k| entry(k) * factor).collect();
        LookupTable::new(&Header::from_text(cards).unwrap(), width, height, values).unwrap()
    }

    /// The figures are `DistortionLookupTable.get_offset` of astropy 8.0.2, at 1-based positions.
    #[test]
    fn offsets_are_astropys_inside_and_beyond_the_edges() {
        let grid = "CRPIX1 = 1.5\nCRPIX2 = 0.5\nCRVAL1 = 10.0\nCRVAL2 = 20.0\nCDELT1 = 32.0\nCDELT2 = 16.0";
        let t = table(5, 4, 0.125, grid);
        let expected = [
            (1.0, 1.0, -0.43359375),
            (40.0, 30.0, 0.0625),
            (100.25, 61.5, 0.012420654296875),
            (77.0, 44.0, -0.296875),
            (1000.0, -5.0, 0.125),
            (138.0, 50.0, 0.46875),
        ];
        for (x, y, offset) in expected {
            assert_eq!(t.offset(x - 1.0, y - 1.0), offset, "at {x}, {y}");
        }
        let row = table(5, 1, 0.125, "CRPIX1 = 3.0\nCRVAL1 = 3.0");
        for (x, y, offset) in [(1.0, 1.0, -0.625), (2.5, 30.0, 0.0), (4.75, 61.5, 0.25), (7.0, 44.0, 0.125)] {
            assert_eq!(row.offset(x - 1.0, y - 1.0), offset, "at {x}, {y}");
        }
        assert!(t.offset(f64::NAN, 3.0).is_nan());
    }

    #[test]
    fn slopes_are_those_of_the_bilinear_patch() {
        let t = table(5, 4, 1.0, "CDELT1 = 4.0\nCDELT2 = 2.0\nCRPIX1 = 1.0\nCRPIX2 = 1.0");
        let (x, y, h) = (5.0, 2.25, 1e-3);
        let (_, by_x, by_y) = t.slopes(x, y);
        assert!((by_x - (t.offset(x + h, y) - t.offset(x - h, y)) / (2.0 * h)).abs() < 1e-9);
        assert!((by_y - (t.offset(x, y + h) - t.offset(x, y - h)) / (2.0 * h)).abs() < 1e-9);
        assert_eq!(t.slopes(-50.0, -50.0), (-5.0, 0.0, 0.0));
    }

    #[test]
    fn records_are_read_from_one_keyword_or_from_dotted_ones() {
        let text = "DP1     = 'EXTVER: 3'\nDP1     = 'AXIS.1: 2.0'\nDP2.EXTVER = 4";
        let header = Header::from_text(text).unwrap();
        assert_eq!(record(&header, "DP1", "EXTVER"), Some(3.0));
        assert_eq!(record(&header, "DP1", "AXIS.1"), Some(2.0));
        assert_eq!(record(&header, "DP1", "NAXES"), None);
    }
}
