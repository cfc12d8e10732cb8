//! Celestial frames and the ways between them.

use super::fk4;
use super::precession::{fk5_to_galactic, galactic_to_supergalactic, icrs_to_fk5, mean_ecliptic, precession};
use super::rotation::Rotation;
use super::vectors::{SkyCoord, Vectors};

/// A celestial frame.
#[derive(Debug, Clone, PartialEq)]
pub enum Frame {
    /// The International Celestial Reference System.
    Icrs,
    /// FK5, mean equator and equinox of a Julian epoch.
    Fk5 {
        /// Julian year, as 2000.
        equinox: f64,
    },
    /// FK4 with the e-terms of aberration in its places, as catalogues have them.
    Fk4 {
        /// Besselian year, as 1950.
        equinox: f64,
        /// Besselian year of observation; FK4 spins against FK5 by 0.5" a century.
        epoch: f64,
    },
    /// FK4 without the e-terms.
    Fk4NoE {
        /// Besselian year, as 1950.
        equinox: f64,
        /// Besselian year of observation.
        epoch: f64,
    },
    /// Galactic longitude and latitude (IAU 1958).
    Galactic,
    /// Mean ecliptic and equinox of a date, seen from the barycentre.
    Ecliptic {
        /// Julian year.
        equinox: f64,
    },
    /// Supergalactic longitude and latitude (de Vaucouleurs).
    Supergalactic,
    /// Any other, by the first letters of its CTYPE (HLON, xyLN and the like): known only to itself.
    Other(String),
}

/// The way from one frame to another, worked out once.
#[derive(Debug, Clone, PartialEq)]
pub struct Conversion {
    remove_e: Option<[f64; 3]>,
    rotation: Option<Rotation>,
    /// FK4's matrices stretch by parts in 1e6.
    stretches: bool,
    add_e: Option<[f64; 3]>,
    reachable: bool,
}

impl Frame {
    /// B1950 with e-terms, observed then.
    pub const B1950: Frame = Frame::Fk4 { equinox: 1950.0, epoch: 1950.0 };
    /// FK5 at J2000.
    pub const J2000: Frame = Frame::Fk5 { equinox: 2000.0 };

    /// Converts unit vectors from this frame to another, in place.
    ///
    /// Places agree with astropy's `transform_to` within 1 mas (in practice 1e-9"): FK5 precesses by IAU 2006, the
    /// ecliptic is `BarycentricMeanEcliptic`, FK4 follows Murray 1989. Between [`Frame::Other`] and anything else
    /// no way is known: the vectors become NaN ([`Frame::reaches`] asks beforehand).
    pub fn convert(&self, to: &Frame, vectors: &mut Vectors) {
        self.conversion(to).apply(&mut vectors.x, &mut vectors.y, &mut vectors.z);
    }

    /// Converts one direction.
    pub fn convert_one(&self, to: &Frame, place: SkyCoord) -> SkyCoord {
        SkyCoord::from_vector(self.conversion(to).apply_one(place.to_vector()))
    }

    /// Whether [`Frame::convert`] knows the way.
    pub fn reaches(&self, to: &Frame) -> bool {
        self == to || !matches!((self, to), (Frame::Other(_), _) | (_, Frame::Other(_)))
    }

    /// The way to another frame.
    pub fn conversion(&self, to: &Frame) -> Conversion {
        let nothing =
            Conversion { remove_e: None, rotation: None, stretches: false, add_e: None, reachable: self.reaches(to) };
        if self == to || !nothing.reachable {
            return nothing;
        }
        Conversion {
            remove_e: self.e_terms(),
            rotation: Some(self.rotation_to(to)),
            stretches: self.old_equinox().is_some() || to.old_equinox().is_some(),
            add_e: to.e_terms(),
            reachable: true,
        }
    }

    fn e_terms(&self) -> Option<[f64; 3]> {
        match self {
            Frame::Fk4 { equinox, .. } => Some(fk4::e_terms(*equinox)),
            _ => None,
        }
    }

    fn old_equinox(&self) -> Option<f64> {
        match self {
            Frame::Fk4 { equinox, .. } | Frame::Fk4NoE { equinox, .. } => Some(*equinox),
            _ => None,
        }
    }

    /// The linear part of the way, e-terms apart.
    fn rotation_to(&self, to: &Frame) -> Rotation {
        match (self.old_equinox(), to.old_equinox()) {
            (Some(a), Some(b)) => fk4::precession(a, b),
            // Galactic axes were defined in B1950; going there through J2000 would add FK4's spin.
            (Some(a), None) => match to.galactic_first() {
                Some(last) => fk4::precession(a, 1950.0).then(&fk4::to_galactic()).then(&last),
                None => self.to_icrs().then(&to.to_icrs().transposed()),
            },
            (None, Some(_)) => to.rotation_to(self).transposed(),
            (None, None) => self.to_icrs().then(&to.to_icrs().transposed()),
        }
    }

    /// From galactic axes to this frame's, where those are defined by them.
    fn galactic_first(&self) -> Option<Rotation> {
        match self {
            Frame::Galactic => Some(Rotation::IDENTITY),
            Frame::Supergalactic => Some(galactic_to_supergalactic()),
            _ => None,
        }
    }

    fn to_icrs(&self) -> Rotation {
        let from_fk5 = icrs_to_fk5().transposed();
        match self {
            Frame::Icrs | Frame::Other(_) => Rotation::IDENTITY,
            Frame::Fk5 { equinox } => precession(*equinox).transposed().then(&from_fk5),
            Frame::Fk4 { equinox, epoch } | Frame::Fk4NoE { equinox, epoch } => {
                fk4::precession(*equinox, 1950.0).then(&fk4::to_fk5(*epoch)).then(&from_fk5)
            }
            Frame::Galactic => fk5_to_galactic().transposed().then(&from_fk5),
            Frame::Ecliptic { equinox } => mean_ecliptic(*equinox).transposed(),
            Frame::Supergalactic => galactic_to_supergalactic().transposed().then(&Frame::Galactic.to_icrs()),
        }
    }

    /// The name that people use: `ICRS`, `FK5 J2000`, `FK4 B1950`, `galactic`, ...
    pub fn name(&self) -> String {
        match self {
            Frame::Icrs => "ICRS".into(),
            Frame::Fk5 { equinox } => format!("FK5 J{equinox}"),
            Frame::Fk4 { equinox, .. } => format!("FK4 B{equinox}"),
            Frame::Fk4NoE { equinox, .. } => format!("FK4-NO-E B{equinox}"),
            Frame::Galactic => "galactic".into(),
            Frame::Ecliptic { equinox } => format!("ecliptic J{equinox}"),
            Frame::Supergalactic => "supergalactic".into(),
            Frame::Other(name) => name.clone(),
        }
    }
}

impl Conversion {
    /// Whether nothing changes.
    pub fn is_identity(&self) -> bool {
        self.reachable && self.rotation.is_none()
    }

    /// The rotation, where the way is nothing but one; also for the identity.
    pub fn as_rotation(&self) -> Option<Rotation> {
        let plain = self.reachable && !self.stretches && self.remove_e.is_none() && self.add_e.is_none();
        plain.then(|| self.rotation.unwrap_or(Rotation::IDENTITY))
    }

    /// Converts one unit vector.
    pub fn apply_one(&self, v: [f64; 3]) -> [f64; 3] {
        if !self.reachable {
            return [f64::NAN; 3];
        }
        let v = self.remove_e.map_or(v, |e| fk4::without_e(e, v));
        let v = self.rotation.map_or(v, |m| m.apply(v));
        let v = if self.stretches { fk4::normalised(v) } else { v };
        self.add_e.map_or(v, |e| fk4::with_e(e, v))
    }

    /// Converts unit vectors in place; slices of one length.
    pub fn apply(&self, x: &mut [f64], y: &mut [f64], z: &mut [f64]) {
        if self.is_identity() {
            return;
        }
        if let Some(rotation) = self.as_rotation() {
            rotation.apply_rows(x, y, z);
            return;
        }
        for ((x, y), z) in x.iter_mut().zip(y.iter_mut()).zip(z.iter_mut()) {
            [*x, *y, *z] = self.apply_one([*x, *y, *z]);
        }
    }
}
