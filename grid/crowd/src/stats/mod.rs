//! What a project tells of itself: the statistics that sites for many projects fetch, and the state of the server.

mod export;
mod status;

pub use export::{DELETED_HOST, DELETED_USER, Exported, StatsError, export, shown_cpid};
pub use status::{AppStatus, Program, Status};

use crate::role::MICRO;

/// Millionths of a cobblestone as cobblestones, with six decimals, exactly.
pub fn cobblestones_text(credit: i64) -> String {
    let (whole, rest) = (credit.unsigned_abs() / MICRO as u64, credit.unsigned_abs() % MICRO as u64);
    format!("{}{whole}.{rest:06}", if credit < 0 { "-" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::cobblestones_text;

    #[test]
    fn credit_is_written_to_the_last_millionth() {
        assert_eq!(cobblestones_text(9_007_199_254_740_993), "9007199254.740993");
        assert_eq!(cobblestones_text(8_850_001), "8.850001");
        assert_eq!(cobblestones_text(-1), "-0.000001");
    }
}
