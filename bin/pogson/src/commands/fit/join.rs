//! Parts of one run put together.

use std::path::{Path, PathBuf};

use pogson_cube::result::journal::join;

use crate::failure::Failure;
use crate::output::Output;

/// Joins parts, result files or journals, into one result file.
///
/// # Errors
/// Parts of different runs, an output that exists.
pub fn run(parts: &[PathBuf], output: &Path, force: bool, out: &Output) -> Result<(), Failure> {
    super::cube::refuse_existing(output, force)?;
    let whole = join(parts)?;
    out.go_on()?;
    whole.write(output, force)?;
    if out.is_json() {
        let said = serde_json::json!({ "output": output, "parts": parts.len(), "fits": whole.pixels.len() });
        return out.object(&said);
    }
    out.line(format!("{}: {} fits of {} parts", output.display(), whole.pixels.len(), parts.len()))
}
