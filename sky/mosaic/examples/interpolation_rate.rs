//! Rates of preparing and interpolating on one core: `cargo run --release -p pogson-mosaic --example interpolation_rate`.

use pogson_mosaic::kernel::Kernel;
use pogson_mosaic::kernel::prefilter::prepare;
use std::time::Instant;

fn main() {
    let (w, h) = (512, 1024);
    let pixels: Vec<f32> = (0..w * h).map(|k| ((k * 7919) % 1013) as f32).collect();
    let kernels =
        [Kernel::Nearest, Kernel::Bilinear, Kernel::Bicubic, Kernel::Lanczos(3), Kernel::BSpline3, Kernel::BSpline5];
    for kernel in kernels {
        let best = |act: &mut dyn FnMut()| {
            (0..7)
                .map(|_| {
                    let start = Instant::now();
                    act();
                    start.elapsed().as_secs_f64()
                })
                .fold(f64::INFINITY, f64::min)
                * 1e9
                / (w * h) as f64
        };
        let samples = prepare(kernel, &pixels, w, h);
        let prepared = best(&mut || drop(prepare(kernel, &pixels, w, h)));
        let mut out = vec![0.0; w];
        let mut rates = Vec::new();
        for degrees in [0.0f64, 1.0, 30.0] {
            let (s, c) = (libm::sin(degrees.to_radians()), libm::cos(degrees.to_radians()));
            rates.push(best(&mut || {
                for y in 0..h {
                    let at = |x: usize| {
                        (
                            (x as f64 - 256.0) * c + (y as f64 - 512.0) * s + 256.3,
                            (y as f64 - 512.0) * c - (x as f64 - 256.0) * s + 512.2,
                        )
                    };
                    let (u, v): (Vec<f64>, Vec<f64>) = (0..w).map(at).unzip();
                    samples.row(kernel, &u, &v, &mut out);
                }
            }));
        }
        println!(
            "{kernel:9} prepare {prepared:5.2} ns/px; at 0, 1, 30 degrees {:5.2} {:5.2} {:5.2} ns/px",
            rates[0], rates[1], rates[2]
        );
    }
}
