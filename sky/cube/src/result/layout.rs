//! Names and row types of the HDF5 layout.

use hdf5_pure::{CompoundTypeBuilder, Datatype, FormatError};

/// Pixels of a block of the frame along each side.
pub(super) const BLOCK: usize = 1024;
/// Pixels of a chunk along each side.
pub(super) const CHUNK: usize = 32;
/// Entries of a block of histogram bins.
pub(super) const HISTOGRAM_BLOCK: usize = 1_000_000;
/// Planes of a parameter: what the file calls them, in order.
pub(super) const IMAGES: [&str; 7] = [
    "best_fit",
    "percentile_50",
    "highest_prob_bin",
    "percentile_2_5",
    "percentile_16",
    "percentile_84",
    "percentile_97_5",
];
/// Number of the paper's parameters.
pub(super) const PAPER: usize = 16;
/// Value of the attribute `format`.
pub(super) const FORMAT: &str = "pogson fit";
/// Value of the attribute `format_version`.
pub(super) const VERSION: i64 = 1;

/// Type of a member of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    U32,
    I32,
    I64,
    F64,
}

/// A row type: names and types of its members, packed in order.
pub(super) type Row = &'static [(&'static str, Kind)];

/// `pixel_details_`: which models fit best. `chi2` is the sum; MAGPHYS prints it divided by the number of bands.
pub(super) const DETAILS: Row = &[
    ("pxresult_id", Kind::I64),
    ("area_id", Kind::I64),
    ("i_sfh", Kind::I64),
    ("i_ir", Kind::I64),
    ("chi2", Kind::F64),
    ("redshift", Kind::F64),
    ("i_opt", Kind::I64),
    ("dmstar", Kind::F64),
    ("dfmu_aux", Kind::F64),
    ("dz", Kind::F64),
];
/// `pixel_posterior_`: how the posterior is spread.
pub(super) const POSTERIOR: Row = &[
    ("ln_evidence", Kind::F64),
    ("effective_stellar", Kind::F64),
    ("effective_dust", Kind::F64),
    ("bands_used", Kind::U32),
    ("flags", Kind::U32),
];
/// `pixel_parameters_`: the histogram's kept range.
pub(super) const PARAMETERS: Row =
    &[("first_prob_bin", Kind::F64), ("last_prob_bin", Kind::F64), ("bin_step", Kind::F64)];
/// `pixel_filters_`: what was measured in a band, in Jy; `measured` is 0 for nothing, 1 for a flux, 2 for a limit.
pub(super) const FILTERS: Row = &[
    ("observed_flux", Kind::F64),
    ("observational_uncertainty", Kind::F64),
    ("flux_bfm", Kind::F64),
    ("measured", Kind::I32),
];
/// `pixel_histograms_grid_`: where a histogram stands in the blocks; a `block_id` of 0 means nowhere.
pub(super) const HISTOGRAM_GRID: Row = &[("block_id", Kind::I32), ("index", Kind::I32), ("length", Kind::I32)];
/// `histogram_blocks/block_N`.
pub(super) const HISTOGRAM: Row = &[("x_axis", Kind::F64), ("hist_value", Kind::F64)];
/// `area`: a part of the frame that was fitted at once.
pub(super) const AREA: Row = &[
    ("area_id", Kind::I64),
    ("top_x", Kind::I64),
    ("top_y", Kind::I64),
    ("bottom_x", Kind::I64),
    ("bottom_y", Kind::I64),
];
/// `area_user`: who fitted it.
pub(super) const AREA_USER: Row = &[("area_id", Kind::I64), ("userid", Kind::I64)];

impl Kind {
    fn bytes(self) -> usize {
        match self {
            Kind::U32 | Kind::I32 => 4,
            Kind::I64 | Kind::F64 => 8,
        }
    }
}

/// Bytes of a row.
pub(super) fn row_bytes(row: Row) -> usize {
    row.iter().map(|(_, kind)| kind.bytes()).sum()
}

/// The row as HDF5's compound type.
pub(super) fn datatype(row: Row) -> Result<Datatype, FormatError> {
    let members = row.iter().fold(CompoundTypeBuilder::new(), |built, (name, kind)| match kind {
        Kind::U32 => built.u32_field(name),
        Kind::I32 => built.i32_field(name),
        Kind::I64 => built.i64_field(name),
        Kind::F64 => built.f64_field(name),
    });
    members.build()
}

/// Fills a row member by member.
pub(super) struct RowWriter<'a> {
    rest: &'a mut [u8],
}

impl<'a> RowWriter<'a> {
    /// Of a row's bytes.
    pub(super) fn new(row: &'a mut [u8]) -> RowWriter<'a> {
        RowWriter { rest: row }
    }

    fn put(&mut self, bytes: &[u8]) -> &mut Self {
        let rest = std::mem::take(&mut self.rest);
        let (now, later) = rest.split_at_mut(bytes.len());
        now.copy_from_slice(bytes);
        self.rest = later;
        self
    }

    pub(super) fn u32(&mut self, v: u32) -> &mut Self {
        self.put(&v.to_le_bytes())
    }

    pub(super) fn i32(&mut self, v: i32) -> &mut Self {
        self.put(&v.to_le_bytes())
    }

    pub(super) fn i64(&mut self, v: i64) -> &mut Self {
        self.put(&v.to_le_bytes())
    }

    pub(super) fn f64(&mut self, v: f64) -> &mut Self {
        self.put(&v.to_le_bytes())
    }
}

/// Reads a row member by member; zeros past its end.
pub(super) struct RowReader<'a> {
    rest: &'a [u8],
}

impl<'a> RowReader<'a> {
    /// Of a row's bytes.
    pub(super) fn new(row: &'a [u8]) -> RowReader<'a> {
        RowReader { rest: row }
    }

    fn take<const N: usize>(&mut self) -> [u8; N] {
        match self.rest.split_first_chunk::<N>() {
            Some((now, later)) => {
                self.rest = later;
                *now
            }
            None => [0; N],
        }
    }

    pub(super) fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.take())
    }

    pub(super) fn i32(&mut self) -> i32 {
        i32::from_le_bytes(self.take())
    }

    pub(super) fn i64(&mut self) -> i64 {
        i64::from_le_bytes(self.take())
    }

    pub(super) fn f64(&mut self) -> f64 {
        f64::from_le_bytes(self.take())
    }
}
