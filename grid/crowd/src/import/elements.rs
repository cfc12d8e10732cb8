//! Statistics as BOINC's `db_dump` writes them: `user.gz` and the others, elements of lines.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use super::dump::DumpError;
use crate::wire::Node;

/// Bytes of one element at most.
const MOST: usize = 1 << 20;
/// Bytes of one line at most.
const MOST_LINE: u64 = 1 << 20;

/// The file of a table in a folder of statistics.
pub(super) fn file(folder: &Path, table: &str) -> Option<PathBuf> {
    let names = [
        format!("{table}.gz"),
        format!("{table}.xml.gz"),
        format!("{table}.xml"),
        format!("{table}_id.gz"),
        table.to_owned(),
    ];
    names.into_iter().map(|name| folder.join(name)).find(|path| path.is_file())
}

/// Opens a file, unpacked where it is packed by gzip.
pub(super) fn open(path: &Path) -> io::Result<Box<dyn BufRead>> {
    const BUFFER: usize = 1 << 18;
    let mut file = BufReader::with_capacity(BUFFER, File::open(path)?);
    let packed = file.fill_buf()?.starts_with(&[0x1f, 0x8b]);
    Ok(if packed { Box::new(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(file))) } else { Box::new(file) })
}

/// Calls for each element of a name; each begins and ends on lines of its own.
pub(super) fn each<E: From<DumpError>>(
    mut lines: impl BufRead,
    name: &str,
    mut take: impl FnMut(Node) -> Result<(), E>,
) -> Result<(), E> {
    let (begin, end) = (format!("<{name}>"), format!("</{name}>"));
    let (mut element, mut inside, mut number) = (Vec::new(), false, 0);
    loop {
        let from = element.len();
        let read = (&mut lines).take(MOST_LINE).read_until(b'\n', &mut element).map_err(DumpError::Io)?;
        number += 1;
        if read == 0 {
            let whole =
                Err(DumpError::Text { line: number, what: "an element does not end; the file is not whole" }.into());
            return if inside { whole } else { Ok(()) };
        }
        let line = String::from_utf8_lossy(&element[from..]).trim().to_owned();
        if line.starts_with(&begin) {
            element.drain(..from);
            inside = true;
        } else if !inside {
            element.clear();
            continue;
        }
        if element.len() > MOST {
            return Err(DumpError::Text { line: number, what: "an element is longer than any of statistics" }.into());
        }
        if line.ends_with(&end) {
            let text = format!("<element>{}</element>", inner(&element, &begin, &end));
            let node = Node::parse(text.as_bytes(), "element")
                .map_err(|_| DumpError::Text { line: number, what: "an element is no XML" })?;
            take(node)?;
            element.clear();
            inside = false;
        }
    }
}

/// What is between the tags. Bytes that are no UTF-8 are taken as characters of their own, as references to them are.
fn inner(element: &[u8], begin: &str, end: &str) -> String {
    let text = match std::str::from_utf8(element) {
        Ok(text) => text.to_owned(),
        Err(_) => element.iter().map(|&byte| char::from(byte)).collect(),
    };
    let text = text.trim();
    text.strip_prefix(begin).and_then(|text| text.strip_suffix(end)).unwrap_or(text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &[u8]) -> Result<Vec<String>, DumpError> {
        let mut found = Vec::new();
        each(text, "user", |node| {
            found.push(node.text_of("name").to_owned());
            Ok::<_, DumpError>(())
        })?;
        Ok(found)
    }

    #[test]
    fn elements_are_read_line_by_line() {
        let text = b"<?xml version=\"1.0\"?>\n<users>\n<user>\n <id>1</id>\n <name>Ann &amp; Bob</name>\n</user>\n<user>\n <name>J\xfc</name>\n</user>\n</users>\n";
        assert_eq!(names(text).unwrap(), ["Ann & Bob", "Jü"]);
        assert!(matches!(names(b"<users>\n<user>\n<name>x</name>\n"), Err(DumpError::Text { .. })));
        assert!(names(b"").unwrap().is_empty());
    }
}
