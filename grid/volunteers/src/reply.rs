//! A scheduler's reply, read as clients read it: what is not known is passed over, a reply without end is none.

use crate::request::Version;
use crate::scan::{elements, find};

/// A scheduler's reply. Texts are the reply's own.
#[derive(Debug, Default, PartialEq)]
pub struct Reply<'a> {
    /// Seconds before which the client may not ask again.
    pub delay: f64,
    /// Seconds after which it is to ask again.
    pub next: Option<f64>,
    /// Whether the project says that it is down.
    pub down: bool,
    /// The host's number, where it is new.
    pub host: Option<i64>,
    /// The code signing key, and its signature by the former one.
    pub key: Option<&'a str>,
    /// See `key`.
    pub key_signature: Option<&'a str>,
    /// The user's name across projects.
    pub cross_project_id: Option<&'a str>,
    /// Messages for the user.
    pub messages: Vec<&'a str>,
    /// Reports that the server has.
    pub acks: Vec<&'a str>,
    /// Tasks to end, whatever their state.
    pub aborts: Vec<&'a str>,
    /// Tasks to end unless they run.
    pub aborts_if_new: Vec<&'a str>,
    /// Sticky files to drop.
    pub deletes: Vec<&'a str>,
    /// Whether trickles were stored.
    pub message_ack: bool,
    /// Files of all kinds.
    pub files: Vec<File<'a>>,
    /// Application versions, with their files.
    pub versions: Vec<(Version, Vec<&'a str>)>,
    /// Work units.
    pub units: Vec<Unit<'a>>,
    /// Tasks.
    pub tasks: Vec<Task<'a>>,
}

/// A file to download or to write.
#[derive(Debug, Default, PartialEq)]
pub struct File<'a> {
    /// Name.
    pub name: &'a str,
    /// Where it is, or where it is sent.
    pub url: &'a str,
    /// Bytes.
    pub bytes: u64,
    /// MD5, hexadecimal.
    pub md5: &'a str,
    /// Code signature.
    pub signature: &'a str,
    /// Whether it is kept.
    pub sticky: bool,
    /// Bytes that an output may have.
    pub most: u64,
    /// Whether the client writes it.
    pub made_here: bool,
    /// Whether it is sent compressed.
    pub gzip: bool,
    /// Certificate to send with an output, as it is echoed.
    pub certificate: &'a str,
}

/// A work unit.
#[derive(Debug, Default, PartialEq)]
pub struct Unit<'a> {
    /// Name.
    pub name: &'a str,
    /// Application.
    pub app: &'a str,
    /// Floating point operations that it takes.
    pub flops: f64,
    /// Inputs.
    pub inputs: Vec<&'a str>,
}

/// A task: one result of a work unit.
#[derive(Debug, Default, PartialEq)]
pub struct Task<'a> {
    /// Name.
    pub name: &'a str,
    /// Its work unit.
    pub unit: &'a str,
    /// When it is due: seconds since 1970.
    pub deadline: f64,
    /// Platform, number and plan class of the version.
    pub platform: &'a str,
    /// See `platform`.
    pub version: i64,
    /// See `platform`.
    pub plan_class: &'a str,
    /// Outputs.
    pub outputs: Vec<&'a str>,
    /// Whether it is to be reported at once.
    pub at_once: bool,
}

/// Why a reply is none; the words of the client's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReplyError {
    /// Another document.
    #[error("no start tag in scheduler reply")]
    NoStart,
    /// It breaks off.
    #[error("no end tag in scheduler reply")]
    NoEnd,
}

impl<'a> Reply<'a> {
    /// Reads a reply.
    ///
    /// # Errors
    /// [`ReplyError`].
    pub fn parse(text: &'a str) -> Result<Reply<'a>, ReplyError> {
        let at = text.find("<scheduler_reply>").ok_or(ReplyError::NoStart)?;
        let end = text.rfind("</scheduler_reply>").ok_or(ReplyError::NoEnd)?;
        let inside = text.get(at + "<scheduler_reply>".len()..end).ok_or(ReplyError::NoEnd)?;
        let mut reply = Reply::default();
        for (name, value) in elements(inside) {
            let word = value.trim();
            match name {
                "request_delay" => reply.delay = number(word),
                "next_rpc_delay" => reply.next = word.parse().ok(),
                "project_is_down" => reply.down = true,
                "hostid" => reply.host = word.parse().ok(),
                "code_sign_key" => reply.key = Some(word),
                "code_sign_key_signature" => reply.key_signature = Some(word),
                "cross_project_id" => reply.cross_project_id = Some(word),
                "message" => reply.messages.push(word),
                "result_ack" => reply.acks.extend(find(value, "name")),
                "result_abort" => reply.aborts.extend(find(value, "name")),
                "result_abort_if_not_started" => reply.aborts_if_new.extend(find(value, "name")),
                "delete_file_info" => reply.deletes.push(word),
                "message_ack" => reply.message_ack = true,
                "file_info" => reply.files.push(file(value)),
                "app_version" => reply.versions.push(version(value)),
                "workunit" => reply.units.push(unit(value)),
                "result" => reply.tasks.push(task(value)),
                _ => {}
            }
        }
        Ok(reply)
    }
}

fn number(word: &str) -> f64 {
    word.parse().unwrap_or(0.0)
}

/// Clients read `<x/>` and any number but 0 as yes.
fn flag(word: &str) -> bool {
    word.parse::<i64>() != Ok(0)
}

fn file(text: &str) -> File<'_> {
    let mut file = File::default();
    for (name, value) in elements(text) {
        let word = value.trim();
        match name {
            "name" => file.name = word,
            // Clients take the first and keep the others in reserve.
            "url" | "upload_url" if file.url.is_empty() => file.url = word,
            "nbytes" => file.bytes = number(word) as u64,
            "md5_cksum" => file.md5 = word,
            "file_signature" => file.signature = word,
            "sticky" => file.sticky = flag(word),
            "max_nbytes" => file.most = number(word) as u64,
            "generated_locally" => file.made_here = flag(word),
            "gzip_when_done" => file.gzip = flag(word),
            "xml_signature" => file.certificate = word,
            _ => {}
        }
    }
    file
}

fn version(text: &str) -> (Version, Vec<&str>) {
    let mut version = Version {
        app: String::new(),
        number: 0,
        platform: String::new(),
        plan_class: String::new(),
        processors: 1.0,
        flops: 1e9,
        api: String::new(),
        coprocessor: None,
    };
    let mut files = Vec::new();
    for (name, value) in elements(text) {
        let word = value.trim();
        match name {
            "app_name" => version.app = word.to_owned(),
            "version_num" => version.number = word.parse().unwrap_or(0),
            "platform" => version.platform = word.to_owned(),
            "plan_class" => version.plan_class = word.to_owned(),
            "avg_ncpus" => version.processors = number(word),
            "flops" => version.flops = number(word),
            "api_version" => version.api = word.to_owned(),
            "coproc" => version.coprocessor = coprocessor(value),
            "file_ref" => files.extend(find(value, "file_name")),
            _ => {}
        }
    }
    (version, files)
}

/// Kind and count of the graphics processors of a version.
fn coprocessor(text: &str) -> Option<(String, f64)> {
    Some((find(text, "type")?.trim().to_owned(), number(find(text, "count").unwrap_or("1").trim())))
}

fn unit(text: &str) -> Unit<'_> {
    let mut unit = Unit::default();
    for (name, value) in elements(text) {
        match name {
            "name" => unit.name = value.trim(),
            "app_name" => unit.app = value.trim(),
            "rsc_fpops_est" => unit.flops = number(value.trim()),
            "file_ref" => unit.inputs.extend(find(value, "file_name")),
            _ => {}
        }
    }
    unit
}

fn task(text: &str) -> Task<'_> {
    let mut task = Task::default();
    for (name, value) in elements(text) {
        let word = value.trim();
        match name {
            "name" => task.name = word,
            "wu_name" => task.unit = word,
            "report_deadline" => task.deadline = number(word),
            "platform" => task.platform = word,
            "version_num" => task.version = word.parse().unwrap_or(0),
            "plan_class" => task.plan_class = word,
            "file_ref" => task.outputs.extend(find(value, "file_name")),
            "report_immediately" => task.at_once = flag(word),
            _ => {}
        }
    }
    task
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_document_and_half_a_reply_are_no_replies() {
        assert_eq!(Reply::parse("<html>oops</html>"), Err(ReplyError::NoStart));
        assert_eq!(Reply::parse("<scheduler_reply>\n<hostid>1</hostid>\n"), Err(ReplyError::NoEnd));
    }

    #[test]
    fn empty_flags_are_yes() {
        let text = "<scheduler_reply><file_info><sticky/><generated_locally>0</generated_locally><gzip_when_done>1\
                    </gzip_when_done></file_info><project_is_down/></scheduler_reply>";
        let reply = Reply::parse(text).unwrap();
        assert!(reply.down);
        assert!(reply.files[0].sticky && reply.files[0].gzip && !reply.files[0].made_here);
    }
}
