//! Galaxies on the server's pages: how far each is, its maps as they fill in, and who fitted which of its pixels.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use maud::{Markup, PreEscaped, html};
use pogson_crowd::pages::{Section, Shown};
use pogson_crowd::role::{Facts, RoleError};

use crate::error::SiteError;
use crate::facts::AreaFact;
use crate::galaxies::Galaxies;
use crate::galaxy::check_name;
use crate::state::GalaxyState;

/// How long what is dear to gather is kept.
const KEPT: Duration = Duration::from_secs(60);
/// Texts that are kept at most.
const MOST: usize = 1000;
/// Users that a galaxy's page names.
const NAMED: usize = 100;

/// The pages of a project's galaxies.
pub struct GalaxyPages {
    galaxies: Galaxies,
    kept: Mutex<HashMap<String, (Instant, String)>>,
}

impl GalaxyPages {
    /// Of these galaxies.
    pub fn new(galaxies: Galaxies) -> GalaxyPages {
        GalaxyPages { galaxies, kept: Mutex::default() }
    }

    fn kept(&self, key: &str, make: impl FnOnce() -> Result<String, SiteError>) -> Result<String, SiteError> {
        let known = self.kept.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned();
        if let Some((_, text)) = known.filter(|(time, _)| time.elapsed() < KEPT) {
            return Ok(text);
        }
        let text = make()?;
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MOST {
            kept.clear();
        }
        kept.insert(key.to_owned(), (Instant::now(), text.clone()));
        Ok(text)
    }

    fn list(&self, facts: &dyn Facts, base: &str) -> Result<String, SiteError> {
        let states = self.galaxies.list(facts)?;
        let page = html! {
            @if states.is_empty() { p { "None yet." } } @else {
                table {
                    tr { th { "Galaxy" } th { "Redshift" } th .n { "Pixels" } th .n { "Fitted" } th .n { "Volunteers" } }
                    @for state in &states { tr {
                        td { a href=(format!("{base}galaxies/{}", state.name)) { (state.name) } }
                        td { (state.redshift) }
                        td .n { (state.fits) }
                        td .n { (part(state)) }
                        td .n { (state.users) }
                    } }
                }
            }
        };
        Ok(page.into_string())
    }

    fn one(&self, facts: &dyn Facts, base: &str, name: &str) -> Result<String, SiteError> {
        let own = format!("{base}galaxies/{name}");
        let state = self.galaxies.state(facts, name)?;
        self.galaxies.refresh_maps(facts, name)?;
        let users = by_user(&self.galaxies.areas(facts, name)?);
        let rows: [(&str, String); 8] = [
            ("Object", state.object.clone()),
            ("Redshift", state.redshift.to_string()),
            ("Frame", format!("{} x {} pixels", state.size.0, state.size.1)),
            ("Fitted", format!("{} of {} pixels ({})", state.fits_done, state.fits, part(&state))),
            (
                "Areas done, with volunteers, waiting",
                format!("{} of {}, {}, {}", state.done, state.areas, state.out, state.waiting),
            ),
            ("Given up", state.given_up.len().to_string()),
            ("Volunteers", state.users.to_string()),
            ("Models", state.library.clone()),
        ];
        let page = html! {
            table { @for (what, value) in &rows { tr { th { (what) } td { (value) } } } }
            @if state.hdf5.is_some() { p { a href=(format!("{own}/{name}.h5")) { "All results (HDF5)" } } }
            @if !state.maps.is_empty() {
                h2 { "Maps" }
                div style="display:flex;flex-wrap:wrap;gap:1rem" { @for (parameter, _) in &state.maps {
                    figure style="margin:0" {
                        img src=(format!("{own}/map/{}.png", parameter.name())) alt=(parameter.name()) style="max-width:18rem;width:100%;image-rendering:pixelated";
                        figcaption { (parameter.name()) }
                    }
                } }
            }
            @if !users.is_empty() {
                h2 { "Who fitted it" }
                table {
                    tr { th { "Volunteer" } th .n { "Areas" } th .n { "Pixels" } }
                    @for user in users.iter().take(NAMED) { tr {
                        td { a href=(format!("{own}/user/{}", user.id)) { (user.name) } }
                        td .n { (user.areas) }
                        td .n { (user.fits) }
                    } }
                }
            }
        };
        Ok(page.into_string())
    }

    fn of_one(&self, facts: &dyn Facts, base: &str, name: &str, user: i64) -> Result<Option<Markup>, SiteError> {
        let users = by_user(&self.galaxies.areas(facts, name)?);
        let Some(own) = users.into_iter().find(|own| own.id == user) else { return Ok(None) };
        let galaxy = format!("{base}galaxies/{name}");
        Ok(Some(html! {
            p {
                a href=(format!("{base}user/{user}")) { (own.name) } " fitted " (own.fits) " pixels in " (own.areas) " areas of "
                a href=(galaxy) { (name) } "."
            }
            img src=(format!("{galaxy}/mask/{user}.png")) alt="pixels" style="width:100%;max-width:30rem;image-rendering:pixelated";
        }))
    }

    fn find(&self, facts: &dyn Facts, base: &str, path: &str) -> Result<Option<Shown>, SiteError> {
        let words: Vec<&str> = path.split('/').collect();
        let page = |title: String, body: String| Some(Shown::Page { title, body: PreEscaped(body) });
        let numbered = |file: &str| file.parse::<i64>().ok();
        match words[..] {
            [""] => Ok(page("Galaxies".to_owned(), self.kept("", || self.list(facts, base))?)),
            [name] => {
                let body = self.kept(name, || self.one(facts, base, name))?;
                Ok(page(name.to_owned(), body))
            }
            [name, "map", file] => {
                let state = self.galaxies.state(facts, name)?;
                let known =
                    state.maps.iter().find(|(parameter, _)| file.strip_suffix(".png") == Some(parameter.name()));
                let Some((_, path)) = known else { return Ok(None) };
                Ok(Some(Shown::Picture(std::fs::read(path).map_err(SiteError::io(path, "read a map"))?)))
            }
            [name, "user", user] => {
                let Some(user) = numbered(user) else { return Ok(None) };
                let shown = self.of_one(facts, base, name, user)?;
                Ok(shown.map(|body| Shown::Page { title: name.to_owned(), body }))
            }
            [name, "mask", file] => {
                let Some(user) = file.strip_suffix(".png").and_then(numbered) else { return Ok(None) };
                Ok(Some(Shown::Picture(self.galaxies.mask(facts, name, user)?.png()?)))
            }
            [name, file] if file.strip_suffix(".h5") == Some(name) => {
                let path = self.galaxies.state(facts, name)?.hdf5;
                Ok(path.map(|path| Shown::File { path, name: file.to_owned() }))
            }
            _ => Ok(None),
        }
    }
}

/// What a user did of a galaxy.
struct OfUser {
    id: i64,
    name: String,
    areas: u32,
    fits: u32,
}

/// By user, those who did most first.
fn by_user(areas: &[(u32, AreaFact)]) -> Vec<OfUser> {
    let mut users: HashMap<i64, OfUser> = HashMap::new();
    for (_, area) in areas {
        for (id, name) in &area.users {
            let user = users.entry(*id).or_insert_with(|| OfUser { id: *id, name: name.clone(), areas: 0, fits: 0 });
            user.areas += 1;
            user.fits += if area.sums.is_none() { area.places } else { 0 };
        }
    }
    let mut users: Vec<OfUser> = users.into_values().collect();
    users.sort_by_key(|user| (std::cmp::Reverse(user.fits), user.id));
    users
}

/// The part that is done; pixels that cannot be fitted are none of it.
fn part(state: &GalaxyState) -> String {
    if state.hdf5.is_some() {
        return "done".to_owned();
    }
    format!("{:.1} %", 100.0 * f64::from(state.fits_done) / f64::from(state.fits.max(1)))
}

impl Section for GalaxyPages {
    fn name(&self) -> &'static str {
        "galaxies"
    }

    fn title(&self) -> &'static str {
        "Galaxies"
    }

    fn page(
        &self,
        facts: &dyn Facts,
        base: &str,
        path: &str,
        _viewer: Option<i64>,
    ) -> Result<Option<Shown>, RoleError> {
        let name = path.split('/').next().unwrap_or("");
        // A name that can be none is not looked for.
        if !name.is_empty() && check_name(name).is_err() {
            return Ok(None);
        }
        match self.find(facts, base, path) {
            Ok(shown) => Ok(shown),
            Err(SiteError::Refused(_)) => Ok(None),
            Err(error) => Err(RoleError::Transient(error.to_string())),
        }
    }

    fn of_user(&self, facts: &dyn Facts, user: i64) -> Result<Vec<(String, String)>, RoleError> {
        let key = format!("user/{user}");
        let gather = || {
            let own = self.galaxies.of_user(facts, user)?;
            Ok(own.iter().map(|(name, areas)| format!("{name} {areas}")).collect::<Vec<_>>().join("\n"))
        };
        let text = self.kept(&key, gather).map_err(|error| RoleError::Transient(error.to_string()))?;
        let links = text.lines().filter_map(|line| line.split_once(' '));
        Ok(links.map(|(name, areas)| (format!("{name}/user/{user}"), format!("{name}: {areas} areas"))).collect())
    }
}
