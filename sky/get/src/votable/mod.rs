//! VOTable documents: fields, rows and status, from TABLEDATA, BINARY and BINARY2.
//!
//! Source: IVOA Recommendation VOTable 1.4 (2019).

mod base64;
mod binary;
mod parse;

/// A table from a VOTable document: the first one of its results.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Votable {
    /// Columns.
    pub fields: Vec<Field>,
    /// Rows, one value a field.
    pub rows: Vec<Vec<Value>>,
    /// `INFO` elements: name, value, text.
    pub infos: Vec<Info>,
    /// `PARAM` elements: name and value.
    pub params: Vec<Info>,
}

/// An `INFO` or `PARAM` element.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Info {
    /// Name, as `QUERY_STATUS`.
    pub name: String,
    /// Value, as `OK`.
    pub value: String,
    /// The element's text.
    pub text: String,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Field {
    /// Name; the ID when there is none.
    pub name: String,
    /// Unified content descriptor.
    pub ucd: String,
    /// Data model role.
    pub utype: String,
    /// Unit.
    pub unit: String,
    /// `datatype` attribute.
    pub datatype: String,
    /// `arraysize` attribute, empty for scalars.
    pub arraysize: String,
    /// Value that stands for null in integer columns.
    pub null: Option<i64>,
}

/// A cell.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing.
    Null,
    /// Text.
    Text(String),
    /// Whole number.
    Integer(i64),
    /// Real number.
    Real(f64),
    /// True or false.
    Logical(bool),
    /// Array of numbers; complex ones as pairs.
    Numbers(Vec<f64>),
}

impl Value {
    /// As text; None when null.
    pub fn text(&self) -> Option<String> {
        match self {
            Value::Null => None,
            Value::Text(t) => Some(t.clone()),
            Value::Integer(i) => Some(i.to_string()),
            Value::Real(r) => Some(r.to_string()),
            Value::Logical(b) => Some(b.to_string()),
            Value::Numbers(n) => Some(n.iter().map(f64::to_string).collect::<Vec<_>>().join(" ")),
        }
    }

    /// As a number, also from text; None when it is none.
    pub fn number(&self) -> Option<f64> {
        match self {
            Value::Integer(i) => Some(*i as f64),
            Value::Real(r) => Some(*r),
            Value::Text(t) => t.trim().parse().ok(),
            Value::Numbers(n) => n.first().copied(),
            Value::Null | Value::Logical(_) => None,
        }
    }
}

/// What can be wrong with a VOTable.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum VotableError {
    /// Not well-formed XML.
    #[error("at byte {at}: {reason}")]
    Xml {
        /// Byte of the document.
        at: u64,
        /// What the XML reader says.
        reason: String,
    },
    /// XML of another kind.
    #[error("the document begins with '{start}', not with VOTABLE")]
    OtherDocument {
        /// First characters.
        start: String,
    },
    /// A binary stream that is cut short or not in base64.
    #[error("row {row}: the binary data {what}")]
    Binary {
        /// 1-based row.
        row: usize,
        /// What is wrong.
        what: &'static str,
    },
    /// Something of the standard that is not read here.
    #[error("{what} are not read")]
    Unsupported {
        /// What it is.
        what: String,
    },
}

impl Votable {
    /// Index of the first field that a predicate holds for.
    pub fn position(&self, wanted: impl Fn(&Field) -> bool) -> Option<usize> {
        self.fields.iter().position(wanted)
    }

    /// Index of a field by name; case does not count.
    pub fn named(&self, name: &str) -> Option<usize> {
        self.position(|f| f.name.eq_ignore_ascii_case(name))
    }

    /// Index of a field by UCD; case does not count.
    pub fn with_ucd(&self, ucd: &str) -> Option<usize> {
        self.position(|f| f.ucd.eq_ignore_ascii_case(ucd))
    }

    /// The service's error message, when it gives `QUERY_STATUS` `ERROR`.
    pub fn error(&self) -> Option<String> {
        let info = self.infos.iter().find(|i| i.name.eq_ignore_ascii_case("QUERY_STATUS"))?;
        if !info.value.eq_ignore_ascii_case("ERROR") {
            return None;
        }
        let text = info.text.split_whitespace().collect::<Vec<_>>().join(" ");
        Some(if text.is_empty() { "an error without a message".to_owned() } else { text })
    }

    /// True when the service left rows out for want of room.
    pub fn overflowed(&self) -> bool {
        let status = |i: &Info| i.name.eq_ignore_ascii_case("QUERY_STATUS") && i.value.eq_ignore_ascii_case("OVERFLOW");
        self.infos.iter().any(status)
    }
}

#[cfg(test)]
mod tests;
