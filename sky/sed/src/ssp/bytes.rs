//! The compact form in which tables of spectra are embedded: little-endian, coordinates in f64, light in f32.

use super::{Ssp, SspError};

/// First bytes of the form; the last one counts its versions.
const MAGIC: &[u8; 8] = b"POGSSP\0\x01";

impl Ssp {
    /// The table's bytes: magic, length of the name, numbers of metallicities, ages and wavelengths (u32 each), name,
    /// metallicities, ages, wavelengths (f64), masses, light (f32).
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        for count in [self.name.len(), self.metallicity.len(), self.age.len(), self.wavelength.len()] {
            bytes.extend_from_slice(&(count as u32).to_le_bytes());
        }
        bytes.extend_from_slice(self.name.as_bytes());
        for value in self.metallicity.iter().chain(&self.age).chain(&self.wavelength) {
            bytes.extend_from_slice(&value.to_le_bytes());
        }
        for value in self.mass.iter().chain(&self.light) {
            bytes.extend_from_slice(&value.to_le_bytes());
        }
        bytes
    }

    /// Reads [`Ssp::to_bytes`]'s form; errors call it `name`.
    ///
    /// # Errors
    /// Other bytes, too few or too many, and what [`Ssp::check`] refuses.
    pub fn from_bytes(bytes: &[u8], name: &str) -> Result<Ssp, SspError> {
        let wrong = |what: &str| SspError::Form { name: name.to_owned(), what: what.to_owned() };
        let Some((magic, rest)) = bytes.split_at_checked(8) else { return Err(wrong("it is too short")) };
        if magic != MAGIC {
            return Err(wrong("it does not begin as a table of spectra of this version does"));
        }
        let Some((counts, rest)) = rest.split_at_checked(16) else { return Err(wrong("it is cut off")) };
        let count = |k: usize| -> usize {
            let field = counts.get(4 * k..4 * k + 4).and_then(|b| b.try_into().ok()).unwrap_or([0; 4]);
            u32::from_le_bytes(field) as usize
        };
        let (letters, nz, na, nw) = (count(0), count(1), count(2), count(3));
        let (coordinates, masses) = (nz + na + nw, nz.saturating_mul(na));
        let floats = masses.saturating_mul(nw.saturating_add(1));
        let needed = coordinates.saturating_mul(8).saturating_add(floats.saturating_mul(4)).saturating_add(letters);
        if rest.len() != needed {
            return Err(SspError::Size { name: name.into(), what: "table", found: rest.len(), needed });
        }
        let (letters, rest) = rest.split_at(letters);
        let (doubles, singles) = rest.split_at(8 * coordinates);
        let doubles: Vec<f64> = doubles.as_chunks().0.iter().map(|&b| f64::from_le_bytes(b)).collect();
        let singles: Vec<f32> = singles.as_chunks().0.iter().map(|&b| f32::from_le_bytes(b)).collect();
        let ssp = Ssp {
            name: String::from_utf8_lossy(letters).into_owned(),
            metallicity: doubles[..nz].to_vec(),
            age: doubles[nz..nz + na].to_vec(),
            wavelength: doubles[nz + na..].to_vec(),
            mass: singles[..masses].to_vec(),
            light: singles[masses..].to_vec(),
        };
        ssp.check()?;
        Ok(ssp)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::embedded;
    use super::*;

    #[test]
    fn a_table_goes_through_bytes_unchanged() {
        let ssp = embedded();
        assert_eq!(Ssp::from_bytes(&ssp.to_bytes(), "t").as_ref(), Ok(ssp));
    }

    proptest! {
        #[test]
        fn bytes_of_any_kind_are_refused_or_read_but_do_not_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..200), counts in prop::collection::vec(any::<u32>(), 4)
        ) {
            let mut form = MAGIC.to_vec();
            for count in counts {
                form.extend_from_slice(&(count % 5).to_le_bytes());
            }
            form.extend_from_slice(&bytes);
            let _ = Ssp::from_bytes(&form, "f");
            let _ = Ssp::from_bytes(&bytes, "f");
        }
    }
}
