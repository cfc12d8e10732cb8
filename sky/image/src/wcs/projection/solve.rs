//! Roots of rising functions.

/// The root of a function that rises over `[low, high]`, to the last places: Newton's steps held in a bracket.
///
/// `f` gives value and slope; `start` is a guess. Where the function has no sign change the nearer end is returned.
pub(super) fn solve_increasing(f: impl Fn(f64) -> (f64, f64), mut low: f64, mut high: f64, start: f64) -> f64 {
    let mut at = if start >= low && start <= high { start } else { 0.5 * (low + high) };
    for _ in 0..100 {
        let (value, slope) = f(at);
        if value == 0.0 {
            return at;
        }
        if value > 0.0 {
            high = at;
        } else {
            low = at;
        }
        let newton = at - value / slope;
        let next = if newton > low && newton < high { newton } else { 0.5 * (low + high) };
        if (next - at).abs() <= 1e-16 * next.abs() || high - low <= 1e-16 * high.abs() {
            return next;
        }
        at = next;
    }
    at
}
