//! `Basis`: the directions in which a process acts on a sample.

use std::f64::consts::PI;

use tch::Tensor;

use crate::error::{Error, Result};

/// An orthonormal basis `V` of the samples: their own coordinates, or the cosines of the discrete cosine transform.
#[derive(Debug)]
pub struct Basis {
    /// `V^T` along each of the last dimensions of a batch; none if the basis is that of the samples.
    along: Vec<Tensor>,
}

impl Basis {
    /// The coordinates of the samples themselves.
    pub fn of_samples() -> Self {
        Self { along: Vec::new() }
    }

    /// The cosines, along the height and the width of images, for images like `x`.
    ///
    /// ```text
    /// C_kn = sqrt( 2 / N ) cos( pi k ( 2 n + 1 ) / 2N ),   C_0n = sqrt( 1 / N )
    /// ```
    /// The orthonormal DCT-II; its vectors are the eigenvectors of the Laplacian of an image that is reflected at its edges.
    ///
    /// # Shapes
    /// `x`: `[N, C, H, W]`.
    ///
    /// # Errors
    /// [`Error::Shape`] for samples that are not images.
    pub fn cosines(x: &Tensor) -> Result<Self> {
        let &[_, _, height, width] = &x.size()[..] else {
            return Err(Error::Shape {
                what: "samples to blur",
                expected: "[N, C, H, W], images".to_owned(),
                got: x.size(),
            });
        };
        let along = |n: i64| cosines(n).to_kind(x.kind()).to_device(x.device());
        Ok(Self { along: vec![along(height), along(width)] })
    }

    /// `V^T x`, the coefficients of samples.
    ///
    /// # Shapes
    /// `x` and the result: `[N, …]`.
    pub fn coefficients(&self, x: &Tensor) -> Tensor {
        match &self.along[..] {
            [rows, columns] => rows.matmul(x).matmul(&columns.tr()),
            _ => x.shallow_clone(),
        }
    }

    /// `V y`, the samples with these coefficients.
    ///
    /// # Shapes
    /// `y` and the result: `[N, …]`.
    pub fn samples(&self, y: &Tensor) -> Tensor {
        match &self.along[..] {
            [rows, columns] => rows.tr().matmul(y).matmul(columns),
            _ => y.shallow_clone(),
        }
    }

    pub(super) fn shallow_clone(&self) -> Self {
        Self { along: self.along.iter().map(Tensor::shallow_clone).collect() }
    }
}

/// `C`, `[n, n]` f64.
fn cosines(n: i64) -> Tensor {
    let size = n as f64;
    let entry = |k: i64, i: i64| {
        let scale = if k == 0 { 1.0 / size } else { 2.0 / size };
        scale.sqrt() * (PI * k as f64 * (2 * i + 1) as f64 / (2.0 * size)).cos()
    };
    let entries: Vec<f64> = (0..n * n).map(|at| entry(at / n, at % n)).collect();
    Tensor::from_slice(&entries).view([n, n])
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;

    #[test]
    fn the_cosines_are_orthonormal_and_the_eigenvectors_of_the_laplacian() {
        let x = Tensor::randn([2, 3, 6, 8], (Kind::Double, Device::Cpu));
        let basis = Basis::cosines(&x).unwrap();
        let largest = |x: &Tensor| x.abs().max().double_value(&[]);
        for matrix in &basis.along {
            let product = matrix.matmul(&matrix.tr());
            assert!(largest(&(product - Tensor::eye(matrix.size()[0], (Kind::Double, Device::Cpu)))) < 1e-12);
        }
        let coefficients = basis.coefficients(&x);
        assert!((coefficients.norm() - x.norm()).abs().double_value(&[]) < 1e-12);
        assert!(largest(&(basis.samples(&coefficients) - &x)) < 1e-12);
        assert!(largest(&(coefficients - &x)) > 0.1);
        let points = Tensor::zeros([4, 2], (Kind::Double, Device::Cpu));
        assert!(Basis::cosines(&points).unwrap_err().to_string().contains("images"));
        assert!(largest(&(Basis::of_samples().coefficients(&points) - &points)) == 0.0);
    }
}
