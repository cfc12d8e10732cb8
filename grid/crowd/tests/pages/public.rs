//! Pages for everybody.

use axum::http::StatusCode;

use super::bench::Bench;

const PUBLIC: [&str; 19] = [
    "/",
    "/user/1",
    "/user/4",
    "/user/4/tasks",
    "/host/10",
    "/host/12",
    "/host/12/tasks",
    "/team/1",
    "/wu/w_1",
    "/result/w_1_1",
    "/result/w_1_2",
    "/top/users",
    "/top/users?by=total",
    "/top/teams",
    "/top/hosts?by=total&page=1",
    "/apps",
    "/status",
    "/news",
    "/login",
];

#[test]
fn public_pages_show_no_markup_from_outside_and_nothing_private() {
    let bench = Bench::new();
    for path in PUBLIC {
        let seen = bench.get(path, "");
        assert_eq!(seen.status, StatusCode::OK, "{path}: {}", seen.text);
        assert!(!seen.text.contains("<script") && !seen.text.contains("href=\"javascript"), "{path}: {}", seen.text);
        for private in ["@example.org", "private-1", "10.9.8.7", "secret", "key of"] {
            assert!(!seen.text.contains(private), "{path} tells {private}");
        }
        assert!(seen.policy.contains("default-src 'none'") && !seen.policy.contains("unsafe-eval"));
    }
    assert!(bench.get("/result/w_1_1", "").text.contains("differs &lt;script"));
    assert!(bench.get("/user/1", "").text.contains("1,000.00"));
}

#[test]
fn clients_find_the_scheduler_on_the_front_page() {
    let bench = Bench::new();
    let page = bench.get("/", "").text;
    assert!(
        page.lines()
            .any(|line| line.starts_with("<link rel=\"boinc_scheduler\" href=\"http://127.0.0.1:8899/pogs/cgi\""))
    );
    assert!(page.lines().any(|line| line == "<scheduler>http://127.0.0.1:8899/pogs/cgi</scheduler>"));
    assert!(page.contains("P &amp; Q") && page.contains("User of the day"));
}

#[test]
fn what_is_not_there_is_said_so() {
    let bench = Bench::new();
    for path in [
        "/user/99",
        "/host/99",
        "/team/99",
        "/wu/none",
        "/result/none",
        "/result/w_1_9",
        "/result/w_1_99",
        "/top/x",
        "/stats/x",
    ] {
        assert_eq!(bench.get(path, "").status, StatusCode::NOT_FOUND, "{path}");
    }
    for path in ["/user/x", "/wu/..%2f..%2fetc", "/stats/..%2fproject.db"] {
        assert!(bench.get(path, "").status.is_client_error(), "{path}");
    }
    assert_eq!(bench.get("/show_user.php?userid=1", "").to, "/pogs/user/1");
}

#[test]
fn ones_own_pages_tell_more_and_need_a_login() {
    let bench = Bench::new();
    for path in ["/account", "/account/computers", "/account/preferences", "/admin", "/teams/new"] {
        assert_eq!(bench.get(path, "").to, "/pogs/login", "{path}");
    }
    let (cookie, _) = bench.login("Ann");
    assert!(bench.get("/host/10", &cookie).text.contains("private-10"));
    assert!(bench.get("/result/w_1_0", &cookie).text.contains("/home/ann/secret &lt;script"));
    assert!(!bench.get("/result/w_1_2", &cookie).text.contains("/home/ann/secret"));
    assert!(!bench.get("/host/12", &cookie).text.contains("private-12"));
    // The success that is not judged yet would bring 8.85.
    assert!(bench.get("/user/1/tasks", &cookie).text.contains("<b>8.85</b>"));
    for path in PUBLIC.iter().chain(&["/account", "/account/computers", "/account/preferences", "/teams/new"]) {
        let seen = bench.get(path, &cookie);
        assert_eq!(seen.status, StatusCode::OK, "{path}");
        assert!(!seen.text.contains("<script"));
    }
}

#[test]
fn sessions_cannot_be_made_up_and_end_with_the_password() {
    let bench = Bench::new();
    let (cookie, token) = bench.login("Ann");
    for forged in [
        cookie.replace("pogson=1.", "pogson=2."),
        format!("{cookie}0"),
        "pogson=1.9999999999999.0".to_owned(),
        "pogson=".to_owned(),
    ] {
        assert_eq!(bench.get("/account", &forged).to, "/pogs/login", "{forged}");
    }
    let changed = bench.post(
        "/account/password",
        &cookie,
        &[("token", &token), ("password", "password"), ("new", "new password")],
    );
    assert_eq!(changed.to, "/pogs/account", "{}", changed.text);
    assert_eq!(bench.get("/account", &cookie).to, "/pogs/login");
    assert_eq!(bench.get("/account", &changed.cookie).status, StatusCode::OK);
    let wrong = bench.post("/login", "", &[("email", "ann@example.org"), ("password", "password")]);
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    assert_eq!(bench.post("/login", "", &[("key", "key of 1")]).to, "/pogs/account");
    assert_eq!(
        bench.post("/login", "", &[("email", "nobody@example.org"), ("password", "password")]).status,
        StatusCode::BAD_REQUEST
    );
}

#[test]
fn forms_of_other_sites_do_nothing() {
    let bench = Bench::new();
    let (cookie, token) = bench.login("Ann");
    let other = bench.login("Mod").1;
    for token in ["", "0", other.as_str()] {
        let seen = bench.post("/account/name", &cookie, &[("token", token), ("name", "Eve")]);
        assert_eq!(seen.status, StatusCode::BAD_REQUEST);
    }
    assert_eq!(bench.user(1).name, "Ann");
    let fields = [("email", "ann@example.org"), ("password", "password")];
    let seen = bench.post_from("/login", "", &fields, Some("http://evil.example"));
    assert_eq!(seen.status, StatusCode::BAD_REQUEST);
    assert_eq!(bench.post_from("/login", "", &fields, Some("http://127.0.0.1:8899")).to, "/pogs/account");
    bench.post("/account/name", &cookie, &[("token", &token), ("name", "Anne")]);
    assert_eq!(bench.user(1).name, "Anne");
    let seen = bench.post("/account/name", &cookie, &[("token", &token), ("name", "<b>Anne</b>")]);
    assert_eq!((seen.status, bench.user(1).name.as_str()), (StatusCode::BAD_REQUEST, "Anne"));
}

#[test]
fn who_tries_passwords_has_to_wait() {
    let bench = Bench::new();
    let fields = [("email", "nobody@example.org"), ("password", "x")];
    let tries = (0..60).filter(|_| !bench.post("/login", "", &fields).text.contains("Too many")).count();
    assert!((10..=40).contains(&tries), "{tries}");
}
