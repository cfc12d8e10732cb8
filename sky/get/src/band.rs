//! Names of bands that mean the same.

/// True when two names mean one band: `K`, `Ks` and `K_s`; `W1`, `1` and `w1`. Case counts between single letters
/// of different systems nowhere here, so `i` and `I` are one.
pub(crate) fn same(a: &str, b: &str) -> bool {
    plain(a) == plain(b)
}

fn plain(name: &str) -> String {
    let lower: String = name.to_lowercase().chars().filter(|c| c.is_alphanumeric()).collect();
    if lower == "ks" {
        return "k".to_owned();
    }
    match lower.strip_prefix('w') {
        Some(number) if !number.is_empty() && number.bytes().all(|c| c.is_ascii_digit()) => number.to_owned(),
        _ => lower,
    }
}

#[cfg(test)]
mod tests {
    use super::same;

    #[test]
    fn bands_have_several_names() {
        assert!(same("Ks", "K") && same("K_s", "k") && same("W1", "1") && same("g", "G"));
        assert!(!same("W1", "W2") && !same("J", "H") && !same("", "K"));
    }
}
