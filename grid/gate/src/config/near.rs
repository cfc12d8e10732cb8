//! The name that was probably meant.

/// Of `names` the one nearest to `word`, if it is near: at most a third of its letters wrong.
pub(super) fn nearest<'a>(word: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let most = 1 + word.chars().count() / 3;
    names.map(|name| (distance(word, name), name)).filter(|(steps, _)| *steps <= most).min().map(|(_, name)| name)
}

/// Letters to put in, leave out, replace or swap with their neighbour: the distance of Damerau and Levenshtein, each place edited once.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    for (j, cell) in rows[0].iter_mut().enumerate() {
        *cell = j;
    }
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let same = usize::from(!a[i - 1].eq_ignore_ascii_case(&b[j - 1]));
            let mut steps = (rows[i - 1][j] + 1).min(rows[i][j - 1] + 1).min(rows[i - 1][j - 1] + same);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                steps = steps.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = steps;
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_pen_is_seen_through() {
        let names = ["address", "protocol", "weight", "max_active"];
        assert_eq!(nearest("adress", names.into_iter()), Some("address"));
        assert_eq!(nearest("wieght", names.into_iter()), Some("weight"));
        assert_eq!(nearest("max-active", names.into_iter()), Some("max_active"));
        assert_eq!(nearest("colour", names.into_iter()), None);
        assert_eq!((distance("ca", "ac"), distance("kitten", "sitting")), (1, 3));
    }
}
