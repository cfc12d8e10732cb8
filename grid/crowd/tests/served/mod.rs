//! A whole server for tests, and hosts that speak to it over HTTP.
#![allow(dead_code, reason = "each test uses some of it")]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use md5::{Digest, Md5};
use pogson_crowd::account::key_hash;
use pogson_crowd::engine::{Clock, Desk, DeskError, Engine};
use pogson_crowd::life::Limits;
use pogson_crowd::project::{Config, NewKeys, Project, init};
use pogson_crowd::role::{MICRO, NewUnit, OutputFile, Supply};
use pogson_crowd::serve::{Roles, Server};
use pogson_crowd::store::{AppRow, Counter, UserRow, VersionRow};

/// A clock that tests set.
pub(crate) struct Hand(pub(crate) AtomicI64);

impl Clock for Hand {
    fn now(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A server that runs.
pub(crate) struct Served {
    pub(crate) project: Project,
    pub(crate) engine: Engine,
    pub(crate) url: String,
    pub(crate) metrics: String,
    pub(crate) clock: Arc<Hand>,
    stop: Option<Box<dyn Fn() + Send + Sync>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// A project with an application `count` whose hosts need a record of `trust_after`, and nine users.
pub(crate) fn fill(desk: &mut Desk<'_>, trust_after: i64) -> Result<(), DeskError> {
    let id = desk.book.next(Counter::App);
    desk.book.apps.insert(AppRow { id, name: "count".to_owned(), trust_after, ..AppRow::default() });
    desk.book.next(Counter::Version);
    desk.book.versions.insert(VersionRow {
        id: 1,
        app_id: id,
        number: 100,
        platform: "x86_64-pc-linux-gnu".to_owned(),
        processors: 1.0,
        speed: 1.0,
        files: "[]".to_owned(),
        ..VersionRow::default()
    });
    for _ in 0..9 {
        let id = desk.book.next(Counter::User);
        desk.book.users.insert(UserRow {
            id,
            email: format!("{id}@example.org"),
            name: format!("user {id}"),
            key_hash: key_hash(&format!("key{id}")),
            cpid: format!("{id:032}"),
            consent: id % 2 == 1,
            average_time: desk.now,
            ..UserRow::default()
        });
    }
    desk.book.count(Counter::Catalogue, 1);
    Ok(())
}

/// A folder with a project in it, whose settings may be changed before it is served.
pub(crate) fn project(folder: &std::path::Path, database: Option<&str>, set: impl FnOnce(&mut Config)) -> Project {
    let keys = NewKeys::make(&folder.join("keys")).unwrap();
    let mut project =
        init(&folder.join("project"), "http://127.0.0.1:1/pogs/", Some("Ops"), &keys.public, database).unwrap();
    project.config.server.disk_reserve = 0;
    project.config.scheduler.request_delay = 0.0;
    set(&mut project.config);
    project
}

impl Served {
    pub(crate) fn start(project: Project, roles: Roles) -> Served {
        let clock = Arc::new(Hand(AtomicI64::new(1_800_000_000)));
        let server = Server::start(project.clone(), roles, Some("127.0.0.1:0"), clock.clone(), 1).unwrap();
        let url = format!("http://{}/pogs/", server.address().unwrap());
        let metrics = server.metrics_address().map_or(String::new(), |address| format!("http://{address}/metrics"));
        let engine = server.web().engine.clone();
        let stop = server.stopper();
        let thread = std::thread::spawn(move || server.run().unwrap());
        Served { project, engine, url, metrics, clock, stop: Some(Box::new(stop)), thread: Some(thread) }
    }

    pub(crate) fn end(&mut self) {
        if let Some(stop) = self.stop.take() {
            stop();
        }
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }

    pub(crate) fn units(&self, names: &[&str], quorum: usize) {
        let unit = |name: &&str| NewUnit {
            app: "count".to_owned(),
            name: (*name).to_owned(),
            batch: String::new(),
            priority: 0,
            flops: 1e9,
            flops_bound: 1e12,
            memory: 1e6,
            disk: 1e6,
            delay: 86_400,
            command_line: "--twice".to_owned(),
            inputs: Vec::new(),
            outputs: vec![OutputFile { open_name: "out".to_owned(), most: 1000, gzip: false }],
            limits: Limits { quorum, target: quorum, ..Limits::default() },
            credit: 53 * MICRO,
            opaque: "right".to_owned(),
            host: None,
            user: None,
        };
        let supply = Supply { units: names.iter().map(unit).collect(), ..Supply::default() };
        self.engine.act(move |desk| desk.supply(&supply, &[])).unwrap();
    }

    /// A scheduler RPC of a user's host (0 for a new one); the reply's text.
    pub(crate) fn rpc(&self, user: i64, host: i64, sequence: i64, more: &str) -> String {
        let text = format!(
            "<scheduler_request><authenticator>key{user}</authenticator><hostid>{host}</hostid><rpc_seqno>{sequence}</rpc_seqno>\
             <platform_name>x86_64-pc-linux-gnu</platform_name><host_info><host_cpid>cpid{user}</host_cpid><p_ncpus>1</p_ncpus>\
             <p_fpops>1e9</p_fpops><os_name>Linux</os_name><p_vendor>GenuineIntel</p_vendor></host_info>{more}</scheduler_request>"
        );
        self.post("cgi", text.as_bytes())
    }

    /// Asks for a task; its name and its certificate.
    pub(crate) fn ask(&self, user: i64, host: i64, sequence: i64) -> Option<(String, String, i64)> {
        let reply =
            self.rpc(user, host, sequence, "<work_req_seconds>1</work_req_seconds><cpu_req_secs>1</cpu_req_secs>");
        let host = between(&reply, "<hostid>", "</hostid>").map_or(host, |text| text.trim().parse().unwrap());
        let result = reply.split_once("<result>")?.1;
        let name = between(result, "<name>", "</name>")?.trim().to_owned();
        let file = reply.split("<file_info>").find(|part| part.contains(&format!("<name>{name}_0</name>")))?;
        let certificate = between(file, "<xml_signature>", "</xml_signature>")?.to_owned();
        Some((name, certificate, host))
    }

    /// Uploads a task's output and reports it.
    pub(crate) fn give(&self, user: i64, host: i64, sequence: i64, task: (&str, &str), output: &[u8]) -> String {
        let (name, certificate) = task;
        let md5: String = Md5::digest(output).iter().map(|byte| format!("{byte:02x}")).collect();
        let mut body = format!(
            "<data_server_request>\n    <core_client_major_version>7</core_client_major_version>\n    \
             <core_client_minor_version>20</core_client_minor_version>\n    <core_client_release>5</core_client_release>\n\
             <file_upload>\n<file_info>\n    <name>{name}_0</name>\n    <max_nbytes>1000</max_nbytes>\n    \
             <xml_signature>{certificate}</xml_signature>\n</file_info>\n<nbytes>{}</nbytes>\n<md5_cksum>{md5}</md5_cksum>\n\
             <offset>0</offset>\n<data>\n",
            output.len()
        )
        .into_bytes();
        body.extend(output);
        let process = &self.project.config.server.process;
        let said = self.post(&format!("upload/{process}/file_upload_handler"), &body);
        assert!(said.contains("<status>0</status>"), "{said}");
        let report = format!(
            "<result><name>{name}</name><state>5</state><exit_status>0</exit_status><final_elapsed_time>2</final_elapsed_time></result>"
        );
        self.rpc(user, host, sequence, &report)
    }

    fn post(&self, path: &str, body: &[u8]) -> String {
        let answer = ureq::post(format!("{}{path}", self.url)).send(body).unwrap();
        answer.into_body().read_to_string().unwrap()
    }

    pub(crate) fn metrics(&self) -> String {
        ureq::get(&self.metrics).call().unwrap().into_body().read_to_string().unwrap()
    }

    /// Problems that `check` names.
    pub(crate) fn problems(&self) -> Vec<String> {
        let how = pogson_crowd::check::How { deep: true, now: self.clock.now() };
        let report = pogson_crowd::check::check(&self.project, how).unwrap();
        report.problems.into_iter().map(|problem| format!("{}: {}", problem.rule, problem.what)).collect()
    }

    /// A number that the database has.
    pub(crate) fn number(&self, statement: &'static str) -> i64 {
        let mut database = self.project.database_to_read().unwrap();
        match database.ask(statement, &[]).unwrap()[0][0] {
            pogson_crowd::store::Value::Int(number) => number,
            _ => 0,
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.end();
    }
}

pub(crate) fn between<'a>(text: &'a str, from: &str, to: &str) -> Option<&'a str> {
    text.split_once(from)?.1.split_once(to).map(|(inner, _)| inner)
}

/// Waits until something holds.
pub(crate) fn wait(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(30), "waited for: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
