//! `pogson crowd keys`.

use std::path::{Path, PathBuf};

use pogson_crowd::admin::{Command, Way};
use pogson_crowd::project::{NewKeys, Project, answer};
use pogson_crowd::sign::{RotationAnswer, RotationRequest};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::init::keys_of;
use super::way::show;
use crate::failure::Failure;
use crate::output::Output;

/// Make a pair of code signing keys, or change a project's
///
/// The pair is made in a folder that is no project's. Clients that know a project's key take a new one if the old one signed it, and
/// all programs are signed anew: rotate does that where the private key is at hand. Where it lives on another machine, request says
/// what to sign, sign does so there, and install takes the answer. The project may be served meanwhile.
#[derive(clap::Args, Debug)]
#[command(
    args_conflicts_with_subcommands = true,
    arg_required_else_help = true,
    after_help = "\
Examples:
  pogson crowd keys offline
  pogson crowd keys rotate pogs
  pogson crowd keys request pogs -o request.json
  pogson crowd keys sign offline request.json -o answer.json
  pogson crowd keys install pogs answer.json"
)]
pub struct Args {
    /// Folder for code_sign_private and code_sign_public
    folder: Option<PathBuf>,
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(clap::Subcommand, Debug)]
enum What {
    /// Give a project a new key
    #[command(after_help = "Examples:\n  pogson crowd keys rotate pogs\n  pogson crowd keys rotate pogs --keys /media/stick/keys")]
    Rotate {
        /// The project's folder
        dir: PathBuf,
        /// Folder of its keys [default: DIR.keys]
        #[arg(long, value_name = "DIR")]
        keys: Option<PathBuf>,
    },
    /// Write down what has to be signed for a new key
    #[command(after_help = "Examples:\n  pogson crowd keys request pogs -o request.json")]
    Request {
        /// The project's folder
        dir: PathBuf,
        /// File to write
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
    },
    /// Make a new key and sign what a request names; needs no project
    #[command(after_help = "Examples:\n  pogson crowd keys sign offline request.json -o answer.json")]
    Sign {
        /// Folder of the project's keys
        folder: PathBuf,
        /// What keys request wrote
        request: PathBuf,
        /// File to write
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
    },
    /// Give a project the key of an answer
    #[command(after_help = "Examples:\n  pogson crowd keys install pogs answer.json")]
    Install {
        /// The project's folder
        dir: PathBuf,
        /// What keys sign wrote
        answer: PathBuf,
    },
}

#[derive(Serialize)]
struct MadeKeys {
    private: PathBuf,
    public: PathBuf,
}

/// Makes keys, or changes them.
///
/// # Errors
/// Keys that are there, or missing; what the server says.
pub fn run(args: Args, out: &Output) -> Result<(), Failure> {
    match (args.folder, args.what) {
        (_, Some(What::Rotate { dir, keys })) => {
            let dir: PathBuf = dir.components().collect();
            let keys = keys.unwrap_or_else(|| keys_of(&dir));
            let answer = answer(&keys, &request(&dir)?)?;
            install(&dir, answer, out)
        }
        (_, Some(What::Request { dir, output })) => {
            let request = request(&dir)?;
            write(&output, &request)?;
            show(&json!({ "files": request.files.len(), "request": output }), out)
        }
        (_, Some(What::Sign { folder, request, output })) => {
            let request: RotationRequest = read(&request, "request")?;
            let answer = answer(&folder, &request)?;
            write(&output, &answer)?;
            show(&json!({ "files": answer.files.len(), "answer": output, "private": NewKeys::of(&folder.join("next")).private }), out)
        }
        (_, Some(What::Install { dir, answer })) => install(&dir, read(&answer, "answer")?, out),
        (folder, None) => {
            let folder = folder.ok_or_else(|| Failure::usage("name a folder for the keys"))?;
            make(&folder, out)
        }
    }
}

fn make(folder: &Path, out: &Output) -> Result<(), Failure> {
    let keys = NewKeys::make(folder)?;
    if out.is_json() {
        return out.object(&MadeKeys { private: keys.private, public: keys.public });
    }
    out.line(format!("{}: keep this one where nobody reads it", keys.private.display()))?;
    out.line(format!("{}: for pogson crowd init --public-key", keys.public.display()))
}

fn request(dir: &Path) -> Result<RotationRequest, Failure> {
    let said = Way::open(Project::open(dir)?)?.run(Command::Keys)?;
    serde_json::from_value(said).map_err(|error| Failure::failed(format!("{}: {error}", dir.display())))
}

fn install(dir: &Path, answer: RotationAnswer, out: &Output) -> Result<(), Failure> {
    let said = Way::open(Project::open(dir)?)?.run(Command::KeysInstall(answer))?;
    show(&said, out)
}

fn read<T: DeserializeOwned>(path: &Path, what: &str) -> Result<T, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| Failure::io(path, &error))?;
    serde_json::from_str(&text)
        .map_err(|error| Failure::bad_input(format!("{}: this is no {what} of pogson crowd keys: {error}", path.display())))
}

fn write(path: &Path, what: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(what).map_err(|error| Failure::failed(error.to_string()))?;
    std::fs::write(path, text + "\n").map_err(|error| Failure::io(path, &error))
}
