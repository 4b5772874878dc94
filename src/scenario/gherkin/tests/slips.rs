//! Slips of all kinds in a sound feature: nothing panics, nothing is swallowed, and what Gherkin's parser would choke on is
//! said in words of our own.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::*;

#[derive(Debug, Clone)]
enum Slip {
    DropLine(usize),
    DoubleLine(usize),
    SwapLines(usize),
    DropCharacter(usize),
    DoubleCharacter(usize),
    Insert(usize, &'static str),
    Cut(usize),
}

fn slip() -> impl Strategy<Value = Slip> {
    let at = any::<prop::sample::Index>().prop_map(|index| index.index(10_000));
    let inserted = prop::sample::select(vec![
        "|",
        "\"",
        "\"\"\"",
        "\n",
        "\t",
        "#",
        "@",
        ":",
        "<",
        ">",
        "\\",
        "é",
        "Scenario:",
        "\n  Rule: r\n",
        "\n| a |\n",
        "```",
        "\r",
        "\u{feff}",
        "\u{a0}",
        "* ",
        "Examples:",
        "\n@tag\n",
    ]);
    (at, inserted, 0..7_u8).prop_map(|(at, text, which)| match which {
        0 => Slip::DropLine(at),
        1 => Slip::DoubleLine(at),
        2 => Slip::SwapLines(at),
        3 => Slip::DropCharacter(at),
        4 => Slip::DoubleCharacter(at),
        5 => Slip::Insert(at, text),
        _ => Slip::Cut(at),
    })
}

fn slipped(text: &str, slip: &Slip) -> String {
    let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
    let characters: Vec<char> = text.chars().collect();
    let (line, character) = match slip {
        Slip::DropLine(at) | Slip::DoubleLine(at) | Slip::SwapLines(at) => (at % lines.len().max(1), 0),
        Slip::DropCharacter(at) | Slip::DoubleCharacter(at) | Slip::Insert(at, _) | Slip::Cut(at) => {
            (0, at % characters.len().max(1))
        }
    };
    let from = |characters: &[char]| characters.iter().collect::<String>();
    if lines.is_empty() {
        return String::new();
    }
    match slip {
        Slip::DropLine(_) => {
            lines.remove(line);
            lines.concat()
        }
        Slip::DoubleLine(_) => {
            lines.insert(line, lines[line]);
            lines.concat()
        }
        Slip::SwapLines(_) => {
            let next = (line + 1) % lines.len();
            lines.swap(line, next);
            lines.concat()
        }
        Slip::DropCharacter(_) => from(&characters[..character]) + &from(&characters[character + 1..]),
        Slip::DoubleCharacter(_) => from(&characters[..=character]) + &from(&characters[character..]),
        Slip::Insert(_, inserted) => {
            from(&characters[..character]) + inserted + &from(&characters[character..])
        }
        Slip::Cut(_) => from(&characters[..character]),
    }
}

/// The same slips every time, so that a rare one is no surprise for whoever changes something else;
/// `PROPTEST_RNG_SEED=1 PROPTEST_CASES=20000` looks for others.
fn seed() -> RngSeed {
    match ProptestConfig::default().rng_seed {
        RngSeed::Random => RngSeed::Fixed(7),
        given => given,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, rng_seed: seed(), ..ProptestConfig::default() })]

    #[test]
    fn no_slip_is_swallowed(
        which in any::<bool>(),
        slips in prop::collection::vec(slip(), 1..4),
    ) {
        let sound = if which { OUTLINE } else { FLAGSHIP };
        let text = slips.iter().fold(sound.to_owned(), |text, slip| slipped(&text, slip));
        match feature(&text) {
            Err(diagnostics) => {
                prop_assert!(diagnostics.iter().any(Diagnostic::is_error));
                let unclear = diagnostics.iter().find(|one| one.code() == "syntax" && one.message().contains("Gherkin"));
                prop_assert!(unclear.is_none(), "{}\n{text}", plain(&diagnostics));
            }
            Ok(found) => {
                // Every line that reads like a step is one.
                let said = text.lines().filter(|line| {
                    let line = line.trim();
                    ["Given ", "When ", "Then ", "And ", "But "].iter().any(|word| line.starts_with(word))
                });
                let gherkin = &found.gherkin;
                let background = gherkin.background.iter().map(|background| background.steps.len());
                let ruled = gherkin.rules.iter().flat_map(|rule| rule.background.iter().map(|one| one.steps.len()));
                let mut rows: Vec<(usize, usize)> = gherkin
                    .scenarios
                    .iter()
                    .chain(gherkin.rules.iter().flat_map(|rule| &rule.scenarios))
                    .map(|one| (one.steps.first().map_or(0, |step| step.position.line), one.steps.len()))
                    .collect();
                rows.dedup();
                let read = background.chain(ruled).chain(rows.into_iter().map(|(_, steps)| steps)).sum::<usize>();
                prop_assert_eq!(said.count(), read, "{}", text);
            }
        }
    }
}
