//! Mosaics: reprojection, background matching, co-addition.
