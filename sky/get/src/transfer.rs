//! One file from an address: under a temporary name, resumed where it broke off, proved to be FITS, renamed.

use crate::client::{Client, Failed, connection, header, retry_after};
use crate::error::GetError;
use crate::votable::Votable;
use pogson_image::fits::FitsFile;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// What a transfer did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Transferred {
    /// Bytes of the file.
    pub(crate) bytes: u64,
    /// Bytes that had been there already.
    pub(crate) resumed_at: u64,
}

/// Brings the file at `url` to `path`.
///
/// The bytes go to `.NAME.part` beside it, with `.NAME.tag` holding the server's mark of the file's version; both
/// stay when the transfer breaks off, so that a later run resumes if the mark is still the same.
///
/// # Errors
/// [`GetError`]; `path` is untouched then.
pub(crate) fn transfer(
    client: &Client,
    url: &str,
    path: &Path,
    arrived: &(dyn Fn(u64) + Sync),
) -> Result<Transferred, GetError> {
    let part = beside(path, "part");
    let tag = beside(path, "tag");
    let mut resumed_at = 0;
    client.persist(url, |_| {
        resumed_at = attempt(client, url, &part, &tag, arrived)?;
        Ok(())
    })?;
    let io = |path: &Path, source| GetError::Io { path: path.to_owned(), source };
    let bytes = match prove(&part) {
        Ok(bytes) => bytes,
        Err(reason) => {
            // Asking again would resume the same wrong bytes.
            let _ = (std::fs::remove_file(&part), std::fs::remove_file(&tag));
            return Err(GetError::NotFits { url: url.to_owned(), reason });
        }
    };
    std::fs::rename(&part, path).map_err(|source| io(path, source))?;
    // Without its tag the part is already whole; a tag left behind harms nobody.
    let _ = std::fs::remove_file(&tag);
    Ok(Transferred { bytes, resumed_at })
}

/// The address of the file itself, if `url` gives a DataLink document (DataLink 1.1: the row `#this`).
pub(crate) fn follow_link(client: &Client, url: &str) -> Result<String, GetError> {
    let document = client.text(url)?;
    let table = Votable::parse(&document).map_err(|source| GetError::NotVotable { url: url.to_owned(), source })?;
    let no_addresses = || GetError::NoAddresses { url: url.to_owned() };
    let address = table.named("access_url").ok_or_else(no_addresses)?;
    let semantics = table.named("semantics");
    let this = |row: &&Vec<crate::votable::Value>| {
        let word = semantics.and_then(|c| row.get(c)?.text()).unwrap_or_default();
        word.ends_with("#this")
    };
    let row = table.rows.iter().find(this).or(table.rows.first()).ok_or_else(no_addresses)?;
    row.get(address).and_then(|cell| cell.text()).ok_or_else(no_addresses)
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{ending}"))
}

/// One request; returns how many bytes were there before.
fn attempt(client: &Client, url: &str, part: &Path, tag: &Path, arrived: &(dyn Fn(u64) + Sync)) -> Result<u64, Failed> {
    let io = |source| GetError::Io { path: part.to_owned(), source };
    // The tag's first line is the address, so that another file of the same name starts afresh.
    let known = std::fs::read_to_string(tag).ok().and_then(|text| {
        let (of, mark) = text.split_once('\n')?;
        (of == url).then(|| mark.to_owned())
    });
    let there = part.metadata().map_or(0, |m| m.len());
    let start = if known.is_some() { there } else { 0 };
    // Compression on the way would make lengths and ranges mean something else.
    let mut request = client.agent.get(url).header("Accept-Encoding", "identity");
    if let (true, Some(mark)) = (start > 0, &known) {
        request = request.header("Range", format!("bytes={start}-")).header("If-Range", mark);
    }
    let answer = request.call().map_err(|error| connection(url, &error))?;
    let status = answer.status().as_u16();
    let range = header(&answer, "content-range").and_then(|text| content_range(&text));
    let open = || OpenOptions::new().create(true).truncate(false).write(true).open(part).map_err(io);
    let (start, total) = match (status, range) {
        (200, _) => (0, length(&answer)),
        (206, Some((first, total))) if first == start => (start, total),
        // A range that was not asked for, or none left: begin again.
        (206 | 416, _) => {
            discard(&open()?, tag).map_err(io)?;
            let reason = format!("the server's range ({status}) does not continue at byte {start}");
            return Err(GetError::Connection { url: url.to_owned(), reason }.into());
        }
        _ => {
            let error = GetError::Status { url: url.to_owned(), status };
            return Err(Failed { error, pause: retry_after(&answer) });
        }
    };
    let mut file = open()?;
    file.set_len(start).and_then(|()| file.seek(SeekFrom::Start(start))).map_err(io)?;
    // A weak mark (W/) says nothing about bytes.
    let mark = header(&answer, "etag").filter(|m| !m.starts_with("W/")).or_else(|| header(&answer, "last-modified"));
    match mark {
        Some(mark) => std::fs::write(tag, format!("{url}\n{mark}")).map_err(io)?,
        None => {
            // There may be none to remove.
            let _ = std::fs::remove_file(tag);
        }
    }
    let received = start + copy(client, url, answer, &mut file, part, arrived)?;
    file.sync_all().map_err(io)?;
    match total {
        Some(expected) if received != expected => Err(GetError::Cut { url: url.to_owned(), received, expected }.into()),
        _ => Ok(start),
    }
}

fn discard(file: &File, tag: &Path) -> std::io::Result<()> {
    // There may be none to remove.
    let _ = std::fs::remove_file(tag);
    file.set_len(0)
}

fn copy(
    client: &Client,
    url: &str,
    answer: ureq::http::Response<ureq::Body>,
    file: &mut File,
    part: &Path,
    arrived: &(dyn Fn(u64) + Sync),
) -> Result<u64, GetError> {
    let mut body = answer.into_body().into_reader();
    let mut block = vec![0; 1 << 16];
    let mut total = 0;
    loop {
        if client.is_stopped() {
            return Err(GetError::Stopped { url: url.to_owned() });
        }
        let count = match body.read(&mut block) {
            Ok(0) => return Ok(total),
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(GetError::Connection { url: url.to_owned(), reason: error.to_string() }),
        };
        file.write_all(&block[..count]).map_err(|source| GetError::Io { path: part.to_owned(), source })?;
        total += count as u64;
        arrived(count as u64);
    }
}

fn length(answer: &ureq::http::Response<ureq::Body>) -> Option<u64> {
    header(answer, "content-length")?.trim().parse().ok()
}

/// First byte and total of `bytes 500-999/1000`.
fn content_range(text: &str) -> Option<(u64, Option<u64>)> {
    let (range, total) = text.trim().strip_prefix("bytes")?.trim().split_once('/')?;
    let first = range.split_once('-')?.0.trim().parse().ok()?;
    Some((first, total.trim().parse().ok()))
}

/// Bytes of the file if it is FITS whose HDUs are all there; else the reason why not.
pub(crate) fn prove(path: &Path) -> Result<u64, String> {
    let mut start = Vec::new();
    let read = File::open(path).and_then(|file| file.take(200).read_to_end(&mut start));
    read.map_err(|error| error.to_string())?;
    let gzip = start.starts_with(&[0x1f, 0x8b]);
    if !gzip && !start.starts_with(b"SIMPLE  =") {
        let text: String = String::from_utf8_lossy(&start).split_whitespace().collect::<Vec<_>>().join(" ");
        let text: String = text.chars().filter(|c| !c.is_control()).take(80).collect();
        return Err(if text.is_empty() { "it is empty".to_owned() } else { format!("it begins with '{text}'") });
    }
    let file = FitsFile::open(path).map_err(|error| error.to_string())?;
    for index in 0..file.hdus().len() {
        file.data(index).map_err(|error| error.to_string())?;
    }
    path.metadata().map(|m| m.len()).map_err(|error| error.to_string())
}
