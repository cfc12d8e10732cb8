//! Pages that a project brings: what its science looks like. The server knows none.

use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use maud::Markup;

use super::site::{Answer, Failure, Site, View};
use crate::role::{Facts, RoleError};
use crate::store::{Database, FactRow, Place, Row, Value};

/// What a section shows.
pub enum Shown {
    /// A page.
    Page {
        /// Its title.
        title: String,
        /// What stands on it.
        body: Markup,
    },
    /// A PNG picture.
    Picture(Vec<u8>),
    /// A file to be kept.
    File {
        /// Where it is.
        path: PathBuf,
        /// Name under which browsers keep it: letters, digits and `._-+`.
        name: String,
    },
}

/// A part of the pages that a project brings. Called from several threads at once.
pub trait Section: Send + Sync {
    /// First word of its addresses: letters.
    fn name(&self) -> &'static str;

    /// What links to it say.
    fn title(&self) -> &'static str;

    /// What is at an address below it; none where there is nothing.
    ///
    /// - `base`: the project's path, for links; ends in `/`;
    /// - `path`: the rest of the address, without a slash at its begin; empty for the section itself;
    /// - `viewer`: who is logged in.
    ///
    /// # Errors
    /// [`RoleError`]: logged, and the page says that it cannot be shown now.
    fn page(&self, facts: &dyn Facts, base: &str, path: &str, viewer: Option<i64>) -> Result<Option<Shown>, RoleError>;

    /// What stands on a user's page: addresses below the section, and what links to them say.
    ///
    /// # Errors
    /// [`RoleError`]: logged, and nothing is shown.
    fn of_user(&self, facts: &dyn Facts, user: i64) -> Result<Vec<(String, String)>, RoleError>;
}

/// Facts as a page's connection reads them.
pub(super) struct Read<'a>(RefCell<&'a mut dyn Database>);

impl<'a> Read<'a> {
    pub(super) fn new(database: &'a mut dyn Database) -> Read<'a> {
        Read(RefCell::new(database))
    }

    fn rows(&self, condition: &'static str, values: &[Value]) -> Result<Vec<FactRow>, RoleError> {
        let mut database = self.0.borrow_mut();
        let rows = if condition.is_empty() {
            database.find(FactRow::TABLE, Place::of("name"), values)
        } else {
            database.scan(FactRow::TABLE, condition, values)
        };
        let rows = rows.and_then(|rows| rows.into_iter().map(FactRow::of).collect());
        rows.map_err(|error| RoleError::Transient(error.to_string()))
    }
}

impl Facts for Read<'_> {
    fn get(&self, key: &str) -> Result<Option<String>, RoleError> {
        Ok(self.rows("", &[Value::Text(key.to_owned())])?.pop().map(|row| row.body))
    }

    fn beginning(&self, prefix: &str) -> Result<Vec<(String, String)>, RoleError> {
        let values = [Value::Text(prefix.to_owned()), Value::Text(format!("{prefix}\u{10FFFF}"))];
        let rows = self.rows("name >= $1 and name < $2", &values)?;
        let mut found: Vec<(String, String)> =
            rows.into_iter().map(|row| (row.name, row.body)).filter(|(name, _)| name.starts_with(prefix)).collect();
        found.sort();
        Ok(found)
    }
}

/// A section's page.
pub(super) async fn page(site: Site, section: Arc<dyn Section>, headers: HeaderMap, path: String) -> Response {
    site.page(headers, move |view| {
        let viewer = view.me.as_ref().map(|me| me.id);
        let base = view.site.path().to_owned();
        let shown = section.page(&Read::new(view.database), &base, path.trim_matches('/'), viewer);
        match shown.map_err(|error| Failure::Broken(error.to_string()))? {
            None => Err(Failure::Missing("page")),
            Some(Shown::Page { title, body }) => Ok(Answer::Page(title, body)),
            Some(Shown::Picture(bytes)) => Ok(Answer::Picture(bytes)),
            Some(Shown::File { path, name }) => Ok(Answer::File(path, name)),
        }
    })
    .await
}

/// Adds a section's addresses.
pub(super) fn mount(router: axum::Router<Site>, section: &Arc<dyn Section>) -> axum::Router<Site> {
    let name = section.name();
    let (own, below) = (Arc::clone(section), Arc::clone(section));
    let home = move |State(site): State<Site>, headers: HeaderMap| page(site, own, headers, String::new());
    let rest =
        move |State(site): State<Site>, headers: HeaderMap, Path(path): Path<String>| page(site, below, headers, path);
    router
        .route(&format!("/{name}"), axum::routing::get(home))
        .route(&format!("/{name}/{{*rest}}"), axum::routing::get(rest))
}

/// Links of all sections for a user's page.
pub(super) fn of_user(view: &mut View<'_>, user: i64) -> Vec<(&'static str, String, String)> {
    let mut links = Vec::new();
    for section in &view.site.web.sections {
        match section.of_user(&Read::new(view.database), user) {
            Ok(own) => links.extend(
                own.into_iter().map(|(path, text)| (section.title(), format!("{}/{path}", section.name()), text)),
            ),
            Err(error) => tracing::warn!(%error, section = section.name(), "a section has nothing to say of a user"),
        }
    }
    links
}
