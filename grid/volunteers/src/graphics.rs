//! Graphics processors of the emulated hosts, and how clients describe them (`lib/coproc.cpp`, client release 7.20).

use std::fmt::Write as _;

/// Whose graphics processor it is, and what only these say.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Maker {
    /// Driver, CUDA, compute capability, multiprocessors.
    Nvidia(u32, u32, (u32, u32), u32),
    /// CAL's version.
    Ati(&'static str),
    /// The driver of OpenCL.
    Intel(&'static str),
}

/// A graphics processor.
#[derive(Debug, PartialEq)]
pub struct Graphics {
    /// Maker.
    pub maker: Maker,
    /// Model.
    pub model: &'static str,
    /// Single precision operations a second.
    pub peak: f64,
    /// Bytes of memory.
    pub memory: f64,
    /// OpenCL's version, as it says it.
    pub opencl: &'static str,
}

/// Models that hosts have, equally often. Peaks are those of their data sheets.
pub const GRAPHICS: [Graphics; 4] = [
    Graphics {
        maker: Maker::Nvidia(53_598, 12_020, (7, 5), 22),
        model: "NVIDIA GeForce GTX 1660 SUPER",
        peak: 5.027e12,
        memory: 6_222_249_984.0,
        opencl: "OpenCL 3.0 CUDA",
    },
    Graphics {
        maker: Maker::Nvidia(39_065, 9_010, (5, 0), 5),
        model: "NVIDIA GeForce GTX 750 Ti",
        peak: 1.389e12,
        memory: 2_147_483_648.0,
        opencl: "OpenCL 1.2 CUDA",
    },
    Graphics {
        maker: Maker::Ati("1.4.1848"),
        model: "AMD Radeon RX 580 Series",
        peak: 6.175e12,
        memory: 8_589_934_592.0,
        opencl: "OpenCL 2.0 AMD-APP (3075.13)",
    },
    Graphics {
        maker: Maker::Intel("22.49.25018"),
        model: "Intel(R) UHD Graphics 630",
        peak: 4.416e11,
        memory: 3_300_000_000.0,
        opencl: "OpenCL 3.0 NEO ",
    },
];

impl Graphics {
    /// BOINC's name of its kind.
    pub fn kind(&self) -> &'static str {
        match self.maker {
            Maker::Nvidia(..) => "NVIDIA",
            Maker::Ati(_) => "ATI",
            Maker::Intel(_) => "intel_gpu",
        }
    }

    /// What a request says of it.
    ///
    /// - `work`: seconds wanted, and whether it is idle (1) or not (0).
    pub(crate) fn describe(&self, text: &mut String, work: (f64, f64)) {
        let element = match self.maker {
            Maker::Nvidia(..) => "coproc_cuda",
            Maker::Ati(_) => "coproc_ati",
            Maker::Intel(_) => "coproc_intel_gpu",
        };
        let mut line = |name: &str, value: &dyn std::fmt::Display| {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "   <{name}>{value}</{name}>");
        };
        let real = |value: f64| format!("{value:.6}");
        line("count", &1);
        line("name", &self.model);
        line("available_ram", &real(0.975 * self.memory));
        match self.maker {
            Maker::Nvidia(..) => line("have_cuda", &1),
            Maker::Ati(_) => line("have_cal", &1),
            Maker::Intel(_) => {}
        }
        line("have_opencl", &1);
        line("req_secs", &real(work.0));
        line("req_instances", &real(work.1));
        line("estimated_delay", &real(0.0));
        line("peak_flops", &real(self.peak));
        match self.maker {
            Maker::Nvidia(driver, cuda, (major, minor), processors) => {
                line("cudaVersion", &cuda);
                line("drvVersion", &driver);
                line("totalGlobalMem", &real(self.memory));
                line("major", &major);
                line("minor", &minor);
                line("multiProcessorCount", &processors);
            }
            Maker::Ati(version) => {
                line("CALVersion", &version);
                line("localRAM", &(self.memory / 1_048_576.0));
            }
            Maker::Intel(version) => line("version", &version),
        }
        let inside = std::mem::take(text);
        let driver = match self.maker {
            Maker::Nvidia(driver, ..) => format!("{}.{:02}", driver / 100, driver % 100),
            Maker::Ati(version) | Maker::Intel(version) => version.to_owned(),
        };
        let _ = write!(
            text,
            "    <coprocs>\n<{element}>\n{inside}   <coproc_opencl>\n      <name>{}</name>\n      <global_mem_size>{}</global_mem_size>\n      \
             <opencl_device_version>{}</opencl_device_version>\n      <opencl_driver_version>{driver}</opencl_driver_version>\n   \
             </coproc_opencl>\n</{element}>\n    </coprocs>\n",
            self.model, self.memory, self.opencl
        );
    }
}
