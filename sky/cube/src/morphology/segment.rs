//! Which pixels belong together.

use super::smooth::gaussian;

/// Numbers of regions of touching pixels (corners count), from 1; 0 where `inside` is false.
pub fn regions(inside: &[bool], width: usize) -> Vec<u32> {
    let height = inside.len() / width.max(1);
    let mut labels = vec![0u32; inside.len()];
    let mut next = 0;
    let mut open = Vec::new();
    for start in 0..width * height {
        if !inside[start] || labels[start] != 0 {
            continue;
        }
        next += 1;
        labels[start] = next;
        open.push(start);
        while let Some(at) = open.pop() {
            let (x, y) = (at % width, at / width);
            for ny in y.saturating_sub(1)..(y + 2).min(height) {
                for nx in x.saturating_sub(1)..(x + 2).min(width) {
                    let neighbour = ny * width + nx;
                    if inside[neighbour] && labels[neighbour] == 0 {
                        labels[neighbour] = next;
                        open.push(neighbour);
                    }
                }
            }
        }
    }
    labels
}

/// Reach of an object, in units of its ellipse, beyond which pixels are sky.
const SKY_REACH: f64 = 1.6;
/// Smallest share of the pixels that the sky rests on: the farthest from the object.
const LEAST_SKY: f64 = 0.1;
/// Most rounds of object and sky by turns.
const ROUNDS: usize = 20;

/// The object of an image: of the pixels that stand out of the sky by 1.5 sigma after smoothing by a Gaussian of 3 pixels
/// full width, the region that holds the most light. Sky and sigma are the median and the scaled median deviation after
/// clipping at 3 sigma. All false where nothing stands out.
///
/// The faint rim of an object that fills much of its image is no sky: sky and object are found by turns, the sky beyond 1.6
/// times the object's ellipse, at least in the tenth of the pixels that is farthest from it.
///
/// - `values`: row by row; masked ones hold 0 and are told by `masked`.
pub fn object(values: &[f64], width: usize, masked: &[bool]) -> Vec<bool> {
    let smooth = gaussian(values, width, 3.0 / 2.354_820_045);
    let known: Vec<f64> = values.iter().zip(masked).filter(|(_, m)| !**m).map(|(v, _)| *v).collect();
    let mut inside = brightest(values, &smooth, width, masked, sky_of(known));
    for _ in 0..ROUNDS {
        let Some(sky) = beyond(&inside, values, width, masked) else { break };
        let next = brightest(values, &smooth, width, masked, sky_of(sky));
        // A sky that hides the object again is none.
        let count = |inside: &[bool]| inside.iter().filter(|i| **i).count();
        if next == inside || count(&next) < count(&inside) {
            break;
        }
        inside = next;
    }
    inside
}

/// The region of the most light above a sky of this level and sigma.
fn brightest(values: &[f64], smooth: &[f64], width: usize, masked: &[bool], (sky, sigma): (f64, f64)) -> Vec<bool> {
    let above: Vec<bool> = smooth.iter().zip(masked).map(|(v, m)| !m && *v > sky + 1.5 * sigma).collect();
    let labels = regions(&above, width);
    let count = labels.iter().copied().max().unwrap_or(0) as usize;
    let mut light = vec![0.0; count + 1];
    labels.iter().zip(values).filter(|(l, _)| **l > 0).for_each(|(l, v)| light[*l as usize] += v - sky);
    let brightest = (1..=count).max_by(|a, b| light[*a].total_cmp(&light[*b])).unwrap_or(0) as u32;
    labels.iter().map(|l| *l == brightest && brightest > 0).collect()
}

/// Values of the pixels beyond the object's reach, or of the farthest tenth. None without object.
fn beyond(inside: &[bool], values: &[f64], width: usize, masked: &[bool]) -> Option<Vec<f64>> {
    let place = |k: usize| ((k % width) as f64, (k / width) as f64);
    let own: Vec<(f64, f64)> = (0..inside.len()).filter(|k| inside[*k]).map(place).collect();
    let n = own.len() as f64;
    if own.is_empty() {
        return None;
    }
    let (cx, cy) = own.iter().fold((0.0, 0.0), |s, p| (s.0 + p.0 / n, s.1 + p.1 / n));
    // Second moments of the region; a filled ellipse has a quarter of its squared semi-axes. A pixel has a twelfth.
    let (mut xx, mut yy, mut xy) = (1.0 / 12.0, 1.0 / 12.0, 0.0);
    for (x, y) in &own {
        let (dx, dy) = (x - cx, y - cy);
        xx += dx * dx / n;
        yy += dy * dy / n;
        xy += dx * dy / n;
    }
    let determinant = xx * yy - xy * xy;
    let radius = |k: usize| {
        let (dx, dy) = (place(k).0 - cx, place(k).1 - cy);
        ((yy * dx * dx + xx * dy * dy - 2.0 * xy * dx * dy) / (4.0 * determinant)).sqrt()
    };
    let mut sky: Vec<(f64, f64)> = (0..values.len()).filter(|k| !masked[*k]).map(|k| (radius(k), values[k])).collect();
    sky.sort_by(|a, b| b.0.total_cmp(&a.0));
    let least = (LEAST_SKY * sky.len() as f64).ceil() as usize;
    let far = sky.partition_point(|(r, _)| *r > SKY_REACH).max(least);
    Some(sky.into_iter().take(far).map(|(_, v)| v).collect())
}

/// The pixels of the rectangle about an object, `times` as wide and high as it; none without object.
pub fn around(inside: &[bool], width: usize, times: f64) -> Vec<bool> {
    let (mut low, mut high) = ((f64::INFINITY, f64::INFINITY), (f64::NEG_INFINITY, f64::NEG_INFINITY));
    for (k, _) in inside.iter().enumerate().filter(|(_, i)| **i) {
        let (x, y) = ((k % width) as f64, (k / width) as f64);
        low = (low.0.min(x), low.1.min(y));
        high = (high.0.max(x), high.1.max(y));
    }
    let near = |v: f64, low: f64, high: f64| (v - 0.5 * (low + high)).abs() <= 0.5 * times * (high - low + 1.0);
    (0..inside.len())
        .map(|k| near((k % width) as f64, low.0, high.0) && near((k / width) as f64, low.1, high.1))
        .collect()
}

/// Median and standard deviation of the sky.
pub(super) fn sky_of(mut values: Vec<f64>) -> (f64, f64) {
    let middle = |v: &mut Vec<f64>| {
        v.sort_by(f64::total_cmp);
        if v.is_empty() { 0.0 } else { v[v.len() / 2] }
    };
    let (mut sky, mut sigma) = (0.0, 0.0);
    for _ in 0..8 {
        sky = middle(&mut values);
        let mut deviations: Vec<f64> = values.iter().map(|v| (v - sky).abs()).collect();
        sigma = 1.482_602_218_505_602 * middle(&mut deviations);
        let before = values.len();
        values.retain(|v| (v - sky).abs() <= 3.0 * sigma);
        if values.len() == before || sigma == 0.0 {
            break;
        }
    }
    (sky, sigma)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_that_touch_by_corners_belong_together() {
        let picture = ["#..#", ".#..", "...#", "...#"].concat();
        let inside: Vec<bool> = picture.chars().map(|c| c == '#').collect();
        assert_eq!(regions(&inside, 4), [1, 0, 0, 2, 0, 1, 0, 0, 0, 0, 0, 3, 0, 0, 0, 3]);
    }

    #[test]
    fn the_rectangle_about_an_object_is_as_wide_as_asked_for() {
        let inside: Vec<bool> = (0..400).map(|k| (8..12).contains(&(k % 20)) && (9..11).contains(&(k / 20))).collect();
        let near = around(&inside, 20, 2.0);
        assert_eq!(near.iter().filter(|n| **n).count(), 8 * 4);
        assert!(around(&[false; 9], 3, 2.0).iter().all(|n| !n));
    }

    #[test]
    fn the_brightest_blob_over_noise_is_the_object() {
        let mut stream = crate::result::made_up::Stream(3);
        let mut values: Vec<f64> = (0..80 * 80).map(|_| stream.normal()).collect();
        for (k, v) in values.iter_mut().enumerate() {
            let r2 = |cx: f64, cy: f64| {
                let (dx, dy) = ((k % 80) as f64 - cx, (k / 80) as f64 - cy);
                dx * dx + dy * dy
            };
            *v += 50.0 * libm::exp(-r2(30.0, 40.0) / 50.0) + 20.0 * libm::exp(-r2(65.0, 65.0) / 8.0);
        }
        let object = object(&values, 80, &[false; 6400]);
        assert!(object[40 * 80 + 30] && !object[65 * 80 + 65] && !object[5 * 80 + 5]);
        let area = object.iter().filter(|o| **o).count() as f64;
        // Where 50 exp(-r2 / 50) is about 1.5: r2 = 175.
        assert!((area / (std::f64::consts::PI * 175.0) - 1.0).abs() < 0.2, "{area}");
    }

    #[test]
    fn an_object_that_fills_its_image_keeps_its_faint_rim() {
        // An exponential disc of scale length 10, 100 sigma in the middle: half of these pixels hold more than 2 sigma.
        let side = 91;
        let light = |k: usize| {
            let (x, y) = ((k % side) as f64 - 45.3, (k / side) as f64 - 44.6);
            100.0 * libm::exp(-libm::hypot(x, y) / 10.0)
        };
        let mut stream = crate::result::made_up::Stream(11);
        let values: Vec<f64> = (0..side * side).map(|k| light(k) + stream.normal()).collect();
        let object = object(&values, side, &vec![false; side * side]);
        let area = object.iter().filter(|o| **o).count() as f64;
        // 100 exp(-r / 10) is 1.5 at 42.0.
        let truth = std::f64::consts::PI * 42.0 * 42.0;
        assert!((area / truth - 1.0).abs() < 0.12, "{area} {truth}");
    }
}
