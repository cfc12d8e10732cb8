//! Serves a configuration: `serve gate.toml`.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("usage: serve gate.toml")?;
    let config = pogson_gate::config::Config::read(path.as_ref())?;
    let gate = pogson_gate::serve::Gate::start(config)?;
    println!("{:?}", gate.addresses());
    gate.wait()?;
    Ok(())
}
