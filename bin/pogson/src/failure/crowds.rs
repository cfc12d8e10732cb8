//! Classes of the failures of a volunteer project.

use pogson_crowd::admin::AdminError;
use pogson_crowd::backup::BackupError;
use pogson_crowd::engine::{DeskError, EngineError};
use pogson_crowd::export::ExportError;
use pogson_crowd::import::ImportError;
use pogson_crowd::project::ProjectError;
use pogson_crowd::serve::ServeError;
use pogson_crowd::stats::StatsError;
use pogson_crowd::store::StoreError;
use pogson_site::SiteError;

use super::{Class, Failure};

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Failure {
        let class = if matches!(error, StoreError::Full { .. }) { Class::NoRoom } else { Class::Failed };
        Failure::new(class, error.to_string())
    }
}

impl From<ProjectError> for Failure {
    fn from(error: ProjectError) -> Failure {
        match error {
            ProjectError::Store(error) => error.into(),
            ProjectError::Address(_) | ProjectError::NoProject(_) | ProjectError::Exists(_) => {
                Failure::usage(error.to_string())
            }
            ProjectError::Config { .. } | ProjectError::Key { .. } => Failure::bad_input(error.to_string()),
            ProjectError::File { .. } => Failure::failed(error.to_string()),
        }
    }
}

impl From<AdminError> for Failure {
    fn from(error: AdminError) -> Failure {
        match error {
            AdminError::Store(error) | AdminError::Engine(EngineError::Desk(DeskError::Store(error))) => error.into(),
            other => Failure::failed(other.to_string()),
        }
    }
}

impl From<ServeError> for Failure {
    fn from(error: ServeError) -> Failure {
        match error {
            ServeError::Store(error) => error.into(),
            ServeError::Certificate { .. } => Failure::bad_input(error.to_string()),
            other => Failure::failed(other.to_string()),
        }
    }
}

impl From<ExportError> for Failure {
    fn from(error: ExportError) -> Failure {
        match error {
            ExportError::Store(error) => error.into(),
            ExportError::File { .. } => Failure::failed(error.to_string()),
        }
    }
}

impl From<StatsError> for Failure {
    fn from(error: StatsError) -> Failure {
        match error {
            StatsError::Store(error) => error.into(),
            StatsError::File { .. } => Failure::failed(error.to_string()),
        }
    }
}

impl From<SiteError> for Failure {
    fn from(error: SiteError) -> Failure {
        let class = if matches!(error, SiteError::Refused(_)) { Class::BadInput } else { Class::Failed };
        Failure::new(class, error.to_string())
    }
}

impl From<ImportError> for Failure {
    fn from(error: ImportError) -> Failure {
        match error {
            ImportError::Project(error) => error.into(),
            ImportError::Admin(error) => error.into(),
            ImportError::Name(_) | ImportError::Nothing(_) => Failure::usage(error.to_string()),
            ImportError::Source { .. } => Failure::bad_input(error.to_string()),
        }
    }
}

impl From<BackupError> for Failure {
    fn from(error: BackupError) -> Failure {
        match error {
            BackupError::Project(error) => error.into(),
            BackupError::Store(error) => error.into(),
            BackupError::Admin(error) => error.into(),
            BackupError::Exists(_) => Failure::usage(error.to_string()),
            BackupError::Damaged { .. } => Failure::bad_input(error.to_string()),
            BackupError::File { .. } => Failure::failed(error.to_string()),
        }
    }
}
