//! Keys by which tokens are believed: the present one, and former ones until their grace is over.

use std::path::Path;

use super::token::{Token, TokenKey, TokenRefused};
use crate::config::{Members, Problem, Step};

/// The keys of a gate.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    present: TokenKey,
    /// With the seconds of Unix time at which they end.
    former: Vec<(TokenKey, u64)>,
}

impl Keys {
    /// One key alone.
    pub(super) fn of(present: TokenKey) -> Self {
        Self { present, former: Vec::new() }
    }

    /// Reads those that a configuration names, if it names any.
    ///
    /// # Errors
    /// Each that cannot be read or is too short.
    pub(super) fn read(members: &Members) -> Result<Option<Self>, Vec<Problem>> {
        let Some(path) = &members.key_file else { return Ok(None) };
        let mut problems = Vec::new();
        let mut key = |path: &Path, place: Vec<Step>| {
            let bytes = std::fs::read(path).map_err(|error| error.to_string());
            let key = bytes.and_then(|bytes| TokenKey::new(&bytes).map_err(|error| error.to_string()));
            key.map_err(|why| problems.push(Problem { place, sentence: format!("{}: {why}", path.display()) })).ok()
        };
        let present = key(path, vec!["members".into(), "key_file".into()]);
        let former = members.former_keys.iter().enumerate().filter_map(|(at, former)| {
            let place = vec!["members".into(), "former_keys".into(), at.into(), "file".into()];
            key(&former.file, place).map(|key| (key, former.until_s))
        });
        let former = former.collect();
        match present {
            Some(present) if problems.is_empty() => Ok(Some(Self { present, former })),
            _ => Err(problems),
        }
    }

    /// What a token says, if one of the keys that count at `now_s` signed it.
    ///
    /// # Errors
    /// [`TokenRefused`].
    pub(super) fn believe<'a>(&self, token: &'a str, now_s: u64) -> Result<Token<'a>, TokenRefused> {
        let mut read = self.present.read(token, now_s);
        for (key, until_s) in &self.former {
            if read != Err(TokenRefused::Forged) {
                break;
            }
            read = key.read(token, now_s);
            if read.is_ok() && now_s >= *until_s {
                return Err(TokenRefused::Retired);
            }
        }
        read
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::Level;

    const NOW_S: u64 = 1_700_000_000;

    fn key(word: &str) -> TokenKey {
        TokenKey::new(format!("{word} key of sixteen bytes").as_bytes()).expect("a key")
    }

    fn token(word: &str, lasts_s: u64) -> String {
        key(word).sign(Level::High, "ada", NOW_S, Duration::from_secs(lasts_s)).expect("a token")
    }

    #[test]
    fn tokens_of_a_former_key_are_believed_until_its_grace_is_over() {
        let keys = Keys { present: key("new"), former: vec![(key("old"), NOW_S + 100), (key("older"), NOW_S + 50)] };
        for (word, lasts_s, later_s, wanted) in [
            ("new", 1000, 999, None),
            ("old", 1000, 99, None),
            ("old", 1000, 100, Some(TokenRefused::Retired)),
            ("older", 1000, 49, None),
            ("older", 1000, 50, Some(TokenRefused::Retired)),
            ("old", 10, 10, Some(TokenRefused::Expired)),
            ("old", 10, 200, Some(TokenRefused::Expired)),
            ("oldest", 1000, 0, Some(TokenRefused::Forged)),
        ] {
            let token = token(word, lasts_s);
            assert_eq!(keys.believe(&token, NOW_S + later_s).err(), wanted, "{word} after {later_s} s");
        }
        assert_eq!(keys.believe("high", NOW_S), Err(TokenRefused::Malformed));
    }

    #[test]
    fn one_key_alone_believes_its_own() {
        let keys = Keys::of(key("new"));
        assert!(keys.believe(&token("new", 10), NOW_S).is_ok());
        assert_eq!(keys.believe(&token("old", 10), NOW_S), Err(TokenRefused::Forged));
    }
}
