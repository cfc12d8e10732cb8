//! The command line.

use std::path::PathBuf;
use std::time::Duration;

const HELP: &str = "\
Fits the places of a piece of work, as a BOINC client's task or alone.

usage: pogson-worker [OPTIONS]

  --work FILE          what is to be done [default: work.txt]
  --library FILE       model library [default: library.lib]
  --output FILE        answer to write [default: fits.txt]
  --checkpoint FILE    what is done so far, from which a later run goes on [default: checkpoint.txt]
  --every SECONDS      how often that is written; 0 after each place [default: 10]
  --silence SECONDS    how long the client may give no sign of life [default: 30]
  -h, --help           this text
  -V, --version        version

Each of these files may be a link of BOINC's kind: a text <soft_link>../../projects/...</soft_link>. Where there is a
boinc_mmap_file, progress is told through it and quit, abort, suspend and resume are obeyed; the task ends when the client is
gone. When all is done boinc_finish_called holds the exit code.

Exit codes: 0 done, or ended by the client to go on later; 1 failed; 2 wrong usage; 3 bad input; 4 no room; 194 aborted by the client.

Examples:
  pogson-worker                                        in a client's slot
  pogson-worker --work area17.work --library ngc.lib --output area17.fits.txt
";

/// Files and times.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Arguments {
    pub(crate) work: PathBuf,
    pub(crate) library: PathBuf,
    pub(crate) output: PathBuf,
    pub(crate) checkpoint: PathBuf,
    /// Time between checkpoints.
    pub(crate) every: Duration,
    /// How long the client may give no sign of life.
    pub(crate) silence: Duration,
}

/// What the command line asks for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Wanted {
    /// A text to print.
    Text(String),
    /// Work.
    Work(Arguments),
}

impl Default for Arguments {
    fn default() -> Self {
        Arguments {
            work: "work.txt".into(),
            library: "library.lib".into(),
            output: "fits.txt".into(),
            checkpoint: "checkpoint.txt".into(),
            every: Duration::from_secs(10),
            // BOINC's HEARTBEAT_GIVEUP_SECS.
            silence: Duration::from_secs(30),
        }
    }
}

impl Arguments {
    /// Reads the words after the program's name.
    ///
    /// # Errors
    /// A sentence that names the word.
    pub(crate) fn parse(words: impl IntoIterator<Item = String>) -> Result<Wanted, String> {
        let mut arguments = Arguments::default();
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} lacks its value"));
            match word.as_str() {
                "-h" | "--help" => return Ok(Wanted::Text(HELP.to_owned())),
                "-V" | "--version" => {
                    return Ok(Wanted::Text(concat!("pogson-worker ", env!("CARGO_PKG_VERSION"), "\n").to_owned()));
                }
                "--work" => arguments.work = value()?.into(),
                "--library" => arguments.library = value()?.into(),
                "--output" => arguments.output = value()?.into(),
                "--checkpoint" => arguments.checkpoint = value()?.into(),
                "--every" => arguments.every = seconds(&word, &value()?)?,
                "--silence" => arguments.silence = seconds(&word, &value()?)?,
                _ => return Err(format!("'{word}' is no option")),
            }
        }
        Ok(Wanted::Work(arguments))
    }
}

fn seconds(option: &str, word: &str) -> Result<Duration, String> {
    let known = word.parse::<f64>().ok().filter(|s| (0.0..=86400.0).contains(s));
    known.map(Duration::from_secs_f64).ok_or_else(|| format!("{option} '{word}' is no number from 0 to 86400"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn parse(words: &str) -> Result<Wanted, String> {
        Arguments::parse(words.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn files_have_names_of_their_own_where_none_are_given() {
        assert_eq!(parse("").unwrap(), Wanted::Work(Arguments::default()));
        let Wanted::Work(found) = parse("--work a --every 0.5").unwrap() else { panic!() };
        assert_eq!((found.work, found.every), (PathBuf::from("a"), Duration::from_millis(500)));
    }

    #[test]
    fn words_that_are_no_options_are_named() {
        assert_eq!(parse("--nice").unwrap_err(), "'--nice' is no option");
        assert_eq!(parse("--work").unwrap_err(), "--work lacks its value");
        assert!(parse("--every -1").unwrap_err().contains("'-1' is no number"));
    }
}
