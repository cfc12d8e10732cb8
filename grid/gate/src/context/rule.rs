//! A rule of the configuration, ready for use.

use pogson_dispatch::Request;
use pogson_healpix::{Cell, MAX_ORDER, Patch};

use super::angle::{SkyPlace, sides};
use super::query::pairs;
use super::template::{Part, Parts, Template};
use super::{Asked, Context, ContextHash, ContextRule, Name, Place, adql, body};
use crate::config::{ContextRule as Config, Kind};

/// What contexts are of, so that equal numbers of different things differ.
mod of {
    pub(super) const CELL: u64 = 1;
    pub(super) const COMMON: u64 = 2;
    pub(super) const NAMED: u64 = 3;
    pub(super) const SHAPE: u64 = 4;
    pub(super) const URL: u64 = 5;
}

/// A rule.
pub(super) struct Rule {
    config: Config,
    path: Option<Template>,
}

/// A data set by pieces of its name.
#[derive(Clone, Copy)]
struct Dataset {
    name: Name,
    /// Of all bytes of the pieces and the slashes between them.
    hash: u64,
}

impl Dataset {
    fn none() -> Self {
        // The offset of FNV-1a, which hashes pieces as if they were one text.
        Self { name: Name::empty(), hash: 0xcbf2_9ce4_8422_2325 }
    }

    fn bytes(mut self, text: &[u8]) -> Self {
        self.name = self.name.with(text);
        for &byte in text {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        self
    }

    fn with(self, text: &[u8]) -> Self {
        if self.name.is_empty() { self.bytes(text) } else { self.bytes(b"/").bytes(text) }
    }

    fn context(self, kind: u64, number: u64, hot: bool, place: Place) -> Context {
        let context = ContextHash::new(kind).number(self.hash).number(number).end();
        Context { request: Request { context, product: 0 }, hot, dataset: self.name, place }
    }

    fn cell(self, cell: Cell) -> Context {
        let place = Place::Cell { order: cell.order(), index: cell.index() };
        // Numbers of cells of all orders in one (HEALPix's unique identifiers).
        self.context(of::CELL, (4 << (2 * u32::from(cell.order()))) + cell.index(), false, place)
    }

    fn common(self) -> Context {
        self.context(of::COMMON, 0, true, Place::Whole)
    }

    fn named(self, text: &[u8]) -> Context {
        let place = Place::Named(Name::empty().with(text));
        self.context(of::NAMED, ContextHash::new(of::NAMED).text(text).end(), false, place)
    }
}

/// The context of path and query, whatever the order of parameters, those left out that `ignore` names.
pub(super) fn of_url(asked: &Asked<'_>, ignore: &[String]) -> Context {
    let mut hash = ContextHash::new(of::URL).text(asked.path).text(asked.head.host().as_bytes()).end();
    for pair in pairs(asked.head.query().unwrap_or_default()) {
        let name = pair.name();
        if !ignore.iter().any(|one| *one == name) {
            let one = ContextHash::new(of::URL).text(name.as_bytes()).text(pair.value().as_bytes());
            hash = hash.wrapping_add(one.end());
        }
    }
    Dataset::none().context(of::URL, hash, false, Place::Shape(hash))
}

/// Parameters that a rule looks at.
#[derive(Default)]
struct Found {
    dataset: Option<String>,
    lon: Option<String>,
    lat: Option<String>,
    place: Option<SkyPlace>,
    /// Sides of the image, degrees.
    size: Option<(f64, f64)>,
    table: Option<String>,
    shape: Option<u64>,
}

impl Rule {
    /// A rule of the configuration.
    ///
    /// # Errors
    /// The key and a sentence about it.
    pub(super) fn compile(config: &Config) -> Result<Self, (&'static str, String)> {
        let path = config.path.as_deref().map(Template::parse).transpose().map_err(|sentence| ("path", sentence))?;
        let kind = config.kind.name();
        let wants_path = matches!(config.kind, Kind::Hips | Kind::Id);
        if wants_path && path.is_none() {
            return Err(("kind", format!("a rule of the kind {kind} needs a template; add path = \"/...\"")));
        }
        let names = |part| path.as_ref().is_some_and(|path| path.names(part));
        if config.kind == Kind::Id && !names(Part::Id) {
            return Err((
                "path",
                "nothing in the path is the id; put {id} where it stands, such as \"/maps/{id}\"".into(),
            ));
        }
        if config.kind == Kind::Hips && names(Part::Cell) && !names(Part::Order) {
            return Err(("path", "nobody knows of which order {cell} is; put {order} where that stands".into()));
        }
        let wants_name = matches!(config.kind, Kind::Header | Kind::Cookie | Kind::Query | Kind::Body);
        if wants_name && config.name.is_none() {
            return Err(("kind", format!("a rule of the kind {kind} needs what it looks at; add name = \"...\"")));
        }
        if config.order > MAX_ORDER {
            return Err(("order", format!("there is no order {} of HEALPix; write 0 to {MAX_ORDER}", config.order)));
        }
        if config.body_bytes > 1 << 20 {
            return Err(("body_bytes", "bodies that are waited for have 1MiB at most; write less".to_string()));
        }
        Ok(Self { config: config.clone(), path })
    }

    /// The rule that is always there.
    pub(super) fn url() -> Self {
        Self { config: Config::of(Kind::Url), path: None }
    }

    fn parts<'a>(&self, asked: &Asked<'a>) -> Option<Parts<'a>> {
        match &self.path {
            Some(template) => template.parts(asked.path),
            None => Some(Parts::default()),
        }
    }

    fn dataset(&self, parts: &Parts<'_>) -> Dataset {
        match (parts.dataset, &self.config.dataset) {
            (Some(name), _) => Dataset::none().with(name),
            (None, Some(name)) => Dataset::none().with(name.as_bytes()),
            (None, None) => Dataset::none(),
        }
    }

    /// A tile: its ancestor at the blocks' order; common ones are one context.
    fn tile(&self, parts: &Parts<'_>) -> Option<Context> {
        let dataset = self.dataset(parts);
        let Some(cell) = parts.cell else {
            let takes_cell = self.path.as_ref().is_some_and(|path| path.names(Part::Cell));
            return (!takes_cell).then(|| dataset.common());
        };
        let order = u8::try_from(number(parts.order?)?).ok()?;
        let cell = Cell::new(order, number(cell)?)?;
        let blocks = self.config.order;
        let common = self.config.hot_order.map_or(order < blocks, |hot| order <= hot);
        Some(if common { dataset.common() } else { dataset.cell(cell.parent(blocks)) })
    }

    /// A place on the sky by parameters, of query or form.
    fn place(&self, asked: &Asked<'_>, parts: &Parts<'_>) -> Option<Context> {
        let config = &self.config;
        let mut found = Found::default();
        let mut also = vec![None; config.also.len()];
        let form = asked.body.and_then(|body| Some(body::fields(&body::form(asked.head)?, body, asked.whole)));
        let asks = pairs(asked.head.query().unwrap_or_default()).map(|pair| (pair.name(), pair.value()));
        for (name, value) in asks.chain(form.unwrap_or_default()) {
            let is_one_of = |names: &[String]| names.iter().any(|one| one.eq_ignore_ascii_case(&name));
            if is_one_of(&config.ra) {
                found.lon = Some(value.into_owned());
            } else if is_one_of(&config.dec) {
                found.lat = Some(value.into_owned());
            } else if is_one_of(&config.position) {
                let shape = SkyPlace::of_shape(&name, &value);
                found.place = shape.map(|(place, _)| place);
                found.size = shape.and_then(|(_, size)| size).or(found.size);
            } else if config.kind == Kind::Cutout && is_one_of(&config.size) {
                found.size = sides(&value);
            } else if is_one_of(&config.dataset_parameter) {
                found.dataset = Some(value.into_owned());
            } else if config.kind == Kind::Cone && name.eq_ignore_ascii_case("query") {
                let about = adql::about(&value);
                found.table = Some(about.table.to_ascii_lowercase());
                found.shape = Some(about.shape);
                found.place = about.place;
            } else if let Some(at) = config.also.iter().position(|one| one.eq_ignore_ascii_case(&name)) {
                also[at] = Some(value.into_owned());
            }
        }
        let mut dataset = match (&found.dataset, &found.table) {
            (Some(name), _) if parts.dataset.is_none() => Dataset::none().with(name.as_bytes()),
            (_, Some(table)) if parts.dataset.is_none() && config.dataset.is_none() => {
                Dataset::none().with(table.as_bytes())
            }
            _ => self.dataset(parts),
        };
        for value in also.into_iter().flatten() {
            dataset = dataset.with(value.as_bytes());
        }
        let place = match (&found.lon, &found.lat) {
            (Some(lon), Some(lat)) => SkyPlace::of_two(lon, lat),
            _ => found.place,
        };
        if let Some(place) = place {
            // An image needs most of the cell that has most of it; a search is about its middle.
            let cell = match found.size.filter(|_| config.kind == Kind::Cutout) {
                Some(size) => Patch::new(place.lon_deg, place.lat_deg, size).main_cell(config.order),
                None => Cell::containing(config.order, place.lon_deg, place.lat_deg),
            };
            return Some(dataset.cell(cell));
        }
        let shape = found.shape?;
        Some(dataset.context(of::SHAPE, shape, false, Place::Shape(shape)))
    }
}

impl ContextRule for Rule {
    fn products(&self) -> Vec<String> {
        vec![self.config.product.clone().unwrap_or_else(|| self.config.kind.name().to_string())]
    }

    fn context(&self, asked: &Asked<'_>) -> Option<Context> {
        let parts = self.parts(asked)?;
        let dataset = self.dataset(&parts);
        let name = self.config.name.as_deref().unwrap_or_default();
        match self.config.kind {
            Kind::Hips => self.tile(&parts),
            Kind::Cutout | Kind::Cone => self.place(asked, &parts),
            Kind::Id => parts.id.map(|id| dataset.named(id)),
            Kind::Path => Some(dataset.named(beginning(asked.path, self.config.segments))),
            Kind::Url => Some(of_url(asked, &self.config.ignore)),
            Kind::Header => asked.head.get(name).map(|value| dataset.named(value)),
            Kind::Cookie => asked.head.cookie(name).map(|value| dataset.named(value.as_bytes())),
            Kind::Query => {
                let mut pairs = pairs(asked.head.query().unwrap_or_default());
                pairs.find(|pair| pair.name() == name).map(|pair| dataset.named(pair.value().as_bytes()))
            }
            Kind::Body => {
                let value = body::value(&body::form(asked.head)?, asked.body?, asked.whole, name)?;
                Some(dataset.named(value.as_bytes()))
            }
            // These stand for rules that are put in their place.
            Kind::Builtin => None,
        }
    }

    fn body_bytes(&self, asked: &Asked<'_>) -> Option<u64> {
        let most = self.config.body_bytes;
        let form = match self.config.kind {
            Kind::Body => body::form(asked.head)?,
            Kind::Cone | Kind::Cutout => body::form(asked.head).filter(|form| *form != body::Form::Json)?,
            _ => return None,
        };
        // A part of JSON says nothing.
        let said = asked.head.get("content-length").and_then(number);
        let is_too_long = form == body::Form::Json && said.is_some_and(|length| length > most);
        (!is_too_long && self.parts(asked).is_some()).then_some(most)
    }

    fn settles(&self, asked: &Asked<'_>) -> bool {
        self.config.kind == Kind::Body && self.context(asked).is_some()
    }
}

/// A number in digits alone.
fn number(digits: &[u8]) -> Option<u64> {
    let digits = std::str::from_utf8(digits).ok()?;
    if digits.bytes().all(|byte| byte.is_ascii_digit()) { digits.parse().ok() } else { None }
}

/// The first segments of a path, without the slash behind them; 0: all of it.
fn beginning(path: &[u8], segments: usize) -> &[u8] {
    let mut slashes = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').skip(1);
    match slashes.nth(segments.wrapping_sub(1)) {
        Some((at, _)) if segments > 0 => &path[..at],
        _ => path,
    }
}
