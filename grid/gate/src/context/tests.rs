use super::*;

const HEAD: &str = "[[listen]]\naddress = \"127.0.0.1:8080\"\n[[pool]]\nallow_empty = true\n";

fn contexts(rules: &str) -> Contexts {
    let config = Config::parse(&format!("{HEAD}{rules}")).expect("a configuration");
    Contexts::compile(&config, Vec::new()).expect("rules")
}

fn of(contexts: &Contexts, target: &str, fields: &[(&'static str, &str)], body: Option<&[u8]>) -> Context {
    let fields = fields.iter().map(|&(name, value)| (name, value.as_bytes()));
    let head = Head::of_parts("GET", target, Some("sky.example"), fields).expect("a head");
    let path = NormalPath::of(head.path(), true).expect("a path");
    contexts.of(&Asked { body, ..Asked::new(&head, &path) })
}

fn readable(contexts: &Contexts, target: &str) -> String {
    contexts.readable(&of(contexts, target, &[], None)).to_string()
}

/// Cells of M 17 by astropy-healpix 1.1: `HEALPix(nside=2**9, order="nested").lonlat_to_healpix(275.2*u.deg, -16.17*u.deg)`.
#[test]
fn tiles_and_cutouts_of_one_block_share_a_context() {
    let contexts = contexts("");
    let tile = of(&contexts, "/m17/K/Norder9/Dir1860000/Npix1863470.fits", &[], None);
    assert_eq!(contexts.readable(&tile).to_string(), "m17/K/tile/9/1863470");
    for target in [
        "/m17/K/cutout?ra=275.2&dec=-16.17&size=0.01",
        "/m17/K/cutout?RA=275.20&Dec=-16.1700&size=0.3&format=png",
        "/m17/cutout?band=K&pos=CIRCLE+275.2+-16.17+0.01",
        "/m17/cutout?POS=CIRCLE%20275.2%20-16.17%200.01&BAND=K",
        "/m%317/K/cutout?size=0.1&dec=-16:10:12&ra=18:20:48",
        "/m17/./K//cutout?center=18h20m48s+-16d10m12s&size=1",
        "/m17/K/Norder10/Dir7450000/Npix7453883.png",
    ] {
        let found = of(&contexts, target, &[], None);
        assert_eq!((found.request.context, found.place), (tile.request.context, tile.place), "{target}");
    }
    for target in [
        "/m17/H/cutout?ra=275.2&dec=-16.17&size=1",
        "/m17/K/cutout?ra=276.2&dec=-16.17&size=1",
        "/m17/K/Norder9/Dir0/Npix1.fits",
    ] {
        assert_ne!(of(&contexts, target, &[], None).request.context, tile.request.context, "{target}");
    }
}

#[test]
fn common_tiles_of_a_data_set_are_one_context() {
    let contexts = contexts("");
    let hot = of(&contexts, "/m17/Norder3/Allsky.png", &[], None);
    assert!(hot.hot);
    assert_eq!(of(&contexts, "/m17/Norder8/Dir0/Npix7.png", &[], None).request.context, hot.request.context);
    assert_ne!(of(&contexts, "/m16/Norder8/Dir0/Npix7.png", &[], None).request.context, hot.request.context);
    assert!(!of(&contexts, "/m17/Norder9/Dir0/Npix7.png", &[], None).hot);
}

#[test]
fn numbers_that_no_cell_has_are_no_tiles() {
    let contexts = contexts("");
    for target in [
        "/m/Norder3/Dir0/Npix768.png",
        "/m/Norder99/Dir0/Npix1.png",
        "/m/Norder300/Dir0/Npix1.png",
        "/m/Norder9/Dir0/Npix-1.png",
        "/m/Norder9/Dir0/Npix99999999999999999999.png",
    ] {
        assert!(matches!(of(&contexts, target, &[], None).place, Place::Shape(_)), "{target}");
    }
}

#[test]
fn what_no_rule_knows_is_path_and_query_in_any_order() {
    let contexts = contexts("[[context]]\nkind = \"url\"\npath = \"/shop/{**}\"\nignore = [\"utm\"]\n");
    let of = |target: &str| of(&contexts, target, &[], None).request.context;
    assert_eq!(of("/x?a=1&b=2"), of("/x?b=2&&a=1"));
    assert_eq!(of("/x?a=%31"), of("/%78?a=1"));
    assert_ne!(of("/x?a=1&b=2"), of("/x?a=2&b=1"));
    assert_ne!(of("/x?a=1"), of("/y?a=1"));
    assert_ne!(of("/x?utm=1"), of("/x?utm=2"));
    assert_eq!(of("/shop/x?utm=1&a"), of("/shop/x?a=&utm=2"));
}

#[test]
fn cone_searches_are_of_table_and_cell_or_of_their_shape() {
    let contexts = contexts(
        "[[context]]\nkind = \"cone\"\npath = \"/tap/sync\"\norder = 4\n[[context]]\nkind = \"cone\"\npath = \"/scs/{dataset}\"\norder = 4\n",
    );
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let body = b"LANG=ADQL&QUERY=SELECT+*+FROM+Gaia+WHERE+1%3DCONTAINS(POINT(ra,dec),CIRCLE(275.2,-16.17,1))";
    let posted = of(&contexts, "/tap/sync", &form, Some(body));
    let asked = of(&contexts, "/scs/gaia?RA=275.2&DEC=-16.17&SR=0.1", &[], None);
    assert_eq!(posted.request.context, asked.request.context);
    assert_eq!((posted.request.product, asked.request.product), (0, 1));
    let shape = |query: &str| of(&contexts, &format!("/tap/sync?query={query}"), &[], None).request.context;
    assert_eq!(shape("select+a+from+t+where+b>1"), shape("SELECT%20a%20FROM%20t%20WHERE%20b>22"));
    assert_ne!(shape("select+a+from+t+where+b>1"), shape("select+a+from+u+where+b>1"));
}

#[test]
fn equivalent_spellings_by_get_and_post_share_a_context() {
    let contexts = contexts(
        "[[context]]\nkind = \"cutout\"\npath = \"/sia\"\nalso = [\"band\"]\n[[context]]\nkind = \"cone\"\npath = \"/tap/sync\"\n",
    );
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let parts = [("content-type", "multipart/form-data; boundary=x")];
    let part =
        |name: &str, value: &str| format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
    let asked = of(&contexts, "/sia?POS=CIRCLE+275.2+-16.17+0.01&BAND=K", &[], None);
    assert!(matches!(asked.place, Place::Cell { .. }));
    let posted = of(&contexts, "/sia", &form, Some(b"BAND=K&POS=CIRCLE%20275.20%20-16.17%200.3"));
    assert_eq!(posted, asked);
    let several = part("POS", "CIRCLE 275.2 -16.17 0.01") + &part("band", "K") + "--x--\r\n";
    assert_eq!(of(&contexts, "/sia", &parts, Some(several.as_bytes())), asked);
    let query = "SELECT * FROM gaia WHERE 1=CONTAINS(POINT(ra,dec),CIRCLE(275.2,-16.17,1))";
    let asked = of(&contexts, &format!("/tap/sync?LANG=ADQL&QUERY={}", query.replace(' ', "+")), &[], None);
    assert!(matches!(asked.place, Place::Cell { .. }));
    let posted = format!("QUERY={}&LANG=ADQL", query.replace(' ', "%20").replace('=', "%3D"));
    assert_eq!(of(&contexts, "/tap/sync", &form, Some(posted.as_bytes())), asked);
    let several = part("LANG", "ADQL") + &part("QUERY", query) + "--x--";
    assert_eq!(of(&contexts, "/tap/sync", &parts, Some(several.as_bytes())), asked);
}

#[test]
fn other_sites_have_rules_by_path_field_cookie_parameter_and_body() {
    let contexts = contexts(
        r#"
[[context]]
kind = "header"
name = "X-Tenant"
[[context]]
kind = "cookie"
name = "basket"
[[context]]
kind = "query"
name = "lot"
[[context]]
kind = "body"
name = "target"
product = "upload"
[[context]]
kind = "id"
path = "/maps/{id}/{**}"
product = "map"
[[context]]
kind = "path"
segments = 2
"#,
    );
    let says = |target: &str, fields: &[(&'static str, &str)], body: Option<&[u8]>| {
        contexts.readable(&of(&contexts, target, fields, body)).to_string()
    };
    assert_eq!(says("/", &[("x-tenant", "eso")], None), "-/header/eso");
    assert_eq!(says("/", &[("cookie", "a=b; basket=7")], None), "-/cookie/7");
    assert_eq!(says("/?a&lot=%37", &[], None), "-/query/7");
    let json = ("content-type", "application/json; charset=utf-8");
    assert_eq!(says("/", &[json], Some(br#"{"x": 1, "target": "NGC 5584"}"#)), "-/upload/NGC 5584");
    assert_eq!(
        says("/", &[("content-type", "application/x-www-form-urlencoded")], Some(b"target=M+17")),
        "-/upload/M 17"
    );
    assert_eq!(says("/maps/12/a/b", &[json], Some(b"{")), "-/map/12");
    assert_eq!(says("/a/b/c/d", &[], None), "-/path//a/b");
    assert_eq!(says("/a", &[], None), "-/path//a");
    let head = Head::of_parts("POST", "/", Some("a"), [("content-type", &b"application/json"[..])].into_iter())
        .expect("a head");
    let path = NormalPath::of("/", true).expect("a path");
    assert_eq!(contexts.body_bytes(&Asked::new(&head, &path)), Some(64 << 10));
}

#[test]
fn a_program_may_bring_rules() {
    struct Mine;
    impl ContextRule for Mine {
        fn products(&self) -> Vec<String> {
            vec!["one".to_string(), "two".to_string()]
        }

        fn context(&self, asked: &Asked<'_>) -> Option<Context> {
            let request = Request { context: 7, product: 1 };
            let mine = Context { request, hot: false, dataset: Name::empty(), place: Place::Whole };
            asked.path.starts_with(b"/mine").then_some(mine)
        }
    }
    let config = Config::parse(&format!(
        "{HEAD}[[context]]\nkind = \"path\"\npath = \"/first\"\n[[context]]\nkind = \"builtin\"\nname = \"portal\"\n"
    ));
    let contexts =
        Contexts::compile(&config.expect("a configuration"), vec![("portal", Box::new(Mine))]).expect("rules");
    assert_eq!(contexts.products(), ["path", "one", "two", "url"]);
    assert_eq!(readable(&contexts, "/mine/x"), "-/two");
    assert_eq!(of(&contexts, "/other", &[], None).request.product, 3);
}

#[test]
fn keys_of_tiles_say_which_are_common_and_of_what() {
    let contexts = contexts(
        "[[context]]\nkind = \"hips\"\npath = \"/a/{order}/{cell}\"\norder = 5\nhot_order = 2\ndataset = \"dss\"\n\
         [[context]]\nkind = \"hips\"\npath = \"/b/{order}/{cell}\"\norder = 5\nproduct = \"small\"\n",
    );
    // Four cells of an order are one of the order before: 16 of order 7 are one of order 5.
    assert_eq!(readable(&contexts, "/a/7/161"), "dss/hips/5/10");
    assert_eq!(readable(&contexts, "/a/5/10"), "dss/hips/5/10");
    assert_eq!(readable(&contexts, "/b/7/161"), "-/small/5/10");
    // With hot_order those between are cells of their own.
    assert_eq!(readable(&contexts, "/a/2/7"), "dss/hips");
    assert_eq!(readable(&contexts, "/a/3/10"), "dss/hips/3/10");
    assert_eq!(readable(&contexts, "/b/3/10"), "-/small");
    assert!(of(&contexts, "/a/2/7", &[], None).hot && !of(&contexts, "/a/3/10", &[], None).hot);
}

/// Cells of M 17 by astropy-healpix 1.1, `HEALPix(nside=2**n, order="nested").lonlat_to_healpix(275.2*u.deg, -16.17*u.deg)`: those of order 9
/// by 4 for each order below.
#[test]
fn keys_of_places_say_which_parameters_count() {
    let contexts = contexts(
        "[[context]]\nkind = \"cutout\"\npath = \"/cut\"\norder = 7\nra = [\"lon\"]\ndec = \"lat\"\nsize = [\"box\"]\n\
         position = \"at\"\nalso = [\"band\"]\ndataset_parameter = [\"survey\", \"hips\"]\ndataset = \"dss\"\n",
    );
    let cell = 1_863_470 / 16;
    assert_eq!(readable(&contexts, "/cut?lon=275.2&lat=-16.17"), format!("dss/cutout/7/{cell}"));
    assert_eq!(readable(&contexts, "/cut?at=275.2+-16.17"), format!("dss/cutout/7/{cell}"));
    assert_eq!(readable(&contexts, "/cut?at=CIRCLE+275.2+-16.17+0.01"), format!("dss/cutout/7/{cell}"));
    assert_eq!(readable(&contexts, "/cut?lon=275.2&lat=-16.17&SURVEY=2mass"), format!("2mass/cutout/7/{cell}"));
    assert_eq!(readable(&contexts, "/cut?lon=275.2&lat=-16.17&hips=2mass&band=K"), format!("2mass/K/cutout/7/{cell}"));
    // Names that stand where these are not named are nothing here.
    for unnamed in ["/cut?ra=275.2&dec=-16.17", "/cut?pos=CIRCLE+275.2+-16.17+0.01"] {
        assert!(readable(&contexts, unnamed).starts_with("-/url/"), "{unnamed}");
    }
    // What has most of a large image is not the cell of its middle. A middle close to the corner of four cells of order 7 (0.46 degrees), with
    // sides beyond them: whichever it is, it is so by `box` alone.
    let mut by_size = (0..40).filter(|step| {
        let at = format!("/cut?lon={}&lat=-16.17", 275.2 + f64::from(*step) * 0.02);
        let place = |query: &str| of(&contexts, &format!("{at}{query}"), &[], None).place;
        assert_eq!(place("&size=3"), place(""));
        place("&box=1.2,0.01") != place("")
    });
    assert!(by_size.next().is_some(), "the size never counts");
}

#[test]
fn keys_of_bodies_and_paths_say_how_much_counts() {
    let contexts = contexts(
        "[[context]]\nkind = \"body\"\nname = \"a\"\npath = \"/form\"\nbody_bytes = \"2KiB\"\n\
         [[context]]\nkind = \"path\"\nsegments = 0\npath = \"/whole/{**}\"\n\
         [[context]]\nkind = \"path\"\nsegments = 1\n",
    );
    let fields = [("content-type", &b"application/json"[..])];
    let asked = |target: &str| {
        let head = Head::of_parts("POST", target, Some("a"), fields.into_iter()).expect("a head");
        let path = NormalPath::of(head.path(), true).expect("a path");
        contexts.body_bytes(&Asked::new(&head, &path))
    };
    assert_eq!((asked("/form"), asked("/other")), (Some(2048), None));
    assert_eq!(readable(&contexts, "/whole/a/b"), "-/path//whole/a/b");
    assert_eq!(readable(&contexts, "/other/a/b"), "-/path//other");
}

#[test]
fn rules_that_make_no_sense_are_refused() {
    for (rule, part) in [
        ("kind = \"hips\"", "needs a template"),
        ("kind = \"header\"", "needs what it looks at"),
        ("kind = \"builtin\"", "which rules"),
        ("kind = \"builtin\"\nname = \"x\"", "nobody brings"),
        ("kind = \"id\"\npath = \"/{id\"", "no } behind it"),
        ("kind = \"cutout\"\norder = 30", "no order 30"),
    ] {
        let error = Config::parse(&format!("{HEAD}[[context]]\n{rule}\n")).expect_err(rule).to_string();
        assert!(error.contains(part), "{error}");
    }
}

proptest::proptest! {
    #[test]
    fn equivalent_spellings_share_a_context(cell in 0_u64..3_145_728, swap: bool, circle: bool, colons: bool) {
        let contexts = contexts("");
        let cell = pogson_healpix::Cell::new(9, cell).expect("a cell");
        let (lon, lat) = cell.center();
        let tile = format!("/s/Norder9/Dir0/Npix{}.png", cell.index());
        // To a hundredth of a second of time, far from the edges of a cell of seven minutes of arc.
        let parts = |value: f64| {
            let hundredths = (value.abs() * 360_000.0).round() as u64;
            let sign = if value < 0.0 { "-" } else { "" };
            let (whole, rest) = (hundredths / 360_000, hundredths % 360_000);
            format!("{sign}{whole}:{:02}:{:02}.{:02}", rest / 6000, rest % 6000 / 100, rest % 100)
        };
        let (ra, dec) = if colons { (parts(lon / 15.0), parts(lat)) } else { (format!("{lon:.8}"), format!("{lat:.10}")) };
        let query = match (circle, swap) {
            (true, _) => format!("POS=CIRCLE+{ra}+{dec}+0.1"),
            (false, true) => format!("dec={dec}&size=0.2&ra={ra}"),
            (false, false) => format!("ra={ra}&dec={dec}&size=0.1"),
        };
        let target = format!("/%73/cutout?{query}");
        let (one, other) = (of(&contexts, &tile, &[], None), of(&contexts, &target, &[], None));
        proptest::prop_assert_eq!(one.place, other.place, "{}", target);
        proptest::prop_assert_eq!(one.request.context, other.request.context);
    }

    #[test]
    fn any_request_has_a_context(target in "/[!-\"$-~]{0,60}", body in proptest::collection::vec(proptest::num::u8::ANY, 0..60)) {
        let contexts = contexts("[[context]]\nkind = \"cone\"\n[[context]]\nkind = \"body\"\nname = \"a\"\n");
        for kind in ["application/json", "application/x-www-form-urlencoded"] {
            let head = Head::of_parts("POST", &target, Some("a"), [("content-type", kind.as_bytes())].into_iter()).expect("a head");
            if let Ok(path) = NormalPath::of(head.path(), true) {
                let _ = contexts.of(&Asked { body: Some(&body), ..Asked::new(&head, &path) });
            }
        }
    }
}
