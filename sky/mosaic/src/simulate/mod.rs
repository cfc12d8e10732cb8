//! Survey tiles with known truth: stars of known flux, a background plane per tile, noise.
//!
//! ```no_run
//! use pogson_mosaic::simulate::{Field, Recipe};
//! let field = Field::new(&Recipe { seed: 7, noise: 4.0, ..Recipe::default() })?;
//! for tile in &field.tiles {
//!     let values = field.draw_tile(tile);
//!     println!("{}: {} pixels", tile.name, values.len());
//! }
//! # Ok::<(), pogson_mosaic::simulate::RecipeError>(())
//! ```

mod draw;
mod field;
pub mod random;
mod recipe;
pub mod star;

pub use field::{Field, Star, TilePlan};
pub use recipe::{Background, Recipe, RecipeError};
