//! Policy as people write it.

use std::fs;
use std::ops::RangeInclusive;

use pogson_wire::policy::{Policy, Who};

use crate::failure::Failure;

/// Whose connections are joined, and which.
#[derive(clap::Args, Debug)]
pub struct PolicyArgs {
    /// Two users whose processes may share memory with each other, by name or number, * for any; again for more pairs. Each user's
    /// own processes always may
    #[arg(long, value_name = "A:B")]
    allow_user: Vec<String>,
    /// Connections with this port, or one of these, at either end stay on TCP; again for more
    #[arg(long, value_name = "PORT[-PORT]", value_delimiter = ',')]
    no_port: Vec<String>,
    /// Only connections with this port, or one of these, at either end are joined; again for more
    #[arg(long, value_name = "PORT[-PORT]", value_delimiter = ',')]
    only_port: Vec<String>,
    /// Bytes of shared memory for each direction of a connection: a power of two from 65536 to 4194304
    #[arg(long, value_name = "BYTES", default_value_t = Policy::default().ring_bytes)]
    ring_bytes: u32,
    /// Connections between two processes that share one piece of memory, 1 to 256
    #[arg(long, value_name = "N", default_value_t = Policy::default().slots)]
    slots: u32,
}

impl PolicyArgs {
    /// As the daemon takes it.
    ///
    /// # Errors
    /// Users, ports or sizes that are none.
    pub fn policy(&self) -> Result<Policy, Failure> {
        if !pogson_wire::policy::is_ring(self.ring_bytes) {
            let bytes = self.ring_bytes;
            return Err(Failure::usage(format!("--ring-bytes {bytes}: it is a power of two from 65536 to 4194304")));
        }
        if !(1..=256).contains(&self.slots) {
            return Err(Failure::usage(format!("--slots {}: it is 1 to 256", self.slots)));
        }
        let ports = |flag, texts: &[String]| texts.iter().map(|text| ports(flag, text)).collect::<Result<_, _>>();
        Ok(Policy {
            users: self.allow_user.iter().map(|text| users(text)).collect::<Result<_, _>>()?,
            without: ports("--no-port", &self.no_port)?,
            only: ports("--only-port", &self.only_port)?,
            slots: self.slots,
            ring_bytes: self.ring_bytes,
            ..Policy::default()
        })
    }
}

fn users(text: &str) -> Result<(Who, Who), Failure> {
    let (one, other) = text.split_once(':').ok_or_else(|| {
        Failure::usage(format!("--allow-user {text}: it is two users with a colon between, like www-data:postgres"))
    })?;
    Ok((user(text, one)?, user(text, other)?))
}

fn user(text: &str, name: &str) -> Result<Who, Failure> {
    if name == "*" {
        return Ok(Who::Anyone);
    }
    number(&format!("--allow-user {text}"), name).map(Who::User)
}

/// The number of the user `name`, as `said` on the command line.
///
/// # Errors
/// There is no such user.
pub fn number(said: &str, name: &str) -> Result<u32, Failure> {
    if let Ok(number) = name.parse() {
        return Ok(number);
    }
    // Users of other services than this file have numbers, too.
    let known = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let number = known.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(name)).then(|| fields.nth(1)?.parse().ok())?
    });
    number
        .ok_or_else(|| Failure::usage(format!("{said}: /etc/passwd has no user {name}; give the user's number (id -u)")))
}

fn ports(flag: &str, text: &str) -> Result<RangeInclusive<u16>, Failure> {
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    match (from.parse(), to.parse()) {
        (Ok(from), Ok(to)) if from <= to => Ok(from..=to),
        _ => Err(Failure::usage(format!("{flag} {text}: it is a port, or two with a dash between, like 8000-8009"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_names_numbers_and_anyone() {
        assert_eq!(users("root:1000").ok(), Some((Who::User(0), Who::User(1000))));
        assert_eq!(users("*:0").ok(), Some((Who::Anyone, Who::User(0))));
        for wrong in ["root", "root:no-such-user-anywhere", ":", "-1:0"] {
            assert!(users(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn ports_are_one_or_a_range() {
        assert_eq!(ports("--no-port", "80").ok(), Some(80..=80));
        assert_eq!(ports("--no-port", "8000-8009").ok(), Some(8000..=8009));
        for wrong in ["", "x", "65536", "9-8", "1-2-3"] {
            assert!(ports("--no-port", wrong).is_err(), "{wrong}");
        }
    }
}
