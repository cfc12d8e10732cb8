//! Where users, hosts, units and results are kept.
//!
//! Logic works on rows in memory ([`Book`]): those that a batch of questions needs are loaded, changed, and what changed is written in
//! one transaction. A [`Database`] therefore only has to find rows by keys, ranges and a few conditions, and to write sets of them;
//! SQLite and PostgreSQL do so each in its own way, and one suite of tests holds both to the same behaviour.

mod book;
mod database;
mod log;
mod machine;
mod people;
mod postgres;
mod row;
mod sqlite;
mod work;

pub use book::{Book, Counter, Ledger};
pub use database::{Database, Place, StoreError};
pub use machine::{AppRow, FileRow, HostRow, HostVersionRow, PlatformRow, VersionRow};
pub use people::{AuditRow, FactRow, KeyRow, NoticeRow, OldKeyRow, TeamRow, TrickleRow, UserRow};
pub use postgres::PostgresDatabase;
pub use row::{Field, Kind, Row, Table, Value};
pub use sqlite::SqliteDatabase;
pub use work::{BatchRow, CounterRow, MOST_OUTPUTS, MOST_RESULTS, OutputRow, ResultRow, UnitRow};
