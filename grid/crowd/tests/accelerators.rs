//! Plan classes for accelerators: who gets which version, as the requests of clients ask for it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::HashMap;

use pogson_crowd::schedule::{Asker, Catalogue, Pick, Queue, Reason, Reasons, Resource, Rules, Unit, Waiting, choose};
use pogson_crowd::store::{AppRow, HostRow, VersionRow};
use pogson_crowd::wire::Request;

const CPU: i64 = 1;
const CUDA: i64 = 2;
const NEW_CUDA: i64 = 3;
const ATI: i64 = 4;

/// An application with a version for processors, two for NVIDIA's cards (the newer for newer cards), one for AMD's.
fn catalogue() -> Catalogue {
    let version = |id: i64, plan_class: &str, kind: &str| VersionRow {
        id,
        app_id: 1,
        number: 100,
        platform: "x86_64-pc-linux-gnu".to_owned(),
        plan_class: plan_class.to_owned(),
        processors: 1.0,
        coprocessor: kind.to_owned(),
        coprocessors: 1.0,
        speed: 1.0,
        peak_share: 0.1,
        files: "[]".to_owned(),
        ..VersionRow::default()
    };
    let newer = VersionRow {
        number: 101,
        least_driver: 45_080,
        least_capability: 700,
        least_memory: 4e9,
        ..version(NEW_CUDA, "cuda120", "NVIDIA")
    };
    let ati = VersionRow { least_opencl: 200, ..version(ATI, "opencl_ati", "ATI") };
    let versions = [version(CPU, "", ""), version(CUDA, "cuda", "NVIDIA"), newer, ati];
    Catalogue {
        apps: HashMap::from([(1, AppRow { id: 1, name: "fit".to_owned(), ..AppRow::default() })]),
        versions: versions.into_iter().map(|row| (row.id, row)).collect(),
        ..Catalogue::default()
    }
}

fn ask(cpu: (f64, f64), coprocs: &str) -> (Vec<Pick>, Reasons) {
    let (seconds, instances) = cpu;
    let text = format!(
        "<scheduler_request><platform_name>x86_64-pc-linux-gnu</platform_name><work_req_seconds>1000</work_req_seconds>\
         <cpu_req_secs>{seconds}</cpu_req_secs><cpu_req_instances>{instances}</cpu_req_instances>\
         <host_info><p_ncpus>4</p_ncpus><p_fpops>2e9</p_fpops></host_info><coprocs>{coprocs}</coprocs></scheduler_request>"
    );
    let request = Request::parse(text.as_bytes()).unwrap();
    let mut queue = Queue::default();
    for id in 1..=50 {
        let unit = Unit { id, app: 1, flops: 1e12, delay: 86_400, ..Unit::default() };
        queue.add(Waiting { rank: 0, result: id * 64, unit: id }, unit);
    }
    let host = HostRow { id: 1, user_id: 1, flops: 2e9, processors: 4, available: 1.0, ..HostRow::default() };
    let asker = Asker {
        request: &request,
        host: &host,
        known: &HashMap::new(),
        in_progress: &HashMap::new(),
        address: "",
        quota: 100,
    };
    choose(&queue, &catalogue(), &asker, &Rules::default())
}

/// An NVIDIA card that wants work, as a client describes it.
fn nvidia(seconds: f64, (major, minor): (i64, i64), driver: i64, memory: f64) -> String {
    format!(
        "<coproc_cuda><count>1</count><name>card</name><req_secs>{seconds}</req_secs><req_instances>{}</req_instances>\
         <peak_flops>5e12</peak_flops><drvVersion>{driver}</drvVersion><totalGlobalMem>{memory}</totalGlobalMem>\
         <major>{major}</major><minor>{minor}</minor></coproc_cuda>",
        i64::from(seconds > 0.0)
    )
}

fn versions(picks: &[Pick]) -> Vec<i64> {
    let mut found: Vec<i64> = picks.iter().map(|pick| pick.estimate.version).collect();
    found.sort_unstable();
    found.dedup();
    found
}

#[test]
fn who_asks_for_an_accelerator_alone_gets_its_versions_alone() {
    let (picks, _) = ask((0.0, 0.0), &nvidia(10.0, (7, 5), 53_598, 6e9));
    assert_eq!(versions(&picks), [NEW_CUDA]);
    // A tenth of the peak and a processor: 1e12 operations in 2 s.
    assert_eq!(picks[0].estimate.flops, 5e11 + 2e9);
    assert_eq!(picks[0].estimate.resource, Resource::Accelerator("NVIDIA".to_owned()));
    assert_eq!(picks.len(), 6);
}

#[test]
fn who_asks_for_processors_alone_gets_no_accelerators_version() {
    let (picks, _) = ask((1000.0, 4.0), &nvidia(0.0, (7, 5), 53_598, 6e9));
    assert_eq!(versions(&picks), [CPU]);
    assert_eq!(picks.len(), 4);
}

#[test]
fn who_asks_for_both_gets_as_much_of_each_as_asked() {
    let (picks, _) = ask((1000.0, 4.0), &nvidia(10.0, (7, 5), 53_598, 6e9));
    let count = |version: i64| picks.iter().filter(|pick| pick.estimate.version == version).count();
    assert_eq!((count(NEW_CUDA), count(CPU), picks.len()), (6, 4, 10));
}

#[test]
fn a_card_that_lacks_something_gets_the_version_that_does_without() {
    for card in [((5, 0), 53_598, 6e9), ((7, 5), 45_079, 6e9), ((7, 5), 53_598, 3.9e9)] {
        let (picks, _) = ask((0.0, 0.0), &nvidia(10.0, card.0, card.1, card.2));
        assert_eq!(versions(&picks), [CUDA], "{card:?}");
    }
    let ati = |opencl: &str| {
        format!(
            "<coproc_ati><count>1</count><req_secs>10</req_secs><req_instances>1</req_instances><peak_flops>6e12</peak_flops>\
             <coproc_opencl><opencl_device_version>{opencl}</opencl_device_version></coproc_opencl></coproc_ati>"
        )
    };
    assert_eq!(versions(&ask((0.0, 0.0), &ati("OpenCL 2.0 AMD-APP (3075.13)")).0), [ATI]);
    let (picks, reasons) = ask((0.0, 0.0), &ati("OpenCL 1.2 AMD-APP"));
    assert!(picks.is_empty() && reasons.contains_key(&Reason::OtherResource), "{reasons:?}");
}

#[test]
fn accelerators_without_a_version_get_nothing_and_are_told_why() {
    let intel =
        "<coproc_intel_gpu><count>1</count><req_secs>100</req_secs><req_instances>1</req_instances></coproc_intel_gpu>";
    let (picks, reasons) = ask((0.0, 0.0), intel);
    assert!(picks.is_empty());
    assert_eq!(reasons.keys().collect::<Vec<_>>(), [&Reason::OtherResource]);
}
