//! SIGINT and SIGTERM become a flag that long work looks at between blocks.
//!
//! Work that looks ends by itself with [`Class::Interrupted`], and its unfinished outputs
//! are removed as they drop. Work that does not look within the grace time is ended from the watching thread, and after a second
//! signal at once; unfinished outputs are removed then, too.

use std::io;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use pogson_image::fits::output::remove_unfinished;
use signal_hook::consts::{SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::iterator::Signals;

use crate::failure::Class;

/// How long work may take to look at the flag before the program is ended.
const GRACE: Duration = Duration::from_secs(5);

/// Flag that turns true when the user or the system asks the program to stop.
#[derive(Debug, Clone, Default)]
pub struct Interrupt {
    flag: Arc<AtomicBool>,
    /// Whether the work is not ended after [`GRACE`].
    waits: Arc<AtomicBool>,
}

impl Interrupt {
    /// Starts watching for SIGINT and SIGTERM.
    ///
    /// # Errors
    /// When the system refuses the signal handler or the watching thread.
    pub fn watch() -> io::Result<Interrupt> {
        let interrupt = Interrupt::default();
        let Interrupt { flag, waits } = interrupt.clone();
        let mut signals = Signals::new([SIGINT, SIGTERM])?;
        // Caught, so that writing past a limit on file sizes fails with an error that can be told, rather than by death.
        signal_hook::flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)))?;
        std::thread::Builder::new().name("signals".into()).spawn(move || {
            for _ in signals.forever() {
                if flag.swap(true, Ordering::SeqCst) {
                    end();
                }
                let waits = Arc::clone(&waits);
                std::thread::spawn(move || {
                    std::thread::sleep(GRACE);
                    if !waits.load(Ordering::SeqCst) {
                        end();
                    }
                });
            }
        })?;
        Ok(interrupt)
    }

    /// True once the program was asked to stop.
    pub fn is_set(&self) -> bool {
        self.flag.load(Ordering::Relaxed)
    }

    /// Leaves the end to the work, however long it takes.
    pub fn wait_for_work(&self) {
        self.waits.store(true, Ordering::SeqCst);
    }

    /// The flag itself, for libraries that look at an `AtomicBool`.
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.flag)
    }
}

/// Ends the program from whichever thread.
fn end() -> ! {
    remove_unfinished();
    process::exit(Class::Interrupted as i32)
}
