//! Which processes have a region's memory, as the kernel knows it: also those that no daemon knows of.

use std::fs;

use super::region::Region;

/// Processes that have areas of `region` mapped, but for daemons, which have the cards too. Of those that may not be looked at it
/// says nothing.
pub(super) fn of(region: &Region) -> Vec<u32> {
    let start = format!("{:x}-", region.control.address());
    let here = fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let Some(cards) = here.lines().find(|line| line.starts_with(&start)).and_then(place) else { return Vec::new() };
    let numbers = fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = numbers.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    numbers.filter(|number| has_areas(*number, cards)).collect()
}

fn has_areas(process: u32, cards: Place<'_>) -> bool {
    let maps = fs::read_to_string(format!("/proc/{process}/maps")).unwrap_or_default();
    let mut places = maps.lines().filter_map(place).filter(|place| place.file == cards.file).peekable();
    places.peek().is_some() && places.all(|place| place != cards)
}

/// What a line of /proc/PID/maps says of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place<'a> {
    /// Where in the file; of a PCI device, from address 0 of the machine on.
    offset: &'a str,
    /// Device and number of the file.
    file: [&'a str; 2],
}

fn place(line: &str) -> Option<Place<'_>> {
    let mut words = line.split_ascii_whitespace().skip(2);
    let (offset, device, number) = (words.next()?, words.next()?, words.next()?);
    Some(Place { offset, file: [device, number] })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;

    #[test]
    fn a_line_says_where_in_which_file() {
        let line =
            "7f0000000000-7f0000010000 rw-s fc000000 00:15 7041   /sys/devices/pci0000:00/0000:00:04.0/resource2";
        assert_eq!(place(line), Some(Place { offset: "fc000000", file: ["00:15", "7041"] }));
        assert_eq!(place("nonsense"), None);
    }

    #[test]
    fn who_has_no_memory_of_a_region_is_not_its_user() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("region");
        File::create(&path).unwrap().set_len(4 << 20).unwrap();
        assert_eq!(of(&Region::open(&path).unwrap()), Vec::<u32>::new());
    }
}
