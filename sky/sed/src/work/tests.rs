#![allow(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;

use super::*;
use crate::fit::{Convention, Form, Prior};
use crate::parameter::Parameter;
use crate::posterior::{BestFit, Draws, Marginal, PixelFit};

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![any::<f64>().prop_filter("numbers", |v| !v.is_nan()), Just(0.1 + 0.2), Just(-0.0), -1e-5..1e-5f64]
}

fn measurement() -> impl Strategy<Value = Measurement> {
    prop_oneof![
        Just(Measurement::Absent),
        (number(), number()).prop_map(|(flux_jy, sigma_jy)| Measurement::Flux { flux_jy, sigma_jy }),
        number().prop_map(|sigma_jy| Measurement::UpperLimit { sigma_jy }),
    ]
}

fn place(bands: usize) -> impl Strategy<Value = Place> {
    let kind = (0..4usize).prop_map(|k| Kind::ALL[k].0);
    (kind, any::<u32>(), any::<u32>(), proptest::collection::vec(measurement(), bands))
        .prop_map(|(kind, x, y, bands)| Place { kind, x, y, bands })
}

fn work() -> impl Strategy<Value = Work> {
    let places = proptest::collection::vec(place(3), 0..5);
    (places, number(), number(), any::<bool>(), proptest::option::of(number())).prop_map(
        |(places, redshift, number, flag, distance_mpc)| Work {
            unit: "NGC1_area1".into(),
            redshift,
            library: "ab".repeat(32),
            bands: ["u", "g", "r"].map(|name| Band { name: name.into(), wavelength_um: number, id: 7 }).to_vec(),
            options: Options {
                convention: if flag { Convention::Paper } else { Convention::Mended },
                tolerance: number,
                distance_mpc,
                priors: vec![
                    Prior { parameter: Parameter::TauV, form: Form::Range { low: number, high: 1.0 } },
                    Prior { parameter: Parameter::Age, form: Form::Gaussian { mean: 1e9, sigma: number } },
                ],
                ..Options::default()
            },
            floors: if flag { vec![0.0, number, 0.1] } else { Vec::new() },
            draws: 100,
            seed: 1,
            places,
        },
    )
}

fn answered() -> impl Strategy<Value = Answered> {
    let numbers = proptest::collection::vec(number(), 22);
    (place(0), numbers, 0..4usize, any::<bool>()).prop_map(|(place, numbers, draws, fitted)| {
        if !fitted {
            return Answered::new(&place, Err("all fluxes are 0, which says nothing".into()));
        }
        let marginal = |(k, parameter): (usize, Parameter)| Marginal {
            parameter,
            percentiles: [numbers[k]; 5],
            peak: numbers[0],
            first: numbers[1],
            step: 0.1,
            histogram: numbers[..k % 5].to_vec(),
        };
        let n = numbers.len();
        let covariance = |k: usize| numbers[(k / n).max(k % n)];
        let draws = (draws > 0).then(|| Draws {
            values: (0..draws * n).map(|k| numbers[k % n] as f32).collect(),
            covariance: if draws > 1 { (0..n * n).map(covariance).collect() } else { Vec::new() },
        });
        let fit = PixelFit {
            best: BestFit {
                stellar: 4_000_000_000,
                dust: 1,
                chi2: numbers[2],
                stellar_mass: numbers[3],
                values: numbers.clone(),
                model_jy: numbers[..7].to_vec(),
            },
            marginals: Parameter::all().enumerate().map(marginal).collect(),
            ln_evidence: numbers[4],
            effective_stellar: numbers[5],
            effective_dust: numbers[6],
            bands_used: 7,
            redshift: numbers[7],
            flags: 5,
        };
        Answered::new(&place, Ok(Found { fit, draws }))
    })
}

proptest! {
    #[test]
    fn work_comes_back_from_its_text_exactly(work in work()) {
        let text = work.text();
        let back = Work::parse(&text).unwrap();
        prop_assert_eq!(back.text(), text.clone());
        prop_assert_eq!(&back, &work);
        prop_assert_eq!(Work::parse(&text.replace('\n', "\r\n")).unwrap().hash(), work.hash());
    }

    #[test]
    fn answers_come_back_from_their_text_exactly(places in proptest::collection::vec(answered(), 0..4)) {
        let answer = Answer { work: "cd".repeat(32), places };
        let text = answer.text();
        let back = Answer::parse(&text).unwrap();
        prop_assert_eq!(back.text(), text.clone());
        prop_assert_eq!(&back, &answer);
        prop_assert_eq!(Answer::parse(&text.replace('\n', "\r\n")).unwrap(), answer);
    }

    #[test]
    fn a_text_that_was_cut_off_is_refused(work in work(), places in proptest::collection::vec(answered(), 1..3), at in 0.0..1.0f64) {
        let text = work.text();
        let cut = (at * (text.len() - 1) as f64) as usize;
        prop_assert!(Work::parse(&text[..cut]).is_err());
        let text = Answer { work: "cd".repeat(32), places }.text();
        let cut = (at * (text.len() - 1) as f64) as usize;
        prop_assert!(Answer::parse(&text[..cut]).is_err());
    }

    #[test]
    fn no_text_makes_the_readers_panic(work in work(), at in any::<prop::sample::Index>(), put in "[ -~\n]{0,12}") {
        let mut text = work.text();
        let at = at.index(text.len());
        text.insert_str(at, &put);
        let _ = Work::parse(&text);
        let mut text = text.replacen("pogson work 1", "pogson fits 1", 1);
        let _ = Answer::parse(&text);
        text.truncate(at);
        let _ = Answer::parse(&text);
    }
}

#[test]
fn counts_that_are_larger_than_the_text_ask_for_no_memory() {
    let text = "pogson fits 1\nwork aa\nplaces 18446744073709551615\n";
    assert_eq!(Answer::parse(text), Err(WorkError::Cut));
    assert!(matches!(Answer::parse("pogson fits 2\n"), Err(WorkError::Kind { .. })));
}

#[test]
fn streams_of_random_numbers_differ_between_places() {
    let mut all: Vec<u64> = (0..50).flat_map(|x| (0..50).map(move |y| Kind::Pixel.stream(x, y))).collect();
    all.extend((0..50).map(|k| Kind::Ring.stream(k, 0)));
    all.push(Kind::Sum.stream(0, 0));
    let count = all.len();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), count);
}
