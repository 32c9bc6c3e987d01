//! `rescaled`: guided data with the contrast of data that is not guided.

use tch::Tensor;

use crate::error::{Error, Result, require};

/// Guided data, scaled to the standard deviation of the data that was predicted without guidance, in part.
///
/// ```text
/// x_rescaled = x_guided std( x_conditional ) / std( x_guided )
/// x = phi x_rescaled + ( 1 - phi ) x_guided
/// ```
/// Lin et al. 2024, equations 15 and 16, who use `phi = 0.7` and apply it to the output of their network; here it is the predicted data, whatever the
/// network predicts. `std` is that of the numbers of a sample.
///
/// # Shapes
/// `guided`, `conditional` and the result: `[N, …]`, of at least two numbers each.
///
/// # Errors
/// [`Error::Config`] for a share `phi` outside `[0, 1]`; [`Error::Shape`] for samples of a single number.
pub fn rescaled(guided: &Tensor, conditional: &Tensor, share: f64) -> Result<Tensor> {
    check_share(share)?;
    let numbers: i64 = guided.size().iter().skip(1).product();
    if numbers < 2 || guided.size() != conditional.size() {
        let expected = format!("{:?}, with at least two numbers for each sample", conditional.size());
        return Err(Error::Shape { what: "data to rescale", expected, got: guided.size() });
    }
    let deviation = |of: &Tensor| of.flatten(1, -1).std_dim([1].as_slice(), true, true);
    let of_guided = deviation(guided);
    // Data without any contrast has none to change.
    let ratio = (deviation(conditional) / &of_guided).where_self(&of_guided.gt(0.0), &of_guided.ones_like());
    let factor: Tensor = share * ratio + (1.0 - share);
    let mut shape = vec![1; guided.dim()];
    shape[0] = -1;
    Ok(guided * factor.view(&shape[..]).to_kind(guided.kind()))
}

/// Rejects a share outside `[0, 1]`.
pub(super) fn check_share(share: f64) -> Result<f64> {
    require((0.0..=1.0).contains(&share), "share of rescaling", "in [0, 1]", share)?;
    Ok(share)
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;

    #[test]
    fn the_contrast_is_that_of_the_data_that_is_not_guided() {
        let conditional = Tensor::randn([3, 1, 4, 4], (Kind::Double, Device::Cpu));
        let guided: Tensor = 2.5 * &conditional + 0.3;
        let deviation = |of: &Tensor| of.flatten(1, -1).std_dim([1].as_slice(), true, false);
        for (share, expected) in [(0.0, 2.5), (0.7, 0.7 + 0.3 * 2.5), (1.0, 1.0)] {
            let found = deviation(&rescaled(&guided, &conditional, share).unwrap()) / deviation(&conditional);
            assert!((found - expected).abs().max().double_value(&[]) < 1e-12, "{share}");
        }
        let flat = conditional.zeros_like();
        assert_eq!(rescaled(&flat, &conditional, 1.0).unwrap(), flat);
        assert!(rescaled(&guided, &conditional, 1.1).is_err());
        let single = Tensor::zeros([3, 1], (Kind::Double, Device::Cpu));
        assert!(rescaled(&single, &single, 0.5).unwrap_err().to_string().contains("at least two numbers"));
    }
}
