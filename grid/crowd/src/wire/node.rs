//! Elements of a client's XML, read with limits: what comes from a stranger must neither fill the memory nor the stack.

use quick_xml::Reader;
use quick_xml::events::Event;

/// Elements within each other.
const DEEPEST: usize = 24;
/// Elements of one document: a host that reports a thousand results sends some tens of thousands.
const MOST: usize = 300_000;

/// Why a document was not understood.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum WireError {
    /// No XML of the kind that was due.
    #[error("no {wanted} in the request, which begins with {found:?}")]
    NotFound {
        /// The element that was due.
        wanted: &'static str,
        /// How the document begins.
        found: String,
    },
    /// Elements that do not close.
    #[error("the request's XML ends or breaks at byte {at}")]
    Broken {
        /// Where.
        at: u64,
    },
    /// More than any client sends.
    #[error("the request has {what} beyond what any client sends")]
    TooMuch {
        /// Of what.
        what: &'static str,
    },
    /// An element that cannot be done without, or whose value cannot be.
    #[error("the request's {element} is missing or no value")]
    Element {
        /// Which.
        element: &'static str,
    },
}

/// An element: its text and the elements in it. Attributes are passed over: clients send none that matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Node {
    /// The tag.
    pub name: String,
    /// The text directly in it, entities replaced, control characters but line ends and tabs left out.
    pub text: String,
    /// The elements in it, in order.
    pub children: Vec<Node>,
}

impl Node {
    /// Reads the element `wanted` of a document; bytes that are no UTF-8 become the replacement character, and what comes before
    /// and after the element is passed over.
    ///
    /// # Errors
    /// [`WireError`]: no such element, XML that breaks off, or more of it than any client sends.
    pub fn parse(bytes: &[u8], wanted: &'static str) -> Result<Node, WireError> {
        let text = String::from_utf8_lossy(bytes);
        let Some(start) = text.find(&format!("<{wanted}>")) else {
            return Err(WireError::NotFound { wanted, found: text.chars().take(40).collect() });
        };
        let mut reader = Reader::from_str(&text[start..]);
        let config = reader.config_mut();
        config.allow_dangling_amp = true;
        let (mut open, mut count): (Vec<Node>, usize) = (Vec::new(), 0);
        loop {
            let event = reader.read_event().map_err(|_| WireError::Broken { at: reader.error_position() })?;
            match event {
                Event::Start(tag) => {
                    count += 1;
                    if open.len() >= DEEPEST || count > MOST {
                        return Err(WireError::TooMuch { what: "elements" });
                    }
                    open.push(Node { name: tag.local_name().as_ref().to_owned(), ..Node::default() });
                }
                Event::Empty(tag) => {
                    count += 1;
                    if count > MOST {
                        return Err(WireError::TooMuch { what: "elements" });
                    }
                    let node = Node { name: tag.local_name().as_ref().to_owned(), ..Node::default() };
                    if let Some(parent) = open.last_mut() {
                        parent.children.push(node);
                    }
                }
                Event::Text(text) => push(&mut open, &text),
                Event::CData(text) => push(&mut open, &text),
                Event::GeneralRef(entity) => push(&mut open, &replaced(&entity)),
                Event::End(_) => {
                    let Some(mut done) = open.pop() else {
                        return Err(WireError::Broken { at: reader.buffer_position() });
                    };
                    done.text = done.text.trim().to_owned();
                    match open.last_mut() {
                        Some(parent) => parent.children.push(done),
                        None => return Ok(done),
                    }
                }
                Event::Eof => return Err(WireError::Broken { at: reader.buffer_position() }),
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
            }
        }
    }

    /// The first element of a name in this one.
    pub fn get(&self, name: &str) -> Option<&Node> {
        self.children.iter().find(|child| child.name == name)
    }

    /// All elements of a name in this one.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Node> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The text of an element in this one; empty where there is none.
    pub fn text_of(&self, name: &str) -> &str {
        self.get(name).map_or("", |node| node.text.as_str())
    }

    /// An element's number; none where it is missing or no finite number.
    pub fn number(&self, name: &str) -> Option<f64> {
        self.text_of(name).parse::<f64>().ok().filter(|value| value.is_finite())
    }

    /// An element's whole number.
    pub fn whole(&self, name: &str) -> Option<i64> {
        self.text_of(name).parse().ok()
    }

    /// Whether an element says yes: it is there, and not 0.
    pub fn flag(&self, name: &str) -> bool {
        self.get(name).is_some_and(|node| node.text != "0")
    }
}

fn push(open: &mut [Node], text: &str) {
    if let Some(node) = open.last_mut() {
        node.text.extend(text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')));
    }
}

/// The text of an entity; of one that is not known, as it stood.
fn replaced(entity: &str) -> String {
    let number = entity.strip_prefix('#').and_then(|digits| match digits.strip_prefix(['x', 'X']) {
        Some(hex) => u32::from_str_radix(hex, 16).ok(),
        None => digits.parse().ok(),
    });
    match (entity, number.and_then(char::from_u32)) {
        ("lt", _) => "<".to_owned(),
        ("gt", _) => ">".to_owned(),
        ("amp", _) => "&".to_owned(),
        ("quot", _) => "\"".to_owned(),
        ("apos", _) => "'".to_owned(),
        (_, Some(character)) => character.to_string(),
        _ => format!("&{entity};"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Result<Node, WireError> {
        Node::parse(text.as_bytes(), "a")
    }

    #[test]
    fn elements_entities_and_character_data_are_read() {
        let node = parse(
            "<?xml version=\"1.0\"?>\n<a>\n <b> 1 &lt; 2 &amp;&#65; </b><c/><d>0</d>\n<e><![CDATA[<x>&y]]></e></a>",
        )
        .unwrap();
        assert_eq!(node.text_of("b"), "1 < 2 &A");
        assert!(node.flag("c") && !node.flag("d") && !node.flag("f"));
        assert_eq!(node.text_of("e"), "<x>&y");
    }

    #[test]
    fn control_characters_do_not_pass() {
        assert_eq!(parse("<a><b>x\u{1b}[31m\0y</b></a>").unwrap().text_of("b"), "x[31my");
        assert_eq!(parse("<a><b>&#27;z</b></a>").unwrap().text_of("b"), "z");
    }

    #[test]
    fn numbers_that_are_none_are_missing() {
        let node = parse("<a><b>nan</b><c>inf</c><d>-1.5e3</d><e>12</e></a>").unwrap();
        assert_eq!(
            (node.number("b"), node.number("c"), node.number("d"), node.whole("e")),
            (None, None, Some(-1500.0), Some(12))
        );
    }

    #[test]
    fn what_breaks_off_or_never_ends_is_refused() {
        assert!(matches!(parse("<a><b>1</b>"), Err(WireError::Broken { .. })));
        assert!(matches!(parse("<a><b></a>"), Err(WireError::Broken { .. })));
        assert!(matches!(parse("GET / HTTP/1.1"), Err(WireError::NotFound { .. })));
        let deep = format!("<a>{}", "<b>".repeat(100_000));
        assert_eq!(parse(&deep), Err(WireError::TooMuch { what: "elements" }));
        let wide = format!("<a>{}</a>", "<b/>".repeat(400_000));
        assert_eq!(parse(&wide), Err(WireError::TooMuch { what: "elements" }));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_harm(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let mut document = b"<a>".to_vec();
            document.extend(bytes);
            let _ = Node::parse(&document, "a");
        }
    }
}
