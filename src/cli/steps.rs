//! `steps`: the vocabulary of features.

use std::fmt::Write;

use clap::Args;

use crate::scenario::{self, Keyword, Sentence};

use super::{Exit, Output, show};

#[derive(Debug, Args)]
#[command(after_help = "\
A sentence stands under the keyword of its section, or under And or But after it. {…} is a value, […] may be left out, \
(s) is the plural, a/b is one of both. A table of keys and values below a step sets more keys of what the step speaks of; \
`springback schema` has them all.

Examples:
  springback steps                 the whole vocabulary
  springback steps standby         the sentences in which a word occurs
  springback steps --output json   for an editor")]
pub(super) struct StepsArgs {
    /// Only sentences in which all of these words occur, or in the name of the key that they set: `surge`, `contraction`.
    #[arg(value_name = "WORD")]
    words: Vec<String>,
    /// How to print.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

pub(super) fn steps(args: &StepsArgs) -> Exit {
    let wanted: Vec<String> = args.words.iter().map(|word| word.to_lowercase()).collect();
    let fits = |sentence: &Sentence| {
        let sets = sentence.sets.as_deref().unwrap_or_default();
        let text = format!("{} {} {sets}", sentence.says.join(" "), sentence.example).to_lowercase();
        wanted.iter().all(|word| text.contains(word))
    };
    let found: Vec<Sentence> = scenario::sentences().into_iter().filter(fits).collect();
    if found.is_empty() {
        show::error(format!(
            "no sentence of the vocabulary has {:?} in it; keys of a TOML scenario work, too: surge, fault, contraction, standby, \
             spend, slo, stop",
            args.words.join(" ")
        ));
        return Exit::BadInput;
    }
    match args.output {
        Output::Text => show::print(&page(&found)),
        Output::Json => {
            show::print(&serde_json::to_string_pretty(&found).expect("a vocabulary is plain data"));
        }
    }
    Exit::Pass
}

fn page(found: &[Sentence]) -> String {
    let mut page = String::new();
    for keyword in [Keyword::Given, Keyword::When, Keyword::Then] {
        let title = match keyword {
            Keyword::Given => "Given   what is there before anything happens",
            Keyword::When => "When    what is done to the system",
            Keyword::Then => "Then    what must hold",
        };
        let of_it: Vec<&Sentence> =
            found.iter().filter(|sentence| sentence.under.contains(&keyword)).collect();
        if of_it.is_empty() {
            continue;
        }
        let _ = writeln!(page, "{title}\n");
        for sentence in of_it {
            for says in &sentence.says {
                let _ = writeln!(page, "  {says}");
            }
            let example = sentence.example.split_once(' ').map_or(sentence.example, |(_, said)| said);
            let _ = writeln!(page, "      {} {example}", keyword.as_str());
            for line in sentence.below.into_iter().flat_map(str::lines) {
                let _ = writeln!(page, "        {line}");
            }
            page.push('\n');
        }
    }
    page
}
