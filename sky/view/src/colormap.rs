//! Colour maps: screen brightness in `[0, 1]` to a colour.

use std::fmt;
use std::str::FromStr;

use crate::picture::Rgb;

/// A colour map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colormap {
    /// Black to white.
    Grey,
    /// Dark blue over green to yellow; even steps for the eye, readable without red or green vision.
    Viridis,
    /// Black over purple and salmon to cream; even steps for the eye.
    Magma,
    /// Black over red and orange to pale yellow; even steps for the eye.
    Inferno,
    /// Black, red, yellow, white, as DS9's heat.
    Heat,
    /// Black, blue, cyan, white, as DS9's cool.
    Cool,
    /// Purple over blue, green, yellow to red.
    Rainbow,
    /// Blue, white, red: for differences whose zero lies in the middle of the limits.
    Diverging,
}

/// Every colour map with its name.
const NAMES: [(&str, Colormap); 8] = [
    ("grey", Colormap::Grey),
    ("viridis", Colormap::Viridis),
    ("magma", Colormap::Magma),
    ("inferno", Colormap::Inferno),
    ("heat", Colormap::Heat),
    ("cool", Colormap::Cool),
    ("rainbow", Colormap::Rainbow),
    ("diverging", Colormap::Diverging),
];

// The first three are matplotlib's maps (public domain, CC0) sampled at every sixteenth.
const VIRIDIS: [u32; 17] = [
    0x440154, 0x48186a, 0x472d7b, 0x424086, 0x3b528b, 0x33638d, 0x2c728e, 0x26818e, 0x21908c, 0x1f9f88, 0x28ae80,
    0x3ebc74, 0x5dc963, 0x82d34c, 0xabdc32, 0xd5e21a, 0xfde725,
];
const MAGMA: [u32; 17] = [
    0x000004, 0x0a0822, 0x1d1146, 0x36106a, 0x50127c, 0x691c81, 0x822681, 0x9c2e7f, 0xb63779, 0xcf4170, 0xe65163,
    0xf5695c, 0xfb8761, 0xfea571, 0xfec387, 0xfde0a2, 0xfcfdbf,
];
const INFERNO: [u32; 17] = [
    0x000004, 0x0b0724, 0x210c4a, 0x3c0965, 0x57106d, 0x70196e, 0x89226a, 0xa32b61, 0xbb3755, 0xd14644, 0xe35932,
    0xf1711e, 0xf98d0a, 0xfcab0f, 0xf9ca32, 0xf2e865, 0xfcffa4,
];
const RAINBOW: [u32; 9] = [0x3a0a78, 0x2b36c8, 0x1f7fe0, 0x15b5b8, 0x2fc24a, 0xa6d01c, 0xf4c31c, 0xf4781a, 0xd81e1e];
const DIVERGING: [u32; 9] = [0x1b3a8c, 0x3f6fc4, 0x7fa8e0, 0xbfd5f0, 0xf7f7f7, 0xf6cdbd, 0xe38f7b, 0xc44d4a, 0x8c1628];

impl Colormap {
    /// The colour of `brightness`, which is brought into `[0, 1]` first.
    pub fn colour(self, brightness: f64) -> Rgb {
        let t = brightness.clamp(0.0, 1.0);
        let byte = |v: f64| (v.clamp(0.0, 1.0) * 255.0 + 0.5) as u8;
        match self {
            Colormap::Grey => Rgb([byte(t); 3]),
            Colormap::Viridis => between(&VIRIDIS, t),
            Colormap::Magma => between(&MAGMA, t),
            Colormap::Inferno => between(&INFERNO, t),
            Colormap::Rainbow => between(&RAINBOW, t),
            Colormap::Diverging => between(&DIVERGING, t),
            Colormap::Heat => Rgb([byte(t / 0.34), byte(t), byte((t - 0.65) / 0.33)]),
            Colormap::Cool => Rgb([byte((t - 0.65) / 0.33), byte(t), byte(t / 0.34)]),
        }
    }

    /// The colours of 256 even steps, `inverted` from the last to the first.
    pub fn table(self, inverted: bool) -> [Rgb; 256] {
        std::array::from_fn(|i| {
            let t = i as f64 / 255.0;
            self.colour(if inverted { 1.0 - t } else { t })
        })
    }
}

/// Linear between evenly spaced colours.
fn between(knots: &[u32], t: f64) -> Rgb {
    let last = knots.len() - 1;
    let place = t * last as f64;
    let below = (place as usize).min(last - 1);
    let share = place - below as f64;
    let (Rgb(a), Rgb(b)) = (Rgb::hex(knots[below]), Rgb::hex(knots[below + 1]));
    Rgb(std::array::from_fn(|k| (f64::from(b[k]) - f64::from(a[k])).mul_add(share, f64::from(a[k]) + 0.5) as u8))
}

/// The text names no colour map.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("colour map '{text}' is unknown; use grey, viridis, magma, inferno, heat, cool, rainbow or diverging")]
pub struct ColormapError {
    /// The text as given.
    pub text: String,
}

impl FromStr for Colormap {
    type Err = ColormapError;

    fn from_str(text: &str) -> Result<Colormap, ColormapError> {
        let name = text.trim().to_ascii_lowercase();
        let name = if name == "gray" { "grey" } else { name.as_str() };
        NAMES
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, map)| *map)
            .ok_or_else(|| ColormapError { text: text.into() })
    }
}

impl fmt::Display for Colormap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = NAMES.iter().find(|(_, map)| map == self).map(|(name, _)| *name);
        f.write_str(name.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_and_middle_of_viridis_are_matplotlibs() {
        assert_eq!(Colormap::Viridis.colour(0.0), Rgb([68, 1, 84]));
        assert_eq!(Colormap::Viridis.colour(0.5), Rgb([33, 144, 140]));
        assert_eq!(Colormap::Viridis.colour(1.0), Rgb([253, 231, 37]));
    }

    #[test]
    fn maps_for_the_eye_grow_lighter_at_every_step() {
        let light = |Rgb([r, g, b]): Rgb| {
            let linear = |v: u8| libm::pow(f64::from(v) / 255.0, 2.2);
            0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b)
        };
        for map in [Colormap::Grey, Colormap::Viridis, Colormap::Magma, Colormap::Inferno, Colormap::Heat] {
            let table = map.table(false);
            for pair in table.windows(4) {
                assert!(light(pair[3]) > light(pair[0]), "{map}");
            }
        }
    }

    #[test]
    fn an_inverted_table_is_the_table_from_its_end() {
        let (table, mut inverted) = (Colormap::Heat.table(false), Colormap::Heat.table(true));
        inverted.reverse();
        for (a, b) in table.iter().zip(inverted) {
            assert!(a.0.iter().zip(b.0).all(|(a, b)| a.abs_diff(b) <= 1));
        }
    }

    #[test]
    fn every_name_reads_back_as_its_map() {
        for (name, map) in NAMES {
            assert_eq!(name.parse::<Colormap>().unwrap(), map);
            assert_eq!(map.to_string(), name);
        }
        assert!("jet2".parse::<Colormap>().is_err());
    }
}
