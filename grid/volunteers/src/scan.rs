//! A server's XML read as clients read it: elements in their order, unknown ones passed over, no attributes.

/// The elements directly in a text, in order: name and what stands between its tags; empty for `<name/>`.
pub struct Elements<'a> {
    text: &'a str,
    at: usize,
}

/// The elements directly in `text`. An element that does not close ends them.
pub fn elements(text: &str) -> Elements<'_> {
    Elements { text, at: 0 }
}

impl<'a> Iterator for Elements<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<(&'a str, &'a str)> {
        loop {
            let open = self.at + self.text[self.at..].find('<')?;
            let rest = &self.text[open + 1..];
            if let Some(comment) = rest.strip_prefix("!--") {
                self.at = self.text.len() - comment.len() + comment.find("-->")? + 3;
                continue;
            }
            let end = rest.find('>')?;
            let tag = &rest[..end];
            let after = open + 1 + end + 1;
            if tag.starts_with(['/', '?', '!']) {
                self.at = after;
                continue;
            }
            if let Some(name) = tag.strip_suffix('/') {
                self.at = after;
                return Some((first_word(name), ""));
            }
            let name = first_word(tag);
            let inside = &self.text[after..];
            let close = closing(inside, name)?;
            self.at = after + close + name.len() + 3;
            return Some((name, &inside[..close]));
        }
    }
}

fn first_word(tag: &str) -> &str {
    tag.split_ascii_whitespace().next().unwrap_or("")
}

/// Where `</name>` stands.
fn closing(text: &str, name: &str) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + text[from..].find("</")?;
        let rest = &text[at + 2..];
        if rest.strip_prefix(name).is_some_and(|rest| rest.starts_with('>')) {
            return Some(at);
        }
        from = at + 2;
    }
}

/// What stands in the first element of a name anywhere in `text`, without white space about it.
pub fn find<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let mut from = 0;
    loop {
        let at = from + text[from..].find(name)?;
        let after = at + name.len();
        if text[..at].ends_with('<') && text[after..].starts_with('>') {
            let inside = &text[after + 1..];
            return Some(inside[..closing(inside, name)?].trim());
        }
        from = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn elements_come_in_order_with_what_is_in_them() {
        let text = "<?xml version=\"1.0\"?>\n<a>1</a><!-- <b>2</b> --><c/>\n<d x=\"y\">t</d><e><f>3</f></e><g>";
        let found: Vec<_> = elements(text).collect();
        assert_eq!(found, [("a", "1"), ("c", ""), ("d", "t"), ("e", "<f>3</f>")]);
    }

    #[test]
    fn an_element_is_found_wherever_it_is() {
        let text = "<error>\n <error_num> -136 </error_num>\n <error_msg>no</error_msg></error>";
        assert_eq!(find(text, "error_num"), Some("-136"));
        assert_eq!(find(text, "error_ms"), None);
        assert_eq!(find("<a>1", "a"), None);
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_harm(text in "[<>/a-c!\\-é ]{0,60}") {
            let _ = elements(&text).count();
            let _ = find(&text, "a");
        }
    }
}
