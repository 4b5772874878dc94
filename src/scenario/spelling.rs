//! The known name that somebody probably meant.

/// The nearest of `known`, if it is near enough that a slip of the finger explains the difference.
pub(crate) fn nearest<'a>(wanted: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // A name of hundreds of characters is no misspelt key, and comparing it would take its time.
    if wanted.len() > 80 {
        return None;
    }
    let folded = fold(wanted);
    known
        .into_iter()
        .map(|name| (distance(&folded, &fold(name)), name))
        .filter(|(distance, name)| *distance <= 1 + name.chars().count().min(wanted.chars().count()) / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// Capital letters and the choice of separator are not worth a difference.
fn fold(name: &str) -> String {
    name.chars().map(|c| if c == '-' || c == ' ' { '_' } else { c.to_ascii_lowercase() }).collect()
}

fn distance(a: &str, b: &str) -> usize {
    strsim::damerau_levenshtein(a, b)
}

/// `a`, `b` and `c` as one reads them in a sentence.
pub(super) fn listed<'a>(names: impl IntoIterator<Item = &'a str>, last: &str) -> String {
    let quoted: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match quoted.as_slice() {
        [] => "nothing".to_owned(),
        [one] => one.clone(),
        [first @ .., end] => format!("{} {last} {end}", first.join(", ")),
    }
}

/// What to say to somebody who wrote a name that does not exist: the nearest one, or those that do.
pub(super) fn suggestion(wanted: &str, known: &[&str]) -> String {
    match (nearest(wanted, known.iter().copied()), known) {
        (Some(near), _) => format!("did you mean `{near}`?"),
        (None, []) => "there is none to choose from".to_owned(),
        (None, [only]) => format!("only `{only}` is known here"),
        (None, known) => format!("known here are {}", listed(known.iter().copied(), "and")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_name_and_a_stranger_none() {
        let known = ["replicas", "capacity", "startup", "price"];
        for (wanted, found) in [
            ("replcias", Some("replicas")),
            ("Replicas", Some("replicas")),
            ("prize", Some("price")),
            ("capcity", Some("capacity")),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(nearest(wanted, known), found, "{wanted}");
        }
        assert_eq!(nearest("lost-at-once", ["lost_at_once"]), Some("lost_at_once"));
        assert_eq!(nearest(&"x".repeat(1_000_000), known), None);
    }
}
