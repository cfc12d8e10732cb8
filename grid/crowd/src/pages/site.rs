//! What pages share: the project, connections to read by, who is asking.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use maud::Markup;
use tower::ServiceExt;
use tower_http::services::ServeFile;

use super::frame;
use super::section::Section;
use crate::account::AccountSecret;
use crate::engine::{DeskError, EngineError};
use crate::serve::Web;
use crate::store::{Database, Place, Row, StoreError, UserRow, Value};

/// Bytes of a form at most.
pub(super) const MOST_FORM: usize = 64 << 10;
/// Connections that wait for the next page.
const MOST_IDLE: usize = 4;
/// Seconds that somebody stays logged in.
const SESSION: i64 = 30 * 86_400;
/// Seconds that what is dear to count is kept.
const KEPT: i64 = 60;

/// Fields of a form.
pub(super) type Fields = HashMap<String, String>;

/// What pages share.
#[derive(Clone)]
pub struct Site {
    pub(super) web: Web,
    pub(super) secret: AccountSecret,
    idle: Arc<Mutex<Vec<Box<dyn Database>>>>,
    kept: Arc<Mutex<HashMap<String, (i64, String)>>>,
}

/// Why there is no page.
#[derive(Debug)]
pub(super) enum Failure {
    /// Nothing is there.
    Missing(&'static str),
    /// Somebody has to be logged in.
    Login,
    /// Not for this user.
    Forbidden,
    /// What was asked cannot be; a sentence.
    Said(String),
    /// The database or the engine failed.
    Broken(String),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Failure {
        Failure::Broken(error.to_string())
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Failure {
        match error {
            EngineError::Desk(DeskError::Refused(text)) => Failure::Said(text),
            error => Failure::Broken(error.to_string()),
        }
    }
}

/// What a page is answered.
pub(super) enum Answer {
    /// A page: its title and what stands on it.
    Page(String, Markup),
    /// Another page, below the project's path.
    To(String),
    /// Another page, with a session that begins or ends (an empty text).
    Session(String, String),
    /// Something else than a page: its kind and text.
    Text(&'static str, String),
    /// A PNG picture.
    Picture(Vec<u8>),
    /// A file, and the name that browsers keep it under.
    File(PathBuf, String),
}

/// A page being made.
pub(super) struct View<'a> {
    pub(super) site: &'a Site,
    pub(super) database: &'a mut dyn Database,
    /// Who is logged in.
    pub(super) me: Option<UserRow>,
    /// What forms of this session carry; empty without one.
    pub(super) token: String,
    pub(super) now: i64,
}

impl View<'_> {
    /// A row by its number.
    pub(super) fn get<R: Row>(&mut self, id: i64) -> Result<Option<R>, StoreError> {
        let rows = self.database.find(R::TABLE, Place::of("id"), &[Value::Int(id)])?;
        rows.into_iter().next().map(R::of).transpose()
    }

    /// Rows by their numbers, by number.
    pub(super) fn all_of<R: Row>(&mut self, ids: impl IntoIterator<Item = i64>) -> Result<HashMap<i64, R>, StoreError> {
        let mut ids: Vec<i64> = ids.into_iter().collect();
        ids.sort_unstable();
        ids.dedup();
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let keys: Vec<Value> = ids.into_iter().map(Value::Int).collect();
        let rows = self.database.find(R::TABLE, Place::of("id"), &keys)?;
        rows.into_iter().map(|row| R::of(row).map(|row| (row.id(), row))).collect()
    }

    /// Rows for which a condition holds ([`Database::scan`]).
    pub(super) fn scan<R: Row>(&mut self, condition: &'static str, values: &[Value]) -> Result<Vec<R>, StoreError> {
        self.database.scan(R::TABLE, condition, values)?.into_iter().map(R::of).collect()
    }

    /// A count.
    pub(super) fn count(&mut self, statement: &'static str, values: &[Value]) -> Result<i64, StoreError> {
        let rows = self.database.ask(statement, values)?;
        Ok(match rows.first().and_then(|row| row.first()) {
            Some(Value::Int(number)) => *number,
            _ => 0,
        })
    }

    /// Who is logged in, or the way there.
    pub(super) fn must(&self) -> Result<UserRow, Failure> {
        self.me.clone().ok_or(Failure::Login)
    }

    /// Whether who is logged in may act for the project.
    pub(super) fn is_staff(&self) -> bool {
        self.me.as_ref().is_some_and(|me| ["admin", "operator", "moderator"].contains(&me.role.as_str()))
    }

    /// Whether the page is about who is logged in, or staff looks.
    pub(super) fn may_see(&self, user: i64) -> bool {
        self.is_staff() || self.me.as_ref().is_some_and(|me| me.id == user)
    }

    /// A text that is dear to make, kept for a minute.
    pub(super) fn kept(
        &mut self,
        key: &str,
        make: impl FnOnce(&mut Self) -> Result<String, Failure>,
    ) -> Result<String, Failure> {
        let kept = Arc::clone(&self.site.kept);
        let known = kept.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned();
        if let Some((_, text)) = known.filter(|(time, _)| (self.now - time).abs() < KEPT) {
            return Ok(text);
        }
        let text = make(self)?;
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() > 200 {
            kept.clear();
        }
        kept.insert(key.to_owned(), (self.now, text.clone()));
        Ok(text)
    }
}

impl Site {
    /// Of a project that is served.
    pub fn new(web: Web) -> Site {
        let secret = web.project.account_secret();
        Site { web, secret, idle: Arc::default(), kept: Arc::default() }
    }

    /// The project's path; ends in `/`.
    pub(super) fn path(&self) -> &str {
        &self.web.project.address.path
    }

    /// What the project brings.
    pub(super) fn sections(&self) -> &[Arc<dyn Section>] {
        &self.web.sections
    }

    /// The project's name.
    pub(super) fn title(&self) -> &str {
        &self.web.project.config.project.name
    }

    /// Answers a request for a page.
    pub(super) async fn page(
        self,
        headers: HeaderMap,
        make: impl FnOnce(&mut View<'_>) -> Result<Answer, Failure> + Send + 'static,
    ) -> Response {
        self.answer(headers, None, make).await
    }

    /// Answers a form of somebody who is logged in: one without the session's token is refused.
    pub(super) async fn form(
        self,
        headers: HeaderMap,
        fields: Fields,
        make: impl FnOnce(&mut View<'_>, &Fields) -> Result<Answer, Failure> + Send + 'static,
    ) -> Response {
        let token = fields.get("token").cloned().unwrap_or_default();
        self.answer(headers, Some(token), move |view| make(view, &fields)).await
    }

    /// Answers a form of anybody: one that another site's page sends is refused, and so is one of too many from an address.
    pub(super) async fn open_form(
        self,
        headers: HeaderMap,
        connection: SocketAddr,
        fields: Fields,
        make: impl FnOnce(&mut View<'_>, &Fields) -> Result<Answer, Failure> + Send + 'static,
    ) -> Response {
        let origin = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
        let own = self.web.project.address.origin();
        let foreign = headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site")
            || origin.is_some_and(|origin| origin != own && origin != "null" && !self.is_host(origin, &headers));
        if foreign {
            return self.refuse(&headers, &Failure::Said("this form came from another site's page".to_owned()));
        }
        let address = self.web.client(connection, &headers);
        let now = self.web.clock.now() as f64;
        if !self.web.limiter.lock().unwrap_or_else(PoisonError::into_inner).take(address, now) {
            let text = "too many tries from this address; wait a minute".to_owned();
            return self.refuse(&headers, &Failure::Said(text));
        }
        self.answer(headers, None, move |view| make(view, &fields)).await
    }

    /// Whether an origin is the very host that was asked, by whatever name.
    fn is_host(&self, origin: &str, headers: &HeaderMap) -> bool {
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        host.is_some_and(|host| origin.split_once("://").is_some_and(|(_, name)| name == host))
    }

    fn refuse(&self, headers: &HeaderMap, failure: &Failure) -> Response {
        let _ = headers;
        self.failed(failure, None)
    }

    async fn answer(
        self,
        headers: HeaderMap,
        form: Option<String>,
        make: impl FnOnce(&mut View<'_>) -> Result<Answer, Failure> + Send + 'static,
    ) -> Response {
        let site = self.clone();
        let range = headers.get(header::RANGE).cloned();
        let work = move || {
            let session = cookie(&headers);
            let mut database = site.reader()?;
            let now = site.web.clock.now();
            let me = site.who(database.as_mut(), &session, now)?;
            let token = me.as_ref().map_or(String::new(), |_| site.secret.token("form", &session));
            if let Some(given) = form {
                if me.is_none() {
                    return Ok((Err(Failure::Login), None));
                }
                if !site.secret.is_token(&given, "form", &session) {
                    let text = "this form is too old, or came from another site's page; load the page again";
                    return Ok((Err(Failure::Said(text.to_owned())), None));
                }
            }
            let mut view = View { site: &site, database: database.as_mut(), me, token, now };
            let made = make(&mut view);
            let known = view.me.clone().map(|me| (me, view.token.clone()));
            if !matches!(made, Err(Failure::Broken(_))) {
                site.give_back(database);
            }
            Ok::<_, Failure>((made, known))
        };
        let done = tokio::task::spawn_blocking(work).await;
        let (made, known) = match done {
            Ok(Ok(done)) => done,
            Ok(Err(failure)) => (Err(failure), None),
            Err(error) => (Err(Failure::Broken(error.to_string())), None),
        };
        match made {
            Ok(Answer::File(path, name)) => file(path, &name, range).await,
            Ok(answer) => self.respond(answer, known.as_ref()),
            Err(failure) => self.failed(&failure, known.as_ref()),
        }
    }

    fn respond(&self, answer: Answer, known: Option<&(UserRow, String)>) -> Response {
        match answer {
            Answer::Page(title, body) => {
                let html = if title.is_empty() {
                    frame::front(self, known, body)
                } else {
                    frame::page(self, known, &title, body)
                };
                self.html(StatusCode::OK, html)
            }
            Answer::To(page) => {
                (StatusCode::SEE_OTHER, [(header::LOCATION, format!("{}{page}", self.path()))]).into_response()
            }
            Answer::Session(session, page) => {
                let address = &self.web.project.address;
                let secure = if address.secure { "; Secure" } else { "" };
                let age = if session.is_empty() { 0 } else { SESSION };
                let cookie =
                    format!("pogson={session}; Path={}; Max-Age={age}; HttpOnly; SameSite=Lax{secure}", self.path());
                let kinds = [(header::LOCATION, format!("{}{page}", self.path())), (header::SET_COOKIE, cookie)];
                (StatusCode::SEE_OTHER, kinds).into_response()
            }
            Answer::Picture(bytes) => {
                let kinds = [
                    (header::CONTENT_TYPE, "image/png"),
                    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
                    (header::CACHE_CONTROL, "max-age=60"),
                ];
                (kinds, bytes).into_response()
            }
            // Answered before; there is nothing of it to be made here.
            Answer::File(..) => StatusCode::NOT_FOUND.into_response(),
            Answer::Text(kind, text) => {
                ([(header::CONTENT_TYPE, kind), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")], text).into_response()
            }
        }
    }

    fn failed(&self, failure: &Failure, known: Option<&(UserRow, String)>) -> Response {
        let (status, title, text) = match failure {
            Failure::Missing(what) => (StatusCode::NOT_FOUND, "Not found", format!("There is no such {what}.")),
            Failure::Login => {
                let to = [(header::LOCATION, format!("{}login", self.path()))];
                return (StatusCode::SEE_OTHER, to).into_response();
            }
            Failure::Forbidden => (StatusCode::FORBIDDEN, "Not allowed", "This is not for your account.".to_owned()),
            Failure::Said(text) => (StatusCode::BAD_REQUEST, "Not done", frame::sentence(text)),
            Failure::Broken(why) => {
                tracing::warn!(why, "a page was not made");
                let text = "The project's database is away. Try again in a minute.".to_owned();
                (StatusCode::SERVICE_UNAVAILABLE, "Not now", text)
            }
        };
        let body = maud::html! { p { (text) } };
        self.html(status, frame::page(self, known, title, body))
    }

    fn html(&self, status: StatusCode, html: String) -> Response {
        let policy = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
        let kinds = [
            (header::CONTENT_TYPE, "text/html; charset=utf-8"),
            (header::CONTENT_SECURITY_POLICY, policy),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::REFERRER_POLICY, "same-origin"),
            (header::CACHE_CONTROL, "no-cache, private"),
        ];
        (status, kinds, html).into_response()
    }

    fn reader(&self) -> Result<Box<dyn Database>, StoreError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.map_or_else(|| self.web.project.database_to_read(), Ok)
    }

    fn give_back(&self, database: Box<dyn Database>) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < MOST_IDLE {
            idle.push(database);
        }
    }

    /// A new session of a user. It ends with its time, another password or another key.
    pub(super) fn session(&self, user: &UserRow, now: i64) -> String {
        let until = now + SESSION;
        format!("{}.{until}.{}", user.id, self.secret.token("session", &bound(user, until)))
    }

    fn who(&self, database: &mut dyn Database, session: &str, now: i64) -> Result<Option<UserRow>, StoreError> {
        let mut words = session.splitn(3, '.');
        let mut number = || words.next().and_then(|word| word.parse::<i64>().ok());
        let (Some(id), Some(until)) = (number(), number()) else { return Ok(None) };
        let token = words.next().unwrap_or("");
        if until < now {
            return Ok(None);
        }
        let rows = database.find(UserRow::TABLE, Place::of("id"), &[Value::Int(id)])?;
        let user = rows.into_iter().next().map(UserRow::of).transpose()?;
        Ok(user.filter(|user| self.secret.is_token(token, "session", &bound(user, until))))
    }
}

/// A file, whole or from a byte on.
async fn file(path: PathBuf, name: &str, range: Option<HeaderValue>) -> Response {
    let mut request = Request::new(Body::empty());
    if let Some(range) = range {
        request.headers_mut().insert(header::RANGE, range);
    }
    let mut response = match ServeFile::new(path).oneshot(request).await {
        Ok(response) => response.into_response(),
        Err(never) => match never {},
    };
    let name: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || "._-+".contains(*c)).collect();
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, value);
    }
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    response
}

fn bound(user: &UserRow, until: i64) -> String {
    format!("{} {} {until} {}", user.id, user.key_epoch, user.password)
}

fn cookie(headers: &HeaderMap) -> String {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let own = cookies.flat_map(|list| list.split(';')).find_map(|one| one.trim().strip_prefix("pogson="));
    own.filter(|session| session.len() < 200).unwrap_or("").to_owned()
}

/// A field of a form, without spaces about it.
pub(super) fn field<'a>(fields: &'a Fields, name: &str) -> &'a str {
    fields.get(name).map_or("", |text| text.trim())
}
