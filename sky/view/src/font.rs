//! Pogson's own stroke font: letters as lines on a grid of 4 by 8, drawn at any size with smooth edges.

use crate::draw::{Layer, Point};

/// Strokes of each character. A stroke is a row of points `xy`, x from 0 (left) to 4 or more, y from 0 (lowest of a
/// descender) over 2 (baseline) and 6 (height of small letters) to 8 (height of capitals); strokes are separated by
/// blanks. A stroke that begins with `~` is bent into a smooth curve with the points as its control polygon, where a
/// point named twice is a corner; one of a single point is a dot.
const GLYPHS: [(char, &str); 100] = [
    (' ', ""),
    ('!', "0804 02"),
    ('"', "0806 1816"),
    ('#', "1812 3832 0646 0444"),
    ('$', "~4748280805254542220203 2921"),
    ('%', "0248 ~070828260607 ~232444422223"),
    ('&', "~421708282604022244"),
    ('\'', "0806"),
    ('(', "~18060412"),
    (')', "~08161402"),
    ('*', "2824 0745 0547"),
    ('+', "2723 0545"),
    (',', "1201"),
    ('-', "0535"),
    ('.', "02"),
    ('/', "0138"),
    ('0', "~05084845420205"),
    ('1', "06182822 1232"),
    ('2', "~0608484502 0242"),
    ('3', "~0708484525 ~2545420203"),
    ('4', "380444 3832"),
    ('5', "480805 ~052646420203"),
    ('6', "~380804 ~040646420204"),
    ('7', "084812"),
    ('8', "~28484525050828 ~25454222020525"),
    ('9', "~464808044446 ~464212"),
    (':', "06 03"),
    (';', "16 1301"),
    ('<', "470543"),
    ('=', "0646 0444"),
    ('>', "074503"),
    ('?', "~070848462524 22"),
    ('@', "~353615133335 ~35334348080232"),
    ('A', "022842 1434"),
    ('B', "0208 ~082838352505 ~052545422202"),
    ('C', "~474828080502224243"),
    ('D', "0208 ~08284845422202"),
    ('E', "48080242 0535"),
    ('F', "480802 0535"),
    ('G', "~474828080502224243 434525"),
    ('H', "0802 4842 0545"),
    ('I', "0802"),
    ('J', "~38320203"),
    ('K', "0802 4804 1642"),
    ('L', "080242"),
    ('M', "0208244842"),
    ('N', "02084248"),
    ('O', "~050828484542220205"),
    ('P', "0208 ~082848442404"),
    ('Q', "~050828484542220205 2441"),
    ('R', "0208 ~082848442404 2442"),
    ('S', "~4748280805254542220203"),
    ('T', "0848 2822"),
    ('U', "~08050222424548"),
    ('V', "082248"),
    ('W', "0812263248"),
    ('X', "0842 0248"),
    ('Y', "082548 2522"),
    ('Z', "08480242"),
    ('[', "18080212"),
    ('\\', "0831"),
    (']', "08181202"),
    ('^', "061836"),
    ('_', "0141"),
    ('`', "0817"),
    ('a', "~343606023234 3632"),
    ('b', "0802 ~040636320204"),
    ('c', "~353606023233"),
    ('d', "3832 ~343606023234"),
    ('e', "0434 ~343606023233"),
    ('f', "~28181512 0626"),
    ('g', "~36300001 ~343606023234"),
    ('h', "0802 ~04063632"),
    ('i', "0602 08"),
    ('j', "~161000 18"),
    ('k', "0802 3603 1432"),
    ('l', "0802"),
    ('m', "0602 ~04062622 ~24264642"),
    ('n', "0602 ~04063632"),
    ('o', "~040636320204"),
    ('p', "0600 ~040636320204"),
    ('q', "3630 ~343606023234"),
    ('r', "0602 ~040626"),
    ('s', "~3536060434320203"),
    ('t', "~181222 0626"),
    ('u', "3632 ~06023234"),
    ('v', "061236"),
    ('w', "0612243246"),
    ('x', "0632 0236"),
    ('y', "0612 3600"),
    ('z', "06360232"),
    ('{', "~28181605 ~05141222"),
    ('|', "0801"),
    ('}', "~08181625 ~25141202"),
    ('~', "~0406253446"),
    ('\u{b0}', "~070828260607"),
    ('\u{2032}', "1806"),
    ('\u{2033}', "1806 3826"),
    ('\u{2212}', "0545"),
    ('\u{b1}', "2824 0646 0242"),
];

/// Height of capitals in units of the grid.
const CAPITAL: f64 = 6.0;
/// Space between characters in units of the grid.
const GAP: f64 = 1.9;
/// Width of a blank in units of the grid.
const BLANK: f64 = 1.6;

fn strokes(character: char) -> &'static str {
    let find = |c: char| GLYPHS.iter().find(|(known, _)| *known == c);
    // An unknown character shows as an empty box.
    find(character).map_or("0802424808", |(_, strokes)| strokes)
}

/// The points of one stroke on the grid.
fn points(stroke: &str) -> Vec<Point> {
    let digits: Vec<f64> = stroke.bytes().filter(u8::is_ascii_digit).map(|d| f64::from(d - b'0')).collect();
    let corners: Vec<Point> = digits.chunks_exact(2).map(|p| (p[0], p[1])).collect();
    if stroke.starts_with('~') { smoothed(&corners) } else { corners }
}

/// The quadratic B-spline of a control polygon, through its first and last point, as short lines.
fn smoothed(control: &[Point]) -> Vec<Point> {
    const STEPS: usize = 6;
    let n = control.len();
    if n < 3 {
        return control.to_vec();
    }
    let middle = |a: Point, b: Point| (0.5 * (a.0 + b.0), 0.5 * (a.1 + b.1));
    let mut curve = vec![control[0]];
    for i in 1..n - 1 {
        let from = if i == 1 { control[0] } else { middle(control[i - 1], control[i]) };
        let to = if i == n - 2 { control[n - 1] } else { middle(control[i], control[i + 1]) };
        for k in 1..=STEPS {
            let t = k as f64 / STEPS as f64;
            let weigh = |a: f64, b: f64, c: f64| (1.0 - t) * (1.0 - t) * a + 2.0 * t * (1.0 - t) * b + t * t * c;
            curve.push((weigh(from.0, control[i].0, to.0), weigh(from.1, control[i].1, to.1)));
        }
    }
    curve
}

fn advance(character: char) -> f64 {
    let widest = strokes(character).split(' ').flat_map(points).fold(0.0, |most: f64, (x, _)| most.max(x));
    if character == ' ' { BLANK + GAP } else { widest + GAP }
}

/// Width in pixels of `text` whose capitals are `height` pixels tall.
pub fn text_width(text: &str, height: f64) -> f64 {
    let units: f64 = text.chars().map(advance).sum();
    (units - GAP).max(0.0) * height / CAPITAL
}

/// Draws `text` into the layer.
///
/// - `at`: the left end of the baseline, in pixels of the picture.
/// - `height`: height of the capitals in pixels.
/// - `thickness`: of the strokes, in pixels; an eighth of the height looks regular.
pub fn draw_text(layer: &mut Layer, text: &str, at: Point, height: f64, thickness: f64) {
    let unit = height / CAPITAL;
    let mut left = at.0;
    for character in text.chars() {
        for stroke in strokes(character).split(' ').filter(|s| !s.is_empty()) {
            let line: Vec<Point> =
                points(stroke).into_iter().map(|(x, y)| (unit.mul_add(x, left), unit.mul_add(2.0 - y, at.1))).collect();
            if let [dot] = line.as_slice() {
                layer.disc(*dot, 0.65 * thickness);
            }
            layer.polyline(&line, false, thickness);
        }
        left += advance(character) * unit;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_printable_ascii_character_has_a_glyph_of_whole_points() {
        for c in ' '..='~' {
            assert!(GLYPHS.iter().any(|(known, _)| *known == c), "{c}");
        }
        for (c, strokes) in GLYPHS {
            for stroke in strokes.split(' ').filter(|s| !s.is_empty()) {
                let digits = stroke.strip_prefix('~').unwrap_or(stroke);
                assert!(digits.len() % 2 == 0 && digits.bytes().all(|b| b.is_ascii_digit()), "{c}");
            }
        }
    }

    #[test]
    fn text_stays_within_its_width_and_height() {
        let mut layer = Layer::new(300, 40);
        draw_text(&mut layer, "18h20m -16\u{b0}10\u{2032}", (10.0, 30.0), 12.0, 1.5);
        let width = text_width("18h20m -16\u{b0}10\u{2032}", 12.0);
        let mut picture = crate::Picture::filled(300, 40, crate::Rgb::BLACK);
        layer.lay(&mut picture, crate::Rgb::WHITE, 1.0);
        for y in 0..40 {
            for x in 0..300 {
                let lit = picture.at(x, y) != Some(crate::Rgb::BLACK);
                let inside = x as f64 >= 8.0 && (x as f64) < 12.0 + width && (16..32).contains(&y);
                assert!(!lit || inside, "{x}, {y}");
            }
        }
    }
}
