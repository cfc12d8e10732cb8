//! A project's folder.
//!
//! ```text
//! DIR/pogson.toml        what is set
//! DIR/project.db         users, hosts, units, results (unless they are in PostgreSQL)
//! DIR/secret             32 random bytes: account keys and upload certificates are made of it
//! DIR/code_sign_public   the code signing key that clients check programs with; the private one is elsewhere, earlier ones are in the
//!                        database
//! DIR/download/xx/NAME   what clients download
//! DIR/upload/            what they uploaded, until it is assimilated
//! DIR/outputs/           what was agreed on, of applications without an assimilator of their own
//! DIR/pogson.sock        where commands go while it is served
//! ```

mod address;
mod config;
mod folder;
mod init;
mod place;
mod rotation;

pub use address::{Address, AddressError};
pub use config::{AlertConfig, Config, DatabaseConfig, ProjectConfig, RolePrograms, SchedulerConfig, ServerConfig};
pub use folder::{Project, ProjectError};
pub use init::{NewKeys, init};
pub use place::{Placed, fan_out, make_folder};
pub use rotation::{answer, private_key};
