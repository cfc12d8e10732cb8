//! Two ends, begun and told what to do.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout};

use crate::command::{Launch, Loaded};
use crate::error::BenchError;
use crate::job::{Answer, Job, Order, Outcome};

struct End {
    process: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl End {
    fn start(launch: &Launch, loaded: Loaded) -> Result<Self, BenchError> {
        let mut process = launch.command(loaded).spawn().map_err(BenchError::Start)?;
        let missing = || BenchError::Start(std::io::ErrorKind::BrokenPipe.into());
        let orders = Some(process.stdin.take().ok_or_else(missing)?);
        let answers = BufReader::new(process.stdout.take().ok_or_else(missing)?);
        Ok(Self { process, orders, answers })
    }

    fn tell(&mut self, order: &Order) -> Result<(), BenchError> {
        let lost = |detail: String| BenchError::Lost { doing: format!("{order:?}"), detail };
        let text = serde_json::to_string(order).map_err(|error| lost(error.to_string()))?;
        let orders = self.orders.as_mut().ok_or_else(|| lost("it has ended".into()))?;
        writeln!(orders, "{text}").and_then(|()| orders.flush()).map_err(|error| lost(error.to_string()))
    }

    fn hear(&mut self, doing: &Job) -> Result<Answer, BenchError> {
        let lost = |detail: String| BenchError::Lost { doing: format!("{:?}", doing.work), detail };
        let mut line = String::new();
        self.answers.read_line(&mut line).map_err(|error| lost(error.to_string()))?;
        match serde_json::from_str(&line) {
            Ok(Answer::Failed(detail)) => Err(BenchError::Failed { doing: format!("{:?}", doing.work), detail }),
            Ok(answer) => Ok(answer),
            Err(error) => Err(lost(format!("{line:?}: {error}"))),
        }
    }

    fn done(&mut self, doing: &Job) -> Result<Outcome, BenchError> {
        match self.hear(doing)? {
            Answer::Done(outcome) => Ok(outcome),
            other => Err(BenchError::Lost { doing: format!("{:?}", doing.work), detail: format!("{other:?}") }),
        }
    }
}

impl Drop for End {
    fn drop(&mut self) {
        // It ends by itself at the end of its orders, unless it hangs.
        drop(self.orders.take());
        for _ in 0..100 {
            if !matches!(self.process.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Two ends.
pub(crate) struct Pair {
    serves: End,
    calls: End,
}

/// What came of a job at both ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Both {
    pub(crate) called: Outcome,
    pub(crate) served: Outcome,
}

impl Pair {
    pub(crate) fn start(launch: &Launch, loaded: Loaded) -> Result<Self, BenchError> {
        Ok(Self { serves: End::start(launch, loaded)?, calls: End::start(launch, loaded)? })
    }

    /// Begins a job; `served_on` and `called_on` are the processors.
    pub(crate) fn begin(&mut self, job: &Job, served_on: Option<usize>) -> Result<Begun, BenchError> {
        let mut job = job.clone();
        self.serves.tell(&Order::Listen(Job { cpu: served_on, ..job.clone() }))?;
        match self.serves.hear(&job)? {
            Answer::Listens(address) => job.address = address,
            other => {
                return Err(BenchError::Lost { doing: format!("{:?}", job.work), detail: format!("{other:?}") });
            }
        }
        self.calls.tell(&Order::Call(job.clone()))?;
        Ok(Begun(job))
    }

    /// Waits for it.
    pub(crate) fn end(&mut self, begun: &Begun) -> Result<Both, BenchError> {
        let called = self.calls.done(&begun.0)?;
        let served = self.serves.done(&begun.0)?;
        Ok(Both { called, served })
    }
}

/// A job under way.
pub(crate) struct Begun(Job);
