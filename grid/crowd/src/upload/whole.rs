//! An upload of which all bytes are here.

use std::sync::Arc;

use md5::{Digest, Md5};

use super::receiver::{Sink, md5_bytes};
use super::{Answer, Desk};
use crate::spool::{Location, SpoolError};
use crate::wire::UploadHeader;

/// An upload of which all bytes are here, and none is safe yet.
pub struct Whole {
    desk: Arc<Desk>,
    header: UploadHeader,
    host: i64,
    sink: Sink,
}

/// A file that is safe. The client is told so when the database has recorded it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its name.
    pub name: String,
    /// The host that its certificate was given to.
    pub host: i64,
    /// Where it lies. If the database had another place for it by now, this one is to be deleted.
    pub location: Location,
    /// Its MD5.
    pub md5: [u8; 16],
}

impl Stored {
    /// What the client is told.
    pub fn answer(&self) -> Answer {
        Answer::done(None)
    }
}

impl Whole {
    pub(super) fn new(desk: Arc<Desk>, header: UploadHeader, host: i64, sink: Sink) -> Whole {
        Whole { desk, header, host, sink }
    }

    /// Whether it is in memory, so that [`Whole::store_then`] does not block.
    pub fn is_in_memory(&self) -> bool {
        matches!(self.sink, Sink::Memory(_))
    }

    /// Compares the MD5 and makes the file safe; blocks for the disk.
    ///
    /// # Errors
    /// What the client is told.
    pub fn store(self) -> Result<Stored, Answer> {
        let (sender, receiver) = std::sync::mpsc::channel();
        self.store_then(move |result| {
            // Who asked waits for it.
            let _ = sender.send(result);
        });
        receiver.recv().unwrap_or_else(|_| Err(Answer::of(&SpoolError::Closed)))
    }

    /// Compares the MD5 and makes the file safe; `done` is called when it is, or not, and must not block. Of a file that is not in
    /// memory this call itself blocks for the disk.
    pub fn store_then(self, done: impl FnOnce(Result<Stored, Answer>) + Send + 'static) {
        let Whole { desk, header, host, sink } = self;
        let announced = md5_bytes(&header.md5);
        match sink {
            Sink::Disk(partial) => {
                let result = desk.spool.finish(partial, header.bytes, announced);
                let result = result.map(|(location, md5)| Stored { name: header.name, host, location, md5 });
                done(result.map_err(|error| Answer::of(&error)));
            }
            Sink::Memory(mut buffer) => {
                let data = buffer.take();
                let md5: [u8; 16] = Md5::digest(&data).into();
                if announced.is_some_and(|announced| announced != md5) {
                    return done(Err(Answer::of(&SpoolError::WrongMd5 { name: header.name })));
                }
                let name = header.name;
                let for_later = Arc::clone(&desk);
                desk.spool.append_then(&name.clone(), md5, data, move |result| {
                    let result = result.map(|location| Stored { name: name.clone(), host, location, md5 });
                    if result.is_ok() {
                        // Of an earlier try; what stays is swept.
                        let _ = for_later.spool.forget_partial(&name);
                    }
                    done(result.map_err(|error| Answer::of(&error)));
                });
            }
        }
    }
}
