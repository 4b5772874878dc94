//! Text → scenario, every mistake with its origin. Pure, but for [`Source::read`], [`scenario_files`] and
//! [`find_settings`].

mod diagnostic;
mod gherkin;
mod keys;
pub mod local_defaults;
mod manifest;
mod model;
mod overrides;
mod problems;
mod project;
mod read;
mod reader;
mod reference;
mod rules;
mod schema;
mod sections;
mod source;
mod spelling;
mod syntax;
mod tags;
mod tree;
mod units;
mod values;
mod write;

pub use diagnostic::{Diagnostic, Plain, Severity};
pub use gherkin::{
    Feature, FeatureScenario, Import, Keyword, Sentence, feature_as_toml, read_feature, sentences,
    toml_as_feature,
};
pub use local_defaults::{autoscaler_settings, autoscaler_spec};
pub use manifest::Open;
pub use model::*;
pub use overrides::{Override, Overrides};
pub use project::{Project, Quarantine, find_settings, read_settings};
pub use read::{Lowered, Origin, read, read_expectations};
pub use reference::{
    KeyReference, TableReference, keys_without_default, project_reference, scenario_reference,
};
pub use schema::{expectations_schema, project_schema, schema, system_schema};
pub use source::{FEATURE, Source, scenario_files};
pub(crate) use spelling::nearest;
pub use tags::TagExpression;
pub use units::{Price, Rate, Share, Span, UnitError};

/// Folder that runs write to where neither the settings nor an option says otherwise.
pub const REPORTS: &str = "reports";
