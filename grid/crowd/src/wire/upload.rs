//! Uploads: a header of XML, then the file's bytes to the end of the body (`client/http_curl.cpp`, `sched/file_upload_handler.cpp`).

use super::node::{Node, WireError};
use super::write::escaped;

/// Bytes of a header at most: a name, a certificate and some numbers.
const MOST_HEADER: usize = 8192;
/// What ends the header.
const DATA: &[u8] = b"<data>\n";

/// What an upload asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum UploadRequest {
    /// How much of a file is here already.
    Size(String),
    /// To take a file, or the rest of one.
    File(UploadHeader),
}

/// What is said of a file before its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadHeader {
    /// Its name.
    pub name: String,
    /// The certificate that came with the task, as it was sent, without white space about it.
    pub certificate: String,
    /// Bytes that the task's output may have.
    pub most: u64,
    /// Bytes of the file.
    pub bytes: u64,
    /// Its MD5, hexadecimal; empty where the client sent none.
    pub md5: String,
    /// Where the bytes of this body begin in the file.
    pub offset: u64,
    /// Where they begin in the body.
    pub data_at: usize,
}

/// What an upload came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UploadStatus {
    /// All of it is here and safe.
    Done,
    /// To be tried again.
    Transient,
    /// Not to be tried again: the client gives the file up.
    Permanent,
}

impl UploadRequest {
    /// Reads what has come of a body so far; none while the header is not complete.
    ///
    /// # Errors
    /// [`WireError`]: a header longer than any client's, or without what it must have.
    pub fn parse(body: &[u8]) -> Result<Option<UploadRequest>, WireError> {
        let head = &body[..body.len().min(MOST_HEADER)];
        let find = |wanted: &[u8]| head.windows(wanted.len()).position(|window| window == wanted);
        let asked = find(b"</get_file_size>").filter(|end| find(DATA).is_none_or(|data| data > *end));
        if let Some(end) = asked {
            let mut text = head[..end].to_vec();
            text.extend(b"</get_file_size></data_server_request>");
            let name = Node::parse(&text, "data_server_request")?.text_of("get_file_size").to_owned();
            return Ok(Some(UploadRequest::Size(name)));
        }
        let Some(end) = find(DATA) else {
            return if body.len() >= MOST_HEADER { Err(WireError::TooMuch { what: "header" }) } else { Ok(None) };
        };
        let mut text = head[..end].to_vec();
        text.extend(b"</file_upload></data_server_request>");
        let node = Node::parse(&text, "data_server_request")?;
        let missing = |element| WireError::Element { element };
        let upload = node.get("file_upload").ok_or(missing("file_upload"))?;
        let info = upload.get("file_info").ok_or(missing("file_info"))?;
        // Clients write sizes as floating point numbers.
        let size = |of: &Node, name: &'static str| {
            let size = of.number(name).filter(|size| (0.0..9e15).contains(size) && size.fract() == 0.0);
            size.map(|size| size as u64).ok_or(missing(name))
        };
        let name = info.text_of("name").to_owned();
        if name.is_empty() {
            return Err(missing("name"));
        }
        Ok(Some(UploadRequest::File(UploadHeader {
            name,
            certificate: info.text_of("xml_signature").to_owned(),
            most: size(info, "max_nbytes")?,
            bytes: size(upload, "nbytes")?,
            md5: upload.text_of("md5_cksum").to_ascii_lowercase(),
            offset: size(upload, "offset")?,
            data_at: end + DATA.len(),
        })))
    }
}

impl UploadStatus {
    /// The reply, with a message where there is something to say, and the size of what is here where that was asked.
    pub fn reply(self, message: &str, size: Option<u64>) -> String {
        let number = match self {
            UploadStatus::Done => 0,
            UploadStatus::Transient => 1,
            UploadStatus::Permanent => -1,
        };
        let mut text = format!("<data_server_reply>\n    <status>{number}</status>\n");
        if let Some(size) = size {
            text.push_str(&format!("    <file_size>{size}</file_size>\n"));
        }
        if !message.is_empty() {
            text.push_str(&format!("    <message>{}</message>\n", escaped(message)));
        }
        text.push_str("</data_server_reply>\n");
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FILE: &str = "<data_server_request>\n<core_client_major_version>7</core_client_major_version>\n<file_upload>\n<file_info>\n\
                        <name>r_0</name>\n<xml_signature>\nab\ncd\n.</xml_signature>\n<max_nbytes>100.000000</max_nbytes>\n</file_info>\n\
                        <nbytes>5</nbytes>\n<md5_cksum>AB</md5_cksum>\n<offset>2</offset>\n<data>\n";

    #[test]
    fn a_header_is_read_as_soon_as_it_is_there() {
        let body = format!("{FILE}llo");
        for end in 0..FILE.len() {
            assert_eq!(UploadRequest::parse(&body.as_bytes()[..end]), Ok(None), "{end}");
        }
        let Ok(Some(UploadRequest::File(header))) = UploadRequest::parse(body.as_bytes()) else { panic!("no file") };
        assert_eq!((header.most, header.bytes, header.offset), (100, 5, 2));
        assert_eq!(header.certificate, "ab\ncd\n.");
        assert_eq!(&body.as_bytes()[header.data_at..], b"llo");
    }

    #[test]
    fn bytes_of_a_file_are_no_header() {
        // A file that holds what asks for a size.
        let body = format!("{FILE}<get_file_size>x</get_file_size>");
        assert!(matches!(UploadRequest::parse(body.as_bytes()), Ok(Some(UploadRequest::File(_)))));
        let body = "<data_server_request>\n<get_file_size>r_0</get_file_size>\n</data_server_request>\n";
        assert_eq!(UploadRequest::parse(body.as_bytes()), Ok(Some(UploadRequest::Size("r_0".to_owned()))));
    }

    #[test]
    fn headers_that_cannot_be_are_refused() {
        let without = |cut: &str, put: &str| UploadRequest::parse(FILE.replace(cut, put).as_bytes());
        assert_eq!(without("<offset>2</offset>", ""), Err(WireError::Element { element: "offset" }));
        assert_eq!(without("<nbytes>5<", "<nbytes>-5<"), Err(WireError::Element { element: "nbytes" }));
        assert_eq!(without("<nbytes>5<", "<nbytes>1e300<"), Err(WireError::Element { element: "nbytes" }));
        assert_eq!(without("<name>r_0</name>", ""), Err(WireError::Element { element: "name" }));
        let endless = vec![b'a'; 10_000];
        assert_eq!(UploadRequest::parse(&endless), Err(WireError::TooMuch { what: "header" }));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_harm(at in 0..FILE.len(), byte: u8) {
            let mut body = FILE.as_bytes().to_vec();
            body[at] = byte;
            let _ = UploadRequest::parse(&body);
        }
    }
}
