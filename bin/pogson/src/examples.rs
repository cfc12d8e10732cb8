//! Examples of the help and of the book are commands that there are.

use std::path::{Path, PathBuf};

use clap::{Command, CommandFactory, Parser};

use crate::Cli;

/// The words of a command line up to where the shell takes over, or to what is said of it behind three spaces; quotes and backslashes as
/// the shell has them.
fn words(line: &str) -> Vec<String> {
    let line = line.split("   ").next().unwrap_or(line);
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (Some(open), _) if letter == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (None | Some('"'), '\\') => word.get_or_insert_default().extend(letters.next()),
            (None, '|' | '&' | '>' | '<' | ';') => break,
            (None, '#') if word.is_none() => break,
            (None, ' ') => words.extend(word.take()),
            _ => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    words
}

/// Lines that begin with the program's name, with those that go on.
fn commands(text: &str, goes_on: impl Fn(&str, &str) -> bool) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut last: Option<&str> = None;
    for line in text.lines() {
        let text = line.trim().trim_start_matches("$ ");
        match last {
            Some(before) if goes_on(before, line) => {
                if let Some(command) = found.last_mut() {
                    *command = format!("{} {text}", command.trim_end_matches('\\'));
                }
                last = Some(line);
            }
            _ => {
                last = text.starts_with("pogson ").then_some(line);
                found.extend(last.map(|_| text.to_string()));
            }
        }
    }
    found
}

/// Commands in the book's blocks, with their pages.
fn of_the_book() -> Vec<(PathBuf, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the book is there") {
        let path = entry.expect("a page").path();
        if path.extension().is_none_or(|end| end != "md") {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a page is a text");
        // Every second piece between fences is a block.
        for block in text.split("\n```").skip(1).step_by(2) {
            let all = commands(block, |before, _| before.ends_with('\\'));
            found.extend(all.into_iter().map(|command| (path.clone(), command)));
        }
    }
    found
}

fn each(command: &Command, of: &mut impl FnMut(&Command)) {
    of(command);
    command.get_subcommands().for_each(|sub| each(sub, of));
}

#[test]
fn words_are_those_of_the_shell() {
    assert_eq!(words(r#"a 'b c' d\ e "f 'g" '' | h"#), ["a", "b c", "d e", "f 'g", ""]);
    assert_eq!(words("a --b=c&d  # e"), ["a", "--b=c"]);
    assert_eq!(words("a b    as has to be"), ["a", "b"]);
}

#[test]
fn each_example_of_the_help_is_a_command() {
    let mut wrong = Vec::new();
    each(&Cli::command(), &mut |command| {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        for line in commands(&help, |_, line| line.starts_with("   ")) {
            if let Err(why) = Cli::try_parse_from(words(&line)) {
                wrong.push(format!("{line}\n{why}"));
            }
        }
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_example_of_the_book_is_a_command() {
    let all = of_the_book();
    assert!(all.len() > 50, "the book has {} commands", all.len());
    let mut wrong = Vec::new();
    for (path, line) in all {
        // What stands for something else is not tried.
        if let Err(why) = Cli::try_parse_from(words(&line))
            && !line.contains("...")
        {
            wrong.push(format!("{}: {line}\n{why}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_command_of_the_gate_and_of_the_portal_has_examples_and_says_what_its_flags_are() {
    for group in ["gate", "portal"] {
        let program = Cli::command();
        let group = program.find_subcommand(group).expect("there is such a command");
        each(group, &mut |command| {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(
                help.contains("Examples:\n  pogson ") || help.contains("Examples:\n  head "),
                "{}",
                command.get_name()
            );
            assert!(command.get_about().is_some(), "{}", command.get_name());
            for argument in command.get_arguments() {
                let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
                assert!(!help.is_empty(), "{} {}", command.get_name(), argument.get_id());
                let takes = argument.get_action().takes_values();
                let has_default = !argument.get_default_values().is_empty() || help.contains("[default: ");
                assert!(!(takes && argument.is_hide_default_value_set() && has_default), "{}", argument.get_id());
            }
        });
    }
}
