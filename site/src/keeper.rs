//! What galaxies need besides: some units done again, and areas forgotten when their galaxy ended long ago.

use pogson_crowd::role::{Again, Fact, Facts, Keeper, Outputs, Refitter, RoleError};

use crate::error::SiteError;
use crate::facts::{EndFact, end_key, fact, read};
use crate::galaxies::Galaxies;

/// Does units again, as [`Galaxies::refit`] does.
pub struct GalaxyRefitter(pub(crate) Galaxies);

impl Refitter for GalaxyRefitter {
    fn refit(&mut self, facts: &dyn Facts, again: &Again) -> Result<Outputs, RoleError> {
        self.0.refit(facts, &again.unit).map_err(|error| match error {
            // Its galaxy or its areas are gone for good.
            SiteError::Refused(_) => RoleError::Permanent(error.to_string()),
            other => other.into(),
        })
    }
}

/// Forgets areas of galaxies that ended some time ago; their results, maps and who fitted what stay.
pub struct GalaxyKeeper {
    galaxies: Galaxies,
    keep: i64,
}

impl GalaxyKeeper {
    /// - `keep`: seconds that areas are kept after their galaxy has ended.
    pub(crate) fn new(galaxies: Galaxies, keep: i64) -> GalaxyKeeper {
        GalaxyKeeper { galaxies, keep }
    }

    fn due(&self, facts: &dyn Facts, now: i64) -> Result<Vec<Fact>, SiteError> {
        let mut told = Vec::new();
        for name in self.galaxies.names(facts)? {
            let Some(end) = read::<EndFact>(facts, &end_key(&name))? else { continue };
            if end.ended == 0 {
                // Those who put galaxies together have no clock.
                told.push(fact(end_key(&name), &EndFact { ended: now, ..end }));
            } else if now - end.ended >= self.keep {
                match self.galaxies.forget_areas(facts, &name) {
                    Ok(forgotten) => told.extend(forgotten),
                    // The others are not kept for it.
                    Err(error) => tracing::warn!(galaxy = name, %error, "areas were not forgotten"),
                }
            }
        }
        Ok(told)
    }
}

impl Keeper for GalaxyKeeper {
    fn keep(&mut self, facts: &dyn Facts, now: i64) -> Result<Vec<Fact>, RoleError> {
        Ok(self.due(facts, now)?)
    }
}
