//! Pictures of images: stretches, colours, grids, overlays, PNG, and the building blocks of reports.
//!
//! ```
//! use pogson_view::{Colormap, Limits, Render, Stretch};
//!
//! // A ramp of 40 x 30 pixels, row by row from the bottom as in FITS.
//! let pixels: Vec<f32> = (0..1200).map(|i| (i % 40) as f32).collect();
//! let render = Render {
//!     stretch: Stretch::Asinh(0.1),
//!     limits: Limits::MIN_MAX,
//!     colormap: Colormap::Viridis,
//!     ..Render::default()
//! };
//! let picture = render.picture(&pixels, 40);
//! assert_eq!((picture.width(), picture.height()), (40, 30));
//! let bytes = pogson_view::png::encode(&picture)?;
//! assert_eq!(&bytes[1..4], b"PNG");
//! # Ok::<(), pogson_view::png::PngError>(())
//! ```

mod colormap;
mod colourbar;
mod contour;
mod draw;
mod font;
mod limits;
pub mod overlay;
mod picture;
pub mod png;
mod preview;
mod reduce;
mod render;
pub mod report;
mod scaled;
pub mod shrink;
pub mod stats;
mod stretch;
mod three;
mod zscale;

pub use colormap::{Colormap, ColormapError};
pub use colourbar::ColourBar;
pub use contour::{Segment, contour};
pub use draw::{Layer, Point};
pub use font::{draw_text, text_width};
pub use limits::{Bound, Limits, LimitsError};
pub use picture::{Picture, Rgb};
pub use preview::{PreviewError, preview};
pub use reduce::{CellValue, Cells, reduce};
pub use render::Render;
pub use scaled::Scaled;
pub use stretch::{Stretch, StretchError, Tone, curve};
pub use three::Lupton;
pub use zscale::zscale;
