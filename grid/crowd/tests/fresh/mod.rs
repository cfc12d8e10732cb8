//! Empty PostgreSQL databases for tests, where `POGSON_TEST_POSTGRES` says how to connect; each goes with its owner.

use std::sync::atomic::{AtomicUsize, Ordering};

/// An empty database.
pub(crate) struct Fresh {
    admin: postgres::Client,
    name: String,
    /// How to connect to it.
    pub(crate) words: String,
}

impl Fresh {
    /// None where no server is at hand.
    pub(crate) fn make() -> Option<Fresh> {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let url = std::env::var("POGSON_TEST_POSTGRES").ok()?;
        let name = format!("f{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let mut admin = postgres::Client::connect(&url, postgres::NoTls).expect("POGSON_TEST_POSTGRES connects");
        admin.batch_execute(&format!("create database {name}")).expect("a database is made");
        let config: postgres::Config = url.parse().expect("POGSON_TEST_POSTGRES is understood");
        let host = config.get_hosts().first().map_or(String::from("localhost"), |host| match host {
            postgres::config::Host::Tcp(host) => host.clone(),
            postgres::config::Host::Unix(path) => path.display().to_string(),
        });
        let port = config.get_ports().first().copied().unwrap_or(5432);
        let user = config.get_user().unwrap_or("postgres").to_owned();
        let words = format!("host={host} port={port} user={user} dbname={name}");
        Some(Fresh { admin, name, words })
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        // What stays of a test that failed harms nobody.
        let _ = self.admin.batch_execute(&format!("drop database {} with (force)", self.name));
    }
}
