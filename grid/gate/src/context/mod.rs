//! What a request needs cached: requests of one context are best answered by one back end, for it has at hand what all of them need.
//!
//! Rules turn a head into (data set, product, HEALPix cell) or something alike; the first that can say one does, and path and query are
//! what is left. Spellings that mean the same share a context: escapes, the order of parameters, degrees and hours.

mod adql;
mod angle;
mod body;
mod builtin;
mod hash;
mod name;
mod query;
mod rule;
mod template;
#[cfg(test)]
mod tests;

pub use hash::ContextHash;
pub use name::Name;

use std::fmt;

use pogson_dispatch::Request;

use crate::config::{Config, Kind, Problem};
use crate::head::Head;
use crate::route::NormalPath;

/// What a context is found by.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// The request's head.
    pub head: &'a Head,
    /// Its path, as rules compare it.
    pub path: &'a [u8],
    /// The beginning of its body, if that is at hand.
    pub body: Option<&'a [u8]>,
    /// Whether nothing follows it.
    pub whole: bool,
}

impl<'a> Asked<'a> {
    /// A request without a body at hand.
    #[must_use]
    pub fn new(head: &'a Head, path: &'a NormalPath<'_>) -> Self {
        Self { head, path: &path.matched, body: None, whole: true }
    }
}

/// A context.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Context {
    /// As policies take it; its product is a place in [`Contexts::products`].
    pub request: Request,
    /// Whether it is one that every back end should have: the common tiles of a data set.
    pub hot: bool,
    /// The data set, for people; may be empty.
    pub dataset: Name,
    /// What of it, for people.
    pub place: Place,
}

/// What of a data set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Place {
    /// All that is common to it.
    Whole,
    /// A HEALPix cell of the NESTED scheme.
    Cell {
        /// Its order.
        order: u8,
        /// Its number.
        index: u64,
    },
    /// What a name says.
    Named(Name),
    /// A query of this shape, or a URL.
    Shape(u64),
}

/// A way to find contexts, of the gate or of a program that brings it.
pub trait ContextRule: Send + Sync {
    /// Kinds of work that it tells apart; [`Request::product`] of what it finds is a place in here.
    fn products(&self) -> Vec<String>;

    /// The context of a request, if it can say one.
    fn context(&self, asked: &Asked<'_>) -> Option<Context>;

    /// Bytes of the body that it wants to see, at most, if it wants to.
    fn body_bytes(&self, _asked: &Asked<'_>) -> Option<u64> {
        None
    }

    /// Whether what it finds in the beginning of the body stays the same, whatever follows.
    fn settles(&self, _asked: &Asked<'_>) -> bool {
        false
    }
}

/// All rules, ready for use.
pub struct Contexts {
    /// Each with the place of its first product.
    rules: Vec<(Box<dyn ContextRule>, u32)>,
    products: Vec<String>,
}

impl Contexts {
    /// The rules of a configuration.
    ///
    /// - `brought`: rules that a program brings, for `kind = "builtin"` by their names, in place of the gate's own of that name.
    ///
    /// # Errors
    /// Templates that cannot be read and names that nobody brings.
    pub fn compile(config: &Config, brought: Vec<(&str, Box<dyn ContextRule>)>) -> Result<Self, Vec<Problem>> {
        let mut contexts = Self { rules: Vec::new(), products: Vec::new() };
        let mut problems = Vec::new();
        let mut brought: Vec<(&str, Option<Box<dyn ContextRule>>)> =
            brought.into_iter().map(|(name, rule)| (name, Some(rule))).collect();
        let mut take = |name: &str| brought.iter_mut().find(|(one, _)| *one == name).and_then(|(_, rule)| rule.take());
        if config.context.is_empty() {
            contexts.add(take("portal").unwrap_or_else(builtin::portal));
        }
        for (i, rule) in config.context.iter().enumerate() {
            let built = match (rule.kind, rule.name.as_deref()) {
                (Kind::Builtin, Some(name)) => match (take(name), name) {
                    (Some(rule), _) => Ok(rule),
                    (None, "portal") => Ok(builtin::portal()),
                    (None, _) => Err(("name", format!("nobody brings rules named \"{name}\"; there is: portal"))),
                },
                (Kind::Builtin, None) => Err(("kind", "it is not said which rules; add name = \"portal\"".to_string())),
                _ => rule::Rule::compile(rule).map(|rule| Box::new(rule) as Box<dyn ContextRule>),
            };
            match built {
                Ok(rule) => contexts.add(rule),
                Err((key, sentence)) => {
                    problems.push(Problem { place: vec!["context".into(), i.into(), key.into()], sentence });
                }
            }
        }
        contexts.add(Box::new(rule::Rule::url()));
        if problems.is_empty() { Ok(contexts) } else { Err(problems) }
    }

    fn add(&mut self, rule: Box<dyn ContextRule>) {
        let first = self.products.len() as u32;
        self.products.extend(rule.products());
        self.rules.push((rule, first));
    }

    /// Names of products by [`Request::product`].
    #[must_use]
    pub fn products(&self) -> &[String] {
        &self.products
    }

    /// Bytes of the body that are worth waiting for, at most; `None` if its context is found without them.
    #[must_use]
    pub fn body_bytes(&self, asked: &Asked<'_>) -> Option<u64> {
        let mut most = None;
        for (rule, _) in &self.rules {
            match rule.body_bytes(asked) {
                Some(bytes) => most = most.max(Some(bytes)),
                None if rule.context(asked).is_some() => break,
                None => {}
            }
        }
        most
    }

    /// Whether no more of the body has to be at hand.
    #[must_use]
    pub fn settled(&self, asked: &Asked<'_>) -> bool {
        let first = self.rules.iter().find(|(rule, _)| rule.body_bytes(asked).is_some());
        first.is_none_or(|(rule, _)| rule.settles(asked))
    }

    /// The context of a request.
    #[must_use]
    pub fn of(&self, asked: &Asked<'_>) -> Context {
        let found = self.rules.iter().find_map(|(rule, first)| rule.context(asked).map(|found| (found, *first)));
        let (mut context, first) = found.unwrap_or_else(|| (rule::of_url(asked, &[]), 0));
        context.request.product += first;
        context
    }

    /// A context as logs have it: `dataset/product/order/cell`.
    #[must_use]
    pub fn readable<'a>(&'a self, context: &'a Context) -> impl fmt::Display + 'a {
        let product = self.products.get(context.request.product as usize).map_or("", String::as_str);
        Readable { context, product }
    }
}

impl fmt::Debug for Contexts {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_struct("Contexts").field("products", &self.products).finish_non_exhaustive()
    }
}

struct Readable<'a> {
    context: &'a Context,
    product: &'a str,
}

impl fmt::Display for Readable<'_> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Context { dataset, place, .. } = self.context;
        let dataset: &dyn fmt::Display = if dataset.is_empty() { &"-" } else { dataset };
        write!(to, "{dataset}/{}", self.product)?;
        match place {
            Place::Whole => Ok(()),
            Place::Cell { order, index } => write!(to, "/{order}/{index}"),
            Place::Named(name) => write!(to, "/{name}"),
            Place::Shape(shape) => write!(to, "/{shape:016x}"),
        }
    }
}
