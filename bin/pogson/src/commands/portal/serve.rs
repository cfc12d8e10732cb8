//! `pogson portal serve`.

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::Duration;

use pogson_portal::connection::Limits;
use pogson_portal::properties::Publisher;
use pogson_portal::reporting::Reporting;
use pogson_portal::serve::{Server, Settings};
use pogson_report::{Key, Name};
use tracing_subscriber::EnvFilter;

use crate::arguments::bytes::Bytes;
use crate::failure::Failure;
use crate::output::Output;

/// Serve a folder of mosaics until told to stop
///
/// Each FITS image with celestial coordinates in the folder is a data set, and so is each in a folder below it, there named by its
/// FILTER keyword: /NAME/NorderK/DirD/NpixN.fits (or .png, .jpg) are its HiPS tiles, /NAME/cutout its parts. Pixels are read by blocks that
/// a bounded cache keeps. SIGTERM and SIGINT end it after the requests that are under way.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  pogson portal serve mosaics --listen 127.0.0.1:8080
  pogson portal serve mosaics --listen 0.0.0.0:8080 --cache 2GiB --workers 8
  pogson portal serve mosaics --listen 127.0.0.1:8081 --workers 1 --store-delay 36ms
  pogson portal serve mosaics --unix /run/portal-1.sock
  pogson portal serve mosaics --report-to http://127.0.0.1:8081/reports --name tiles-1 --key tiles-1.key")]
pub struct Args {
    /// Folder of mosaics
    dir: PathBuf,
    /// Address to listen at; port 0 takes any that is free
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8080")]
    listen: String,
    /// Listen at a socket in the file system besides, for a gate on the same machine, which may lend it the connections of clients
    #[arg(long, value_name = "PATH")]
    unix: Option<PathBuf>,
    /// Memory for blocks of pixels
    #[arg(long, value_name = "BYTES", default_value = "64MiB")]
    cache: Bytes,
    /// Threads that render [default: one for each processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    workers: Option<u16>,
    /// Requests that may wait for them; more are refused with 503
    #[arg(long, value_name = "N", default_value_t = 1024, value_parser = clap::value_parser!(u32).range(1..))]
    queue: u32,
    /// Connections of clients at a time; more are refused with 503
    #[arg(long, value_name = "N", default_value_t = 4096, value_parser = clap::value_parser!(u32).range(1..))]
    connections: u32,
    /// How long a client may take for the head of its next request, and not read any of an answer
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = patience)]
    patience: Duration,
    /// Wait so long for each block that is read, as for a distant store: 36ms, 0.5s
    #[arg(long, value_name = "TIME", value_parser = duration)]
    store_delay: Option<Duration>,
    /// HEALPix order of the blocks [default: that of each data set's finest tiles]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=29))]
    block_order: Option<u8>,
    /// Folder for smaller copies of the mosaics while it runs; they take a third of the mosaics' size [default: the system's for
    /// temporary files]
    #[arg(long, value_name = "DIR")]
    scratch: Option<PathBuf>,
    /// Naming authority of the data sets' identifiers (creator_did)
    #[arg(long, value_name = "NAME", default_value = "UNK.AUT")]
    authority: String,
    /// Address of a gate that is told each half second how the portal is; may be repeated
    #[arg(long, value_name = "URL", requires = "key")]
    report_to: Vec<String>,
    /// The portal's name, as gates have it
    #[arg(long, value_name = "NAME", requires = "key")]
    name: Option<Name>,
    /// File of the key that reports are signed with; with it answers carry reports, too
    #[arg(long, value_name = "FILE", requires = "name")]
    key: Option<PathBuf>,
    /// Write logs as JSON, one object on a line
    #[arg(long)]
    log_json: bool,
}

/// A time with its unit.
fn duration(text: &str) -> Result<Duration, String> {
    let refuse = || format!("'{text}' is no time; write 36ms or 0.5s");
    let (number, unit_s) = match (text.strip_suffix("ms"), text.strip_suffix('s')) {
        (Some(number), _) => (number, 1e-3),
        (None, Some(number)) => (number, 1.0),
        _ => return Err(refuse()),
    };
    let seconds = number.trim().parse::<f64>().map_err(|_| refuse())? * unit_s;
    if (0.0..=3600.0).contains(&seconds) { Ok(Duration::from_secs_f64(seconds)) } else { Err(refuse()) }
}

/// A time that is long enough for a client to do anything in.
fn patience(text: &str) -> Result<Duration, String> {
    let time = duration(text)?;
    if time >= Duration::from_millis(100) { Ok(time) } else { Err(format!("'{text}' is too short; write 0.1s or more")) }
}

/// Serves.
///
/// # Errors
/// A folder without mosaics, an address in use, no room for smaller copies.
pub fn run(args: Args, out: &Output) -> Result<(), Failure> {
    log(args.log_json);
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let reporting = match (args.name, args.key) {
        (Some(name), Some(key)) => {
            let key = Key::read(&key).map_err(|error| Failure::bad_input(error.to_string()))?;
            Some(Reporting { name, key, urls: args.report_to, every: Duration::from_millis(500) })
        }
        _ => None,
    };
    let settings = Settings {
        dir: args.dir,
        scratch: args.scratch.unwrap_or_else(std::env::temp_dir),
        listen: args.listen,
        unix: args.unix,
        cache_bytes: args.cache.0,
        store_delay: args.store_delay.unwrap_or_default(),
        workers: args.workers.map_or(processors, usize::from),
        queue: args.queue as usize,
        block_order: args.block_order,
        publisher: Publisher { authority: args.authority },
        reporting,
        limits: Limits { connections: args.connections as usize, head: args.patience, stall: args.patience, ..Limits::default() },
    };
    let server = Server::start(&settings)?;
    for set in server.collection().sets() {
        out.note(format!("/{}/: tiles to order {}, blocks of order {}", set.name, set.order, set.block_order));
    }
    if let Some(address) = server.address() {
        out.note(format!("{} is served at http://{address}/; end with Ctrl-C", settings.dir.display()));
    }
    let stop = server.stopper();
    let interrupted = out.interrupt_flag();
    std::thread::spawn(move || {
        while !interrupted.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(50));
        }
        stop();
    });
    Ok(server.run()?)
}

fn log(json: bool) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    // A log that cannot be written, as on a full disk, must not end the thread that writes it.
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).log_internal_errors(false);
    // Another part of the program may have begun a log before.
    let _ = if json { log.json().try_init() } else { log.with_ansi(false).try_init() };
}

#[cfg(test)]
mod tests {
    use super::duration;
    use std::time::Duration;

    #[test]
    fn times_are_read_with_their_units() {
        assert_eq!(duration("36ms"), Ok(Duration::from_millis(36)));
        assert_eq!(duration("0.5s"), Ok(Duration::from_millis(500)));
        for wrong in ["36", "ms", "-1s", "1e9s", "nans", "1h"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
