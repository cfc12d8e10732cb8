//! Pages as browsers see them: what is public, what is one's own, what other sites and strangers try.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod fresh;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::{Request, StatusCode, header};
use maud::PreEscaped;
use pogson_crowd::account::{Cost, key_hash, password_hash};
use pogson_crowd::engine::{Clock, MILESTONE};
use pogson_crowd::pages::{Section, Shown, Site, routes};
use pogson_crowd::project::{NewKeys, init};
use pogson_crowd::role::{Facts, RoleError};
use pogson_crowd::serve::{Roles, Server, Web};
use pogson_crowd::store::{AppRow, Book, Counter, CounterRow, FactRow, HostRow, ResultRow, TeamRow, UnitRow, UserRow};
use tower::ServiceExt;

const NOW: i64 = 1_800_000_000;
const EVIL: &str = "<script>alert(1)</script>\"'&";

struct Still;

impl Clock for Still {
    fn now(&self) -> i64 {
        NOW
    }
}

/// A section that a project brings.
struct Gallery;

impl Section for Gallery {
    fn name(&self) -> &'static str {
        "gallery"
    }

    fn title(&self) -> &'static str {
        "Gallery"
    }

    fn page(&self, facts: &dyn Facts, base: &str, path: &str, viewer: Option<i64>) -> Result<Option<Shown>, RoleError> {
        let text = facts.get("gallery/text")?.unwrap_or_default();
        match path {
            "" => {
                let body = PreEscaped(format!("<p>{base} {} {viewer:?}</p>", text.len()));
                Ok(Some(Shown::Page { title: "Gallery".to_owned(), body }))
            }
            "one/two.png" => Ok(Some(Shown::Picture(b"picture".to_vec()))),
            "file" => Ok(Some(Shown::File { path: "/proc/version".into(), name: "a\"b.txt".to_owned() })),
            "broken" => Err(RoleError::Transient("a secret path".to_owned())),
            _ => Ok(None),
        }
    }

    fn of_user(&self, _: &dyn Facts, user: i64) -> Result<Vec<(String, String)>, RoleError> {
        Ok(if user == 1 { vec![("of/1".to_owned(), EVIL.to_owned())] } else { Vec::new() })
    }
}

struct Bench {
    _database: Option<fresh::Fresh>,
    folder: tempfile::TempDir,
    server: Server,
    router: Router,
    runtime: tokio::runtime::Runtime,
}

/// What came back.
struct Seen {
    status: StatusCode,
    text: String,
    to: String,
    cookie: String,
    policy: String,
}

impl Bench {
    fn new() -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let database = fresh::Fresh::make();
        let keys = NewKeys::make(&folder.path().join("keys")).unwrap();
        let project = init(
            &folder.path().join("project"),
            "http://127.0.0.1:8899/pogs/",
            Some("P & Q"),
            &keys.public,
            database.as_ref().map(|fresh| fresh.words.as_str()),
        )
        .unwrap();
        let roles = Roles { sections: vec![Arc::new(Gallery)], ..Roles::default() };
        let server = Server::start(project, roles, Some("127.0.0.1:0"), Arc::new(Still), 1).unwrap();
        let router = routes(Site::new(server.web().clone()));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let bench = Bench { _database: database, folder, server, router, runtime };
        bench.change(|book| {
            for counter in [Counter::User, Counter::Host, Counter::Team, Counter::Unit, Counter::App] {
                book.counters.insert(CounterRow { id: counter as i64, value: 100 });
            }
            book.users.insert(bench_user(1, "Ann", ""));
            book.users.insert(UserRow { role: "admin".to_owned(), ..bench_user(2, "Root", "") });
            book.users.insert(UserRow { role: "moderator".to_owned(), ..bench_user(3, "Mod", "") });
            book.users.insert(UserRow { country: EVIL.to_owned(), ..bench_user(4, EVIL, "javascript:alert(1)") });
            for (id, user_id) in [(10, 1), (11, 1), (12, 4)] {
                book.hosts.insert(host(id, user_id));
            }
            book.apps.insert(AppRow { id: 1, name: "fit".to_owned(), title: EVIL.to_owned(), ..AppRow::default() });
            book.teams.insert(TeamRow {
                id: 1,
                name: EVIL.to_owned(),
                description: EVIL.to_owned(),
                url: "javascript:alert(1)".to_owned(),
                founder_id: 4,
                joinable: true,
                credit: 5,
                ..TeamRow::default()
            });
            book.units.insert(UnitRow {
                id: 1,
                name: "w_1".to_owned(),
                app_id: 1,
                credit: 8_850_000,
                quorum: 2,
                ..UnitRow::default()
            });
            let result = |place: i64, state: i64, outcome: i64, validity: i64| ResultRow {
                id: 64 + place,
                state,
                outcome,
                validity,
                host_id: 10 + place,
                user_id: if place == 2 { 4 } else { 1 },
                sent: NOW - 100,
                received: NOW - 10,
                stderr: format!("/home/ann/secret {EVIL}"),
                reason: if validity == 2 { format!("differs {EVIL}") } else { String::new() },
                ..ResultRow::default()
            };
            book.results.insert(result(0, 5, 1, 0));
            book.results.insert(result(1, 5, 1, 2));
            book.results.insert(result(2, 4, 0, 0));
        });
        bench
    }

    fn web(&self) -> &Web {
        self.server.web()
    }

    fn change(&self, fill: impl FnOnce(&mut Book)) {
        let mut book = Book::default();
        fill(&mut book);
        let book = std::sync::Mutex::new(Some(book));
        self.web()
            .engine
            .act(move |desk| {
                if let Some(book) = book.lock().unwrap().take() {
                    book.save(desk.database)?;
                }
                Ok(())
            })
            .unwrap();
    }

    fn send(&self, request: Request<Body>) -> Seen {
        let mut request = request;
        request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 5555))));
        let response = self.runtime.block_on(self.router.clone().oneshot(request)).unwrap();
        let head = |name: header::HeaderName| {
            response.headers().get(name).map_or(String::new(), |value| value.to_str().unwrap().to_owned())
        };
        let (to, policy) = (head(header::LOCATION), head(header::CONTENT_SECURITY_POLICY));
        let cookie = head(header::SET_COOKIE).split(';').next().unwrap_or("").to_owned();
        let status = response.status();
        let bytes = self.runtime.block_on(to_bytes(response.into_body(), 1 << 24)).unwrap();
        Seen { status, text: String::from_utf8(bytes.to_vec()).unwrap(), to, cookie, policy }
    }

    fn get(&self, path: &str, cookie: &str) -> Seen {
        self.send(Request::get(path).header(header::COOKIE, cookie).body(Body::empty()).unwrap())
    }

    fn post(&self, path: &str, cookie: &str, fields: &[(&str, &str)]) -> Seen {
        self.post_from(path, cookie, fields, None)
    }

    fn post_from(&self, path: &str, cookie: &str, fields: &[(&str, &str)], origin: Option<&str>) -> Seen {
        let encoded = |text: &str| text.bytes().map(|byte| format!("%{byte:02x}")).collect::<String>();
        let body: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        let mut request = Request::post(path)
            .header(header::COOKIE, cookie)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        if let Some(origin) = origin {
            request = request.header(header::ORIGIN, origin);
        }
        self.send(request.body(Body::from(body.join("&"))).unwrap())
    }

    /// Logs in; the session's cookie and the token of its forms.
    fn login(&self, name: &str) -> (String, String) {
        let address = format!("{}@example.org", name.to_lowercase());
        let seen = self.post("/login", "", &[("email", &address), ("password", "password")]);
        assert_eq!((seen.status, seen.to.as_str()), (StatusCode::SEE_OTHER, "/pogs/account"), "{}", seen.text);
        let token = token_in(&self.get("/account", &seen.cookie).text);
        (seen.cookie, token)
    }

    fn user(&self, id: i64) -> UserRow {
        self.web()
            .engine
            .act(move |desk| {
                desk.load_users([id])?;
                Ok(desk.book.users.get(id).cloned().unwrap())
            })
            .unwrap()
    }

    fn host(&self, id: i64) -> HostRow {
        self.web()
            .engine
            .act(move |desk| {
                desk.load_hosts([id])?;
                Ok(desk.book.hosts.get(id).cloned().unwrap())
            })
            .unwrap()
    }

    fn letters(&self) -> Vec<String> {
        let folder = self.folder.path().join("project/mail");
        let mut files: Vec<_> =
            std::fs::read_dir(folder).into_iter().flatten().map(|file| file.unwrap().path()).collect();
        files.sort();
        files.into_iter().map(|path| std::fs::read_to_string(path).unwrap()).collect()
    }
}

fn token_in(page: &str) -> String {
    page.split("name=\"token\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
}

fn bench_user(id: i64, name: &str, url: &str) -> UserRow {
    let email = match name {
        EVIL => "evil@example.org".to_owned(),
        name => format!("{}@example.org", name.to_lowercase()),
    };
    let sent = password_hash("password", &email);
    UserRow {
        id,
        password: Cost { memory: 64, passes: 1 }.hash(&sent, &[1; 16]).unwrap(),
        key_hash: key_hash(&format!("key of {id}")),
        email,
        name: name.to_owned(),
        url: url.to_owned(),
        cpid: format!("{id:032x}"),
        credit: id * 1_000_000_000,
        average: 10.0 * id as f64,
        average_time: NOW,
        created: NOW - 1000,
        consent: true,
        ..UserRow::default()
    }
}

fn host(id: i64, user_id: i64) -> HostRow {
    HostRow {
        id,
        user_id,
        domain_name: format!("private-{id}"),
        address: "10.9.8.7".to_owned(),
        model: format!("Model {EVIL}"),
        os_name: "Linux".to_owned(),
        coprocessors: "[[\"NVIDIA\",1.0]]".to_owned(),
        created: NOW - 1000 * (20 - id),
        seen: NOW - 1000 * (20 - id) + 500,
        credit: id * 1_000_000,
        average: 1.0,
        average_time: NOW,
        ..HostRow::default()
    }
}

const PUBLIC: [&str; 19] = [
    "/",
    "/user/1",
    "/user/4",
    "/user/4/tasks",
    "/host/10",
    "/host/12",
    "/host/12/tasks",
    "/team/1",
    "/wu/w_1",
    "/result/w_1_1",
    "/result/w_1_2",
    "/top/users",
    "/top/users?by=total",
    "/top/teams",
    "/top/hosts?by=total&page=1",
    "/apps",
    "/status",
    "/news",
    "/login",
];

#[test]
fn public_pages_show_no_markup_from_outside_and_nothing_private() {
    let bench = Bench::new();
    for path in PUBLIC {
        let seen = bench.get(path, "");
        assert_eq!(seen.status, StatusCode::OK, "{path}: {}", seen.text);
        assert!(!seen.text.contains("<script") && !seen.text.contains("href=\"javascript"), "{path}: {}", seen.text);
        for private in ["@example.org", "private-1", "10.9.8.7", "secret", "key of"] {
            assert!(!seen.text.contains(private), "{path} tells {private}");
        }
        assert!(seen.policy.contains("default-src 'none'") && !seen.policy.contains("unsafe-eval"));
    }
    assert!(bench.get("/result/w_1_1", "").text.contains("differs &lt;script"));
    assert!(bench.get("/user/1", "").text.contains("1,000.00"));
}

#[test]
fn clients_find_the_scheduler_on_the_front_page() {
    let bench = Bench::new();
    let page = bench.get("/", "").text;
    assert!(
        page.lines()
            .any(|line| line.starts_with("<link rel=\"boinc_scheduler\" href=\"http://127.0.0.1:8899/pogs/cgi\""))
    );
    assert!(page.lines().any(|line| line == "<scheduler>http://127.0.0.1:8899/pogs/cgi</scheduler>"));
    assert!(page.contains("P &amp; Q") && page.contains("User of the day"));
}

#[test]
fn what_is_not_there_is_said_so() {
    let bench = Bench::new();
    for path in [
        "/user/99",
        "/host/99",
        "/team/99",
        "/wu/none",
        "/result/none",
        "/result/w_1_9",
        "/result/w_1_99",
        "/top/x",
        "/stats/x",
    ] {
        assert_eq!(bench.get(path, "").status, StatusCode::NOT_FOUND, "{path}");
    }
    for path in ["/user/x", "/wu/..%2f..%2fetc", "/stats/..%2fproject.db"] {
        assert!(bench.get(path, "").status.is_client_error(), "{path}");
    }
    assert_eq!(bench.get("/show_user.php?userid=1", "").to, "/pogs/user/1");
}

#[test]
fn ones_own_pages_tell_more_and_need_a_login() {
    let bench = Bench::new();
    for path in ["/account", "/account/computers", "/account/preferences", "/admin", "/teams/new"] {
        assert_eq!(bench.get(path, "").to, "/pogs/login", "{path}");
    }
    let (cookie, _) = bench.login("Ann");
    assert!(bench.get("/host/10", &cookie).text.contains("private-10"));
    assert!(bench.get("/result/w_1_0", &cookie).text.contains("/home/ann/secret &lt;script"));
    assert!(!bench.get("/result/w_1_2", &cookie).text.contains("/home/ann/secret"));
    assert!(!bench.get("/host/12", &cookie).text.contains("private-12"));
    // The success that is not judged yet would bring 8.85.
    assert!(bench.get("/user/1/tasks", &cookie).text.contains("<b>8.85</b>"));
    for path in PUBLIC.iter().chain(&["/account", "/account/computers", "/account/preferences", "/teams/new"]) {
        let seen = bench.get(path, &cookie);
        assert_eq!(seen.status, StatusCode::OK, "{path}");
        assert!(!seen.text.contains("<script"));
    }
}

#[test]
fn sessions_cannot_be_made_up_and_end_with_the_password() {
    let bench = Bench::new();
    let (cookie, token) = bench.login("Ann");
    for forged in [
        cookie.replace("pogson=1.", "pogson=2."),
        format!("{cookie}0"),
        "pogson=1.9999999999999.0".to_owned(),
        "pogson=".to_owned(),
    ] {
        assert_eq!(bench.get("/account", &forged).to, "/pogs/login", "{forged}");
    }
    let changed = bench.post(
        "/account/password",
        &cookie,
        &[("token", &token), ("password", "password"), ("new", "new password")],
    );
    assert_eq!(changed.to, "/pogs/account", "{}", changed.text);
    assert_eq!(bench.get("/account", &cookie).to, "/pogs/login");
    assert_eq!(bench.get("/account", &changed.cookie).status, StatusCode::OK);
    let wrong = bench.post("/login", "", &[("email", "ann@example.org"), ("password", "password")]);
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    assert_eq!(bench.post("/login", "", &[("key", "key of 1")]).to, "/pogs/account");
    assert_eq!(
        bench.post("/login", "", &[("email", "nobody@example.org"), ("password", "password")]).status,
        StatusCode::BAD_REQUEST
    );
}

#[test]
fn forms_of_other_sites_do_nothing() {
    let bench = Bench::new();
    let (cookie, token) = bench.login("Ann");
    let other = bench.login("Mod").1;
    for token in ["", "0", other.as_str()] {
        let seen = bench.post("/account/name", &cookie, &[("token", token), ("name", "Eve")]);
        assert_eq!(seen.status, StatusCode::BAD_REQUEST);
    }
    assert_eq!(bench.user(1).name, "Ann");
    let fields = [("email", "ann@example.org"), ("password", "password")];
    let seen = bench.post_from("/login", "", &fields, Some("http://evil.example"));
    assert_eq!(seen.status, StatusCode::BAD_REQUEST);
    assert_eq!(bench.post_from("/login", "", &fields, Some("http://127.0.0.1:8899")).to, "/pogs/account");
    bench.post("/account/name", &cookie, &[("token", &token), ("name", "Anne")]);
    assert_eq!(bench.user(1).name, "Anne");
    let seen = bench.post("/account/name", &cookie, &[("token", &token), ("name", "<b>Anne</b>")]);
    assert_eq!((seen.status, bench.user(1).name.as_str()), (StatusCode::BAD_REQUEST, "Anne"));
}

#[test]
fn who_tries_passwords_has_to_wait() {
    let bench = Bench::new();
    let fields = [("email", "nobody@example.org"), ("password", "x")];
    let tries = (0..60).filter(|_| !bench.post("/login", "", &fields).text.contains("Too many")).count();
    assert!((10..=40).contains(&tries), "{tries}");
}

#[test]
fn an_account_is_made_changed_and_deleted() {
    let bench = Bench::new();
    let fields = [("name", "New One"), ("email", "New@Example.org"), ("password", "secret word"), ("consent", "1")];
    let joined = bench.post("/join", "", &fields);
    assert_eq!(joined.to, "/pogs/account", "{}", joined.text);
    assert_eq!(bench.post("/join", "", &fields).status, StatusCode::BAD_REQUEST);
    let page = bench.get("/account", &joined.cookie).text;
    let token = token_in(&page);
    let id: i64 = page.split("<th>Number</th><td>").nth(1).unwrap().split('<').next().unwrap().parse().unwrap();
    let user = bench.user(id);
    // The very key that the client gets by lookup_account.
    let key = bench.web().project.account_secret().authenticator(id, 0);
    assert!(page.contains(&key) && user.key_hash == key_hash(&key) && user.consent);
    assert!(Cost::default().verify(&password_hash("secret word", "new@example.org"), Some(&user.password)));

    let preferences = bench.get("/account/preferences", &joined.cookie).text;
    assert!(preferences.contains("max_ncpus_pct"));
    let mut fields: Vec<(&str, &str)> = vec![
        ("token", &token),
        ("venue", "home"),
        ("country", "Chile"),
        ("url", "example.org"),
        ("run_if_user_active", "1"),
    ];
    let numbers = [
        "max_ncpus_pct",
        "cpu_usage_limit",
        "suspend_cpu_usage",
        "idle_time_to_run",
        "work_buf_min_days",
        "work_buf_additional_days",
        "disk_max_used_gb",
        "disk_max_used_pct",
        "ram_max_used_busy_pct",
        "ram_max_used_idle_pct",
        "max_bytes_sec_down",
        "max_bytes_sec_up",
    ];
    fields.extend(numbers.map(|name| (name, "5")));
    assert_eq!(bench.post("/account/preferences", &joined.cookie, &fields).to, "/pogs/account");
    let user = bench.user(id);
    let values: Vec<(String, String)> = serde_json::from_str(&user.preferences).unwrap();
    assert!(
        values.contains(&("cpu_usage_limit".to_owned(), "5".to_owned()))
            && values.contains(&("run_on_batteries".to_owned(), "0".to_owned()))
    );
    assert_eq!(
        (user.preferences_time, user.venue.as_str(), user.url.as_str(), user.consent),
        (NOW as f64, "home", "http://example.org", false)
    );

    let wrong = [("token", token.as_str()), ("password", "x"), ("sure", "1")];
    assert_eq!(bench.post("/account/delete", &joined.cookie, &wrong).status, StatusCode::BAD_REQUEST);
    let sure = [("token", token.as_str()), ("password", "secret word"), ("sure", "1")];
    assert_eq!(bench.post("/account/delete", &joined.cookie, &sure).status, StatusCode::SEE_OTHER);
    let user = bench.user(id);
    assert_eq!(
        (user.name.as_str(), user.password.as_str(), user.country.as_str(), user.consent),
        ("deleted", "", "", false)
    );
    assert_eq!(bench.get("/account", &joined.cookie).to, "/pogs/login");
    let facts: Vec<FactRow> = bench
        .web()
        .engine
        .act(|desk| {
            desk.book.facts.scan(desk.database, "id > 0", &[])?;
            Ok(desk.book.facts.all().cloned().collect())
        })
        .unwrap();
    assert!(facts.iter().any(|fact| fact.name == format!("server/deleted/user/{id}")));
}

#[test]
fn lost_passwords_and_new_addresses_go_by_letter_once() {
    let bench = Bench::new();
    for address in ["ann@example.org", "nobody@example.org"] {
        assert!(bench.post("/lost", "", &[("email", address)]).text.contains("on its way"));
    }
    let letters = bench.letters();
    assert_eq!(letters.len(), 1);
    assert!(letters[0].starts_with("To: ann@example.org\n"));
    let link = letters[0].split("/pogs/").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    let path = format!("/{link}");
    assert_eq!(bench.get(&path, "").status, StatusCode::OK);
    assert_eq!(bench.get(&path.replace("lost/1.", "lost/2."), "").status, StatusCode::BAD_REQUEST);
    let seen = bench.post(&path, "", &[("new", "another one")]);
    assert_eq!(seen.to, "/pogs/account", "{}", seen.text);
    assert_eq!(bench.post(&path, "", &[("new", "third one")]).status, StatusCode::BAD_REQUEST);

    let token = token_in(&bench.get("/account", &seen.cookie).text);
    let fields = [("token", token.as_str()), ("email", "ann@new.example"), ("password", "another one")];
    assert_eq!(bench.post("/account/email", &seen.cookie, &fields).status, StatusCode::OK);
    let letter = bench.letters().into_iter().find(|letter| letter.starts_with("To: ann@new.example")).unwrap();
    let path = format!("/{}", letter.split("/pogs/").nth(1).unwrap().split_whitespace().next().unwrap());
    assert!(bench.get(&path, "").text.contains("ann@new.example"));
    assert_eq!(bench.post(&path, "", &[("password", "wrong one")]).status, StatusCode::BAD_REQUEST);
    assert_eq!(bench.post(&path, "", &[("password", "another one")]).to, "/pogs/account");
    let user = bench.user(1);
    assert_eq!(user.email, "ann@new.example");
    // Clients that give the password at the new address are let in.
    assert!(Cost::default().verify(&password_hash("another one", "ann@new.example"), Some(&user.password)));
    assert!(
        bench
            .letters()
            .iter()
            .any(|letter| letter.starts_with("To: ann@example.org") && letter.contains("was changed"))
    );
}

#[test]
fn computers_are_hidden_and_merged_with_their_credit_and_tasks() {
    let bench = Bench::new();
    let (cookie, token) = bench.login("Ann");
    let (stranger, strange) = bench.login("Mod");
    let hide = |cookie: &str, token: &str| {
        bench.post("/account/computers/10", cookie, &[("token", token), ("hidden", "1"), ("venue", "work")])
    };
    assert_eq!(hide(&stranger, &strange).status, StatusCode::BAD_REQUEST);
    assert_eq!(hide(&cookie, &token).to, "/pogs/account/computers");
    assert!(bench.host(10).hidden && bench.host(10).venue == "work");
    let seen = bench.get("/user/1", "").text;
    assert!(!seen.contains("host/10\"") && seen.contains("host/11\""));
    assert!(!bench.get("/host/10", "").text.contains("user/1\""));

    let merge = |cookie: &str, token: &str, from: &str, into: &str| {
        bench.post("/account/computers/merge", cookie, &[("token", token), ("from", from), ("into", into)])
    };
    assert_eq!(merge(&stranger, &strange, "10", "11").status, StatusCode::BAD_REQUEST);
    assert_eq!(merge(&cookie, &token, "10", "12").status, StatusCode::BAD_REQUEST);
    assert_eq!(merge(&cookie, &token, "11", "10").status, StatusCode::BAD_REQUEST);
    let seen = merge(&cookie, &token, "10", "11");
    assert_eq!(seen.to, "/pogs/account/computers", "{}", seen.text);
    let (old, new) = (bench.host(10), bench.host(11));
    assert_eq!((old.credit, old.merged_into, new.credit), (0, Some(11), 21_000_000));
    assert_eq!(bench.get("/host/10", "").to, "/pogs/host/11");
    assert!(bench.get("/host/11/tasks", "").text.contains("w_1_0"));
}

#[test]
fn teams_are_founded_joined_changed_and_left() {
    let bench = Bench::new();
    let (cookie, token) = bench.login("Ann");
    let new = |name: &str, url: &str| {
        bench.post(
            "/teams/new",
            &cookie,
            &[("token", &token), ("name", name), ("url", url), ("kind", "6"), ("joinable", "1")],
        )
    };
    assert_eq!(new("<i>x</i>", "").status, StatusCode::BAD_REQUEST);
    assert_eq!(new("Stars", "javascript:alert(1)").status, StatusCode::BAD_REQUEST);
    let made = new("Stars", "http://stars.example");
    let team = made.to.strip_prefix("/pogs").unwrap().to_owned();
    assert!(team.starts_with("/team/"), "{}", made.text);
    assert_eq!(new("Stars", "").status, StatusCode::BAD_REQUEST);
    let (other, others) = bench.login("Mod");
    assert_eq!(bench.post(&format!("{team}/join"), &other, &[("token", &others)]).to, made.to);
    let page = bench.get(&team, "").text;
    assert!(page.contains("University") && page.contains(">Mod<") && page.contains(">Ann<"));
    // A moderator may, somebody else may not.
    let (evil, evils) = {
        let seen = bench.post("/login", "", &[("email", "evil@example.org"), ("password", "password")]);
        let token = token_in(&bench.get("/account", &seen.cookie).text);
        (seen.cookie, token)
    };
    let change = |cookie: &str, token: &str| {
        bench.post(
            &format!("{team}/change"),
            cookie,
            &[("token", token), ("name", "Stars"), ("description", "We count")],
        )
    };
    assert_eq!(change(&evil, &evils).status, StatusCode::BAD_REQUEST);
    assert_eq!(change(&cookie, &token).to, made.to);
    assert!(bench.get(&team, "").text.contains("We count"));
    // Nobody joins now.
    assert_eq!(bench.post(&format!("{team}/join"), &evil, &[("token", &evils)]).status, StatusCode::BAD_REQUEST);
    bench.post("/teams/leave", &other, &[("token", &others)]);
    assert_eq!(bench.user(3).team_id, None);
}

#[test]
fn operators_act_by_their_roles_and_every_act_is_written_down() {
    let bench = Bench::new();
    let (user, users) = bench.login("Ann");
    for path in ["/admin", "/admin/audit", "/admin/user?who=1"] {
        assert_eq!(bench.get(path, &user).status, StatusCode::FORBIDDEN, "{path}");
    }
    let act = |cookie: &str, token: &str, fields: &[(&str, &str)]| {
        let mut all = vec![("token", token)];
        all.extend(fields);
        bench.post("/admin/act", cookie, &all)
    };
    let ban = [("act", "ban"), ("user", "4"), ("days", "2")];
    assert_eq!(act(&user, &users, &ban).status, StatusCode::FORBIDDEN);
    let (moderator, moderators) = bench.login("Mod");
    assert_eq!(act(&moderator, &moderators, &ban).to, "/pogs/admin");
    assert_eq!(bench.user(4).banned_until, NOW + 2 * 86_400);
    assert_eq!(act(&moderator, &moderators, &[("act", "drain"), ("on", "1")]).status, StatusCode::FORBIDDEN);
    let give = [("act", "role"), ("user", "1"), ("role", "operator")];
    assert_eq!(act(&moderator, &moderators, &give).status, StatusCode::FORBIDDEN);
    let (admin, admins) = bench.login("Root");
    assert_eq!(act(&admin, &admins, &give).to, "/pogs/admin");
    assert_eq!(bench.user(1).role, "operator");
    assert_eq!(act(&admin, &admins, &[("act", "role"), ("user", "2"), ("role", "")]).status, StatusCode::BAD_REQUEST);
    assert_eq!(act(&admin, &admins, &[("act", "cancel"), ("unit", "w_1")]).to, "/pogs/admin");
    assert!(bench.get("/wu/w_1", "").text.contains("cancelled by the project"));
    assert_eq!(act(&admin, &admins, &[("act", "cancel"), ("unit", "none")]).status, StatusCode::BAD_REQUEST);
    assert_eq!(
        act(&admin, &admins, &[("act", "notice"), ("title", "Hi <b>"), ("body", "All is & well")]).to,
        "/pogs/admin"
    );
    assert!(bench.get("/news", "").text.contains("Hi &lt;b&gt;"));
    assert!(bench.get("/notices.php", "").text.contains("<title>Hi &lt;b&gt;</title>"));
    let audit = bench.get("/admin/audit", &admin).text;
    for said in ["mod@example.org", "root@example.org", "role of user 1", "cancel"] {
        assert!(audit.contains(said), "{said}");
    }
    assert!(bench.get("/admin/user?who=ann@example.org", &admin).text.contains("ann@example.org"));
    for path in ["/admin", "/admin/user?who=4"] {
        assert!(!bench.get(path, &admin).text.contains("<script"));
    }
}

#[test]
fn sections_that_a_project_brings_stand_beside_the_servers_pages() {
    let bench = Bench::new();
    bench.change(|book| {
        book.facts.insert(FactRow { id: 1, name: "gallery/text".to_owned(), body: "four".to_owned() });
    });
    let page = bench.get("/gallery", "").text;
    assert!(page.contains("<p>/pogs/ 4 None</p>") && page.contains("href=\"/pogs/gallery\""), "{page}");
    let (cookie, _) = bench.login("Ann");
    assert!(bench.get("/gallery", &cookie).text.contains("Some(1)"));
    assert_eq!(bench.get("/gallery/one/two.png", "").text, "picture");
    assert!(bench.get("/gallery/file", "").text.contains("Linux"));
    assert_eq!(bench.get("/gallery/none", "").status, StatusCode::NOT_FOUND);
    let broken = bench.get("/gallery/broken", "");
    assert!(broken.status == StatusCode::SERVICE_UNAVAILABLE && !broken.text.contains("secret"));
    let user = bench.get("/user/1", "").text;
    assert!(user.contains("href=\"/pogs/gallery/of/1\"") && !user.contains("<script"));
}

#[test]
fn finders_of_round_units_are_named() {
    let bench = Bench::new();
    assert!(bench.get("/milestones", "").text.contains("None yet"));
    bench.change(|book| {
        for (id, count, user) in [(1, 2_000_000, 4), (2, 900, 99)] {
            let body = format!("{NOW} {user} w_{count}");
            book.facts.insert(FactRow { id, name: format!("{MILESTONE}{count:018}"), body });
        }
    });
    let page = bench.get("/milestones", "").text;
    assert!(page.contains("2,000,000") && page.contains("w_900") && !page.contains("<script"), "{page}");
    assert!(page.find("2,000,000") < page.find("w_900"));
}

#[test]
fn machines_read_the_servers_state() {
    let bench = Bench::new();
    let seen = bench.get("/server_status.php?xml=1", "").text;
    assert!(
        seen.contains("<results_in_progress>1</results_in_progress>") && seen.contains("<command>validator</command>")
    );
}

#[test]
fn forms_that_are_too_long_are_refused() {
    let bench = Bench::new();
    let long = "x".repeat(100_000);
    assert_eq!(bench.post("/login", "", &[("email", &long), ("password", "x")]).status, StatusCode::PAYLOAD_TOO_LARGE);
}
