//! VOTable XML to [`Votable`].

use super::{Field, Info, Value, Votable, VotableError, base64, binary};
use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

/// How the rows are written.
#[derive(Clone, Copy, PartialEq)]
enum Serialisation {
    TableData,
    Binary,
    Binary2,
}

/// What the reader has seen so far.
#[derive(Default)]
struct State {
    table: Votable,
    /// The first table is complete; later ones (service descriptors) are passed over.
    table_done: bool,
    in_table: bool,
    in_field: bool,
    row: Option<Vec<Value>>,
    /// Text of the element being read.
    text: String,
    info: Option<Info>,
    stream: Option<Serialisation>,
    base64: bool,
}

impl Votable {
    /// Parses a document: the `INFO` and `PARAM` elements of all of it, fields and rows of its first table.
    ///
    /// # Errors
    /// [`VotableError`].
    pub fn parse(document: &str) -> Result<Votable, VotableError> {
        let mut reader = Reader::from_str(document);
        let mut state = State::default();
        let mut is_votable = false;
        loop {
            let event = reader
                .read_event()
                .map_err(|error| VotableError::Xml { at: reader.error_position(), reason: error.to_string() });
            // HTML error pages are rarely well-formed; that they are no VOTable says more.
            let event = if is_votable { event? } else { event.map_err(|_| other(document))? };
            match event {
                Event::Start(element) => {
                    let name = local(&element);
                    if !is_votable && name != "VOTABLE" {
                        return Err(other(document));
                    }
                    is_votable = true;
                    state.open(&name, &element)?;
                }
                Event::Empty(element) => {
                    let name = local(&element);
                    if !is_votable && name != "VOTABLE" {
                        return Err(other(document));
                    }
                    is_votable = true;
                    state.open(&name, &element)?;
                    state.close(&name)?;
                }
                Event::End(element) => {
                    let name = element.local_name();
                    state.close(&String::from_utf8_lossy(name.as_ref().as_bytes()))?;
                }
                Event::Text(text) => state.text.push_str(&text.xml10_content()),
                Event::CData(text) => state.text.push_str(&text.xml10_content()),
                Event::GeneralRef(reference) => state.text.push_str(&entity(&reference)),
                Event::Eof => break,
                _ => {}
            }
        }
        if is_votable { Ok(state.table) } else { Err(other(document)) }
    }
}

impl State {
    fn open(&mut self, name: &str, element: &BytesStart<'_>) -> Result<(), VotableError> {
        let attribute = |key: &str| attribute(element, key);
        match name {
            "INFO" => {
                self.text.clear();
                let (name, value) = (attribute("name"), attribute("value"));
                self.info = Some(Info { name, value, text: String::new() });
            }
            "PARAM" => {
                let (name, value) = (attribute("name"), attribute("value"));
                self.table.params.push(Info { name, value, text: String::new() });
            }
            "TABLE" => self.in_table = !self.table_done,
            "FIELD" if self.in_table => {
                let name = attribute("name");
                self.in_field = true;
                self.table.fields.push(Field {
                    name: if name.is_empty() { attribute("ID") } else { name },
                    ucd: attribute("ucd"),
                    utype: attribute("utype"),
                    unit: attribute("unit"),
                    datatype: attribute("datatype"),
                    arraysize: attribute("arraysize"),
                    null: None,
                });
            }
            "VALUES" if self.in_field => {
                if let Some(field) = self.table.fields.last_mut() {
                    field.null = attribute("null").trim().parse().ok();
                }
            }
            "TABLEDATA" if self.in_table => self.stream = Some(Serialisation::TableData),
            "BINARY" if self.in_table => self.stream = Some(Serialisation::Binary),
            "BINARY2" if self.in_table => self.stream = Some(Serialisation::Binary2),
            "FITS" if self.in_table => {
                return Err(VotableError::Unsupported { what: "VOTables that hold FITS".to_owned() });
            }
            "STREAM" if self.in_table => {
                if !attribute("href").is_empty() {
                    return Err(VotableError::Unsupported { what: "VOTables with data at another address".to_owned() });
                }
                self.base64 = attribute("encoding").eq_ignore_ascii_case("base64");
                self.text.clear();
            }
            "TR" if self.stream == Some(Serialisation::TableData) => self.row = Some(Vec::new()),
            "TD" => self.text.clear(),
            _ => {}
        }
        Ok(())
    }

    fn close(&mut self, name: &str) -> Result<(), VotableError> {
        match name {
            "INFO" => {
                if let Some(mut info) = self.info.take() {
                    info.text = std::mem::take(&mut self.text);
                    self.table.infos.push(info);
                }
            }
            "FIELD" => self.in_field = false,
            "TD" => {
                if let Some(row) = &mut self.row {
                    let value = self.table.fields.get(row.len()).map(|field| cell(&self.text, field));
                    row.extend(value);
                }
                self.text.clear();
            }
            "TR" => {
                if let Some(mut row) = self.row.take() {
                    row.resize(self.table.fields.len(), Value::Null);
                    self.table.rows.push(row);
                }
            }
            "STREAM" if self.in_table => {
                if !self.base64 {
                    return Err(VotableError::Unsupported { what: "binary VOTables without base64".to_owned() });
                }
                let bytes = base64::decode(&self.text);
                let bytes = bytes.ok_or(VotableError::Binary { row: 0, what: "are not base64" })?;
                let flags = self.stream == Some(Serialisation::Binary2);
                self.table.rows = binary::rows(&bytes, &self.table.fields, flags)?;
                self.text.clear();
            }
            "TABLEDATA" | "BINARY" | "BINARY2" => self.stream = None,
            "TABLE" => {
                self.table_done |= self.in_table;
                self.in_table = false;
            }
            _ => {}
        }
        Ok(())
    }
}

/// A TABLEDATA cell by its field's type.
fn cell(text: &str, field: &Field) -> Value {
    let text = text.trim();
    if text.is_empty() {
        return Value::Null;
    }
    let scalar = field.arraysize.is_empty();
    match field.datatype.as_str() {
        "boolean" if scalar => match text.to_ascii_lowercase().as_str() {
            "t" | "true" | "1" => Value::Logical(true),
            "f" | "false" | "0" => Value::Logical(false),
            _ => Value::Null,
        },
        "unsignedByte" | "short" | "int" | "long" if scalar => {
            let hex = text.strip_prefix("0x").and_then(|h| i64::from_str_radix(h, 16).ok());
            match hex.or_else(|| text.parse().ok()) {
                Some(value) if Some(value) == field.null => Value::Null,
                Some(value) => Value::Integer(value),
                None => Value::Text(text.to_owned()),
            }
        }
        "float" | "double" if scalar => match text.trim_start_matches('+').parse::<f64>() {
            Ok(value) if value.is_nan() => Value::Null,
            Ok(value) => Value::Real(value),
            Err(_) => Value::Text(text.to_owned()),
        },
        "char" | "unicodeChar" | "boolean" | "bit" | "" => Value::Text(text.to_owned()),
        _ => {
            let numbers: Option<Vec<f64>> = text.split_whitespace().map(|n| n.parse().ok()).collect();
            numbers.map_or_else(|| Value::Text(text.to_owned()), Value::Numbers)
        }
    }
}

fn local(element: &BytesStart<'_>) -> String {
    String::from_utf8_lossy(element.local_name().as_ref().as_bytes()).into_owned()
}

fn attribute(element: &BytesStart<'_>, key: &str) -> String {
    let found = element.attributes().flatten().find(|a| a.key.local_name().as_ref().as_bytes() == key.as_bytes());
    let value = found.and_then(|a| a.normalized_value(XmlVersion::Implicit1_0).ok().map(|v| v.into_owned()));
    value.unwrap_or_default()
}

fn entity(reference: &quick_xml::events::BytesRef<'_>) -> String {
    if let Ok(Some(character)) = reference.resolve_char_ref() {
        return character.to_string();
    }
    let name = reference.xml10_content();
    quick_xml::escape::resolve_predefined_entity(&name).map_or_else(|| format!("&{name};"), str::to_owned)
}

fn other(document: &str) -> VotableError {
    VotableError::OtherDocument { start: document.trim_start().chars().take(40).collect() }
}
