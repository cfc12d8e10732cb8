//! What a region is: a shape in a coordinate system, with its properties.

/// The coordinate system of a region's positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum System {
    /// Pixels of the image, 1-based.
    Image,
    /// Pixels of the detector or of the image from which this one was cut (LTV, LTM keywords). DS9's own default.
    #[default]
    Physical,
    /// FK4, equinox B1950.
    Fk4,
    /// FK5, equinox J2000.
    Fk5,
    /// ICRS.
    Icrs,
    /// Galactic.
    Galactic,
    /// Ecliptic, equinox J2000.
    Ecliptic,
}

impl System {
    /// The system that a word of a region file names.
    pub fn from_word(word: &str) -> Option<System> {
        Some(match word.to_ascii_lowercase().as_str() {
            "image" => System::Image,
            "physical" => System::Physical,
            "fk4" | "b1950" => System::Fk4,
            "fk5" | "j2000" | "wcs" => System::Fk5,
            "icrs" => System::Icrs,
            "galactic" => System::Galactic,
            "ecliptic" => System::Ecliptic,
            _ => return None,
        })
    }

    /// True for systems of the sky, false for pixels.
    pub fn is_sky(self) -> bool {
        !matches!(self, System::Image | System::Physical)
    }
}

/// A radius or side.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Length {
    /// On the sky, in degrees.
    Degrees(f64),
    /// In pixels of the image.
    ImagePixels(f64),
    /// In physical pixels.
    PhysicalPixels(f64),
}

/// A shape. Positions are (longitude, latitude) in degrees or (x, y) in 1-based pixels, as the system says; angles
/// are in degrees, counter-clockwise from the x axis, on the sky from west through north (as seen with north up).
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// All within a radius.
    Circle {
        /// Centre.
        center: [f64; 2],
        /// Radius.
        radius: Length,
    },
    /// An ellipse, or with more than one pair of radii the ring between the first and the last.
    Ellipse {
        /// Centre.
        center: [f64; 2],
        /// Semi-axes, along and across the angle.
        radii: [Length; 2],
        /// Semi-axes of the hole, if there is one.
        hole: Option<[Length; 2]>,
        /// Angle of the first axis.
        angle_deg: f64,
    },
    /// A rectangle.
    Box {
        /// Centre.
        center: [f64; 2],
        /// Full sides, along and across the angle.
        size: [Length; 2],
        /// Sides of the hole, if there is one.
        hole: Option<[Length; 2]>,
        /// Angle of the first side.
        angle_deg: f64,
    },
    /// A polygon; its last vertex joins the first.
    Polygon {
        /// Three or more vertices.
        vertices: Vec<[f64; 2]>,
    },
    /// The ring between two radii.
    Annulus {
        /// Centre.
        center: [f64; 2],
        /// Inner radius.
        inner: Length,
        /// Outer radius.
        outer: Length,
    },
    /// A point; covers the pixel that holds it.
    Point {
        /// Where.
        center: [f64; 2],
    },
    /// A straight line between two points; covers the pixels that it runs through.
    Line {
        /// Both ends.
        ends: [[f64; 2]; 2],
    },
    /// A label; covers nothing.
    Text {
        /// Where.
        center: [f64; 2],
    },
}

/// One region.
#[derive(Debug, Clone, PartialEq)]
pub struct Region {
    /// What it covers.
    pub shape: Shape,
    /// In which coordinates.
    pub system: System,
    /// False for regions with a `-` before them, which take pixels out.
    pub include: bool,
    /// Colour, as DS9 names it (`green`, `#ff8800`); the file's own default, else None.
    pub color: Option<String>,
    /// Label.
    pub text: Option<String>,
    /// All properties in order, the file's global ones first.
    pub properties: Vec<(String, String)>,
    /// 1-based line of the file.
    pub line: usize,
}
