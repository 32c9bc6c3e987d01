//! Error messages that name a setting by the option that set it.

use clap::ArgMatches;
use clap::parser::ValueSource;
use ddpm_tutor::Error;
use ddpm_utils::images::ImagesError;

/// The error's message. If it rejects the value of a given option, it names the option: `--learning-rate` instead of
/// `TrainingConfig.learning_rate`. Settings from a configuration file keep the names that they have there.
pub fn message(error: &(dyn std::error::Error + 'static), matches: &ArgMatches) -> String {
    let text = error.to_string();
    let Some((_, options)) = matches.subcommand() else { return text };
    let field = match error.downcast_ref() {
        Some(Error::Config { field, .. }) => field,
        Some(Error::NoData { .. } | Error::DataFile(_) | Error::Images(_)) if takes(options, "data_dir") => {
            let of_memory = matches!(error.downcast_ref(), Some(Error::Images(ImagesError::Memory { .. })));
            return if of_memory {
                text
            } else {
                format!("{text}. If the data has moved, give its new folder with --data-dir")
            };
        }
        _ => return text,
    };
    let option = option_of(field);
    // Settings that are in no configuration file are always options.
    let is_given = field.starts_with("ImportOptions.")
        || takes(options, &option) && options.value_source(&option) == Some(ValueSource::CommandLine);
    match text.strip_prefix(field) {
        Some(rest) if is_given => format!("--{}{rest}", option.replace('_', "-")),
        _ => text,
    }
}

/// Whether the command has an option of this name, whether or not it was given.
fn takes(options: &ArgMatches, name: &str) -> bool {
    options.try_contains_id(name).is_ok()
}

/// The option that sets a setting: most have the same name.
fn option_of(field: &str) -> String {
    match field.rsplit('.').next().unwrap_or(field) {
        "period" => "checkpoint_period",
        "samples" => "sample_amount",
        "reverse_variance" => "variance",
        "condition_dropout" => "drop_condition",
        "size" | "image_shape" => "image_size",
        "number of samples" => "n",
        setting => setting,
    }
    .to_owned()
}
