//! A terminal that is watched: its size, its keys, and all of it as it was at the end.

use std::io::{self, IsTerminal, Read, Write};
use std::thread;
use std::time::Duration;

use rustix::termios::{self, LocalModes, OptionalActions, SpecialCodeIndex, Termios};

/// Goes to the beginning; the end of each line and of the screen is cleared as it is written.
const HOME: &str = "\x1b[H";
const CLEAR_LINE: &str = "\x1b[K";
const CLEAR_REST: &str = "\x1b[J";
/// The other screen of a terminal, so that what was there before is there again afterwards; without a cursor.
const OPEN: &str = "\x1b[?1049h\x1b[?25l";
const SHUT: &str = "\x1b[?25h\x1b[?1049l";
/// Time that a key is waited for.
const LOOK: Duration = Duration::from_millis(100);

/// The terminal, until it is dropped.
pub(super) struct Screen {
    /// How the keyboard was, if there is one.
    before: Option<Termios>,
}

impl Screen {
    /// Takes it. Ctrl-C stays what it is.
    pub(super) fn new() -> Self {
        let keyboard = io::stdin().is_terminal().then(|| termios::tcgetattr(io::stdin()).ok()).flatten();
        let before = keyboard.filter(|before| {
            let mut wanted = before.clone();
            wanted.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
            wanted.special_codes[SpecialCodeIndex::VMIN] = 0;
            wanted.special_codes[SpecialCodeIndex::VTIME] = 1;
            termios::tcsetattr(io::stdin(), OptionalActions::Now, &wanted).is_ok()
        });
        say(OPEN);
        Self { before }
    }

    /// A key, if one is pressed within a tenth of a second.
    pub(super) fn key(&self) -> Option<u8> {
        let mut key = [0];
        match &self.before {
            Some(_) => matches!(io::stdin().lock().read(&mut key), Ok(1)).then_some(key[0]),
            None => {
                thread::sleep(LOOK);
                None
            }
        }
    }

    /// Lines as the screen shows them: cut where it ends, in one piece, so that it does not flicker.
    pub(super) fn fitted(&self, lines: Vec<String>) -> String {
        let size = termios::tcgetwinsize(io::stdout()).ok().filter(|size| size.ws_row > 0 && size.ws_col > 0);
        let (rows, columns) = size.map_or((usize::MAX, usize::MAX), |size| {
            // The line below the last one is where the cursor is.
            (usize::from(size.ws_row - 1).max(1), usize::from(size.ws_col))
        });
        let more = lines.len().saturating_sub(rows);
        let mut text = String::from(HOME);
        for (at, line) in lines.iter().take(rows).enumerate() {
            if at > 0 {
                text.push('\n');
            }
            if more > 0 && at + 1 == rows {
                text.extend(format!("... and {} more lines", more + 1).chars().take(columns));
            } else {
                text.extend(line.chars().take(columns));
            }
            text.push_str(CLEAR_LINE);
        }
        text.push_str(CLEAR_REST);
        text
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        say(SHUT);
        if let Some(before) = &self.before {
            // Nobody can be told any more.
            let _ = termios::tcsetattr(io::stdin(), OptionalActions::Now, before);
        }
    }
}

fn say(text: &str) {
    let mut out = io::stdout().lock();
    // A terminal that is gone is seen with the next line.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
