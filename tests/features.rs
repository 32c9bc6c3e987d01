//! The networks of features: what the project's own sees, and Inception v3 against torchvision and pytorch-fid, on the values that
//! fixtures/make_inception.py wrote.

use std::path::Path;

use ddpm_tutor::features::{FeatureNetwork, FlowerFeatures, InceptionV3, InceptionVariant, feature_network};
use ddpm_tutor::prelude::*;
use ddpm_tutor::{Error, Result};

const DOUBLE: (Kind, Device) = (Kind::Double, Device::Cpu);

/// Paintings in `[-1, 1]` that training did not see, and their kinds.
fn paintings(n: usize, seed: u64) -> (Tensor, Tensor) {
    let painted = PaintedFlowers { count: n, ..Default::default() }.load(n, seed).unwrap();
    let labels: Vec<i64> = painted.labels.iter().map(|label| *label as i64).collect();
    let bytes = Tensor::from_slice(painted.pixels.as_slice().unwrap()).view([n as i64, 3, 32, 32]);
    (bytes.to_kind(Kind::Float) / 127.5 - 1.0, Tensor::from_slice(&labels))
}

/// Mean and covariance of features, f64.
fn moments(features: &Tensor) -> (Tensor, Tensor) {
    let x = features.to_kind(Kind::Double);
    (x.mean_dim([0].as_slice(), false, Kind::Double), x.tr().cov(1, None::<Tensor>, None::<Tensor>))
}

/// `|m_a - m_b|^2 + tr( A + B - 2 (A^1/2 B A^1/2)^1/2 )`, Heusel et al. 2017, equation 6; written out here to judge the features alone.
fn frechet(a: &Tensor, b: &Tensor) -> f64 {
    let ((mean_a, a), (mean_b, b)) = (moments(a), moments(b));
    let (values, vectors) = a.linalg_eigh("L");
    let root = (&vectors * values.clamp_min(0.0).sqrt()).matmul(&vectors.tr());
    let roots = root.matmul(&b).matmul(&root).linalg_eigvalsh("L").clamp_min(0.0).sqrt().sum(Kind::Double);
    let squared: Tensor = (mean_a - mean_b).square().sum(Kind::Double) + a.trace() + b.trace() - 2.0 * roots;
    squared.double_value(&[])
}

fn noise(like: &Tensor) -> Tensor {
    tch::manual_seed(3);
    like.randn_like()
}

#[test]
fn the_own_network_tells_paintings_that_it_never_saw() {
    let network = FlowerFeatures::shipped(Device::Cpu).unwrap();
    let (images, kinds) = paintings(1_000, 77);
    let probabilities = network.extract(&images).unwrap().probabilities;
    assert_eq!(probabilities.size(), [1_000, network.classes()]);
    assert!(
        (probabilities.sum_dim_intlist([1].as_slice(), false, Kind::Float) - 1.0).abs().max().double_value(&[]) < 1e-5
    );
    let right =
        probabilities.argmax(1, false).eq_tensor(&kinds).to_kind(Kind::Float).mean(Kind::Float).double_value(&[]);
    println!("accuracy: {right}");
    assert!(right > 0.9, "{right}");
    let features = network.extract(&images).unwrap().features;
    assert_eq!(features.size(), [1_000, network.width()]);
    let deviation = features.std_dim([0].as_slice(), true, false);
    let (least, most) = (deviation.min().double_value(&[]), deviation.max().double_value(&[]));
    println!("deviations of the features: {least:.3} to {most:.3}");
    assert!(least > 0.5 && most < 2.0, "every feature varies by about 1 over paintings");
}

/// Two halves of a set are near; what is noisy, blurred, or short of a kind is far, and the noisier the farther.
#[test]
fn distances_on_the_own_features_grow_with_what_is_wrong() {
    let network = FlowerFeatures::shipped(Device::Cpu).unwrap();
    let (images, kinds) = paintings(4_000, 78);
    let (reference, others) = (images.narrow(0, 0, 2_000), images.narrow(0, 2_000, 2_000));
    let features = |images: &Tensor| network.extract(images).unwrap().features;
    let (seen, seen_of_others) = (features(&reference), features(&others));
    let halves = frechet(&seen, &seen_of_others);
    let eps = noise(&others);
    let noisy = [0.1, 0.3, 0.6].map(|sigma| frechet(&seen, &features(&(&others + sigma * &eps))));
    let blurred = others.avg_pool2d([3, 3], [1, 1], [1, 1], false, false, None);
    let blurred = frechet(&seen, &features(&blurred));
    let short = [0, 1, 2, 3, 4].map(|kind| {
        let left = kinds.narrow(0, 2_000, 2_000).ne(kind).nonzero().squeeze_dim(1);
        frechet(&seen, &seen_of_others.index_select(0, &left))
    });
    println!("halves {halves:.3}, noise {noisy:.3?}, blurred {blurred:.3}, a kind left out {short:.3?}");
    assert!(noisy.is_sorted(), "{noisy:?}");
    let least = short.into_iter().fold(f64::INFINITY, f64::min);
    for (what, distance, times) in [
        ("noise of 0.1", noisy[0], 4.0),
        ("noise of 0.3", noisy[1], 50.0),
        ("blur", blurred, 8.0),
        ("a kind left out", least, 8.0),
    ] {
        assert!(distance > times * halves, "{what}: {distance}, and {halves} between halves");
    }
}

/// Number `i` of a tensor of that name: the rule of fixtures/make_inception.py.
fn uniform(name: &str, shape: &[i64]) -> Tensor {
    let phase: usize = name.bytes().enumerate().map(|(k, byte)| (k + 1) * usize::from(byte)).sum();
    let index = Tensor::arange(shape.iter().product::<i64>(), DOUBLE) + 1.0;
    let x = (index * 12.9898 + (phase % 1000) as f64).sin() * 43758.5453;
    (&x - x.floor()).view(shape)
}

fn filled(name: &str, shape: &[i64]) -> Tensor {
    let u = uniform(name, shape);
    let filled = match shape {
        _ if name.ends_with("bn.weight") || name.ends_with("bn.running_var") => u + 0.5,
        [_] => (u * 2.0 - 1.0) * 0.2,
        _ => (u * 2.0 - 1.0) * (6.0 / shape[1..].iter().product::<i64>() as f64).sqrt(),
    };
    filled.to_kind(Kind::Float)
}

/// The same network as in Python sees the same, stage by stage, in both variants.
fn agrees_with(variant: InceptionVariant, classes: i64, fixture: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/inception_{fixture}.safetensors"));
    let golden = Tensor::read_safetensors(path).unwrap();
    let golden = |name: &str| golden.iter().find(|(known, _)| known == name).unwrap().1.shallow_clone();
    let network = InceptionV3::new(variant, classes, Device::Cpu, |name, shape| Ok(filled(name, shape))).unwrap();
    assert_eq!((network.width(), network.classes()), (2048, classes));
    let images = (uniform("images", &[2, 3, 64, 80]) * 2.0 - 1.0).to_kind(Kind::Float);
    let (ours, theirs) = (network.stage_means(&images).unwrap(), golden("means"));
    let mut start = 0;
    for width in [64, 192, 768, 2048] {
        let [ours, theirs] = [&ours, &theirs].map(|of| of.narrow(1, start, width));
        let difference = ((ours - &theirs).abs() / theirs.abs().clamp_min(1.0)).max().double_value(&[]);
        println!("{fixture}, stage of {width}: {difference:.1e}");
        assert!(difference < 1e-4, "{fixture}, stage of {width}: {difference}");
        start += width;
    }
    let difference =
        (network.extract(&images).unwrap().probabilities - golden("probabilities")).abs().max().double_value(&[]);
    println!("{fixture}, probabilities: {difference:.1e}");
    assert!(difference < 1e-4, "{fixture}: {difference}");
}

#[test]
fn inception_is_torchvisions() {
    agrees_with(InceptionVariant::Torchvision, 1000, "torchvision");
}

#[test]
fn inception_with_the_weights_of_fid_is_pytorch_fids() {
    agrees_with(InceptionVariant::Fid, 1008, "fid");
}

/// The names and shapes that a network of that many classes asks for, and zeros for each.
fn zeros(variant: InceptionVariant, classes: i64) -> Vec<(String, Tensor)> {
    let mut asked = Vec::new();
    let network = InceptionV3::new(variant, classes, Device::Cpu, |name, shape| {
        let zeros = Tensor::zeros(shape, (Kind::Half, Device::Cpu));
        asked.push((name.to_owned(), zeros.shallow_clone()));
        Ok(zeros)
    });
    network.unwrap();
    asked
}

fn read(path: &Path) -> Result<Box<dyn FeatureNetwork>> {
    feature_network(path.to_str().unwrap(), Device::Cpu)
}

#[test]
fn a_file_says_by_its_classes_whose_weights_it_holds() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("weights");
    for (variant, classes, what) in
        [(InceptionVariant::Fid, 1008, "of FID"), (InceptionVariant::Torchvision, 1000, "torchvision's")]
    {
        let mut tensors = zeros(variant, classes);
        let auxiliary = Tensor::zeros([7], (Kind::Float, Device::Cpu));
        if variant == InceptionVariant::Torchvision {
            tensors.push(("AuxLogits.fc.bias".to_owned(), auxiliary));
        }
        Tensor::write_safetensors(&tensors, &file).unwrap();
        let network = read(&file).unwrap();
        assert!(network.description().contains(what) && network.classes() == classes, "{}", network.description());
    }
    assert_eq!(feature_network("own", Device::Cpu).unwrap().description(), "the project's own small network");
}

#[test]
fn other_weights_are_refused_by_the_first_tensor_that_is_missing_or_has_another_shape() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("weights.safetensors");
    let refused = |tensors: &[(String, Tensor)]| {
        Tensor::write_safetensors(tensors, &file).unwrap();
        let Err(error @ Error::Checkpoint { .. }) = read(&file) else { panic!("accepted") };
        error.to_string()
    };
    let mut tensors = zeros(InceptionVariant::Fid, 1008);
    tensors.truncate(40);
    let missing = tensors.remove(17).0;
    let error = refused(&tensors);
    assert!(
        error.contains(&format!("{missing} is missing")) && error.contains("torchvision's inception_v3"),
        "{error}"
    );
    tensors[3].1 = Tensor::zeros([5], (Kind::Float, Device::Cpu));
    let error = refused(&tensors);
    assert!(error.contains(&format!("{} should have shape [32], but has [5]", tensors[3].0)), "{error}");
    let _ = tensors[1].1.fill_(f64::NAN);
    let error = refused(&tensors);
    assert!(error.contains(&format!("{} contains NaN", tensors[1].0)), "{error}");
    let original = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/original/fnn/ckpt.tar");
    let error = read(&original).err().unwrap().to_string();
    assert!(error.contains("Conv2d_1a_3x3.conv.weight is missing"), "{error}");
    assert!(matches!(read(Path::new("no/such/file.pth")), Err(Error::Io { .. })));
}
