//! What back ends and clients are told instead of the path that came.

use super::path::encode;
use super::{NormalPath, Route, Target};
use crate::head::Head;

impl Route {
    /// Appends path and query as the back end gets them.
    ///
    /// - `path`: from [`super::Routes::path`], of a request that this rule was found for.
    pub fn write_target(&self, head: &Head, path: &NormalPath<'_>, out: &mut Vec<u8>) {
        match &self.replace {
            None => out.extend_from_slice(path.sent.as_bytes()),
            Some((length, with)) => {
                let before = out.len();
                out.extend_from_slice(with.as_bytes());
                write_rest(*length, path, out);
                if out.len() == before {
                    out.push(b'/');
                }
            }
        }
        write_query(head, out);
    }

    /// Appends where a redirect leads.
    ///
    /// - `path`: as of [`Route::write_target`].
    ///
    /// Returns its status; `None` if the rule is no redirect.
    pub fn write_location(&self, head: &Head, path: &NormalPath<'_>, out: &mut Vec<u8>) -> Option<u16> {
        let Target::Redirect(redirect) = &self.target else { return None };
        let mut rest = redirect.to.as_str();
        while let Some((before, after)) = rest.split_once('{') {
            out.extend_from_slice(before.as_bytes());
            let start = out.len();
            let Some((name, next)) = after.split_once('}') else {
                rest = after;
                out.push(b'{');
                continue;
            };
            match name {
                "host" => out.extend_from_slice(head.host().as_bytes()),
                "path" => out.extend_from_slice(path.sent.as_bytes()),
                "rest" => write_rest(self.prefix_length(), path, out),
                "query" => write_query(head, out),
                other => {
                    out.push(b'{');
                    out.extend_from_slice(other.as_bytes());
                    out.push(b'}');
                }
            }
            // Two slashes at the beginning would name a host.
            if start == 0 && matches!(name, "path" | "rest") {
                let slashes = out.iter().take_while(|&&byte| byte == b'/').count();
                out.drain(..slashes.saturating_sub(1));
            }
            rest = next;
        }
        out.extend_from_slice(rest.as_bytes());
        Some(redirect.status)
    }

    fn prefix_length(&self) -> usize {
        match self.test {
            super::Test::Boundary(length) => length,
            _ => 0,
        }
    }
}

/// Appends what follows a prefix of that length.
fn write_rest(length: usize, path: &NormalPath<'_>, out: &mut Vec<u8>) {
    let (sent, matched) = (path.sent.as_bytes(), &*path.matched);
    let same = sent.get(..length) == matched.get(..length) && sent.get(length).is_none_or(|&next| next == b'/');
    match sent.get(length..) {
        Some(rest) if same => out.extend_from_slice(rest),
        // The prefix was spelled with escapes or parameters: what rules saw of the rest is spelled anew.
        _ => encode(matched.get(length..).unwrap_or_default(), out),
    }
}

fn write_query(head: &Head, out: &mut Vec<u8>) {
    if let Some(query) = head.query() {
        out.push(b'?');
        out.extend_from_slice(query.as_bytes());
    }
}
