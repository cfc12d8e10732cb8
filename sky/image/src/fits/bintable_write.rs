//! Writing binary tables from memory.

use std::path::Path;

use super::column::ElementType;
use super::error::FitsError;
use super::header::{Header, Value};
use super::pixel::Bitpix;
use super::write::FitsWriter;

/// Elements of one type. Unsigned types, and `I8`, are stored by the convention that adds TZERO.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the names say it all")]
pub enum Values {
    /// `None` is undefined.
    Logical(Vec<Option<bool>>),
    Bit(Vec<bool>),
    I8(Vec<i8>),
    U8(Vec<u8>),
    I16(Vec<i16>),
    U16(Vec<u16>),
    I32(Vec<i32>),
    U32(Vec<u32>),
    I64(Vec<i64>),
    U64(Vec<u64>),
    F32(Vec<f32>),
    F64(Vec<f64>),
    Complex32(Vec<(f32, f32)>),
    Complex64(Vec<(f64, f64)>),
    /// Characters; what is not ASCII is written as `?`.
    Text(String),
}

impl Values {
    /// Number of elements; characters for text.
    pub fn len(&self) -> usize {
        match self {
            Values::Logical(v) => v.len(),
            Values::Bit(v) => v.len(),
            Values::I8(v) => v.len(),
            Values::U8(v) => v.len(),
            Values::I16(v) => v.len(),
            Values::U16(v) => v.len(),
            Values::I32(v) => v.len(),
            Values::U32(v) => v.len(),
            Values::I64(v) => v.len(),
            Values::U64(v) => v.len(),
            Values::F32(v) => v.len(),
            Values::F64(v) => v.len(),
            Values::Complex32(v) => v.len(),
            Values::Complex64(v) => v.len(),
            Values::Text(v) => v.chars().count(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The type in the file.
    pub fn element(&self) -> ElementType {
        match self {
            Values::Logical(_) => ElementType::Logical,
            Values::Bit(_) => ElementType::Bit,
            Values::I8(_) | Values::U8(_) => ElementType::Number(Bitpix::U8),
            Values::I16(_) | Values::U16(_) => ElementType::Number(Bitpix::I16),
            Values::I32(_) | Values::U32(_) => ElementType::Number(Bitpix::I32),
            Values::I64(_) | Values::U64(_) => ElementType::Number(Bitpix::I64),
            Values::F32(_) => ElementType::Number(Bitpix::F32),
            Values::F64(_) => ElementType::Number(Bitpix::F64),
            Values::Complex32(_) => ElementType::Complex32,
            Values::Complex64(_) => ElementType::Complex64,
            Values::Text(_) => ElementType::Text,
        }
    }

    /// TZERO of the types that need it.
    fn zero(&self) -> Option<f64> {
        match (self, self.element()) {
            (Values::I8(_) | Values::U16(_) | Values::U32(_) | Values::U64(_), ElementType::Number(b)) => {
                b.unsigned_zero()
            }
            _ => None,
        }
    }

    /// Appends the stored form of elements `from .. to`.
    fn encode(&self, from: usize, to: usize, out: &mut Vec<u8>) {
        macro_rules! numbers {
            ($v:expr, $stored:expr) => {
                $v[from..to].iter().for_each(|v| out.extend_from_slice(&$stored(*v).to_be_bytes()))
            };
        }
        match self {
            Values::Logical(v) => out.extend(v[from..to].iter().map(|v| match v {
                Some(true) => b'T',
                Some(false) => b'F',
                None => 0,
            })),
            Values::Bit(v) => out.extend(
                v[from..to]
                    .chunks(8)
                    .map(|bits| bits.iter().enumerate().fold(0u8, |byte, (i, bit)| byte | u8::from(*bit) << (7 - i))),
            ),
            Values::I8(v) => numbers!(v, |v: i8| v.cast_unsigned() ^ 0x80),
            Values::U8(v) => out.extend_from_slice(&v[from..to]),
            Values::I16(v) => numbers!(v, |v: i16| v),
            Values::U16(v) => numbers!(v, |v: u16| v ^ 0x8000),
            Values::I32(v) => numbers!(v, |v: i32| v),
            Values::U32(v) => numbers!(v, |v: u32| v ^ 0x8000_0000),
            Values::I64(v) => numbers!(v, |v: i64| v),
            Values::U64(v) => numbers!(v, |v: u64| v ^ (1 << 63)),
            Values::F32(v) => numbers!(v, |v: f32| v),
            Values::F64(v) => numbers!(v, |v: f64| v),
            Values::Complex32(v) => {
                v[from..to].iter().for_each(|(re, im)| out.extend([re.to_be_bytes(), im.to_be_bytes()].concat()));
            }
            Values::Complex64(v) => {
                v[from..to].iter().for_each(|(re, im)| out.extend([re.to_be_bytes(), im.to_be_bytes()].concat()));
            }
            Values::Text(v) => {
                let ascii = |c: char| if c.is_ascii() { c as u8 } else { b'?' };
                out.extend(v.chars().skip(from).take(to - from).map(ascii));
            }
        }
    }
}

/// The cells of a column.
#[derive(Debug, Clone, PartialEq)]
pub enum Cells {
    /// `repeat` elements to each row, row after row.
    Fixed {
        /// Elements of a cell.
        repeat: usize,
        /// All elements; their number is `repeat` times that of the rows.
        values: Values,
    },
    /// A text to each row, as wide as the longest.
    Text(Vec<String>),
    /// Any number of elements to each row, kept in the heap; all rows of one type.
    Variable(Vec<Values>),
}

/// A column to be written.
#[derive(Debug, Clone, PartialEq)]
pub struct NewColumn {
    /// TTYPE.
    pub name: String,
    /// TUNIT; left out if empty.
    pub unit: String,
    /// Its cells.
    pub cells: Cells,
    /// TNULL: the stored integer that means "no value".
    pub null: Option<i64>,
    /// TSCAL and TZERO, said of stored values that are given already as stored; `None` for 1 and 0.
    pub scaling: Option<(f64, f64)>,
    /// TDIM, fastest axis first; left out if empty.
    pub dims: Vec<usize>,
}

impl NewColumn {
    /// A column of a name, a unit (may be empty) and cells.
    pub fn new(name: &str, unit: &str, cells: Cells) -> NewColumn {
        NewColumn { name: name.into(), unit: unit.into(), cells, null: None, scaling: None, dims: Vec::new() }
    }

    /// One number, or other element, to each row.
    pub fn scalars(name: &str, unit: &str, values: Values) -> NewColumn {
        NewColumn::new(name, unit, Cells::Fixed { repeat: 1, values })
    }

    fn rows(&self) -> Option<usize> {
        match &self.cells {
            Cells::Fixed { repeat: 0, .. } => None,
            Cells::Fixed { repeat, values } => Some(values.len() / repeat),
            Cells::Text(texts) => Some(texts.len()),
            Cells::Variable(rows) => Some(rows.len()),
        }
    }
}

/// Where a column's cells go.
struct Plan<'a> {
    column: &'a NewColumn,
    form: String,
    zero: Option<f64>,
    width: usize,
    wide: bool,
}

/// Writes a binary table as the next HDU of a file and returns its index.
///
/// - `header`: EXTNAME and other keywords; those of the columns are set here.
///
/// # Errors
/// [`FitsError::Column`] if columns have different numbers of rows, or a column of variable length has rows of
/// different types; else as [`FitsWriter::add_table`].
pub fn write_table(writer: &mut FitsWriter, header: &Header, columns: &[NewColumn]) -> Result<usize, FitsError> {
    let path = writer.path().to_owned();
    let rows = columns.iter().find_map(NewColumn::rows).unwrap_or(0);
    let mut plans = Vec::new();
    for column in columns {
        plans.push(plan(&path, writer.hdus().max(1), column, rows)?);
    }
    let mut full = Header::new();
    full.set("TFIELDS", columns.len(), "");
    for (index, plan) in plans.iter().enumerate() {
        describe(&mut full, index + 1, plan);
    }
    full.extend(header.cards().cloned());
    let row_bytes = plans.iter().map(|p| p.width).sum();
    let hdu = writer.add_table(&full, row_bytes, rows)?;
    let mut at = 0u64;
    let mut heap = Vec::new();
    let mut main = Vec::new();
    for row in 0..rows {
        for plan in &plans {
            write_cell(plan, row, at, &mut main, &mut heap);
        }
        if heap.len() > 1 << 20 || row + 1 == rows {
            at += heap.len() as u64;
            writer.append_heap(&heap)?;
            heap.clear();
        }
    }
    writer.write_table_rows(hdu, 0, &main)?;
    Ok(hdu)
}

fn plan<'a>(path: &Path, hdu: usize, column: &'a NewColumn, rows: usize) -> Result<Plan<'a>, FitsError> {
    let wrong =
        |problem: String| Err(FitsError::Column { path: path.to_owned(), hdu, column: column.name.clone(), problem });
    let mut wide = false;
    let (form, width, zero) = match &column.cells {
        Cells::Fixed { repeat, values } => {
            if values.len() != repeat * rows {
                return wrong(format!("has {} elements for {rows} rows of {repeat}", values.len()));
            }
            let element = values.element();
            (format!("{repeat}{}", element.letter()), element.bytes(*repeat).unwrap_or(0), values.zero())
        }
        Cells::Text(texts) => {
            if texts.len() != rows {
                return wrong(format!("has {} texts for {rows} rows", texts.len()));
            }
            let width = texts.iter().map(|t| t.chars().count()).max().unwrap_or(0).max(1);
            (format!("{width}A"), width, None)
        }
        Cells::Variable(cells) => {
            if cells.len() != rows {
                return wrong(format!("has {} cells for {rows} rows", cells.len()));
            }
            let element = cells.first().map_or(ElementType::Number(Bitpix::U8), Values::element);
            let zero = cells.first().and_then(Values::zero);
            if cells.iter().any(|c| c.element() != element || c.zero() != zero) {
                return wrong("has cells of different types".to_owned());
            }
            let longest = cells.iter().map(Values::len).max().unwrap_or(0);
            let total: usize = cells.iter().map(|c| element.bytes(c.len()).unwrap_or(0)).sum();
            // Half of what 31 bits hold, so that several columns fit one heap.
            wide = total > 1 << 30;
            let code = if wide { 'Q' } else { 'P' };
            (format!("1{code}{}({longest})", element.letter()), if wide { 16 } else { 8 }, zero)
        }
    };
    Ok(Plan { column, form, zero, width, wide })
}

fn describe(header: &mut Header, number: usize, plan: &Plan<'_>) {
    let key = |name: &str| format!("{name}{number}");
    header.set(&key("TTYPE"), plan.column.name.as_str(), "");
    header.set(&key("TFORM"), plan.form.as_str(), "");
    if !plan.column.unit.is_empty() {
        header.set(&key("TUNIT"), plan.column.unit.as_str(), "");
    }
    if let Some(null) = plan.column.null {
        header.set(&key("TNULL"), null, "");
    }
    let unsigned = plan.zero.map(|zero| (1.0, zero));
    if let Some((scale, zero)) = plan.column.scaling.or(unsigned) {
        header.set(&key("TSCAL"), Value::whole_or_real(scale), "");
        header.set(&key("TZERO"), Value::whole_or_real(zero), "");
    }
    if !plan.column.dims.is_empty() {
        let dims: Vec<String> = plan.column.dims.iter().map(usize::to_string).collect();
        header.set(&key("TDIM"), format!("({})", dims.join(",")), "");
    }
}

/// Appends a cell to the row, and its elements to the heap of which `at` bytes are written already.
fn write_cell(plan: &Plan<'_>, row: usize, at: u64, main: &mut Vec<u8>, heap: &mut Vec<u8>) {
    match &plan.column.cells {
        Cells::Fixed { repeat, values } => values.encode(row * repeat, (row + 1) * repeat, main),
        Cells::Text(texts) => {
            let end = main.len() + plan.width;
            main.extend(texts[row].chars().map(|c| if c.is_ascii() { c as u8 } else { b'?' }));
            main.resize(end, 0);
        }
        Cells::Variable(cells) => {
            let (count, offset) = (cells[row].len() as u64, at + heap.len() as u64);
            if plan.wide {
                main.extend_from_slice(&count.to_be_bytes());
                main.extend_from_slice(&offset.to_be_bytes());
            } else {
                main.extend_from_slice(&(count as u32).to_be_bytes());
                main.extend_from_slice(&(offset as u32).to_be_bytes());
            }
            cells[row].encode(0, cells[row].len(), heap);
        }
    }
}
