//! Units done again by a program.

use std::io::Read;
use std::path::Path;

use super::line::{InputPath, Question, UnitLine};
use super::pool::Pool;
use super::roles::{refuse, success};
use super::scratch::Scratch;
use super::{Post, Program};
use crate::role::{Again, Facts, Outputs, Refitter, RoleError};

/// Does units again by a program.
pub struct CommandRefitter {
    pool: Pool,
}

impl CommandRefitter {
    /// A program that runs in `folder`, and writes outputs under `scratch`.
    ///
    /// # Errors
    /// [`RoleError::Permanent`]: limits that cannot be, or no command.
    pub fn new(program: Program, folder: &Path, scratch: &Path) -> Result<CommandRefitter, RoleError> {
        let post = Post::new("refitter", program, folder.to_owned(), scratch.to_owned())?;
        Ok(CommandRefitter { pool: Pool::new(post, 1) })
    }
}

impl Refitter for CommandRefitter {
    fn refit(&mut self, _: &dyn Facts, again: &Again) -> Result<Outputs, RoleError> {
        let post = &self.pool.post;
        let scratch = Scratch::new(post)?;
        let places = scratch.places(again.outputs);
        // The program runs in the project's folder; paths are whole.
        let inputs: Vec<_> = again
            .inputs
            .iter()
            .map(|(name, path)| (name, std::path::absolute(path).unwrap_or_else(|_| path.clone())))
            .collect();
        let question = Question::Refit {
            unit: UnitLine::of(&again.unit),
            command_line: &again.command_line,
            inputs: inputs.iter().map(|(open_name, path)| InputPath { open_name, path }).collect(),
            outputs: &places,
        };
        let mut answered = false;
        let ended = self.pool.ask(&question, |answer| {
            refuse(post, &answer)?;
            if answer.ok == Some(false) {
                let reason = answer.reason.unwrap_or_else(|| "the refitter cannot do it".to_owned());
                return Err(RoleError::Permanent(reason));
            }
            answered |= answer.ok == Some(true);
            Ok(true)
        })?;
        match ended {
            Some(ended) => success(post, &ended)?,
            None if answered => {}
            None => return Err(post.trouble("did not say {\"ok\": true}")),
        }
        places.iter().map(|path| read(post, path)).collect()
    }
}

fn read(post: &Post, path: &Path) -> Result<Vec<u8>, RoleError> {
    let failed = |error: std::io::Error| post.trouble(format!("did not write {}: {error}", path.display()));
    let mut bytes = Vec::new();
    let most = post.program.most_unpacked;
    std::fs::File::open(path).map_err(failed)?.take(most + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > most {
        return Err(post.trouble(format!("wrote more than {most} bytes to {}", path.display())));
    }
    Ok(bytes)
}
