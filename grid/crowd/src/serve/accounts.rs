//! How clients find a project and their account: `get_project_config.php`, `lookup_account.php`, `create_account.php`.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::PoisonError;

use axum::extract::{ConnectInfo, Query, State};
use axum::http::HeaderMap;
use axum::response::Response;

use super::web::{Web, xml};
use crate::account::{Cost, email, is_former, is_password_hash, key_hash, new_cpid, user_name};
use crate::engine::{Desk, DeskError, Engine, EngineError};
use crate::project::Project;
use crate::store::{Counter, Place, StoreError, UserRow, Value};
use crate::wire::{AccountError, ProjectConfig, account_out, error_reply, success};

type Fields = Query<HashMap<String, String>>;

pub(super) async fn project_config(State(web): State<Web>) -> Response {
    let engine = web.engine.clone();
    let platforms = blocking(move || engine.act(|desk| Ok(desk.catalogue.platforms()))).await.unwrap_or_default();
    let project = &web.project.config.project;
    let config = ProjectConfig {
        name: project.name.clone(),
        master_url: web.project.address.to_string(),
        least_password: 6,
        closed: project.closed,
        stopped: !web.stages.send.load(std::sync::atomic::Ordering::Relaxed),
        platforms,
        terms_of_use: project.terms_of_use.clone(),
    };
    xml(config.write())
}

/// Runs what blocks away from the threads that serve.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, EngineError> + Send + 'static,
) -> Result<T, EngineError> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(EngineError::Ended))
}

pub(super) fn answer(outcome: Result<String, AccountError>) -> Response {
    xml(outcome.unwrap_or_else(error_reply))
}

pub(super) fn may_try(web: &Web, connection: SocketAddr, headers: &HeaderMap) -> Result<(), AccountError> {
    let address = web.client(connection, headers);
    let mut limiter = web.limiter.lock().unwrap_or_else(PoisonError::into_inner);
    if limiter.take(address, web.clock.now() as f64) { Ok(()) } else { Err(AccountError::TooMany) }
}

pub(super) async fn lookup(
    State(web): State<Web>,
    ConnectInfo(connection): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    fields: Fields,
) -> Response {
    let tried = may_try(&web, connection, &headers);
    answer(match tried {
        Ok(()) => look_up(web, fields.0).await,
        Err(error) => Err(error),
    })
}

async fn look_up(web: Web, fields: HashMap<String, String>) -> Result<String, AccountError> {
    let email = email(fields.get("email_addr").map_or("", String::as_str))?;
    let sent = fields.get("passwd_hash").filter(|text| !text.is_empty()).cloned();
    let (engine, project) = (web.engine.clone(), web.project);
    blocking(move || {
        let user = engine.act(move |desk| Ok(user_by_email(desk, &email)?))?;
        let Some(sent) = sent else {
            return Ok(user.map(|_| success()).ok_or(AccountError::NotFound));
        };
        let fits = verified(&engine, user.as_ref(), &sent)?;
        Ok(match user {
            None => Err(AccountError::NotFound),
            Some(_) if !fits => Err(AccountError::BadPassword),
            Some(user) => Ok(account_out(&project.account_secret().authenticator(user.id, user.key_epoch))),
        })
    })
    .await
    .map_err(|_: EngineError| AccountError::Unavailable)?
}

pub(super) async fn create(
    State(web): State<Web>,
    ConnectInfo(connection): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    fields: Fields,
) -> Response {
    let tried = may_try(&web, connection, &headers);
    answer(match tried {
        Ok(()) => create_one(web, fields.0).await,
        Err(error) => Err(error),
    })
}

async fn create_one(web: Web, fields: HashMap<String, String>) -> Result<String, AccountError> {
    if web.project.config.project.closed {
        return Err(AccountError::Closed);
    }
    let email = email(fields.get("email_addr").map_or("", String::as_str))?;
    let name = user_name(fields.get("user_name").map_or("", String::as_str))?;
    let sent = fields.get("passwd_hash").cloned().unwrap_or_default();
    if !is_password_hash(&sent) {
        return Err(AccountError::BadPassword);
    }
    let consent = fields.get("consent_flag").is_some_and(|flag| flag == "1");
    let (engine, project) = (web.engine.clone(), web.project);
    blocking(move || {
        let salt = crate::account::random().map_err(|_| EngineError::Ended)?;
        let password = Cost::default().hash(&sent, &salt).map_err(|_| EngineError::Ended)?;
        let (for_act, secret) = (email.clone(), project.account_secret());
        let made = engine.act(move |desk| {
            Ok(match user_by_email(desk, &for_act)? {
                Some(user) => Err(user),
                None => Ok(add_user(desk, &project, &for_act, &name, &password, consent)),
            })
        })?;
        Ok(match made {
            Ok(key) => Ok(account_out(&key)),
            // One who has an account may ask for it in this way, too.
            Err(user) if verified(&engine, Some(&user), &sent)? => {
                Ok(account_out(&secret.authenticator(user.id, user.key_epoch)))
            }
            Err(_) => Err(AccountError::NotUnique),
        })
    })
    .await
    .map_err(|_: EngineError| AccountError::Unavailable)?
}

/// Whether what a client sent is the user's password. One that came from another project is kept as all others are from then on.
pub(super) fn verified(engine: &Engine, user: Option<&UserRow>, sent: &str) -> Result<bool, EngineError> {
    let kept = user.map(|user| user.password.clone()).filter(|text| !text.is_empty());
    if !Cost::default().verify(sent, kept.as_deref()) {
        return Ok(false);
    }
    if let (Some(id), Some(old)) = (user.map(|user| user.id), kept.filter(|kept| is_former(kept))) {
        let salt = crate::account::random().map_err(|_| EngineError::Ended)?;
        let new = Cost::default().hash(sent, &salt).map_err(|_| EngineError::Ended)?;
        engine.act(move |desk| {
            desk.load_users([id])?;
            if let Some(user) = desk.book.users.edit(id).filter(|user| user.password == old) {
                user.password.clone_from(&new);
            }
            Ok(())
        })?;
    }
    Ok(true)
}

/// The user of an address.
pub(crate) fn user_by_email(desk: &mut Desk<'_>, email: &str) -> Result<Option<UserRow>, StoreError> {
    desk.book.users.load_by(desk.database, Place::of("email"), &[Value::Text(email.to_owned())])?;
    Ok(desk.book.users.all().find(|user| user.email == email).cloned())
}

/// Makes an account; its key.
pub(crate) fn add_user(
    desk: &mut Desk<'_>,
    project: &Project,
    email: &str,
    name: &str,
    password: &str,
    consent: bool,
) -> String {
    let id = desk.book.next(Counter::User);
    let secret = project.account_secret();
    let key = secret.authenticator(id, 0);
    desk.book.users.insert(UserRow {
        id,
        email: email.to_owned(),
        name: name.to_owned(),
        key_hash: key_hash(&key),
        password: password.to_owned(),
        cpid: new_cpid(&secret, id),
        created: desk.now,
        average_time: desk.now,
        consent,
        ..UserRow::default()
    });
    key
}

/// A refusal in an operator's words.
pub(crate) fn refused(error: AccountError) -> DeskError {
    DeskError::Refused(error.to_string())
}
