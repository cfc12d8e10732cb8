//! What is told of a project: to sites for many projects, and of the server's state.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod fresh;

use std::io::Read;
use std::path::Path;

use pogson_crowd::sign::md5_hex;
use pogson_crowd::stats::{DELETED_USER, Program, Status, export};
use pogson_crowd::store::{
    AppRow, Book, Database, FactRow, HostRow, PostgresDatabase, ResultRow, SqliteDatabase, TeamRow, UnitRow, UserRow,
};
use pogson_crowd::wire::Node;

const NOW: i64 = 1_800_000_000;

fn saved(database: &mut dyn Database, fill: impl FnOnce(&mut Book)) {
    let mut book = Book::default();
    fill(&mut book);
    database.begin().unwrap();
    book.save(database).unwrap();
    database.commit().unwrap();
}

/// Runs a check on each database that is at hand, each time on an empty one.
fn on_each(check: impl Fn(&mut dyn Database, &Path)) {
    let folder = tempfile::tempdir().unwrap();
    check(&mut SqliteDatabase::open(&folder.path().join("project.db")).unwrap(), folder.path());
    match fresh::Fresh::make() {
        Some(fresh) => {
            let folder = tempfile::tempdir().unwrap();
            check(&mut PostgresDatabase::open(&fresh.words).unwrap(), folder.path());
        }
        None => println!("skipped on PostgreSQL: POGSON_TEST_POSTGRES is not set"),
    }
}

fn user(id: i64, credit: i64, consent: bool) -> UserRow {
    UserRow {
        id,
        email: format!("u{id}@example.org"),
        name: format!("<b>U&{id}</b>"),
        key_hash: id.to_string(),
        cpid: format!("{id:032x}"),
        credit,
        average: 12.5,
        average_time: NOW - 5,
        created: NOW - 1000,
        consent,
        ..UserRow::default()
    }
}

fn host(id: i64, user_id: i64, credit: i64) -> HostRow {
    HostRow {
        id,
        user_id,
        credit,
        cpid: format!("{:032x}", id + 100),
        domain_name: "secret.example.org".to_owned(),
        address: "10.1.2.3".to_owned(),
        vendor: "Genuine\u{1b}[31m<Intel>".to_owned(),
        client: 72005,
        created: NOW - 90_000,
        ..HostRow::default()
    }
}

fn unpacked(folder: &Path, name: &str) -> String {
    let mut text = String::new();
    let file = std::fs::File::open(folder.join(name)).unwrap();
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).unwrap();
    text
}

#[test]
fn users_who_agreed_and_their_hosts_are_exported_and_no_others() {
    on_each(|database, folder| {
        saved(database, |book| {
            book.users.insert(UserRow {
                team_id: Some(3),
                country: "Chile".to_owned(),
                url: "http://a/?b&c".to_owned(),
                ..user(1, 8_850_001, true)
            });
            book.users.insert(user(2, 5_000_000, false));
            book.users.insert(user(3, 0, true));
            book.teams.insert(TeamRow {
                id: 3,
                name: "Team <3".to_owned(),
                founder_id: 2,
                credit: 13_850_001,
                kind: 1,
                ..TeamRow::default()
            });
            book.hosts.insert(host(10, 1, 4_000_000));
            book.hosts.insert(HostRow { hidden: true, ..host(11, 1, 4_000_000) });
            book.hosts.insert(host(12, 2, 4_000_000));
            book.hosts.insert(HostRow { merged_into: Some(10), ..host(13, 1, 4_000_000) });
            book.hosts.insert(host(14, 1, 0));
            book.apps.insert(AppRow {
                id: 1,
                name: "fit".to_owned(),
                title: "Fits & maps".to_owned(),
                ..AppRow::default()
            });
            let gone = |id: i64, user: i64, when: i64| FactRow {
                id,
                name: format!("{DELETED_USER}{user}"),
                body: format!("{when} {:032x}", user),
            };
            book.facts.insert(gone(1, 77, NOW - 86_400));
            book.facts.insert(gone(2, 78, NOW - 61 * 86_400));
        });
        let stats = folder.join("stats");
        let sums = export(database, &stats, NOW).unwrap();
        assert_eq!((sums.users_in_all, sums.users, sums.hosts_in_all, sums.hosts, sums.teams), (2, 1, 3, 2, 1));
        assert_eq!(sums.credit, 13_850_001);

        let users = unpacked(&stats, "user.gz");
        let node = Node::parse(users.as_bytes(), "users").unwrap();
        let all: Vec<&Node> = node.all("user").collect();
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].text_of("name"), "<b>U&1</b>");
        assert_eq!(all[0].text_of("total_credit"), "8.850001");
        assert_eq!(all[0].text_of("teamid"), "3");
        assert_eq!(all[0].text_of("url"), "http://a/?b&c");
        assert_eq!(all[0].text_of("cpid"), md5_hex(format!("{:032x}u1@example.org", 1).as_bytes()));
        assert!(!users.contains("u1@example.org"));

        let hosts = unpacked(&stats, "host.gz");
        assert!(!hosts.contains("secret") && !hosts.contains("10.1.2.3") && !hosts.contains('\u{1b}'), "{hosts}");
        let node = Node::parse(hosts.as_bytes(), "hosts").unwrap();
        let all: Vec<&Node> = node.all("host").collect();
        assert_eq!(all.iter().map(|host| host.text_of("id")).collect::<Vec<_>>(), ["10", "11"]);
        assert_eq!((all[0].text_of("userid"), all[1].text_of("userid")), ("1", ""));
        assert_eq!(all[0].text_of("boinc_version"), "7.20.5");

        let teams = unpacked(&stats, "team.gz");
        let node = Node::parse(teams.as_bytes(), "teams").unwrap();
        let team = node.get("team").unwrap();
        // The founder did not agree.
        assert_eq!((team.text_of("name"), team.text_of("userid"), team.text_of("founder_name")), ("Team <3", "0", ""));

        let deleted = unpacked(&stats, "user_deleted.gz");
        assert!(deleted.contains("<id>77</id>") && !deleted.contains("<id>78</id>"));

        let tables = std::fs::read_to_string(stats.join("tables.xml")).unwrap();
        let node = Node::parse(tables.as_bytes(), "tables").unwrap();
        assert_eq!((node.whole("nusers_total"), node.whole("update_time")), (Some(2), Some(NOW)));
        assert_eq!(node.text_of("total_credit"), "13.850001");
        assert_eq!(node.get("applications").unwrap().get("application").unwrap().text_of("name"), "Fits & maps");
        // No half files are left.
        assert!(
            std::fs::read_dir(&stats).unwrap().all(|file| !file
                .unwrap()
                .file_name()
                .to_string_lossy()
                .starts_with('.'))
        );
    });
}

#[test]
fn more_users_than_are_read_at_once_are_all_exported() {
    on_each(|database, folder| {
        saved(database, |book| (1..=4500).for_each(|id| book.users.insert(user(id, 1, true))));
        assert_eq!(export(database, folder, NOW).unwrap().users, 4500);
        assert_eq!(unpacked(folder, "user.gz").matches("<user>").count(), 4500);
    });
}

#[test]
fn the_state_of_the_server_is_counted() {
    on_each(|database, _| {
        saved(database, |book| {
            book.users.insert(user(1, 8_850_000, true));
            book.hosts.insert(host(10, 1, 8_850_000));
            book.apps.insert(AppRow { id: 1, name: "fit".to_owned(), ..AppRow::default() });
            book.apps.insert(AppRow { id: 2, name: "other".to_owned(), ..AppRow::default() });
            for id in 1..=3 {
                let unit = UnitRow {
                    id,
                    name: format!("w{id}"),
                    app_id: 1,
                    validate: id == 1,
                    next: Some(NOW - 60 * id),
                    ..UnitRow::default()
                };
                book.units.insert(unit);
                book.results.insert(ResultRow { id: id * 64, state: 2, ..ResultRow::default() });
                book.results.insert(ResultRow { id: id * 64 + 1, state: 4, host_id: 10, ..ResultRow::default() });
            }
            let done = |place: i64, elapsed: f64| ResultRow {
                id: 64 + place,
                state: 5,
                outcome: 1,
                elapsed,
                user_id: 1,
                received: NOW - 10,
                ..ResultRow::default()
            };
            book.results.insert(done(2, 1800.0));
            book.results.insert(done(3, 5400.0));
        });
        let status = Status::look(database, NOW).unwrap();
        assert_eq!((status.units, status.unsent, status.in_progress, status.to_validate), (3, 3, 3, 1));
        assert_eq!((status.backlog, status.users, status.hosts), (180, (1, 1, 1), (0, 1, 0)));
        assert_eq!(status.gigaflops, 12.5 / 200.0);
        assert_eq!(status.apps[0].hours, (1.0, 0.5, 1.5));
        assert_eq!((status.apps[0].unsent, status.apps[0].users, status.apps[1].unsent), (3, 1, 0));
        let parts = [Program { name: "validator".to_owned(), runs: false }];
        let node = Node::parse(status.xml("h", &parts).as_bytes(), "server_status").unwrap();
        let states = node.get("database_file_states").unwrap();
        assert_eq!(states.whole("results_ready_to_send"), Some(3));
        assert_eq!(states.get("tasks_by_app").unwrap().all("app").count(), 2);
        let daemon = node.get("daemon_status").unwrap().get("daemon").unwrap();
        assert_eq!((daemon.text_of("command"), daemon.text_of("status")), ("validator", "disabled"));
    });
}
