//! The engine on a real database, asked as the server asks it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use pogson_crowd::account::{AccountSecret, key_hash};
use pogson_crowd::engine::{
    Clock, Effect, Engine, Judgement, PlacedFile, Question, Refits, RpcQuestion, Settings, Stages, UploadQuestion,
};
use pogson_crowd::life::{Limits, Verdict, judge};
use pogson_crowd::role::{InputFile, MICRO, NewUnit, OutputFile, Supply};
use pogson_crowd::schedule::Rules;
use pogson_crowd::sign::UploadSecret;
use pogson_crowd::store::{AppRow, Counter, SqliteDatabase, UserRow, VersionRow};
use pogson_crowd::upload::Place;
use pogson_crowd::wire::{Reply, Request};

struct Hand(AtomicI64);

impl Clock for Hand {
    fn now(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

struct Project {
    engine: Engine,
    effects: crossbeam_channel::Receiver<Effect>,
    clock: Arc<Hand>,
    _dir: tempfile::TempDir,
}

fn settings() -> Settings {
    Settings {
        name: "Test".to_owned(),
        url: "http://127.0.0.1/test/".to_owned(),
        download_url: "http://127.0.0.1/test/download/".to_owned(),
        upload_url: "http://127.0.0.1/test/file_upload_handler".to_owned(),
        rules: Rules::default(),
        daily_quota: 100,
        request_delay: 0.0,
        next_rpc_delay: None,
        quarantine_after: 10,
        upload_grace: 86_400,
        report_immediately: true,
        resend_lost: true,
        keep: 86_400,
        retry: 60,
        refits: Refits::default(),
        accounts: AccountSecret::new([7; 32]),
        secret: UploadSecret::new([7; 32]),
        code_sign_key: "1024\nab\n.\n".to_owned(),
        gui_urls: Vec::new(),
    }
}

impl Project {
    fn new(app: AppRow) -> Project {
        let dir = tempfile::tempdir().unwrap();
        let database = SqliteDatabase::open(&dir.path().join("project.db")).unwrap();
        let clock = Arc::new(Hand(AtomicI64::new(1_800_000_000)));
        let (engine, effects, _) =
            Engine::start(Box::new(database), settings(), clock.clone(), Arc::new(Stages::default()), 1).unwrap();
        let project = Project { engine, effects, clock, _dir: dir };
        project
            .engine
            .act(move |desk| {
                desk.book.apps.insert(AppRow { id: 1, name: "count".to_owned(), ..app.clone() });
                desk.book.versions.insert(VersionRow {
                    id: 1,
                    app_id: 1,
                    number: 100,
                    platform: "x86_64-pc-linux-gnu".to_owned(),
                    processors: 1.0,
                    speed: 1.0,
                    files: "[]".to_owned(),
                    ..VersionRow::default()
                });
                for id in 1..=9 {
                    desk.book.users.insert(UserRow {
                        id,
                        email: format!("{id}@example.org"),
                        name: format!("user {id}"),
                        key_hash: key_hash(&format!("key{id}")),
                        average_time: desk.now,
                        ..UserRow::default()
                    });
                }
                desk.book.count(Counter::Catalogue, 1);
                Ok(())
            })
            .unwrap();
        project
    }

    fn supply(&self, count: usize, limits: Limits) {
        let unit = |number: usize| NewUnit {
            app: "count".to_owned(),
            name: format!("unit_{number}"),
            batch: String::new(),
            priority: 0,
            flops: 1e9,
            flops_bound: 1e12,
            memory: 1e6,
            disk: 1e6,
            delay: 86_400,
            command_line: String::new(),
            inputs: vec![InputFile { file: "input".to_owned(), open_name: "in".to_owned(), copy: true }],
            outputs: vec![OutputFile { open_name: "out".to_owned(), most: 1000, gzip: false }],
            limits,
            credit: 53 * MICRO,
            opaque: String::new(),
            host: None,
            user: None,
        };
        let supply = Supply { units: (0..count).map(unit).collect(), ..Supply::default() };
        let file =
            PlacedFile { name: "input".to_owned(), bytes: 4, md5: "0".repeat(32), sticky: false, signature: None };
        self.engine.act(move |desk| desk.supply(&supply, std::slice::from_ref(&file))).unwrap();
    }

    fn rpc(&self, user: i64, host: i64, sequence: i64, more: &str) -> Reply {
        let text = format!(
            "<scheduler_request><authenticator>key{user}</authenticator><hostid>{host}</hostid><rpc_seqno>{sequence}</rpc_seqno>\
             <platform_name>x86_64-pc-linux-gnu</platform_name><host_info><host_cpid>cpid{user}</host_cpid><p_ncpus>1</p_ncpus>\
             <p_fpops>1e9</p_fpops><os_name>Linux</os_name><p_vendor>GenuineIntel</p_vendor></host_info>{more}</scheduler_request>"
        );
        let (answer, answers) = crossbeam_channel::bounded(1);
        let question = RpcQuestion {
            request: Request::parse(text.as_bytes()).unwrap(),
            address: "127.0.0.1".to_owned(),
            answer: Box::new(move |reply| answer.send(reply).unwrap()),
        };
        assert!(self.engine.ask(Question::Rpc(Box::new(question))));
        answers.recv_timeout(Duration::from_secs(20)).unwrap().unwrap()
    }

    fn upload(&self, name: &str, host: i64) -> Place {
        let (answer, answers) = crossbeam_channel::bounded(1);
        self.engine.ask(Question::Upload(UploadQuestion {
            name: name.to_owned(),
            host,
            bytes: 4,
            md5: "0".repeat(32),
            segment: "s".to_owned(),
            place: 0,
            answer: Box::new(move |known| answer.send(known).unwrap()),
        }));
        answers.recv_timeout(Duration::from_secs(20)).unwrap().unwrap()
    }

    /// Compares what is to be compared, by a rule, until nothing is.
    fn judge(&self, agree: impl Fn(i64, i64) -> bool) -> Vec<pogson_crowd::engine::AssimilateJob> {
        let mut done = Vec::new();
        while let Ok(effect) = self.effects.recv_timeout(Duration::from_millis(100)) {
            match effect {
                Effect::Validate(job) => {
                    let compared: Vec<i64> = job.results.iter().map(|(id, _)| *id).collect();
                    let verdict = judge(compared.len(), |a, b| agree(compared[a], compared[b]), job.quorum, job.most);
                    let stragglers = match &job.canonical {
                        Some((canonical, _)) => compared
                            .iter()
                            .map(|id| (*id, pogson_crowd::life::straggler(Some(agree(*canonical, *id)))))
                            .collect(),
                        None => Vec::new(),
                    };
                    let verdict: Option<Verdict> = job.canonical.is_none().then_some(verdict);
                    let judgement = Judgement { unit: job.unit, unreadable: Vec::new(), compared, verdict, stragglers };
                    self.engine.ask(Question::Judged(judgement));
                }
                Effect::Assimilate(job) => {
                    self.engine.ask(Question::Assimilated { unit: job.unit, facts: Vec::new() });
                    done.push(job);
                }
                Effect::DeleteInputs { unit, .. } => drop(self.engine.ask(Question::Deleted { unit })),
                Effect::DeleteOutputs(_) | Effect::Refit(_) | Effect::Trickles => {}
            }
        }
        done
    }

    fn credit(&self) -> (i64, i64, i64) {
        self.engine
            .act(|desk| {
                desk.book.users.scan(desk.database, "id > 0", &[])?;
                desk.book.hosts.scan(desk.database, "id > 0", &[])?;
                desk.book.results.scan(desk.database, "id > 0", &[])?;
                Ok((
                    desk.book.users.all().map(|row| row.credit).sum(),
                    desk.book.hosts.all().map(|row| row.credit).sum(),
                    desk.book.results.all().map(|row| row.granted).sum(),
                ))
            })
            .unwrap()
    }
}

const WORK: &str = "<work_req_seconds>1</work_req_seconds><cpu_req_secs>1</cpu_req_secs>";

fn report(name: &str, state: i64, exit: i64) -> String {
    format!(
        "<result><name>{name}</name><state>{state}</state><exit_status>{exit}</exit_status><final_elapsed_time>2</final_elapsed_time></result>"
    )
}

#[test]
fn two_hosts_make_a_quorum_and_are_paid_once() {
    let project = Project::new(AppRow::default());
    project.supply(1, Limits::default());
    let mut names = Vec::new();
    let mut hosts = Vec::new();
    for user in [1, 2] {
        let reply = project.rpc(user, 0, 0, WORK);
        assert_eq!(reply.jobs.len(), 1, "{:?}", reply.messages);
        hosts.push(reply.new_host.unwrap());
        names.push(reply.jobs[0].name.clone());
        assert_eq!(reply.files[0].name, "input");
        assert!(reply.jobs[0].outputs[0].certificate.contains(&hosts[hosts.len() - 1].to_string()));
    }
    assert_eq!(names, ["unit_0_0", "unit_0_1"]);
    // Another user's host cannot upload or report it.
    assert_eq!(project.upload("unit_0_0_0", hosts[1]), Place::Unwanted);
    let reply = project.rpc(2, hosts[1], 1, &report("unit_0_0", 5, 0));
    assert_eq!(reply.acknowledged, ["unit_0_0"]);
    for (at, name) in names.iter().enumerate() {
        assert_eq!(project.upload(&format!("{name}_0"), hosts[at]), Place::Wanted);
        assert_eq!(project.upload(&format!("{name}_0"), hosts[at]), Place::Here(4));
        for _ in 0..2 {
            let reply = project.rpc(at as i64 + 1, hosts[at], 5, &report(name, 5, 0));
            assert_eq!(reply.acknowledged, std::slice::from_ref(name));
        }
    }
    let done = project.judge(|_, _| true);
    assert_eq!(done.len(), 1);
    assert_eq!(done[0].users, [(1, "user 1".to_owned()), (2, "user 2".to_owned())]);
    assert_eq!(project.credit(), (106 * MICRO, 106 * MICRO, 106 * MICRO));
    let reply = project.rpc(1, hosts[0], 9, "");
    assert_eq!(reply.user.unwrap().total_credit, 53.0);
}

#[test]
fn a_result_whose_output_did_not_come_is_no_success() {
    let project = Project::new(AppRow::default());
    project.supply(1, Limits::default());
    let reply = project.rpc(1, 0, 0, WORK);
    let host = reply.new_host.unwrap();
    project.rpc(1, host, 1, &report("unit_0_0", 5, 0));
    // A third result makes up for it, and goes to another user.
    assert!(project.rpc(1, host, 2, WORK).jobs.is_empty());
    let sent: Vec<String> = [2, 3].map(|user| project.rpc(user, 0, 0, WORK).jobs[0].name.clone()).to_vec();
    // Re-issues first.
    assert_eq!(sent, ["unit_0_2", "unit_0_1"]);
    assert_eq!(project.credit(), (0, 0, 0));
}

#[test]
fn a_cheat_is_found_and_the_honest_are_paid() {
    let project = Project::new(AppRow::default());
    project.supply(1, Limits::default());
    let take = |user: i64| {
        let reply = project.rpc(user, 0, 0, WORK);
        let (host, name) = (reply.new_host.unwrap(), reply.jobs[0].name.clone());
        assert_eq!(project.upload(&format!("{name}_0"), host), Place::Wanted);
        project.rpc(user, host, 1, &report(&name, 5, 0));
    };
    let cheat = 64;
    let agree = |a: i64, b: i64| (a == cheat) == (b == cheat);
    take(1);
    take(2);
    assert!(project.judge(agree).is_empty());
    take(3);
    assert_eq!(project.judge(agree).len(), 1);
    assert_eq!(project.credit(), (106 * MICRO, 106 * MICRO, 106 * MICRO));
    let host = project.engine.act(|desk| {
        desk.load_hosts([1])?;
        Ok(desk.book.hosts.get(1).cloned())
    });
    let host = host.unwrap().unwrap();
    assert_eq!((host.credit, host.invalid, host.failures), (0, 1, 1));
}

#[test]
fn what_is_late_is_sent_to_another_and_still_taken() {
    let project = Project::new(AppRow::default());
    project.supply(1, Limits::default());
    let (one, two) = (project.rpc(1, 0, 0, WORK).new_host.unwrap(), project.rpc(2, 0, 0, WORK).new_host.unwrap());
    project.clock.0.fetch_add(86_402, Ordering::Relaxed);
    // Deadlines are looked at twice a second.
    let late = (0..50).find_map(|_| {
        std::thread::sleep(Duration::from_millis(100));
        project.rpc(3, 0, 0, WORK).jobs.first().map(|job| job.name.clone())
    });
    assert_eq!(late.as_deref(), Some("unit_0_2"));
    for (user, host) in [(1, one), (2, two)] {
        let name = format!("unit_0_{}", user - 1);
        assert_eq!(project.upload(&format!("{name}_0"), host), Place::Wanted);
        project.rpc(user, host, 7, &report(&name, 5, 0));
    }
    assert_eq!(project.judge(|_, _| true).len(), 1);
    assert_eq!(project.credit().0, 106 * MICRO);
    // The third is told that nobody needs it.
    let reply =
        project.rpc(3, 3, 1, "<other_results><other_result><name>unit_0_2</name></other_result></other_results>");
    assert_eq!(reply.aborted_if_not_started, ["unit_0_2"]);
}

#[test]
fn what_a_host_lost_is_sent_again() {
    let project = Project::new(AppRow::default());
    project.supply(1, Limits::default());
    let host = project.rpc(1, 0, 0, WORK).new_host.unwrap();
    project.clock.0.fetch_add(100, Ordering::Relaxed);
    let reply = project.rpc(1, host, 1, &format!("{WORK}<other_results></other_results>"));
    assert_eq!(reply.jobs[0].name, "unit_0_0");
    assert_eq!(reply.jobs.len(), 1);
}

#[test]
fn a_host_that_loses_a_task_again_and_again_does_not_keep_it_for_ever() {
    let project = Project::new(AppRow::default());
    project.supply(1, Limits::default());
    let host = project.rpc(1, 0, 0, WORK).new_host.unwrap();
    let mut got = 0;
    for round in 1..40 {
        project.clock.0.fetch_add(8640, Ordering::Relaxed);
        let reply = project.rpc(1, host, round, &format!("{WORK}<other_results></other_results>"));
        got += reply.jobs.iter().filter(|job| job.name == "unit_0_0").count();
        assert!(reply.jobs.iter().all(|job| job.deadline > project.clock.0.load(Ordering::Relaxed)));
    }
    // It has a day, and at most one more: the last copy is sent when half a day is left, after 15 tenths.
    assert_eq!(got, 15);
}

#[test]
fn strangers_get_nothing() {
    let project = Project::new(AppRow::default());
    project.supply(1, Limits::default());
    let reply = project.rpc(77, 0, 0, WORK);
    assert!(reply.jobs.is_empty() && reply.new_host.is_none() && reply.user.is_none());
    assert_eq!(reply.request_delay, 3600.0);
}

#[test]
fn a_host_with_a_record_works_alone() {
    let project = Project::new(AppRow { trust_after: 5, ..AppRow::default() });
    project.supply(60, Limits::default());
    let mut hosts = [0, 0];
    let mut alone = 0;
    for round in 0..30 {
        for user in [1, 2] {
            let at = user as usize - 1;
            let reply = project.rpc(user, hosts[at], round, WORK);
            hosts[at] = reply.new_host.unwrap_or(hosts[at]);
            for job in &reply.jobs {
                project.upload(&format!("{}_0", job.name), hosts[at]);
                project.rpc(user, hosts[at], round, &report(&job.name, 5, 0));
            }
        }
        alone += project.judge(|_, _| true).iter().filter(|job| job.users.len() == 1).count();
    }
    // The first need a second opinion; later about one in as many as the record is long.
    assert!((15..60).contains(&alone), "{alone}");
}

#[test]
fn a_host_whose_lone_result_is_bad_is_looked_after_again() {
    let project = Project::new(AppRow { trust_after: 3, ..AppRow::default() });
    project.supply(200, Limits::default());
    let mut hosts = [0, 0];
    let mut sequence = 0;
    let trust = |host: i64| {
        project
            .engine
            .act(move |desk| {
                desk.book.host_versions.scan(desk.database, "id > 0", &[])?;
                Ok(desk
                    .book
                    .host_versions
                    .within((host << 16, host << 16 | 0xFFFF))
                    .map(|row| row.consecutive_valid)
                    .max())
            })
            .unwrap()
    };
    let lone = |name: &str| {
        let unit = name.rsplit_once('_').unwrap().0.to_owned();
        project
            .engine
            .act(move |desk| {
                desk.load_units_named([unit.as_str()])?;
                Ok(desk.book.units.all().find(|row| row.name == unit).map(|row| row.quorum == 1))
            })
            .unwrap()
            .unwrap()
    };
    // Until the first has a record and works alone.
    let alone = (0..60).find_map(|_| {
        for user in [2, 1] {
            let at = user as usize - 1;
            sequence += 1;
            let reply = project.rpc(user, hosts[at], sequence, WORK);
            hosts[at] = reply.new_host.unwrap_or(hosts[at]);
            for job in &reply.jobs {
                if user == 1 && lone(&job.name) {
                    return Some(job.name.clone());
                }
                project.upload(&format!("{}_0", job.name), hosts[at]);
                sequence += 1;
                project.rpc(user, hosts[at], sequence, &report(&job.name, 5, 0));
            }
        }
        project.judge(|_, _| true);
        None
    });
    let alone = alone.expect("a host with a record works alone at last");
    assert!(trust(hosts[0]) >= Some(3));
    // It fails there: its record is gone, and the next unit it takes goes to another host too.
    project.rpc(1, hosts[0], 9000, &report(&alone, 3, 1));
    assert_eq!(trust(hosts[0]), Some(0));
    for round in 0..3 {
        let reply = project.rpc(1, hosts[0], 9001 + round, WORK);
        for job in &reply.jobs {
            assert!(!lone(&job.name), "{} is sent to one host alone", job.name);
        }
    }
}

#[test]
fn a_row_that_cannot_be_read_is_left_aside_and_the_others_go_on() {
    let project = Project::new(AppRow::default());
    project.supply(3, Limits::default());
    let one = project.rpc(1, 0, 0, WORK).jobs[0].name.clone();
    assert_eq!(one, "unit_0_0");
    // By other hands: a unit that is about to be sent, and a result of the one that is out, which is due now.
    let database = rusqlite::Connection::open(project._dir.path().join("project.db")).unwrap();
    database
        .execute_batch("update units set quorum = 'two' where id = 2; update results set sent = 'then' where id = 65")
        .unwrap();
    database.execute_batch("update units set next = 1 where id in (1, 2)").unwrap();
    drop(database);
    std::thread::sleep(Duration::from_millis(1200));
    for user in [2, 3] {
        // What was in memory already is chosen once, and found to be gone.
        let mut host = 0;
        let name = (0..6).find_map(|sequence| {
            let reply = project.rpc(user, host, sequence, WORK);
            host = reply.new_host.unwrap_or(host);
            reply.jobs.first().map(|job| job.name.clone())
        });
        let name = name.expect("the third unit is sent");
        assert!(name.starts_with("unit_2_"), "{name}");
        project.upload(&format!("{name}_0"), host);
        project.rpc(user, host, 9, &report(&name, 5, 0));
    }
    assert_eq!(project.judge(|_, _| true).len(), 1);
    let text = project.engine.meters().text();
    assert!(text.contains("pogson_transactions_taken_back_total 0"), "{text}");
}
