//! Messages between running tasks and the project: trickles.
//!
//! What a task sends is any text, with a line that says of what kind it is (`api/boinc_api.cpp`, `boinc_send_trickle_up`); clients put it into
//! their request as it is (`client/cs_trickle.cpp`). It need be no XML, so that it is taken out before the request is read.

use super::write::Writer;

/// Characters of a message that are kept.
const MOST: usize = 65_536;
/// Characters of a name or kind.
const MOST_NAME: usize = 254;

const BEGIN: &str = "<msg_from_host>";
const END: &str = "</msg_from_host>";

/// A task's message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trickle {
    /// Name of the task.
    pub result: String,
    /// Of what kind it is; empty where it does not say.
    pub variety: String,
    /// The message.
    pub text: String,
}

/// A message to a task.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrickleDown {
    /// Name of the task.
    pub result: String,
    /// When it was written, seconds of Unix time; the task's file is named after it.
    pub time: i64,
    /// The message; see [`is_sendable`].
    pub text: String,
}

/// Takes messages out of a request.
pub(super) fn take_out(request: &str) -> Option<(String, Vec<Trickle>)> {
    let mut from = request.find(BEGIN)?;
    let (mut rest, mut trickles) = (request[..from].to_owned(), Vec::new());
    loop {
        let inside = &request[from + BEGIN.len()..];
        // One that does not end is no message; the request is broken, and is refused as such.
        let length = inside.find(END)?;
        trickles.push(read(&inside[..length]));
        let after = from + BEGIN.len() + length + END.len();
        match request[after..].find(BEGIN) {
            Some(next) => {
                rest.push_str(&request[after..after + next]);
                from = after + next;
            }
            None => {
                rest.push_str(&request[after..]);
                return Some((rest, trickles));
            }
        }
    }
}

fn read(inside: &str) -> Trickle {
    let mut text = inside.to_owned();
    let mut field = |name: &str| {
        let (begin, end) = (format!("<{name}>"), format!("</{name}>"));
        let at = text.find(&begin)?;
        let length = text[at + begin.len()..].find(&end)?;
        let value = text[at + begin.len()..at + begin.len() + length].trim().to_owned();
        text.replace_range(at..at + begin.len() + length + end.len(), "");
        Some(value)
    };
    let (result, _, variety) = (field("result_name"), field("time"), field("variety"));
    let plain = |text: &str, most: usize| -> String {
        text.chars().filter(|&c| !c.is_control() || matches!(c, '\n' | '\t')).take(most).collect()
    };
    Trickle {
        result: plain(&result.unwrap_or_default(), MOST_NAME),
        variety: plain(&variety.unwrap_or_default(), MOST_NAME),
        text: plain(text.trim(), MOST),
    }
}

/// Whether a text can be sent to a task: clients read it line by line up to the message's end tag.
pub fn is_sendable(text: &str) -> bool {
    let breaks = ["</trickle_down", "</scheduler_reply", "<result_name>", "<time>"];
    text.len() <= 60_000
        && !breaks.iter().any(|tag| text.contains(tag))
        && text.lines().all(|line| line.len() < 250)
        && text.chars().all(|c| !c.is_control() || c == '\n')
}

impl TrickleDown {
    pub(super) fn write(&self, w: &mut Writer) {
        w.line("<trickle_down>");
        w.text("result_name", &self.result);
        w.raw("time", self.time);
        w.lines(&self.text);
        w.line("</trickle_down>");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Request;
    use proptest::prelude::*;

    #[test]
    fn messages_need_be_no_xml() {
        let request = "<scheduler_request>\n<hostid>7</hostid>\n  <msg_from_host>\n      <result_name>w_0</result_name>\n      <time>1500000000</time>\n\
                       <variety>progress</variety>\n<half> & 5 < 6\n\n  </msg_from_host>\n<msg_from_host>\n<result_name>w_1</result_name>\n</msg_from_host>\n\
                       <rpc_seqno>3</rpc_seqno>\n</scheduler_request>\n";
        let request = Request::parse(request.as_bytes()).unwrap();
        assert_eq!((request.host, request.sequence), (7, 3));
        let first =
            Trickle { result: "w_0".to_owned(), variety: "progress".to_owned(), text: "<half> & 5 < 6".to_owned() };
        assert_eq!(request.trickles, [first, Trickle { result: "w_1".to_owned(), ..Trickle::default() }]);
    }

    #[test]
    fn a_message_that_does_not_end_is_none() {
        assert_eq!(
            take_out("<scheduler_request><msg_from_host><result_name>w</result_name></scheduler_request>"),
            None
        );
        assert_eq!(take_out("<scheduler_request></scheduler_request>"), None);
    }

    #[test]
    fn what_would_end_a_reply_is_not_sent() {
        assert!(is_sendable("<stop/>\n<why>enough & more</why>") && is_sendable(""));
        for text in
            ["</trickle_down>", "a\u{0}", &"x".repeat(300), "</scheduler_reply>", "<result_name>x</result_name>"]
        {
            assert!(!is_sendable(text), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_taken_out_without_harm(text in "(<msg_from_host>|</msg_from_host>|<time>|</time>|<variety>|x|ü|\n){0,20}") {
            if let Some((rest, trickles)) = take_out(&text) {
                prop_assert!(!trickles.is_empty());
                prop_assert!(rest.len() < text.len());
            }
        }
    }
}
