//! Two images' coordinates, ready to be asked where the pixels of one lie.

use super::density::Gnomonic;
use super::pairs::Geometry;
use pogson_image::sphere::{Conversion, Vectors};
use pogson_image::wcs::{PixelMap, Wcs};

/// The coordinates of an input and an output image.
#[derive(Debug, Clone)]
pub(crate) struct Pair {
    input: Wcs,
    output: Wcs,
    map: PixelMap,
    conversion: Conversion,
}

impl Pair {
    pub(crate) fn new(input: &Wcs, output: &Wcs) -> Pair {
        Pair {
            input: input.clone(),
            output: output.clone(),
            map: PixelMap::between(input, output),
            conversion: input.frame().conversion(output.frame()),
        }
    }

    /// The output's plane, if its pixel grid is linear in a gnomonic plane and fine enough for a Taylor series.
    pub(crate) fn gnomonic(&self) -> Option<Gnomonic> {
        let steps = gnomonic_steps(&self.output)?;
        let order = Gnomonic::order_for(&steps)?;
        Some(Gnomonic { centre: self.output.crpix(), steps, order })
    }
}

/// Steps of one pixel of a plain gnomonic image in its plane, radians.
fn gnomonic_steps(wcs: &Wcs) -> Option<[f64; 4]> {
    wcs.is_plain_tan().then(|| {
        let cd = wcs.cd();
        [cd[0][0], cd[0][1], cd[1][0], cd[1][1]].map(f64::to_radians)
    })
}

impl Geometry for Pair {
    fn across(&self, x: &[f64], y: &[f64], u: &mut [f64], v: &mut [f64]) {
        self.map.apply(x, y, u, v);
    }

    fn input_sky(&self, x: &[f64], y: &[f64], out: &mut Vectors) {
        self.input.pix_to_vectors(x, y, out);
        self.conversion.apply(&mut out.x, &mut out.y, &mut out.z);
    }

    fn output_sky(&self, x: &[f64], y: &[f64], out: &mut Vectors) {
        self.output.pix_to_vectors(x, y, out);
    }
}
