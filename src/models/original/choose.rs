//! Chooses the weights in a file, which may contain those of a network and their moving average under keys, with
//! prefixes that training code adds to the names, and much else.

use std::path::Path;

use crate::error::{Error, Result};

/// Names that identify a network, of which each has exactly one: the original's FNN and U-Net, and a residual MLP.
const ANCHORS: [&str; 3] = ["fc1.weight", "first.weight", "in.weight"];
/// Parts of names that come from wrappers around layers: torch.compile, FSDP, activation checkpointing.
const WRAPPERS: [&str; 3] = ["_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"];
/// The label of weights without a key or prefix.
const PLAIN: &str = "plain";
/// How many ignored items are named.
const MAX_NAMED: usize = 6;

/// A dict of names and tensors in a file, with the keys that lead to it.
pub(super) struct Group<'a> {
    pub path: &'a [String],
    pub names: Vec<&'a str>,
}

/// The weights of one network.
#[derive(Debug, Clone, PartialEq)]
struct Candidate {
    group: usize,
    prefix: String,
    /// Its label: its keys and its prefix.
    label: String,
}

/// The chosen weights.
#[derive(Debug)]
pub(super) struct Chosen {
    /// The index of its group.
    pub group: usize,
    prefix: String,
    /// Longer prefixes, which belong to other networks.
    excluded: Vec<String>,
    /// The labels of the other weights in the file.
    pub others: Vec<String>,
    /// What was taken and what was passed over, a line each.
    pub remarks: Vec<String>,
}

impl Chosen {
    /// The network's name for a tensor; `None` if the tensor is not part of this network.
    pub fn name(&self, stored: &str) -> Option<String> {
        let name = bare(stored);
        let ours = !self.excluded.iter().any(|prefix| name.starts_with(prefix.as_str()));
        name.strip_prefix(self.prefix.as_str()).filter(|_| ours).map(str::to_owned)
    }
}

/// Chooses the weights named by `wanted` or, by default, the moving average, which is best for sampling. `keys`: those
/// of the file's outermost dict.
pub(super) fn choose(path: &Path, groups: &[Group], keys: &[String], wanted: Option<&str>) -> Result<Chosen> {
    let candidates = candidates(groups);
    let chosen = match wanted {
        Some(wanted) => by_name(&candidates, wanted)?,
        None => by_default(path, &candidates)?,
    };
    // If nothing looks like a network, a later check of the names reports that.
    let fallback = || {
        let group = groups.iter().position(|group| group.path == ["model"]).unwrap_or(0);
        Candidate { group, prefix: String::new(), label: label(groups.get(group).map_or(&[], |group| group.path), "") }
    };
    let chosen = chosen.unwrap_or_else(fallback);
    let others: Vec<&Candidate> = candidates.iter().filter(|other| **other != chosen).collect();
    let longer = |other: &&&Candidate| other.group == chosen.group && other.prefix.len() > chosen.prefix.len();
    let mut result = Chosen {
        group: chosen.group,
        excluded: others.iter().filter(longer).map(|other| other.prefix.clone()).collect(),
        others: others.iter().map(|other| other.label.clone()).collect(),
        remarks: Vec::new(),
        prefix: chosen.prefix.clone(),
    };
    result.remarks = remarks(groups, keys, &chosen, &others, &result);
    Ok(result)
}

fn candidates(groups: &[Group]) -> Vec<Candidate> {
    let mut found: Vec<Candidate> = Vec::new();
    for (group, Group { path, names }) in groups.iter().enumerate() {
        for name in names.iter().map(|name| bare(name)) {
            let prefix = ANCHORS.iter().find_map(|anchor| name.strip_suffix(anchor));
            let begins = |prefix: &&str| (prefix.is_empty() || prefix.ends_with('.')) && !is_in_block(prefix);
            if let Some(prefix) = prefix.filter(begins) {
                let candidate = Candidate { group, prefix: prefix.to_owned(), label: label(path, prefix) };
                if !found.contains(&candidate) {
                    found.push(candidate);
                }
            }
        }
    }
    found
}

/// Whether a prefix is that of a block of a residual MLP, `block3.`, whose layers have names like those of an FNN.
fn is_in_block(prefix: &str) -> bool {
    let last = prefix.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
    last.strip_prefix("block").is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}

/// A name without the parts that come from wrappers.
fn bare(name: &str) -> String {
    let parts: Vec<&str> = name.split('.').filter(|part| !WRAPPERS.contains(part)).collect();
    parts.join(".")
}

fn label(path: &[String], prefix: &str) -> String {
    let prefix = prefix.trim_end_matches('.');
    let parts: Vec<&str> =
        path.iter().map(String::as_str).chain(Some(prefix).filter(|prefix| !prefix.is_empty())).collect();
    if parts.is_empty() { PLAIN.to_owned() } else { parts.join(".") }
}

fn is_average(label: &str) -> bool {
    let label = label.to_ascii_lowercase();
    let has = |words: &[&str]| label.split(['.', '_', '-', '/']).any(|part| words.contains(&part));
    has(&["ema", "averaged", "average", "avg", "shadow", "swa"]) && !has(&["online"])
}

fn by_name(candidates: &[Candidate], wanted: &str) -> Result<Option<Candidate>> {
    let exact = candidates.iter().find(|candidate| candidate.label == wanted);
    let begins =
        |candidate: &&Candidate| candidate.label.strip_prefix(wanted).is_some_and(|rest| rest.starts_with('.'));
    let mut beginning = candidates.iter().filter(begins);
    let only = || beginning.next().filter(|_| beginning.next().is_none());
    match exact.or_else(only) {
        Some(candidate) => Ok(Some(candidate.clone())),
        None => Err(no_choice(candidates, wanted)),
    }
}

fn by_default(path: &Path, candidates: &[Candidate]) -> Result<Option<Candidate>> {
    let one = |is: &dyn Fn(&Candidate) -> bool| {
        let mut found = candidates.iter().filter(|candidate| is(candidate));
        found.next().filter(|_| found.next().is_none()).cloned()
    };
    let averages = candidates.iter().filter(|candidate| is_average(&candidate.label)).count();
    if candidates.is_empty() {
        return Ok(None);
    }
    if let Some(only) = one(&|_| true).or_else(|| one(&|candidate| is_average(&candidate.label))) {
        return Ok(Some(only));
    }
    let model = one(&|candidate| candidate.label == PLAIN || candidate.label.split('.').next() == Some("model"));
    match model.filter(|_| averages == 0) {
        Some(model) => Ok(Some(model)),
        None => Err(refused_choice(path, candidates)),
    }
}

fn listed(candidates: &[Candidate]) -> String {
    candidates.iter().map(|candidate| candidate.label.as_str()).collect::<Vec<_>>().join(", ")
}

fn no_choice(candidates: &[Candidate], wanted: &str) -> Error {
    let expected = match listed(candidates) {
        none if none.is_empty() => "a file with weights of a known network".to_owned(),
        names => format!("one of the weights in the file: {names}"),
    };
    Error::config("ImportOptions.key", expected, wanted)
}

fn refused_choice(path: &Path, candidates: &[Candidate]) -> Error {
    let got = format!("none, and {} contains several", path.display());
    Error::config("ImportOptions.key", format!("one of the weights in the file: {}", listed(candidates)), got)
}

fn remarks(
    groups: &[Group],
    keys: &[String],
    chosen: &Candidate,
    others: &[&Candidate],
    result: &Chosen,
) -> Vec<String> {
    let Some(group) = groups.get(chosen.group) else { return Vec::new() };
    let mut remarks = Vec::new();
    if chosen.label != PLAIN || !others.is_empty() {
        let average = if is_average(&chosen.label) { ", the moving average" } else { "" };
        let prefix = chosen.prefix.as_str();
        let removed = if prefix.is_empty() {
            String::new()
        } else {
            format!("; the prefix {prefix:?} was removed from their names")
        };
        let others =
            if others.is_empty() { String::new() } else { format!("; also available: {}", result.others.join(", ")) };
        remarks.push(format!("used the weights {:?}{average}{removed}{others}", chosen.label));
    }
    if let Some(name) = group.names.iter().find(|name| bare(name) != **name) {
        remarks.push(format!("removed wrappers from the names: {name:?} became {:?}", bare(name)));
    }
    let outermost = |candidate: &&Candidate| groups[candidate.group].path.first();
    let taken: Vec<&String> = others.iter().filter_map(outermost).chain(group.path.first()).collect();
    let beside = keys.iter().filter(|key| !taken.contains(key) && !group.names.contains(&key.as_str())).cloned();
    let is_other =
        |name: &str| others.iter().any(|other| other.group == chosen.group && bare(name).starts_with(&other.prefix));
    let left = group.names.iter().filter(|name| result.name(name).is_none() && !is_other(name));
    let passed: Vec<String> = beside.chain(left.map(|name| (*name).to_owned())).collect();
    if !passed.is_empty() {
        let more = passed.len().saturating_sub(MAX_NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        remarks.push(format!("ignored in the file: {}{more}", passed[..passed.len().min(MAX_NAMED)].join(", ")));
    }
    remarks
}
