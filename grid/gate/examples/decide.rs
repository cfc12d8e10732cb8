//! Time that it takes to decide about a request before a back end is chosen: path, route, class and context.
//!
//! `cargo run --release -p pogson-gate --example decide`

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

use pogson_gate::classify::{Asker, Classes};
use pogson_gate::config::Config;
use pogson_gate::context::{Asked, Contexts};
use pogson_gate::head::Head;
use pogson_gate::route::Routes;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut text = String::from("[[listen]]\naddress = \"127.0.0.1:1\"\n[[pool]]\nallow_empty = true\n");
    for n in 0..100 {
        text += &format!("[[route]]\nprefix = \"/survey{n}\"\npool = \"main\"\n");
        text += &format!("[[class]]\nname = \"net {n}\"\nnetwork = \"10.{n}.0.0/16\"\n");
    }
    text += "[[route]]\npool = \"main\"\n";
    let config = Config::parse(&text)?;
    let (routes, classes) =
        (Routes::compile(&config).unwrap_or_else(|_| unreachable!()), Classes::with_key(&config, None));
    let contexts = Contexts::compile(&config, Vec::new()).unwrap_or_else(|_| unreachable!());
    let client = IpAddr::V4(Ipv4Addr::new(10, 77, 0, 1));
    for target in [
        "/m17/K/Norder9/Dir1860000/Npix1863470.fits",
        "/m17/K/cutout?ra=275.2&dec=-16.17&size=0.1",
        "/m17/cutout?POS=CIRCLE+18:20:48+-16:10:12+0.1&band=K",
        "/survey77/index.html?a=1&b=2",
        "/a%20b/./c//d;v=1?x=%41",
    ] {
        let fields =
            [("user-agent", &b"Aladin"[..]), ("accept", b"*/*"), ("accept-encoding", b"gzip"), ("cookie", b"a=b")];
        let head = Head::of_parts("GET", target, Some("sky.example.org"), fields.into_iter())?;
        let turns = 1_000_000;
        let began = Instant::now();
        for _ in 0..turns {
            let head = black_box(&head);
            let path = routes.path(head)?;
            black_box(routes.find(head, &path));
            black_box(classes.of(Asker { head, path: &path, client, now_s: 1_700_000_000 }));
            black_box(contexts.of(&Asked::new(head, &path)));
        }
        println!("{:6.0} ns  {target}", began.elapsed().as_secs_f64() * 1e9 / f64::from(turns));
    }
    Ok(())
}
