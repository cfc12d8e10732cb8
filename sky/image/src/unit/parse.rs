//! The grammar of unit texts: FITS 4.3, what CASA and astropy write, and what surveys write in their stead.

use super::UnitError;
use super::symbol::meaning;

/// What a unit is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dimension {
    /// Mass.
    Kilogram,
    /// Length.
    Metre,
    /// Time.
    Second,
    /// Angle in radians; a solid angle is its square.
    Angle,
    /// Temperature.
    Kelvin,
    /// Per pixel.
    Pixel,
    /// Per beam.
    Beam,
    /// Counts, DN, ADU.
    Count,
    /// Electrons.
    Electron,
    /// Photons.
    Photon,
    /// Magnitudes.
    Magnitude,
}

/// Number of dimensions.
pub(super) const DIMENSIONS: usize = 11;

/// A unit: a factor times a product of powers of the [`Dimension`]s.
///
/// ```
/// use pogson_image::unit::Unit;
/// assert!(Unit::parse("mJy/pixel")?.same_as(&Unit::parse("1e-29 W m-2 Hz-1 pix**-1")?));
/// # Ok::<(), pogson_image::unit::UnitError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Unit {
    /// Factor to the product of base units.
    pub scale: f64,
    exponents: [f64; DIMENSIONS],
}

impl Unit {
    /// The unit 1.
    pub const ONE: Unit = Unit { scale: 1.0, exponents: [0.0; DIMENSIONS] };

    /// Parses a unit text.
    ///
    /// Products are written with a blank, `*` or `.`; quotients with `/`, which divides by the next factor alone,
    /// or `per`; powers with `**`, `^` or nothing; factors may be numbers (`10**-17`, `1E-17`, and `10-17` of older
    /// surveys) or parentheses; `sqrt()` is known. `"` stands for arcseconds. Case counts only where it must.
    ///
    /// # Errors
    /// [`UnitError::UnknownWord`], [`UnitError::Syntax`].
    pub fn parse(text: &str) -> Result<Unit, UnitError> {
        let mut reader = Reader { text, chars: text.chars().collect(), at: 0, depth: 0 };
        let unit = reader.product()?;
        reader.blanks();
        if reader.at < reader.chars.len() {
            return Err(reader.error("a ')' without '('"));
        }
        Ok(unit)
    }

    /// Exponent of a dimension.
    pub fn exponent(&self, dimension: Dimension) -> f64 {
        self.exponents[dimension as usize]
    }

    /// True when both have the same exponents, whatever their factors.
    pub fn same_dimensions(&self, other: &Unit) -> bool {
        self.exponents.iter().zip(&other.exponents).all(|(a, b)| (a - b).abs() < 1e-9)
    }

    /// True when both have the same exponents and factors equal to 1e-12.
    pub fn same_as(&self, other: &Unit) -> bool {
        self.same_dimensions(other) && (self.scale / other.scale - 1.0).abs() < 1e-12
    }

    /// How many of `other` one of this is.
    ///
    /// Returns None when their dimensions differ.
    pub fn in_terms_of(&self, other: &Unit) -> Option<f64> {
        self.same_dimensions(other).then(|| self.scale / other.scale)
    }

    /// This times the `power` of `other`.
    pub fn times(mut self, other: &Unit, power: f64) -> Unit {
        self.scale *= libm::pow(other.scale, power);
        for (mine, theirs) in self.exponents.iter_mut().zip(&other.exponents) {
            *mine += theirs * power;
        }
        self
    }

    /// This without a dimension.
    pub(super) fn without(mut self, dimension: Dimension) -> Unit {
        self.exponents[dimension as usize] = 0.0;
        self
    }
}

struct Reader<'a> {
    text: &'a str,
    chars: Vec<char>,
    at: usize,
    depth: usize,
}

/// Deepest nesting of parentheses; no real unit has more than two.
const MAX_DEPTH: usize = 32;

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn ahead(&self, n: usize) -> Option<char> {
        self.chars.get(self.at + n).copied()
    }

    fn blanks(&mut self) {
        while self.peek().is_some_and(|c| c.is_whitespace() || c == '_') {
            self.at += 1;
        }
    }

    fn error(&self, what: &'static str) -> UnitError {
        UnitError::Syntax { text: self.text.to_owned(), what, at: self.at + 1 }
    }

    fn product(&mut self) -> Result<Unit, UnitError> {
        let mut unit = Unit::ONE;
        let mut power = 1.0;
        let mut operator = true;
        loop {
            self.blanks();
            match self.peek() {
                None | Some(')') => {
                    return if operator && power != 1.0 { Err(self.error("nothing after '/'")) } else { Ok(unit) };
                }
                Some('/') => {
                    power = -1.0;
                    operator = true;
                    self.at += 1;
                }
                Some('*' | '.' | '·' | '×') if self.ahead(1) != Some('*') => {
                    operator = true;
                    self.at += 1;
                }
                Some(_) => {
                    let Some(factor) = self.factor()? else {
                        power = -1.0;
                        continue;
                    };
                    unit = unit.times(&factor, power);
                    if !unit.scale.is_finite() || unit.scale == 0.0 {
                        return Err(self.error("a factor beyond the range of numbers"));
                    }
                    power = 1.0;
                    operator = false;
                }
            }
        }
    }

    /// One factor with its power; None for the word `per`.
    fn factor(&mut self) -> Result<Option<Unit>, UnitError> {
        let start = self.at;
        let Some(first) = self.peek() else { return Err(self.error("a factor is missing")) };
        let base = if first == '(' {
            self.parenthesis()?
        } else if first.is_ascii_digit() || matches!(first, '+' | '-') {
            let (value, had_exponent) = self.number()?;
            // Older surveys write 10-17 for 10**-17.
            let bare_ten = value == 10.0 && !had_exponent && matches!(self.peek(), Some('+' | '-'));
            if bare_ten && self.ahead(1).is_some_and(|c| c.is_ascii_digit()) {
                let power = self.signed_integer()?;
                return Ok(Some(Unit { scale: libm::pow(10.0, power), ..Unit::ONE }));
            }
            Unit { scale: value, ..Unit::ONE }
        } else if matches!(first, '"' | '″') {
            self.at += 1;
            self.word_unit("arcsec")?
        } else if first.is_alphabetic() || first == '%' {
            while self.peek().is_some_and(char::is_alphabetic) {
                self.at += 1;
            }
            let word: String = self.chars[start..self.at].iter().collect();
            if word.eq_ignore_ascii_case("per") {
                return Ok(None);
            }
            if word.eq_ignore_ascii_case("sqrt") && self.peek() == Some('(') {
                let inner = self.parenthesis()?;
                Unit::ONE.times(&inner, 0.5)
            } else if matches!(word.as_str(), "e" | "E")
                && self.peek() == Some('-')
                && !self.ahead(1).is_some_and(|c| c.is_ascii_digit())
            {
                self.at += 1;
                self.word_unit("electron")?
            } else {
                self.word_unit(&word)?
            }
        } else {
            return Err(self.error("a character that no unit has"));
        };
        let power = self.power()?;
        Ok(Some(Unit::ONE.times(&base, power)))
    }

    fn parenthesis(&mut self) -> Result<Unit, UnitError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.error("too many parentheses"));
        }
        self.at += 1;
        let inner = self.product()?;
        if self.peek() != Some(')') {
            return Err(self.error("a ')' is missing"));
        }
        self.at += 1;
        self.depth -= 1;
        Ok(inner)
    }

    fn word_unit(&self, word: &str) -> Result<Unit, UnitError> {
        let (scale, exponents) = meaning(word)
            .ok_or_else(|| UnitError::UnknownWord { text: self.text.to_owned(), word: word.to_owned() })?;
        Ok(Unit { scale, exponents })
    }

    /// The power after a factor: `**-2`, `^(1/2)`, `-2`, `2`; 1 when there is none.
    fn power(&mut self) -> Result<f64, UnitError> {
        let marked = if self.peek() == Some('^') {
            self.at += 1;
            true
        } else if self.peek() == Some('*') && self.ahead(1) == Some('*') {
            self.at += 2;
            true
        } else {
            false
        };
        let superscript = match self.peek() {
            Some('²') => Some(2.0),
            Some('³') => Some(3.0),
            _ => None,
        };
        if let Some(power) = superscript {
            self.at += 1;
            return Ok(power);
        }
        if marked && self.peek() == Some('(') {
            self.at += 1;
            let top = self.signed_number()?;
            let bottom = if self.peek() == Some('/') {
                self.at += 1;
                self.signed_number()?
            } else {
                1.0
            };
            if self.peek() != Some(')') || bottom == 0.0 {
                return Err(self.error("a power that is no number"));
            }
            self.at += 1;
            return Ok(top / bottom);
        }
        if marked {
            return self.signed_number();
        }
        let digit_at = usize::from(matches!(self.peek(), Some('+' | '-')));
        if self.ahead(digit_at).is_some_and(|c| c.is_ascii_digit()) { self.signed_integer() } else { Ok(1.0) }
    }

    fn sign(&mut self) -> f64 {
        match self.peek() {
            Some('-') => {
                self.at += 1;
                -1.0
            }
            Some('+') => {
                self.at += 1;
                1.0
            }
            _ => 1.0,
        }
    }

    fn signed_number(&mut self) -> Result<f64, UnitError> {
        let sign = self.sign();
        Ok(sign * self.number()?.0)
    }

    fn signed_integer(&mut self) -> Result<f64, UnitError> {
        let sign = self.sign();
        let start = self.at;
        while self.peek().is_some_and(|c| c.is_ascii_digit()) {
            self.at += 1;
        }
        let digits: String = self.chars[start..self.at].iter().collect();
        digits.parse::<f64>().map(|v| sign * v).map_err(|_| self.error("a power that is no number"))
    }

    /// A number and whether it had an exponent. `1E-17` is one number, `1e` is 1 and electrons.
    fn number(&mut self) -> Result<(f64, bool), UnitError> {
        let start = self.at;
        self.sign();
        while self.peek().is_some_and(|c| c.is_ascii_digit() || c == '.') {
            self.at += 1;
        }
        let mut had_exponent = false;
        if matches!(self.peek(), Some('e' | 'E')) {
            let digit_at = 1 + usize::from(matches!(self.ahead(1), Some('+' | '-')));
            if self.ahead(digit_at).is_some_and(|c| c.is_ascii_digit()) {
                had_exponent = true;
                self.at += digit_at;
                while self.peek().is_some_and(|c| c.is_ascii_digit()) {
                    self.at += 1;
                }
            }
        }
        let digits: String = self.chars[start..self.at].iter().collect();
        digits.parse().map(|v| (v, had_exponent)).map_err(|_| self.error("a number that cannot be read"))
    }
}
