//! A map by the beginnings of texts.

/// Values by prefix: finds all prefixes of a text, the longest first, by one search and then from each to the next shorter one.
#[derive(Clone, Debug, Default)]
pub struct PrefixMap<T> {
    /// In the order of their bytes.
    nodes: Vec<Node<T>>,
}

#[derive(Clone, Debug)]
struct Node<T> {
    key: Box<[u8]>,
    /// The longest other key that this one begins with.
    shorter: Option<usize>,
    value: T,
}

impl<T: Default> PrefixMap<T> {
    /// A map of those keys, each with the values given for it put together by `put`.
    pub fn new<V>(items: impl IntoIterator<Item = (Vec<u8>, V)>, mut put: impl FnMut(&mut T, V)) -> Self {
        let mut sorted: std::collections::BTreeMap<Vec<u8>, T> = std::collections::BTreeMap::new();
        for (key, value) in items {
            put(sorted.entry(key).or_default(), value);
        }
        let mut nodes: Vec<Node<T>> = Vec::with_capacity(sorted.len());
        for (key, value) in sorted {
            let mut shorter = nodes.len().checked_sub(1);
            while let Some(at) = shorter
                && !key.starts_with(&nodes[at].key)
            {
                shorter = nodes[at].shorter;
            }
            nodes.push(Node { key: key.into(), shorter, value });
        }
        Self { nodes }
    }

    /// Keys that `text` begins with, the longest first, with their values.
    pub fn of<'a>(&'a self, text: &'a [u8]) -> impl Iterator<Item = (&'a [u8], &'a T)> {
        // All prefixes of a text stand at or before it, and the one before it begins with them or is one.
        let mut next = self.nodes.partition_point(|node| &*node.key <= text).checked_sub(1);
        std::iter::from_fn(move || {
            while let Some(at) = next {
                let node = &self.nodes[at];
                next = node.shorter;
                if text.starts_with(&node.key) {
                    return Some((&*node.key, &node.value));
                }
            }
            None
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn all_prefixes_are_found_and_nothing_else(keys in proptest::collection::vec("[ab]{0,5}", 0..12), text in "[ab]{0,7}") {
            let map = PrefixMap::new(keys.iter().map(|key| (key.clone().into_bytes(), ())), |_: &mut (), ()| {});
            let found: Vec<Vec<u8>> = map.of(text.as_bytes()).map(|(key, ())| key.to_vec()).collect();
            let mut wanted: Vec<Vec<u8>> =
                keys.iter().filter(|key| text.starts_with(key.as_str())).map(|key| key.clone().into_bytes()).collect();
            wanted.sort_by_key(|key| std::cmp::Reverse(key.len()));
            wanted.dedup();
            proptest::prop_assert_eq!(found, wanted);
        }
    }
}
