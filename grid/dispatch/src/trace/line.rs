//! Lines of a trace.

use super::Event;
use super::setup::real;
use crate::Request;
use crate::dispatcher::Tuning;
use crate::policy::Report;
use crate::servers::Answer;
use std::fmt::{Display, Formatter};
use std::str::{FromStr, SplitAsciiWhitespace};

/// Stands for what there is not.
const NONE: &str = "-";
/// Most servers that a trace may speak of.
const MOST_PLACES: usize = 1 << 16;
/// Most contexts that a cache may have room for.
const MOST_ROOM: usize = 1 << 22;

/// A value, or that there is none.
struct Or<T>(Option<T>);

impl<T: Display> Display for Or<T> {
    fn fmt(&self, to: &mut Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            Some(value) => write!(to, "{value}"),
            None => to.write_str(NONE),
        }
    }
}

/// Values with commas between, or that there are none.
struct List<'a, T>(&'a [T]);

impl<T: Display> Display for List<'_, T> {
    fn fmt(&self, to: &mut Formatter<'_>) -> std::fmt::Result {
        let Some((first, rest)) = self.0.split_first() else { return to.write_str(NONE) };
        write!(to, "{first}")?;
        rest.iter().try_for_each(|value| write!(to, ",{value}"))
    }
}

impl Display for Event {
    fn fmt(&self, to: &mut Formatter<'_>) -> std::fmt::Result {
        match self {
            Event::Join { at_s, id, room, weight } => write!(to, "join {at_s} {id:x} {room} {weight}"),
            Event::Leave { at_s, place } => write!(to, "leave {at_s} {place}"),
            Event::Up { at_s, place, up } => write!(to, "up {at_s} {place} {up}"),
            Event::Anew { at_s, place } => write!(to, "anew {at_s} {place}"),
            Event::Weight { at_s, place, weight } => write!(to, "weight {at_s} {place} {weight}"),
            Event::Hold { at_s, place, holds } => write!(to, "hold {at_s} {place} {holds}"),
            Event::Room { at_s, place, room } => write!(to, "room {at_s} {place} {room}"),
            Event::Report { at_s, place, report } => {
                let Report { queue, classes, total_s, limit } = report;
                write!(to, "report {at_s} {place} {queue} {} {total_s} {}", Or(*limit), List(classes))
            }
            Event::Request { at_s, number, request, tried, chosen } => {
                let Request { context, product } = request;
                write!(to, "ask {at_s} {number} {context:x} {product} {} {}", List(tried), Or(*chosen))
            }
            Event::Answer { at_s, number, answer } => {
                let hit = answer.hit.map(|hit| if hit { "hit" } else { "miss" });
                write!(to, "answer {at_s} {number} {} {}", Or(hit), Or(answer.service_s))
            }
            Event::Takeover { at_s, number, request: Request { context, product }, place } => {
                write!(to, "take {at_s} {number} {context:x} {product} {place}")
            }
            Event::Withdraw { at_s, number } => write!(to, "withdraw {at_s} {number}"),
            Event::Tune { at_s, tuning: Tuning { slow_start_s, reports_count_s, learns_rooms } } => {
                write!(to, "tune {at_s} {slow_start_s} {reports_count_s} {learns_rooms}")
            }
        }
    }
}

/// Words of a line that are still to be read.
struct Words<'a>(SplitAsciiWhitespace<'a>);

impl<'a> Words<'a> {
    fn word(&mut self) -> Result<&'a str, String> {
        self.0.next().ok_or_else(|| "it ends too early".into())
    }

    fn number<T: FromStr>(&mut self) -> Result<T, String> {
        parse(self.word()?)
    }

    fn real(&mut self) -> Result<f64, String> {
        real(self.word()?)
    }

    fn hexadecimal(&mut self) -> Result<u64, String> {
        let word = self.word()?;
        // A sign would be read as well.
        let digits = word.bytes().all(|byte| byte.is_ascii_hexdigit());
        let value = u64::from_str_radix(word, 16).ok().filter(|_| digits);
        value.ok_or_else(|| format!("'{word}' is not a hexadecimal number of 64 bits"))
    }

    fn bounded(&mut self, most: usize) -> Result<usize, String> {
        let value = self.number()?;
        if value <= most { Ok(value) } else { Err(format!("{value} is more than {most}")) }
    }

    fn or_none<T>(&mut self, read: impl Fn(&str) -> Result<T, String>) -> Result<Option<T>, String> {
        let word = self.word()?;
        if word == NONE { Ok(None) } else { read(word).map(Some) }
    }

    fn list<T: FromStr>(&mut self) -> Result<Vec<T>, String> {
        Ok(self.or_none(|word| word.split(',').map(parse).collect())?.unwrap_or_default())
    }
}

fn parse<T: FromStr>(word: &str) -> Result<T, String> {
    word.parse().map_err(|_| format!("'{word}' is not what can stand there"))
}

fn hit(word: &str) -> Result<bool, String> {
    match word {
        "hit" => Ok(true),
        "miss" => Ok(false),
        _ => Err(format!("'{word}' is not hit, miss or -")),
    }
}

impl FromStr for Event {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut words = Words(text.split_ascii_whitespace());
        let word = words.word()?;
        let words = &mut words;
        let known = [
            "join", "ask", "take", "answer", "withdraw", "report", "leave", "up", "anew", "weight", "hold", "room",
            "tune",
        ];
        if !known.contains(&word) {
            return Err(format!("'{word}' is no event; they are {}", known.join(", ")));
        }
        let at_s = words.real()?;
        let event = match word {
            "join" => {
                let (id, room) = (words.hexadecimal()?, words.bounded(MOST_ROOM)?);
                Event::Join { at_s, id, room, weight: words.real()? }
            }
            "ask" => {
                let number = words.number()?;
                let request = Request { context: words.hexadecimal()?, product: words.number()? };
                Event::Request { at_s, number, request, tried: words.list()?, chosen: words.or_none(parse)? }
            }
            "answer" => {
                let number = words.number()?;
                let answer = Answer { hit: words.or_none(hit)?, service_s: words.or_none(real)? };
                Event::Answer { at_s, number, answer }
            }
            "take" => {
                let number = words.number()?;
                let request = Request { context: words.hexadecimal()?, product: words.number()? };
                Event::Takeover { at_s, number, request, place: words.bounded(MOST_PLACES)? }
            }
            "withdraw" => Event::Withdraw { at_s, number: words.number()? },
            "tune" => {
                let (slow_start_s, reports_count_s) = (words.real()?, words.real()?);
                Event::Tune { at_s, tuning: Tuning { slow_start_s, reports_count_s, learns_rooms: words.number()? } }
            }
            _ => {
                let place = words.bounded(MOST_PLACES)?;
                match word {
                    "leave" => Event::Leave { at_s, place },
                    "up" => Event::Up { at_s, place, up: words.number()? },
                    "anew" => Event::Anew { at_s, place },
                    "weight" => Event::Weight { at_s, place, weight: words.real()? },
                    "hold" => Event::Hold { at_s, place, holds: words.number()? },
                    "room" => Event::Room { at_s, place, room: words.bounded(MOST_ROOM)? },
                    _ => {
                        let (queue, limit) = (words.number()?, words.or_none(parse)?);
                        let (total_s, classes) = (words.real()?, words.list()?);
                        Event::Report { at_s, place, report: Report { queue, classes, total_s, limit } }
                    }
                }
            }
        };
        match words.0.next() {
            Some(more) => Err(format!("'{more}' is more than belongs there")),
            None => Ok(event),
        }
    }
}
