//! Montage header templates.
