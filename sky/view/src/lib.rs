//! Pictures of images: stretches, colours, grids, overlays, PNG.
