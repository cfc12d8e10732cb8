//! Roles as programs: shell scripts that answer, refuse, hang, die and talk nonsense.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use pogson_crowd::life::Trouble;
use pogson_crowd::role::command::{CommandAssimilator, CommandGenerator, CommandRefitter, CommandValidator, Program};
use pogson_crowd::role::{
    Again, Assimilator, Fact, Facts, Finished, Generator, Outputs, Refitter, RoleError, UnitFacts, Validator,
};

struct Known(BTreeMap<String, String>);

impl Facts for Known {
    fn get(&self, key: &str) -> Result<Option<String>, RoleError> {
        Ok(self.0.get(key).cloned())
    }

    fn beginning(&self, prefix: &str) -> Result<Vec<(String, String)>, RoleError> {
        Ok(self.0.iter().filter(|(key, _)| key.starts_with(prefix)).map(|(k, v)| (k.clone(), v.clone())).collect())
    }
}

fn nothing() -> Known {
    Known(BTreeMap::new())
}

fn script(text: &str) -> Program {
    Program { seconds: 10.0, ..Program::new(["sh", "-c", text, "script"]) }
}

/// For each line the shell commands run, with the line in `$line`.
fn lines(text: &str) -> Program {
    script(&format!("while read -r line; do {text}; done"))
}

fn unit() -> UnitFacts {
    UnitFacts {
        app: "primes".to_owned(),
        name: "w_1".to_owned(),
        opaque: "a \"quoted\" <text>\n".to_owned(),
        batch: String::new(),
    }
}

fn validator(program: Program, folder: &Path) -> CommandValidator {
    CommandValidator::new(program, folder, &folder.join("scratch")).unwrap()
}

fn out(text: &str) -> Outputs {
    vec![text.as_bytes().to_vec()]
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

fn transient(result: Result<impl std::fmt::Debug, RoleError>) -> String {
    match result {
        Err(RoleError::Transient(why)) => why,
        other => panic!("{other:?}"),
    }
}

const COMPARE: &str = r#"
set -- $(echo "$line" | tr ',[]"{}:' '       ')
case "$line" in
  *'"do":"check"'*) for f in "$@"; do case "$f" in */output-*) cat "$f" | grep -q '^[0-9]*$' && echo '{"ok":true}' || echo '{"ok":false,"reason":"no number"}';; esac; done;;
  *) a=; b=; for f in "$@"; do case "$f" in */one-0) a=$f;; */other-0) b=$f;; esac; done
     cmp -s "$a" "$b" && echo '{"agree":true}' || echo '{"agree":false}';;
esac"#;

#[test]
fn a_validator_that_stays_answers_line_by_line() {
    let folder = tempfile::tempdir().unwrap();
    let validator = validator(Program { copies: 1, ..lines(&format!("echo x >>started; {COMPARE}")) }, folder.path());
    for _ in 0..5 {
        assert_eq!(validator.check(&unit(), &out("17")), Ok(()));
        let invalid = RoleError::Permanent("no number".to_owned());
        assert_eq!(validator.check(&unit(), &out("x")), Err(invalid));
        assert_eq!(validator.agree(&unit(), &out("17"), &out("17")), Ok(true));
        assert_eq!(validator.agree(&unit(), &out("17"), &out("18")), Ok(false));
        // Packed by one client, and not by the other.
        assert_eq!(validator.agree(&unit(), &vec![gzip(b"17")], &out("17")), Ok(true));
    }
    // Nothing is left where outputs lay.
    assert_eq!(std::fs::read_dir(folder.path().join("scratch")).unwrap().count(), 0);
}

#[test]
fn cmp_is_a_validator() {
    let folder = tempfile::tempdir().unwrap();
    let program = Program { each_call: true, checks: false, ..Program::new(["cmp", "-s"]) };
    let validator = validator(program, folder.path());
    assert_eq!(validator.check(&unit(), &out("17")), Ok(()));
    assert_eq!(validator.agree(&unit(), &out("17"), &out("17")), Ok(true));
    assert_eq!(validator.agree(&unit(), &out("17"), &out("18")), Ok(false));
}

#[test]
fn a_validator_that_breaks_costs_nobody_credit() {
    let folder = tempfile::tempdir().unwrap();
    let broken = [
        (script("echo oops >&2; exit 3"), "oops"),
        (script("read line; echo maybe"), "no answer"),
        (lines("echo '{\"agree\":1}'"), "no answer"),
        (lines("echo '{\"error\":\"database is away\"}'"), "database is away"),
        (lines("echo '{\"error\":\"broken\",\"transient\":false}'"), "broken"),
        (lines("echo '{}'"), "neither yes nor no"),
        (Program { each_call: true, ..script("echo Traceback >&2; exit 1") }, "Traceback"),
        (Program { each_call: true, ..script("exit 75") }, "later"),
        (Program { each_call: true, ..script("kill -9 $$") }, "signal"),
        (Program { each_call: true, ..script("echo '{\"ok\":true}'; exit 2") }, "exit code 2"),
        (Program { most_bytes: 1000, ..lines("head -c 100000 /dev/zero | tr '\\0' x; echo") }, "1000 bytes"),
        (Program::new(["/no/such/program"]), "cannot be started"),
    ];
    for (program, word) in broken {
        let validator = validator(program.clone(), folder.path());
        let why = transient(validator.check(&unit(), &out("1")));
        assert!(why.contains(word), "{word}: {why}");
    }
}

#[test]
fn a_program_that_takes_too_long_is_ended_with_what_it_started() {
    let folder = tempfile::tempdir().unwrap();
    for each_call in [false, true] {
        let text = "sleep 1000 & echo $! >child; wait";
        let program = Program { seconds: 0.4, each_call, ..script(text) };
        let validator = validator(program, folder.path());
        let began = Instant::now();
        let why = transient(validator.agree(&unit(), &out("1"), &out("1")));
        assert!(why.contains("0.4 seconds"), "{why}");
        assert!(began.elapsed().as_secs_f64() < 5.0);
        let child = std::fs::read_to_string(folder.path().join("child")).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(50));
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.trim()));
        assert!(stat.is_err() || stat.unwrap().contains(") Z"), "its child is alive");
    }
}

#[test]
fn a_program_that_died_is_started_again() {
    let folder = tempfile::tempdir().unwrap();
    let validator = validator(Program { copies: 1, ..script("read line; echo '{\"agree\":true}'") }, folder.path());
    for _ in 0..4 {
        assert_eq!(validator.agree(&unit(), &out("1"), &out("1")), Ok(true));
    }
}

#[test]
fn no_more_copies_run_than_are_allowed_and_all_are_answered() {
    let folder = tempfile::tempdir().unwrap();
    let program = Program {
        copies: 3,
        ..script("echo $$ >>started; while read -r line; do sleep 0.02; echo '{\"agree\":true}'; done")
    };
    let validator = validator(program, folder.path());
    std::thread::scope(|scope| {
        for _ in 0..12 {
            scope.spawn(|| assert_eq!(validator.agree(&unit(), &out("1"), &out("1")), Ok(true)));
        }
    });
    let started = std::fs::read_to_string(folder.path().join("started")).unwrap();
    assert!((1..=3).contains(&started.lines().count()), "{started}");
}

#[test]
fn outputs_that_unpack_without_end_are_invalid() {
    let folder = tempfile::tempdir().unwrap();
    let program = Program { most_unpacked: 10_000, ..lines("echo '{\"ok\":true,\"agree\":true}'") };
    let validator = validator(program, folder.path());
    let bomb = gzip(&vec![0; 1 << 20]);
    for bad in [vec![bomb.clone()], vec![gzip(&[0; 6000]), gzip(&[0; 6000])], vec![bomb[..500].to_vec()]] {
        assert!(matches!(validator.check(&unit(), &bad), Err(RoleError::Permanent(_))));
        assert_eq!(validator.agree(&unit(), &bad, &bad), Ok(false));
    }
    assert_eq!(validator.check(&unit(), &vec![gzip(&[0; 10_000])]), Ok(()));
}

#[test]
fn a_generator_makes_files_units_and_facts() {
    let folder = tempfile::tempdir().unwrap();
    let text = r#"case "$line" in *'"wanted":2,"facts":{"primes/next":"100"}'*) ;; *) echo "{\"error\":\"asked otherwise\"}";; esac
        echo '{"file":{"name":"in_100","path":"work/in_100","sticky":true}}'
        echo '{"unit":{"app":"primes","name":"w_100","flops":1e9,"credit":1.5,"inputs":[{"file":"in_100","open_name":"in"}],"outputs":[{"open_name":"out","most":1000,"gzip":true}],"opaque":"x","limits":{"quorum":3}}}'
        echo '{"fact":{"key":"primes/next","text":"101"}}'
        echo '{"facts":[{"key":"primes/old"}],"done":true}'"#;
    let program = Program { facts: Some("primes/".to_owned()), ..lines(text) };
    let mut generator = CommandGenerator::new(program, folder.path()).unwrap();
    let facts = Known(BTreeMap::from([
        ("primes/next".to_owned(), "100".to_owned()),
        ("other".to_owned(), "secret".to_owned()),
    ]));
    for _ in 0..2 {
        let supply = generator.generate(&facts, 2).unwrap();
        assert_eq!(supply.files.len(), 1);
        assert!(supply.files[0].sticky && supply.files[0].path == folder.path().join("work/in_100"));
        let unit = &supply.units[0];
        assert_eq!((unit.name.as_str(), unit.credit, unit.flops_bound), ("w_100", 1_500_000, 1e11));
        assert_eq!((unit.limits.quorum, unit.limits.target, unit.limits.errors), (3, 3, 8));
        assert!(unit.inputs[0].copy && unit.outputs[0].gzip);
        assert_eq!(supply.facts, [Fact::new("primes/next", "101"), Fact::forget("primes/old")]);
    }
}

#[test]
fn a_generator_that_runs_for_each_call_ends_with_success_or_made_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let line = r#"echo '{"unit":{"app":"a","name":"w","flops":1,"credit":1,"outputs":[{"open_name":"o","most":1}]}}'"#;
    let call = |end: &str| {
        let program = Program { each_call: true, ..script(&format!("{line}; {end}")) };
        CommandGenerator::new(program, folder.path()).unwrap().generate(&nothing(), 1)
    };
    assert_eq!(call("exit 0").unwrap().units.len(), 1);
    transient(call("exit 1"));
    let why = transient(call(r#"echo '{"unit":{"app":"a"}}'"#));
    assert!(why.contains("missing field"), "{why}");
}

#[test]
fn units_that_cannot_be_are_refused_with_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let good = r#"{"app":"a","name":"w","flops":1,"credit":1,"outputs":[{"open_name":"o","most":1}]}"#;
    let wrong = [
        ("\"w\"", "\"../w\"", "name"),
        ("\"credit\":1", "\"credit\":-1", "credit"),
        ("\"flops\":1", "\"flops\":-1", "flops"),
        ("{\"open_name\":\"o\",\"most\":1}", "", "no outputs"),
        ("\"credit\":1", "\"credit\":1,\"limits\":{\"quorum\":0}", "quorum"),
        ("\"credit\":1", "\"credit\":1,\"delay\":0", "delay"),
        ("\"credit\":1", "\"credit\":1,\"colour\":0", "colour"),
    ];
    for (cut, put, word) in wrong {
        let unit = good.replace(cut, put);
        let program = lines(&format!("echo '{{\"unit\":{unit},\"done\":true}}'"));
        let why = transient(CommandGenerator::new(program, folder.path()).unwrap().generate(&nothing(), 1));
        assert!(why.contains(word), "{word}: {why}");
    }
}

#[test]
fn an_assimilator_gets_outcome_and_users_and_gives_facts() {
    let folder = tempfile::tempdir().unwrap();
    let text = r#"printf '%s\n' "$line" >>seen; echo '{"ok":true,"facts":[{"key":"primes/sum","text":"4"}]}'"#;
    let mut assimilator = CommandAssimilator::new(lines(text), folder.path(), &folder.path().join("scratch")).unwrap();
    let mut finished =
        Finished { unit: unit(), outputs: Some(out("4")), trouble: None, users: vec![(7, "Ann \"<b>\"".to_owned())] };
    let facts = assimilator.assimilate(&nothing(), &finished).unwrap();
    assert_eq!(facts, [Fact::new("primes/sum", "4")]);
    finished.outputs = None;
    finished.trouble = Some(Trouble::TooManyErrors);
    assimilator.assimilate(&nothing(), &finished).unwrap();
    let seen = std::fs::read_to_string(folder.path().join("seen")).unwrap();
    let seen: Vec<serde_json::Value> = seen.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&seen[0]["do"], &seen[0]["users"][0]["name"]), (&"assimilate".into(), &"Ann \"<b>\"".into()));
    assert_eq!(seen[0]["unit"]["opaque"], "a \"quoted\" <text>\n");
    assert!(seen[0]["outputs"][0].is_string() && seen[0]["trouble"].is_null());
    assert_eq!((&seen[1]["outputs"], &seen[1]["trouble"]), (&serde_json::Value::Null, &"too_many_errors".into()));
}

#[test]
fn an_assimilator_that_does_not_say_so_has_taken_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let finished = Finished { unit: unit(), outputs: Some(out("4")), trouble: None, users: vec![] };
    for (text, transient) in [
        ("echo '{}'", true),
        ("echo '{\"error\":\"disk full\"}'", true),
        ("echo '{\"ok\":false,\"reason\":\"no such range\"}'", false),
        ("exit 0", true),
    ] {
        let mut assimilator = CommandAssimilator::new(lines(text), folder.path(), folder.path()).unwrap();
        let error = assimilator.assimilate(&nothing(), &finished).unwrap_err();
        assert_eq!(matches!(error, RoleError::Transient(_)), transient, "{text}: {error}");
    }
}

#[test]
fn a_program_sees_little_of_the_servers_environment() {
    let folder = tempfile::tempdir().unwrap();
    let mut program = lines("env >environment; echo '{\"agree\":true}'");
    program.environment.insert("MODEL".to_owned(), "7".to_owned());
    validator(program, folder.path()).agree(&unit(), &out("1"), &out("1")).unwrap();
    let seen = std::fs::read_to_string(folder.path().join("environment")).unwrap();
    assert!(seen.contains("MODEL=7") && seen.contains("POGSON_ROLE=validator") && seen.contains("PATH="));
    assert!(!seen.contains("CARGO"), "{seen}");
}

#[test]
fn a_command_that_names_nothing_is_an_operators_matter() {
    let folder = tempfile::tempdir().unwrap();
    let none = Program::new(Vec::<String>::new());
    assert!(matches!(CommandGenerator::new(none, folder.path()), Err(RoleError::Permanent(_))));
    let endless = Program { seconds: 0.0, ..script("true") };
    assert!(matches!(CommandGenerator::new(endless, folder.path()), Err(RoleError::Permanent(_))));
}

fn again(folder: &Path) -> Again {
    std::fs::write(folder.join("input"), "7 11\n").unwrap();
    Again {
        unit: unit(),
        command_line: "--sum".to_owned(),
        inputs: vec![("in".to_owned(), folder.join("input"))],
        outputs: 1,
    }
}

#[test]
fn a_refitter_reads_inputs_and_writes_outputs() {
    let folder = tempfile::tempdir().unwrap();
    let stays = lines(
        r#"set -- $(echo "$line" | tr ',[]"{}:' '       ')
for f in "$@"; do case "$f" in */input) i=$f;; */output-0) o=$f;; esac; done
case "$line" in *'"do":"refit"'*'"command_line":"--sum"'*'"open_name":"in"'*) read -r a b <"$i"; echo $((a + b)) >"$o";; esac
echo '{"ok":true}'"#,
    );
    let anew = Program { each_call: true, ..script(r#"cat >/dev/null; echo 18 >"$1""#) };
    for program in [stays, anew] {
        let mut refitter = CommandRefitter::new(program, folder.path(), &folder.path().join("scratch")).unwrap();
        for _ in 0..2 {
            assert_eq!(refitter.refit(&nothing(), &again(folder.path())), Ok(out("18\n")));
        }
    }
    assert_eq!(std::fs::read_dir(folder.path().join("scratch")).unwrap().count(), 0);
}

#[test]
fn a_refitter_that_cannot_says_so_and_one_that_writes_nothing_is_asked_later() {
    let folder = tempfile::tempdir().unwrap();
    let ask = |program: Program| {
        let scratch = folder.path().join("scratch");
        let mut refitter = CommandRefitter::new(program, folder.path(), &scratch).unwrap();
        refitter.refit(&nothing(), &again(folder.path()))
    };
    let no = ask(lines(r#"echo '{"ok":false,"reason":"the model is gone"}'"#));
    assert_eq!(no, Err(RoleError::Permanent("the model is gone".to_owned())));
    assert!(transient(ask(lines(r#"echo '{"ok":true}'"#))).contains("did not write"));
    assert!(transient(ask(Program { each_call: true, ..script("exit 3") })).contains("exit code 3"));
    let much = Program { each_call: true, most_unpacked: 10, ..script(r#"echo 12345678901 >"$1""#) };
    assert!(transient(ask(much)).contains("more than 10 bytes"));
}
