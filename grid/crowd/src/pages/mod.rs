//! Pages for people: plain HTML without scripts, beside what clients read.
//!
//! Pages read what is committed, by connections of their own; what people change goes through the engine. All text from outside is
//! escaped by the template; forms carry a token that other sites cannot know.

mod account;
mod admin;
mod computers;
mod forms;
mod frame;
mod front;
mod lists;
mod lost;
mod machine;
mod mail;
mod news;
mod person;
mod section;
mod site;
mod state;
mod statistics;
mod tasks;
mod team;
mod work;

pub(crate) use forms::VENUES;
pub use mail::{Letter, deliver};
pub use section::{Section, Shown};
pub use site::Site;
pub use statistics::keep_exporting;

use axum::Router;
use axum::routing::{get, post};

/// All pages, below the project's path; to be merged with the addresses that clients use.
pub fn routes(site: Site) -> Router {
    let router = site.sections().iter().fold(Router::new(), section::mount);
    router
        .route("/", get(front::front))
        .route("/user/{id}", get(person::user))
        .route("/user/{id}/tasks", get(tasks::of_user))
        .route("/host/{id}", get(machine::host))
        .route("/host/{id}/tasks", get(tasks::of_host))
        .route("/team/{id}", get(team::team))
        .route("/wu/{name}", get(work::unit))
        .route("/result/{name}", get(work::result))
        .route("/top/{what}", get(lists::top))
        .route("/apps", get(state::apps))
        .route("/status", get(state::status))
        .route("/news", get(news::news))
        .route("/milestones", get(lists::milestones))
        .route("/notices.php", get(news::feed))
        .route("/stats/{file}", get(statistics::file))
        // Addresses that sites for many projects and old links know.
        .route("/server_status.php", get(state::server_status))
        .route("/show_user.php", get(person::moved))
        .route("/show_host_detail.php", get(machine::moved))
        .route("/team_display.php", get(team::moved))
        .route("/apps.php", get(state::apps))
        .route("/top_users.php", get(lists::top_users))
        .route("/login", get(account::login_form).post(account::login))
        .route("/logout", post(account::logout))
        .route("/join", get(account::join_form).post(account::join))
        .route("/lost", get(lost::lost_form).post(lost::lost))
        .route("/lost/{token}", get(lost::link).post(lost::new_password))
        .route("/account", get(account::home))
        .route("/account/name", post(account::change_name))
        .route("/account/password", post(account::change_password))
        .route("/account/email", post(account::change_email))
        .route("/account/email/{token}", get(lost::confirm).post(lost::confirm_email))
        .route("/account/key", post(account::new_key))
        .route("/account/delete", post(account::delete))
        .route("/account/preferences", get(forms::preferences_form).post(forms::preferences))
        .route("/account/computers", get(computers::mine))
        .route("/account/computers/{id}", post(computers::change))
        .route("/account/computers/merge", post(computers::merge))
        .route("/teams/new", get(team::new_form).post(team::create))
        .route("/team/{id}/join", post(team::join))
        .route("/team/{id}/change", post(team::change))
        .route("/teams/leave", post(team::leave))
        .route("/admin", get(admin::home))
        .route("/admin/act", post(admin::act))
        .route("/admin/user", get(admin::user))
        .route("/admin/audit", get(admin::audit))
        .layer(axum::extract::DefaultBodyLimit::max(site::MOST_FORM))
        .with_state(site)
}
