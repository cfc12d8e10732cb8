//! What a client says in a scheduler RPC (`scheduler_request`; client release 7.20, `client/scheduler_op.cpp`).

use super::coprocessor::{Coprocessor, coprocessors};
use super::node::{Node, WireError};
use super::trickle::Trickle;

/// Results, files or other tasks that one request may list: clients hold a thousand tasks at most.
const MOST_ITEMS: usize = 20_000;
/// Bytes of a task's standard error that are kept: clients send the last 64 kB.
const MOST_STDERR: usize = 65_536;
/// Bytes of a host's words, such as its processor's name.
const MOST_WORDS: usize = 254;

/// A scheduler RPC's request.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Request {
    /// The account's key.
    pub authenticator: String,
    /// The host's number; 0 where the client has none yet.
    pub host: i64,
    /// How many RPCs the client has made as this host.
    pub sequence: i64,
    /// The client's version, as `major * 10000 + minor * 100 + release`.
    pub client_version: u32,
    /// Whether several clients run on the host, which then must not be taken for one.
    pub several_clients: bool,
    /// Whether the user wants no new tasks.
    pub no_work: bool,
    /// Seconds of work for the processor, as very old clients ask for it.
    pub seconds: f64,
    /// Work for the processor.
    pub cpu: ResourceRequest,
    /// Accelerators, by kind, and the work wanted for them.
    pub coprocessors: Vec<Coprocessor>,
    /// The platform, or `anonymous`, and others that the host runs too.
    pub platforms: Vec<String>,
    /// The code signing key that the client holds; empty where it has none.
    pub code_sign_key: String,
    /// What the user prefers, where the client sent it.
    pub preferences: Option<Preferences>,
    /// The user's name across projects.
    pub cross_project_id: String,
    /// The host.
    pub info: HostInfo,
    /// Finished tasks.
    pub results: Vec<ReportedResult>,
    /// Names of all tasks on the host.
    pub others: Vec<String>,
    /// Whether the client listed its tasks: only then may those that it does not list be lost.
    pub lists_others: bool,
    /// Names of sticky files on the host.
    pub files: Vec<String>,
    /// The host's own application versions, of an anonymous platform.
    pub versions: Vec<AnonymousVersion>,
    /// Messages of running tasks.
    pub trickles: Vec<Trickle>,
}

/// Work wanted for one kind of processor.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ResourceRequest {
    /// Seconds of run time, over all instances.
    pub seconds: f64,
    /// Instances that are idle.
    pub instances: f64,
    /// How many the host has.
    pub count: f64,
}

/// Global preferences, which a project hands to the user's other hosts.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Preferences {
    /// When they were changed.
    pub modified: f64,
    /// Name and value of each.
    pub values: Vec<(String, String)>,
}

/// A host.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HostInfo {
    /// Name across projects.
    pub cpid: String,
    /// Its name in the network; clients may keep it.
    pub domain_name: String,
    /// Address as the client sees it.
    pub address: String,
    /// Seconds east of Greenwich.
    pub timezone: i64,
    /// Processors.
    pub processors: u32,
    /// Their maker, model and features.
    pub vendor: String,
    /// See `vendor`.
    pub model: String,
    /// See `vendor`.
    pub features: String,
    /// Floating point operations a second of one, by the client's benchmark; 1e9 where it made none.
    pub flops: f64,
    /// Integer operations.
    pub iops: f64,
    /// Bytes of memory.
    pub memory: f64,
    /// Bytes of disk, and those free.
    pub disk: f64,
    /// See `disk`.
    pub disk_free: f64,
    /// Operating system.
    pub os_name: String,
    /// Its version.
    pub os_version: String,
    /// Share of time that the host computes: on, and active while on.
    pub available: f64,
}

/// What a client's task came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientState {
    /// Nothing done.
    New,
    /// Its files were not all there.
    Downloading,
    /// All files there.
    Downloaded,
    /// The application failed, or its output is missing or too large.
    ComputeError,
    /// Outputs on their way.
    Uploading,
    /// All done.
    Uploaded,
    /// Ended by user, project or client.
    Aborted,
    /// Outputs that could not be sent.
    UploadFailed,
}

impl ClientState {
    /// Of the number in a request or a database.
    pub fn of(number: i64) -> Option<ClientState> {
        use ClientState::*;
        let all = [New, Downloading, Downloaded, ComputeError, Uploading, Uploaded, Aborted, UploadFailed];
        usize::try_from(number).ok().and_then(|at| all.get(at).copied())
    }
}

/// A finished task.
#[derive(Debug, Clone, PartialEq)]
pub struct ReportedResult {
    /// Its name.
    pub name: String,
    /// What it came to.
    pub state: ClientState,
    /// Of the application, or the client's own number (`lib/error_numbers.h`).
    pub exit_status: i64,
    /// Seconds of the processor.
    pub cpu_seconds: f64,
    /// Seconds that passed while it ran.
    pub elapsed_seconds: f64,
    /// Version of the application.
    pub version: i64,
    /// What the application and the client had to say.
    pub stderr: String,
    /// Outputs that were sent.
    pub files: Vec<ReportedFile>,
}

impl ReportedResult {
    /// Whether client and application take it for done. The outputs may still be missing: a client that was refused an upload
    /// for good says so too.
    pub fn succeeded(&self) -> bool {
        self.state == ClientState::Uploaded && self.exit_status == 0
    }
}

/// An output that was sent.
#[derive(Debug, Clone, PartialEq)]
pub struct ReportedFile {
    /// Its name.
    pub name: String,
    /// Bytes.
    pub bytes: f64,
    /// MD5, hexadecimal.
    pub md5: String,
}

/// An application version that a host brings itself (`app_info.xml`).
#[derive(Debug, Clone, PartialEq)]
pub struct AnonymousVersion {
    /// Of which application.
    pub app: String,
    /// Its number.
    pub version: i64,
    /// Its platform, as the client will look it up.
    pub platform: String,
    /// Its plan class.
    pub plan_class: String,
    /// Operations a second, as the user says.
    pub flops: f64,
}

impl Request {
    /// Reads a request.
    ///
    /// # Errors
    /// [`WireError`]: no request, XML that breaks off, more of it than any client sends, a result without name.
    pub fn parse(bytes: &[u8]) -> Result<Request, WireError> {
        let text = String::from_utf8_lossy(bytes);
        let taken = super::trickle::take_out(&text);
        let (text, trickles) =
            taken.as_ref().map_or((text.as_ref(), &[][..]), |(rest, trickles)| (rest.as_str(), trickles));
        let node = Node::parse(text.as_bytes(), "scheduler_request")?;
        let positive = |of: &Node, name: &str| of.number(name).unwrap_or(0.0).max(0.0);
        let version = |name: &str| node.whole(name).and_then(|n| u32::try_from(n).ok()).unwrap_or(0).min(9999);
        let results: Vec<ReportedResult> = node.all("result").map(result).collect::<Result<_, _>>()?;
        let others = node.get("other_results");
        let names = |of: Option<&Node>, each: &str| -> Vec<String> {
            of.into_iter().flat_map(|of| of.all(each)).map(|one| one.text_of("name").to_owned()).collect()
        };
        let request = Request {
            authenticator: node.text_of("authenticator").to_owned(),
            host: node.whole("hostid").unwrap_or(0),
            sequence: node.whole("rpc_seqno").unwrap_or(0),
            client_version: version("core_client_major_version") * 10_000
                + version("core_client_minor_version") * 100
                + version("core_client_release"),
            several_clients: node.flag("allow_multiple_clients"),
            no_work: node.flag("dont_send_work"),
            seconds: positive(&node, "work_req_seconds"),
            cpu: ResourceRequest {
                seconds: positive(&node, "cpu_req_secs"),
                instances: positive(&node, "cpu_req_instances"),
                count: node.get("host_info").map_or(0.0, |host| positive(host, "p_ncpus")),
            },
            coprocessors: node.get("coprocs").map(coprocessors).unwrap_or_default(),
            platforms: std::iter::once(node.text_of("platform_name"))
                .chain(node.all("alt_platform").map(|other| other.text_of("name")))
                .filter(|name| !name.is_empty())
                .map(str::to_owned)
                .collect(),
            code_sign_key: node.text_of("code_sign_key").to_owned(),
            preferences: node.get("global_preferences").map(preferences),
            cross_project_id: words(&node, "cross_project_id"),
            info: host_info(&node),
            results,
            others: names(others, "other_result"),
            lists_others: others.is_some(),
            files: node.all("file_info").map(|file| file.text_of("name").to_owned()).collect(),
            versions: node.get("app_versions").map(versions).unwrap_or_default(),
            trickles: trickles.to_vec(),
        };
        let items = [request.results.len(), request.others.len(), request.files.len(), request.trickles.len()];
        if items.iter().any(|&count| count > MOST_ITEMS) {
            return Err(WireError::TooMuch { what: "tasks or files" });
        }
        Ok(request)
    }
}

/// Words of a host, cut to what a page shows.
pub(super) fn words(node: &Node, name: &str) -> String {
    let text = node.text_of(name);
    let end = (0..=MOST_WORDS.min(text.len())).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
    text[..end].to_owned()
}

fn result(node: &Node) -> Result<ReportedResult, WireError> {
    let name = node.text_of("name");
    let state = node.whole("state").and_then(ClientState::of).ok_or(WireError::Element { element: "result state" })?;
    if name.is_empty() {
        return Err(WireError::Element { element: "result name" });
    }
    let seconds = |name: &str| node.number(name).unwrap_or(0.0).max(0.0);
    let stderr = node.text_of("stderr_out");
    let from = stderr.len().saturating_sub(MOST_STDERR);
    let from = (from..=stderr.len()).find(|&at| stderr.is_char_boundary(at)).unwrap_or(0);
    let file = |file: &Node| ReportedFile {
        name: file.text_of("name").to_owned(),
        bytes: file.number("nbytes").unwrap_or(0.0).max(0.0),
        md5: file.text_of("md5_cksum").to_owned(),
    };
    Ok(ReportedResult {
        name: name.to_owned(),
        state,
        exit_status: node.whole("exit_status").unwrap_or(0),
        cpu_seconds: seconds("final_cpu_time"),
        elapsed_seconds: seconds("final_elapsed_time"),
        version: node.whole("version_num").unwrap_or(0),
        stderr: stderr[from..].to_owned(),
        files: node.all("file_info").map(file).collect(),
    })
}

fn preferences(node: &Node) -> Preferences {
    Preferences {
        modified: node.number("mod_time").unwrap_or(0.0),
        values: node
            .children
            .iter()
            .filter(|one| one.children.is_empty())
            .map(|one| (one.name.clone(), one.text.clone()))
            .collect(),
    }
}

fn host_info(node: &Node) -> HostInfo {
    let empty = Node::default();
    let (host, time) = (node.get("host_info").unwrap_or(&empty), node.get("time_stats").unwrap_or(&empty));
    let share = |name: &str| time.number(name).filter(|share| (0.0..=1.0).contains(share)).unwrap_or(1.0);
    let size = |name: &str| host.number(name).unwrap_or(0.0).max(0.0);
    HostInfo {
        cpid: words(host, "host_cpid"),
        domain_name: words(host, "domain_name"),
        address: words(host, "ip_addr"),
        timezone: host.whole("timezone").unwrap_or(0),
        processors: host.whole("p_ncpus").and_then(|n| u32::try_from(n).ok()).unwrap_or(1).clamp(1, 4096),
        vendor: words(host, "p_vendor"),
        model: words(host, "p_model"),
        features: host.text_of("p_features").chars().take(1024).collect(),
        flops: size("p_fpops"),
        iops: size("p_iops"),
        memory: size("m_nbytes"),
        disk: size("d_total"),
        disk_free: size("d_free"),
        os_name: words(host, "os_name"),
        os_version: words(host, "os_version"),
        available: share("on_frac") * share("active_frac"),
    }
}

fn versions(node: &Node) -> Vec<AnonymousVersion> {
    let one = |version: &Node| AnonymousVersion {
        app: words(version, "app_name"),
        version: version.whole("version_num").unwrap_or(0),
        platform: words(version, "platform"),
        plan_class: words(version, "plan_class"),
        flops: version.number("flops").unwrap_or(0.0).max(0.0),
    };
    node.all("app_version").map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(inside: &str) -> Result<Request, WireError> {
        Request::parse(format!("<scheduler_request>\n{inside}\n</scheduler_request>").as_bytes())
    }

    #[test]
    fn a_bare_request_has_what_clients_leave_out() {
        let request = of("<authenticator>x</authenticator>").unwrap();
        assert_eq!(request.info.processors, 1);
        assert_eq!(request.info.available, 1.0);
        assert!(!request.lists_others && request.platforms.is_empty());
    }

    #[test]
    fn a_result_needs_a_name_and_a_state() {
        let state = WireError::Element { element: "result state" };
        assert_eq!(of("<result><name>a</name></result>"), Err(state.clone()));
        assert_eq!(of("<result><name>a</name><state>9</state></result>"), Err(state));
        assert_eq!(of("<result><state>5</state></result>"), Err(WireError::Element { element: "result name" }));
    }

    #[test]
    fn success_is_an_uploaded_result_with_exit_status_0() {
        let succeeded = |state: i64, exit: i64| {
            let text =
                format!("<result><name>a</name><state>{state}</state><exit_status>{exit}</exit_status></result>");
            of(&text).unwrap().results[0].succeeded()
        };
        // As a client reported: done, a failing application, a missing output, an abort.
        assert!(succeeded(5, 0));
        assert!(![(3, 7), (3, 0), (6, 202), (1, -186)].iter().any(|&(state, exit)| succeeded(state, exit)));
    }

    #[test]
    fn numbers_that_no_host_has_are_brought_to_reason() {
        let request = of("<host_info><p_ncpus>99999999</p_ncpus><p_fpops>-1</p_fpops></host_info><time_stats><on_frac>7</on_frac></time_stats>").unwrap();
        assert_eq!((request.info.processors, request.info.flops, request.info.available), (4096, 0.0, 1.0));
    }
}
