//! Montage (IPAC) tables.
