//! File names for images.

use crate::sia::ImageRecord;
use std::collections::HashSet;

/// A name for each image's file: the last part of its address if that is a FITS name, else its title and band.
///
/// Names have letters, digits, `.`, `_`, `+` and `-` alone, do not begin with a dot, end in `.fits`, `.fits.gz`,
/// `.fits.fz`, `.fit` or the like, and differ from each other without regard to case: a second one gets `-2`.
pub fn file_names(images: &[ImageRecord]) -> Vec<String> {
    let mut taken = HashSet::new();
    images
        .iter()
        .map(|image| {
            let name = name_of(image);
            let (stem, ending) = split(&name);
            let mut unique = name.clone();
            let mut number = 2;
            while !taken.insert(unique.to_lowercase()) {
                unique = format!("{stem}-{number}{ending}");
                number += 1;
            }
            unique
        })
        .collect()
}

fn name_of(image: &ImageRecord) -> String {
    let path = image.url.split(['?', '#']).next().unwrap_or("");
    let last = clean(path.rsplit('/').next().unwrap_or(""));
    if !split(&last).1.is_empty() {
        return last;
    }
    // Some services have the file's name in their query: ...?file=tile.fits&x=y.
    let query = image.url.split_once('?').map_or("", |(_, query)| query);
    let in_query = query.split('&').filter_map(|pair| pair.split_once('=')).map(|(_, value)| value);
    let named = in_query.map(|value| clean(value.rsplit(['/', '\\']).next().unwrap_or("")));
    if let Some(name) = { named }.find(|name| !split(name).1.is_empty()) {
        return name;
    }
    let words = [image.title.as_str(), image.band.as_str()];
    let title = words.iter().map(|w| clean(w)).filter(|w| !w.is_empty()).collect::<Vec<_>>().join("_");
    let title = if title.is_empty() { "image".to_owned() } else { title.chars().take(120).collect() };
    let (stem, _) = split(&title);
    format!("{stem}.fits")
}

fn clean(text: &str) -> String {
    let plain = text.replace("%2B", "+").replace("%20", "_");
    let safe = |c: char| if c.is_ascii_alphanumeric() || "._+-".contains(c) { c } else { '_' };
    let name: String = plain.trim().chars().map(safe).collect();
    name.trim_matches(['.', '_', '-']).chars().take(200).collect()
}

/// Stem and FITS ending; the ending is empty when there is none.
fn split(name: &str) -> (&str, &str) {
    let lower = name.to_ascii_lowercase();
    let endings = [".fits.gz", ".fits.fz", ".fit.gz", ".fits.bz2", ".fits", ".fit", ".fts", ".fz"];
    let ending = endings.iter().find(|e| lower.ends_with(**e) && lower.len() > e.len());
    name.split_at(name.len() - ending.map_or(0, |e| e.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(url: &str, title: &str) -> ImageRecord {
        ImageRecord { url: url.to_owned(), title: title.to_owned(), band: "K".to_owned(), ..ImageRecord::default() }
    }

    #[test]
    fn names_are_safe_and_differ() {
        let names = file_names(&[
            image("https://x.example/a/b/aK_asky_990502s1420186.fits", ""),
            image("https://x.example/c/AK_asky_990502s1420186.fits?band=K", ""),
            image("https://x.example/get?id=7&file=/data/../tile%2B1.fits.gz", ""),
            image("https://x.example/get?id=7", "M 17 / north"),
            image("https://x.example/get?id=8", "../../etc/passwd"),
            image("https://x.example/", ""),
            image("https://x.example/..%2F.fits", ""),
        ]);
        let expected = [
            "aK_asky_990502s1420186.fits",
            "AK_asky_990502s1420186-2.fits",
            "tile+1.fits.gz",
            "M_17___north_K.fits",
            "etc_passwd_K.fits",
            "K.fits",
            "2F.fits",
        ];
        assert_eq!(names, expected);
    }
}
