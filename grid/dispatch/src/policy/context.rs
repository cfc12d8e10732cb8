//! The paper's policy: context-based dispatching by what the servers report.
//!
//! From reports of the queue's length q, how many R of it are of each class, and the time T that all will take, the dispatcher makes a
//! table of K classes (Equations 1 and 2):
//!
//! H(R, i) = (R_i / q_i) / sum over n of (R_n / q_n), and the class is bound to the server with the largest H, to none if all are 0.
//!
//! A request of a class that is bound to none goes to the server with the least T, and so does one whose server is behind that by more
//! than T_load. With an empty queue R / q counts as 0.

use super::{Policy, Report, Request, Servers};

/// Which class is bound to which server.
#[derive(Clone, Debug, PartialEq)]
pub struct BindTable {
    /// By class.
    pub server: Vec<Option<usize>>,
}

impl BindTable {
    /// The table that follows from the servers' reports.
    #[must_use]
    pub fn of(reports: &[Report], classes: usize) -> Self {
        let share = |report: &Report, class: usize| {
            let of_class = report.classes.get(class).copied().unwrap_or(0);
            if report.queue == 0 { 0.0 } else { f64::from(of_class) / f64::from(report.queue) }
        };
        let server = (0..classes).map(|class| {
            // The sum, by which all are divided, changes no order.
            let mut best = None;
            for (at, report) in reports.iter().enumerate() {
                let share = share(report, class);
                if share > best.map_or(0.0, |(most, _)| most) {
                    best = Some((share, at));
                }
            }
            best.map(|(_, at)| at)
        });
        Self { server: server.collect() }
    }
}

/// The policy.
pub struct Context {
    classes: usize,
    t_load_s: f64,
    reports: Vec<Report>,
    table: BindTable,
}

impl Context {
    /// - `classes`: K, entries of the bind table; contexts are spread over them.
    /// - `t_load_s`: T_load, seconds.
    #[must_use]
    pub fn new(classes: usize, t_load_s: f64) -> Self {
        let classes = classes.max(1);
        Self { classes, t_load_s, reports: Vec::new(), table: BindTable { server: vec![None; classes] } }
    }

    /// Class of a context.
    #[must_use]
    pub fn class(&self, context: u64) -> usize {
        (context % self.classes as u64) as usize
    }

    /// The table as it is.
    #[must_use]
    pub fn table(&self) -> &BindTable {
        &self.table
    }

    fn total_s(&self, at: usize) -> f64 {
        self.reports.get(at).map_or(0.0, |report| report.total_s)
    }
}

impl Policy for Context {
    fn choose(&mut self, request: Request, servers: &Servers, _now_s: f64) -> Option<usize> {
        let least = super::least(servers.up().map(|(at, _)| (at, self.total_s(at))))?;
        let bound = self.table.server[self.class(request.context)].filter(|&at| servers.all[at].up);
        match bound {
            Some(at) if self.total_s(at) - self.total_s(least) <= self.t_load_s => Some(at),
            _ => Some(least),
        }
    }

    fn report(&mut self, server: usize, report: &Report) {
        if server >= self.reports.len() {
            self.reports.resize(server + 1, Report::default());
        }
        self.reports[server] = report.clone();
        self.table = BindTable::of(&self.reports, self.classes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(queue: u32, classes: &[u32]) -> Report {
        Report { queue, classes: classes.to_vec(), total_s: 0.0 }
    }

    #[test]
    fn a_class_is_bound_where_it_has_the_largest_share_of_the_queue() {
        // Shares of class 0: 1/10, 3/5; of class 1: 9/10, 2/5; nobody has class 2.
        let table = BindTable::of(&[report(10, &[1, 9, 0]), report(5, &[3, 2, 0]), report(0, &[])], 3);
        assert_eq!(table.server, [Some(1), Some(0), None]);
    }
}
