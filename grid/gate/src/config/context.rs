//! What a request needs cached.

use serde::Deserialize;

use super::quantity::{de_bytes, de_list};

/// A rule that finds a request's context: `[[context]]`. The first that can say one does.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContextRule {
    /// What it looks at.
    pub kind: Kind,
    /// Template of the path, such as `/{dataset}/Norder{order}/Dir{*}/Npix{cell}.{ext}`: names in braces take what stands there up to the
    /// next slash, `{*}` is not looked at, `{**}` takes the rest with its slashes. Without it any path (of `hips`, `id` and `path` as
    /// [`Kind`] says).
    pub path: Option<String>,
    /// Rules of that name that the gate brings, of `builtin`; of `header`, `cookie`, `query` and `body` the name that is looked up.
    pub name: Option<String>,
    /// Kind of work, by which costs are learned; without it the rule's kind.
    pub product: Option<String>,
    /// Data set, where neither path nor parameters name one.
    pub dataset: Option<String>,
    /// Parameters that name the data set.
    #[serde(default, deserialize_with = "de_list")]
    pub dataset_parameter: Vec<String>,
    /// Order of the HEALPix cells that are cached as one.
    #[serde(default = "nine")]
    pub order: u8,
    /// Orders of tiles up to this one are the data set's common ones, with `Allsky`; without it all below `order`.
    pub hot_order: Option<u8>,
    /// Parameters of the longitude, degrees or `hh:mm:ss`.
    #[serde(default = "ra_names", deserialize_with = "de_list")]
    pub ra: Vec<String>,
    /// Parameters of the latitude.
    #[serde(default = "dec_names", deserialize_with = "de_list")]
    pub dec: Vec<String>,
    /// Parameters of a place as `CIRCLE ra dec radius`, `RANGE ra1 ra2 dec1 dec2`, `POLYGON ra dec ...`, or `ra dec`.
    #[serde(default = "position_names", deserialize_with = "de_list")]
    pub position: Vec<String>,
    /// Parameters of an image's size: one side or both, degrees.
    #[serde(default = "size_names", deserialize_with = "de_list")]
    pub size: Vec<String>,
    /// Parameters that matter beside the place, such as a band: others share a context.
    #[serde(default, deserialize_with = "de_list")]
    pub also: Vec<String>,
    /// Segments of the path that make the context, of `path`; 0: all.
    #[serde(default)]
    pub segments: usize,
    /// Parameters that make no difference, of `url`.
    #[serde(default, deserialize_with = "de_list")]
    pub ignore: Vec<String>,
    /// Bytes of a body that is looked at, at most.
    #[serde(default = "body_bytes", deserialize_with = "de_bytes")]
    pub body_bytes: u64,
}

impl ContextRule {
    /// A rule of a kind with all else as if nothing was said.
    #[must_use]
    pub fn of(kind: Kind) -> Self {
        Self {
            kind,
            path: None,
            name: None,
            product: None,
            dataset: None,
            dataset_parameter: Vec::new(),
            order: nine(),
            hot_order: None,
            ra: ra_names(),
            dec: dec_names(),
            position: position_names(),
            size: size_names(),
            also: Vec::new(),
            segments: 0,
            ignore: Vec::new(),
            body_bytes: body_bytes(),
        }
    }
}

fn nine() -> u8 {
    9
}

fn texts(of: &[&str]) -> Vec<String> {
    of.iter().map(ToString::to_string).collect()
}

fn ra_names() -> Vec<String> {
    texts(&["ra"])
}

fn dec_names() -> Vec<String> {
    texts(&["dec"])
}

fn position_names() -> Vec<String> {
    texts(&["pos", "circle", "polygon", "center"])
}

fn size_names() -> Vec<String> {
    texts(&["size", "fov"])
}

fn body_bytes() -> u64 {
    64 << 10
}

/// What a context is found by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Tiles of a HiPS: `path` names `order` and `cell`.
    Hips,
    /// An image of a place, by the cell that has most of it: `ra`, `dec` and `size`, or `position`.
    Cutout,
    /// A search around a place in a table: the same, or an ADQL query in the parameter `QUERY`.
    Cone,
    /// What `path` names `id`.
    Id,
    /// The first `segments` of the path.
    Path,
    /// Path and query as they are; parameters in any order.
    Url,
    /// A field.
    Header,
    /// A cookie.
    Cookie,
    /// A parameter of the query.
    Query,
    /// A member of a body of JSON or what a pointer leads to in it, or a parameter of a form.
    Body,
    /// Rules that the gate brings: `name = "portal"`.
    Builtin,
}

impl Kind {
    /// How it is written.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Hips => "hips",
            Self::Cutout => "cutout",
            Self::Cone => "cone",
            Self::Id => "id",
            Self::Path => "path",
            Self::Url => "url",
            Self::Header => "header",
            Self::Cookie => "cookie",
            Self::Query => "query",
            Self::Body => "body",
            Self::Builtin => "builtin",
        }
    }
}
