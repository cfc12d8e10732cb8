//! Which processes have a region's memory, as the kernel knows it: also those that no daemon knows of.

use std::fs;

use super::region::Region;

/// Processes that have areas of `region` mapped, but for daemons, which have the cards too. Of those that may not be looked at it
/// says nothing.
pub(super) fn of(region: &Region) -> Vec<u32> {
    let start = format!("{:x}-", region.control.address());
    let here = fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let Some(file) = here.lines().find(|line| line.starts_with(&start)).and_then(file) else { return Vec::new() };
    let numbers = fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = numbers.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    numbers.filter(|number| has_areas(*number, file)).collect()
}

fn has_areas(process: u32, of: (&str, &str)) -> bool {
    let maps = fs::read_to_string(format!("/proc/{process}/maps")).unwrap_or_default();
    let mut starts =
        maps.lines().filter(|line| file(line) == Some(of)).filter_map(|line| line.split(' ').nth(2)).peekable();
    starts.peek().is_some() && starts.all(|start| start.bytes().any(|digit| digit != b'0'))
}

/// Device and number of the file of a line of /proc/PID/maps.
fn file(line: &str) -> Option<(&str, &str)> {
    let mut words = line.split_ascii_whitespace().skip(3);
    words.next().zip(words.next())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;

    #[test]
    fn the_file_of_a_line_is_its_device_and_number() {
        let line =
            "7f0000000000-7f0000010000 rw-s 00000000 00:15 7041   /sys/devices/pci0000:00/0000:00:04.0/resource2";
        assert_eq!(file(line), Some(("00:15", "7041")));
        assert_eq!(file("nonsense"), None);
    }

    #[test]
    fn who_has_no_memory_of_a_region_is_not_its_user() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("region");
        File::create(&path).unwrap().set_len(4 << 20).unwrap();
        assert_eq!(of(&Region::open(&path).unwrap()), Vec::<u32>::new());
    }
}
