//! Where a program lies.

use std::env;
use std::path::{Path, PathBuf};

use rustix::fs::Access;

/// The file that a shell would run for `name`: itself where it has a slash, else the first in PATH that can be run.
#[must_use]
pub fn find(name: &Path) -> Option<PathBuf> {
    let runs = |path: &Path| path.is_file() && rustix::fs::access(path, Access::EXEC_OK).is_ok();
    if name.as_os_str().as_encoded_bytes().contains(&b'/') {
        return runs(name).then(|| name.to_owned());
    }
    let folders = env::var_os("PATH")?;
    env::split_paths(&folders).map(|folder| folder.join(name)).find(|path| runs(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_looked_for_in_path_and_a_place_is_taken_as_it_is() {
        assert!(find(Path::new("sh")).unwrap().is_absolute());
        assert_eq!(find(Path::new("/bin/sh")), Some("/bin/sh".into()));
        assert_eq!(find(Path::new("/etc/passwd")), None);
        assert_eq!(find(Path::new("no-such-program-anywhere")), None);
    }
}
