//! Status pages: nginx's `stub_status`, Apache's `server-status?auto`.

/// What a server says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ServerStatus {
    /// Requests that are worked on.
    pub active: Option<u64>,
    /// Connections that clients hold.
    pub connections: Option<u64>,
}

/// Reads a status page, less the connection that asked for it. `None`: it is neither.
#[must_use]
pub fn parse(page: &str) -> Option<ServerStatus> {
    nginx(page).or_else(|| apache(page))
}

fn nginx(page: &str) -> Option<ServerStatus> {
    let mut words = page.split_ascii_whitespace();
    let mut after = |name: &str| words.find(|word| *word == name).and_then(|_| words.next()?.parse::<u64>().ok());
    let connections = after("connections:")?.saturating_sub(1);
    let reading = after("Reading:")?;
    let writing = after("Writing:")?.saturating_sub(1);
    Some(ServerStatus { active: Some(reading.saturating_add(writing)), connections: Some(connections) })
}

fn apache(page: &str) -> Option<ServerStatus> {
    let value = |name: &str| {
        let mut lines = page.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(key, _)| *key == name).and_then(|(_, value)| value.trim().parse::<u64>().ok())
    };
    let active = value("BusyWorkers")?.saturating_sub(1);
    Some(ServerStatus { active: Some(active), connections: value("ConnsTotal").map(|all| all.saturating_sub(1)) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The examples of both servers' manuals.
    #[test]
    fn pages_of_servers_are_read_without_the_one_who_asks() {
        let nginx = "Active connections: 291 \nserver accepts handled requests\n 16630948 16630948 31070465 \nReading: 6 Writing: 179 Waiting: 106 \n";
        assert_eq!(parse(nginx), Some(ServerStatus { active: Some(184), connections: Some(290) }));
        let apache =
            "Total Accesses: 10\nCPULoad: .02\nBusyWorkers: 3\nIdleWorkers: 7\nConnsTotal: 12\nScoreboard: _W_\n";
        assert_eq!(parse(apache), Some(ServerStatus { active: Some(2), connections: Some(11) }));
        assert_eq!(parse("<html>"), None);
    }

    proptest! {
        #[test]
        fn any_text_is_a_page_or_none(page in "((Active connections|Reading|Writing|BusyWorkers): ?-?[0-9]{0,25}\n?){0,5}\\PC{0,20}") {
            let _ = parse(&page);
        }
    }
}
