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
        let server = (0..classes).map(|class| {
            let mut best = None;
            for (at, hit) in hits(reports, class).into_iter().enumerate() {
                if hit > best.map_or(0.0, |(most, _)| most) {
                    best = Some((hit, at));
                }
            }
            best.map(|(_, at)| at)
        });
        Self { server: server.collect() }
    }
}

/// H of `class` for each server (Equation 2): its part of the queue, by the sum of these over the servers.
#[must_use]
pub fn hits(reports: &[Report], class: usize) -> Vec<f64> {
    let part = |report: &Report| {
        let of_class = report.classes.get(class).copied().unwrap_or(0);
        if report.queue == 0 { 0.0 } else { f64::from(of_class) / f64::from(report.queue) }
    };
    let sum: f64 = reports.iter().map(part).sum();
    reports.iter().map(|report| if sum > 0.0 { part(report) / sum } else { 0.0 }).collect()
}

/// Class of a context, of so many that contexts are spread over: from 0.
#[must_use]
pub fn class_of(context: u64, classes: usize) -> usize {
    (context % classes.max(1) as u64) as usize
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
        class_of(context, self.classes)
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
    fn choose(&mut self, request: Request, servers: &Servers, now_s: f64) -> Option<usize> {
        let least = super::least(servers.open_to(request.context, now_s).map(|(at, _)| (at, self.total_s(at))))?;
        let bound = self.table.server[self.class(request.context)];
        let bound = bound.filter(|&at| servers.is_open_to(at, request.context, now_s));
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

    fn entries(&self, _servers: &Servers) -> usize {
        self.table.server.iter().flatten().count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::costs::Costs;

    fn report(queue: u32, classes: &[u32], total_s: f64) -> Report {
        Report { queue, classes: classes.to_vec(), total_s, limit: None }
    }

    #[test]
    fn a_class_is_bound_where_it_has_the_largest_part_of_the_queue() {
        // Parts of class 0: 1/10, 3/5; of class 1: 9/10, 2/5; nobody has class 2.
        let reports = [report(10, &[1, 9, 0], 0.0), report(5, &[3, 2, 0], 0.0), report(0, &[], 0.0)];
        assert_eq!(BindTable::of(&reports, 3).server, [Some(1), Some(0), None]);
    }

    /// The paper's Table 6 sends class C to the second server; by its Equation 2 the third has more of it.
    #[test]
    fn class_c_of_the_papers_example_goes_to_the_third_server() {
        let reports = [report(10, &[5, 5, 0], 0.0), report(10, &[4, 4, 2], 0.0), report(10, &[1, 6, 3], 0.0)];
        for (found, expected) in hits(&reports, 2).into_iter().zip([0.0, 0.4, 0.6]) {
            assert!((found - expected).abs() < 1e-12);
        }
        assert_eq!(BindTable::of(&reports, 3).server[2], Some(2));
    }

    #[test]
    fn a_request_leaves_its_server_when_that_is_behind_by_more_than_t_load() {
        let servers = Servers::new(&[10; 3], Costs::known(&[(1.0, 2.0)]));
        let mut policy = Context::new(2, 600.0);
        let mut choose = |totals_s: [f64; 3], classes: [[u32; 2]; 3], context: u64| {
            for at in 0..3 {
                policy.report(at, &report(4, &classes[at], totals_s[at]));
            }
            policy.choose(Request { context, product: 0 }, &servers, 0.0)
        };
        let classes = [[3, 0], [1, 0], [0, 0]];
        assert_eq!(choose([700.0, 200.0, 100.0], classes, 4), Some(0), "600 behind is not more");
        assert_eq!(choose([701.0, 200.0, 100.0], classes, 4), Some(2), "the least loaded takes it");
        assert_eq!(choose([700.0, 200.0, 300.0], classes, 5), Some(1), "a class that nobody has");
    }
}
