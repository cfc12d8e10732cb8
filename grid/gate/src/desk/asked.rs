//! Who asks a desk, and what is said of its answers: why a request went where it went, or nowhere.

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Asker {
    /// Level: 0 is the highest.
    pub(crate) level: usize,
    /// Who shares the level's part with others.
    pub(crate) member: u64,
    /// Its part by theirs.
    pub(crate) weight: f64,
}

/// Why a request is turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// No server is up.
    NoServer,
    /// As many wait as may, of its level or above.
    Full,
    /// One of a higher level took its place.
    Replaced,
    /// It waited for as long as it may.
    TooLong,
}

impl Refusal {
    /// In a word.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::NoServer => "no-server",
            Self::Full => "full",
            Self::Replaced => "replaced",
            Self::TooLong => "too-long",
        }
    }
}

/// Why a request went to the server that it went to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    /// Its context is cached there, as far as is known.
    Cached,
    /// Its context goes there if nothing else counts.
    Home,
    /// It cost least there, with all that is under way.
    Least,
    /// There is no other.
    Only,
    /// That server had nothing to do while it waited for another.
    TakenOver,
    /// The server that it went to first was slow, and this one answered before it.
    Hedged,
}

impl Choice {
    /// All of them.
    pub(crate) const ALL: [Self; 6] =
        [Self::Cached, Self::Home, Self::Least, Self::Only, Self::TakenOver, Self::Hedged];

    /// In a word.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Cached => "cached",
            Self::Home => "home",
            Self::Least => "least-load",
            Self::Only => "only-one",
            Self::TakenOver => "taken-over",
            Self::Hedged => "hedged",
        }
    }
}
