//! The hosts' map: which guests there are, where they run, and what addresses they have.
//!
//! ```json
//! {"guests": [
//!   {"name": "red", "node": "host1", "addresses": ["192.0.2.1"]},
//!   {"name": "blue", "node": "host1", "addresses": ["192.0.2.2", "2001:db8::2"]}]}
//! ```

use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The map.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Map {
    /// All guests.
    pub guests: Vec<Guest>,
}

/// A guest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guest {
    /// Its name.
    pub name: String,
    /// The host that it runs on.
    pub node: String,
    /// Its addresses, which no other guest has.
    pub addresses: Vec<IpAddr>,
}

impl Map {
    /// Reads a map.
    ///
    /// # Errors
    /// What keeps the file from being read or understood, in words.
    pub fn read(path: &Path) -> Result<Self, String> {
        let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))
    }

    fn guest(&self, name: &str) -> Option<&Guest> {
        self.guests.iter().find(|guest| guest.name == name)
    }

    /// Addresses of `name` that nobody else has.
    pub(crate) fn addresses(&self, name: &str) -> Vec<IpAddr> {
        let all = self.guest(name).map(|guest| guest.addresses.as_slice()).unwrap_or_default();
        all.iter().copied().filter(|address| self.has(name, *address)).collect()
    }

    /// Whether two guests run on the same host.
    #[must_use]
    pub fn share(&self, one: &str, other: &str) -> bool {
        match (self.guest(one), self.guest(other)) {
            (Some(one), Some(other)) => one.node == other.node && one.name != other.name,
            _ => false,
        }
    }

    /// Whether `address` is `name`'s and nobody else's.
    #[must_use]
    pub fn has(&self, name: &str, address: IpAddr) -> bool {
        let mut of = self.guests.iter().filter(|guest| guest.addresses.contains(&address));
        of.next().is_some_and(|guest| guest.name == name) && of.next().is_none()
    }
}

/// A map that is read again when its file changes.
pub(crate) struct Watched {
    path: PathBuf,
    seen: Option<[i64; 4]>,
    /// The last map that could be read.
    pub(crate) map: Map,
    /// Why the file as it is now cannot be used.
    pub(crate) fault: Option<String>,
}

impl Watched {
    /// Reads the map.
    pub(crate) fn new(path: PathBuf) -> Self {
        let mut watched = Self { path, seen: None, map: Map::default(), fault: Some(String::new()) };
        watched.look();
        watched
    }

    /// Reads it again if the file has changed. A file that makes no sense changes nothing.
    pub(crate) fn look(&mut self) {
        let now = fs::metadata(&self.path).ok();
        let now = now.map(|file| [file.ino() as i64, file.size() as i64, file.mtime(), file.mtime_nsec()]);
        if now == self.seen && self.fault.is_none() {
            return;
        }
        self.seen = now;
        match Map::read(&self.path) {
            Ok(map) => (self.map, self.fault) = (map, None),
            Err(fault) => self.fault = Some(fault),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(text: &str) -> Map {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn guests_share_a_host_while_the_map_says_so() {
        let mut map = map(r#"{"guests": [{"name": "red", "node": "h", "addresses": ["192.0.2.1"]},
                {"name": "blue", "node": "h", "addresses": ["192.0.2.2", "2001:db8::2"]}]}"#);
        assert!(map.share("red", "blue") && map.share("blue", "red"));
        assert!(!map.share("red", "red") && !map.share("red", "green"));
        assert!(map.has("blue", "2001:db8::2".parse().unwrap()));
        assert!(!map.has("blue", "192.0.2.1".parse().unwrap()));
        map.guests[1].node = "elsewhere".into();
        assert!(!map.share("red", "blue"));
    }

    #[test]
    fn an_address_of_two_guests_is_neithers() {
        let map = map(r#"{"guests": [{"name": "red", "node": "h", "addresses": ["192.0.2.1"]},
                {"name": "blue", "node": "h", "addresses": ["192.0.2.1"]}]}"#);
        assert!(!map.has("red", "192.0.2.1".parse().unwrap()) && !map.has("blue", "192.0.2.1".parse().unwrap()));
    }

    #[test]
    fn a_file_that_makes_no_sense_changes_nothing_until_it_does() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("map.json");
        let mut watched = Watched::new(path.clone());
        assert!(watched.fault.is_some());
        fs::write(&path, r#"{"guests": [{"name": "red", "node": "h", "addresses": []}]}"#).unwrap();
        watched.look();
        assert_eq!((watched.map.guests.len(), &watched.fault), (1, &None));
        fs::write(&path, "{").unwrap();
        watched.look();
        assert!(watched.map.guests.len() == 1 && watched.fault.is_some());
    }
}
