//! Areas of the frame: how a file without any is cut, their tables, and the area of a pixel.

use hdf5_pure::{AttrValue, FormatError, GroupBuilder};

use super::layout::{AREA, AREA_USER, RowWriter, datatype, row_bytes};
use super::{Area, ResultFile};
use crate::area::{LEAST, ROWS, cut, runs};

impl ResultFile {
    /// The parts of the frame: those that are known, else such as a project cuts by default, so that a galaxy that was fitted at
    /// one place has the areas that many places would have had.
    pub(super) fn areas(&self) -> Vec<Area> {
        if let Some(crowd) = &self.crowd {
            return crowd.areas.clone();
        }
        let (width, height) = (self.facts.width, self.facts.height);
        let mut pixels: Vec<usize> = self.pixels.iter().map(|r| r.y as usize * width as usize + r.x as usize).collect();
        pixels.sort_unstable();
        let of_pixels = cut(&pixels, width as usize, ROWS, LEAST).into_iter().map(|area| (area.first, area.last));
        let bins = self.bins.as_ref().map_or(0, |bins| bins.records.len());
        let sums = bins + self.special.values().map(Vec::len).sum::<usize>();
        let frame = ((0, 0), (width.saturating_sub(1), height.saturating_sub(1)));
        let of_sums = runs(u32::try_from(sums).unwrap_or(u32::MAX), LEAST).map(|_| frame);
        let mut corners: Vec<((u32, u32), (u32, u32))> = of_pixels.chain(of_sums).collect();
        if corners.is_empty() {
            // A table has a row at least.
            corners.push(frame);
        }
        let area = |(number, (first, last))| Area { number, first, last, users: Vec::new() };
        (1..).zip(corners).map(area).collect()
    }

    /// `area`, `area_user` and `user`.
    pub(super) fn tables_of_areas(&self, areas: &[Area], galaxy: &mut GroupBuilder) -> Result<(), FormatError> {
        let mut rows = vec![0; row_bytes(AREA) * areas.len()];
        for (area, row) in areas.iter().zip(rows.chunks_exact_mut(row_bytes(AREA))) {
            let corners = [area.first.0, area.first.1, area.last.0, area.last.1];
            let mut row = RowWriter::new(row);
            row.i64(i64::from(area.number));
            corners.into_iter().for_each(|corner| {
                row.i64(i64::from(corner));
            });
        }
        galaxy.create_dataset("area").with_compound_data(datatype(AREA)?, rows, areas.len() as u64);
        let pairs = areas.iter().flat_map(|area| area.users.iter().map(|user| (i64::from(area.number), *user)));
        let mut pairs: Vec<(i64, i64)> = pairs.collect();
        if pairs.is_empty() {
            // A table has a row at least.
            pairs.push((0, 0));
        }
        let mut rows = vec![0; row_bytes(AREA_USER) * pairs.len()];
        for ((area, user), row) in pairs.iter().zip(rows.chunks_exact_mut(row_bytes(AREA_USER))) {
            RowWriter::new(row).i64(*area).i64(*user);
        }
        galaxy.create_dataset("area_user").with_compound_data(datatype(AREA_USER)?, rows, pairs.len() as u64);
        if let Some(users) = self.crowd.as_ref().map(|crowd| &crowd.users).filter(|users| !users.is_empty()) {
            let names: Vec<&str> = users.values().map(String::as_str).collect();
            let dataset = galaxy.create_dataset("user").with_vlen_strings(&names);
            dataset.set_attr("userid", AttrValue::I64Array(users.keys().copied().collect()));
        }
        Ok(())
    }
}

/// The area of each pixel.
pub(super) struct Lookup {
    /// For each row first and last column of the areas in it, with their numbers.
    rows: Vec<Vec<(u32, u32, u32)>>,
    /// The first area that is the whole frame, for what lies in no other; 0 where there is none.
    whole: u32,
}

impl Lookup {
    pub(super) fn of(areas: &[Area], (width, height): (u32, u32)) -> Lookup {
        let mut lookup = Lookup { rows: vec![Vec::new(); height as usize], whole: 0 };
        for area in areas {
            let frame = area.first == (0, 0) && area.last == (width.saturating_sub(1), height.saturating_sub(1));
            if frame && lookup.whole == 0 {
                lookup.whole = area.number;
            }
            let rows = (area.first.1 as usize)..(area.last.1 as usize).saturating_add(1).min(lookup.rows.len());
            for row in lookup.rows.get_mut(rows).unwrap_or_default().iter_mut().filter(|_| !frame) {
                row.push((area.first.0, area.last.0, area.number));
            }
        }
        lookup.rows.iter_mut().for_each(|row| row.sort_unstable());
        lookup
    }

    /// Of places that are no pixels: all in the area that is the whole frame.
    pub(super) fn of_sums(&self) -> Lookup {
        Lookup { rows: Vec::new(), whole: self.whole }
    }

    /// The number of the area that holds a pixel.
    pub(super) fn number(&self, x: u32, y: u32) -> u32 {
        let Some(row) = self.rows.get(y as usize) else { return self.whole };
        // Areas of pixels do not overlap.
        let before = row.partition_point(|(first, _, _)| *first <= x);
        let found = row[..before].last().filter(|(_, last, _)| x <= *last);
        found.map_or(self.whole, |(_, _, number)| *number)
    }
}
