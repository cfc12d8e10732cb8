//! Computers, and what runs on them.

use super::row::row;

row! {
    /// A computer.
    HostRow in "hosts" {
        /// Number; clients read it as 32 bits.
        id: i64,
        /// Its user.
        user_id: i64,
        /// When it was first seen.
        created: i64,
        /// Number of the last request, by the client's count.
        sequence: i64,
        /// When it was last heard of.
        seen: i64,
        /// Name across projects.
        cpid: String,
        /// Its name in its network.
        domain_name: String,
        /// Its address, as the server saw it.
        address: String,
        /// Seconds east of Greenwich.
        timezone: i64,
        /// First of its platforms.
        platform: String,
        /// Client version: major * 10000 + minor * 100 + release.
        client: i64,
        /// Processors.
        processors: i64,
        /// Maker of the processors.
        vendor: String,
        /// Their model.
        model: String,
        /// Operations a second of one.
        flops: f64,
        /// Integer operations a second of one.
        iops: f64,
        /// Bytes of memory.
        memory: f64,
        /// Bytes of disk.
        disk: f64,
        /// Bytes of disk that are free.
        disk_free: f64,
        /// Operating system.
        os_name: String,
        /// Its version.
        os_version: String,
        /// Accelerators, as JSON: kind and count.
        coprocessors: String,
        /// Share of time that it computes.
        available: f64,
        /// Venue.
        venue: String,
        /// Millionths of a cobblestone, in all.
        credit: i64,
        /// Of those, granted for results whose rows are gone.
        purged_credit: i64,
        /// Of those, brought from another project.
        imported: i64,
        /// Cobblestones a day, decaying.
        average: f64,
        /// When the average was last brought up to date.
        average_time: i64,
        /// Results that were valid, and that were not or failed.
        valid: i64,
        /// See `valid`.
        invalid: i64,
        /// Failed and late results.
        errors: i64,
        /// Failed, late and invalid results since the last valid one.
        failures: i64,
        /// When it last returned a valid result.
        last_valid: i64,
        /// Whether it gets one task at a time until one is valid.
        quarantined: bool,
        /// No work before this time.
        banned_until: i64,
        /// Host that took over its results; it is not shown any more.
        merged_into: Option<i64>,
        /// Whether its owner hides it.
        hidden: bool,
    }
}

row! {
    /// What is known of a version on a host; the key is `host << 16 | version`.
    HostVersionRow in "host_versions" {
        /// `host << 16 | version`.
        id: i64,
        /// Tasks a day for each processor.
        quota: i64,
        /// Tasks sent on `day`.
        sent: i64,
        /// Day since 1970.
        day: i64,
        /// Valid results since the last that was not.
        consecutive_valid: i64,
        /// Reported results that took part in the means below.
        count: i64,
        /// Mean of seconds that a task took over those that its operations ask for.
        slowness: f64,
        /// Mean of seconds between sending and report.
        turnaround: f64,
    }
}

row! {
    /// An application.
    AppRow in "apps" {
        /// Number.
        id: i64,
        /// Short name; unique.
        name: String,
        /// Name that people read.
        title: String,
        /// Whether hosts of a unit have to be alike: 0 no, 1 operating system and maker of the processor, 2 operating system.
        redundancy_class: i64,
        /// Whether all results of a unit have to be of one version.
        one_version: bool,
        /// Valid results in a row after which a host is trusted; 0: never.
        trust_after: i64,
        /// Tasks in progress for each processor.
        in_progress: i64,
        /// Whether no new work is sent.
        paused: bool,
    }
}

row! {
    /// A version of an application for a platform.
    VersionRow in "versions" {
        /// Number, below 65536.
        id: i64,
        /// Application.
        app_id: i64,
        /// 100 is 1.00.
        number: i64,
        /// Platform.
        platform: String,
        /// Plan class; empty for none.
        plan_class: String,
        /// Runtime protocol; empty for none.
        api_version: String,
        /// Processors that a task keeps busy.
        processors: f64,
        /// Kind of accelerator; empty for none.
        coprocessor: String,
        /// How many of them a task takes.
        coprocessors: f64,
        /// Operations a second over those of the host's processors.
        speed: f64,
        /// Command line.
        command_line: String,
        /// Files, as JSON: file, open_name, copy, main_program.
        files: String,
        /// Oldest client that can run it.
        least_client: i64,
        /// Whether it is not sent any more.
        deprecated: bool,
        /// When it was added.
        created: i64,
        /// Share of an accelerator's peak that it reaches; 0 where its speed is over the processors'.
        peak_share: f64,
        /// Oldest driver of an accelerator, as `wire::Coprocessor` counts them; 0 for any.
        least_driver: i64,
        /// Least compute capability, `major * 100 + minor`; 0 for any.
        least_capability: i64,
        /// Least version of OpenCL, `major * 100 + minor`; 0 for none.
        least_opencl: i64,
        /// Bytes of memory that an accelerator must have.
        least_memory: f64,
    }
}

row! {
    /// A platform that is not served now.
    PlatformRow in "platforms" {
        /// Number.
        id: i64,
        /// Name; unique.
        name: String,
        /// Whether it gets no work.
        paused: bool,
    }
}

row! {
    /// A file that clients download.
    FileRow in "files" {
        /// Number.
        id: i64,
        /// Name; unique.
        name: String,
        /// Bytes.
        bytes: i64,
        /// MD5, hexadecimal.
        md5: String,
        /// Whether it is a program's.
        executable: bool,
        /// Signature by the code signing key; empty for data.
        signature: String,
        /// Whether clients keep it.
        sticky: bool,
        /// Units that need it; versions count as one.
        uses: i64,
        /// When it was added.
        created: i64,
    }
}
