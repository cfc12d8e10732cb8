//! Requests to the upload handler, and its replies.

use crate::scan::find;

/// Clients ask how much of a file is there already unless it is smaller than this (`file_xfer.cpp`).
pub const ASK_FROM: u64 = 8192;

const CLIENT: &str = "    <core_client_major_version>7</core_client_major_version>\n    \
                      <core_client_minor_version>20</core_client_minor_version>\n    \
                      <core_client_release>5</core_client_release>\n";

/// An output on its way.
#[derive(Debug, Clone, Copy)]
pub struct Upload<'a> {
    /// Its name.
    pub name: &'a str,
    /// The certificate that came with the task.
    pub certificate: &'a str,
    /// Bytes that it may have.
    pub most: u64,
    /// MD5, hexadecimal.
    pub md5: &'a str,
    /// Where to go on.
    pub offset: u64,
    /// All its bytes.
    pub bytes: &'a [u8],
}

/// The question how much of a file is there.
pub fn size_query(name: &str) -> Vec<u8> {
    format!("<data_server_request>\n{CLIENT}    <get_file_size>{name}</get_file_size>\n</data_server_request>\n")
        .into_bytes()
}

impl Upload<'_> {
    /// The body of the request: the header, and the bytes from the offset on.
    pub fn body(&self) -> Vec<u8> {
        let from = usize::try_from(self.offset).unwrap_or(usize::MAX).min(self.bytes.len());
        let head = format!(
            "<data_server_request>\n{CLIENT}<file_upload>\n<file_info>\n<name>{}</name>\n<xml_signature>\n{}</xml_signature>\n\
             <max_nbytes>{}</max_nbytes>\n</file_info>\n<nbytes>{}</nbytes>\n<md5_cksum>{}</md5_cksum>\n<offset>{from}</offset>\n\
             <data>\n",
            self.name,
            self.certificate,
            self.most,
            self.bytes.len(),
            self.md5,
        );
        let mut body = Vec::with_capacity(head.len() + self.bytes.len() - from);
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(&self.bytes[from..]);
        body
    }
}

/// What the handler says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Done; with the size, where that was asked.
    Done(Option<u64>),
    /// Try again later. So is a reply that says nothing.
    Transient,
    /// Give it up.
    Permanent,
}

/// Reads a reply of the handler.
pub fn answer(text: &str) -> Answer {
    match find(text, "status").and_then(|status| status.parse::<i64>().ok()) {
        Some(0) => {
            Answer::Done(find(text, "file_size").and_then(|size| size.parse::<f64>().ok()).map(|size| size as u64))
        }
        Some(-1) => Answer::Permanent,
        _ => Answer::Transient,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_read_as_clients_read_them() {
        let of = |inside: &str| answer(&format!("<data_server_reply>\n    {inside}\n</data_server_reply>\n"));
        assert_eq!(of("<status>0</status>"), Answer::Done(None));
        assert_eq!(of("<status>0</status>\n    <file_size>217807</file_size>"), Answer::Done(Some(217_807)));
        assert_eq!(of("<status>1</status>\n<message>Server is out of disk space</message>"), Answer::Transient);
        assert_eq!(of("<status>-1</status>"), Answer::Permanent);
        assert_eq!(of(""), Answer::Transient);
    }

    #[test]
    fn an_upload_goes_on_where_it_was_cut() {
        let upload = Upload { name: "n", certificate: "c", most: 9, md5: "m", offset: 3, bytes: b"abcdef" };
        let body = String::from_utf8(upload.body()).unwrap();
        assert!(
            body.contains("<nbytes>6</nbytes>") && body.contains("<offset>3</offset>") && body.ends_with("<data>\ndef")
        );
    }
}
