//! Two servers on one PostgreSQL database and one folder; `POGSON_TEST_POSTGRES` says where one is.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod fresh;
mod served;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use pogson_crowd::admin::{Command, Way};
use pogson_crowd::role::{Facts, Generator, RoleError, Supply, UnitFacts, Validator};
use pogson_crowd::serve::Roles;
use served::{Served, fill, project, wait};

/// Says which process compared, and counts.
struct Counting(Arc<AtomicUsize>);

impl Validator for Counting {
    fn check(&self, _: &UnitFacts, _: &Vec<Vec<u8>>) -> Result<(), RoleError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn agree(&self, _: &UnitFacts, one: &Vec<Vec<u8>>, other: &Vec<Vec<u8>>) -> Result<bool, RoleError> {
        Ok(one == other)
    }
}

struct Asked(Arc<AtomicUsize>);

impl Generator for Asked {
    fn generate(&mut self, _: &dyn Facts, _: usize) -> Result<Supply, RoleError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(Supply::default())
    }
}

#[test]
fn two_processes_send_and_validate_the_same_work_and_nothing_is_done_twice() {
    let Some(database) = fresh::Fresh::make() else {
        println!("skipped: POGSON_TEST_POSTGRES names no server");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let one = project(folder.path(), Some(&database.words), |_| {});
    let mut two = one.clone();
    two.config.server.process = "two".to_owned();
    let compared = [Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0))];
    let generated = [Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0))];
    let start = |at: usize, project| {
        let mut roles = Roles::default();
        roles.validators.insert("count".to_owned(), Arc::new(Counting(Arc::clone(&compared[at]))));
        roles.generators.push(Box::new(Asked(Arc::clone(&generated[at]))));
        Served::start(project, roles)
    };
    let mut servers = vec![start(0, one), start(1, two)];
    servers[0].engine.act(|desk| fill(desk, 0)).unwrap();
    let names: Vec<String> = (0..60).map(|number| format!("unit_{number}")).collect();
    // Each makes some of the work.
    servers[0].units(&names[..30].iter().map(String::as_str).collect::<Vec<_>>(), 2);
    servers[1].units(&names[30..].iter().map(String::as_str).collect::<Vec<_>>(), 2);
    // Four users' hosts ask now this one, now that; outputs go to the other than the one that was asked.
    let mut taken: HashMap<(i64, String), usize> = HashMap::new();
    std::thread::scope(|scope| {
        let hosts: Vec<_> = (1..=4)
            .map(|user| {
                let servers = &servers;
                scope.spawn(move || {
                    let (mut host, mut sequence, mut got) = (0, 0, Vec::new());
                    let mut none = 0;
                    while none < 6 {
                        let at = (sequence as usize + user as usize) % 2;
                        match servers[at].ask(user, host, sequence) {
                            Some((task, certificate, mine)) => {
                                none = 0;
                                host = mine;
                                let other = (at + usize::from(user % 2 == 0)) % 2;
                                servers[other].give(user, host, sequence + 1, (&task, &certificate), b"right");
                                got.push(task);
                            }
                            None => none += 1,
                        }
                        sequence += 3;
                    }
                    (user, got)
                })
            })
            .collect();
        for host in hosts {
            let (user, got) = host.join().unwrap();
            for task in got {
                let (unit, _) = task.rsplit_once('_').unwrap();
                *taken.entry((user, unit.to_owned())).or_insert(0) += 1;
            }
        }
    });
    assert!(taken.values().all(|count| *count == 1), "a user has two results of a unit: {taken:?}");
    assert_eq!(taken.len(), 120, "each of 60 units is sent twice");
    wait("all is validated and handed on", || {
        servers[0].number("select count(*) from units where assimilation = 2 and deletion = 2") == 60
    });
    let compared = compared.each_ref().map(|count| count.load(Ordering::Relaxed));
    assert!(compared.iter().all(|count| *count > 0), "both compare: {compared:?}");
    assert_eq!(servers[0].number("select count(*) from results where granted = 53000000"), 120);
    assert_eq!(servers[0].number("select cast(sum(credit) as bigint) from users"), 120 * 53_000_000);
    assert_eq!(servers[0].problems(), Vec::<String>::new());
    let generated = || generated.each_ref().map(|count| count.load(Ordering::Relaxed));
    assert!(generated()[0] > 0 && generated()[1] == 0, "one alone makes work: {:?}", generated());
    // A stage that is stopped is stopped in both.
    Way::open(servers[0].project.clone()).unwrap().run(Command::Stage { name: "send".to_owned(), on: false }).unwrap();
    for served in &servers {
        assert!(
            served
                .rpc(5, 0, 0, "<work_req_seconds>1</work_req_seconds><cpu_req_secs>1</cpu_req_secs>")
                .contains("sends no new tasks")
        );
    }
    // The other one takes over when the first ends, and finds what it left.
    let first = servers.remove(0);
    Way::open(first.project.clone()).unwrap().run(Command::Stage { name: "send".to_owned(), on: true }).unwrap();
    Way::open(first.project.clone()).unwrap().run(Command::Stage { name: "assimilate".to_owned(), on: false }).unwrap();
    first.units(&["left"], 1);
    let (task, certificate, host) = first.ask(6, 0, 0).unwrap();
    first.give(6, host, 1, (&task, &certificate), b"right");
    wait("it waits", || first.number("select count(*) from units where assimilation = 1") == 1);
    drop(first);
    Way::open(servers[0].project.clone())
        .unwrap()
        .run(Command::Stage { name: "assimilate".to_owned(), on: true })
        .unwrap();
    wait("the second one leads", || {
        servers[0].number("select count(*) from units where assimilation = 2") == 61 && generated()[1] > 0
    });
    wait("files are gone", || servers[0].number("select count(*) from units where deletion = 2") == 61);
    servers[0].end();
    assert_eq!(servers[0].problems(), Vec::<String>::new());
}
