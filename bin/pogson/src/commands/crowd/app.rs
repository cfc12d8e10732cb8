//! `pogson crowd app`.

use std::path::{Path, PathBuf};

use pogson_crowd::admin::{Command, NewApp, NewVersion, Way};
use pogson_crowd::engine::PlacedFile;
use pogson_crowd::project::{Project, private_key};
use pogson_crowd::schedule::VersionFile;
use serde_json::Value as Json;

use super::init::keys_of;
use super::way::{ask, show};
use crate::failure::Failure;
use crate::output::Output;

/// Applications, their versions, platforms
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  pogson crowd app add pogs primes --title 'Count primes'
  pogson crowd app version pogs primes --number 100 --platform x86_64-pc-linux-gnu --api 7.5.0 primes_100_linux
  pogson crowd app pause pogs primes
  pogson crowd app platform pogs windows_x86_64 --pause
  pogson crowd app list pogs")]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand, Debug)]
#[allow(clippy::large_enum_variant, reason = "one is made in a process's life")]
enum What {
    /// Add an application, or change one
    #[command(after_help = "Examples:\n  pogson crowd app add pogs primes --title 'Count primes' --trust-after 10")]
    Add(AddArgs),
    /// Add a version: the first file is what clients run
    #[command(after_help = "\
Examples:
  pogson crowd app version pogs primes --number 100 --platform x86_64-pc-linux-gnu --api 7.5.0 primes_100_linux
  pogson crowd app version pogs primes --number 100 --plan-class cuda --coprocessor NVIDIA --processors 0.1 \\
      --least-driver 45080 --least-capability 5.0 --least-memory 2e9 --api 7.5.0 primes_100_cuda")]
    Version(VersionArgs),
    /// Send a version no more
    #[command(after_help = "Examples:\n  pogson crowd app deprecate pogs primes --number 100")]
    Deprecate(DeprecateArgs),
    /// Send no work of an application
    #[command(after_help = "Examples:\n  pogson crowd app pause pogs primes")]
    Pause(NamedArgs),
    /// Send work of an application again
    #[command(after_help = "Examples:\n  pogson crowd app resume pogs primes")]
    Resume(NamedArgs),
    /// Pause a platform, or serve it again
    #[command(after_help = "Examples:\n  pogson crowd app platform pogs windows_x86_64 --pause")]
    Platform(PlatformArgs),
    /// List applications and versions
    #[command(after_help = "Examples:\n  pogson crowd app list pogs")]
    List(DirArgs),
}

#[derive(clap::Args, Debug)]
struct DirArgs {
    /// The project's folder
    dir: PathBuf,
}

#[derive(clap::Args, Debug)]
struct NamedArgs {
    /// The project's folder
    dir: PathBuf,
    /// The application
    app: String,
}

#[derive(clap::Args, Debug)]
struct PlatformArgs {
    /// The project's folder
    dir: PathBuf,
    /// The platform, as clients name it
    platform: String,
    /// Send it no work
    #[arg(long, conflicts_with = "resume", required_unless_present = "resume")]
    pause: bool,
    /// Send it work again
    #[arg(long)]
    resume: bool,
}

#[derive(clap::Args, Debug)]
struct DeprecateArgs {
    /// The project's folder
    dir: PathBuf,
    /// The application
    app: String,
    /// The version's number
    #[arg(long)]
    number: i64,
    /// Its platform [default: all]
    #[arg(long, default_value = "", hide_default_value = true)]
    platform: String,
    /// Send it again
    #[arg(long)]
    undo: bool,
}

#[derive(clap::Args, Debug)]
struct AddArgs {
    /// The project's folder
    dir: PathBuf,
    /// Short name
    name: String,
    /// Name that people read [default: the short name]
    #[arg(long, default_value = "", hide_default_value = true)]
    title: String,
    /// Hosts of a unit have to be alike
    #[arg(long, value_enum, default_value_t = Redundancy::No)]
    homogeneous: Redundancy,
    /// All results of a unit have to be of one version
    #[arg(long)]
    one_version: bool,
    /// Valid results in a row after which a host works alone; 0: never
    #[arg(long, value_name = "N", default_value_t = 0)]
    trust_after: i64,
    /// Tasks in progress for each processor; 0: any number
    #[arg(long, value_name = "N", default_value_t = 0)]
    in_progress: i64,
}

/// How alike hosts have to be.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Redundancy {
    /// Any host
    No,
    /// One operating system and maker of the processor
    Fine,
    /// One operating system and family of processors
    Coarse,
}

#[derive(clap::Args, Debug)]
struct VersionArgs {
    /// The project's folder
    dir: PathBuf,
    /// The application
    app: String,
    /// Number: 100 is 1.00
    #[arg(long)]
    number: i64,
    /// Platform, as clients name it
    #[arg(long, default_value = "x86_64-pc-linux-gnu")]
    platform: String,
    /// Files; the first is what clients run. FILE=NAME gives the name that clients store it under
    #[arg(required = true, value_name = "FILE[=NAME]")]
    files: Vec<String>,
    /// Plan class
    #[arg(long, default_value = "", hide_default_value = true)]
    plan_class: String,
    /// Version of BOINC's runtime protocol that the program speaks [default: none: files are copied, and it must not be suspended]
    #[arg(long, value_name = "X.Y.Z", default_value = "", hide_default_value = true)]
    api: String,
    /// Processors that a task keeps busy
    #[arg(long, value_name = "N", default_value_t = 1.0)]
    processors: f64,
    /// Kind of accelerator: NVIDIA, ATI, intel_gpu, apple_gpu
    #[arg(long, value_name = "KIND", default_value = "", hide_default_value = true)]
    coprocessor: String,
    /// How many of them a task takes
    #[arg(long, value_name = "N", default_value_t = 1.0)]
    coprocessors: f64,
    /// Operations a second over those of the host's processors; with --coprocessor where the client does not say its peak
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0)]
    speed: f64,
    /// Share of the accelerator's peak operations that it reaches
    #[arg(long, value_name = "F", default_value_t = 0.1, requires = "coprocessor")]
    peak_share: f64,
    /// Oldest driver: NVIDIA's 535.98 is 53598; a.b.c of others is a * 1000000 + b * 1000 + c
    #[arg(long, value_name = "N", default_value_t = 0, requires = "coprocessor")]
    least_driver: i64,
    /// Least compute capability of NVIDIA's accelerators, X.Y
    #[arg(long, value_name = "X.Y", value_parser = version_number, requires = "coprocessor")]
    least_capability: Option<i64>,
    /// Least version of OpenCL, X.Y [default: none is needed]
    #[arg(long, value_name = "X.Y", value_parser = version_number, requires = "coprocessor")]
    least_opencl: Option<i64>,
    /// Bytes of memory that the accelerator must have
    #[arg(long, value_name = "BYTES", default_value_t = 0.0, requires = "coprocessor")]
    least_memory: f64,
    /// Command line
    #[arg(long, value_name = "WORDS", default_value = "", hide_default_value = true, allow_hyphen_values = true)]
    command_line: String,
    /// Oldest client that can run it: major * 10000 + minor * 100 + release
    #[arg(long, value_name = "N", default_value_t = 0)]
    least_client: i64,
    /// Folder of the code signing keys [default: DIR.keys]
    #[arg(long, value_name = "DIR")]
    keys: Option<PathBuf>,
}

/// `X.Y` as `X * 100 + Y`.
fn version_number(text: &str) -> Result<i64, String> {
    let (major, minor) = text.split_once('.').unwrap_or((text, "0"));
    match (major.parse::<u8>(), minor.parse::<u8>()) {
        (Ok(major), Ok(minor)) if minor < 100 => Ok(i64::from(major) * 100 + i64::from(minor)),
        _ => Err("a version is written as 7.5".to_owned()),
    }
}

/// A version to be signed and added.
#[derive(Debug, Default)]
pub(super) struct Build {
    pub(super) app: String,
    pub(super) number: i64,
    pub(super) platform: String,
    pub(super) plan_class: String,
    pub(super) api_version: String,
    pub(super) processors: f64,
    pub(super) coprocessor: String,
    pub(super) coprocessors: f64,
    pub(super) speed: f64,
    pub(super) peak_share: f64,
    pub(super) least_driver: i64,
    pub(super) least_capability: i64,
    pub(super) least_opencl: i64,
    pub(super) least_memory: f64,
    pub(super) command_line: String,
    pub(super) least_client: i64,
    /// Files and the names that clients store them under; the first is what they run.
    pub(super) files: Vec<(PathBuf, String)>,
}

/// Places a version's files in the project, signs them, and adds it.
///
/// # Errors
/// No private key, files that cannot be read, what the server says.
pub(super) fn add_version(project: &Project, keys: &Path, build: Build) -> Result<Json, Failure> {
    let said = Way::open(project.clone())?.run(Command::Keys)?;
    let key = private_key(keys, said["key"].as_str().unwrap_or_default())?;
    let mut files = Vec::new();
    for (from, name) in &build.files {
        let placed = project.place(name, from)?;
        let signature = key
            .sign_md5(&placed.md5)
            .map_err(|error| Failure::failed(format!("{}: {error}", from.display())))?;
        files.push(PlacedFile {
            name: name.clone(),
            bytes: i64::try_from(placed.bytes).unwrap_or(i64::MAX),
            md5: placed.md5,
            sticky: false,
            signature: Some(signature),
        });
    }
    let named = |(at, (_, name)): (usize, &(PathBuf, String))| VersionFile {
        file: name.clone(),
        main_program: at == 0,
        // A program that knows nothing of BOINC's links finds its files as they are.
        copy: at > 0 && build.api_version.is_empty(),
        ..VersionFile::default()
    };
    let version = NewVersion {
        refs: build.files.iter().enumerate().map(named).collect(),
        app: build.app,
        number: build.number,
        platform: build.platform,
        plan_class: build.plan_class,
        api_version: build.api_version,
        processors: build.processors,
        coprocessor: build.coprocessor,
        coprocessors: build.coprocessors,
        speed: build.speed,
        peak_share: build.peak_share,
        least_driver: build.least_driver,
        least_capability: build.least_capability,
        least_opencl: build.least_opencl,
        least_memory: build.least_memory,
        command_line: build.command_line,
        least_client: build.least_client,
        files,
    };
    Ok(Way::open(project.clone())?.run(Command::VersionAdd(version))?)
}

/// Does it.
///
/// # Errors
/// What the server says.
pub fn run(args: Args, out: &Output) -> Result<(), Failure> {
    let said = match args.what {
        What::Add(args) => {
            let redundancy_class = match args.homogeneous {
                Redundancy::No => 0,
                Redundancy::Fine => 1,
                Redundancy::Coarse => 2,
            };
            let app = NewApp {
                name: args.name,
                title: args.title,
                redundancy_class,
                one_version: args.one_version,
                trust_after: args.trust_after,
                in_progress: args.in_progress,
            };
            ask(&args.dir, Command::AppAdd(app))?
        }
        What::Version(args) => version(args)?,
        What::Deprecate(args) => {
            let DeprecateArgs { dir, app, number, platform, undo } = args;
            ask(&dir, Command::VersionDeprecate { app, number, platform, deprecated: !undo })?
        }
        What::Pause(args) => ask(&args.dir, Command::AppPause { name: args.app, paused: true })?,
        What::Resume(args) => ask(&args.dir, Command::AppPause { name: args.app, paused: false })?,
        What::Platform(args) => {
            ask(&args.dir, Command::PlatformPause { name: args.platform, paused: args.pause && !args.resume })?
        }
        What::List(args) => ask(&args.dir, Command::AppList)?,
    };
    show(&said, out)
}

fn version(args: VersionArgs) -> Result<Json, Failure> {
    let dir: PathBuf = args.dir.components().collect();
    let project = Project::open(&dir)?;
    let keys = args.keys.clone().unwrap_or_else(|| keys_of(&dir));
    let named = |text: &String| -> (PathBuf, String) {
        let (path, name) = text.split_once('=').map_or((text.as_str(), None), |(path, name)| (path, Some(name)));
        let path = PathBuf::from(path);
        let own = path.file_name().map_or(String::new(), |name| name.to_string_lossy().into_owned());
        (path, name.map_or(own, str::to_owned))
    };
    let build = Build {
        files: args.files.iter().map(named).collect(),
        app: args.app,
        number: args.number,
        platform: args.platform,
        plan_class: args.plan_class,
        api_version: args.api,
        processors: args.processors,
        coprocessor: args.coprocessor.clone(),
        coprocessors: args.coprocessors,
        speed: args.speed,
        peak_share: if args.coprocessor.is_empty() { 0.0 } else { args.peak_share },
        least_driver: args.least_driver,
        least_capability: args.least_capability.unwrap_or(0),
        least_opencl: args.least_opencl.unwrap_or(0),
        least_memory: args.least_memory,
        command_line: args.command_line,
        least_client: args.least_client,
    };
    add_version(&project, &keys, build)
}
