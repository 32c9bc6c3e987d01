//! Errors that name a setting by the option that set it.

use clap::ArgMatches;
use clap::parser::ValueSource;
use ddpm_tutor::Error;
use ddpm_utils::images::ImagesError;

/// What the error says; where it refuses the value of an option that was given, by the option's name: `--learning-rate`, not
/// `TrainingConfig.learning_rate`. What comes from a configuration file keeps the name that it has there.
pub fn message(error: &(dyn std::error::Error + 'static), given: &ArgMatches) -> String {
    let text = error.to_string();
    let Some((_, options)) = given.subcommand() else { return text };
    let field = match error.downcast_ref() {
        Some(Error::Config { field, .. }) => field,
        Some(Error::NoData { .. } | Error::DataFile(_) | Error::Images(_)) if takes(options, "data_dir") => {
            let of_memory = matches!(error.downcast_ref(), Some(Error::Images(ImagesError::Memory { .. })));
            return if of_memory {
                text
            } else {
                format!("{text}. Where the data has moved, --data-dir says where to")
            };
        }
        _ => return text,
    };
    let option = option_of(field);
    // What no configuration file holds is an option, given or not.
    let is_given = field.starts_with("ImportOptions.")
        || takes(options, &option) && options.value_source(&option) == Some(ValueSource::CommandLine);
    match text.strip_prefix(field) {
        Some(rest) if is_given => format!("--{}{rest}", option.replace('_', "-")),
        _ => text,
    }
}

/// Whether the command has an option of this name, given or not.
fn takes(options: &ArgMatches, name: &str) -> bool {
    options.try_contains_id(name).is_ok()
}

/// An option has the name of its setting, but for a few.
fn option_of(field: &str) -> String {
    match field.rsplit('.').next().unwrap_or(field) {
        "period" => "checkpoint_period",
        "samples" => "sample_amount",
        "reverse_variance" => "variance",
        "size" | "image_shape" => "image_size",
        "number of samples" => "n",
        setting => setting,
    }
    .to_owned()
}
