//! One suite for both databases: SQLite always, PostgreSQL where `POGSON_TEST_POSTGRES` says how to connect to an empty database.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use pogson_crowd::store::{
    Book, Counter, Database, HostRow, Place, PostgresDatabase, ResultRow, SqliteDatabase, StoreError, UnitRow, UserRow,
    Value,
};
use proptest::prelude::*;

/// Runs a check on each database that is at hand, each time on an empty one.
fn on_each(check: impl Fn(&mut dyn Database)) {
    let dir = tempfile::tempdir().unwrap();
    check(&mut SqliteDatabase::open(&dir.path().join("project.db")).unwrap());
    match std::env::var("POGSON_TEST_POSTGRES") {
        Ok(url) => {
            // Tests run side by side, and each wants tables of its own.
            static NEXT: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
            let name = format!("t{}_{}", std::process::id(), NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
            let mut admin = postgres::Client::connect(&url, postgres::NoTls).unwrap();
            admin.batch_execute(&format!("create database {name}")).unwrap();
            let mut config: postgres::Config = url.parse().unwrap();
            config.dbname(&name);
            let hosts: Vec<String> = config
                .get_hosts()
                .iter()
                .map(|host| match host {
                    postgres::config::Host::Tcp(host) => host.clone(),
                    postgres::config::Host::Unix(path) => path.display().to_string(),
                })
                .collect();
            let words = format!(
                "host={} port={} user={} dbname={name}",
                hosts.join(","),
                config.get_ports().first().copied().unwrap_or(5432),
                config.get_user().unwrap_or("postgres"),
            );
            check(&mut PostgresDatabase::open(&words).unwrap());
            admin.batch_execute(&format!("drop database {name} with (force)")).unwrap();
        }
        Err(_) => println!("skipped on PostgreSQL: POGSON_TEST_POSTGRES is not set"),
    }
}

fn user(id: i64) -> UserRow {
    UserRow { id, email: format!("{id}@example.org"), key_hash: format!("key {id}"), ..UserRow::default() }
}

#[test]
fn rows_come_back_as_they_were_written_and_only_after_commit() {
    on_each(|database| {
        let row = UserRow {
            name: "O'Neill; drop table users; -- <b>\u{1F30C}".to_owned(),
            credit: i64::MAX,
            average: 0.1 + 0.2,
            team_id: Some(7),
            ..user(1)
        };
        let mut book = Book::default();
        book.users.insert(row.clone());
        database.begin().unwrap();
        book.save(database).unwrap();
        database.rollback();
        let mut again = Book::default();
        again.users.load(database, [1]).unwrap();
        assert_eq!(again.users.get(1), None);
        database.begin().unwrap();
        book.save(database).unwrap();
        database.commit().unwrap();
        let mut again = Book::default();
        again.users.load(database, [1, 2]).unwrap();
        assert_eq!(again.users.all().collect::<Vec<_>>(), [&row]);
    });
}

#[test]
fn what_did_not_change_is_not_written_over() {
    on_each(|database| {
        let mut book = Book::default();
        book.users.insert(user(1));
        database.begin().unwrap();
        book.save(database).unwrap();
        database.commit().unwrap();
        // Two see the same row, and change different columns.
        let (mut one, mut other) = (Book::default(), Book::default());
        one.users.load(database, [1]).unwrap();
        other.users.load(database, [1]).unwrap();
        one.users.edit(1).unwrap().credit = 5;
        other.users.edit(1).unwrap().name = "Ada".to_owned();
        for book in [&one, &other] {
            database.begin().unwrap();
            book.save(database).unwrap();
            database.commit().unwrap();
        }
        let mut last = Book::default();
        last.users.load(database, [1]).unwrap();
        let found = last.users.get(1).unwrap();
        assert_eq!((found.credit, found.name.as_str()), (5, "Ada"));
    });
}

#[test]
fn units_come_with_their_results_and_no_others() {
    on_each(|database| {
        let mut book = Book::default();
        for id in 1..=3 {
            book.units.insert(UnitRow { id, name: format!("u{id}"), ..UnitRow::default() });
            for place in 0..2 {
                book.results.insert(ResultRow { id: id * 64 + place, state: 2, ..ResultRow::default() });
            }
        }
        book.results.edit(128).unwrap().state = 4;
        book.results.edit(128).unwrap().host_id = 9;
        database.begin().unwrap();
        book.save(database).unwrap();
        database.commit().unwrap();

        let mut some = Book::default();
        some.load_units(database, [1, 3]).unwrap();
        assert_eq!(some.results.all().map(|row| row.id).collect::<Vec<_>>(), [64, 65, 192, 193]);
        let of_host = Place { column: "host_id", and: "state = 4" };
        some.results.load_by(database, of_host, &[Value::Int(9), Value::Int(10)]).unwrap();
        assert_eq!(some.results.get(128).unwrap().host_id, 9);
        let waiting = some.results.scan(database, "state = 2 order by rank, id limit $1", &[Value::Int(3)]).unwrap();
        assert_eq!(waiting, [64, 65, 129]);
        let count =
            database.ask("select count(*), cast(sum(id) as bigint) from results where state = $1", &[Value::Int(2)]);
        assert_eq!(count.unwrap(), [[Value::Int(5), Value::Int(64 + 65 + 129 + 192 + 193)]]);
    });
}

#[test]
fn removed_rows_are_gone_and_counts_go_on() {
    on_each(|database| {
        let mut book = Book::default();
        book.load_counters(database).unwrap();
        assert_eq!((book.next(Counter::Unit), book.next(Counter::Unit)), (1, 2));
        book.users.insert(user(1));
        book.users.insert(user(2));
        database.begin().unwrap();
        book.save(database).unwrap();
        database.commit().unwrap();
        let mut book = Book::default();
        book.load_counters(database).unwrap();
        assert_eq!(book.next(Counter::Unit), 3);
        book.users.load(database, [1]).unwrap();
        book.users.remove(1);
        database.begin().unwrap();
        book.save(database).unwrap();
        database.commit().unwrap();
        let mut book = Book::default();
        assert_eq!(book.users.scan(database, "id > 0 order by id", &[]).unwrap(), [2]);
    });
}

#[test]
fn a_second_row_of_a_unique_name_is_refused_and_the_transaction_can_be_taken_back() {
    on_each(|database| {
        let mut book = Book::default();
        book.users.insert(user(1));
        database.begin().unwrap();
        book.save(database).unwrap();
        database.commit().unwrap();
        let mut book = Book::default();
        book.hosts.insert(HostRow { id: 5, ..HostRow::default() });
        book.users.insert(UserRow { id: 2, ..user(1) });
        database.begin().unwrap();
        assert!(matches!(book.save(database), Err(StoreError::Database { .. })));
        database.rollback();
        let mut book = Book::default();
        book.hosts.load(database, [5]).unwrap();
        assert_eq!(book.hosts.all().count(), 0);
    });
}

#[test]
fn a_database_of_a_later_program_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("project.db");
    drop(SqliteDatabase::open(&path).unwrap());
    rusqlite::Connection::open(&path).unwrap().execute("update schema_version set version = 99", []).unwrap();
    assert!(matches!(SqliteDatabase::open(&path), Err(StoreError::Later { found: 99, .. })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]
    #[test]
    fn any_text_and_number_survive(name in "[^\0]{0,40}", credit in any::<i64>(), average in -1e300f64..1e300) {
        on_each(|database| {
            let mut book = Book::default();
            book.users.insert(UserRow { name: name.clone(), credit, average, ..user(1) });
            database.begin().unwrap();
            book.save(database).unwrap();
            database.commit().unwrap();
            let mut again = Book::default();
            again.users.load(database, [1]).unwrap();
            let found = again.users.get(1).unwrap();
            assert_eq!((&found.name, found.credit, found.average), (&name, credit, average));
        });
    }
}
