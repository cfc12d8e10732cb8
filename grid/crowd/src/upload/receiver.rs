//! An upload while it comes.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::whole::Whole;
use super::{Answer, Desk, Place, RESUMABLE};
use crate::spool::{Partial, SpoolError, check_name};
use crate::wire::{UploadHeader, UploadRequest};

/// What comes after a chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The next chunk.
    More,
    /// The answer to a question, by [`Upload::known`].
    Ask(Question),
    /// Nothing: the client gets this answer. The rest of the body may be read and thrown away, for a while, so that the client reads it.
    Reply(Answer),
}

/// Whether a file is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The file.
    pub name: String,
    /// The host that its certificate was given to; none where only its size is asked for, which needs no certificate.
    pub host: Option<i64>,
}

/// What comes after the body.
pub enum Ending {
    /// Nothing: the client gets this answer.
    Reply(Answer),
    /// The file is whole: it is to be stored.
    Store(Whole),
}

/// Bytes in memory, counted as long as they are.
pub(super) struct Buffer {
    desk: Arc<Desk>,
    pub(super) bytes: Vec<u8>,
}

impl Buffer {
    fn new(desk: &Arc<Desk>) -> Buffer {
        Buffer { desk: Arc::clone(desk), bytes: Vec::new() }
    }

    fn push(&mut self, piece: &[u8]) {
        self.desk.memory.fetch_add(piece.len() as u64, Ordering::Relaxed);
        self.bytes.extend_from_slice(piece);
    }

    pub(super) fn take(&mut self) -> Vec<u8> {
        self.desk.memory.fetch_sub(self.bytes.len() as u64, Ordering::Relaxed);
        std::mem::take(&mut self.bytes)
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.take();
    }
}

/// Where the bytes go.
pub(super) enum Sink {
    Memory(Buffer),
    Disk(Partial),
}

impl Sink {
    fn bytes(&self) -> u64 {
        match self {
            Sink::Memory(buffer) => buffer.bytes.len() as u64,
            Sink::Disk(partial) => partial.bytes(),
        }
    }
}

enum Phase {
    /// The header is not complete.
    Header,
    /// Whether the file is wanted is not known yet; the bytes behind the header wait.
    Asked(UploadRequest),
    /// Bytes of the file.
    Data { header: UploadHeader, host: i64, sink: Sink },
    /// Answered.
    Over(Answer),
}

/// An upload.
pub struct Upload {
    desk: Arc<Desk>,
    now: i64,
    head: Vec<u8>,
    host: i64,
    phase: Phase,
}

impl Upload {
    /// One that begins at a time (seconds of Unix time).
    pub fn new(desk: &Arc<Desk>, now: i64) -> Upload {
        Upload { desk: Arc::clone(desk), now, head: Vec::new(), host: 0, phase: Phase::Header }
    }

    /// Takes the next bytes of the body.
    pub fn push(&mut self, chunk: &[u8]) -> Step {
        match self.phase {
            Phase::Header => {
                self.head.extend_from_slice(chunk);
                match UploadRequest::parse(&self.head) {
                    Ok(None) => Step::More,
                    Ok(Some(request)) => self.begun(request),
                    Err(error) => self.over(Answer::permanent(&error.to_string())),
                }
            }
            Phase::Asked(_) => {
                self.head.extend_from_slice(chunk);
                Step::More
            }
            Phase::Data { .. } => self.take(chunk),
            Phase::Over(ref answer) => Step::Reply(answer.clone()),
        }
    }

    /// Takes the answer to a question.
    pub fn known(&mut self, place: Place) -> Step {
        let Phase::Asked(request) = std::mem::replace(&mut self.phase, Phase::Header) else {
            return self.over(Answer::transient("the request was answered out of turn"));
        };
        match place {
            Place::Wanted => {}
            Place::Here(bytes) => {
                let size = matches!(request, UploadRequest::Size(_)).then_some(bytes);
                return self.over(Answer::done(size));
            }
            Place::Unwanted => {
                return self.over(Answer::permanent("no task in progress has this output; it is not needed any more"));
            }
            Place::Unknown => return self.over(Answer::transient("the project's database is away; try again later")),
        }
        match request {
            UploadRequest::Size(name) => match self.desk.spool.partial_size(&name) {
                // A client takes a file for sent of which all bytes are here, though none may be safe or recorded: the last one is
                // asked for again.
                Ok(size) => self.over(Answer::done(Some(size.saturating_sub(1)))),
                Err(error) => self.over(Answer::of(&error)),
            },
            UploadRequest::File(header) => self.receive(header),
        }
    }

    /// [`Upload::push`], where who is asked can answer at once.
    pub fn push_known(&mut self, chunk: &[u8], known: impl FnOnce(&Question) -> Place) -> Step {
        match self.push(chunk) {
            Step::Ask(question) => self.known(known(&question)),
            step => step,
        }
    }

    /// The body is at its end.
    pub fn end(mut self) -> Ending {
        match std::mem::replace(&mut self.phase, Phase::Header) {
            Phase::Over(answer) => Ending::Reply(answer),
            Phase::Header | Phase::Asked(_) => Ending::Reply(Answer::transient("the request broke off in its header")),
            Phase::Data { header, host, sink } if sink.bytes() == header.bytes => {
                Ending::Store(Whole::new(Arc::clone(&self.desk), header, host, sink))
            }
            Phase::Data { header, sink, .. } => {
                let (name, have) = (header.name.clone(), sink.bytes());
                let error = SpoolError::Incomplete { name, have, bytes: header.bytes };
                self.keep(&header, sink);
                Ending::Reply(Answer::of(&error))
            }
        }
    }

    /// What a request says is looked at before the database is asked.
    fn begun(&mut self, request: UploadRequest) -> Step {
        let refusal = match &request {
            UploadRequest::Size(name) => {
                check_name(name).and_then(|()| self.desk.spool.room_for(1)).err().map(|error| Answer::of(&error))
            }
            UploadRequest::File(header) => self.refusal(header),
        };
        if let Some(answer) = refusal {
            return self.over(answer);
        }
        let question = match &request {
            UploadRequest::Size(name) => Question { name: name.clone(), host: None },
            UploadRequest::File(header) => Question { name: header.name.clone(), host: Some(self.host) },
        };
        self.phase = Phase::Asked(request);
        Step::Ask(question)
    }

    fn refusal(&mut self, header: &UploadHeader) -> Option<Answer> {
        if let Err(error) = check_name(&header.name) {
            return Some(Answer::of(&error));
        }
        match self.desk.secret.check(&header.name, header.most, &header.certificate, self.now) {
            Ok(certificate) => self.host = certificate.host,
            Err(error) => return Some(Answer::permanent(&error.to_string())),
        }
        if header.bytes > header.most {
            let message = format!("the file has {} bytes, and its task allows {}", header.bytes, header.most);
            return Some(Answer::permanent(&message));
        }
        if header.offset > header.bytes {
            return Some(Answer::permanent("the piece begins behind the file's end"));
        }
        if !header.md5.is_empty() && md5_bytes(&header.md5).is_none() {
            return Some(Answer::permanent("the MD5 is none"));
        }
        self.desk.spool.room_for(header.bytes - header.offset).err().map(|error| Answer::of(&error))
    }

    /// Begins to take a file's bytes, those behind the header first.
    fn receive(&mut self, header: UploadHeader) -> Step {
        let small = header.bytes <= self.desk.spool.large_bytes();
        let sink = if header.offset == 0 && small {
            Sink::Memory(Buffer::new(&self.desk))
        } else {
            match self.desk.spool.partial(&header.name, header.offset) {
                Ok(partial) => Sink::Disk(partial),
                Err(error) => return self.over(Answer::of(&error)),
            }
        };
        let head = std::mem::take(&mut self.head);
        let data_at = header.data_at;
        self.phase = Phase::Data { header, host: self.host, sink };
        self.take(head.get(data_at..).unwrap_or_default())
    }

    fn take(&mut self, piece: &[u8]) -> Step {
        let desk = Arc::clone(&self.desk);
        let Phase::Data { header, sink, .. } = &mut self.phase else { return Step::More };
        if sink.bytes() + piece.len() as u64 > header.bytes {
            let message = format!("more bytes came than the {} that were announced", header.bytes);
            let Phase::Data { sink, .. } = std::mem::replace(&mut self.phase, Phase::Header) else { return Step::More };
            if let Sink::Disk(partial) = sink {
                // What cannot be removed now is swept, or its MD5 is found wrong.
                let _ = partial.discard();
            }
            return self.over(Answer::permanent(&message));
        }
        if let Sink::Memory(buffer) = sink {
            if desk.memory() + piece.len() as u64 <= desk.most_memory {
                buffer.push(piece);
                return Step::More;
            }
            match spill(&desk, &header.name, buffer) {
                Ok(partial) => *sink = Sink::Disk(partial),
                Err(error) => return self.over(Answer::of(&error)),
            }
        }
        let Sink::Disk(partial) = sink else { return Step::More };
        match partial.write(piece) {
            Ok(()) => Step::More,
            Err(error) => self.over(Answer::of(&error)),
        }
    }

    /// Keeps for the next try what came of a file that clients would resume.
    fn keep(&self, header: &UploadHeader, sink: Sink) {
        if let Sink::Memory(mut buffer) = sink
            && header.bytes >= RESUMABLE
            && !buffer.bytes.is_empty()
        {
            // Without it the client sends the file from its beginning.
            let _ = spill(&self.desk, &header.name, &mut buffer);
        }
    }

    fn over(&mut self, answer: Answer) -> Step {
        self.head = Vec::new();
        self.phase = Phase::Over(answer.clone());
        Step::Reply(answer)
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if let Phase::Data { header, sink, .. } = std::mem::replace(&mut self.phase, Phase::Header) {
            self.keep(&header, sink);
        }
    }
}

fn spill(desk: &Desk, name: &str, buffer: &mut Buffer) -> Result<Partial, SpoolError> {
    let mut partial = desk.spool.partial(name, 0)?;
    partial.write(&buffer.bytes)?;
    buffer.take();
    Ok(partial)
}

/// The bytes of an MD5's 32 digits.
pub(super) fn md5_bytes(text: &str) -> Option<[u8; 16]> {
    let digits = text.as_bytes();
    let mut out = [0; 16];
    if digits.len() != 32 {
        return None;
    }
    for (byte, pair) in out.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |at: usize| char::from(pair[at]).to_digit(16);
        *byte = (digit(0)? * 16 + digit(1)?) as u8;
    }
    Some(out)
}
