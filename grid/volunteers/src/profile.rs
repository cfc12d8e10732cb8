//! What a volunteer's host is: drawn from the seed, and the same in all runs of that seed.

use crate::draw::Draw;
use crate::graphics::{GRAPHICS, Graphics};

/// An operating system on a processor, as its clients name it.
#[derive(Debug, PartialEq)]
pub struct Platform {
    /// Name of the platform.
    pub name: &'static str,
    /// Others that it runs too.
    pub others: &'static [&'static str],
    /// Operating system and version.
    pub os: (&'static str, &'static str),
    /// Maker and model of the processor.
    pub processor: (&'static str, &'static str),
    /// Share of hosts that have it, as weights.
    weight: f64,
}

/// Platforms of the emulated hosts. The first is that of the captures.
pub const PLATFORMS: [Platform; 6] = [
    Platform {
        name: "x86_64-pc-linux-gnu",
        others: &[],
        os: ("Linux Debian", "Debian GNU/Linux 12 (bookworm) [6.1.0-28-amd64|libc 2.36]"),
        processor: ("AuthenticAMD", "AMD EPYC [Family 26 Model 2 Stepping 1]"),
        weight: 0.40,
    },
    Platform {
        name: "windows_x86_64",
        others: &["windows_intelx86"],
        os: ("Microsoft Windows 10", "Professional x64 Edition, (10.00.19045.00)"),
        processor: ("GenuineIntel", "Intel(R) Core(TM) i7-8700 CPU @ 3.20GHz [Family 6 Model 158 Stepping 10]"),
        weight: 0.40,
    },
    Platform {
        name: "x86_64-apple-darwin",
        others: &["i686-apple-darwin"],
        os: ("Darwin", "22.6.0"),
        processor: ("GenuineIntel", "Intel(R) Core(TM) i5-7360U CPU @ 2.30GHz [x86 Family 6 Model 142 Stepping 9]"),
        weight: 0.08,
    },
    Platform {
        name: "arm64-apple-darwin",
        others: &["x86_64-apple-darwin"],
        os: ("Darwin", "23.4.0"),
        processor: ("Apple", "Apple M1"),
        weight: 0.05,
    },
    Platform {
        name: "aarch64-unknown-linux-gnu",
        others: &["arm-unknown-linux-gnueabihf"],
        os: ("Linux Raspbian", "Debian GNU/Linux 12 (bookworm) [6.6.20+rpt-rpi-v8|libc 2.36]"),
        processor: ("ARM", "ARMv8 Processor rev 3 (v8l) [Impl 0x41 Arch 8 Variant 0x0 Part 0xd08 Rev 3]"),
        weight: 0.05,
    },
    Platform {
        name: "arm-unknown-linux-gnueabihf",
        others: &[],
        os: ("Linux Raspbian", "Raspbian GNU/Linux 11 (bullseye) [6.1.21-v7+|libc 2.31]"),
        processor: ("ARM", "ARMv7 Processor rev 4 (v7l)"),
        weight: 0.02,
    },
];

/// Instructions that a host's processor has, as its client lists them.
pub const FEATURES: &str = "\
     fpu vme de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr sse sse2 ht syscall nx mmxext \
     fxsr_opt pdpe1gb rdtscp lm constant_tsc rep_good nopl xtopology nonstop_tsc cpuid extd_apicid tsc_known_freq pni \
     pclmulqdq ssse3 fma cx16 pcid sse4_1 sse4_2 x2apic movbe popcnt tsc_deadline_timer aes xsave avx f16c rdrand \
     hypervisor lahf_lm cmp_legacy cr8_legacy abm sse4a misalignsse 3dnowprefetch osvw topoext vmmcall fsgsbase tsc_adjust \
     bmi1 avx2 smep bmi2 erms invpcid avx512f avx512dq adx smap avx512ifma clflushopt clwb avx512cd sha_ni avx512bw \
     avx512vl xsaveopt xsavec xgetbv1 xsaves avx_vnni avx512_bf16 clzero xsaveerptr arat avx512vbmi umip avx512_vbmi2 gfni \
     vaes vpclmulqdq avx512_vnni avx512_bitalg avx512_vpopcntdq rdpid fsrm avx512_vp2intersect";

/// Which hosts are emulated.
#[derive(Debug, Clone, Default)]
pub struct Kinds {
    /// Whether hosts have all of [`PLATFORMS`]; else all have the first.
    pub mixed: bool,
    /// Share of hosts with a graphics processor that asks for work.
    pub gpus: f64,
    /// Whether those hosts want no work for their processors.
    pub gpu_only: bool,
    /// Share of hosts that agreed on wrong answers.
    pub collude: f64,
    /// Share of hosts that are never seen again once they got work.
    pub leave: f64,
    /// Processors of each; none draws 1 to 16.
    pub processors: Option<u32>,
}

/// A host.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// Its platform.
    pub platform: &'static Platform,
    /// Its name across projects: 32 hexadecimal digits.
    pub cpid: String,
    /// Processors.
    pub processors: u32,
    /// Floating point operations a second of one, by the client's benchmark.
    pub flops: f64,
    /// Bytes of memory.
    pub memory: f64,
    /// Its graphics processor, where it has one.
    pub graphics: Option<&'static Graphics>,
    /// Whether it wants no work for its processors.
    pub gpu_only: bool,
    /// Whether it is one of those who agreed on wrong answers.
    pub colludes: bool,
    /// Whether it is never seen again once it got work.
    pub leaves: bool,
}

impl Profile {
    /// The host of a number.
    pub fn new(seed: Draw, number: u64, kinds: &Kinds) -> Profile {
        let draw = seed.of("host").at(number);
        let processors = [1, 2, 4, 4, 8, 8, 12, 16][draw.of("processors").below(8) as usize];
        let graphics = (draw.of("gpu").unit() < kinds.gpus)
            .then(|| &GRAPHICS[draw.of("graphics").below(GRAPHICS.len() as u64) as usize]);
        Profile {
            platform: if kinds.mixed { platform(draw.of("platform").unit()) } else { &PLATFORMS[0] },
            cpid: format!("{:016x}{:016x}", draw.of("cpid").bits(), draw.of("cpid").at(1).bits()),
            processors: kinds.processors.unwrap_or(processors).max(1),
            // Benchmarks of volunteers' processors scatter by about a factor of 1.5 about 3e9.
            flops: (3e9 * libm::exp(0.4 * draw.of("flops").normal())).round(),
            memory: f64::from(1_u32 << draw.of("memory").below(5)) * f64::from(1_u32 << 30) * 2.0,
            graphics,
            gpu_only: kinds.gpu_only && graphics.is_some(),
            colludes: draw.of("colludes").unit() < kinds.collude,
            leaves: draw.of("leaves").unit() < kinds.leave,
        }
    }
}

/// The platform at `share` of the weights' sum.
fn platform(share: f64) -> &'static Platform {
    let mut left = share * PLATFORMS.iter().map(|one| one.weight).sum::<f64>();
    let reached = PLATFORMS.iter().find(|one| {
        left -= one.weight;
        left < 0.0
    });
    reached.unwrap_or(&PLATFORMS[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_the_same_in_every_run_of_a_seed() {
        let kinds = Kinds { mixed: true, gpus: 0.3, ..Kinds::default() };
        assert_eq!(Profile::new(Draw::new(1), 5, &kinds), Profile::new(Draw::new(1), 5, &kinds));
        assert_ne!(Profile::new(Draw::new(1), 5, &kinds).cpid, Profile::new(Draw::new(1), 6, &kinds).cpid);
    }

    #[test]
    fn shares_of_hosts_are_those_asked_for() {
        let kinds = Kinds { mixed: true, gpus: 0.25, gpu_only: true, collude: 0.1, leave: 0.05, processors: None };
        let hosts: Vec<Profile> = (0..10_000).map(|n| Profile::new(Draw::new(3), n, &kinds)).collect();
        let share = |of: &dyn Fn(&Profile) -> bool| hosts.iter().filter(|host| of(host)).count() as f64 / 1e4;
        assert!((share(&|host| host.graphics.is_some() && host.gpu_only) - 0.25).abs() < 0.02);
        assert!((share(&|host| host.graphics.is_some_and(|one| one.kind() == "NVIDIA")) - 0.125).abs() < 0.02);
        assert!((share(&|host| host.colludes) - 0.1).abs() < 0.012);
        assert!((share(&|host| host.leaves) - 0.05).abs() < 0.01);
        assert!((share(&|host| host.platform.name == "windows_x86_64") - 0.4).abs() < 0.02);
    }
}
