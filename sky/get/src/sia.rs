//! Queries of both versions of Simple Image Access, and what their answers say.
//!
//! Sources: IVOA Recommendations Simple Image Access 1.0 (2009) and 2.0 (2015); ObsCore 1.1 (2017).

use crate::archive::{Archive, Version};
use crate::client::Client;
use crate::error::GetError;
use crate::votable::{Value, Votable};

/// What to ask for.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Query {
    /// Right ascension (ICRS) in degrees.
    pub ra_deg: f64,
    /// Declination (ICRS) in degrees.
    pub dec_deg: f64,
    /// Side of the square of sky wanted, in degrees.
    pub size_deg: f64,
    /// Band by name, or wavelengths in micrometres (`2.2`, `1.9..2.4`); None for all.
    pub band: Option<String>,
    /// SIA 2 collection instead of the archive's own.
    pub collection: Option<String>,
    /// Most rows to list; None leaves it to the service.
    pub max_rows: Option<usize>,
    /// Also list uncertainty, coverage and mask images, where the service tells them apart.
    pub ancillary: bool,
}

/// One image that a service has.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ImageRecord {
    /// Title or identifier.
    pub title: String,
    /// Address of the file.
    pub url: String,
    /// Media type.
    pub format: String,
    /// Centre (ICRS) in degrees.
    pub ra_deg: Option<f64>,
    /// Centre (ICRS) in degrees.
    pub dec_deg: Option<f64>,
    /// Band, as the service names it.
    pub band: String,
    /// Instrument or survey.
    pub instrument: String,
    /// Bytes, where the service says; an estimate.
    pub size: Option<u64>,
}

/// What a service answered.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ImageList {
    /// The address asked.
    pub url: String,
    /// FITS images of the band wanted, in the service's order.
    pub images: Vec<ImageRecord>,
    /// Rows that the service gave, before those of other formats and bands were left out.
    pub listed: usize,
    /// What the reader of the list should know.
    pub notes: Vec<String>,
}

impl Query {
    /// The address that asks an archive this.
    pub fn url(&self, archive: &Archive) -> String {
        let mut pairs: Vec<(&str, String)> = Vec::new();
        match archive.version {
            Version::One => {
                pairs.push(("POS", format!("{},{}", self.ra_deg, self.dec_deg)));
                pairs.push(("SIZE", self.size_deg.to_string()));
                pairs.push(("FORMAT", "image/fits".to_owned()));
                pairs.push(("INTERSECT", "OVERLAPS".to_owned()));
            }
            Version::Two => {
                // The circle around the square.
                let radius = self.size_deg * std::f64::consts::FRAC_1_SQRT_2;
                pairs.push(("POS", format!("CIRCLE {} {} {radius}", self.ra_deg, self.dec_deg)));
                if let Some(collection) = self.collection.as_ref().or(archive.collection.as_ref()) {
                    pairs.push(("COLLECTION", collection.clone()));
                }
                if let Some([low, high]) = self.band.as_ref().and_then(|b| archive.band_limits_m(b)) {
                    pairs.push(("BAND", format!("{low:e} {high:e}")));
                }
                pairs.extend(self.max_rows.map(|rows| ("MAXREC", rows.to_string())));
            }
        }
        let mut url = archive.base_url.trim_end_matches(['?', '&']).to_owned();
        let mut joint = if url.contains('?') { '&' } else { '?' };
        for (key, value) in pairs {
            url.push(joint);
            url.push_str(key);
            url.push('=');
            url.push_str(&encode(&value));
            joint = '&';
        }
        url
    }
}

impl Client {
    /// Asks an archive for its images of a place; several attempts, as the client's patience allows.
    ///
    /// # Errors
    /// [`GetError`]: no answer, a refusal, an answer that cannot be read.
    pub fn search(&self, archive: &Archive, query: &Query) -> Result<ImageList, GetError> {
        let url = query.url(archive);
        let document = self.text(&url)?;
        let table = Votable::parse(&document).map_err(|source| GetError::NotVotable { url: url.clone(), source })?;
        if let Some(message) = table.error() {
            return Err(GetError::Refused { url, message });
        }
        let mut list = read_list(&table, &url, query, archive)?;
        if table.overflowed() {
            list.notes.push(format!("the service left images out after {} rows; ask for less sky", list.listed));
        }
        if let (Version::One, Some(most)) = (archive.version, query.max_rows) {
            list.images.truncate(most);
        }
        Ok(list)
    }
}

/// Columns of an answer, by UCD in version 1 and by ObsCore name in version 2; both are tried.
struct Columns<'a>(&'a Votable);

impl Columns<'_> {
    fn find(&self, ucds: &[&str], names: &[&str]) -> Option<usize> {
        let by_ucd = ucds.iter().find_map(|ucd| self.0.with_ucd(ucd));
        by_ucd.or_else(|| names.iter().find_map(|name| self.0.named(name)))
    }
}

fn read_list(table: &Votable, url: &str, query: &Query, archive: &Archive) -> Result<ImageList, GetError> {
    let columns = Columns(table);
    let address = columns.find(&["VOX:Image_AccessReference"], &["access_url", "sia_url", "download", "url"]);
    let Some(address) = address else {
        return Err(GetError::NoAddresses { url: url.to_owned() });
    };
    let title = columns.find(&["VOX:Image_Title"], &["obs_title", "title", "obs_id", "obs_publisher_did"]);
    let format = columns.find(&["VOX:Image_Format"], &["access_format", "format"]);
    let ra = columns.find(&["POS_EQ_RA_MAIN"], &["s_ra", "ra"]);
    let dec = columns.find(&["POS_EQ_DEC_MAIN"], &["s_dec", "dec"]);
    let band = columns.find(&["VOX:BandPass_ID"], &["energy_bandpassname", "band", "filter", "bandpass"]);
    let instrument = columns.find(&["INST_ID"], &["instrument_name", "facility_name", "obs_collection", "survey"]);
    let bytes = columns.find(&["VOX:Image_FileSize"], &["filesize", "file_size"]);
    let kilobytes = table.named("access_estsize");
    let subtype = columns.find(&[], &["dataproduct_subtype"]);
    let mut list = ImageList { url: url.to_owned(), listed: table.rows.len(), ..ImageList::default() };
    let subtype_of = |row: &[Value]| subtype.and_then(|c| row.get(c)?.text()).unwrap_or_default();
    let has_science = table.rows.iter().any(|row| subtype_of(row) == "science");
    let (mut other_format, mut other_band, mut side_product) = (0, 0, 0);
    for row in &table.rows {
        let cell = |column: Option<usize>| column.and_then(|c| row.get(c)).cloned().unwrap_or(Value::Null);
        let text = |column| cell(column).text().unwrap_or_default();
        let record = ImageRecord {
            title: text(title),
            url: text(Some(address)),
            format: text(format),
            ra_deg: cell(ra).number(),
            dec_deg: cell(dec).number(),
            band: text(band),
            instrument: text(instrument),
            size: cell(bytes).number().or_else(|| cell(kilobytes).number().map(|kb| kb * 1000.0)).map(|b| b as u64),
        };
        if record.url.is_empty() || !is_fits(&record.format) {
            other_format += 1;
        } else if has_science && !query.ancillary && subtype_of(row) != "science" {
            side_product += 1;
        } else if !is_band(&record, query, archive) {
            other_band += 1;
        } else {
            list.images.push(record);
        }
    }
    let left_out =
        [(other_format, "are no FITS"), (other_band, "have other bands"), (side_product, "are side products")];
    list.notes.extend(left_out.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} left out that {what}")));
    if query.band.is_some() && band.is_none() && archive.version == Version::One {
        list.notes.push("the service names no bands, so all of them are listed".to_owned());
    }
    Ok(list)
}

/// FITS by its media type; links to it and an empty type may be.
fn is_fits(format: &str) -> bool {
    let format = format.to_ascii_lowercase();
    format.is_empty() || format.contains("fits") || format.contains("datalink")
}

/// By name where names are known to agree; services of version 2 have sorted by wavelength themselves.
fn is_band(record: &ImageRecord, query: &Query, archive: &Archive) -> bool {
    let Some(wanted) = &query.band else { return true };
    let asked_by_wavelength = archive.version == Version::Two && archive.band_limits_m(wanted).is_some();
    asked_by_wavelength || record.band.is_empty() || crate::band::same(&record.band, wanted)
}

/// Percent-encoding of a query value (RFC 3986); a comma stays, as older services want it.
fn encode(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for byte in value.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b',' | b'/' => out.push(byte as char),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn m17() -> Query {
        let band = Some("Ks".to_owned());
        Query { ra_deg: 275.196, dec_deg: -16.172, size_deg: 0.5, band, ..Query::default() }
    }

    #[test]
    fn a_version_two_address_asks_by_circle_collection_and_wavelength() {
        let archive = Archive::registered("2MASS").unwrap();
        let url = m17().url(&archive);
        let start = "https://irsa.ipac.caltech.edu/SIA?POS=CIRCLE%20275.196%20-16.172%200.3535533905932738";
        assert!(url.starts_with(start), "{url}");
        assert!(url.contains("&COLLECTION=twomass_allsky&BAND=2.028e-6%202.29e-6"), "{url}");
    }

    #[test]
    fn a_version_one_address_keeps_the_query_that_the_base_has() {
        let archive = Archive::at("http://archive.example/sia.pl?survey=dss&", Version::One);
        assert_eq!(
            m17().url(&archive),
            "http://archive.example/sia.pl?survey=dss&POS=275.196,-16.172&SIZE=0.5&FORMAT=image/fits&INTERSECT=OVERLAPS"
        );
    }

    #[test]
    fn wavelengths_may_be_given_in_micrometres() {
        let archive = Archive::at("http://archive.example/", Version::Two);
        let limits = archive.band_limits_m("1.9..2.4um").unwrap();
        assert!((limits[0] - 1.9e-6).abs() < 1e-18 && (limits[1] - 2.4e-6).abs() < 1e-18);
        assert_eq!(archive.band_limits_m("K"), None);
        assert_eq!(archive.band_limits_m("3..2"), None);
    }
}
