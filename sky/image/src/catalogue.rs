//! Folders of FITS files to lists of images, as Montage's image metadata table has them.

use crate::fits::{FitsFile, Header};
use crate::sphere::{Frame, SkyCoord};
use crate::table::ImageEntry;
use crate::wcs::{Wcs, WcsError};
use std::path::{Path, PathBuf};

/// A file, or an HDU of it, that is in no list, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// The file.
    pub path: PathBuf,
    /// Its HDU, where the rest of the file is fine.
    pub hdu: Option<usize>,
    /// One sentence.
    pub reason: String,
}

/// Files under `dir` whose names end as FITS files' do, sorted by path; subfolders too, if `recursive`. Names that
/// begin with a dot (unfinished outputs) are left out, and links to folders are not followed.
///
/// # Errors
/// Of the first folder that cannot be listed.
pub fn fits_files(dir: &Path, recursive: bool) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let entry = entry?;
            let (path, kind) = (entry.path(), entry.file_type()?);
            let name = entry.file_name().to_string_lossy().to_lowercase();
            if name.starts_with('.') {
                continue;
            }
            if kind.is_dir() {
                if recursive {
                    folders.push(path);
                }
            } else if is_fits_name(&name) {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

/// Leaves out images that go with another of the list: `NAME_area` (weights, as Montage names them) and `NAME_variance`
/// where `NAME` of the same ending and folder is there.
pub fn without_companions(files: Vec<PathBuf>) -> Vec<PathBuf> {
    let all: std::collections::HashSet<PathBuf> = files.iter().cloned().collect();
    let goes_with_another = |path: &PathBuf| {
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        ["_area.", "_variance."].iter().any(|mark| {
            name.rfind(mark).is_some_and(|at| {
                all.contains(&path.with_file_name(format!("{}.{}", &name[..at], &name[at + mark.len()..])))
            })
        })
    };
    files.into_iter().filter(|path| !goes_with_another(path)).collect()
}

fn is_fits_name(name: &str) -> bool {
    let plain = name.strip_suffix(".gz").unwrap_or(name);
    [".fits", ".fit", ".fts", ".fz"].iter().any(|ending| plain.ends_with(ending))
}

/// The images of a file: one entry for each HDU with two or more axes and celestial coordinates.
///
/// - `name`: what the table calls the file.
///
/// HDUs that hold images without usable coordinates come back as left out, and so does the file when it cannot be
/// read or holds no image at all.
pub fn images_of(path: &Path, name: &str) -> (Vec<ImageEntry>, Vec<LeftOut>) {
    let left_out = |hdu, reason: String| LeftOut { path: path.to_owned(), hdu, reason };
    let file = match FitsFile::open(path) {
        Ok(file) => file,
        Err(error) => return (Vec::new(), vec![left_out(None, error.to_string())]),
    };
    let size = path.metadata().map_or(0, |m| m.len());
    let (mut entries, mut rejected) = (Vec::new(), Vec::new());
    for (index, hdu) in file.hdus().iter().enumerate() {
        if hdu.image_dimensions() < 2 {
            continue;
        }
        let entry = file.image(index).map_err(|error| error.to_string()).and_then(|image| {
            // Cut-off data would be found in the middle of a mosaic.
            file.data(index).map_err(|error| error.to_string())?;
            let wcs = Wcs::from_hdu(&file, index).map_err(|error| error.to_string())?;
            let planes = image.axes().get(2).copied();
            Ok(ImageEntry { naxis: image.axes().len(), naxis3: planes, ..ImageEntry::of_wcs(&wcs) })
        });
        match entry {
            Ok(entry) => entries.push(ImageEntry { size, hdu: index, fname: name.to_owned(), ..entry }),
            Err(reason) => rejected.push(left_out(Some(index), reason)),
        }
    }
    if entries.is_empty() && rejected.is_empty() {
        rejected.push(left_out(None, format!("{} holds no image of two or more axes", path.display())));
    }
    (entries, rejected)
}

impl ImageEntry {
    /// What the table says of an image with these coordinates: linear part, centre and outer corners. Corners are
    /// None when the projection does not reach one of them.
    pub fn of_wcs(wcs: &Wcs) -> ImageEntry {
        let mut header = Header::new();
        wcs.write_to(&mut header);
        let number = |key: &str| header.f64(key).unwrap_or(0.0);
        let (cdelt_deg, crota2_deg) = if header.contains("CD1_1") {
            let [a, b, c, d] = ["CD1_1", "CD1_2", "CD2_1", "CD2_2"].map(number);
            // CD = [[cdelt1 cos, -cdelt2 sin], [cdelt1 sin, cdelt2 cos]] with cdelt2 > 0.
            let sign = if a * d - b * c < 0.0 { -1.0 } else { 1.0 };
            ([sign * libm::hypot(a, c), libm::hypot(b, d)], libm::atan2(-b, d).to_degrees())
        } else {
            (["CDELT1", "CDELT2"].map(number), number("CROTA2"))
        };
        let (width, height) = wcs.naxis();
        let (right, top) = (width as f64 - 0.5, height as f64 - 0.5);
        // A point of the sky in J2000; ICRS counts as that (they differ by 0.02").
        let j2000 = |x: f64, y: f64| -> Option<[f64; 2]> {
            let place: SkyCoord = wcs.pix_to_sky(x, y)?;
            let place = match wcs.frame() {
                Frame::Icrs => place,
                frame if frame.reaches(&Frame::J2000) => frame.convert_one(&Frame::J2000, place),
                _ => return None,
            };
            Some([place.lon_deg, place.lat_deg])
        };
        let corners = [(-0.5, -0.5), (-0.5, top), (right, top), (right, -0.5)].map(|(x, y)| j2000(x, y));
        let equinox = match wcs.frame() {
            Frame::Fk5 { equinox } | Frame::Fk4 { equinox, .. } | Frame::Fk4NoE { equinox, .. } => *equinox,
            _ => 2000.0,
        };
        let text = |key: &str| header.str(key).unwrap_or("").to_owned();
        ImageEntry {
            center_deg: j2000((width as f64 - 1.0) / 2.0, (height as f64 - 1.0) / 2.0),
            naxis1: width,
            naxis2: height,
            ctype: [text("CTYPE1"), text("CTYPE2")],
            crpix: ["CRPIX1", "CRPIX2"].map(number),
            crval_deg: ["CRVAL1", "CRVAL2"].map(number),
            cdelt_deg,
            crota2_deg,
            equinox,
            naxis: 2,
            corners_deg: corners.iter().all(Option::is_some).then(|| corners.map(Option::unwrap_or_default)),
            ..ImageEntry::default()
        }
    }

    /// The header that the table's numbers give: the linear coordinates, without distortion.
    pub fn header(&self) -> Header {
        let mut header = Header::new();
        header.set("NAXIS", 2, "");
        header.set("NAXIS1", self.naxis1, "");
        header.set("NAXIS2", self.naxis2, "");
        for axis in 0..2 {
            let number = axis + 1;
            header.set(&format!("CTYPE{number}"), self.ctype[axis].as_str(), "");
            header.set(&format!("CRPIX{number}"), self.crpix[axis], "");
            header.set(&format!("CRVAL{number}"), self.crval_deg[axis], "");
            header.set(&format!("CDELT{number}"), self.cdelt_deg[axis], "");
        }
        header.set("CROTA2", self.crota2_deg, "");
        header.set("EQUINOX", self.equinox, "");
        header
    }

    /// The coordinates that the table's numbers give.
    ///
    /// # Errors
    /// [`WcsError`].
    pub fn wcs(&self) -> Result<Wcs, WcsError> {
        Wcs::from_header(&self.header())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_go_with_their_image_and_stay_where_there_is_none() {
        let paths = |names: &[&str]| names.iter().map(PathBuf::from).collect::<Vec<_>>();
        let kept = without_companions(paths(&[
            "d/a.fits",
            "d/a_area.fits",
            "d/a_variance.fits",
            "d/b_area.fits",
            "e/a_area.fits",
        ]));
        assert_eq!(kept, paths(&["d/a.fits", "d/b_area.fits", "e/a_area.fits"]));
    }
    use crate::table::IpacTable;

    #[test]
    fn the_m17_tiles_are_listed_as_montage_lists_them() {
        let root = std::env::var_os("POGSON_SHARED")
            .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")), PathBuf::from);
        let dir = root.join("data/tiles_m17_2mass_k/raw");
        if !dir.exists() {
            eprintln!("skipped: {} is absent (set POGSON_SHARED)", dir.display());
            return;
        }
        let files = fits_files(&dir, true).unwrap();
        assert_eq!(files.len(), 8);
        let tile = files.iter().find(|f| f.ends_with("aK_asky_990502s1430080.fits")).unwrap();
        let (entries, left_out) = images_of(tile, "tile.fits");
        assert!(left_out.is_empty(), "{left_out:?}");
        // The row that mImgtbl -c writes for this tile, but for centre and corners.
        let e = &entries[0];
        assert_eq!((e.naxis1, e.naxis2, e.size, e.hdu, e.naxis), (512, 1024, 2_111_040, 0, 2));
        let close = |a: [f64; 2], b: [f64; 2]| (a[0] - b[0]).abs() < 1e-7 && (a[1] - b[1]).abs() < 1e-7;
        // mImgtbl gives pixel (256, 512) as the centre, half a pixel off; the tile's is its reference pixel.
        assert!(close(e.center_deg.unwrap(), [275.2466385, -16.2484849]), "{:?}", e.center_deg);
        assert!(close(e.crval_deg, [275.2466385, -16.2484849]) && close(e.crpix, [256.5, 512.5]));
        assert!(close(e.cdelt_deg, [-2.7777778450e-04, 2.7777778450e-04]) && (e.crota2_deg - 0.0087807).abs() < 1e-7);
        // By astropy, at 0.5 and size + 0.5 (mImgtbl's low corners lie a pixel farther out).
        let corners = [
            [275.3207847, -16.3906835],
            [275.3206322, -16.1062388],
            [275.1725995, -16.1062606],
            [275.1725377, -16.3907053],
        ];
        for (ours, theirs) in e.corners_deg.unwrap().into_iter().zip(corners) {
            assert!(close(ours, theirs), "{ours:?} {theirs:?}");
        }
        let table = IpacTable::parse(&ImageEntry::table(&entries).to_text()).unwrap();
        let again = ImageEntry::read_all(&table).unwrap()[0].wcs().unwrap();
        let place = again.pix_to_sky(0.0, 0.0).unwrap();
        let original = Wcs::from_hdu(&FitsFile::open(tile).unwrap(), 0).unwrap().pix_to_sky(0.0, 0.0).unwrap();
        assert!(place.separation_deg(original) < 1e-9);
    }

    #[test]
    fn files_without_images_or_coordinates_are_left_out_with_their_reason() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| std::fs::write(dir.path().join(name), bytes).unwrap();
        write("text.fits", b"not fits at all");
        let mut bytes =
            Header::from_text("SIMPLE = T\nBITPIX = 8\nNAXIS = 2\nNAXIS1 = 4\nNAXIS2 = 4\n").unwrap().to_bytes();
        bytes.resize(5760, 0);
        write("plain.fits", &bytes);
        write("empty.fits", &Header::from_text("SIMPLE = T\nBITPIX = 8\nNAXIS = 0\n").unwrap().to_bytes());
        write(".part.fits", b"");
        write("readme.txt", b"");
        let files = fits_files(dir.path(), true).unwrap();
        assert_eq!(files.len(), 3);
        let reasons: Vec<_> = files.iter().map(|f| images_of(f, "x").1.remove(0)).collect();
        assert!(reasons[0].reason.contains("holds no image"), "{reasons:?}");
        assert!(reasons[1].hdu == Some(0) && reasons[1].reason.contains("no celestial axes"), "{reasons:?}");
        assert_eq!(reasons[2].hdu, None);
    }
}
