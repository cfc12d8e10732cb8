//! Pages of those who logged in.

use axum::http::StatusCode;
use pogson_crowd::account::{Cost, key_hash, password_hash};
use pogson_crowd::store::FactRow;

use super::bench::{Bench, NOW, token_in};

#[test]
fn an_account_is_made_changed_and_deleted() {
    let bench = Bench::new();
    let fields = [("name", "New One"), ("email", "New@Example.org"), ("password", "secret word"), ("consent", "1")];
    let joined = bench.post("/join", "", &fields);
    assert_eq!(joined.to, "/pogs/account", "{}", joined.text);
    assert_eq!(bench.post("/join", "", &fields).status, StatusCode::BAD_REQUEST);
    let page = bench.get("/account", &joined.cookie).text;
    let token = token_in(&page);
    let id: i64 = page.split("<th>Number</th><td>").nth(1).unwrap().split('<').next().unwrap().parse().unwrap();
    let user = bench.user(id);
    // The very key that the client gets by lookup_account.
    let key = bench.web().project.account_secret().authenticator(id, 0);
    assert!(page.contains(&key) && user.key_hash == key_hash(&key) && user.consent);
    assert!(Cost::default().verify(&password_hash("secret word", "new@example.org"), Some(&user.password)));

    let preferences = bench.get("/account/preferences", &joined.cookie).text;
    assert!(preferences.contains("max_ncpus_pct"));
    let mut fields: Vec<(&str, &str)> = vec![
        ("token", &token),
        ("venue", "home"),
        ("country", "Chile"),
        ("url", "example.org"),
        ("run_if_user_active", "1"),
    ];
    let numbers = [
        "max_ncpus_pct",
        "cpu_usage_limit",
        "suspend_cpu_usage",
        "idle_time_to_run",
        "work_buf_min_days",
        "work_buf_additional_days",
        "disk_max_used_gb",
        "disk_max_used_pct",
        "ram_max_used_busy_pct",
        "ram_max_used_idle_pct",
        "max_bytes_sec_down",
        "max_bytes_sec_up",
    ];
    fields.extend(numbers.map(|name| (name, "5")));
    assert_eq!(bench.post("/account/preferences", &joined.cookie, &fields).to, "/pogs/account");
    let user = bench.user(id);
    let values: Vec<(String, String)> = serde_json::from_str(&user.preferences).unwrap();
    assert!(
        values.contains(&("cpu_usage_limit".to_owned(), "5".to_owned()))
            && values.contains(&("run_on_batteries".to_owned(), "0".to_owned()))
    );
    assert_eq!(
        (user.preferences_time, user.venue.as_str(), user.url.as_str(), user.consent),
        (NOW as f64, "home", "http://example.org", false)
    );

    let wrong = [("token", token.as_str()), ("password", "x"), ("sure", "1")];
    assert_eq!(bench.post("/account/delete", &joined.cookie, &wrong).status, StatusCode::BAD_REQUEST);
    let sure = [("token", token.as_str()), ("password", "secret word"), ("sure", "1")];
    assert_eq!(bench.post("/account/delete", &joined.cookie, &sure).status, StatusCode::SEE_OTHER);
    let user = bench.user(id);
    assert_eq!(
        (user.name.as_str(), user.password.as_str(), user.country.as_str(), user.consent),
        ("deleted", "", "", false)
    );
    assert_eq!(bench.get("/account", &joined.cookie).to, "/pogs/login");
    let facts: Vec<FactRow> = bench
        .web()
        .engine
        .act(|desk| {
            desk.book.facts.scan(desk.database, "id > 0", &[])?;
            Ok(desk.book.facts.all().cloned().collect())
        })
        .unwrap();
    assert!(facts.iter().any(|fact| fact.name == format!("server/deleted/user/{id}")));
}

#[test]
fn lost_passwords_and_new_addresses_go_by_letter_once() {
    let bench = Bench::new();
    for address in ["ann@example.org", "nobody@example.org"] {
        assert!(bench.post("/lost", "", &[("email", address)]).text.contains("on its way"));
    }
    let letters = bench.letters();
    assert_eq!(letters.len(), 1);
    assert!(letters[0].starts_with("To: ann@example.org\n"));
    let link = letters[0].split("/pogs/").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    let path = format!("/{link}");
    assert_eq!(bench.get(&path, "").status, StatusCode::OK);
    assert_eq!(bench.get(&path.replace("lost/1.", "lost/2."), "").status, StatusCode::BAD_REQUEST);
    let seen = bench.post(&path, "", &[("new", "another one")]);
    assert_eq!(seen.to, "/pogs/account", "{}", seen.text);
    assert_eq!(bench.post(&path, "", &[("new", "third one")]).status, StatusCode::BAD_REQUEST);

    let token = token_in(&bench.get("/account", &seen.cookie).text);
    let fields = [("token", token.as_str()), ("email", "ann@new.example"), ("password", "another one")];
    assert_eq!(bench.post("/account/email", &seen.cookie, &fields).status, StatusCode::OK);
    let letter = bench.letters().into_iter().find(|letter| letter.starts_with("To: ann@new.example")).unwrap();
    let path = format!("/{}", letter.split("/pogs/").nth(1).unwrap().split_whitespace().next().unwrap());
    assert!(bench.get(&path, "").text.contains("ann@new.example"));
    assert_eq!(bench.post(&path, "", &[("password", "wrong one")]).status, StatusCode::BAD_REQUEST);
    assert_eq!(bench.post(&path, "", &[("password", "another one")]).to, "/pogs/account");
    let user = bench.user(1);
    assert_eq!(user.email, "ann@new.example");
    // Clients that give the password at the new address are let in.
    assert!(Cost::default().verify(&password_hash("another one", "ann@new.example"), Some(&user.password)));
    assert!(
        bench
            .letters()
            .iter()
            .any(|letter| letter.starts_with("To: ann@example.org") && letter.contains("was changed"))
    );
}

#[test]
fn computers_are_hidden_and_merged_with_their_credit_and_tasks() {
    let bench = Bench::new();
    let (cookie, token) = bench.login("Ann");
    let (stranger, strange) = bench.login("Mod");
    let hide = |cookie: &str, token: &str| {
        bench.post("/account/computers/10", cookie, &[("token", token), ("hidden", "1"), ("venue", "work")])
    };
    assert_eq!(hide(&stranger, &strange).status, StatusCode::BAD_REQUEST);
    assert_eq!(hide(&cookie, &token).to, "/pogs/account/computers");
    assert!(bench.host(10).hidden && bench.host(10).venue == "work");
    let seen = bench.get("/user/1", "").text;
    assert!(!seen.contains("host/10\"") && seen.contains("host/11\""));
    assert!(!bench.get("/host/10", "").text.contains("user/1\""));

    let merge = |cookie: &str, token: &str, from: &str, into: &str| {
        bench.post("/account/computers/merge", cookie, &[("token", token), ("from", from), ("into", into)])
    };
    assert_eq!(merge(&stranger, &strange, "10", "11").status, StatusCode::BAD_REQUEST);
    assert_eq!(merge(&cookie, &token, "10", "12").status, StatusCode::BAD_REQUEST);
    assert_eq!(merge(&cookie, &token, "11", "10").status, StatusCode::BAD_REQUEST);
    let seen = merge(&cookie, &token, "10", "11");
    assert_eq!(seen.to, "/pogs/account/computers", "{}", seen.text);
    let (old, new) = (bench.host(10), bench.host(11));
    assert_eq!((old.credit, old.merged_into, new.credit), (0, Some(11), 21_000_000));
    assert_eq!(bench.get("/host/10", "").to, "/pogs/host/11");
    assert!(bench.get("/host/11/tasks", "").text.contains("w_1_0"));
}

#[test]
fn teams_are_founded_joined_changed_and_left() {
    let bench = Bench::new();
    let (cookie, token) = bench.login("Ann");
    let new = |name: &str, url: &str| {
        bench.post(
            "/teams/new",
            &cookie,
            &[("token", &token), ("name", name), ("url", url), ("kind", "6"), ("joinable", "1")],
        )
    };
    assert_eq!(new("<i>x</i>", "").status, StatusCode::BAD_REQUEST);
    assert_eq!(new("Stars", "javascript:alert(1)").status, StatusCode::BAD_REQUEST);
    let made = new("Stars", "http://stars.example");
    let team = made.to.strip_prefix("/pogs").unwrap().to_owned();
    assert!(team.starts_with("/team/"), "{}", made.text);
    assert_eq!(new("Stars", "").status, StatusCode::BAD_REQUEST);
    let (other, others) = bench.login("Mod");
    assert_eq!(bench.post(&format!("{team}/join"), &other, &[("token", &others)]).to, made.to);
    let page = bench.get(&team, "").text;
    assert!(page.contains("University") && page.contains(">Mod<") && page.contains(">Ann<"));
    // A moderator may, somebody else may not.
    let (evil, evils) = {
        let seen = bench.post("/login", "", &[("email", "evil@example.org"), ("password", "password")]);
        let token = token_in(&bench.get("/account", &seen.cookie).text);
        (seen.cookie, token)
    };
    let change = |cookie: &str, token: &str| {
        bench.post(
            &format!("{team}/change"),
            cookie,
            &[("token", token), ("name", "Stars"), ("description", "We count")],
        )
    };
    assert_eq!(change(&evil, &evils).status, StatusCode::BAD_REQUEST);
    assert_eq!(change(&cookie, &token).to, made.to);
    assert!(bench.get(&team, "").text.contains("We count"));
    // Nobody joins now.
    assert_eq!(bench.post(&format!("{team}/join"), &evil, &[("token", &evils)]).status, StatusCode::BAD_REQUEST);
    bench.post("/teams/leave", &other, &[("token", &others)]);
    assert_eq!(bench.user(3).team_id, None);
}
