//! Templates of paths, such as `/{dataset**}/Norder{order}/Dir{*}/Npix{cell}.{ext}`.

/// A template, ready for use.
#[derive(Clone, Debug)]
pub(super) struct Template {
    front: Vec<Segment>,
    /// What takes several segments, and those behind it.
    rest: Option<(Part, Vec<Segment>)>,
}

/// A segment: texts and what stands between them.
#[derive(Clone, Debug)]
struct Segment {
    /// What it begins with.
    start: Vec<u8>,
    /// What takes bytes, with the text that ends it.
    takes: Vec<(Part, Vec<u8>)>,
}

/// What a name in braces stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Dataset,
    Order,
    Cell,
    Id,
    /// Anything else, which is not looked at.
    Other,
}

/// What a path says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Parts<'a> {
    pub(super) dataset: Option<&'a [u8]>,
    pub(super) order: Option<&'a [u8]>,
    pub(super) cell: Option<&'a [u8]>,
    pub(super) id: Option<&'a [u8]>,
}

impl Part {
    fn of(name: &str) -> Self {
        match name {
            "dataset" => Self::Dataset,
            "order" => Self::Order,
            "cell" => Self::Cell,
            "id" => Self::Id,
            _ => Self::Other,
        }
    }
}

impl<'a> Parts<'a> {
    fn set(&mut self, part: Part, value: &'a [u8]) {
        match part {
            Part::Dataset => self.dataset = Some(value),
            Part::Order => self.order = Some(value),
            Part::Cell => self.cell = Some(value),
            Part::Id => self.id = Some(value),
            Part::Other => {}
        }
    }
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let inner = text.strip_prefix('/').ok_or_else(|| format!("\"{text}\" is not a path; begin it with /"))?;
        let mut template = Self { front: Vec::new(), rest: None };
        for part in inner.split('/') {
            let several = part.strip_prefix('{').and_then(|part| part.strip_suffix("**}"));
            match (several, &mut template.rest) {
                (Some(name), None) => template.rest = Some((Part::of(name), Vec::new())),
                (Some(_), Some(_)) => return Err(format!("\"{text}\" has two parts with **; leave one out")),
                (None, Some((_, behind))) => behind.push(Segment::parse(part, text)?),
                (None, None) => template.front.push(Segment::parse(part, text)?),
            }
        }
        Ok(template)
    }

    /// Whether such a part is in it.
    pub(super) fn names(&self, wanted: Part) -> bool {
        let behind = self.rest.iter().flat_map(|(_, behind)| behind);
        let takes = self.front.iter().chain(behind).flat_map(|segment| &segment.takes).map(|(part, _)| *part);
        takes.chain(self.rest.iter().map(|(several, _)| *several)).any(|part| part == wanted)
    }

    /// What a path says, if it is as the template.
    pub(super) fn parts<'a>(&self, path: &'a [u8]) -> Option<Parts<'a>> {
        let mut parts = Parts::default();
        let mut left = Some(path.strip_prefix(b"/")?);
        for segment in &self.front {
            let (one, rest) = first(left?);
            segment.take(one, &mut parts)?;
            left = rest;
        }
        let Some((several, behind)) = &self.rest else { return left.is_none().then_some(parts) };
        let mut left = left?;
        for segment in behind.iter().rev() {
            let at = left.iter().rposition(|&byte| byte == b'/')?;
            segment.take(&left[at + 1..], &mut parts)?;
            left = &left[..at];
        }
        if left.is_empty() {
            return None;
        }
        parts.set(*several, left);
        Some(parts)
    }
}

/// Up to the next slash, and what follows that.
fn first(path: &[u8]) -> (&[u8], Option<&[u8]>) {
    match path.iter().position(|&byte| byte == b'/') {
        Some(at) => (&path[..at], Some(&path[at + 1..])),
        None => (path, None),
    }
}

impl Segment {
    fn parse(part: &str, whole: &str) -> Result<Self, String> {
        let wrong = |why: &str| Err(format!("\"{whole}\": {why}"));
        let (start, mut rest) = part.split_once('{').unwrap_or((part, ""));
        let mut segment = Self { start: start.as_bytes().to_vec(), takes: Vec::new() };
        if start.contains('}') {
            return wrong("a } has no { before it");
        }
        let mut more = start.len() < part.len();
        while more {
            let Some((name, after)) = rest.split_once('}') else { return wrong("a { has no } behind it") };
            if name.contains(['{', '*']) && name != "*" {
                return wrong("write {name}, {*}, or {name**} as a segment of its own");
            }
            let (text, next) = match after.split_once('{') {
                Some((text, next)) => (text, Some(next)),
                None => (after, None),
            };
            if next.is_some() && text.is_empty() {
                return wrong("there is nothing between two names by which they could be told apart");
            }
            if text.contains('}') {
                return wrong("a } has no { before it");
            }
            segment.takes.push((Part::of(name), text.as_bytes().to_vec()));
            more = next.is_some();
            rest = next.unwrap_or_default();
        }
        Ok(segment)
    }

    /// Takes a segment apart; names stand for one byte at least.
    fn take<'a>(&self, segment: &'a [u8], parts: &mut Parts<'a>) -> Option<()> {
        let mut rest = segment.strip_prefix(&*self.start)?;
        let last = self.takes.len().wrapping_sub(1);
        for (at, (part, until)) in self.takes.iter().enumerate() {
            let length = if at == last {
                rest.strip_suffix(&**until)?.len()
            } else {
                rest.windows(until.len()).position(|window| window == &**until)?
            };
            if length == 0 {
                return None;
            }
            parts.set(*part, &rest[..length]);
            rest = &rest[length + until.len()..];
        }
        rest.is_empty().then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts<'a>(template: &str, path: &'a str) -> Option<[Option<&'a str>; 4]> {
        let text = |part: Option<&'a [u8]>| part.and_then(|part| std::str::from_utf8(part).ok());
        let parts = Template::parse(template).expect("a template").parts(path.as_bytes())?;
        Some([text(parts.dataset), text(parts.order), text(parts.cell), text(parts.id)])
    }

    #[test]
    fn a_path_is_taken_apart_as_its_template_says() {
        let tiles = "/{dataset**}/Norder{order}/Dir{*}/Npix{cell}.{ext}";
        let wanted = Some([Some("m17/K"), Some("9"), Some("12"), None]);
        assert_eq!(parts(tiles, "/m17/K/Norder9/Dir0/Npix12.fits"), wanted);
        for path in [
            "/Norder9/Dir0/Npix12.fits",
            "/m/Norder9/Dir0/Npix12",
            "/m/Norder/Dir0/Npix1.x",
            "/m/Norder9/Npix1.x",
            "/",
            "",
            "/m/Norder9/Dir0/Npix.x",
        ] {
            assert_eq!(parts(tiles, path), None, "{path}");
        }
        assert_eq!(parts("/maps/{id}/{**}", "/maps/7/a/b"), Some([None, None, None, Some("7")]));
        assert_eq!(parts("/maps/{id}/{**}", "/maps/7"), None);
        assert_eq!(parts("/maps/{id}", "/maps/7"), Some([None, None, None, Some("7")]));
        assert_eq!(parts("/maps/{id}", "/maps/7/"), None);
        assert_eq!(parts("/x/", "/x/"), Some([None; 4]));
        assert_eq!(parts("/", "/"), Some([None; 4]));
        assert_eq!(parts("/{id}-{order}x", "/a-b-cx"), Some([None, Some("b-c"), None, Some("a")]));
    }

    #[test]
    fn a_template_that_could_be_read_in_two_ways_is_refused() {
        for text in ["x", "/{a}{b}", "/{a", "/a}", "/{a**}/{b**}", "/x{a**}", "/{a{b}}", "/{a}}"] {
            assert!(Template::parse(text).is_err(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_path_is_taken_apart_or_not(template in "/[ab{}*/.]{0,12}", path in "/?[ab/.]{0,12}") {
            if let Ok(template) = Template::parse(&template) {
                let _ = template.parts(path.as_bytes());
            }
        }
    }
}
