use super::*;

const POOLS: &str = r#"
[[listen]]
address = "127.0.0.1:8080"
[[pool]]
name = "a"
allow_empty = true
[[pool]]
name = "b"
allow_empty = true
[[pool]]
name = "c"
allow_empty = true
"#;

fn routes(rules: &str) -> Routes {
    let config = Config::parse(&format!("{POOLS}{rules}")).expect("a configuration");
    Routes::compile(&config).expect("rules")
}

fn head(method: &str, host: &str, target: &str) -> Head {
    Head::of_parts(method, target, Some(host), std::iter::empty()).expect("a head")
}

/// Name of the pool, `404`, `405` or `400`.
fn goes(routes: &Routes, method: &str, host: &str, target: &str) -> &'static str {
    let head = head(method, host, target);
    let Ok(path) = routes.path(&head) else { return "400" };
    match routes.find(&head, &path) {
        Found::Route(Route { target: Target::Pool(place), .. }, _) => ["a", "b", "c"][*place],
        Found::Route(..) => "other",
        Found::NotMethod(_) => "405",
        Found::Nothing => "404",
    }
}

/// What the back end is asked for.
fn asks(routes: &Routes, target: &str) -> String {
    let head = head("GET", "x", target);
    let path = routes.path(&head).expect("a path");
    let Found::Route(route, _) = routes.find(&head, &path) else { panic!("no route for {target}") };
    let mut out = Vec::new();
    route.write_target(&head, &path, &mut out);
    String::from_utf8(out).expect("text")
}

#[test]
fn without_rules_all_goes_to_the_one_pool() {
    let text = "[[listen]]\naddress = \"127.0.0.1:1\"\n[[pool]]\n[[pool.server]]\naddress = \"http://a\"\n";
    let routes = Routes::compile(&Config::parse(text).expect("a configuration")).expect("rules");
    assert_eq!(goes(&routes, "GET", "x", "/any?x"), "a");
    assert_eq!(goes(&routes, "OPTIONS", "x", "*"), "a");
}

#[test]
fn the_most_exact_rule_is_taken_wherever_it_stands() {
    let routes = routes(
        r#"
[[route]]
pool = "a"
[[route]]
prefix = "/tiles"
pool = "b"
[[route]]
prefix = "/tiles/deep/"
pool = "c"
[[route]]
path = "/tiles/deep/x"
pool = "a"
[[route]]
glob = "/tiles/deep/*/y"
pool = "b"
[[route]]
host = "*.example.org"
prefix = "/tiles"
pool = "c"
[[route]]
host = "sky.example.org"
prefix = "/only"
pool = "b"
"#,
    );
    for (host, target, pool) in [
        ("x", "/", "a"),
        ("x", "/tiles", "b"),
        ("x", "/tiles/", "b"),
        ("x", "/tilesets", "a"),
        ("x", "/tiles/deep", "c"),
        ("x", "/tiles/deep/z", "c"),
        ("x", "/tiles/deep/x", "a"),
        ("x", "/tiles/deep/x/", "c"),
        ("x", "/tiles/deep/q/y", "b"),
        ("A.Example.ORG:8080", "/tiles/1", "c"),
        ("sky.example.org", "/only/1", "b"),
        ("sky.example.org", "/tiles/1", "c"),
        ("sky.example.org", "/else", "a"),
    ] {
        assert_eq!(goes(&routes, "GET", host, target), pool, "{host}{target}");
    }
}

#[test]
fn methods_are_conditions_and_head_goes_with_get() {
    let routes = routes(
        r#"
[[route]]
prefix = "/x"
pool = "a"
methods = ["POST"]
[[route]]
prefix = "/x"
pool = "b"
methods = ["GET"]
"#,
    );
    assert_eq!(goes(&routes, "POST", "h", "/x"), "a");
    assert_eq!((goes(&routes, "GET", "h", "/x"), goes(&routes, "HEAD", "h", "/x")), ("b", "b"));
    assert_eq!((goes(&routes, "PUT", "h", "/x"), goes(&routes, "PUT", "h", "/y")), ("405", "404"));
    let head = head("PUT", "h", "/x");
    let path = routes.path(&head).expect("a path");
    let Found::NotMethod(allowed) = routes.find(&head, &path) else { panic!("a route") };
    assert_eq!(allowed, ["GET", "HEAD", "POST"]);
}

#[test]
fn no_spelling_passes_by_a_rule() {
    let routes = routes(
        r#"
[[route]]
prefix = "/public"
pool = "a"
[[route]]
prefix = "/admin"
pool = "b"
[[route]]
regex = "/private/.*"
pool = "b"
"#,
    );
    for target in [
        "/admin",
        "/admin/x",
        "//admin/x",
        "/./admin/x",
        "/public/../admin/x",
        "/public/%2e%2e/admin/x",
        "/public/.%2E/admin/x",
        "/%61dmin/x",
        "/%61%64%6d%69%6e",
        "/admin%2fx",
        "/admin%2F",
        "/%2Fadmin/x",
        "/admin;x=1/y",
        "/;a/admin/y",
        "/admin\\x",
        "/admin%5cx",
        "/private/a%0Ab",
        "/private%2Fa",
    ] {
        assert_eq!(goes(&routes, "GET", "h", target), "b", "{target}");
    }
    for target in ["/public/..;/admin", "/public/..%2fadmin", "/public%2f..%2fadmin", "/public/..%5cadmin", "/../admin"]
    {
        assert_eq!(goes(&routes, "GET", "h", target), "400", "{target}");
    }
    assert_eq!(asks(&routes, "/public/../admin/x"), "/admin/x");
}

#[test]
fn prefixes_are_stripped_and_replaced() {
    let routes = routes(
        r#"
[[route]]
prefix = "/strip/"
pool = "a"
strip_prefix = true
[[route]]
prefix = "/old"
pool = "a"
replace_prefix = "/new/v2/"
[[route]]
prefix = "/a b"
pool = "a"
strip_prefix = true
"#,
    );
    for (target, wanted) in [
        ("/strip/x/y?q=/strip", "/x/y?q=/strip"),
        ("/strip", "/"),
        ("/strip/", "/"),
        ("/strip?x", "/?x"),
        ("/old", "/new/v2"),
        ("/old/x%20y", "/new/v2/x%20y"),
        ("/a%20b/c%2Fd", "/c/d"),
        ("/strip%2Fx", "/x"),
        ("/strip/a;v=1/b", "/a;v=1/b"),
        ("/%73trip/x", "/x"),
    ] {
        assert_eq!(asks(&routes, target), wanted, "{target}");
    }
}

#[test]
fn a_redirect_is_filled_in_and_names_no_other_host() {
    let routes = routes(
        r#"
[[route]]
prefix = "/old"
redirect = { to = "https://{host}/new{rest}{query}", status = 301 }
[[route]]
prefix = "/bare"
redirect = { to = "{rest}{x}" }
"#,
    );
    let leads = |target: &str| {
        let head = head("GET", "sky.example", target);
        let path = routes.path(&head).expect("a path");
        let Found::Route(route, _) = routes.find(&head, &path) else { panic!("no route") };
        let mut out = Vec::new();
        let status = route.write_location(&head, &path, &mut out);
        (status, String::from_utf8(out).expect("text"))
    };
    assert_eq!(leads("/old/a?b=c"), (Some(301), "https://sky.example/new/a?b=c".to_string()));
    assert_eq!(leads("/bare//evil.example"), (Some(308), "/evil.example{x}".to_string()));
    assert_eq!(leads("/bare/\\evil.example"), (Some(308), "/%5Cevil.example{x}".to_string()));
}

#[test]
fn an_expression_that_is_none_is_said_with_its_place() {
    let config = Config::parse(&format!("{POOLS}[[route]]\npool = \"a\"\nregex = \"/(\"\n"));
    let error = config.expect_err("an expression");
    assert!(error.to_string().contains("is not a regular expression"), "{error}");
    assert_eq!((error.faults()[0].line, error.faults()[0].column), (15, 9));
}

proptest::proptest! {
    #[test]
    fn any_request_goes_somewhere_or_is_refused(target in "/[a-c/.%;2eEfF5C\\\\]{0,24}", host in "[a-c.]{0,12}|\\[[a-c:]{1,6}\\]|[a-c.]{1,6}:[0-9]{0,4}") {
        let routes = routes("[[route]]\nprefix = \"/a\"\npool = \"b\"\nstrip_prefix = true\n[[route]]\npool = \"a\"\n");
        let head = head("GET", &host, &target);
        if let Ok(path) = routes.path(&head) {
            let Found::Route(route, _) = routes.find(&head, &path) else { panic!("all is routed") };
            let mut out = Vec::new();
            route.write_target(&head, &path, &mut out);
            proptest::prop_assert!(out.starts_with(b"/"), "{:?}", String::from_utf8_lossy(&out));
            proptest::prop_assert!(out.iter().all(|byte| byte.is_ascii_graphic()));
        }
    }
}
