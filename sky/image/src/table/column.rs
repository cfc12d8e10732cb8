//! One column of an IPAC table: name, type, unit, null.

/// Type of a column, as its header line names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ColumnType {
    /// `int`, `i`.
    Int,
    /// `long`, `l`.
    Long,
    /// `float`, `real`, `f`, `r`.
    Float,
    /// `double`, `d`.
    Double,
    /// `char`, `c`, and every name that the format does not define; also the type of tables without a type line.
    #[default]
    Char,
    /// `date`.
    Date,
}

impl ColumnType {
    /// The type that a header word names. Case does not count, and any prefix of a name stands for it (`doub`), as
    /// the format allows; an unknown word is [`ColumnType::Char`].
    pub fn from_word(word: &str) -> ColumnType {
        let word = word.trim().to_ascii_lowercase();
        let names = [
            ("int", ColumnType::Int),
            ("long", ColumnType::Long),
            ("float", ColumnType::Float),
            ("real", ColumnType::Float),
            ("double", ColumnType::Double),
            ("date", ColumnType::Date),
        ];
        if matches!(word.as_str(), "integer" | "short" | "byte" | "bool") {
            return ColumnType::Int;
        }
        // "d" alone is double; "da" and longer prefixes of "date" reach date.
        names
            .iter()
            .find(|(name, _)| !word.is_empty() && name.starts_with(&word))
            .map_or(ColumnType::Char, |(_, kind)| *kind)
    }

    /// The word written in a header.
    pub fn word(self) -> &'static str {
        match self {
            ColumnType::Int => "int",
            ColumnType::Long => "long",
            ColumnType::Float => "float",
            ColumnType::Double => "double",
            ColumnType::Char => "char",
            ColumnType::Date => "date",
        }
    }

    /// True for the types whose values are numbers.
    pub fn is_number(self) -> bool {
        !matches!(self, ColumnType::Char | ColumnType::Date)
    }
}

/// One column: name, type, unit, and the text that stands for "no value".
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Column {
    /// Name, as written, blanks around it removed.
    pub name: String,
    /// Type of the values.
    pub kind: ColumnType,
    /// Unit from the third header line, empty when there is none.
    pub unit: String,
    /// Null text from the fourth header line, empty when there is none; a blank cell is null in any case.
    pub null: String,
    /// Least width in characters when written, 0 for no more than the contents need.
    pub min_width: usize,
}

impl Column {
    /// A column without unit or null text.
    pub fn new(name: &str, kind: ColumnType) -> Column {
        Column { name: name.to_owned(), kind, ..Column::default() }
    }

    /// The same column, at least `width` characters wide when written.
    pub fn at_least(mut self, width: usize) -> Column {
        self.min_width = width;
        self
    }
}
