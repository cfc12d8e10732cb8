//! Which versions an accelerator can run, and how fast: plan classes as conditions (`sched/plan_class_spec.cpp`).

use crate::store::VersionRow;
use crate::wire::{Coprocessor, Request};

/// The host's accelerators of the kind that a version computes with, where they are enough of them and can do what it asks for.
pub(super) fn suited<'a>(version: &VersionRow, request: &'a Request) -> Option<&'a Coprocessor> {
    request.coprocessors.iter().find(|one| {
        one.kind == version.coprocessor
            && one.asked.count >= version.coprocessors
            && one.driver >= version.least_driver
            && one.capability >= version.least_capability
            && one.opencl >= version.least_opencl
            && one.memory >= version.least_memory
    })
}

/// Operations a second of a task: the share of the peak that a version reaches, and what its processor does besides; where the client does
/// not say the peak, as many times a processor's as the version says.
///
/// - `speed`: operations a second of a processor.
pub(super) fn flops(version: &VersionRow, accelerator: &Coprocessor, speed: f64) -> f64 {
    if version.peak_share > 0.0 && accelerator.peak > 0.0 {
        version.peak_share * accelerator.peak * version.coprocessors + speed * version.processors.clamp(0.0, 1.0)
    } else {
        speed * version.speed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::ResourceRequest;

    fn card() -> Coprocessor {
        Coprocessor {
            kind: "NVIDIA".to_owned(),
            asked: ResourceRequest { count: 1.0, ..ResourceRequest::default() },
            peak: 5e12,
            memory: 6e9,
            driver: 53_598,
            capability: 705,
            opencl: 300,
            ..Coprocessor::default()
        }
    }

    fn version() -> VersionRow {
        VersionRow {
            coprocessor: "NVIDIA".to_owned(),
            coprocessors: 1.0,
            processors: 0.1,
            speed: 20.0,
            peak_share: 0.1,
            least_driver: 53_598,
            least_capability: 705,
            least_opencl: 300,
            least_memory: 6e9,
            ..VersionRow::default()
        }
    }

    #[test]
    fn every_condition_has_to_be_met() {
        let request = |card: Coprocessor| Request { coprocessors: vec![card], ..Request::default() };
        assert!(suited(&version(), &request(card())).is_some());
        let lacks: [fn(&mut Coprocessor); 6] = [
            |card| card.kind = "ATI".to_owned(),
            |card| card.asked.count = 0.5,
            |card| card.driver -= 1,
            |card| card.capability -= 1,
            |card| card.opencl -= 1,
            |card| card.memory -= 1.0,
        ];
        for lack in lacks {
            let mut card = card();
            lack(&mut card);
            assert!(suited(&version(), &request(card.clone())).is_none(), "{card:?}");
        }
    }

    #[test]
    fn speed_is_a_share_of_the_peak_or_so_many_processors() {
        assert_eq!(flops(&version(), &card(), 3e9), 0.1 * 5e12 + 0.1 * 3e9);
        assert_eq!(flops(&version(), &Coprocessor { peak: 0.0, ..card() }, 3e9), 6e10);
        assert_eq!(flops(&VersionRow { peak_share: 0.0, ..version() }, &card(), 3e9), 6e10);
    }
}
