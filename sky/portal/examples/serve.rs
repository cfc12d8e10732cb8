//! Serves a folder of mosaics: `cargo run -p pogson-portal --example serve -- DIR HOST:PORT [STORE_DELAY_MS]`.
//!
//! It builds in a fraction of the time that the whole of `pogson` takes, for trials of the portal alone.

use std::time::Duration;

use pogson_portal::serve::{Server, Settings};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut words = std::env::args().skip(1);
    let (Some(dir), Some(listen)) = (words.next(), words.next()) else { return Err("give DIR and HOST:PORT".into()) };
    let delay = words.next().map_or(Ok(0), |text| text.parse())?;
    let settings = Settings {
        dir: dir.into(),
        scratch: std::env::temp_dir(),
        listen,
        unix: None,
        cache_bytes: 64 << 20,
        store_delay: Duration::from_millis(delay),
        workers: 1,
        queue: 1024,
        block_order: None,
        publisher: Default::default(),
        reporting: None,
        limits: Default::default(),
    };
    let server = Server::start(&settings)?;
    for set in server.collection().sets() {
        eprintln!("/{}/: tiles to order {}, blocks of order {}", set.name, set.order, set.block_order);
    }
    if let Some(address) = server.address() {
        eprintln!("{} is served at http://{address}/;", settings.dir.display());
    }
    Ok(server.run()?)
}
