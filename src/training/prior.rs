//! `Prior`: sampling starts from a Gaussian that already resembles the data.

use tch::{Kind, Tensor};

use crate::error::{Error, Result};
use crate::objectives::Batch;

/// The prior `N(mu, Sigma)` with diagonal `Sigma`, for each class or for all data. The diffusion goes from the data to this prior instead of
/// `N(0, I)`.
///
/// ```text
/// x_t - mu = a(t) ( x_0 - mu ) + s(t) eps,   eps ~ N(0, Sigma)
/// L = ( eps - eps_theta )^T Sigma^{-1} ( eps - eps_theta )
/// ```
/// Lee et al. 2022 (PriorGrad), section 3 and algorithms 1 and 2. In the coordinates `y = Sigma^{-1/2} ( x - mu )` this is DDPM itself, with the
/// loss of the same noise: a model is trained on [`standardized`](Self::standardized) data, and its samples are
/// [restored](Self::restored). `x_T` and the noise of every step then have the covariance `Sigma`, not only the mean `mu`.
///
/// A model does not know its prior: keep the prior with it, since `generate_samples` returns samples in the coordinates `y`. These have unit variance,
/// so switch `clip_denoised` off; and the likelihood of the data is that of `y` less the sum of the logarithms of the standard deviations.
#[derive(Debug)]
pub struct Prior {
    /// `mu`, `[K, …]`.
    mean: Tensor,
    /// The square roots of the diagonal of `Sigma`, `[K, …]`.
    deviation: Tensor,
}

impl Prior {
    /// The prior measured from training data: mean and standard deviation of each number of a sample, for each of `classes` classes or, with
    /// `classes = 0`, for all data. A number that does not vary gets the standard deviation 1.
    ///
    /// # Shapes
    /// `data`: `[N, …]` with labels `[N]` int64 if there are classes.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for classes without labels; [`Error::Shape`] for fewer than two samples in all or of a class.
    pub fn measured(data: &Batch, classes: i64) -> Result<Self> {
        let groups = match &data.label {
            _ if classes == 0 => vec![data.x0.shallow_clone()],
            Some(label) => {
                (0..classes).map(|k| data.x0.index_select(0, &label.eq(k).nonzero().flatten(0, -1))).collect()
            }
            None => return Err(Error::Unsupported("a prior for each class needs data with labels".to_owned())),
        };
        if let Some(few) = groups.iter().find(|group| group.size()[0] < 2) {
            let expected = "[N, …], at least two samples of each class".to_owned();
            return Err(Error::Shape { what: "data for a prior", expected, got: few.size() });
        }
        let mean = |group: &Tensor| group.mean_dim(0, false, group.kind());
        let deviation = |group: &Tensor| {
            let found = group.std_dim(0, false, false);
            let varies = found.gt(1e-12);
            found.where_self(&varies, &found.ones_like())
        };
        let stacked = |of: &dyn Fn(&Tensor) -> Tensor| Tensor::stack(&groups.iter().map(of).collect::<Vec<_>>(), 0);
        Ok(Self { mean: stacked(&mean), deviation: stacked(&deviation) })
    }

    /// The prior with these means and standard deviations.
    ///
    /// # Shapes
    /// Both `[K, …]`, one row for each class, or a single one for all data.
    ///
    /// # Errors
    /// [`Error::Shape`] if the shapes differ; [`Error::Config`] for a standard deviation that is not above 0.
    pub fn new(mean: Tensor, deviation: Tensor) -> Result<Self> {
        if mean.dim() < 2 || mean.size()[0] == 0 {
            let expected = "[K, …], one row for each class".to_owned();
            return Err(Error::Shape { what: "means of a prior", expected, got: mean.size() });
        }
        if mean.size() != deviation.size() {
            let expected = format!("{:?}, like the means", mean.size());
            return Err(Error::Shape { what: "standard deviations of a prior", expected, got: deviation.size() });
        }
        let least = deviation.min().double_value(&[]);
        if least > 0.0 {
            Ok(Self { mean, deviation })
        } else {
            Err(Error::config("deviation of a prior", "above 0", least))
        }
    }

    /// `mu`, `[K, …]`.
    pub fn mean(&self) -> &Tensor {
        &self.mean
    }

    /// The square roots of the diagonal of `Sigma`, `[K, …]`.
    pub fn deviation(&self) -> &Tensor {
        &self.deviation
    }

    /// The data in the coordinates of the prior, `y = Sigma^{-1/2} ( x - mu )`, with the same labels.
    ///
    /// # Errors
    /// As [`Prior::restored`].
    pub fn standardized(&self, data: &Batch) -> Result<Batch> {
        let [mean, deviation] = self.of(&data.x0, data.label.as_ref())?;
        Ok(Batch { x0: (&data.x0 - mean) / deviation, label: data.label.as_ref().map(Tensor::shallow_clone) })
    }

    /// Samples in the coordinates of the data, `x = mu + Sigma^{1/2} y`.
    ///
    /// # Shapes
    /// `y` and the result: `[N, …]`; `labels`: `[N]` int64, if the prior has classes.
    ///
    /// # Errors
    /// [`Error::Shape`] for samples of another shape; [`Error::Config`] for missing or invalid labels.
    pub fn restored(&self, y: &Tensor, labels: Option<&Tensor>) -> Result<Tensor> {
        let [mean, deviation] = self.of(y, labels)?;
        Ok(mean + deviation * y)
    }

    /// Mean and standard deviation of each sample, or of all.
    fn of(&self, x: &Tensor, labels: Option<&Tensor>) -> Result<[Tensor; 2]> {
        if x.size().get(1..) != self.mean.size().get(1..) {
            let expected = format!("[N, …] of {:?}", &self.mean.size()[1..]);
            return Err(Error::Shape { what: "samples for this prior", expected, got: x.size() });
        }
        let classes = self.mean.size()[0];
        let rows = |of: &Tensor| of.to_kind(x.kind()).to_device(x.device());
        let both = [rows(&self.mean), rows(&self.deviation)];
        if classes == 1 {
            return Ok(both);
        }
        let n = x.size()[0];
        let expected = || format!("[{n}] int64, each 0 to {}", classes - 1);
        let labels = labels.ok_or_else(|| Error::config("labels for a prior", expected(), "none"))?;
        let fit = labels.size() == [n] && labels.kind() == Kind::Int64 && n > 0;
        if !fit || labels.min().int64_value(&[]) < 0 || labels.max().int64_value(&[]) >= classes {
            let range = if fit {
                format!(", {} to {}", labels.min().int64_value(&[]), labels.max().int64_value(&[]))
            } else {
                String::new()
            };
            let got = format!("{:?} of shape {:?}{range}", labels.kind(), labels.size());
            return Err(Error::config("labels for a prior", expected(), got));
        }
        let labels = labels.to_device(x.device());
        Ok(both.map(|of| of.index_select(0, &labels)))
    }
}
