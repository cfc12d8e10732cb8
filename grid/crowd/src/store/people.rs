//! Who takes part, and what is said.

use super::row::row;

row! {
    /// A volunteer.
    UserRow in "users" {
        /// Number.
        id: i64,
        /// Address, in lower case; unique.
        email: String,
        /// Name that others see.
        name: String,
        /// SHA-256 of the account key, hexadecimal; unique.
        key_hash: String,
        /// How often the key was changed.
        key_epoch: i64,
        /// Argon2 of what clients make of the password; empty where none was given.
        password: String,
        /// Random text that the name across projects is made of.
        cpid: String,
        /// Team; none for none.
        team_id: Option<i64>,
        /// When the account was made.
        created: i64,
        /// Millionths of a cobblestone, in all.
        credit: i64,
        /// Of those, brought from another project, but for what came with computers.
        imported: i64,
        /// Cobblestones a day, decaying.
        average: f64,
        /// When the average was last brought up to date.
        average_time: i64,
        /// Global preferences, as XML elements, one on a line.
        preferences: String,
        /// When they were changed.
        preferences_time: f64,
        /// Project preferences, likewise.
        project_preferences: String,
        /// Venue of new hosts.
        venue: String,
        /// Country.
        country: String,
        /// Web page.
        url: String,
        /// Whether name and credit may be exported.
        consent: bool,
        /// What the user may do: empty, or `admin`, `operator`, `moderator`.
        role: String,
        /// No work before this time.
        banned_until: i64,
        /// When the project last heard of one of the user's hosts.
        seen: i64,
    }
}

row! {
    /// A team.
    TeamRow in "teams" {
        /// Number.
        id: i64,
        /// Name; unique.
        name: String,
        /// Number of its kind, as BOINC has them (1: none of the others).
        kind: i64,
        /// Web page.
        url: String,
        /// What it says of itself.
        description: String,
        /// Country.
        country: String,
        /// Founder.
        founder_id: i64,
        /// Whether anyone may join.
        joinable: bool,
        /// When it was made.
        created: i64,
        /// Millionths of a cobblestone that its members earned while they were in it.
        credit: i64,
        /// Cobblestones a day, decaying.
        average: f64,
        /// When the average was last brought up to date.
        average_time: i64,
    }
}

row! {
    /// What a project's roles remember.
    FactRow in "facts" {
        /// Number.
        id: i64,
        /// Key; unique.
        name: String,
        /// Text.
        body: String,
    }
}

row! {
    /// What an operator did.
    AuditRow in "audit" {
        /// Number.
        id: i64,
        /// When.
        moment: i64,
        /// Who: a user's address, or `local`.
        who: String,
        /// What, with its arguments.
        what: String,
    }
}

row! {
    /// News for volunteers.
    NoticeRow in "notices" {
        /// Number.
        id: i64,
        /// When.
        moment: i64,
        /// The only user that it is for.
        user_id: Option<i64>,
        /// Title.
        title: String,
        /// Text.
        body: String,
    }
}

row! {
    /// An account key that a user brought from another project.
    OldKeyRow in "old_keys" {
        /// Number.
        id: i64,
        /// SHA-256 of the key, hexadecimal; unique.
        hash: String,
        /// User.
        user_id: i64,
        /// Whether it serves for computing alone, not for the account.
        weak: bool,
    }
}

row! {
    /// A public code signing key.
    KeyRow in "signing_keys" {
        /// Number.
        id: i64,
        /// The key, as clients read it.
        body: String,
        /// The key that came after it; none for the present one.
        next: Option<i64>,
        /// This key's signature of that one.
        signature: String,
        /// When it came into use here.
        created: i64,
    }
}

row! {
    /// A message between a task and the project.
    TrickleRow in "trickles" {
        /// Number.
        id: i64,
        /// Whether it goes to the host.
        down: bool,
        /// Host.
        host_id: i64,
        /// Name of the result.
        result_name: String,
        /// What kind of message.
        variety: String,
        /// Text.
        body: String,
        /// When it came in.
        moment: i64,
        /// Whether it was handled, or sent.
        handled: bool,
    }
}
