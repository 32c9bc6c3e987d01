//! `show_source`: shows the crate's own code, as it was compiled, in a notebook cell.

use ddpm_utils::did_you_mean;
use ddpm_utils::display::Html;
use ddpm_utils::highlight::highlight_rust;

use crate::bridges::InterpolantConfig;
use crate::couplings::CouplingConfig;
use crate::discrete::TransitionConfig;
use crate::error::{Error, Result};
use crate::guidance::Guidance;
use crate::metrics::MetricConfig;
use crate::noises::NoiseConfig;
use crate::objectives::{ObjectiveConfig, TimestepSamplingConfig, WeightingConfig};
use crate::parameterizations::ParameterizationConfig;
use crate::process::{NoiseSchedule, ProcessConfig};
use crate::samplers::{SamplerConfig, StepLayoutConfig};

/// The files that a reader may want to see. If several contain a name, the first one is shown: `forward` is that of
/// `Fnn`, so the trait `Network` and the U-Net come after it.
const FILES: &[&str] = &[
    include_str!("process/forward.rs"),
    include_str!("objectives/simple.rs"),
    include_str!("training/epoch.rs"),
    include_str!("sampling.rs"),
    include_str!("samplers/chain.rs"),
    include_str!("samplers/mod.rs"),
    include_str!("samplers/reverse_variance.rs"),
    include_str!("samplers/truncated.rs"),
    include_str!("samplers/noise_estimated.rs"),
    include_str!("samplers/denoised_from.rs"),
    include_str!("samplers/langevin.rs"),
    include_str!("samplers/probability_flow.rs"),
    include_str!("samplers/reverse_sde.rs"),
    include_str!("ode/rk4.rs"),
    include_str!("ode/dormand_prince.rs"),
    include_str!("samplers/subspace.rs"),
    include_str!("critically_damped/process.rs"),
    include_str!("critically_damped/learner.rs"),
    include_str!("critically_damped/sampler.rs"),
    include_str!("critically_damped/score.rs"),
    include_str!("critically_damped/oracle.rs"),
    include_str!("learned_schedules/monotone.rs"),
    include_str!("learned_schedules/vdm.rs"),
    include_str!("likelihood/bound.rs"),
    include_str!("likelihood/each.rs"),
    include_str!("likelihood/ode.rs"),
    include_str!("divergence.rs"),
    include_str!("likelihood/terms.rs"),
    include_str!("objectives/importance.rs"),
    include_str!("process/posterior.rs"),
    include_str!("step_search/best_path.rs"),
    include_str!("step_search/bilateral.rs"),
    include_str!("step_search/learned.rs"),
    include_str!("denoisers/clipped.rs"),
    include_str!("denoisers/counted.rs"),
    include_str!("denoisers/mod.rs"),
    include_str!("guidance/rescale.rs"),
    include_str!("guidance/gradient.rs"),
    include_str!("parameterizations/mod.rs"),
    include_str!("networks/fnn.rs"),
    include_str!("networks/time_embedding.rs"),
    include_str!("networks/unet/residual.rs"),
    include_str!("networks/unet/attention.rs"),
    include_str!("training/optim.rs"),
    include_str!("training/ema.rs"),
    include_str!("training/prior.rs"),
    include_str!("training/adversarial.rs"),
    include_str!("metrics/evaluation.rs"),
    include_str!("metrics/mod.rs"),
    include_str!("networks/fourier_features.rs"),
    include_str!("networks/given.rs"),
    include_str!("networks/mod.rs"),
    include_str!("networks/unet/mod.rs"),
    include_str!("model/mod.rs"),
    include_str!("model/denoiser.rs"),
    include_str!("process/mod.rs"),
    include_str!("process/level.rs"),
    include_str!("noises/mod.rs"),
    include_str!("noises/with_noise.rs"),
    include_str!("process/schedules/mod.rs"),
    include_str!("process/constants/mod.rs"),
    include_str!("process/constants/process.rs"),
    include_str!("process/constants/numbers.rs"),
    include_str!("process/constants/timesteps.rs"),
    include_str!("objectives/mod.rs"),
    include_str!("objectives/noised.rs"),
    include_str!("objectives/differentiated.rs"),
    include_str!("process/ncsn_rules.rs"),
    include_str!("couplings/mod.rs"),
    include_str!("couplings/sinkhorn.rs"),
    include_str!("bridges/mod.rs"),
    include_str!("bridges/ends.rs"),
    include_str!("bridges/field.rs"),
    include_str!("bridges/gaussian_ends.rs"),
    include_str!("bridges/learner.rs"),
    include_str!("bridges/sampler.rs"),
    include_str!("bridges/brownian_chain.rs"),
    include_str!("bridges/energy_guided.rs"),
    include_str!("bridges/ipf.rs"),
    include_str!("bridges/steps.rs"),
    include_str!("flows/pair_learner.rs"),
    include_str!("flows/reflow.rs"),
    include_str!("assignment.rs"),
    include_str!("objectives/timesteps/mod.rs"),
    include_str!("objectives/weightings/mod.rs"),
    include_str!("config/build.rs"),
    include_str!("datasets/swiss_roll.rs"),
    include_str!("discrete/process.rs"),
    include_str!("discrete/back.rs"),
    include_str!("discrete/mixing.rs"),
    include_str!("discrete/transitions/mod.rs"),
    include_str!("discrete/samplers/ancestral.rs"),
    include_str!("discrete/samplers/any_order.rs"),
    include_str!("discrete/samplers/tau_leaping.rs"),
    include_str!("discrete/chain.rs"),
    include_str!("discrete/bound.rs"),
    include_str!("discrete/oracle.rs"),
    include_str!("discrete/rates.rs"),
    include_str!("discrete/learner.rs"),
    include_str!("discrete/networks/token_conv.rs"),
    include_str!("discrete/text/n_gram.rs"),
    include_str!("classifiers/learner.rs"),
    include_str!("classifiers/likelihood_score.rs"),
    include_str!("classifiers/noisy_classifier.rs"),
    include_str!("classifiers/network.rs"),
];

/// These files, followed by the catalogue entries.
fn files() -> impl Iterator<Item = &'static str> {
    let catalogues = [
        ParameterizationConfig::SOURCES,
        SamplerConfig::SOURCES,
        StepLayoutConfig::SOURCES,
        ObjectiveConfig::SOURCES,
        TimestepSamplingConfig::SOURCES,
        WeightingConfig::SOURCES,
        NoiseSchedule::SOURCES,
        ProcessConfig::SOURCES,
        NoiseConfig::SOURCES,
        CouplingConfig::SOURCES,
        InterpolantConfig::SOURCES,
        TransitionConfig::SOURCES,
        MetricConfig::SOURCES,
        Guidance::SOURCES,
    ];
    FILES.iter().copied().chain(catalogues.into_iter().flatten().copied())
}

/// The highlighted source of a function or type of this crate, to be shown in a notebook cell. `"V::target"` is the
/// function `target` in the file of the type `V`.
///
/// ```
/// use ddpm_tutor::prelude::*;
/// let html = show_source("add_noise")?;
/// assert!(html.0.contains("signal"));
/// # Ok::<(), Error>(())
/// ```
///
/// # Errors
/// [`Error::Unsupported`] with the public names, and with the one that was probably meant.
pub fn show_source(name: &str) -> Result<Html> {
    let source = match name.split_once("::") {
        Some((of, function)) => files().find(|file| item(file, of).is_some()).and_then(|file| item(file, function)),
        None => files().find_map(|file| item(file, name)),
    };
    source.map(|source| Html(highlight_rust(&source))).ok_or_else(|| unknown(name))
}

fn unknown(name: &str) -> Error {
    let lines = || files().flat_map(|file| code(file).lines());
    let mut public: Vec<&str> =
        lines().filter(|line| line.trim_start().starts_with("pub ")).filter_map(declared).collect();
    public.sort_unstable();
    public.dedup();
    // Private items can be shown too: the `forward` of a network implements a trait, and has no `pub`.
    let last = name.rsplit("::").next().unwrap_or(name);
    let meant = did_you_mean(last, public.iter().copied().chain(lines().filter_map(declared)));
    Error::Unsupported(format!("there is no item {name:?} to show{meant} (available: {})", public.join(", ")))
}

/// A file without its tests.
fn code(file: &str) -> &str {
    file.split("#[cfg(test)]").next().unwrap_or(file)
}

/// The name that a line declares, if it begins an item.
fn declared(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let line =
        ["pub(crate) ", "pub(super) ", "pub "].iter().find_map(|public| line.strip_prefix(public)).unwrap_or(line);
    let rest = ["fn ", "struct ", "enum ", "trait "].iter().find_map(|keyword| line.strip_prefix(keyword))?;
    rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().filter(|name| !name.is_empty())
}

/// The lines of the item `name` with its comments. In formatted code, an item ends with a brace in the column where it
/// starts.
fn item(file: &str, name: &str) -> Option<String> {
    let lines: Vec<&str> = code(file).lines().collect();
    let declaration = lines.iter().position(|line| declared(line) == Some(name))?;
    let indent = lines[declaration].len() - lines[declaration].trim_start().len();
    let above = |line: &&str| line.trim_start().starts_with("///") || line.trim_start().starts_with("#[");
    let start = declaration - lines[..declaration].iter().rev().take_while(|line| above(line)).count();
    let closing = format!("{}}}", " ".repeat(indent));
    let ends =
        |line: &&str| **line == closing || (line.ends_with(';') && line.len() - line.trim_start().len() == indent);
    let end = declaration + lines[declaration..].iter().position(ends)?;
    Some(lines[start..=end].iter().map(|line| format!("{}\n", line.get(indent..).unwrap_or_default())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_comes_with_its_comments_and_its_end() {
        let source = files().find_map(|file| item(file, "forward_diffusion")).unwrap();
        assert!(source.starts_with("/// Adds the noise") && source.ends_with("Ok((x_t, eps))\n}\n"), "{source}");
        let method = files().find_map(|file| item(file, "forward")).unwrap();
        assert!(
            method.starts_with("fn forward") && method.contains("embedded") && method.ends_with("h)\n}\n"),
            "{method}"
        );
    }

    #[test]
    fn every_name_in_a_notebook_s_reach_is_found() {
        for (name, words) in [
            ("add_noise", "Ok(&signal * x0 + &noise * eps)"),
            ("loss", "self.timesteps.build().draw"),
            ("simple_loss", "squared_error(&output, &target)"),
            ("train_one_epoch_of", "state.begin_step(steps)"),
            ("generate_samples_by", "Chain::new"),
            ("reverse_step", "process.draw"),
            ("walk", "observer.see(&state)"),
            ("Given", "pub label"),
            ("Ddim", "pub eta"),
            ("TokenProcess", "pub struct TokenProcess"),
            ("AnyOrder", "pub struct AnyOrder"),
            ("AbsorbingTransition", "pub struct AbsorbingTransition"),
            ("StringsOracle", "strings: Tensor"),
            ("loss_of", "bound_term"),
            ("Clipped", "clip( x_0, -1, 1 )"),
            ("denoise", "clamp(-1.0, 1.0)"),
            ("CosineSchedule", "pub struct CosineSchedule"),
            ("Fnn", "pub struct Fnn"),
            ("TimeEmbedding", "pub struct TimeEmbedding"),
            ("AdamW", "pub struct AdamW"),
            ("sliced_wasserstein", "pub fn sliced_wasserstein"),
            ("before_attention", "fn before_attention"),
            ("Attention", "struct Attention"),
            ("Network", "fn var_store(&self) -> &nn::VarStore;\n}\n"),
            ("Denoiser", "Result<Denoised>;\n}\n"),
            ("Unet", "pub struct Unet"),
            ("get_model", "with_parameterization"),
            ("ConstantsManager", "sqrt_alpha_bar: Tensor"),
            ("from_betas", "alpha_bar_0 = 1"),
            ("ReverseVariance", "sigma_t^2 = beta_t"),
            ("Noised", "pub eps: Tensor"),
            ("TimestepSampling", "fn draw"),
            ("PerceptionPrioritized", "1 - alpha_bar_t"),
            ("Observer", "ControlFlow::Break"),
            ("SwissRoll", "pub noise: f64"),
            ("roll", "1.5 * PI"),
        ] {
            let source = files().find_map(|file| item(file, name)).unwrap_or_default();
            assert!(source.contains(words), "{name}: {source}");
            assert!(show_source(name).is_ok(), "{name}");
        }
    }

    #[test]
    fn a_function_of_a_type_is_that_in_its_file() {
        let source = |name| show_source(name).unwrap().0;
        assert!(source("V::target").contains("signal") && source("Edm::target") != source("V::target"));
        let unknown = show_source("V::targt").err().unwrap().to_string();
        assert!(unknown.contains("\"V::targt\"") && unknown.contains("did you mean \"target\""), "{unknown}");
    }

    #[test]
    fn an_unknown_name_gets_the_one_that_was_meant_and_the_public_ones() {
        let message = |name| show_source(name).err().unwrap().to_string();
        for (name, meant) in [
            ("foward_difusion", "forward_diffusion"),
            ("swiss_roll", "SwissRoll"),
            ("reverse_stp", "reverse_step"),
            ("constants_manager", "ConstantsManager"),
        ] {
            assert!(message(name).contains(&format!("did you mean {meant:?}?")), "{}", message(name));
        }
        let message = message("no_such_thing");
        assert!(!message.contains("did you mean"), "{message}");
        let listed: Vec<&str> = message.split("available: ").nth(1).unwrap().split(", ").collect();
        assert!(listed.contains(&"forward_diffusion") && listed.contains(&"Denoiser"), "{message}");
        assert!(!listed.contains(&"posterior_variance") && !listed.contains(&"tests"), "{message}");
    }
}
