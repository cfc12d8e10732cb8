//! Islands that meet outside the frame: tiles that share no pixel of the output may overlap beyond its border, or by way of
//! tiles that do not reach it at all.

use super::{Background, Job, MosaicError, Target, TileCache, Window};
use crate::background::solve::{Solution, solve};
use crate::method::Method;
use std::sync::Mutex;

/// How far the frame grows at most, each way, in sums of its width and height: a small cut-out of coarse tiles would be little
/// beside what is compared around it.
const FARTHEST: usize = 2;

impl Job<'_> {
    /// Solves for the backgrounds over a frame that reaches a tile further each way, if that joins islands; `None` if it
    /// does not, or if the frame cannot grow (its coordinates are distorted).
    ///
    /// # Errors
    /// Those of reading and of geometry.
    pub(super) fn solve_beyond(
        &self,
        method: Method,
        plane: usize,
        narrow: &Solution,
    ) -> Result<Option<Solution>, MosaicError> {
        let Background::Degree(degree) = self.settings.background else { return Ok(None) };
        let Some((margin, target)) = self.grown(method) else { return Ok(None) };
        let mut wide = Job {
            sources: self.sources,
            used: Vec::new(),
            projectors: Vec::new(),
            settings: self.settings,
            block_pixels: self.block_pixels,
            target: &target,
            watch: self.watch,
            lost: Mutex::default(),
        };
        wide.place(method)?;
        let load = |tile: usize| wide.sources[wide.used[tile]].load_plane(plane, method.kernel(), &wide.loading());
        let cache = TileCache::new(wide.used.len(), self.settings.memory.saturating_sub(self.block_bytes()), &load);
        let all: Vec<Window> = wide.projectors.iter().map(|p| p.window()).collect();
        let pairs = wide.compare(&cache, &all, usize::from(degree))?;
        let solution = solve(&all, &pairs, usize::from(degree));
        let Some(at) = self.used.iter().map(|k| wide.used.iter().position(|w| w == k)).collect::<Option<Vec<_>>>()
        else {
            return Ok(None);
        };
        let mut corrections: Vec<_> = at.iter().map(|&k| solution.corrections[k].clone()).collect();
        for correction in &mut corrections {
            correction.centre.0 -= margin as f64;
            correction.centre.1 -= margin as f64;
        }
        // Islands are numbered as they are met.
        let mut met: Vec<usize> = Vec::new();
        let islands = at.iter().map(|&k| solution.islands[k]).map(|island| {
            met.iter().position(|m| *m == island).unwrap_or_else(|| {
                met.push(island);
                met.len() - 1
            })
        });
        let islands: Vec<usize> = islands.collect();
        let joined = met.len() < narrow.island_count;
        Ok(joined.then_some(Solution { corrections, islands, island_count: met.len() }))
    }

    /// The frame with a margin as wide as the largest tile, and the margin.
    fn grown(&self, method: Method) -> Option<(usize, Target)> {
        if method == Method::Aligned {
            return None;
        }
        let ratio = super::scale_ratio(self.sources, self.target);
        let largest = self.sources.iter().map(|s| libm::hypot(s.width as f64, s.height as f64)).fold(0.0, f64::max);
        let most = FARTHEST.saturating_mul(self.target.width.saturating_add(self.target.height));
        let margin = (largest / ratio).ceil();
        let margin = (margin.is_finite() && margin >= 1.0).then_some((margin as usize).min(most))?;
        let (width, height) = (self.target.width + 2 * margin, self.target.height + 2 * margin);
        let wcs = self.target.wcs.shifted(-(margin as f64), -(margin as f64), (width, height))?;
        Some((margin, Target { wcs, width, height }))
    }
}
