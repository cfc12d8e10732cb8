//! What a client is given to compute, and with what: applications, files, work units and results.

use super::write::Writer;

/// An application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct App {
    /// Short name.
    pub name: String,
    /// Name that people read.
    pub title: String,
}

/// A file that clients download.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FileInfo {
    /// Name, which stands for these bytes for ever.
    pub name: String,
    /// Where it is.
    pub urls: Vec<String>,
    /// Bytes.
    pub bytes: u64,
    /// MD5, hexadecimal; empty where a signature speaks for the bytes.
    pub md5: String,
    /// Whether it is a program.
    pub executable: bool,
    /// Signature of its MD5 by the code signing key, as lines; empty for data.
    pub signature: String,
    /// Whether clients keep it for tasks to come.
    pub sticky: bool,
}

/// How a task or a version knows a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileRef {
    /// Name of the file.
    pub file: String,
    /// Name under which the application opens it; empty for its own.
    pub open_name: String,
    /// Whether the client copies it to the task's folder instead of a link of its kind.
    pub copy: bool,
    /// Whether it is what the client runs.
    pub main_program: bool,
}

/// A version of an application.
#[derive(Debug, Clone, PartialEq)]
pub struct AppVersion {
    /// Of which application.
    pub app: String,
    /// Its number: 100 is 1.00.
    pub number: i64,
    /// Platform.
    pub platform: String,
    /// Plan class; empty for none.
    pub plan_class: String,
    /// Version of the runtime protocol that it speaks; empty for none.
    pub api_version: String,
    /// Processors that it keeps busy.
    pub processors: f64,
    /// Accelerator type and how many of it a task takes.
    pub coprocessor: Option<(String, f64)>,
    /// Operations a second on the host.
    pub flops: f64,
    /// Command line, before the work unit's.
    pub command_line: String,
    /// Its files.
    pub files: Vec<FileRef>,
}

/// What is computed.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkUnitInfo {
    /// Name.
    pub name: String,
    /// Application.
    pub app: String,
    /// Operations that it takes, and those after which it is ended.
    pub flops: f64,
    /// See `flops`.
    pub flops_bound: f64,
    /// Bytes of memory and of disk at most.
    pub memory: f64,
    /// See `memory`.
    pub disk: f64,
    /// Command line.
    pub command_line: String,
    /// Inputs.
    pub files: Vec<FileRef>,
}

/// An output that the client sends back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Name.
    pub name: String,
    /// Name under which the application writes it.
    pub open_name: String,
    /// Bytes at most.
    pub most: u64,
    /// Where it is sent; has `file_upload_handler` in it.
    pub url: String,
    /// Certificate, which the client sends with it: lines.
    pub certificate: String,
    /// Whether the client sends it compressed.
    pub gzip: bool,
}

/// A task for the client.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Name of the result.
    pub name: String,
    /// Name of its work unit.
    pub work_unit: String,
    /// Platform, number and plan class of the version.
    pub platform: String,
    /// See `platform`.
    pub version: i64,
    /// See `platform`.
    pub plan_class: String,
    /// When it must be back, seconds of Unix time.
    pub deadline: i64,
    /// Whether the client reports it as soon as it is done.
    pub report_immediately: bool,
    /// Outputs.
    pub outputs: Vec<Output>,
}

impl FileInfo {
    pub(super) fn write(&self, w: &mut Writer) {
        w.text("name", &self.name);
        for url in &self.urls {
            w.text("url", url);
        }
        if self.executable {
            w.flag("executable");
        }
        if self.sticky {
            w.flag("sticky");
            w.flag("no_delete");
        }
        if !self.signature.is_empty() {
            w.line("<file_signature>");
            w.lines(&self.signature);
            w.line("</file_signature>");
        }
        if !self.md5.is_empty() {
            w.text("md5_cksum", &self.md5);
        }
        w.raw("nbytes", self.bytes);
    }
}

impl FileRef {
    pub(super) fn write(&self, w: &mut Writer) {
        w.text("file_name", &self.file);
        if !self.open_name.is_empty() {
            w.text("open_name", &self.open_name);
        }
        if self.main_program {
            w.flag("main_program");
        }
        if self.copy {
            w.flag("copy_file");
        }
    }
}

impl AppVersion {
    pub(super) fn write(&self, w: &mut Writer) {
        w.text("app_name", &self.app);
        w.raw("version_num", self.number);
        w.text("platform", &self.platform);
        if !self.plan_class.is_empty() {
            w.text("plan_class", &self.plan_class);
        }
        if !self.api_version.is_empty() {
            w.text("api_version", &self.api_version);
        }
        for file in &self.files {
            w.within("file_ref", |w| file.write(w));
        }
        w.raw("avg_ncpus", self.processors);
        if let Some((kind, count)) = &self.coprocessor {
            w.within("coproc", |w| {
                w.text("type", kind);
                w.raw("count", count);
            });
        }
        // Clients take an application without a speed for endless.
        w.raw("flops", format_args!("{:e}", self.flops.max(1.0)));
        if !self.command_line.is_empty() {
            w.text("cmdline", &self.command_line);
        }
    }
}

impl WorkUnitInfo {
    pub(super) fn write(&self, w: &mut Writer) {
        w.raw("rsc_fpops_est", format_args!("{:e}", self.flops));
        w.raw("rsc_fpops_bound", format_args!("{:e}", self.flops_bound));
        w.raw("rsc_memory_bound", format_args!("{:e}", self.memory));
        w.raw("rsc_disk_bound", format_args!("{:e}", self.disk));
        w.text("name", &self.name);
        w.text("app_name", &self.app);
        for file in &self.files {
            w.within("file_ref", |w| file.write(w));
        }
        if !self.command_line.is_empty() {
            w.text("command_line", &self.command_line);
        }
    }
}

impl Output {
    pub(super) fn write(&self, w: &mut Writer) {
        w.text("name", &self.name);
        w.flag("generated_locally");
        w.flag("upload_when_present");
        w.raw("max_nbytes", self.most);
        if self.gzip {
            w.flag("gzip_when_done");
        }
        w.text("url", &self.url);
        w.line("<xml_signature>");
        w.lines(&self.certificate);
        w.line("</xml_signature>");
    }
}

impl Job {
    pub(super) fn write(&self, w: &mut Writer) {
        w.raw("report_deadline", self.deadline);
        w.text("wu_name", &self.work_unit);
        w.text("name", &self.name);
        for output in &self.outputs {
            let file = FileRef {
                file: output.name.clone(),
                open_name: output.open_name.clone(),
                copy: true,
                main_program: false,
            };
            w.within("file_ref", |w| file.write(w));
        }
        w.text("platform", &self.platform);
        w.raw("version_num", self.version);
        if !self.plan_class.is_empty() {
            w.text("plan_class", &self.plan_class);
        }
        if self.report_immediately {
            w.flag("report_immediately");
        }
    }
}
