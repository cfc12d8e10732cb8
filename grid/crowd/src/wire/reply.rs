//! What a scheduler RPC is answered (`scheduler_reply`; elements in the order that BOINC's scheduler writes them).

use super::trickle::TrickleDown;
use super::work::{App, AppVersion, FileInfo, Job, WorkUnitInfo};
use super::write::Writer;

/// The server version that clients are told: they take it for BOINC 8.1.
const SCHEDULER_VERSION: u32 = 801;

/// How loud a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Priority {
    /// In the client's log.
    Low,
    /// A notice to the user.
    Notice,
}

/// A message to the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// How loud.
    pub priority: Priority,
    /// Text.
    pub text: String,
}

/// What a client is told of its user.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct UserFacts {
    /// The user's number.
    pub id: i64,
    /// Name.
    pub name: String,
    /// Cobblestones.
    pub total_credit: f64,
    /// Cobblestones a day, decaying.
    pub average_credit: f64,
    /// When the account was made, seconds of Unix time.
    pub created: i64,
    /// MD5 of the address, hexadecimal.
    pub email_hash: String,
    /// Name across projects.
    pub cross_project_id: String,
    /// Team; empty for none.
    pub team: String,
    /// The host's credit, in all and a day.
    pub host_total_credit: f64,
    /// See `host_total_credit`.
    pub host_average_credit: f64,
    /// The host's venue; empty for none.
    pub venue: String,
    /// When the host was first seen, seconds of Unix time.
    pub host_created: i64,
}

/// A scheduler RPC's reply.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reply {
    /// The project's address, as clients attach to it.
    pub master_url: String,
    /// The project's name.
    pub project_name: String,
    /// Seconds until the client may ask again.
    pub request_delay: f64,
    /// Seconds after which the client shall ask, whatever it needs.
    pub next_rpc_delay: Option<f64>,
    /// Messages.
    pub messages: Vec<Message>,
    /// Whether the project is down: the client reads no further.
    pub down: bool,
    /// Of the user; none where the account is not known.
    pub user: Option<UserFacts>,
    /// The host's number, where it is new: told again, clients would begin to count their RPCs anew.
    pub new_host: Option<i64>,
    /// Preferences that are newer than the client's: their time and the elements.
    pub preferences: Option<(f64, Vec<(String, String)>)>,
    /// Results that were reported: what is not acknowledged is reported for ever.
    pub acknowledged: Vec<String>,
    /// Results to end, and those to end if they have not begun.
    pub aborted: Vec<String>,
    /// See `aborted`.
    pub aborted_if_not_started: Vec<String>,
    /// Applications of the jobs.
    pub apps: Vec<App>,
    /// Files of versions and of work units.
    pub files: Vec<FileInfo>,
    /// Versions.
    pub versions: Vec<AppVersion>,
    /// Work units.
    pub work_units: Vec<WorkUnitInfo>,
    /// Jobs.
    pub jobs: Vec<Job>,
    /// The code signing key, where the client has none.
    pub code_sign_key: Option<String>,
    /// A new key's signature by the old one, where the client has that.
    pub code_sign_key_signature: Option<String>,
    /// Whether messages of tasks were stored.
    pub trickles_stored: bool,
    /// Messages to tasks.
    pub trickles: Vec<TrickleDown>,
    /// Sticky files to delete.
    pub deleted_files: Vec<String>,
    /// Accelerators for which there are no applications.
    pub no_apps_for: Vec<String>,
    /// Links for the client's window: name, what it says, address.
    pub gui_urls: Vec<(String, String, String)>,
}

impl Reply {
    /// The reply as clients read it.
    pub fn write(&self) -> String {
        let mut w = Writer::default();
        w.line("<scheduler_reply>");
        w.raw("scheduler_version", SCHEDULER_VERSION);
        w.flag("dont_use_dcf");
        w.text("master_url", &self.master_url);
        if self.request_delay > 0.0 {
            w.raw("request_delay", format_args!("{:.6}", self.request_delay));
        }
        for message in &self.messages {
            let priority = if message.priority == Priority::Notice { "notice" } else { "low" };
            let text = super::write::escaped(&message.text.replace('\n', " "));
            w.line(&format!("<message priority=\"{priority}\">{text}</message>"));
        }
        w.text("project_name", &self.project_name);
        if self.down {
            w.flag("project_is_down");
        }
        if let Some(delay) = self.next_rpc_delay {
            w.raw("next_rpc_delay", format_args!("{delay:.6}"));
        }
        self.about_user(&mut w);
        for name in &self.acknowledged {
            w.within("result_ack", |w| w.text("name", name));
        }
        for name in &self.aborted {
            w.within("result_abort", |w| w.text("name", name));
        }
        for name in &self.aborted_if_not_started {
            w.within("result_abort_if_not_started", |w| w.text("name", name));
        }
        self.work(&mut w);
        if let Some(key) = &self.code_sign_key {
            w.line("<code_sign_key>");
            w.lines(key);
            w.line("</code_sign_key>");
        }
        if let Some(signature) = &self.code_sign_key_signature {
            w.line("<code_sign_key_signature>");
            w.lines(signature);
            w.line("</code_sign_key_signature>");
        }
        if self.trickles_stored {
            w.flag("message_ack");
        }
        for trickle in &self.trickles {
            trickle.write(&mut w);
        }
        for name in &self.deleted_files {
            w.text("delete_file_info", name);
        }
        for kind in &self.no_apps_for {
            w.text("no_rsc_apps", kind);
        }
        if !self.gui_urls.is_empty() {
            w.within("gui_urls", |w| {
                for (name, description, url) in &self.gui_urls {
                    w.within("gui_url", |w| {
                        w.text("name", name);
                        w.text("description", description);
                        w.text("url", url);
                    });
                }
            });
        }
        w.line("</scheduler_reply>");
        w.done()
    }

    fn about_user(&self, w: &mut Writer) {
        if let Some(user) = &self.user {
            w.raw("userid", user.id);
            w.text("user_name", &user.name);
            w.raw("user_total_credit", format_args!("{:.6}", user.total_credit));
            w.raw("user_expavg_credit", format_args!("{:.6}", user.average_credit));
            w.raw("user_create_time", user.created);
            w.text("email_hash", &user.email_hash);
            w.text("cross_project_id", &user.cross_project_id);
            w.text("team_name", &user.team);
        }
        if let Some((modified, values)) = &self.preferences {
            w.within("global_preferences", |w| {
                w.raw("mod_time", format_args!("{modified:.6}"));
                for (name, value) in values.iter().filter(|(name, _)| name != "mod_time") {
                    w.text(name, value);
                }
            });
        }
        if let Some(host) = self.new_host {
            w.raw("hostid", host);
        }
        if let Some(user) = &self.user {
            w.raw("host_total_credit", format_args!("{:.6}", user.host_total_credit));
            w.raw("host_expavg_credit", format_args!("{:.6}", user.host_average_credit));
            w.text("host_venue", &user.venue);
            w.raw("host_create_time", user.host_created);
        }
    }

    fn work(&self, w: &mut Writer) {
        for app in &self.apps {
            w.within("app", |w| {
                w.text("name", &app.name);
                w.text("user_friendly_name", &app.title);
                w.raw("non_cpu_intensive", 0);
            });
        }
        for file in &self.files {
            w.within("file_info", |w| file.write(w));
        }
        for version in &self.versions {
            w.within("app_version", |w| version.write(w));
        }
        for unit in &self.work_units {
            w.within("workunit", |w| unit.write(w));
        }
        for output in self.jobs.iter().flat_map(|job| &job.outputs) {
            w.within("file_info", |w| output.write(w));
        }
        for job in &self.jobs {
            w.within("result", |w| job.write(w));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Node, Output};

    #[test]
    fn markup_in_names_stays_text_and_messages_stay_on_a_line() {
        let reply = Reply {
            project_name: "Dust & <b>stars</b>".to_owned(),
            messages: vec![Message { priority: Priority::Notice, text: "one\ntwo </message>".to_owned() }],
            ..Reply::default()
        };
        let text = reply.write();
        assert!(text.contains("<message priority=\"notice\">one two &lt;/message&gt;</message>\n"));
        assert_eq!(
            Node::parse(text.as_bytes(), "scheduler_reply").unwrap().text_of("project_name"),
            "Dust & <b>stars</b>"
        );
    }

    #[test]
    fn every_tag_is_on_a_line_of_its_own_or_closes_there() {
        let job = Job {
            name: "w_0".to_owned(),
            work_unit: "w".to_owned(),
            platform: "x86_64-pc-linux-gnu".to_owned(),
            version: 100,
            plan_class: String::new(),
            deadline: 2_000_000_000,
            report_immediately: true,
            outputs: vec![Output {
                name: "w_0_0".to_owned(),
                open_name: "out".to_owned(),
                most: 10,
                url: "http://h/file_upload_handler".to_owned(),
                certificate: "ab\n.\n".to_owned(),
                gzip: true,
            }],
        };
        let text = Reply { jobs: vec![job], ..Reply::default() }.write();
        for line in text.lines() {
            assert!(line.matches('<').count() <= 2 && line.len() < 256, "{line}");
        }
        assert!(text.contains("<xml_signature>\nab\n.\n"), "{text}");
        let node = Node::parse(text.as_bytes(), "scheduler_reply").unwrap();
        assert_eq!(node.get("result").unwrap().get("file_ref").unwrap().text_of("file_name"), "w_0_0");
        assert!(node.get("file_info").unwrap().flag("gzip_when_done"));
    }

    #[test]
    fn a_host_is_told_its_number_only_when_it_is_new() {
        assert!(!Reply::default().write().contains("hostid"));
        assert!(Reply { new_host: Some(7), ..Reply::default() }.write().contains("<hostid>7</hostid>"));
    }
}
