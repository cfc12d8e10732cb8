//! A block: the models of one redshift.
//!
//! Redshift (f64), numbers of stellar and dust models (u32), 1 if there are histories or 0 (u32), then columns: the stellar
//! models' numbers (u32), f_mu, mu, tau_V, sSFR, dust luminosity, the seven of the histories, fluxes in each band that holds
//! stars' light; the dust models' eight parameters, fluxes in each band that holds dust's light. All but numbers are f32.

use super::bytes::{Reader, put_column};
use crate::library::{Band, Dust, Histories, Library, Light, Stellar};

/// The most zeros that a byte of a block may stand for: a library has far less than hundreds of bands without stars' light.
const ZEROS_PER_BYTE: usize = 32;

/// Bytes of a library's models.
pub(super) fn encode(library: &Library) -> Vec<u8> {
    let Library { redshift, bands, stellar, dust } = library;
    let mut bytes = redshift.to_le_bytes().to_vec();
    for count in [stellar.len(), dust.len(), usize::from(stellar.history.is_some())] {
        bytes.extend_from_slice(&(count as u32).to_le_bytes());
    }
    for index in &stellar.index {
        bytes.extend_from_slice(&index.to_le_bytes());
    }
    for column in [&stellar.f_mu, &stellar.mu, &stellar.tau_v, &stellar.ssfr, &stellar.dust_luminosity] {
        put_column(&mut bytes, column);
    }
    if let Some(history) = &stellar.history {
        history.columns().into_iter().for_each(|column| put_column(&mut bytes, column));
    }
    for (band, flux) in bands.iter().zip(&stellar.flux) {
        if band.light(*redshift) != Light::Dust {
            put_column(&mut bytes, flux);
        }
    }
    dust.columns().into_iter().for_each(|column| put_column(&mut bytes, column));
    for (band, flux) in bands.iter().zip(&dust.flux) {
        if band.light(*redshift) != Light::Stars {
            put_column(&mut bytes, flux);
        }
    }
    bytes
}

/// The models of a block, or none where its length does not fit its counts.
pub(super) fn decode(bytes: &[u8], bands: &[Band]) -> Option<Library> {
    let mut reader = Reader(bytes);
    let redshift = reader.f64()?;
    let (stars, grains, histories) = (reader.u32()? as usize, reader.u32()? as usize, reader.u32()?);
    // Bands without a component's light are not in the file: damaged or made-up counts of them must not ask for all memory.
    let absent = |of: Light| bands.iter().filter(|band| band.light(redshift) == of).count();
    let zeros = absent(Light::Dust).checked_mul(stars)?.checked_add(absent(Light::Stars).checked_mul(grains)?)?;
    if zeros / ZEROS_PER_BYTE > bytes.len() {
        return None;
    }
    let index = reader.take(stars.checked_mul(4)?)?.as_chunks().0.iter().map(|&b| u32::from_le_bytes(b)).collect();
    let mut stellar = Stellar { index, ..Stellar::default() };
    for column in
        [&mut stellar.f_mu, &mut stellar.mu, &mut stellar.tau_v, &mut stellar.ssfr, &mut stellar.dust_luminosity]
    {
        *column = reader.column(stars)?;
    }
    if histories == 1 {
        let mut history = Histories::default();
        for column in history.columns_mut() {
            *column = reader.column(stars)?;
        }
        stellar.history = Some(history);
    }
    for band in bands {
        let held = band.light(redshift) != Light::Dust;
        stellar.flux.push(if held { reader.column(stars)? } else { vec![0.0; stars] });
    }
    let mut dust = Dust::default();
    for column in dust.columns_mut() {
        *column = reader.column(grains)?;
    }
    for band in bands {
        let held = band.light(redshift) != Light::Stars;
        dust.flux.push(if held { reader.column(grains)? } else { vec![0.0; grains] });
    }
    reader.0.is_empty().then(|| Library { redshift, bands: bands.to_vec(), stellar, dust })
}
