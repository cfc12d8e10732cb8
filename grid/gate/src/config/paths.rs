//! Files that a configuration names.

use std::path::{Path, PathBuf};

use super::{Config, Problem, Step};

/// Makes paths count from `folder`, and says which files are not there.
pub(super) fn settle(config: &mut Config, folder: &Path) -> Vec<Problem> {
    let mut missing = Vec::new();
    let mut must = |path: &mut PathBuf, place: Vec<Step>| {
        *path = folder.join(&*path);
        if let Err(error) = std::fs::File::open(&*path) {
            missing.push(Problem {
                place,
                sentence: format!("{}: {error}; name a file that can be read", path.display()),
            });
        }
    };
    for (i, listen) in config.listen.iter_mut().enumerate() {
        let Some(tls) = &mut listen.tls else { continue };
        let at = |rest: &[Step]| [&["listen".into(), i.into(), "tls".into()], rest].concat();
        must(&mut tls.cert, at(&["cert".into()]));
        must(&mut tls.key, at(&["key".into()]));
        for (j, pair) in tls.also.iter_mut().enumerate() {
            must(&mut pair.cert, at(&["also".into(), j.into(), "cert".into()]));
            must(&mut pair.key, at(&["also".into(), j.into(), "key".into()]));
        }
    }
    if let Some(path) = &mut config.admin.token_file {
        must(path, vec!["admin".into(), "token_file".into()]);
    }
    if let Some(path) = &mut config.members.key_file {
        must(path, vec!["members".into(), "key_file".into()]);
    }
    for (i, former) in config.members.former_keys.iter_mut().enumerate() {
        must(&mut former.file, vec!["members".into(), "former_keys".into(), i.into(), "file".into()]);
    }
    for (i, pool) in config.pool.iter_mut().enumerate() {
        if let Some(path) = &mut pool.reports.key_file {
            must(path, vec!["pool".into(), i.into(), "reports".into(), "key_file".into()]);
        }
        if let Some(path) = &mut pool.trace {
            *path = folder.join(&*path);
        }
        let tls = &mut pool.tls;
        for (path, key) in [(&mut tls.ca, "ca"), (&mut tls.cert, "cert"), (&mut tls.key, "key")] {
            if let Some(path) = path {
                must(path, vec!["pool".into(), i.into(), "tls".into(), key.into()]);
            }
        }
    }
    let log = config.log.access.as_mut().filter(|path| path.as_os_str() != "-");
    let made = [(config.admin.socket.as_mut(), ["admin", "socket"]), (log, ["log", "access"])];
    for (path, place) in made.into_iter().filter_map(|(path, place)| path.map(|path| (path, place))) {
        *path = folder.join(&*path);
        let within = path.parent().filter(|within| !within.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if !within.is_dir() {
            let sentence = format!("{}: there is no such folder; make it, or name another", within.display());
            missing.push(Problem { place: place.map(Step::from).to_vec(), sentence });
        }
    }
    missing
}
