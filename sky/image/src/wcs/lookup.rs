//! Look-up tables of a distortion, from the extensions of its file.

use super::distortion::{DistortionError, LookupSource, LookupTable};
use crate::fits::{FitsFile, Rect};

/// The image extensions of a file as tables.
pub(super) struct Tables<'a>(pub(super) &'a FitsFile);

impl LookupSource for Tables<'_> {
    fn table(&self, extname: &str, extver: i64) -> Result<LookupTable, DistortionError> {
        let fail = |reason: String| DistortionError::Table { extname: extname.into(), extver, reason };
        let found = self.0.hdus().iter().position(|hdu| {
            hdu.name().is_some_and(|name| name.eq_ignore_ascii_case(extname)) && hdu.version() == extver
        });
        let index = found.ok_or_else(|| fail("the file has no such extension".into()))?;
        let image = self.0.image(index).map_err(|error| fail(error.to_string()))?;
        let (width, height) = (image.width(), image.height());
        if width.saturating_mul(height) > 1 << 28 {
            return Err(fail(format!("{width} x {height} entries are more than a table has")));
        }
        let mut values = vec![0.0_f32; width * height];
        let rect = Rect { x: 0, y: 0, width, height };
        image.read_f32(0, rect, &mut values).map_err(|error| fail(error.to_string()))?;
        LookupTable::new(image.header(), width, height, values).map_err(fail)
    }
}
