//! Label selectors as they stand in a URL: `app=checkout,tier in (web,api),!canary`.

use std::collections::BTreeSet;

use kube::core::{Expression, Selector};

/// Reads a selector; what it cannot read it gives back.
pub(super) fn parse(text: &str) -> Result<Selector, String> {
    let mut selector = Selector::default();
    for requirement in requirements(text) {
        selector.extend([parse_one(requirement).ok_or_else(|| requirement.to_owned())?]);
    }
    Ok(selector)
}

/// Parts between commas that are not inside brackets.
fn requirements(text: &str) -> Vec<&str> {
    let mut depth = 0;
    let split = text.split(move |char: char| {
        match char {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        char == ',' && depth == 0
    });
    split.map(str::trim).filter(|part| !part.is_empty()).collect()
}

fn parse_one(text: &str) -> Option<Expression> {
    if let Some(key) = text.strip_prefix('!') {
        return Some(Expression::DoesNotExist(key.trim().to_owned()));
    }
    if let Some((head, values)) = text.strip_suffix(')').and_then(|text| text.split_once('(')) {
        let values: BTreeSet<_> = values.split(',').map(|value| value.trim().to_owned()).collect();
        let (key, operator) = head.trim().rsplit_once(char::is_whitespace)?;
        let key = key.trim().to_owned();
        return match operator {
            "in" => Some(Expression::In(key, values)),
            "notin" => Some(Expression::NotIn(key, values)),
            _ => None,
        };
    }
    let pair = |(key, value): (&str, &str)| (key.trim().to_owned(), value.trim().to_owned());
    if let Some((key, value)) = text.split_once("!=").map(pair) {
        return Some(Expression::NotEqual(key, value));
    }
    if let Some((key, value)) = text.split_once("==").or(text.split_once('=')).map(pair) {
        return Some(Expression::Equal(key, value));
    }
    (!text.contains(char::is_whitespace)).then(|| Expression::Exists(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use kube::core::SelectorExt;

    use super::*;

    #[test]
    fn each_form_selects() {
        let labels: BTreeMap<_, _> = [("app", "checkout"), ("tier", "web")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into();
        let selects = |text: &str| parse(text).unwrap().matches(&labels);
        for text in
            ["", "app=checkout", "app==checkout, tier", "tier in (api,web),!canary", "tier notin (api)"]
        {
            assert!(selects(text), "{text}");
        }
        for text in
            ["app=cart", "app!=checkout", "tier in (api, db)", "canary", "!app", "app=checkout,tier=api"]
        {
            assert!(!selects(text), "{text}");
        }
        assert_eq!(parse("app=a,tier among (b)").unwrap_err(), "tier among (b)");
    }
}
