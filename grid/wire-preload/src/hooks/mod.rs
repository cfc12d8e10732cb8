//! The C library's functions, as programs call them.

pub(crate) mod copy;
pub(crate) mod data;
pub(crate) mod descriptor;
pub(crate) mod message;
pub(crate) mod print;
pub(crate) mod process;
pub(crate) mod program;
pub(crate) mod raw;
pub(crate) mod stdio;
pub(crate) mod wait;

use crate::caller;

/// What a C function returns for an outcome, with errno.
fn answer(outcome: Result<usize, i32>) -> isize {
    outcome.map_or_else(caller::fail, |number| number as isize)
}

/// Looks up all functions behind the hooks, which programs may call from signal handlers.
pub(crate) fn prepare() {
    data::prepare();
    descriptor::prepare();
    message::prepare();
    print::prepare();
    process::prepare();
    program::prepare();
    raw::prepare();
    stdio::prepare();
    wait::prepare();
    copy::prepare();
    crate::cancel::prepare();
}
