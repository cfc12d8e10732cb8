//! Names of hosts.

use std::collections::HashMap;

/// Longest name of a host (RFC 1035, section 2.3.4).
const LONGEST: usize = 255;

/// A host as rules compare it: without port and final dot, in small letters.
pub(crate) struct HostName {
    bytes: [u8; LONGEST],
    length: usize,
}

impl HostName {
    /// Of a `Host` as it came; empty where it is longer than any name.
    pub(crate) fn of(host: &str) -> Self {
        let name = match host.rfind(']') {
            Some(end) => &host[..=end],
            None => host.split(':').next().unwrap_or_default(),
        };
        let name = name.strip_suffix('.').unwrap_or(name);
        let name = if name.len() > LONGEST { "" } else { name };
        let mut bytes = [0; LONGEST];
        for (to, from) in bytes.iter_mut().zip(name.bytes()) {
            *to = from.to_ascii_lowercase();
        }
        Self { bytes, length: name.len() }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    /// What `*.` may stand before: `.b.c` and `.c` of `a.b.c`.
    fn suffixes(&self) -> impl Iterator<Item = &[u8]> {
        let name = self.bytes();
        (1..name.len()).filter(move |&at| name[at] == b'.').map(move |at| &name[at..])
    }

    /// Whether it is `pattern`, or below it if that begins with `*.`.
    pub(crate) fn is(&self, pattern: &str) -> bool {
        let pattern = pattern.to_ascii_lowercase();
        match pattern.strip_prefix('*') {
            Some(suffix) => self.suffixes().any(|name| name == suffix.as_bytes()),
            None => self.bytes() == pattern.as_bytes(),
        }
    }
}

/// Values by host: exact names, then names below others (the longest first), then any.
#[derive(Clone, Debug, Default)]
pub(crate) struct HostMap<T> {
    exact: HashMap<Box<[u8]>, T>,
    below: HashMap<Box<[u8]>, T>,
    any: T,
}

impl<T: Default> HostMap<T> {
    /// The value of a pattern; `None`: that of any host.
    pub(crate) fn entry(&mut self, pattern: Option<&str>) -> &mut T {
        let Some(pattern) = pattern.map(str::to_ascii_lowercase) else { return &mut self.any };
        match pattern.strip_prefix('*') {
            Some(suffix) => self.below.entry(suffix.as_bytes().into()).or_default(),
            None => self.exact.entry(pattern.as_bytes().into()).or_default(),
        }
    }

    /// Changes all values.
    pub(crate) fn each(&mut self, change: impl FnMut(&mut T)) {
        self.exact.values_mut().chain(self.below.values_mut()).chain([&mut self.any]).for_each(change);
    }

    /// Values for a host, the most exact first.
    pub(crate) fn of<'a>(&'a self, host: &'a HostName) -> impl Iterator<Item = &'a T> {
        let below = (!self.below.is_empty()).then(|| host.suffixes().filter_map(|name| self.below.get(name)));
        let exact = if self.exact.is_empty() { None } else { self.exact.get(host.bytes()) };
        exact.into_iter().chain(below.into_iter().flatten()).chain([&self.any])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_compared_without_port_case_and_final_dot() {
        assert_eq!(HostName::of("Sky.Example.org:8080").bytes(), b"sky.example.org");
        assert_eq!(HostName::of("sky.example.org.").bytes(), b"sky.example.org");
        assert_eq!(HostName::of("[::1]:80").bytes(), b"[::1]");
        assert_eq!(HostName::of(&"a".repeat(300)).bytes(), b"");
        assert!(HostName::of("a.b.example").is("*.example") && HostName::of("a.b.example").is("*.B.example"));
        assert!(!HostName::of("example").is("*.example") && !HostName::of("notexample").is("*.example"));
    }

    #[test]
    fn the_most_exact_host_comes_first() {
        let mut map: HostMap<Vec<u8>> = HostMap::default();
        for (pattern, value) in [(None, 0), (Some("*.c"), 1), (Some("*.b.c"), 2), (Some("a.b.c"), 3)] {
            map.entry(pattern).push(value);
        }
        let of = |host: &str| -> Vec<u8> { map.of(&HostName::of(host)).flatten().copied().collect() };
        assert_eq!(of("a.b.c"), [3, 2, 1, 0]);
        assert_eq!((of("x.b.c"), of("b.c"), of("c")), (vec![2, 1, 0], vec![1, 0], vec![0]));
    }
}
