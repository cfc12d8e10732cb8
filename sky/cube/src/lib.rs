//! A galaxy in many bands: one grid, one resolution, one unit; its fits, maps and archive file.
