//! One tile's contribution to a window of the output image.

use crate::error::MosaicError;
use crate::mapping::Window;

/// Values of one tile over a window of the output, row-major.
#[derive(Debug, Default)]
pub struct Patch {
    /// Surface brightness above the mosaic's pedestal; meaningless where `weight` is 0.
    pub value: Vec<f32>,
    /// Statistical weight, 0 where the tile has nothing to say. Tapers towards the tile's edges for interpolation.
    pub weight: Vec<f32>,
    /// Fraction of the output pixel that the tile covers, 0 to 1 (more only where a tile folds onto itself).
    pub cover: Vec<f32>,
    /// Variance of `value`, in its unit squared; empty when not asked for.
    pub variance: Vec<f32>,
    /// Columns of the window.
    pub width: usize,
    /// Room for sums, areas and noise of methods of areas, kept from tile to tile.
    pub(crate) sums: [Vec<f64>; 3],
}

impl Patch {
    /// Makes the patch fit a window; contents become zero.
    pub fn reset(&mut self, width: usize, height: usize, variance: bool) {
        self.width = width;
        for (plane, wanted) in
            [(&mut self.value, true), (&mut self.weight, true), (&mut self.cover, true), (&mut self.variance, variance)]
        {
            plane.clear();
            plane.resize(if wanted { width * height } else { 0 }, 0.0);
        }
    }
}

/// What brings a loaded tile onto the output grid.
pub trait Projector: Send + Sync {
    /// The window of the output that the tile can touch.
    fn window(&self) -> Window;

    /// Fills `patch` (reset by the callee) with the tile's values over `window`, which lies in [`Self::window`].
    ///
    /// - `tile`: the loaded pixels.
    /// - `pedestal`: what to subtract from values, in the tile's unit after scaling.
    /// - `variance`: whether variances are wanted.
    ///
    /// # Errors
    /// Those of the method's own geometry.
    fn project(
        &self,
        tile: &crate::tile::Tile,
        window: Window,
        pedestal: f64,
        variance: bool,
        patch: &mut Patch,
    ) -> Result<(), MosaicError>;

    /// Marks in `count` the pixels of row `y`, from column `x` on, that the tile covers, by adding 1.
    fn count_row(&self, y: i64, x: i64, count: &mut [u8]);
}
