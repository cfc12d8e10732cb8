//! Archives and their services.

/// Version of the Simple Image Access protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// SIA 1.0: POS and SIZE.
    One,
    /// SIA 2.0: POS=CIRCLE, BAND, COLLECTION; ObsCore columns.
    Two,
}

/// A service that lists images.
#[derive(Debug, Clone, PartialEq)]
pub struct Archive {
    /// Short name.
    pub name: String,
    /// Address of the service; may have a query part already.
    pub base_url: String,
    /// Protocol.
    pub version: Version,
    /// SIA 2 collection, if the service has several.
    pub collection: Option<String>,
    /// Bands by name with their limits in metres; empty when unknown.
    pub bands: Vec<(String, [f64; 2])>,
}

/// A registered survey: name, address, version, collection, bands in micrometres.
type Entry = (&'static str, &'static str, Version, Option<&'static str>, &'static [(&'static str, [f64; 2])]);

/// Short name and address of each registered survey.
pub const ARCHIVES: &[Entry] = &[
    (
        "2mass",
        "https://irsa.ipac.caltech.edu/SIA",
        Version::Two,
        Some("twomass_allsky"),
        &[("J", [1.154, 1.316]), ("H", [1.540, 1.784]), ("K", [2.028, 2.290])],
    ),
    (
        "wise",
        "https://irsa.ipac.caltech.edu/SIA",
        Version::Two,
        Some("wise_allwise"),
        &[("W1", [2.754, 3.872]), ("W2", [3.963, 5.341]), ("W3", [7.443, 17.26]), ("W4", [19.52, 27.91])],
    ),
    (
        "sdss",
        "https://skyserver.sdss.org/vo/dr17siap/siap.asmx/getSiapInfo?BANDPASS=*",
        Version::One,
        None,
        &[("u", [0.3, 0.4]), ("g", [0.38, 0.56]), ("r", [0.54, 0.7]), ("i", [0.67, 0.84]), ("z", [0.8, 1.1])],
    ),
    ("dss", "https://skyview.gsfc.nasa.gov/cgi-bin/vo/sia.pl?survey=dss", Version::One, None, &[]),
];

impl Archive {
    /// A registered survey by name; case does not count.
    pub fn registered(name: &str) -> Option<Archive> {
        let (name, url, version, collection, bands) = ARCHIVES.iter().find(|e| e.0.eq_ignore_ascii_case(name))?;
        Some(Archive {
            name: (*name).to_owned(),
            base_url: (*url).to_owned(),
            version: *version,
            collection: collection.map(str::to_owned),
            bands: bands.iter().map(|(name, um)| ((*name).to_owned(), [um[0] * 1e-6, um[1] * 1e-6])).collect(),
        })
    }

    /// A service by its address.
    pub fn at(url: &str, version: Version) -> Archive {
        Archive { name: url.to_owned(), base_url: url.to_owned(), version, collection: None, bands: Vec::new() }
    }

    /// The limits in metres of a band by name, or of `LOW..HIGH` or a single wavelength in micrometres.
    pub fn band_limits_m(&self, band: &str) -> Option<[f64; 2]> {
        if let Some((_, limits)) = self.bands.iter().find(|(name, _)| crate::band::same(name, band)) {
            return Some(*limits);
        }
        let micrometres = |text: &str| text.trim().trim_end_matches("um").parse::<f64>().ok().filter(|v| *v > 0.0);
        let (low, high) = match band.split_once("..") {
            Some((low, high)) => (micrometres(low)?, micrometres(high)?),
            None => (micrometres(band)?, micrometres(band)?),
        };
        (low <= high).then_some([low * 1e-6, high * 1e-6])
    }
}
