//! Step 2: which projected images overlap.

use super::grid::Listed;
use crate::pipeline::overlapping;
use pogson_image::table::{Column, ColumnType, IpacTable, OverlapEntry};
use std::path::Path;

/// A pair of images, and the further ones that lie on the same pixels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overlap {
    /// The first image, as a place in the table of images.
    pub a: usize,
    /// The second image.
    pub b: usize,
    /// Images whose windows meet the shared one: a pixel on which more than two lie weighs less for each pair.
    pub others: Vec<usize>,
}

/// Pairs of images whose rectangles meet, in the order of a sweep over the output.
pub fn overlaps(images: &Listed) -> Vec<Overlap> {
    let windows = &images.windows;
    let pairs = overlapping(windows).into_iter();
    pairs
        .map(|(a, b, shared)| {
            let touches = |c: &usize| *c != a && *c != b && windows[*c].intersect(&shared).is_some();
            Overlap { a, b, others: (0..windows.len()).filter(touches).collect() }
        })
        .collect()
}

/// The table that `mDiffExec` reads, with a further column `others`: numbers of the images that lie on the overlap too,
/// with commas between, whose `_area` images [`super::diff_fit`] needs.
pub fn table(images: &Listed, pairs: &[Overlap]) -> IpacTable {
    let name = |k: usize| {
        let entry = &images.entries[k];
        Path::new(&entry.fname).file_name().map_or_else(|| entry.fname.clone(), |n| n.to_string_lossy().into_owned())
    };
    let number = |k: usize| images.entries[k].cntr;
    let entries: Vec<OverlapEntry> =
        pairs.iter().map(|p| OverlapEntry::new(number(p.a), number(p.b), &name(p.a), &name(p.b))).collect();
    let mut table = OverlapEntry::table(&entries);
    let column = table.add_column(Column::new("others", ColumnType::Char));
    for (row, pair) in pairs.iter().enumerate() {
        let others: Vec<String> = pair.others.iter().map(|k| number(*k).to_string()).collect();
        table.set(row, column, (!others.is_empty()).then(|| others.join(",")));
    }
    table
}
