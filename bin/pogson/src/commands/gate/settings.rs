//! Settings of policies, as flags.

use pogson_dispatch::policy::{self, Settings};

/// Settings of policies.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Policies")]
pub(super) struct Policies {
    /// lard, lard-r: requests under way below which a server has room
    #[arg(long, value_name = "N", default_value_t = Settings::default().t_low)]
    t_low: u32,
    /// lard, lard-r: requests under way above which it has too many
    #[arg(long, value_name = "N", default_value_t = Settings::default().t_high)]
    t_high: u32,
    /// lard-r: seconds without a change after which a context's set of servers shrinks
    #[arg(long, value_name = "S", default_value_t = Settings::default().shrinks_after_s, value_parser = positive)]
    shrinks_after: f64,
    /// bounded-load: most load of a server by the mean
    #[arg(long, value_name = "X", default_value_t = Settings::default().bound, value_parser = positive)]
    bound: f64,
    /// context: classes of the bind table, K
    #[arg(long, value_name = "K", default_value_t = Settings::default().classes as u32, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    classes: u32,
    /// context: seconds of work by which a server may be behind the least loaded, T_load
    #[arg(long, value_name = "S", default_value_t = Settings::default().t_load_s, value_parser = positive)]
    t_load: f64,
    /// prefix-load: weight of load against having the context
    #[arg(long, value_name = "X", default_value_t = Settings::default().beta, value_parser = positive)]
    beta: f64,
    /// pogson: price of a miss without pressure, in misses
    #[arg(long, value_name = "X", default_value_t = Settings::default().price, value_parser = positive)]
    price: f64,
}

/// A number above zero, at most a billion.
pub(super) fn positive(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| format!("{text:?} is not a number"))?;
    if number > 0.0 && number <= 1e9 { Ok(number) } else { Err(format!("{text} is not above 0 and at most 1e9")) }
}

impl Policies {
    /// As the policies take them.
    pub(super) fn settings(&self) -> Settings {
        Settings {
            bound: self.bound,
            t_low: self.t_low,
            t_high: self.t_high,
            shrinks_after_s: self.shrinks_after,
            classes: self.classes as usize,
            t_load_s: self.t_load,
            beta: self.beta,
            price: self.price,
        }
    }
}

/// Names of policies, and `all`.
pub(super) fn policies() -> Vec<&'static str> {
    policy::NAMES.into_iter().chain(["all"]).collect()
}
