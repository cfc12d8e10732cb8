//! Between the sky and the twelve base faces.

/// Rows of the base faces' southern corners, counted from the north pole in sides of a face.
const ROW: [f64; 12] = [2.0, 2.0, 2.0, 2.0, 3.0, 3.0, 3.0, 3.0, 4.0, 4.0, 4.0, 4.0];
/// Their longitudes in units of 45 degrees.
const COLUMN: [f64; 12] = [1.0, 3.0, 5.0, 7.0, 0.0, 2.0, 4.0, 6.0, 1.0, 3.0, 5.0, 7.0];

/// Base face, column and row of a place; see [`crate::Cell::containing`].
pub(crate) fn of_sky(order: u8, lon_deg: f64, lat_deg: f64) -> (u8, u32, u32) {
    let finite = |v: f64| if v.is_finite() { v } else { 0.0 };
    let lat = finite(lat_deg).clamp(-90.0, 90.0);
    of_direction(order, finite(lon_deg), libm::sincos(lat.to_radians()))
}

/// The same by a finite longitude and sine and cosine of the latitude.
pub(crate) fn of_direction(order: u8, lon: f64, (sin, cos): (f64, f64)) -> (u8, u32, u32) {
    let side = 1u64 << order;
    let last = side - 1;
    let n = side as f64;
    let quarters = quarters(lon);
    if sin.abs() <= BELT {
        let along = n * (0.5 + quarters);
        let across = n * 0.75 * sin;
        return of_belt(order, (along - across) as u64, (along + across) as u64);
    }
    let quarter = (quarters as u64).min(3);
    let within = quarters - quarter as f64;
    let wide = n * cap(sin.abs(), cos);
    let up = ((within * wide) as u64).min(last);
    let down = (((1.0 - within) * wide) as u64).min(last);
    of_cap(order, sin >= 0.0, quarter as u8, up, down)
}

/// Sine of the latitude up to which lines of cells are straight in longitude and that sine.
pub(crate) const BELT: f64 = 2.0 / 3.0;

/// A finite longitude, degrees, in quarters of a turn, below 4.
pub(crate) fn quarters(lon: f64) -> f64 {
    // Rounding may bring it to 4.
    let quarters = (lon.rem_euclid(360.0) / 90.0).min(4.0);
    if quarters >= 4.0 { 0.0 } else { quarters }
}

/// Width of a cap's quarter in sides of a face, by the sine of the latitude, without its sign, and its cosine: sqrt(3 (1 - |z|)) without
/// cancellation at the poles.
pub(crate) fn cap(sin: f64, cos: f64) -> f64 {
    cos * (3.0 / (1.0 + sin)).sqrt()
}

/// The cell between lines that ascend and that descend, counted from the left, of the belt around the equator. Any number of whole turns
/// may be added to both.
pub(crate) fn of_belt(order: u8, up: u64, down: u64) -> (u8, u32, u32) {
    let last = (1u64 << order) - 1;
    let (face_up, face_down) = (up >> order, down >> order);
    let face = match face_up.cmp(&face_down) {
        std::cmp::Ordering::Equal => (face_up & 3) + 4,
        std::cmp::Ordering::Less => face_up & 3,
        std::cmp::Ordering::Greater => (face_down & 3) + 8,
    };
    (face as u8, (down & last) as u32, (last - (up & last)) as u32)
}

/// The same of a quarter of a cap, lines counted from the pole.
pub(crate) fn of_cap(order: u8, north: bool, quarter: u8, up: u64, down: u64) -> (u8, u32, u32) {
    let last = (1u64 << order) - 1;
    let (up, down) = (up.min(last), down.min(last));
    if north { (quarter, (last - down) as u32, (last - up) as u32) } else { (quarter + 8, up as u32, down as u32) }
}

/// Longitude in [0, 360) and latitude, degrees, of a place in a base face, `x` and `y` in [0, 1] from its southern corner.
pub(crate) fn to_sky(face: u8, x: f64, y: f64) -> (f64, f64) {
    let face = usize::from(face.min(11));
    let row = ROW[face] - x - y;
    // Width of the ring in sides of a face, sine and cosine of the latitude.
    let (wide, sin, cos) = if row < 1.0 {
        let t = row * row / 3.0;
        (row, 1.0 - t, (t * (2.0 - t)).max(0.0).sqrt())
    } else if row > 3.0 {
        let wide = 4.0 - row;
        let t = wide * wide / 3.0;
        (wide, t - 1.0, (t * (2.0 - t)).max(0.0).sqrt())
    } else {
        let sin = (2.0 - row) * (2.0 / 3.0);
        (1.0, sin, ((1.0 - sin) * (1.0 + sin)).max(0.0).sqrt())
    };
    let turned = COLUMN[face] * wide + x - y;
    let lon = if wide > 1e-15 { 45.0 * (turned / wide) } else { 45.0 * COLUMN[face] };
    (lon.rem_euclid(360.0) % 360.0, libm::atan2(sin, cos).to_degrees())
}
