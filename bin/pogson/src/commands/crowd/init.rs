//! `pogson crowd init`.

use std::path::{Path, PathBuf};

use pogson_crowd::project::{NewKeys, init};
use serde::Serialize;

use crate::failure::Failure;
use crate::output::Output;

/// Make a project's folder
///
/// Clients know programs by a signature. The key that makes it lies beside the folder (DIR.keys), not in it: keep it on another machine
/// if you like; the server does not need it.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  pogson crowd init pogs --url http://127.0.0.1:8080/pogs/
  pogson crowd init pogs --url https://pogs.example.org/pogs/ --name 'Pixels of galaxies' --public-key offline/code_sign_public
  pogson crowd init pogs --url http://127.0.0.1:8080/pogs/ --database 'postgres://pogs@localhost/pogs'")]
pub struct Args {
    /// Folder to make
    dir: PathBuf,
    /// Address that clients attach to: http://HOST:PORT/NAME/
    #[arg(long)]
    url: String,
    /// Name that people read [default: the last part of the address]
    #[arg(long)]
    name: Option<String>,
    /// Public code signing key that was made by pogson crowd keys [default: a new pair in DIR.keys]
    #[arg(long, value_name = "FILE")]
    public_key: Option<PathBuf>,
    /// PostgreSQL database, by its URL [default: a file in the folder]
    #[arg(long, value_name = "URL")]
    database: Option<String>,
}

#[derive(Serialize)]
struct Made {
    dir: PathBuf,
    name: String,
    url: String,
    keys: Option<PathBuf>,
}

/// The folder of a project's keys where nothing else is said.
pub(super) fn keys_of(dir: &Path) -> PathBuf {
    let mut name = dir.file_name().map_or_else(|| "project".into(), std::ffi::OsStr::to_owned);
    name.push(".keys");
    dir.with_file_name(name)
}

/// Makes the folder.
///
/// # Errors
/// One that is there, an address that cannot be.
pub fn run(args: Args, out: &Output) -> Result<(), Failure> {
    // `pogs/` and `pogs` are one folder.
    let dir: PathBuf = args.dir.components().collect();
    let (public, keys) = match &args.public_key {
        Some(public) => (public.clone(), None),
        None => {
            let folder = keys_of(&dir);
            let keys = NewKeys::of(&folder);
            let keys = if keys.public.exists() { keys } else { NewKeys::make(&folder)? };
            (keys.public, Some(folder))
        }
    };
    let project = init(&dir, &args.url, args.name.as_deref(), &public, args.database.as_deref())?;
    let made = Made { dir, name: project.config.project.name.clone(), url: project.address.to_string(), keys };
    if out.is_json() {
        return out.object(&made);
    }
    out.line(format!("project {} in {}, for clients at {}", made.name, made.dir.display(), made.url))?;
    if let Some(keys) = &made.keys {
        out.line(format!("code signing keys in {}", keys.display()))?;
    }
    Ok(())
}
