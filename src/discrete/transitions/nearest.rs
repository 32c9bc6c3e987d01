//! `NearestTransition`: to the nearest neighbours in an embedding.

use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use super::Transition;
use crate::discrete::TokenSchedule;
use crate::discrete::checks::check_states;
use crate::error::{Error, Result};

/// A walk along the graph of the nearest neighbours of each category, such as of characters that are used alike.
///
/// ```text
/// G_ij = 1 if j is one of the k nearest neighbours of i, else 0
/// A    = ( G + G^T ) / (2 k),   R_ij = A_ij  for i != j,   R_ii = -sum_j A_ij
/// Q_t  = exp( a_t R ),   a_t = -ln( 1 - beta_t ) / gap
/// ```
/// Austin et al. 2021, appendix A.2.4. The gap is the smallest eigenvalue of `-R` above 0. So the part of the data that decays slowest decays by
/// `1 - beta_t`, as all of it does in the [uniform](super::UniformTransition) chain, whatever the graph.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NearestTransition {
    /// `k`, the number of neighbours.
    pub neighbours: i64,
    /// The coordinates of each category. If there are none, categories lie on a line, in the order of their numbers.
    pub embedding: Vec<Vec<f64>>,
    /// `beta_t`, the share of the slowest part that a step removes.
    pub schedule: TokenSchedule,
}

impl Default for NearestTransition {
    fn default() -> Self {
        Self { neighbours: 2, embedding: Vec::new(), schedule: TokenSchedule::Cosine }
    }
}

impl NearestTransition {
    /// The walk along the neighbours in this embedding.
    ///
    /// # Shapes
    /// `embedding`: `[K, E]`.
    ///
    /// # Errors
    /// [`Error::Shape`] for another number of dimensions.
    pub fn in_embedding(embedding: &Tensor, neighbours: i64) -> Result<Self> {
        let wrong = |_| Error::Shape { what: "embedding", expected: "[K, E]".to_owned(), got: embedding.size() };
        let rows = Vec::<Vec<f64>>::try_from(&embedding.to_kind(Kind::Double).to_device(Device::Cpu)).map_err(wrong)?;
        Ok(Self { neighbours, embedding: rows, ..Self::default() })
    }

    /// The coordinates, `[K, E]`.
    fn coordinates(&self, states: i64) -> Result<Tensor> {
        let Some(first) = self.embedding.first() else {
            return Ok(Tensor::arange(states, (Kind::Double, Device::Cpu)).unsqueeze(1));
        };
        let alike = self.embedding.iter().all(|row| row.len() == first.len());
        if self.embedding.len() as i64 != states || !alike || first.is_empty() {
            let expected = format!("{states} rows of as many coordinates each, one row per category");
            let got = format!("{} rows of {} coordinates", self.embedding.len(), first.len());
            return Err(Error::config("NearestTransition.embedding", expected, got));
        }
        Ok(Tensor::from_slice(&self.embedding.concat()).view([states, -1]))
    }

    /// `R / gap`, `[K, K]`: rows sum to 0.
    fn relative_rates(&self, states: i64) -> Result<Tensor> {
        check_states(states)?;
        let k = self.neighbours;
        if !(1..states).contains(&k) {
            let expected = format!("1 to {}, the other categories", states - 1);
            return Err(Error::config("NearestTransition.neighbours", expected, k));
        }
        let at = self.coordinates(states)?;
        let distance = Tensor::cdist(&at, &at, 2.0, None).fill_diagonal_(f64::INFINITY, false);
        let nearest = distance.topk(k, 1, false, true).1;
        let graph = distance.zeros_like().scatter_value(1, &nearest, 1.0);
        let adjacent = (&graph + graph.transpose(0, 1)) / (2 * k) as f64;
        let degree = adjacent.sum_dim_intlist(1, false, Kind::Double);
        let rates = adjacent - Tensor::diag_embed(&degree, 0, -2, -1);
        // In ascending order: 0, then the gap.
        let gap = -rates.linalg_eigvalsh("L").double_value(&[states - 2]);
        if gap < 1e-9 {
            let expected = "neighbours that connect all categories: take more of them";
            return Err(Error::config("NearestTransition.neighbours", expected, k));
        }
        Ok(rates / gap)
    }
}

impl Transition for NearestTransition {
    fn betas(&self, steps: usize) -> Result<Vec<f64>> {
        self.schedule.probabilities(steps)
    }

    fn matrix(&self, states: i64, beta: f64) -> Result<Tensor> {
        let rates = self.relative_rates(states)?;
        if beta >= 1.0 {
            return Ok(rates.full_like(1.0 / states as f64));
        }
        let q = (rates * -(1.0 - beta).ln()).linalg_matrix_exp().clamp_min(0.0);
        // Symmetric up to rounding; rows sum to 1 up to rounding.
        let q = (&q + q.transpose(0, 1)) / 2.0;
        let excess = q.sum_dim_intlist(1, false, Kind::Double) - 1.0;
        Ok(&q - Tensor::diag_embed(&excess, 0, -2, -1))
    }

    fn rates(&self, states: i64) -> Result<Option<Tensor>> {
        self.relative_rates(states).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn graphs_that_fall_apart_and_wrong_embeddings_are_rejected() {
        let message = |transition: NearestTransition, states| transition.matrix(states, 0.1).unwrap_err().to_string();
        let pairs = Tensor::from_slice(&[0.0, 0.1, 5.0, 5.1]).view([4, 1]);
        let apart = NearestTransition::in_embedding(&pairs, 1).unwrap();
        assert!(message(apart.clone(), 4).contains("connect all"));
        assert!(message(apart, 5).contains("5 rows"));
        assert!(message(NearestTransition { neighbours: 5, ..Default::default() }, 5).contains("1 to 4"));
        assert!(NearestTransition::in_embedding(&pairs.view([4]), 1).is_err());
    }
}
