//! Accelerators as a client describes them (`lib/coproc.cpp`): each kind in an element of its own, with what it can do and what is wanted
//! for it.

use super::node::Node;
use super::request::{ResourceRequest, words};

/// Operations a second that are believed of one.
const MOST_PEAK: f64 = 1e16;

/// Accelerators of one kind. Where there are several, clients describe the best.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Coprocessor {
    /// Kind: `NVIDIA`, `ATI`, `intel_gpu`, `apple_gpu`, or what the client calls it.
    pub kind: String,
    /// How many there are, and the work wanted for them.
    pub asked: ResourceRequest,
    /// Its model.
    pub model: String,
    /// Single precision operations a second of one, by its data sheet; 0 where the client does not say.
    pub peak: f64,
    /// Bytes of its memory; 0 where the client does not say.
    pub memory: f64,
    /// The driver: NVIDIA's as the client writes it, 53598 for 535.98; of versions a.b.c, `a * 1000000 + b * 1000 + c`. 0 for none said.
    pub driver: i64,
    /// NVIDIA's compute capability, `major * 100 + minor`; 0 for others.
    pub capability: i64,
    /// Version of OpenCL, `major * 100 + minor`; 0 for none.
    pub opencl: i64,
}

/// All that a request describes.
pub(super) fn coprocessors(node: &Node) -> Vec<Coprocessor> {
    node.children.iter().filter_map(coprocessor).collect()
}

fn coprocessor(one: &Node) -> Option<Coprocessor> {
    let kind = match one.name.as_str() {
        "coproc_cuda" => "NVIDIA".to_owned(),
        "coproc_ati" => "ATI".to_owned(),
        "coproc_intel_gpu" => "intel_gpu".to_owned(),
        "coproc_apple_gpu" => "apple_gpu".to_owned(),
        "coproc" => Some(words(one, "type")).filter(|kind| !kind.is_empty())?,
        _ => return None,
    };
    let positive = |of: &Node, name: &str| of.number(name).unwrap_or(0.0).max(0.0);
    let none = Node::default();
    let opencl = one.get("coproc_opencl").unwrap_or(&none);
    let memory = match kind.as_str() {
        "NVIDIA" => positive(one, "totalGlobalMem"),
        // Megabytes.
        "ATI" => positive(one, "localRAM") * 1_048_576.0,
        _ => 0.0,
    };
    let driver = match kind.as_str() {
        "NVIDIA" => one.whole("drvVersion").unwrap_or(0).max(0),
        "ATI" if !one.text_of("CALVersion").is_empty() => version(one.text_of("CALVersion"), [1_000_000, 1000, 1]),
        _ => version(opencl.text_of("opencl_driver_version"), [1_000_000, 1000, 1]),
    };
    let part = |name: &str| one.whole(name).unwrap_or(0).clamp(0, 99);
    Some(Coprocessor {
        asked: ResourceRequest {
            seconds: positive(one, "req_secs"),
            instances: positive(one, "req_instances"),
            count: positive(one, "count"),
        },
        model: words(one, "name"),
        peak: positive(one, "peak_flops").min(MOST_PEAK),
        memory: if memory > 0.0 { memory } else { positive(opencl, "global_mem_size") },
        driver,
        capability: if kind == "NVIDIA" { part("major") * 100 + part("minor") } else { 0 },
        opencl: version(opencl.text_of("opencl_device_version").trim_start_matches("OpenCL "), [100, 1, 0]),
        kind,
    })
}

/// The number of a version in words: its parts by their weights; what follows the last of them does not count.
fn version(words: &str, weights: [i64; 3]) -> i64 {
    let numbers = words.split(|c: char| !c.is_ascii_digit()).filter(|part| !part.is_empty());
    let parts = numbers.map(|part| part.parse::<i64>().unwrap_or(i64::MAX));
    parts.zip(weights).fold(0, |sum: i64, (part, weight)| sum.saturating_add(part.saturating_mul(weight)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(inside: &str) -> Vec<Coprocessor> {
        coprocessors(&Node::parse(format!("<coprocs>{inside}</coprocs>").as_bytes(), "coprocs").unwrap())
    }

    #[test]
    fn accelerators_ask_for_themselves() {
        let found = of(
            "<coproc_cuda><count>2</count><req_secs>3600</req_secs><req_instances>1</req_instances></coproc_cuda>\n\
             <coproc><type>miner</type><count>1</count></coproc><coproc><count>1</count></coproc>",
        );
        assert_eq!(found.iter().map(|one| one.kind.as_str()).collect::<Vec<_>>(), ["NVIDIA", "miner"]);
        assert_eq!(found[0].asked, ResourceRequest { seconds: 3600.0, instances: 1.0, count: 2.0 });
    }

    #[test]
    fn each_maker_says_memory_driver_and_powers_in_its_own_way() {
        let found = of(
            "<coproc_cuda><name>GTX</name><peak_flops>5e12</peak_flops><drvVersion>53598</drvVersion><totalGlobalMem>6e9</totalGlobalMem>\
             <major>7</major><minor>5</minor></coproc_cuda>\
             <coproc_ati><CALVersion>1.4.1848</CALVersion><localRAM>8192</localRAM></coproc_ati>\
             <coproc_intel_gpu><coproc_opencl><global_mem_size>3300000000</global_mem_size>\
             <opencl_device_version>OpenCL 2.1 NEO </opencl_device_version><opencl_driver_version>22.49.25018</opencl_driver_version>\
             </coproc_opencl></coproc_intel_gpu>",
        );
        let told = |one: &Coprocessor| (one.memory, one.driver, one.capability, one.opencl);
        assert_eq!(told(&found[0]), (6e9, 53_598, 705, 0));
        assert_eq!(told(&found[1]), (8_589_934_592.0, 1_005_848, 0, 0));
        assert_eq!(told(&found[2]), (3.3e9, 22_074_018, 0, 201));
        assert_eq!((found[0].model.as_str(), found[0].peak), ("GTX", 5e12));
    }

    #[test]
    fn numbers_that_no_accelerator_has_are_brought_to_reason() {
        let found = of(
            "<coproc_cuda><count>-1</count><peak_flops>1e300</peak_flops><major>99999999999</major><drvVersion>-5</drvVersion>\
                        <coproc_opencl><opencl_device_version>OpenCL 99999999999999999999.1</opencl_device_version></coproc_opencl></coproc_cuda>",
        );
        assert_eq!(
            (found[0].asked.count, found[0].peak, found[0].capability, found[0].driver),
            (0.0, MOST_PEAK, 9900, 0)
        );
        assert_eq!(found[0].opencl, i64::MAX);
    }
}
