//! The front page's text.

use super::web::Web;

/// What stands on the front page, beside what clients read there.
pub(super) fn front(web: &Web) -> String {
    format!("<p>Attach with BOINC: Tools, Add project, <code>{}</code></p>", web.project.address)
}
