//! `pogson wire check`.

use std::ffi::OsString;
use std::path::Path;

use pogson_wire::program;

use crate::failure::Failure;
use crate::output::Output;

/// Say whether a program's connections can be joined
///
/// It looks at the program's file and runs nothing: static programs, those of Go, and those that gain rights when they begin stay
/// on TCP.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  pogson wire check -- redis-server
  pogson wire check --json -- /usr/sbin/nginx
  pogson wire check -- ./script.py")]
pub struct Args {
    /// The program; arguments after it are not looked at
    #[arg(required = true, last = true, value_name = "PROGRAM")]
    program: Vec<OsString>,
}

/// Says it.
///
/// # Errors
/// No such program, or one that cannot be read.
pub fn run(args: Args, out: &Output) -> Result<(), Failure> {
    let name = args.program.first().map(Path::new).unwrap_or(Path::new(""));
    let path = program::find(name).ok_or_else(|| {
        let name = name.display();
        Failure::bad_input(format!("{name}: there is no such program that can be run (in PATH, for a name without a slash)"))
    })?;
    let program =
        program::look(&path, pogson_wire_library::C_LIBRARY).map_err(|(path, error)| Failure::io(&path, &error))?;
    if out.is_json() {
        return out.object(&program);
    }
    let verdict = if program.usable { "can be joined" } else { "stays on TCP" };
    out.line(format!("{}: {verdict}: {}", path.display(), program.reason))?;
    if program.script.is_some() {
        out.line(format!("run by      {}", program.program.display()))?;
    }
    if let Some(interpreter) = &program.interpreter {
        out.line(format!("loaded by   {}", interpreter.display()))?;
    }
    if !program.libraries.is_empty() {
        out.line(format!("libraries   {}", program.libraries.join(" ")))?;
    }
    if !program.calls.is_empty() {
        out.line(format!("calls       {}", program.calls.join(" ")))?;
    }
    for note in &program.notes {
        out.line(format!("note        {note}"))?;
    }
    Ok(())
}
