//! The measurements with nothing around them: `bench LIBRARY SOCKET [quick] [WHAT]`, JSON to standard output; `bench end` is an end.

use std::io;

use pogson_wire_bench::plan::Plan;
use pogson_wire_bench::run::Launch;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["end"] => Ok(pogson_wire_bench::end::run(io::stdin().lock(), io::stdout().lock())?),
        [library, socket, ref rest @ ..] => {
            let launch = Launch {
                program: std::env::current_exe()?,
                arguments: vec!["end".into()],
                library: library.into(),
                socket: socket.into(),
            };
            let mut plan = Plan::new(rest.contains(&"quick"), (0, 1));
            for word in rest.iter().filter(|word| **word != "quick") {
                plan.keep(|cell| {
                    format!(
                        "{:?} {:?} {} p{} m{} a{}.",
                        cell.what, cell.place, cell.size, cell.pairs, cell.messages, cell.around
                    )
                    .to_lowercase()
                    .contains(word)
                });
            }
            let report = pogson_wire_bench::run::run(&plan, &launch, || true)?;
            println!("{}", serde_json::to_string_pretty(&report)?);
            Ok(())
        }
        _ => Err("usage: bench LIBRARY SOCKET [quick] [WHAT]".into()),
    }
}
