//! Outlines of regions, to be drawn over a picture.

use super::geometry::{Canvas, PlaceError, Placed, place};
use super::{Region, Shape};

/// Steps around a figure; a circle of 1,000 pixels radius is then true to a third of a pixel.
const STEPS: usize = 128;

impl Region {
    /// The region's outline in 0-based pixels: one closed line for the outside and one for a hole, an open line for
    /// lines, a single point for points and labels. Where the image's projection does not reach, lines are broken.
    ///
    /// # Errors
    /// [`PlaceError`].
    pub fn outline(&self, canvas: &Canvas<'_>) -> Result<Vec<Vec<[f64; 2]>>, PlaceError> {
        if let Shape::Text { center } = self.shape {
            // A label is drawn where a point would be.
            return Region { shape: Shape::Point { center }, ..self.clone() }.outline(canvas);
        }
        Ok(match place(self, canvas)? {
            Placed::Nowhere => Vec::new(),
            Placed::Path(points) => vec![points],
            Placed::Polygon(mut vertices) => {
                vertices.extend(vertices.first().copied());
                vec![vertices]
            }
            Placed::Flat { center, figure, sin_cos: (s, c) } => {
                let turn = |[x, y]: [f64; 2]| [center[0] + x * c - y * s, center[1] + x * s + y * c];
                figure.rings(STEPS).into_iter().map(|ring| ring.into_iter().map(turn).collect()).collect()
            }
            Placed::Round { tangent, figure } => {
                let Some(wcs) = canvas.wcs else { return Ok(Vec::new()) };
                let mut lines = Vec::new();
                for ring in figure.rings(STEPS) {
                    let pixels: Vec<_> = ring.into_iter().map(|offset| tangent.pixel_at(offset, wcs)).collect();
                    let pieces = pixels.split(Option::is_none).map(|p| p.iter().flatten().copied().collect::<Vec<_>>());
                    lines.extend(pieces.filter(|piece| piece.len() > 1));
                }
                lines
            }
        })
    }
}
