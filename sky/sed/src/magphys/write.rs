//! Libraries written in MAGPHYS's text forms.

use std::io::{self, Write};

use super::magnitude::magnitude;
use crate::library::{Band, Dust, Histories, Light, Stellar};

/// Start of the second line of stellar libraries written here: where properties of histories stand, which MAGPHYS leaves open.
pub(super) const HISTORY_COLUMNS: &str =
    "# index age gamma Z tau_V mu M* formed - last_burst SFR -(8) age_M age_L L_dust f_mu - -";

/// Writes a stellar library as [`super::read_sfh`] and MAGPHYS read it, per Msun of stars.
///
/// Of the 24 properties those that MAGPHYS takes are filled (4, 5, 6, 10, 21, 22), and from histories 1 age (yr), 2 gamma
/// (Gyr^-1), 3 metallicity (solar), 7 mass formed, 9 time since the last burst (yr), 19 mass-weighted and 20 light-weighted
/// age (yr); the rest is 0. MAGPHYS expects bands by increasing wavelength.
///
/// # Errors
/// The writer's.
pub fn write_sfh(out: &mut impl Write, stellar: &Stellar, bands: &[Band], redshift: f64) -> io::Result<()> {
    writeln!(out, "# pogson: stellar models at z={redshift:.4}, per solar mass of stars")?;
    write!(out, "{HISTORY_COLUMNS}")?;
    let columns = held(bands, redshift, Light::Dust);
    names(out, bands, &columns)?;
    let of = |column: fn(&Histories) -> &Vec<f64>, k: usize| stellar.history.as_ref().map_or(0.0, |h| column(h)[k]);
    for k in 0..stellar.len() {
        let mut properties = [0.0; 24];
        for (number, value) in [
            (1, of(|h| &h.age, k)),
            (2, of(|h| &h.gamma, k)),
            (3, of(|h| &h.metallicity, k)),
            (4, stellar.tau_v[k]),
            (5, stellar.mu[k]),
            (6, 1.0),
            (7, of(|h| &h.formed, k)),
            (9, of(|h| &h.last_burst, k)),
            (10, stellar.ssfr[k]),
            (19, of(|h| &h.mass_weighted_age, k)),
            (20, of(|h| &h.light_weighted_age, k)),
            (21, stellar.dust_luminosity[k]),
            (22, stellar.f_mu[k]),
        ] {
            properties[number - 1] = value;
        }
        write!(out, "{}", stellar.index[k])?;
        for value in properties {
            if value == 0.0 { write!(out, " 0")? } else { write!(out, " {value:.7e}")? }
        }
        magnitudes(out, &stellar.flux, &columns, k)?;
    }
    Ok(())
}

/// Writes a dust library as [`super::read_ir`] and MAGPHYS read it.
///
/// # Errors
/// The writer's.
pub fn write_ir(out: &mut impl Write, dust: &Dust, bands: &[Band], redshift: f64) -> io::Result<()> {
    writeln!(out, "# pogson: dust models at z={redshift:.4}, per solar luminosity of dust")?;
    write!(out, "# fmu xi_C^ISM T_W^BC T_C^ISM xi_PAH^BC xi_MIR^BC xi_W^BC Mdust")?;
    let columns = held(bands, redshift, Light::Stars);
    names(out, bands, &columns)?;
    for k in 0..dust.len() {
        for (number, column) in dust.columns().into_iter().enumerate() {
            let blank = if number == 0 { "" } else { " " };
            write!(out, "{blank}{:.7e}", column[k])?;
        }
        magnitudes(out, &dust.flux, &columns, k)?;
    }
    Ok(())
}

/// Writes a filter table as [`super::read_filters`] reads it; all bands are to be fitted. Bands without a number get their
/// place.
///
/// # Errors
/// The writer's.
pub fn write_filters(out: &mut impl Write, bands: &[Band]) -> io::Result<()> {
    writeln!(out, "#name            lambda_eff      filter_id       fit?")?;
    for (k, band) in bands.iter().enumerate() {
        let id = if band.id == 0 { k as u32 + 1 } else { band.id };
        writeln!(out, "{:<16} {:<15.6} {id:<15} 1", band.name, band.wavelength_um)?;
    }
    Ok(())
}

/// Bands that hold other light than `not` alone.
fn held(bands: &[Band], redshift: f64, not: Light) -> Vec<usize> {
    (0..bands.len()).filter(|&k| bands[k].light(redshift) != not).collect()
}

fn names(out: &mut impl Write, bands: &[Band], columns: &[usize]) -> io::Result<()> {
    for &band in columns {
        write!(out, " {}", bands[band].name)?;
    }
    writeln!(out)
}

fn magnitudes(out: &mut impl Write, flux: &[Vec<f64>], columns: &[usize], model: usize) -> io::Result<()> {
    for &band in columns {
        write!(out, " {:.7}", magnitude(flux[band][model]))?;
    }
    writeln!(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::Builder;
    use crate::filter::find;
    use crate::magphys::{read_filters, read_ir, read_sfh};
    use crate::ssp::embedded;

    #[test]
    fn libraries_go_through_text_with_a_part_in_a_million_lost() {
        let filters = ["GALEX_FUV", "SDSS_r", "WISE_W1", "WISE_W4"].map(|name| find(name).unwrap());
        let bands = filters.map(|f| Band { name: f.name.clone(), wavelength_um: f.pivot() / 1e4, id: 0 });
        let builder = Builder::new(embedded(), &bands, &filters, 0.01, 2).unwrap();
        let (stellar, dust) = (builder.stellar(0..30), builder.dust(0..30));
        let (mut sfh, mut ir, mut table) = (Vec::new(), Vec::new(), Vec::new());
        write_sfh(&mut sfh, &stellar, &bands, 0.01).unwrap();
        write_ir(&mut ir, &dust, &bands, 0.01).unwrap();
        write_filters(&mut table, &bands).unwrap();
        let again = read_sfh(&sfh[..], "s", &bands, 0.01).unwrap();
        let dust_again = read_ir(&ir[..], "i", &bands, 0.01).unwrap();
        assert_eq!((again.len(), dust_again.len(), &again.index), (30, 30, &stellar.index));
        let close = |a: &[f64], b: &[f64]| {
            assert_eq!(a.len(), b.len());
            assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() <= 1e-6 * b.abs()), "{a:?} {b:?}");
        };
        for (a, b) in again.flux.iter().zip(&stellar.flux).chain(dust_again.flux.iter().zip(&dust.flux)) {
            close(a, b);
        }
        let (mut history, mut written) = (again.history.clone().unwrap(), stellar.history.clone().unwrap());
        for (a, b) in history.columns_mut().into_iter().zip(written.columns_mut()) {
            close(a, b);
        }
        close(&again.f_mu, &stellar.f_mu);
        close(&again.ssfr, &stellar.ssfr);
        close(&again.dust_luminosity, &stellar.dust_luminosity);
        for (a, b) in dust_again.columns().into_iter().zip(dust.columns()) {
            close(a, b);
        }
        // Under other headers the columns may mean anything.
        let other = String::from_utf8(sfh).unwrap().replacen("# index", "# number", 1);
        assert_eq!(read_sfh(other.as_bytes(), "s", &bands, 0.01).unwrap().history, None);
        let read = read_filters(&table[..], "f").unwrap();
        assert!(read.len() == 4 && read[3].band.id == 4 && read[0].fit);
    }
}
