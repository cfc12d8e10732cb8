//! Queries and downloads against a local server that answers like an archive, its bad days included.
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up should fail")]

use pogson_get::{Archive, Client, Download, GetError, ImageRecord, Outcome, Patience, Query, Version};
use pogson_image::fits::Header;
use std::collections::HashMap;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tiny_http::{Header as HttpHeader, Request, Response, Server};

/// A server on a free port of this machine; stops when dropped.
struct LocalArchive {
    server: Arc<Server>,
    thread: Option<std::thread::JoinHandle<()>>,
    seen: Arc<Mutex<Vec<String>>>,
    url: String,
}

impl LocalArchive {
    fn start() -> LocalArchive {
        let server = Arc::new(Server::http("127.0.0.1:0").unwrap());
        let url = format!("http://{}", server.server_addr());
        let seen: Arc<Mutex<Vec<String>>> = Arc::default();
        let (serving, log, base) = (Arc::clone(&server), Arc::clone(&seen), url.clone());
        let thread = std::thread::spawn(move || {
            let mut visits = HashMap::new();
            for request in serving.incoming_requests() {
                let path = request.url().split('?').next().unwrap_or("").to_owned();
                let range = header(&request, "Range").map_or(String::new(), |r| format!(" {r}"));
                log.lock().unwrap().push(format!("{}{range}", request.url()));
                let visit = visits.entry(path.clone()).or_insert(0);
                *visit += 1;
                answer(request, &path, *visit, &base);
            }
        });
        LocalArchive { server, thread: Some(thread), seen, url }
    }

    fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for LocalArchive {
    fn drop(&mut self) {
        self.server.unblock();
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

fn header(request: &Request, name: &'static str) -> Option<String> {
    request.headers().iter().find(|h| h.field.equiv(name)).map(|h| h.value.to_string())
}

/// A FITS image of 100 x 200 bytes.
fn tile() -> Vec<u8> {
    let text = "SIMPLE  = T\nBITPIX  = 8\nNAXIS   = 2\nNAXIS1  = 100\nNAXIS2  = 200\n";
    let mut bytes = Header::from_text(text).unwrap().to_bytes();
    bytes.extend((0..20_000_u32).map(|i| (i % 251) as u8));
    bytes.resize(bytes.len().next_multiple_of(2880), 0);
    bytes
}

fn respond(request: Request, status: u16, headers: &[(&str, &str)], body: Vec<u8>) {
    let mut response = Response::from_data(body).with_status_code(status);
    for (key, value) in headers {
        response.add_header(HttpHeader::from_bytes(key.as_bytes(), value.as_bytes()).unwrap());
    }
    // The client may have hung up, as a test wants it to.
    let _ = request.respond(response);
}

/// Announces all of a body, sends half of it, and falls silent.
fn respond_half(request: Request, body: &[u8], tag: &str) {
    let mut writer = request.into_writer();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n{tag}Connection: close\r\n\r\n", body.len());
    writer.write_all(head.as_bytes()).unwrap();
    writer.write_all(&body[..body.len() / 2]).unwrap();
    writer.flush().unwrap();
}

fn answer(request: Request, path: &str, visit: u32, base: &str) {
    let votable = [("Content-Type", "application/x-votable+xml")];
    match path {
        "/SIA" => respond(request, 200, &votable, version_two(base).into_bytes()),
        "/ibe/sia" => respond(request, 200, &votable, version_one(base).into_bytes()),
        "/busy/sia" if visit < 3 => respond(request, 503, &[("Retry-After", "0")], b"busy".to_vec()),
        "/busy/sia" => respond(request, 200, &votable, version_one(base).into_bytes()),
        "/refusing/sia" => {
            let text = "<VOTABLE><RESOURCE type=\"results\"><INFO name=\"QUERY_STATUS\" value=\"ERROR\">\
                        SIZE exceeds 5 degrees</INFO></RESOURCE></VOTABLE>";
            respond(request, 200, &votable, text.as_bytes().to_vec());
        }
        "/html/sia" | "/html/tile.fits" => {
            respond(request, 200, &[], b"<html><body>Down for <b>maintenance<br></body></html>".to_vec());
        }
        "/moved/tile.fits" => respond(request, 302, &[("Location", "/tiles/tile.fits")], Vec::new()),
        "/busy/tile.fits" if visit == 1 => respond(request, 503, &[], Vec::new()),
        "/cut/tile.fits" if visit == 1 => respond_half(request, &tile(), "ETag: \"one\"\r\n"),
        "/changed/tile.fits" if visit == 1 => respond_half(request, &[b'x'; 25_920], "ETag: \"old\"\r\n"),
        "/nomark/tile.fits" if visit == 1 => respond_half(request, &tile(), ""),
        "/truncated/tile.fits" => respond(request, 200, &[], tile()[..10_000].to_vec()),
        "/link/tile" => {
            let text = format!(
                "<VOTABLE><RESOURCE type=\"results\"><TABLE><FIELD name=\"access_url\" datatype=\"char\" arraysize=\"*\"/>\
                 <FIELD name=\"semantics\" datatype=\"char\" arraysize=\"*\"/><DATA><TABLEDATA>\
                 <TR><TD>{base}/preview.png</TD><TD>#preview</TD></TR><TR><TD>{base}/tiles/tile.fits</TD><TD>#this</TD></TR>\
                 </TABLEDATA></DATA></TABLE></RESOURCE></VOTABLE>"
            );
            respond(request, 200, &votable, text.into_bytes());
        }
        _ if path.ends_with("/tile.fits") => whole_or_range(request, path),
        _ => respond(request, 404, &[], b"no such thing".to_vec()),
    }
}

/// The tile; the rest of it when the range and its condition say so.
fn whole_or_range(request: Request, path: &str) {
    let body = tile();
    let mark = if path.starts_with("/changed") { "\"new\"" } else { "\"one\"" };
    let first =
        header(&request, "Range").and_then(|r| r.strip_prefix("bytes=")?.strip_suffix('-')?.parse::<usize>().ok());
    let same = header(&request, "If-Range").as_deref() == Some(mark);
    match first.filter(|f| same && *f < body.len()) {
        Some(first) => {
            let range = format!("bytes {first}-{}/{}", body.len() - 1, body.len());
            respond(request, 206, &[("Content-Range", &range), ("ETag", mark)], body[first..].to_vec());
        }
        None => respond(request, 200, &[("ETag", mark)], body),
    }
}

/// An answer in the form of IRSA's version 2 service.
fn version_two(base: &str) -> String {
    let mut rows = String::new();
    for (id, band, subtype, format) in [
        ("a", "Ks", "science", "image/fits"),
        ("b", "Ks", "noise", "image/fits"),
        ("c", "Ks", "science", "image/jpeg"),
        ("d", "Ks", "science", "application/x-votable+xml;content=datalink"),
    ] {
        let address = if id == "d" { "link/tile" } else { "tiles/tile.fits" };
        rows.push_str(&format!(
            "<TR><TD>275.2</TD><TD>-16.1</TD><TD>2MASS</TD><TD>{band}</TD><TD>{base}/{address}?x=1&amp;id={id}</TD>\
             <TD>{format}</TD><TD>2111</TD><TD>{subtype}</TD><TD>{id}</TD></TR>"
        ));
    }
    let mut fields = String::new();
    for (name, kind) in [
        ("s_ra", "double"),
        ("s_dec", "double"),
        ("instrument_name", "char"),
        ("energy_bandpassname", "char"),
        ("access_url", "char"),
        ("access_format", "char"),
        ("access_estsize", "long"),
        ("dataproduct_subtype", "char"),
        ("obs_id", "char"),
    ] {
        let size = if kind == "char" { " arraysize=\"*\"" } else { "" };
        fields.push_str(&format!("<FIELD name=\"{name}\" datatype=\"{kind}\"{size}/>"));
    }
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<VOTABLE version=\"1.3\" xmlns=\"http://www.ivoa.net/xml/VOTable/v1.3\">\
         <RESOURCE type=\"results\"><INFO name=\"QUERY_STATUS\" value=\"OK\"/><TABLE>{fields}<DATA><TABLEDATA>{rows}\
         </TABLEDATA></DATA></TABLE><INFO name=\"QUERY_STATUS\" value=\"OVERFLOW\"/></RESOURCE></VOTABLE>"
    )
}

/// An answer in the form of IRSA's version 1 services.
fn version_one(base: &str) -> String {
    let mut rows = String::new();
    for (band, format) in [("J", "image/fits"), ("K", "image/fits"), ("K", "image/jpeg")] {
        rows.push_str(&format!(
            "<TR><TD>tile {band}</TD><TD>{base}/tiles/tile.fits?b={band}</TD><TD>{format}</TD><TD>275.2</TD><TD>-16.1</TD>\
             <TD>{band}</TD></TR>"
        ));
    }
    let mut fields = String::new();
    for (name, ucd, kind) in [
        ("title", "VOX:Image_Title", "char"),
        ("link", "VOX:Image_AccessReference", "char"),
        ("type", "VOX:Image_Format", "char"),
        ("ra", "POS_EQ_RA_MAIN", "double"),
        ("dec", "POS_EQ_DEC_MAIN", "double"),
        ("bp", "VOX:BandPass_ID", "char"),
    ] {
        fields.push_str(&format!("<FIELD name=\"{name}\" ucd=\"{ucd}\" datatype=\"{kind}\" arraysize=\"*\"/>"));
    }
    format!(
        "<VOTABLE version=\"1.1\"><RESOURCE type=\"results\"><INFO name=\"QUERY_STATUS\" value=\"OK\"/><TABLE>{fields}\
         <DATA><TABLEDATA>{rows}</TABLEDATA></DATA></TABLE></RESOURCE></VOTABLE>"
    )
}

fn client(attempts: u32) -> Client {
    Client::new(Patience {
        attempts,
        first_pause: Duration::from_millis(5),
        longest_pause: Duration::from_millis(20),
        silence: Duration::from_secs(2),
    })
}

fn query() -> Query {
    Query { ra_deg: 275.2, dec_deg: -16.1, size_deg: 0.3, band: Some("K".to_owned()), ..Query::default() }
}

fn record(url: String) -> ImageRecord {
    ImageRecord { url, format: "image/fits".to_owned(), ..ImageRecord::default() }
}

/// Downloads one address into a fresh folder, which is returned with the outcome.
fn fetch(client: &Client, url: String) -> (tempfile::TempDir, Outcome) {
    let dir = tempfile::tempdir().unwrap();
    let outcome = Download::new(dir.path()).run(client, &[record(url)]).remove(0);
    (dir, outcome)
}

fn names(dir: &tempfile::TempDir) -> Vec<String> {
    let entries = std::fs::read_dir(dir.path()).unwrap();
    let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn error_of(outcome: Outcome) -> GetError {
    match outcome {
        Outcome::Failed { error, .. } => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_version_two_list_leaves_out_side_products_and_other_formats_and_says_so() {
    let archive = LocalArchive::start();
    let list = client(1).search(&Archive::at(&format!("{}/SIA", archive.url), Version::Two), &query()).unwrap();
    assert_eq!((list.images.len(), list.listed), (2, 4));
    let first = &list.images[0];
    assert_eq!((first.ra_deg, first.dec_deg, first.size), (Some(275.2), Some(-16.1), Some(2_111_000)));
    assert_eq!((first.band.as_str(), first.title.as_str()), ("Ks", "a"));
    assert!(first.url.ends_with("/tiles/tile.fits?x=1&id=a"));
    assert_eq!(list.notes[..2], ["1 left out that are no FITS", "1 left out that are side products"]);
    assert_eq!(list.notes[2], "the service left images out after 4 rows; ask for less sky");
    assert!(archive.seen()[0].starts_with("/SIA?POS=CIRCLE%20275.2%20-16.1%20"));
}

#[test]
fn a_version_one_list_is_sorted_by_band_here() {
    let archive = LocalArchive::start();
    let list = client(1).search(&Archive::at(&format!("{}/ibe/sia", archive.url), Version::One), &query()).unwrap();
    assert_eq!(list.images.len(), 1);
    assert_eq!((list.images[0].title.as_str(), list.images[0].band.as_str()), ("tile K", "K"));
    assert_eq!(archive.seen()[0], "/ibe/sia?POS=275.2,-16.1&SIZE=0.3&FORMAT=image/fits&INTERSECT=OVERLAPS");
}

#[test]
fn every_registered_survey_is_asked_in_its_own_protocol() {
    let local = LocalArchive::start();
    for name in ["2mass", "wise", "sdss", "dss"] {
        let mut survey = Archive::registered(name).unwrap();
        // The survey's own query part, at an address that answers here.
        let own = survey.base_url.split_once('?').map(|(_, query)| format!("?{query}")).unwrap_or_default();
        let path = if survey.version == Version::Two { "/SIA" } else { "/ibe/sia" };
        survey.base_url = format!("{}{path}{own}", local.url);
        let list = client(1).search(&survey, &Query { band: None, ..query() }).unwrap();
        assert!(!list.images.is_empty(), "{name}");
        let asked = local.seen().pop().unwrap();
        let words: &[&str] = match name {
            "2mass" => &["/SIA?", "POS=CIRCLE", "COLLECTION=twomass_allsky"],
            "wise" => &["/SIA?", "POS=CIRCLE", "COLLECTION=wise_allwise"],
            "sdss" => &["/ibe/sia?BANDPASS=*&", "POS=275.2,-16.1", "SIZE="],
            _ => &["/ibe/sia?survey=dss&", "POS=275.2,-16.1", "SIZE="],
        };
        for word in words {
            assert!(asked.contains(word), "{name}: {asked}");
        }
    }
}

#[test]
fn a_busy_service_is_asked_again() {
    let archive = LocalArchive::start();
    let service = Archive::at(&format!("{}/busy/sia", archive.url), Version::One);
    assert_eq!(client(3).search(&service, &query()).unwrap().images.len(), 1);
    assert_eq!(archive.seen().len(), 3);
}

#[test]
fn an_impatient_client_tells_of_the_busy_service() {
    let archive = LocalArchive::start();
    let error = client(2).search(&Archive::at(&format!("{}/busy/sia", archive.url), Version::One), &query());
    let message = error.unwrap_err().to_string();
    assert!(message.ends_with("the server answers 503 (the server's own trouble; try later)"), "{message}");
}

#[test]
fn refusals_and_web_pages_are_told_in_the_services_words() {
    let archive = LocalArchive::start();
    let ask = |path: &str| {
        let service = Archive::at(&format!("{}{path}", archive.url), Version::One);
        client(3).search(&service, &query()).unwrap_err().to_string()
    };
    assert!(ask("/refusing/sia").ends_with("the service says: SIZE exceeds 5 degrees"));
    assert!(ask("/html/sia").contains("the document begins with '<html><body>Down for <b>"));
    assert!(ask("/nowhere").contains("404 (not found"));
    assert_eq!(archive.seen().len(), 3, "none of these passes by asking again");
}

#[test]
fn tiles_arrive_whole_and_a_second_run_keeps_them() {
    let archive = LocalArchive::start();
    let dir = tempfile::tempdir().unwrap();
    let images: Vec<ImageRecord> = (0..6).map(|i| record(format!("{}/tiles/tile.fits?id={i}", archive.url))).collect();
    let download = Download::new(dir.path());
    let outcomes = download.run(&client(1), &images);
    assert!(
        outcomes.iter().all(|o| matches!(o, Outcome::Fetched { bytes: 23_040, resumed_at: 0, .. })),
        "{outcomes:?}"
    );
    assert_eq!(std::fs::read(dir.path().join("tile-6.fits")).unwrap(), tile());
    assert_eq!(names(&dir).len(), 6);
    let again = download.run(&client(1), &images);
    assert!(again.iter().all(|o| matches!(o, Outcome::Kept { .. })), "{again:?}");
    assert_eq!(archive.seen().len(), 6);
}

#[test]
fn redirects_busy_servers_and_links_lead_to_the_tile() {
    let archive = LocalArchive::start();
    for path in ["/moved/tile.fits", "/busy/tile.fits"] {
        let (dir, outcome) = fetch(&client(2), format!("{}{path}", archive.url));
        assert!(matches!(outcome, Outcome::Fetched { .. }), "{path}: {outcome:?}");
        assert_eq!(names(&dir), ["tile.fits"]);
    }
    let dir = tempfile::tempdir().unwrap();
    let format = "application/x-votable+xml;content=datalink".to_owned();
    let image = ImageRecord { format, title: "d".to_owned(), ..record(format!("{}/link/tile", archive.url)) };
    let outcomes = Download::new(dir.path()).run(&client(1), &[image]);
    assert!(matches!(outcomes[0], Outcome::Fetched { .. }), "{outcomes:?}");
    assert_eq!(std::fs::read(dir.path().join("d.fits")).unwrap(), tile());
}

#[test]
fn a_cut_transfer_resumes_where_it_broke_off() {
    let archive = LocalArchive::start();
    let (dir, outcome) = fetch(&client(3), format!("{}/cut/tile.fits", archive.url));
    assert!(matches!(outcome, Outcome::Fetched { bytes: 23_040, resumed_at: 11_520, .. }), "{outcome:?}");
    assert_eq!(std::fs::read(dir.path().join("tile.fits")).unwrap(), tile());
    assert_eq!(names(&dir), ["tile.fits"]);
    assert_eq!(archive.seen()[1], "/cut/tile.fits bytes=11520-");
}

#[test]
fn a_later_run_resumes_what_an_earlier_one_left() {
    let archive = LocalArchive::start();
    let dir = tempfile::tempdir().unwrap();
    let image = [record(format!("{}/cut/tile.fits", archive.url))];
    let error = error_of(Download::new(dir.path()).run(&client(1), &image).remove(0));
    assert!(error.is_passing(), "{error}");
    assert_eq!(names(&dir), [".tile.fits.part", ".tile.fits.tag"]);
    let outcome = Download::new(dir.path()).run(&client(1), &image).remove(0);
    assert!(matches!(outcome, Outcome::Fetched { resumed_at: 11_520, .. }), "{outcome:?}");
    assert_eq!(std::fs::read(dir.path().join("tile.fits")).unwrap(), tile());
}

#[test]
fn a_file_that_changed_or_has_no_mark_is_fetched_from_its_start() {
    let archive = LocalArchive::start();
    for path in ["/changed/tile.fits", "/nomark/tile.fits"] {
        let (dir, outcome) = fetch(&client(3), format!("{}{path}", archive.url));
        assert!(matches!(outcome, Outcome::Fetched { resumed_at: 0, .. }), "{path}: {outcome:?}");
        assert_eq!(std::fs::read(dir.path().join("tile.fits")).unwrap(), tile());
    }
}

#[test]
fn what_is_not_fits_or_cut_short_leaves_no_file() {
    let archive = LocalArchive::start();
    let (dir, outcome) = fetch(&client(2), format!("{}/html/tile.fits", archive.url));
    let message = error_of(outcome).to_string();
    assert!(message.contains("what arrived is not FITS: it begins with '<html><body>Down for"), "{message}");
    assert!(names(&dir).is_empty());
    let (dir, outcome) = fetch(&client(2), format!("{}/truncated/tile.fits", archive.url));
    assert!(matches!(error_of(outcome), GetError::NotFits { .. }));
    assert!(names(&dir).is_empty());
}

#[test]
fn one_bad_tile_spoils_no_other() {
    let archive = LocalArchive::start();
    let dir = tempfile::tempdir().unwrap();
    let images =
        ["/tiles/tile.fits", "/gone/image.fits", "/more/tile.fits"].map(|p| record(format!("{}{p}", archive.url)));
    let outcomes = Download::new(dir.path()).run(&client(1), &images);
    assert!(matches!(outcomes[0], Outcome::Fetched { .. }) && matches!(outcomes[2], Outcome::Fetched { .. }));
    assert!(matches!(&outcomes[1], Outcome::Failed { error: GetError::Status { status: 404, .. }, .. }));
    assert_eq!(names(&dir), ["tile-2.fits", "tile.fits"]);
}

#[test]
fn a_client_told_to_stop_stops() {
    let archive = LocalArchive::start();
    let flag = Arc::new(AtomicBool::new(false));
    flag.store(true, Ordering::Relaxed);
    let (_dir, outcome) = fetch(&client(5).stopping_at(flag), format!("{}/tiles/tile.fits", archive.url));
    assert!(matches!(error_of(outcome), GetError::Stopped { .. }));
}
