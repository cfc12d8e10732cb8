//! Which columns of which tables may leave a project.

use crate::store::{
    AppRow, BatchRow, HostRow, PlatformRow, ResultRow, Row, Table, TeamRow, UnitRow, UserRow, VersionRow,
};

/// A table that can be exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Which {
    /// Volunteers.
    Users,
    /// Their computers.
    Hosts,
    /// Teams.
    Teams,
    /// Applications.
    Apps,
    /// Their versions.
    Versions,
    /// Platforms that are paused.
    Platforms,
    /// Batches.
    Batches,
    /// Work units.
    Units,
    /// Results.
    Results,
}

impl Which {
    /// All of them.
    pub const ALL: [Which; 9] = [
        Which::Users,
        Which::Hosts,
        Which::Teams,
        Which::Apps,
        Which::Versions,
        Which::Platforms,
        Which::Batches,
        Which::Units,
        Which::Results,
    ];

    /// Its name, which its file has too.
    pub fn name(self) -> &'static str {
        self.table().name
    }

    pub(super) fn table(self) -> &'static Table {
        match self {
            Which::Users => UserRow::TABLE,
            Which::Hosts => HostRow::TABLE,
            Which::Teams => TeamRow::TABLE,
            Which::Apps => AppRow::TABLE,
            Which::Versions => VersionRow::TABLE,
            Which::Platforms => PlatformRow::TABLE,
            Which::Batches => BatchRow::TABLE,
            Which::Units => UnitRow::TABLE,
            Which::Results => ResultRow::TABLE,
        }
    }

    /// Columns that leave a project; a new column leaves none before it is named here.
    fn columns(self) -> &'static [&'static str] {
        match self {
            Which::Users => {
                &["id", "name", "team_id", "created", "credit", "average", "average_time", "country", "url", "consent"]
            }
            Which::Hosts => &[
                "id",
                "user_id",
                "created",
                "seen",
                "platform",
                "client",
                "processors",
                "vendor",
                "model",
                "flops",
                "iops",
                "memory",
                "disk",
                "disk_free",
                "os_name",
                "os_version",
                "coprocessors",
                "available",
                "credit",
                "purged_credit",
                "average",
                "average_time",
                "valid",
                "invalid",
                "errors",
                "last_valid",
            ],
            Which::Teams => &[
                "id",
                "name",
                "kind",
                "url",
                "description",
                "country",
                "founder_id",
                "joinable",
                "created",
                "credit",
                "average",
                "average_time",
            ],
            Which::Apps => {
                &["id", "name", "title", "redundancy_class", "one_version", "trust_after", "in_progress", "paused"]
            }
            Which::Versions => &[
                "id",
                "app_id",
                "number",
                "platform",
                "plan_class",
                "api_version",
                "processors",
                "coprocessor",
                "coprocessors",
                "speed",
                "command_line",
                "least_client",
                "deprecated",
                "created",
            ],
            Which::Platforms => &["id", "name", "paused"],
            Which::Batches => &["id", "name", "created", "units", "assimilated", "cancelled"],
            Which::Units => &[
                "id",
                "name",
                "app_id",
                "batch_id",
                "priority",
                "created",
                "flops",
                "flops_bound",
                "memory",
                "disk",
                "delay",
                "command_line",
                "inputs",
                "outputs",
                "quorum",
                "target",
                "most_errors",
                "replicate",
                "most_total",
                "most_successes",
                "credit",
                "opaque",
                "canonical",
                "trouble",
                "assimilation",
                "deletion",
                "refit",
                "ended",
            ],
            Which::Results => &[
                "id",
                "state",
                "outcome",
                "validity",
                "host_id",
                "user_id",
                "team_id",
                "version_id",
                "created",
                "sent",
                "deadline",
                "received",
                "client_state",
                "exit_status",
                "cpu",
                "elapsed",
                "granted",
                "trusted",
                "reason",
            ],
        }
    }

    /// Columns for operators alone.
    fn private(self) -> &'static [&'static str] {
        match self {
            Which::Users => &["email", "role", "banned_until", "seen", "venue"],
            Which::Hosts => &[
                "domain_name",
                "address",
                "timezone",
                "venue",
                "failures",
                "quarantined",
                "banned_until",
                "merged_into",
                "hidden",
            ],
            Which::Units => &["target_host", "target_user", "redundancy_class", "version_id"],
            Which::Results => &["rank", "has_files", "abort_sent", "stderr"],
            _ => &[],
        }
    }

    /// Places and names of columns in the order of the table.
    pub(super) fn chosen(self, public: bool) -> Vec<(usize, &'static str)> {
        let wanted = |name: &&str| self.columns().contains(name) || (!public && self.private().contains(name));
        let all = self.table().columns.iter().map(|(name, _)| *name).enumerate();
        all.filter(|(_, name)| wanted(name)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Which;

    #[test]
    fn all_columns_that_are_named_are_there_and_no_secret_is() {
        for which in Which::ALL {
            let names: Vec<&str> = which.table().columns.iter().map(|(name, _)| *name).collect();
            for name in which.columns().iter().chain(which.private()) {
                assert!(names.contains(name), "{} has no {name}", which.name());
            }
            for secret in ["key_hash", "key_epoch", "password", "cpid", "preferences", "project_preferences"] {
                assert!(which.chosen(false).iter().all(|(_, name)| *name != secret), "{secret}");
            }
            for private in ["email", "address", "domain_name", "stderr"] {
                assert!(which.chosen(true).iter().all(|(_, name)| *name != private), "{private}");
            }
        }
    }
}
