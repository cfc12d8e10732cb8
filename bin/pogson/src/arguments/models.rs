//! Which models of a galaxy's shape are tried.

use pogson_cube::morphology::model::Kind;

use crate::failure::Failure;

/// A word of `--models`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Models {
    /// All kinds.
    Auto,
    /// No model.
    None,
    /// One kind.
    One(Kind),
}

/// Reads a word of `--models`.
pub fn models(text: &str) -> Result<Models, String> {
    match text.trim() {
        "auto" => Ok(Models::Auto),
        "none" => Ok(Models::None),
        name => Kind::ALL
            .into_iter()
            .find(|kind| kind.name() == name)
            .map(Models::One)
            .ok_or_else(|| "auto, none, disc, sersic, bulge-disc or bulge-bar-disc is wanted".to_owned()),
    }
}

/// The kinds that the words name.
///
/// # Errors
/// `none` beside others.
pub fn kinds(words: &[Models]) -> Result<Vec<Kind>, Failure> {
    if words.contains(&Models::None) {
        return match words.len() {
            1 => Ok(Vec::new()),
            _ => Err(Failure::usage("--models: none stands alone; leave it out, or the others")),
        };
    }
    let named = |kind: &Kind| words.contains(&Models::Auto) || words.contains(&Models::One(*kind));
    Ok(Kind::ALL.into_iter().filter(named).collect())
}

/// A number above 0.
pub fn positive(text: &str) -> Result<f64, String> {
    let number = text.trim().parse::<f64>().ok().filter(|v| v.is_finite() && *v > 0.0);
    number.ok_or_else(|| "a number above 0 is wanted".to_owned())
}
