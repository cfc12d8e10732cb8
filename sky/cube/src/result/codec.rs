//! A record as bytes and back, all numbers exactly: little-endian, lengths before contents.

use pogson_sed::fit::RedshiftPosterior;
use pogson_sed::observation::{Measurement, Observation};
use pogson_sed::parameter::Parameter;
use pogson_sed::posterior::{BestFit, Marginal, PixelFit};

use super::{Draws, PixelRecord};

/// The record's bytes.
pub(super) fn encode(record: &PixelRecord) -> Vec<u8> {
    let mut out = Encoder { out: Vec::with_capacity(6000) };
    out.u32(record.x).u32(record.y);
    out.text(&record.observation.name).f64(record.observation.redshift);
    out.length(record.observation.bands.len());
    for band in &record.observation.bands {
        match band {
            Measurement::Absent => out.u8(0),
            Measurement::Flux { flux_jy, sigma_jy } => out.u8(1).f64(*flux_jy).f64(*sigma_jy),
            Measurement::UpperLimit { sigma_jy } => out.u8(2).f64(*sigma_jy),
        };
    }
    let fit = &record.fit;
    out.u32(fit.best.stellar).u32(fit.best.dust).f64(fit.best.chi2).f64(fit.best.stellar_mass);
    out.f64s(&fit.best.values).f64s(&fit.best.model_jy);
    out.f64(fit.ln_evidence).f64(fit.effective_stellar).f64(fit.effective_dust);
    out.u32(fit.bands_used).f64(fit.redshift).u32(fit.flags);
    out.length(fit.marginals.len());
    for m in &fit.marginals {
        let index = Parameter::all().position(|p| p == m.parameter).unwrap_or(usize::from(u8::MAX));
        out.u8(index as u8);
        m.percentiles.iter().for_each(|p| {
            out.f64(*p);
        });
        out.f64(m.peak).f64(m.first).f64(m.step).f64s(&m.histogram);
    }
    match &record.draws {
        None => out.u8(0),
        Some(draws) => {
            out.u8(1).length(draws.values.len());
            draws.values.iter().for_each(|v| out.out.extend_from_slice(&v.to_le_bytes()));
            out.f64s(&draws.covariance)
        }
    };
    let grid = record.redshift.as_ref().map_or(&[][..], |found| &found.grid);
    out.length(grid.len());
    for (z, p) in grid {
        out.f64(*z).f64(*p);
    }
    out.out
}

/// The record that `bytes` hold. None if they are no record, or more than one.
pub(super) fn decode(bytes: &[u8]) -> Option<PixelRecord> {
    let mut from = Decoder { rest: bytes };
    let (x, y) = (from.u32()?, from.u32()?);
    let (name, redshift) = (from.text()?, from.f64()?);
    let bands = (0..from.length(1)?).map(|_| from.measurement()).collect::<Option<Vec<_>>>()?;
    let observation = Observation { name, redshift, bands };
    let (stellar, dust, chi2, stellar_mass) = (from.u32()?, from.u32()?, from.f64()?, from.f64()?);
    let best = BestFit { stellar, dust, chi2, stellar_mass, values: from.f64s()?, model_jy: from.f64s()? };
    let (ln_evidence, effective_stellar, effective_dust) = (from.f64()?, from.f64()?, from.f64()?);
    let (bands_used, redshift, flags) = (from.u32()?, from.f64()?, from.u32()?);
    let marginals = (0..from.length(1)?).map(|_| from.marginal()).collect::<Option<Vec<_>>>()?;
    let draws = match from.u8()? {
        0 => None,
        1 => {
            let values = (0..from.length(4)?).map(|_| from.take().map(f32::from_le_bytes)).collect::<Option<_>>()?;
            Some(Draws { values, covariance: from.f64s()? })
        }
        _ => return None,
    };
    let grid = (0..from.length(16)?).map(|_| Some((from.f64()?, from.f64()?))).collect::<Option<Vec<_>>>()?;
    let found = (!grid.is_empty()).then_some(RedshiftPosterior { grid });
    let fit = PixelFit { best, marginals, ln_evidence, effective_stellar, effective_dust, bands_used, redshift, flags };
    from.rest.is_empty().then_some(PixelRecord { x, y, observation, fit, draws, redshift: found })
}

struct Encoder {
    out: Vec<u8>,
}

impl Encoder {
    fn u8(&mut self, v: u8) -> &mut Self {
        self.out.push(v);
        self
    }

    fn u32(&mut self, v: u32) -> &mut Self {
        self.out.extend_from_slice(&v.to_le_bytes());
        self
    }

    fn f64(&mut self, v: f64) -> &mut Self {
        self.out.extend_from_slice(&v.to_le_bytes());
        self
    }

    fn length(&mut self, n: usize) -> &mut Self {
        self.u32(u32::try_from(n).unwrap_or(u32::MAX))
    }

    fn f64s(&mut self, values: &[f64]) -> &mut Self {
        self.length(values.len());
        values.iter().for_each(|v| self.out.extend_from_slice(&v.to_le_bytes()));
        self
    }

    fn text(&mut self, text: &str) -> &mut Self {
        self.length(text.len()).out.extend_from_slice(text.as_bytes());
        self
    }
}

struct Decoder<'a> {
    rest: &'a [u8],
}

impl Decoder<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (now, later) = self.rest.split_first_chunk::<N>()?;
        self.rest = later;
        Some(*now)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take().map(u8::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    fn f64(&mut self) -> Option<f64> {
        self.take().map(f64::from_le_bytes)
    }

    /// A number of items of at least `bytes` each: never more than what is left can hold.
    fn length(&mut self, bytes: usize) -> Option<usize> {
        let n = self.u32()? as usize;
        (n.checked_mul(bytes)? <= self.rest.len()).then_some(n)
    }

    fn f64s(&mut self) -> Option<Vec<f64>> {
        (0..self.length(8)?).map(|_| self.f64()).collect()
    }

    fn text(&mut self) -> Option<String> {
        let n = self.length(1)?;
        let (now, later) = self.rest.split_at_checked(n)?;
        self.rest = later;
        String::from_utf8(now.to_vec()).ok()
    }

    fn measurement(&mut self) -> Option<Measurement> {
        match self.u8()? {
            0 => Some(Measurement::Absent),
            1 => Some(Measurement::Flux { flux_jy: self.f64()?, sigma_jy: self.f64()? }),
            2 => Some(Measurement::UpperLimit { sigma_jy: self.f64()? }),
            _ => None,
        }
    }

    fn marginal(&mut self) -> Option<Marginal> {
        let parameter = Parameter::all().nth(usize::from(self.u8()?))?;
        let mut percentiles = [0.0; 5];
        for p in &mut percentiles {
            *p = self.f64()?;
        }
        let (peak, first, step) = (self.f64()?, self.f64()?, self.f64()?);
        Some(Marginal { parameter, percentiles, peak, first, step, histogram: self.f64s()? })
    }
}
