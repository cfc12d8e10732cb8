//! Each step of a mosaic alone, over files, so that the steps can run on different machines and a run can resume.
//!
//! The files between the steps have Montage's forms, so that its programs may take the place of any step:
//!
//! | step | reads | writes |
//! |---|---|---|
//! | [`project`] | tiles, a header template | images on the output grid, each with its `_area` image |
//! | [`overlaps`] | `images.tbl` | `diffs.tbl`: pairs that overlap |
//! | [`diff_fit`] | projected images, `images.tbl`, `diffs.tbl` | `fits.tbl`: what each overlap says |
//! | [`model`] | `images.tbl`, `fits.tbl` | `corrections.tbl`: what to subtract from each image |
//! | [`correct`] | a projected image, `corrections.tbl` | the corrected image |
//! | [`add`] | images, perhaps `corrections.tbl` | the mosaic |
//!
//! What Montage's forms cannot hold stands beside it: extra columns of the tables, extra keywords and an extension of the
//! images. Without them (files that Montage wrote) each step does with what there is. With them the steps give the very
//! pixels of [`crate::pipeline::run`]: projected values are stored as they are inside, less a pedestal (BZERO) in f32.

pub mod add;
pub mod correct;
pub mod corrections;
pub mod cover;
pub mod diff_fit;
pub mod fits;
pub mod grid;
pub mod identity;
pub mod image;
pub mod model;
pub mod overlaps;
pub mod project;
