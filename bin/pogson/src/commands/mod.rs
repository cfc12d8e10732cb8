//! One file per command: `Args` says what it takes, `run` does it.

use crate::failure::Failure;
use crate::output::Output;

/// Names each command's module and variant once.
macro_rules! commands {
    ($($module:ident => $Variant:ident,)*) => {
        $(mod $module;)*

        /// What the user asks for.
        #[derive(clap::Subcommand)]
        #[allow(clippy::large_enum_variant, reason = "one is made in a process's life")]
        pub enum Command {
            $(#[allow(missing_docs, reason = "the help text stands on Args")] $Variant($module::Args),)*
        }

        impl Command {
            /// Does it.
            ///
            /// # Errors
            /// Whatever the command says; see its module.
            pub fn run(self, out: &Output) -> Result<(), Failure> {
                match self {
                    $(Command::$Variant(args) => $module::run(args, out),)*
                }
            }
        }
    };
}

commands! {
    check => Check,
    compare => Compare,
    convert => Convert,
    crowd => Crowd,
    cube => Cube,
    cutout => Cutout,
    fit => Fit,
    gate => Gate,
    get => Get,
    header => Header,
    info => Info,
    library => Library,
    man => Man,
    maps => Maps,
    morphology => Morphology,
    overlaps => Overlaps,
    portal => Portal,
    shrink => Shrink,
    simulate => Simulate,
    stats => Stats,
    step => Step,
    table => Table,
    view => View,
    mosaic => Mosaic,
    reproject => Reproject,
    wire => Wire,
}
