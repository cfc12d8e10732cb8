//! Homogeneous redundancy: which hosts compute alike to the last bit.

/// A host's class, so that results of one class can be compared bit by bit; none where the host does not say what it is.
///
/// - `kind`: 1: operating system and maker of the processor; 2: operating system and family of the processor (BOINC's coarse
///   classes, in which Intel's and AMD's are one).
pub fn redundancy_class(kind: i64, os_name: &str, vendor: &str) -> Option<i64> {
    let (os, vendor) = (os_name.to_ascii_lowercase(), vendor.to_ascii_lowercase());
    let system = ["android", "linux", "windows", "darwin", "freebsd"].iter().position(|name| os.contains(name))?;
    let makers: [&[&str]; 4] = [&["intel"], &["amd"], &["arm", "apple", "qualcomm", "aarch64"], &["power", "ibm"]];
    let maker = makers.iter().position(|names| names.iter().any(|name| vendor.contains(name)))?;
    let maker = if kind == 2 && maker == 1 { 0 } else { maker };
    Some((system * makers.len() + maker) as i64 + 1)
}

#[cfg(test)]
mod tests {
    use super::redundancy_class;

    #[test]
    fn hosts_of_one_system_and_maker_are_alike() {
        let fine = |os, vendor| redundancy_class(1, os, vendor);
        assert_eq!(fine("Linux Debian", "GenuineIntel"), fine("Linux Ubuntu", "GenuineIntel"));
        assert_ne!(fine("Linux Debian", "GenuineIntel"), fine("Linux Debian", "AuthenticAMD"));
        assert_ne!(fine("Linux", "GenuineIntel"), fine("Microsoft Windows 11", "GenuineIntel"));
        assert_ne!(fine("Android 14", "ARM"), fine("Linux", "ARM"));
        assert_eq!(redundancy_class(2, "Linux", "GenuineIntel"), redundancy_class(2, "Linux", "AuthenticAMD"));
        assert_ne!(redundancy_class(2, "Linux", "GenuineIntel"), redundancy_class(2, "Linux", "ARM"));
    }

    #[test]
    fn what_a_host_does_not_say_makes_no_class() {
        assert_eq!(redundancy_class(1, "", "GenuineIntel"), None);
        assert_eq!(redundancy_class(1, "Linux", ""), None);
    }
}
