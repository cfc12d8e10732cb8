//! Statistics of an image: exact, over any size, in a few passes by rows.

mod order;

use pogson_image::fits::{FitsError, Image, Rect};

use order::{Pixels, ReadRows};

/// What to find besides the sums.
#[derive(Debug, Clone, PartialEq)]
pub struct StatsOptions {
    /// Percentiles wanted, each in `[0, 100]`.
    pub percentiles: Vec<f64>,
    /// Values further from the median than so many standard deviations are clipped; greater than 0.
    pub clip_sigma: f64,
    /// How often at most to clip; 0 leaves clipping out.
    pub clip_iterations: usize,
    /// Number of bins of the histogram; 0 leaves it out.
    pub bins: usize,
    /// Ends of the histogram in the image's units; the smallest and greatest value if not given.
    pub range: Option<(f64, f64)>,
}

impl Default for StatsOptions {
    /// Percentiles 1, 5, 25, 75, 95, 99; at most 5 clippings at 3 sigma; no histogram.
    fn default() -> StatsOptions {
        StatsOptions {
            percentiles: vec![1.0, 5.0, 25.0, 75.0, 95.0, 99.0],
            clip_sigma: 3.0,
            clip_iterations: 5,
            bins: 0,
            range: None,
        }
    }
}

/// Statistics of the finite pixels of one plane or a rectangle of it, in the image's units; NaN where there is none.
#[derive(Debug, Clone, PartialEq)]
pub struct Statistics {
    /// Number of finite pixels.
    pub count: u64,
    /// Number of undefined pixels.
    pub nan: u64,
    /// Number of infinite pixels.
    pub infinite: u64,
    /// Smallest value.
    pub min: f64,
    /// Greatest value.
    pub max: f64,
    /// Column and row (0-based, of the whole image) of the first pixel with the smallest value.
    pub min_at: Option<(usize, usize)>,
    /// The same of the greatest value.
    pub max_at: Option<(usize, usize)>,
    /// Sum.
    pub sum: f64,
    /// Mean.
    pub mean: f64,
    /// Standard deviation about the mean, divided by the count (numpy's std).
    pub std: f64,
    /// Median.
    pub median: f64,
    /// Median of the absolute deviations from the median; times 1.4826 it estimates sigma of normal noise.
    pub mad: f64,
    /// Percentiles as asked: (percent, value), interpolated linearly between ranks as numpy does.
    pub percentiles: Vec<(f64, f64)>,
    /// Statistics after clipping, if asked for.
    pub clipped: Option<Clipped>,
    /// The histogram, if asked for.
    pub histogram: Option<Histogram>,
}

/// What is left after values far from the median were clipped again and again (astropy's `sigma_clipped_stats`).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Clipped {
    /// Number of values kept.
    pub count: u64,
    /// Their mean.
    pub mean: f64,
    /// Their median.
    pub median: f64,
    /// Their standard deviation.
    pub std: f64,
    /// How often values were clipped.
    pub iterations: usize,
}

/// Counts in bins of equal width from `low` to `high`; the last bin holds `high` too.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    /// Left end of the first bin.
    pub low: f64,
    /// Right end of the last bin.
    pub high: f64,
    /// Pixels in each bin.
    pub counts: Vec<u64>,
}

/// Images up to so many pixels are decoded once and kept (128 MiB); larger ones are read again for each pass.
const KEPT: usize = 1 << 24;

/// Statistics of `rect` (0-based) of a plane (0-based) of the image. The result does not depend on the number of threads.
///
/// # Errors
/// What reading says; a rectangle that is not within the image among it.
pub fn statistics(
    image: &Image<'_>,
    plane: usize,
    rect: Rect,
    options: &StatsOptions,
) -> Result<Statistics, FitsError> {
    let from_file = |first: usize, rows: usize, out: &mut [f64]| {
        image.read_f64(plane, Rect { x: rect.x, y: rect.y + first, width: rect.width, height: rows }, out)
    };
    let size = (rect.width, rect.height);
    let mut found = if rect.area() <= KEPT {
        let mut values = vec![0.0; rect.area()];
        image.read_f64(plane, rect, &mut values)?;
        of_values(&values, rect.width, options)
    } else {
        of_rows(size, &from_file, options)?
    };
    for (x, y) in [&mut found.min_at, &mut found.max_at].into_iter().flatten() {
        *x += rect.x;
        *y += rect.y;
    }
    Ok(found)
}

/// Statistics of values in memory, rows of `width`.
pub fn of_values(values: &[f64], width: usize, options: &StatsOptions) -> Statistics {
    let read = |first: usize, rows: usize, out: &mut [f64]| {
        out.copy_from_slice(&values[first * width..(first + rows) * width]);
        Ok::<(), std::convert::Infallible>(())
    };
    match of_rows((width, values.len() / width.max(1)), &read, options) {
        Ok(found) => found,
        Err(never) => match never {},
    }
}

fn of_rows<E: Send>(
    (width, height): (usize, usize),
    read: &ReadRows<'_, E>,
    options: &StatsOptions,
) -> Result<Statistics, E> {
    let pixels = Pixels { width, height, read };
    let sums = pixels.sums()?;
    let mean = if sums.count > 0 { sums.sum / sums.count as f64 } else { f64::NAN };
    let whole = pixels.moments(f64::NEG_INFINITY, f64::INFINITY, mean)?;
    let wanted: Vec<f64> = std::iter::once(50.0).chain(options.percentiles.iter().copied()).collect();
    let values = pixels.percentiles(&wanted, sums.count, |v| v)?;
    let median = values[0];
    let mad = pixels.percentiles(&[50.0], sums.count, |v| (v - median).abs())?[0];
    let clipped = match options.clip_iterations {
        0 => None,
        most => Some(clip(&pixels, median, whole.std, sums.count, options.clip_sigma, most)?),
    };
    let histogram = match options.bins {
        0 => None,
        bins => {
            let (low, high) = options.range.unwrap_or((sums.min.0, sums.max.0));
            Some(Histogram { low, high, counts: pixels.histogram(low, high, bins)? })
        }
    };
    Ok(Statistics {
        count: sums.count,
        nan: sums.nan,
        infinite: sums.infinite,
        min: sums.min.0,
        max: sums.max.0,
        min_at: sums.min.1,
        max_at: sums.max.1,
        sum: if sums.count > 0 { sums.sum } else { f64::NAN },
        mean,
        std: whole.std,
        median,
        mad,
        percentiles: wanted[1..].iter().copied().zip(values[1..].iter().copied()).collect(),
        clipped,
        histogram,
    })
}

fn clip<E: Send>(
    pixels: &Pixels<'_, E>,
    median: f64,
    std: f64,
    count: u64,
    sigma: f64,
    most: usize,
) -> Result<Clipped, E> {
    let mut now = Clipped { count, mean: f64::NAN, median, std, iterations: 0 };
    let (mut low, mut high) = (f64::NEG_INFINITY, f64::INFINITY);
    while now.iterations < most && now.count > 0 {
        // Ends only ever come nearer, as values once clipped stay out.
        low = low.max(now.median - sigma * now.std);
        high = high.min(now.median + sigma * now.std);
        let kept = pixels.moments(low, high, now.median)?;
        let done = kept.count == now.count;
        let within = |v: f64| if (low..=high).contains(&v) { v } else { f64::NAN };
        now.median = pixels.percentiles(&[50.0], kept.count, within)?[0];
        (now.count, now.mean, now.std) = (kept.count, kept.mean, kept.std);
        if done {
            break;
        }
        now.iterations += 1;
    }
    Ok(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() <= 1e-12 * b.abs().max(1.0)
    }

    #[test]
    fn one_to_nine_have_the_statistics_of_the_textbook() {
        let mut values: Vec<f64> = (1..=9).map(f64::from).collect();
        values.extend([f64::NAN, f64::INFINITY, f64::NEG_INFINITY]);
        let found = of_values(&values, 4, &StatsOptions { bins: 4, ..StatsOptions::default() });
        assert_eq!((found.count, found.nan, found.infinite), (9, 1, 2));
        assert_eq!((found.min, found.max, found.sum), (1.0, 9.0, 45.0));
        assert_eq!((found.min_at, found.max_at), (Some((0, 0)), Some((0, 2))));
        assert!(close(found.mean, 5.0) && close(found.std, (60.0f64 / 9.0).sqrt()));
        assert!(close(found.median, 5.0) && close(found.mad, 2.0));
        // numpy.percentile(range(1, 10), [1, 5, 25, 75, 95, 99])
        for ((_, value), expected) in found.percentiles.iter().zip([1.08, 1.4, 3.0, 7.0, 8.6, 8.92]) {
            assert!(close(*value, expected), "{value} instead of {expected}");
        }
        assert_eq!(found.histogram.map(|h| h.counts), Some(vec![2, 2, 2, 3]));
    }

    #[test]
    fn clipping_leaves_out_what_astropy_leaves_out() {
        // astropy.stats.sigma_clipped_stats(v, sigma=3, maxiters=5) of these: mean 49.5, median 49.5, std 28.86607.
        let mut values: Vec<f64> = (0..100).map(f64::from).collect();
        values.extend([5000.0, 900.0]);
        let clipped = of_values(&values, 102, &StatsOptions::default()).clipped.unwrap();
        assert_eq!(clipped.count, 100);
        assert!(close(clipped.mean, 49.5) && close(clipped.median, 49.5));
        assert!((clipped.std - 28.866_070_047_722_12).abs() < 1e-12);
    }

    #[test]
    fn an_image_of_nan_has_undefined_statistics() {
        let found = of_values(&[f64::NAN; 6], 3, &StatsOptions { bins: 3, ..StatsOptions::default() });
        assert_eq!((found.count, found.nan), (0, 6));
        for value in [found.min, found.max, found.sum, found.mean, found.std, found.median, found.mad] {
            assert!(value.is_nan());
        }
        assert_eq!(found.min_at, None);
        assert_eq!(found.histogram.map(|h| h.counts), Some(vec![0, 0, 0]));
    }

    #[test]
    fn negative_values_and_zeros_are_ordered_rightly() {
        let values = [-3.5, 2.0, -0.0, 0.0, -1e300, 1e-300, 7.0];
        let options = StatsOptions { percentiles: vec![0.0, 100.0], ..StatsOptions::default() };
        let found = of_values(&values, 7, &options);
        assert_eq!(found.median, 0.0);
        assert_eq!(found.percentiles, [(0.0, -1e300), (100.0, 7.0)]);
    }
}
