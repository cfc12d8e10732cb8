//! The folder, opened.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::address::{Address, AddressError};
use super::config::Config;
use crate::account::AccountSecret;
use crate::engine::{Refits, Settings};
use crate::schedule::Rules;
use crate::sign::{PublicKey, UploadSecret};
use crate::store::{Database, PostgresDatabase, SqliteDatabase, StoreError};

/// Why a project's folder is not opened.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum ProjectError {
    /// There is none.
    #[error("{0} is no project's folder: it has no pogson.toml; pogson crowd init makes one")]
    NoProject(PathBuf),
    /// There is one already.
    #[error("{0} is a project's folder already; choose another, or remove it")]
    Exists(PathBuf),
    /// A file cannot be read or written.
    #[error("{path}: {cause}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        cause: String,
    },
    /// `pogson.toml` says what cannot be.
    #[error("{path}: {cause}")]
    Config {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        cause: String,
    },
    /// The address cannot be.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A key.
    #[error("{path}: {cause}")]
    Key {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        cause: String,
    },
}

/// A failed reading or writing.
pub(super) fn file_error(path: &Path, error: &io::Error) -> ProjectError {
    ProjectError::File { path: path.to_owned(), cause: error.to_string() }
}

/// A project's folder.
#[derive(Debug, Clone)]
pub struct Project {
    /// Where it is.
    pub dir: PathBuf,
    /// What is set.
    pub config: Config,
    /// The address that clients attach to.
    pub address: Address,
    /// The public code signing key, as clients read it.
    pub code_sign_key: String,
    secret: [u8; 32],
}

impl Project {
    /// Opens a folder.
    ///
    /// # Errors
    /// [`ProjectError`].
    pub fn open(dir: &Path) -> Result<Project, ProjectError> {
        let path = dir.join("pogson.toml");
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(ProjectError::NoProject(dir.to_owned()));
            }
            Err(error) => return Err(file_error(&path, &error)),
        };
        let config: Config = toml::from_str(&text)
            .map_err(|error| ProjectError::Config { path: path.clone(), cause: error.to_string() })?;
        let address = Address::parse(&config.project.url)?;
        let secret_path = dir.join("secret");
        let secret = fs::read(&secret_path).map_err(|error| file_error(&secret_path, &error))?;
        let secret: [u8; 32] = secret.try_into().map_err(|_| ProjectError::Key {
            path: secret_path,
            cause: "the project's secret has to be 32 bytes; restore it from a backup".to_owned(),
        })?;
        let key_path = dir.join("code_sign_public");
        let code_sign_key = fs::read_to_string(&key_path).map_err(|error| file_error(&key_path, &error))?;
        PublicKey::parse(&code_sign_key)
            .map_err(|error| ProjectError::Key { path: key_path, cause: error.to_string() })?;
        Ok(Project { dir: dir.to_owned(), config, address, code_sign_key, secret })
    }

    /// Opens the database for writing.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn database(&self) -> Result<Box<dyn Database>, StoreError> {
        if self.config.database.url.is_empty() {
            Ok(Box::new(SqliteDatabase::open(&self.sqlite_path())?))
        } else {
            Ok(Box::new(PostgresDatabase::open(&self.config.database.url)?))
        }
    }

    /// Opens the database for reading.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn database_to_read(&self) -> Result<Box<dyn Database>, StoreError> {
        if self.config.database.url.is_empty() {
            Ok(Box::new(SqliteDatabase::open_to_read(&self.sqlite_path())?))
        } else {
            Ok(Box::new(PostgresDatabase::open_to_read(&self.config.database.url)?))
        }
    }

    /// The database's file, where it is SQLite's.
    pub fn sqlite_path(&self) -> PathBuf {
        self.dir.join("project.db")
    }

    /// The socket for commands to this process.
    pub fn socket_path(&self) -> PathBuf {
        match self.config.server.process.as_str() {
            "main" => self.dir.join("pogson.sock"),
            other => self.dir.join(format!("pogson-{other}.sock")),
        }
    }

    /// Sockets of all processes that serve the project, or did; the one that is `pogson.toml`'s first.
    pub fn socket_paths(&self) -> Vec<PathBuf> {
        let own = self.socket_path();
        let entries = fs::read_dir(&self.dir).into_iter().flatten().flatten().map(|entry| entry.path());
        let is_socket = |path: &PathBuf| {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("");
            name == "pogson.sock" || (name.starts_with("pogson-") && name.ends_with(".sock"))
        };
        let mut others: Vec<PathBuf> = entries.filter(is_socket).filter(|path| *path != own).collect();
        others.sort();
        std::iter::once(own).chain(others).collect()
    }

    /// Makes account keys.
    pub fn account_secret(&self) -> AccountSecret {
        AccountSecret::new(self.derived(b"accounts"))
    }

    /// Makes upload certificates.
    pub fn upload_secret(&self) -> UploadSecret {
        UploadSecret::new(self.derived(b"uploads"))
    }

    fn derived(&self, purpose: &[u8]) -> [u8; 32] {
        use sha2::{Digest, Sha256};
        let mut hash = Sha256::new();
        hash.update(self.secret);
        hash.update(purpose);
        hash.finalize().into()
    }

    /// What the engine has to know.
    pub fn settings(&self) -> Settings {
        let scheduler = &self.config.scheduler;
        let seconds = |days: f64, unit: f64| (days.max(0.0) * unit).min(1e12) as i64;
        let url = self.address.to_string();
        Settings {
            name: self.config.project.name.clone(),
            download_url: format!("{url}download/"),
            upload_url: format!("{url}upload/{}/file_upload_handler", self.config.server.process),
            url,
            rules: Rules {
                most_at_once: scheduler.most_at_once.max(1),
                one_per_user: scheduler.one_per_user,
                one_per_address: scheduler.one_per_address,
                ..Rules::default()
            },
            daily_quota: scheduler.daily_quota.max(1),
            request_delay: scheduler.request_delay.max(0.0),
            next_rpc_delay: Some(scheduler.next_rpc_delay).filter(|delay| *delay > 0.0),
            quarantine_after: scheduler.quarantine_after,
            upload_grace: seconds(scheduler.upload_grace_hours, 3600.0),
            report_immediately: scheduler.report_immediately,
            resend_lost: scheduler.resend_lost,
            keep: seconds(scheduler.keep_days, 86_400.0),
            retry: 60,
            refits: Refits { share: scheduler.refit_share, secret: self.derived(b"refits"), ..Refits::default() },
            accounts: self.account_secret(),
            secret: self.upload_secret(),
            code_sign_key: self.code_sign_key.clone(),
            gui_urls: self.gui_urls(),
        }
    }

    fn gui_urls(&self) -> Vec<(String, String, String)> {
        let url = self.address.to_string();
        let link = |name: &str, about: &str, page: &str| (name.to_owned(), about.to_owned(), format!("{url}{page}"));
        vec![
            link("Your account", "Your credit, computers and tasks", "user/{user}"),
            link("Your tasks", "What your computers have done", "user/{user}/tasks"),
            link("This computer", "What is known of it", "host/{host}"),
            link("Project", "What this project does", ""),
        ]
    }
}
