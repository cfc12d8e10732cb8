//! The rules of a portal of the sky: tiles of HiPS, cut-outs, and what is said of a data set.

use super::rule::Rule;
use super::{Asked, Context, ContextRule};
use crate::config::{ContextRule as Config, Kind};

/// Rules that are tried in turn.
struct Several(Vec<Rule>);

impl ContextRule for Several {
    fn products(&self) -> Vec<String> {
        self.0.iter().flat_map(ContextRule::products).collect()
    }

    fn context(&self, asked: &Asked<'_>) -> Option<Context> {
        self.0.iter().enumerate().find_map(|(at, rule)| {
            let mut found = rule.context(asked)?;
            found.request.product = at as u32;
            Some(found)
        })
    }

    fn body_bytes(&self, asked: &Asked<'_>) -> Option<u64> {
        self.0.iter().filter_map(|rule| rule.body_bytes(asked)).max()
    }
}

/// What a portal serves: data sets may have slashes in their names, a cut-out's band is part of it.
pub(super) fn portal() -> Box<dyn ContextRule> {
    let of = |kind, path: &str, product: &str| Config {
        path: Some(path.to_string()),
        product: Some(product.to_string()),
        also: if kind == Kind::Cutout { vec!["band".to_string()] } else { Vec::new() },
        ..Config::of(kind)
    };
    let rules = [
        of(Kind::Hips, "/{dataset**}/Norder{order}/Dir{*}/Npix{cell}.{ext}", "tile"),
        of(Kind::Hips, "/{dataset**}/Norder{order}/Allsky.{ext}", "allsky"),
        of(Kind::Cutout, "/{dataset**}/cutout", "cutout"),
        of(Kind::Id, "/{id**}/properties", "properties"),
        of(Kind::Id, "/{id**}/Moc.{ext}", "coverage"),
    ];
    Box::new(Several(rules.iter().filter_map(|rule| Rule::compile(rule).ok()).collect()))
}
