//! The `set` lines of a trace.

use crate::dispatcher::{FirstCosts, Setup};
use crate::policy::NAMES;

/// All that can be set, as it is.
pub(super) fn pairs(setup: &Setup) -> Vec<(&'static str, String)> {
    let settings = &setup.settings;
    let costs = match &setup.costs {
        FirstCosts::Known(products) => {
            let products: Vec<_> = products.iter().map(|(hit_s, miss_s)| format!("{hit_s}:{miss_s}")).collect();
            format!("known {}", products.join(" "))
        }
        FirstCosts::Guessed(hit_s, miss_s) => format!("guessed {hit_s}:{miss_s}"),
    };
    vec![
        ("policy", setup.policy.clone()),
        ("seed", setup.seed.to_string()),
        ("costs", costs),
        ("learns_rooms", setup.learns_rooms.to_string()),
        ("slow_start_s", setup.slow_start_s.to_string()),
        ("reports_count_s", setup.reports_count_s.to_string()),
        ("bound", settings.bound.to_string()),
        ("t_low", settings.t_low.to_string()),
        ("t_high", settings.t_high.to_string()),
        ("shrinks_after_s", settings.shrinks_after_s.to_string()),
        ("classes", settings.classes.to_string()),
        ("t_load_s", settings.t_load_s.to_string()),
        ("beta", settings.beta.to_string()),
        ("price", settings.price.to_string()),
    ]
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("'{text}' is not a number that fits here"))
}

/// A number of seconds, or another that is not below 0.
pub(super) fn real(text: &str) -> Result<f64, String> {
    let value: f64 = number(text)?;
    if value.is_finite() && value >= 0.0 { Ok(value) } else { Err(format!("'{text}' is not a number of 0 or more")) }
}

fn costs(text: &str) -> Result<FirstCosts, String> {
    let fault = || format!("'{text}' is not 'known' or 'guessed' with costs HIT:MISS");
    let (kind, products) = text.split_once(' ').unwrap_or((text, ""));
    let pair = |text: &str| {
        let (hit_s, miss_s) = text.split_once(':').ok_or_else(fault)?;
        Ok::<_, String>((real(hit_s)?, real(miss_s)?))
    };
    let products = products.split_ascii_whitespace().map(pair).collect::<Result<Vec<_>, _>>()?;
    match (kind, products.as_slice()) {
        ("known", _) => Ok(FirstCosts::Known(products)),
        ("guessed", [(hit_s, miss_s)]) => Ok(FirstCosts::Guessed(*hit_s, *miss_s)),
        _ => Err(fault()),
    }
}

/// Sets what `pair`, a name and a value, says.
pub(super) fn set(setup: &mut Setup, pair: &str) -> Result<(), String> {
    let (name, value) = pair.split_once(' ').unwrap_or((pair, ""));
    let settings = &mut setup.settings;
    match name {
        "policy" if NAMES.contains(&value) => setup.policy = value.into(),
        "policy" => return Err(format!("there is no policy '{value}'; take one of {}", NAMES.join(", "))),
        "seed" => setup.seed = number(value)?,
        "costs" => setup.costs = costs(value)?,
        "learns_rooms" => setup.learns_rooms = number(value)?,
        "slow_start_s" => setup.slow_start_s = real(value)?,
        "reports_count_s" => setup.reports_count_s = real(value)?,
        "bound" => settings.bound = real(value)?,
        "t_low" => settings.t_low = number(value)?,
        "t_high" => settings.t_high = number(value)?,
        "shrinks_after_s" => settings.shrinks_after_s = real(value)?,
        "classes" => settings.classes = number::<u32>(value)?.min(1 << 20) as usize,
        "t_load_s" => settings.t_load_s = real(value)?,
        "beta" => settings.beta = real(value)?,
        "price" => settings.price = real(value)?,
        _ => return Err(format!("'{name}' cannot be set")),
    }
    Ok(())
}
