//! Which address leads where.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};

use super::web::Web;
use super::{accounts, download, managers, scheduler, upload};

/// All of a project's addresses, below its path.
pub(super) fn router(web: Web) -> Router {
    let path = web.project.address.path.clone();
    let project = Router::new()
        .route("/get_project_config.php", get(accounts::project_config))
        .route("/lookup_account.php", get(accounts::lookup).post(accounts::lookup))
        .route("/create_account.php", get(accounts::create).post(accounts::create))
        .route("/am_get_info.php", get(managers::get_info).post(managers::get_info))
        .route("/am_set_info.php", get(managers::set_info).post(managers::set_info))
        .route("/am_set_host_info.php", get(managers::set_host_info).post(managers::set_host_info))
        .route("/cgi", post(scheduler::rpc))
        .route("/upload/{process}/file_upload_handler", post(upload::upload))
        .route("/download/{name}", get(download::download))
        // Uploads have limits of their own, and are not kept in memory.
        .layer(DefaultBodyLimit::disable())
        .with_state(web.clone())
        .merge(crate::pages::routes(crate::pages::Site::new(web)));
    let path = path.trim_end_matches('/');
    if path.is_empty() {
        return project;
    }
    // Clients write a slash at the end of the project's own address.
    let front = format!("{path}/");
    let moved = axum::response::Redirect::permanent(&front);
    Router::new().route(path, get(move || async { moved })).nest_service(&front, project)
}
