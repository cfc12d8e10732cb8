//! Reading and writing FITS.
