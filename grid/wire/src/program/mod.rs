//! Whether a program's connections can be joined, by what its file says: nothing is run.

mod elf;
mod find;

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::process::{getegid, geteuid};
use serde::Serialize;

pub use find::find;

/// Calls of the C library that the preloaded library stands in front of, and that tell what a program does.
const CALLS: [&str; 42] = [
    "accept",
    "accept4",
    "bind",
    "connect",
    "listen",
    "socket",
    "shutdown",
    "read",
    "readv",
    "write",
    "writev",
    "recv",
    "recvfrom",
    "recvmsg",
    "recvmmsg",
    "send",
    "sendto",
    "sendmsg",
    "sendmmsg",
    "sendfile",
    "sendfile64",
    "splice",
    "poll",
    "ppoll",
    "select",
    "pselect",
    "epoll_create",
    "epoll_create1",
    "epoll_ctl",
    "epoll_wait",
    "epoll_pwait",
    "epoll_pwait2",
    "fork",
    "vfork",
    "posix_spawn",
    "posix_spawnp",
    "execve",
    "execvp",
    "dup",
    "dup2",
    "fdopen",
    "syscall",
];

/// Interpreters of interpreters that are followed.
const DEPTH: usize = 4;

/// What a file says of a program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Program {
    /// The file that the system runs: of a script, its interpreter.
    pub program: PathBuf,
    /// The script.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub script: Option<PathBuf>,
    /// Whether its connections can be joined.
    pub usable: bool,
    /// Why, or why not.
    pub reason: String,
    /// What loads its libraries.
    pub interpreter: Option<PathBuf>,
    /// Libraries that it names; they may call more.
    pub libraries: Vec<String>,
    /// Calls of the C library that it makes itself and that concern connections.
    pub calls: Vec<String>,
    /// What else is good to know.
    pub notes: Vec<String>,
}

/// Looks at the program at `path`.
///
/// - `c_library`: `gnu` or `musl`, as the preloaded library was built for.
///
/// # Errors
/// The file, or the interpreter that it names, cannot be read.
pub fn look(path: &Path, c_library: &str) -> Result<Program, (PathBuf, io::Error)> {
    let mut file = path.to_owned();
    for _ in 0..DEPTH {
        let bytes = read(&file).map_err(|error| (file.clone(), error))?;
        match script_interpreter(&bytes) {
            Some(interpreter) => file = interpreter,
            None => {
                let mut program = judge(file, &bytes, c_library);
                program.script = (program.program != path).then(|| path.to_owned());
                return Ok(program);
            }
        }
    }
    Err((file, io::Error::other("its interpreter is a script of a script of a script")))
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "this is no file"));
    }
    let mut bytes = Vec::new();
    file.take(1 << 30).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What a script's first line names, looked up where that is `env`.
fn script_interpreter(bytes: &[u8]) -> Option<PathBuf> {
    let line = bytes.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    let line = String::from_utf8_lossy(line).into_owned();
    let mut words = line.split_whitespace();
    let interpreter = PathBuf::from(words.next()?);
    if interpreter.file_name().is_some_and(|name| name == "env") {
        let name = words.find(|word| !word.starts_with('-') && !word.contains('='))?;
        return find(Path::new(name)).or(Some(interpreter));
    }
    Some(interpreter)
}

fn judge(path: PathBuf, bytes: &[u8], c_library: &str) -> Program {
    let mut program = Program {
        program: path,
        script: None,
        usable: false,
        reason: String::new(),
        interpreter: None,
        libraries: Vec::new(),
        calls: Vec::new(),
        notes: Vec::new(),
    };
    let Some(elf) = elf::Elf::new(bytes) else {
        program.reason = "no program of this machine: no ELF file of its kind".into();
        return program;
    };
    program.interpreter = elf.interpreter().map(PathBuf::from);
    program.libraries = elf.libraries();
    let imports = elf.imports();
    program.calls =
        CALLS.iter().filter(|call| imports.iter().any(|name| name == *call)).map(|call| (*call).into()).collect();
    let musl = program.interpreter.as_ref().is_some_and(|path| path.to_string_lossy().contains("ld-musl"));
    let other = if musl { c_library != "musl" } else { c_library == "musl" };
    let refusal = if elf.is_go() {
        Some("written in Go, which calls the system itself and not through a library")
    } else if program.interpreter.is_none() {
        Some("linked statically, so that nothing can be loaded before it")
    } else if gains_rights(&program.program) {
        Some("it gains rights when it begins (setuid, setgid, capabilities), and the loader then ignores LD_PRELOAD")
    } else if other {
        Some("it uses another C library than this build's library for preloading (glibc and musl do not mix)")
    } else {
        None
    };
    program.usable = refusal.is_none();
    program.reason = refusal.unwrap_or("linked dynamically: its calls can be seen").into();
    let by_ring = program.libraries.iter().any(|name| name.starts_with("liburing"))
        || imports.iter().any(|name| name.starts_with("io_uring_"));
    if by_ring {
        program.notes.push("it can use io_uring, which passes by the C library: what it does so stays on TCP".into());
    }
    if program.usable && imports.iter().any(|name| name == "syscall") {
        program
            .notes
            .push("it calls `syscall`: what it does so on sockets is seen only where the number is known".into());
    }
    program
}

/// Whether a process that runs the file has rights that this one has not.
fn gains_rights(path: &Path) -> bool {
    let Ok(found) = fs::metadata(path) else { return false };
    let other_user = found.mode() & 0o4000 != 0 && found.uid() != geteuid().as_raw();
    let other_group = found.mode() & 0o2000 != 0 && found.gid() != getegid().as_raw();
    let mut value = [0_u8; 64];
    let capabilities = rustix::fs::getxattr(path, "security.capability", &mut value).is_ok();
    other_user || other_group || (capabilities && !geteuid().is_root())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_program_of_this_machine_can_be_used_with_its_own_c_library_alone() {
        let own = std::env::current_exe().unwrap();
        let program = look(&own, "gnu").unwrap();
        assert_eq!(program.usable, cfg!(target_env = "gnu"));
        assert!(program.calls.iter().any(|call| call == "read"));
        assert!(program.libraries.iter().any(|name| name.starts_with("libc.")));
        assert_ne!(look(&own, "musl").unwrap().usable, program.usable);
    }

    #[test]
    fn a_script_is_judged_by_its_interpreter() {
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("script");
        for line in ["#!/bin/sh\n", "#! /bin/sh -e\n", "#!/usr/bin/env sh\n", "#!/usr/bin/env -S A=b sh -e\n"] {
            fs::write(&script, line).unwrap();
            let program = look(&script, "gnu").unwrap();
            assert!(program.program.ends_with("sh"), "{line}: {program:?}");
            assert_eq!(program.script.as_deref(), Some(script.as_path()));
        }
        fs::write(&script, format!("#!{}\n", script.display())).unwrap();
        assert!(look(&script, "gnu").is_err());
    }

    #[test]
    fn what_is_no_program_is_said_to_be_none() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "text").unwrap();
        assert!(look(&file, "gnu").unwrap().reason.starts_with("no program"));
        assert!(look(folder.path(), "gnu").is_err());
        assert!(look(&folder.path().join("absent"), "gnu").is_err());
    }

    #[test]
    fn a_program_that_takes_another_group_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join("copy");
        fs::copy(std::env::current_exe().unwrap(), &copy).unwrap();
        if !geteuid().is_root() {
            println!("left out: only root can give a file to another group");
            return;
        }
        std::os::unix::fs::chown(&copy, None, Some(54_321)).unwrap();
        fs::set_permissions(&copy, fs::Permissions::from_mode(0o2755)).unwrap();
        let program = look(&copy, "gnu").unwrap();
        assert!(!program.usable && program.reason.contains("setgid"), "{program:?}");
    }
}
