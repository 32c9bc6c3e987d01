//! `LearnedSchedule`: a noise schedule with parameters, which can only rise.

use tch::{Device, Kind, Tensor, nn, no_grad_guard};

use crate::error::{Error, Result};
use crate::process::Tabulated;

/// `gamma(t)`, the negative logarithm of the signal-to-noise ratio, from `gamma(0)` to `gamma(1)`: a small network whose weights are positive, so
/// that it rises with `t` whatever they are.
///
/// ```text
/// gamma(t) = gamma_0 + ( gamma_1 - gamma_0 ) ( g(t) - g(0) ) / ( g(1) - g(0) )
/// g(t) = l_1(t) + l_3( sigmoid( l_2( l_1(t) ) ) )
/// ```
/// Kingma et al. 2021, appendix H. The ends are fixed: the loss in continuous time depends on the schedule by its ends alone.
#[derive(Debug)]
pub struct LearnedSchedule {
    vs: nn::VarStore,
    gammas: [f64; 2],
    /// Logarithms of the weights of the three layers, and the biases of the second.
    first: Tensor,
    second: Tensor,
    biases: Tensor,
    third: Tensor,
}

/// Places at which the inner layer can bend the schedule.
const HIDDEN: i64 = 64;
/// How steep each bend is at first: its width is the inverse, about twice the distance to the next.
const STEEPNESS: f64 = 30.0;

/// `gamma` and its slope, each `[N]`, with gradients.
#[derive(Debug)]
pub struct GammaAt {
    /// `gamma(t)`
    pub gamma: Tensor,
    /// `d gamma / dt`
    pub slope: Tensor,
}

impl LearnedSchedule {
    /// A schedule between these logarithms of the signal-to-noise ratio, which is linear in it at first, nearly.
    ///
    /// # Errors
    /// [`Error::Config`] unless the first is larger.
    pub fn new(highest_log_snr: f64, lowest_log_snr: f64, device: Device) -> Result<Self> {
        if !(highest_log_snr > lowest_log_snr && (highest_log_snr - lowest_log_snr).is_finite()) {
            let got = format!("{highest_log_snr} and {lowest_log_snr}");
            return Err(Error::config(
                "ends of the schedule",
                "the logarithm of the signal-to-noise ratio at t = 0, then a lower one at t = 1",
                got,
            ));
        }
        let vs = nn::VarStore::new(device);
        let root = vs.root();
        let of = (Kind::Float, device);
        // Smooth steps at equal distances: together they can take any rising shape.
        let places: Tensor = (Tensor::arange(HIDDEN, of) + 0.5) / HIDDEN as f64;
        let steepness = Tensor::full([HIDDEN], STEEPNESS.ln(), of);
        Ok(Self {
            first: root.var_copy("l1", &Tensor::zeros([1], of)),
            biases: root.var_copy("l2_bias", &(-STEEPNESS * places)),
            second: root.var_copy("l2", &steepness),
            third: root.var_copy("l3", &Tensor::full([HIDDEN], (1.0 / HIDDEN as f64).ln(), of)),
            gammas: [-highest_log_snr, -lowest_log_snr],
            vs,
        })
    }

    /// Its parameters.
    pub fn var_store(&self) -> &nn::VarStore {
        &self.vs
    }

    /// `g` and its slope.
    fn rising(&self, t: &Tensor) -> (Tensor, Tensor) {
        let (first, second, third) = (self.first.exp(), self.second.exp(), self.third.exp());
        let line = t * &first;
        let bends = (line.unsqueeze(1) * &second + &self.biases).sigmoid();
        let slopes = &bends * (1.0 - &bends) * &second;
        let sum = |of: &Tensor| (of * &third).sum_dim_intlist([1].as_slice(), false, Kind::Float);
        (&line + sum(&bends), (1.0 + sum(&slopes)) * &first)
    }

    /// `gamma` and its slope at each time.
    ///
    /// # Shapes
    /// `t`: `[N]`, f32, from 0 to 1.
    pub fn at(&self, t: &Tensor) -> GammaAt {
        let ends = self.rising(&Tensor::from_slice(&[0.0_f32, 1.0]).to_device(t.device())).0;
        let (start, whole) = (ends.get(0), ends.get(1) - ends.get(0));
        let [gamma_0, gamma_1] = self.gammas;
        let (value, slope) = self.rising(t);
        GammaAt {
            gamma: gamma_0 + (value - start) / &whole * (gamma_1 - gamma_0),
            slope: slope / whole * (gamma_1 - gamma_0),
        }
    }

    /// The schedule as a process that models can be sampled with, in `knots` values.
    ///
    /// # Errors
    /// [`Error::Config`] for fewer than 2 knots; those of libtorch.
    pub fn table(&self, knots: usize) -> Result<Tabulated> {
        if knots < 2 {
            return Err(Error::config("knots", "at least 2", knots));
        }
        let _no_grad = no_grad_guard();
        let t = Tensor::linspace(0.0, 1.0, knots as i64, (Kind::Float, self.vs.device()));
        let gamma = self.at(&t).gamma.to_device(Device::Cpu).to_kind(Kind::Double);
        Ok(Tabulated { log_snrs: Vec::try_from(-gamma)? })
    }
}
