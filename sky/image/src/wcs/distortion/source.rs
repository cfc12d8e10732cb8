//! Look-up tables read from the extensions of a FITS file.

use super::error::DistortionError;
use super::lookup::{LookupSource, LookupTable};
use crate::fits::FitsFile;

impl LookupSource for FitsFile {
    fn table(&self, extname: &str, extver: i64) -> Result<LookupTable, DistortionError> {
        let fail = |reason: String| DistortionError::Table { extname: extname.to_owned(), extver, reason };
        let index = self.named(extname, Some(extver)).map_err(|e| fail(e.to_string()))?;
        let image = self.image(index).map_err(|e| fail(e.to_string()))?;
        let mut values = vec![0.0; image.rect().area()];
        image.read_f32(0, image.rect(), &mut values).map_err(|e| fail(e.to_string()))?;
        LookupTable::new(image.header(), image.width(), image.height(), values).map_err(fail)
    }
}

impl LookupSource for &FitsFile {
    fn table(&self, extname: &str, extver: i64) -> Result<LookupTable, DistortionError> {
        LookupSource::table(*self, extname, extver)
    }
}
