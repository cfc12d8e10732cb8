//! Streams and listeners for tokio.
//!
//! ```
//! use tokio::io::{AsyncReadExt, AsyncWriteExt};
//!
//! # tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
//! let listener = wire::tokio::Listener::bind("127.0.0.1:0").await?;
//! let address = listener.local_addr()?;
//! tokio::spawn(async move {
//!     let (stream, _) = listener.accept().await?;
//!     let (mut reader, mut writer) = stream.into_split();
//!     tokio::io::copy(&mut reader, &mut writer).await
//! });
//!
//! let mut stream = wire::tokio::Stream::connect(address).await?;
//! let mut answer = [0; 4];
//! for _ in 0..1000 {
//!     stream.write_all(b"ping").await?;
//!     stream.read_exact(&mut answer).await?;
//!     assert_eq!(&answer, b"ping");
//! }
//! # std::io::Result::Ok(())
//! # })?;
//! # std::io::Result::Ok(())
//! ```

mod bell;
mod listener;
mod poll;
mod split;
mod stream;

pub(crate) use bell::{Later, ring_later};
pub use listener::Listener;
pub use split::{OwnedReadHalf, OwnedWriteHalf};
pub use stream::Stream;
