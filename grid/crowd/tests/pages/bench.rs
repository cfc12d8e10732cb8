//! A project with people, computers and work, its pages, and a browser of few words.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::{Request, StatusCode, header};
use maud::PreEscaped;
use pogson_crowd::account::{Cost, key_hash, password_hash};
use pogson_crowd::engine::Clock;
use pogson_crowd::pages::{Section, Shown, Site, routes};
use pogson_crowd::project::{NewKeys, init};
use pogson_crowd::role::{Facts, RoleError};
use pogson_crowd::serve::{Roles, Server, Web};
use pogson_crowd::store::{AppRow, Book, Counter, CounterRow, HostRow, ResultRow, TeamRow, UnitRow, UserRow};
use tower::ServiceExt;

use crate::fresh;

pub(super) const NOW: i64 = 1_800_000_000;
pub(super) const EVIL: &str = "<script>alert(1)</script>\"'&";

pub(super) struct Still;

impl Clock for Still {
    fn now(&self) -> i64 {
        NOW
    }
}

/// A section that a project brings.
pub(super) struct Gallery;

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

pub(super) struct Bench {
    _database: Option<fresh::Fresh>,
    pub(super) folder: tempfile::TempDir,
    pub(super) server: Server,
    pub(super) router: Router,
    pub(super) runtime: tokio::runtime::Runtime,
}

/// What came back.
pub(super) struct Seen {
    pub(super) status: StatusCode,
    pub(super) text: String,
    pub(super) to: String,
    pub(super) cookie: String,
    pub(super) policy: String,
}

impl Bench {
    pub(super) fn new() -> Bench {
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

    pub(super) fn web(&self) -> &Web {
        self.server.web()
    }

    pub(super) fn change(&self, fill: impl FnOnce(&mut Book)) {
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

    pub(super) fn send(&self, request: Request<Body>) -> Seen {
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

    pub(super) fn get(&self, path: &str, cookie: &str) -> Seen {
        self.send(Request::get(path).header(header::COOKIE, cookie).body(Body::empty()).unwrap())
    }

    pub(super) fn post(&self, path: &str, cookie: &str, fields: &[(&str, &str)]) -> Seen {
        self.post_from(path, cookie, fields, None)
    }

    pub(super) fn post_from(&self, path: &str, cookie: &str, fields: &[(&str, &str)], origin: Option<&str>) -> Seen {
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
    pub(super) fn login(&self, name: &str) -> (String, String) {
        let address = format!("{}@example.org", name.to_lowercase());
        let seen = self.post("/login", "", &[("email", &address), ("password", "password")]);
        assert_eq!((seen.status, seen.to.as_str()), (StatusCode::SEE_OTHER, "/pogs/account"), "{}", seen.text);
        let token = token_in(&self.get("/account", &seen.cookie).text);
        (seen.cookie, token)
    }

    pub(super) fn user(&self, id: i64) -> UserRow {
        self.web()
            .engine
            .act(move |desk| {
                desk.load_users([id])?;
                Ok(desk.book.users.get(id).cloned().unwrap())
            })
            .unwrap()
    }

    pub(super) fn host(&self, id: i64) -> HostRow {
        self.web()
            .engine
            .act(move |desk| {
                desk.load_hosts([id])?;
                Ok(desk.book.hosts.get(id).cloned().unwrap())
            })
            .unwrap()
    }

    pub(super) fn letters(&self) -> Vec<String> {
        let folder = self.folder.path().join("project/mail");
        let mut files: Vec<_> =
            std::fs::read_dir(folder).into_iter().flatten().map(|file| file.unwrap().path()).collect();
        files.sort();
        files.into_iter().map(|path| std::fs::read_to_string(path).unwrap()).collect()
    }
}

pub(super) fn token_in(page: &str) -> String {
    page.split("name=\"token\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
}

pub(super) fn bench_user(id: i64, name: &str, url: &str) -> UserRow {
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

pub(super) fn host(id: i64, user_id: i64) -> HostRow {
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
