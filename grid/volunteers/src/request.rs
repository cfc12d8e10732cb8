//! Scheduler requests as Debian's boinc-client 7.20.5 writes them, element by element.

use std::fmt::{Display, Write as _};

use crate::profile::{FEATURES, Profile};

/// What a client works by when its user changed nothing but what the tests of a server need.
const PREFERENCES: &str = include_str!("preferences.xml");

/// All that a request says.
#[derive(Debug)]
pub struct Request<'a> {
    /// The account's key.
    pub authenticator: &'a str,
    /// The host's number; 0 before it has one.
    pub host: i64,
    /// How many requests it has made.
    pub sequence: i64,
    /// The host.
    pub profile: &'a Profile,
    /// Whether other clients may run on the host, which then is not to be taken for one that the server knows.
    pub several: bool,
    /// Whether the user wants no new tasks.
    pub no_work: bool,
    /// Work wanted: seconds over all processors, and processors that are idle.
    pub work: (f64, f64),
    /// Work wanted for the graphics processor.
    pub gpu_work: (f64, f64),
    /// The code signing key that the client holds.
    pub key: Option<&'a str>,
    /// The user's name across projects, as the server said it.
    pub cross_project_id: &'a str,
    /// When the client started, and the time now: seconds since 1970.
    pub times: (f64, f64),
    /// Finished tasks.
    pub reports: Vec<Report<'a>>,
    /// Messages of running tasks: result, variety, text.
    pub trickles: Vec<(&'a str, &'a str, String)>,
    /// Sticky files that are here: name and bytes.
    pub files: Vec<(&'a str, u64)>,
    /// Application versions that are here.
    pub versions: &'a [Version],
    /// All tasks on the host that are not reported now: name and place of the version in `versions`.
    pub others: Vec<(&'a str, usize)>,
}

/// An application version, as far as a request says it.
#[derive(Debug, Clone, PartialEq)]
pub struct Version {
    /// Application.
    pub app: String,
    /// Number: 100 is 1.00.
    pub number: i64,
    /// Platform.
    pub platform: String,
    /// Plan class; empty for none.
    pub plan_class: String,
    /// Processors that it keeps busy.
    pub processors: f64,
    /// Operations a second.
    pub flops: f64,
    /// Version of the runtime protocol.
    pub api: String,
    /// Kind of graphics processor that it computes with, and how many.
    pub coprocessor: Option<(String, f64)>,
}

/// A finished task.
#[derive(Debug)]
pub struct Report<'a> {
    /// Its name.
    pub name: &'a str,
    /// The version that ran it.
    pub version: &'a Version,
    /// What it came to: 5 all uploaded, 3 failed, 6 aborted, 1 files missing.
    pub state: i64,
    /// Of the application, or the client's own number.
    pub exit_status: i64,
    /// Seconds that it ran.
    pub seconds: f64,
    /// What the application said.
    pub words: &'a str,
    /// Outputs that were sent.
    pub files: Vec<Sent<'a>>,
}

/// An output that was sent.
#[derive(Debug)]
pub struct Sent<'a> {
    /// Its name.
    pub name: &'a str,
    /// Bytes.
    pub bytes: u64,
    /// Bytes that it may have.
    pub most: u64,
    /// MD5, hexadecimal.
    pub md5: &'a str,
    /// Where it was sent.
    pub url: &'a str,
}

/// A text of elements.
struct Text(String);

impl Text {
    fn line(&mut self, indent: &str, name: &str, value: impl Display) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "{indent}<{name}>{value}</{name}>");
    }

    fn real(&mut self, indent: &str, name: &str, value: f64) {
        let _ = writeln!(self.0, "{indent}<{name}>{value:.6}</{name}>");
    }

    fn raw(&mut self, text: &str) {
        self.0.push_str(text);
    }
}

impl Request<'_> {
    /// The text of the request.
    pub fn text(&self) -> String {
        let mut text = Text(String::with_capacity(6500 + 800 * self.reports.len() + 120 * self.others.len()));
        self.head(&mut text);
        text.raw(PREFERENCES);
        text.line("", "cross_project_id", self.cross_project_id);
        self.statistics(&mut text);
        self.host(&mut text);
        for report in &self.reports {
            result(&mut text, report);
        }
        for (result, variety, words) in &self.trickles {
            text.raw("  <msg_from_host>\n");
            text.line("      ", "result_name", result);
            text.line("      ", "time", self.times.1.floor());
            text.raw(&format!("<variety>{variety}</variety>\n<text>\n{words}\n</text>\n"));
            text.raw("  </msg_from_host>\n");
        }
        for (name, bytes) in &self.files {
            text.raw("<file_info>\n");
            text.line("    ", "name", name);
            text.real("    ", "nbytes", *bytes as f64);
            text.line("    ", "status", 1);
            text.raw("</file_info>\n");
        }
        self.tasks(&mut text);
        text.raw("</scheduler_request>\n");
        text.0
    }

    fn head(&self, text: &mut Text) {
        let indent = "    ";
        text.raw("<scheduler_request>\n");
        text.line(indent, "authenticator", self.authenticator);
        text.line(indent, "hostid", self.host);
        text.line(indent, "rpc_seqno", self.sequence);
        text.line(indent, "core_client_major_version", 7);
        text.line(indent, "core_client_minor_version", 20);
        text.line(indent, "core_client_release", 5);
        for share in ["resource_share_fraction", "rrs_fraction", "prrs_fraction", "duration_correction_factor"] {
            text.real(indent, share, 1.0);
        }
        text.line(indent, "allow_multiple_clients", u8::from(self.several));
        text.line(indent, "sandbox", 0);
        text.line(indent, "dont_send_work", u8::from(self.no_work));
        text.real(indent, "work_req_seconds", self.work.0.max(self.gpu_work.0));
        text.real(indent, "cpu_req_secs", self.work.0);
        text.real(indent, "cpu_req_instances", self.work.1);
        text.real(indent, "estimated_delay", 0.0);
        text.line(indent, "client_cap_plan_class", 1);
        text.line(indent, "platform_name", self.profile.platform.name);
        for other in self.profile.platform.others {
            text.raw("    <alt_platform>\n");
            text.line("        ", "name", other);
            text.raw("    </alt_platform>\n");
        }
        if let Some(key) = self.key {
            let _ = writeln!(text.0, "    <code_sign_key>\n{}\n</code_sign_key>", key.trim());
        }
    }

    fn statistics(&self, text: &mut Text) {
        let (indent, (start, now)) = ("    ", self.times);
        text.raw("<time_stats>\n");
        for (name, value) in [
            ("on_frac", 1.0),
            ("connected_frac", -1.0),
            ("cpu_and_network_available_frac", 1.0),
            ("active_frac", 1.0),
            ("gpu_active_frac", 1.0),
            ("client_start_time", start),
            ("total_start_time", start),
            ("total_duration", now - start),
            ("total_active_duration", now - start),
            ("total_gpu_active_duration", now - start),
            ("now", now),
            ("previous_uptime", 0.0),
            ("session_active_duration", now - start),
            ("session_gpu_active_duration", now - start),
        ] {
            text.real(indent, name, value);
        }
        text.raw("</time_stats>\n<net_stats>\n");
        for (name, value) in [
            ("bwup", 62_880.862_9),
            ("avg_up", 5.4e9),
            ("avg_time_up", now),
            ("bwdown", 3e6),
            ("avg_down", 2.6e11),
            ("avg_time_down", now),
        ] {
            text.real(indent, name, value);
        }
        text.raw("</net_stats>\n");
    }

    fn host(&self, text: &mut Text) {
        let (indent, profile) = ("    ", self.profile);
        text.raw("<host_info>\n");
        text.line(indent, "timezone", 0);
        text.line(indent, "host_cpid", &profile.cpid);
        text.line(indent, "p_ncpus", profile.processors);
        text.line(indent, "p_vendor", profile.platform.processor.0);
        text.line(indent, "p_model", profile.platform.processor.1);
        text.line(indent, "p_features", FEATURES);
        text.real(indent, "p_fpops", profile.flops);
        text.real(indent, "p_iops", 2.0 * profile.flops);
        text.real(indent, "p_membw", 1e9);
        text.real(indent, "p_calculated", self.times.0);
        text.line(indent, "p_vm_extensions_disabled", 0);
        text.real(indent, "m_nbytes", profile.memory);
        text.real(indent, "m_cache", 1_048_576.0);
        text.real(indent, "m_swap", 0.0);
        text.real(indent, "d_total", 270_553_174_016.0);
        text.real(indent, "d_free", 71_850_938_368.0);
        text.line(indent, "os_name", profile.platform.os.0);
        text.line(indent, "os_version", profile.platform.os.1);
        text.line(indent, "n_usable_coprocs", u8::from(profile.graphics.is_some()));
        text.line(indent, "wsl_available", 0);
        text.raw("</host_info>\n    <disk_usage>\n");
        let used: u64 = self.files.iter().map(|(_, bytes)| bytes).sum();
        text.real("        ", "d_boinc_used_total", 49_152.0 + used as f64);
        text.real("        ", "d_boinc_used_project", used as f64);
        text.real("        ", "d_project_share", 5_905_580_032.0);
        text.raw("    </disk_usage>\n");
        if let Some(graphics) = profile.graphics {
            let mut described = String::new();
            graphics.describe(&mut described, self.gpu_work);
            text.raw(&described);
        }
    }

    fn tasks(&self, text: &mut Text) {
        text.raw("<app_versions>\n");
        for version in self.versions {
            text.raw("<app_version>\n");
            text.line("    ", "app_name", &version.app);
            text.line("    ", "version_num", version.number);
            text.line("    ", "platform", &version.platform);
            text.real("    ", "avg_ncpus", version.processors);
            text.real("    ", "flops", version.flops);
            if !version.plan_class.is_empty() {
                text.line("    ", "plan_class", &version.plan_class);
            }
            if !version.api.is_empty() {
                text.line("    ", "api_version", &version.api);
            }
            if let Some((kind, count)) = &version.coprocessor {
                text.raw("    <coproc>\n");
                text.line("        ", "type", kind);
                text.real("        ", "count", *count);
                text.raw("    </coproc>\n");
            }
            text.raw("</app_version>\n");
        }
        text.raw("</app_versions>\n<other_results>\n");
        for (name, version) in &self.others {
            text.raw("    <other_result>\n");
            text.line("        ", "name", name);
            text.line("        ", "app_version", version);
            if let Some(class) = self.versions.get(*version).map(|v| &v.plan_class).filter(|class| !class.is_empty()) {
                text.line("        ", "plan_class", class);
            }
            text.raw("    </other_result>\n");
        }
        text.raw("</other_results>\n");
    }
}

fn result(text: &mut Text, report: &Report<'_>) {
    let indent = "    ";
    text.raw("<result>\n");
    text.line(indent, "name", report.name);
    text.real(indent, "final_cpu_time", report.seconds);
    text.real(indent, "final_elapsed_time", report.seconds);
    text.line(indent, "exit_status", report.exit_status);
    text.line(indent, "state", report.state);
    text.line(indent, "platform", &report.version.platform);
    text.line(indent, "version_num", report.version.number);
    if !report.version.plan_class.is_empty() {
        text.line(indent, "plan_class", &report.version.plan_class);
    }
    text.line(indent, "app_version_num", report.version.number);
    let _ = write!(
        text.0,
        "<stderr_out>\n<core_client_version>7.20.5</core_client_version>\n<![CDATA[\n<stderr_txt>\n{}\n\n</stderr_txt>\n]]>\n</stderr_out>\n",
        report.words
    );
    for file in &report.files {
        text.raw("<file_info>\n");
        text.line(indent, "name", file.name);
        text.real(indent, "nbytes", file.bytes as f64);
        text.real(indent, "max_nbytes", file.most as f64);
        text.line(indent, "md5_cksum", file.md5);
        text.line(indent, "upload_url", file.url);
        text.raw("</file_info>\n");
    }
    text.raw("</result>\n");
}
