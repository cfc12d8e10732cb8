//! Operators, and what a project adds.

use axum::http::StatusCode;
use pogson_crowd::engine::MILESTONE;
use pogson_crowd::store::FactRow;

use super::bench::{Bench, NOW};

#[test]
fn operators_act_by_their_roles_and_every_act_is_written_down() {
    let bench = Bench::new();
    let (user, users) = bench.login("Ann");
    for path in ["/admin", "/admin/audit", "/admin/user?who=1"] {
        assert_eq!(bench.get(path, &user).status, StatusCode::FORBIDDEN, "{path}");
    }
    let act = |cookie: &str, token: &str, fields: &[(&str, &str)]| {
        let mut all = vec![("token", token)];
        all.extend(fields);
        bench.post("/admin/act", cookie, &all)
    };
    let ban = [("act", "ban"), ("user", "4"), ("days", "2")];
    assert_eq!(act(&user, &users, &ban).status, StatusCode::FORBIDDEN);
    let (moderator, moderators) = bench.login("Mod");
    assert_eq!(act(&moderator, &moderators, &ban).to, "/pogs/admin");
    assert_eq!(bench.user(4).banned_until, NOW + 2 * 86_400);
    assert_eq!(act(&moderator, &moderators, &[("act", "drain"), ("on", "1")]).status, StatusCode::FORBIDDEN);
    let give = [("act", "role"), ("user", "1"), ("role", "operator")];
    assert_eq!(act(&moderator, &moderators, &give).status, StatusCode::FORBIDDEN);
    let (admin, admins) = bench.login("Root");
    assert_eq!(act(&admin, &admins, &give).to, "/pogs/admin");
    assert_eq!(bench.user(1).role, "operator");
    assert_eq!(act(&admin, &admins, &[("act", "role"), ("user", "2"), ("role", "")]).status, StatusCode::BAD_REQUEST);
    assert_eq!(act(&admin, &admins, &[("act", "cancel"), ("unit", "w_1")]).to, "/pogs/admin");
    assert!(bench.get("/wu/w_1", "").text.contains("cancelled by the project"));
    assert_eq!(act(&admin, &admins, &[("act", "cancel"), ("unit", "none")]).status, StatusCode::BAD_REQUEST);
    assert_eq!(
        act(&admin, &admins, &[("act", "notice"), ("title", "Hi <b>"), ("body", "All is & well")]).to,
        "/pogs/admin"
    );
    assert!(bench.get("/news", "").text.contains("Hi &lt;b&gt;"));
    assert!(bench.get("/notices.php", "").text.contains("<title>Hi &lt;b&gt;</title>"));
    let audit = bench.get("/admin/audit", &admin).text;
    for said in ["mod@example.org", "root@example.org", "role of user 1", "cancel"] {
        assert!(audit.contains(said), "{said}");
    }
    assert!(bench.get("/admin/user?who=ann@example.org", &admin).text.contains("ann@example.org"));
    for path in ["/admin", "/admin/user?who=4"] {
        assert!(!bench.get(path, &admin).text.contains("<script"));
    }
}

#[test]
fn sections_that_a_project_brings_stand_beside_the_servers_pages() {
    let bench = Bench::new();
    bench.change(|book| {
        book.facts.insert(FactRow { id: 1, name: "gallery/text".to_owned(), body: "four".to_owned() });
    });
    let page = bench.get("/gallery", "").text;
    assert!(page.contains("<p>/pogs/ 4 None</p>") && page.contains("href=\"/pogs/gallery\""), "{page}");
    let (cookie, _) = bench.login("Ann");
    assert!(bench.get("/gallery", &cookie).text.contains("Some(1)"));
    assert_eq!(bench.get("/gallery/one/two.png", "").text, "picture");
    assert!(bench.get("/gallery/file", "").text.contains("Linux"));
    assert_eq!(bench.get("/gallery/none", "").status, StatusCode::NOT_FOUND);
    let broken = bench.get("/gallery/broken", "");
    assert!(broken.status == StatusCode::SERVICE_UNAVAILABLE && !broken.text.contains("secret"));
    let user = bench.get("/user/1", "").text;
    assert!(user.contains("href=\"/pogs/gallery/of/1\"") && !user.contains("<script"));
}

#[test]
fn finders_of_round_units_are_named() {
    let bench = Bench::new();
    assert!(bench.get("/milestones", "").text.contains("None yet"));
    bench.change(|book| {
        for (id, count, user) in [(1, 2_000_000, 4), (2, 900, 99)] {
            let body = format!("{NOW} {user} w_{count}");
            book.facts.insert(FactRow { id, name: format!("{MILESTONE}{count:018}"), body });
        }
    });
    let page = bench.get("/milestones", "").text;
    assert!(page.contains("2,000,000") && page.contains("w_900") && !page.contains("<script"), "{page}");
    assert!(page.find("2,000,000") < page.find("w_900"));
}

#[test]
fn machines_read_the_servers_state() {
    let bench = Bench::new();
    let seen = bench.get("/server_status.php?xml=1", "").text;
    assert!(
        seen.contains("<results_in_progress>1</results_in_progress>") && seen.contains("<command>validator</command>")
    );
}

#[test]
fn forms_that_are_too_long_are_refused() {
    let bench = Bench::new();
    let long = "x".repeat(100_000);
    assert_eq!(bench.post("/login", "", &[("email", &long), ("password", "x")]).status, StatusCode::PAYLOAD_TOO_LARGE);
}
