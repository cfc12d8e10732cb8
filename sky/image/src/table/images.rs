//! Montage's image metadata table (`images.tbl`), as `mImgtbl` writes it.

use super::{Column, ColumnType, IpacTable, TableError};

/// One image: where it lies on the sky, how large it is, and in which file.
///
/// The linear WCS is that of the table; distortion terms are in the file alone.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ImageEntry {
    /// Counter, unique in the table.
    pub cntr: i64,
    /// Right ascension and declination (J2000, degrees) of the image's centre.
    pub center_deg: Option<[f64; 2]>,
    /// Pixels along the first axis.
    pub naxis1: usize,
    /// Pixels along the second axis.
    pub naxis2: usize,
    /// Axis names with projection, `RA---TAN`.
    pub ctype: [String; 2],
    /// Reference pixel, 1-based.
    pub crpix: [f64; 2],
    /// Longitude and latitude of the reference pixel in degrees, in the image's own frame.
    pub crval_deg: [f64; 2],
    /// Pixel size in degrees, signed.
    pub cdelt_deg: [f64; 2],
    /// Rotation in degrees as CROTA2.
    pub crota2_deg: f64,
    /// Equinox in years.
    pub equinox: f64,
    /// Number of axes.
    pub naxis: usize,
    /// Planes, when there is a third axis.
    pub naxis3: Option<usize>,
    /// Right ascension and declination (J2000, degrees) of the outer corners: (low x, low y), (low x, high y),
    /// (high x, high y), (high x, low y).
    pub corners_deg: Option<[[f64; 2]; 4]>,
    /// Bytes of the file.
    pub size: u64,
    /// HDU, 0 for the primary.
    pub hdu: usize,
    /// File name; in a table of raw images often relative to the folder that the table describes.
    pub fname: String,
}

const CORNERS: [[&str; 2]; 4] = [["ra1", "dec1"], ["ra2", "dec2"], ["ra3", "dec3"], ["ra4", "dec4"]];

impl ImageEntry {
    /// Reads each row of an image metadata table.
    ///
    /// Needs `naxis1 naxis2 ctype1 ctype2 crpix1 crpix2 crval1 crval2 cdelt1 cdelt2 fname`. Without `cntr` rows
    /// count from 0; `crota2` is then 0, `equinox` (or `epoch`) 2000, `hdu` and `size` 0; `ra dec` and
    /// `ra1` to `dec4` are given when each of them is there. `file` and `fname` mean the same.
    ///
    /// # Errors
    /// [`TableError::MissingColumn`], and [`TableError::BadCell`] for a cell that is null or no number where one
    /// is needed, and for sizes below 1.
    pub fn read_all(table: &IpacTable) -> Result<Vec<ImageEntry>, TableError> {
        let cntr = table.column("cntr");
        let fname = table.column("fname").or_else(|| table.column("file"));
        let fname = fname.map_or_else(|| table.need("fname"), Ok)?;
        let pair = |a: &str, b: &str| Ok::<_, TableError>([table.need(a)?, table.need(b)?]);
        let naxis = pair("naxis1", "naxis2")?;
        let ctype = pair("ctype1", "ctype2")?;
        let crpix = pair("crpix1", "crpix2")?;
        let crval = pair("crval1", "crval2")?;
        let cdelt = pair("cdelt1", "cdelt2")?;
        let equinox = table.column("equinox").or_else(|| table.column("epoch"));
        let mut entries = Vec::with_capacity(table.len());
        for row in 0..table.len() {
            let real = |column| need_f64(table, row, column);
            let text = |column| table.text(row, column).unwrap_or("").to_owned();
            let numbers = |columns: [usize; 2]| Ok::<_, TableError>([real(columns[0])?, real(columns[1])?]);
            let given = |name: &str| table.column(name).map_or(Ok(None), |c| table.f64(row, c));
            let whole = |name: &str| table.column(name).map_or(Ok(None), |c| table.i64(row, c));
            let sky = |names: [&str; 2]| Ok::<_, TableError>(given(names[0])?.zip(given(names[1])?));
            let mut corners = Some([[0.0; 2]; 4]);
            for (index, names) in CORNERS.iter().enumerate() {
                match (sky(*names)?, &mut corners) {
                    (Some((ra, dec)), Some(corners)) => corners[index] = [ra, dec],
                    _ => corners = None,
                }
            }
            if table.text(row, fname).is_none() {
                return Err(table.bad_cell(row, fname, "a file name"));
            }
            entries.push(ImageEntry {
                cntr: match cntr {
                    Some(column) => need_i64(table, row, column)?,
                    None => row as i64,
                },
                center_deg: sky(["ra", "dec"])?.map(|(ra, dec)| [ra, dec]),
                naxis1: need_size(table, row, naxis[0])?,
                naxis2: need_size(table, row, naxis[1])?,
                ctype: [text(ctype[0]), text(ctype[1])],
                crpix: numbers(crpix)?,
                crval_deg: numbers(crval)?,
                cdelt_deg: numbers(cdelt)?,
                crota2_deg: given("crota2")?.unwrap_or(0.0),
                equinox: equinox.map_or(Ok(None), |c| table.f64(row, c))?.unwrap_or(2000.0),
                naxis: whole("naxis")?.and_then(|n| usize::try_from(n).ok()).unwrap_or(2),
                naxis3: whole("naxis3")?.and_then(|n| usize::try_from(n).ok()),
                corners_deg: corners,
                size: whole("size")?.and_then(|n| u64::try_from(n).ok()).unwrap_or(0),
                hdu: whole("hdu")?.and_then(|n| usize::try_from(n).ok()).unwrap_or(0),
                fname: text(fname),
            });
        }
        Ok(entries)
    }

    /// A table that Montage's programs read, in the column order of `mImgtbl`; centre and corner columns are
    /// written when an entry has them. Numbers have as many digits as they need to be read back exactly.
    pub fn table(entries: &[ImageEntry]) -> IpacTable {
        use ColumnType::{Char, Double, Int, Long};
        let with_center = entries.iter().any(|e| e.center_deg.is_some());
        let with_corners = entries.iter().any(|e| e.corners_deg.is_some());
        let mut columns = vec![Column::new("cntr", Int).at_least(6)];
        if with_center {
            columns.extend([Column::new("ra", Double), Column::new("dec", Double)]);
        }
        columns.extend([("naxis1", Int), ("naxis2", Int), ("ctype1", Char), ("ctype2", Char)].map(new));
        columns.extend([("crpix1", Double), ("crpix2", Double), ("crval1", Double), ("crval2", Double)].map(new));
        columns.extend([("cdelt1", Double), ("cdelt2", Double), ("crota2", Double), ("equinox", Double)].map(new));
        columns.extend([("naxis", Int), ("naxis3", Int)].map(new));
        if with_corners {
            columns.extend(CORNERS.iter().flatten().map(|name| Column::new(name, Double)));
        }
        columns.extend([("size", Long), ("hdu", Int), ("fname", Char)].map(new));
        let mut table = IpacTable::new(columns);
        table.keywords.push(("datatype".to_owned(), "fitshdr".to_owned()));
        for entry in entries {
            table.push(entry.cells(with_center, with_corners));
        }
        table
    }

    fn cells(&self, with_center: bool, with_corners: bool) -> Vec<Option<String>> {
        let mut cells = vec![Some(self.cntr.to_string())];
        let real = |v: f64| Some(number(v));
        if with_center {
            cells.extend((0..2).map(|i| self.center_deg.map(|p| number(p[i]))));
        }
        cells.extend([Some(self.naxis1.to_string()), Some(self.naxis2.to_string())]);
        cells.extend(self.ctype.iter().cloned().map(Some));
        for pair in [self.crpix, self.crval_deg, self.cdelt_deg, [self.crota2_deg, self.equinox]] {
            cells.extend(pair.map(real));
        }
        cells.extend([Some(self.naxis.to_string()), self.naxis3.map(|n| n.to_string())]);
        if with_corners {
            cells.extend((0..8).map(|i| self.corners_deg.map(|c| number(c[i / 2][i % 2]))));
        }
        cells.extend([Some(self.size.to_string()), Some(self.hdu.to_string()), Some(self.fname.clone())]);
        cells
    }
}

fn new((name, kind): (&str, ColumnType)) -> Column {
    Column::new(name, kind)
}

/// The shortest text that reads back as the same number, in a form that C's `atof` knows.
pub(super) fn number(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 || (1e-3..1e15).contains(&size) { value.to_string() } else { format!("{value:e}") }
}

pub(super) fn need_f64(table: &IpacTable, row: usize, column: usize) -> Result<f64, TableError> {
    table.f64(row, column)?.ok_or_else(|| table.bad_cell(row, column, "a number"))
}

pub(super) fn need_i64(table: &IpacTable, row: usize, column: usize) -> Result<i64, TableError> {
    table.i64(row, column)?.ok_or_else(|| table.bad_cell(row, column, "an integer"))
}

fn need_size(table: &IpacTable, row: usize, column: usize) -> Result<usize, TableError> {
    usize::try_from(need_i64(table, row, column)?)
        .ok()
        .filter(|n| *n > 0)
        .ok_or_else(|| table.bad_cell(row, column, "a number of pixels (1 or more)"))
}
