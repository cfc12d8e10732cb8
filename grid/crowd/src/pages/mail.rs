//! Letters to volunteers. They are put into the folder `mail` of the project; a program there, `send`, gets each on its standard input,
//! as `sendmail -t` reads it, and what it took is removed. Without the program an operator finds them there.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

use super::news::mail_date;

/// A letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// To whom.
    pub to: String,
    /// What about; one line.
    pub subject: String,
    /// Text.
    pub body: String,
}

static NEXT: AtomicU64 = AtomicU64::new(0);

impl Letter {
    /// As programs that send mail read it.
    fn text(&self, now: i64) -> String {
        // Addresses and subjects are one line: none can add another.
        let line = |text: &str| text.chars().filter(|c| !c.is_control()).collect::<String>();
        format!(
            "To: {}\nSubject: {}\nDate: {}\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\nAuto-Submitted: auto-generated\n\n{}\n",
            line(&self.to),
            line(&self.subject),
            mail_date(now),
            self.body
        )
    }
}

/// Keeps a letter in a project's folder, and gives it to the program that sends, if there is one.
///
/// # Errors
/// The letter cannot be kept.
pub fn deliver(project: &Path, letter: &Letter, now: i64) -> io::Result<PathBuf> {
    let folder = project.join("mail");
    fs::create_dir_all(&folder)?;
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let path = folder.join(format!("{now}-{}-{number}.eml", std::process::id()));
    let text = letter.text(now);
    // It may hold a link that opens an account.
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    let program = folder.join("send");
    if program.is_file() {
        match send(&program, &text) {
            Ok(true) => fs::remove_file(&path)?,
            Ok(false) => tracing::warn!(letter = %path.display(), "the mail program did not take a letter"),
            Err(error) => tracing::warn!(%error, letter = %path.display(), "the mail program was not run"),
        }
    }
    Ok(path)
}

fn send(program: &Path, text: &str) -> io::Result<bool> {
    let mut child = Command::new(program).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let written = child.stdin.take().map_or(Ok(()), |mut stdin| stdin.write_all(text.as_bytes()));
    let status = child.wait()?;
    Ok(status.success() && written.is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_subject_or_address_adds_a_line() {
        let letter =
            Letter { to: "a@b.c\nBcc: x@y.z".to_owned(), subject: "s\r\nX: y".to_owned(), body: "b".to_owned() };
        let text = letter.text(0);
        let head = text.split("\n\n").next().unwrap();
        assert!(head.lines().all(|line| !line.starts_with("Bcc") && !line.starts_with("X:")), "{head}");
    }

    #[test]
    fn letters_are_kept_unless_a_program_takes_them() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let letter = Letter { to: "a@b.c".to_owned(), subject: "s".to_owned(), body: "hello".to_owned() };
        let kept = deliver(folder.path(), &letter, 1_795_288_200).unwrap();
        assert!(fs::read_to_string(&kept).unwrap().ends_with("\n\nhello\n"));
        assert_eq!(fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600);
        let program = folder.path().join("mail/send");
        fs::write(&program, "#!/bin/sh\ncat > \"$(dirname \"$0\")/sent\"\n").unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let gone = deliver(folder.path(), &letter, 1_795_288_200).unwrap();
        assert!(!gone.exists());
        assert!(fs::read_to_string(folder.path().join("mail/sent")).unwrap().starts_with("To: a@b.c\n"));
    }
}
