//! What is shown of images: grids, films, the forward process, the nearest training images, the growth over a training.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{ClosedForm, checkpoints, libtorch};
use ddpm_tutor::prelude::*;

fn base(models_dir: &Path, size: usize) -> BaseConfig {
    BaseConfig { dataset: Dataset::PaintedFlowers(PaintedFlowers::default()), ..common::base(models_dir, size) }
}

fn training(timesteps: usize) -> TrainingConfig {
    let (schedule, checkpoints) = (NoiseSchedule::from(CosineSchedule), checkpoints(100, InferType::Image));
    TrainingConfig { timesteps, schedule, checkpoints, ..common::quick_training() }
}

/// The best that a network could learn of these images, which is to know them by heart:
/// `E[x_0 | x_t]` is their mean, weighted by `N(x_t; sqrt(alpha_bar) x_0, (1 - alpha_bar) I)`.
fn knows_by_heart(images: Tensor, constants: &ConstantsManager) -> Model {
    let alpha_bars: Vec<f64> = (1..=constants.timesteps()).map(|t| constants.alpha_cumulative(t)).collect();
    let shape = images.size()[1..].to_vec();
    let flat = images.flatten(1, -1);
    ClosedForm::new(&shape, move |x_t, t| {
        let alpha_bar = alpha_bars[t.int64_value(&[0]) as usize - 1];
        let x = x_t.flatten(1, -1);
        let to_each = x.unsqueeze(1) - alpha_bar.sqrt() * flat.unsqueeze(0);
        let squares = to_each.square().sum_dim_intlist([2].as_slice(), false, Kind::Float);
        let x0 = (-squares / (2.0 * (1.0 - alpha_bar))).softmax(1, Kind::Float).matmul(&flat);
        ((x - alpha_bar.sqrt() * x0) / (1.0 - alpha_bar).sqrt()).view_as(x_t)
    })
}

/// A folder that stays, so that one can look at the pictures.
fn gallery(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pictures_of_images").join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn samples_of_images_become_grids_and_films() {
    let _generator = libtorch();
    let folder = gallery("samples");
    let base = base(&folder, 24);
    let loader = get_dataloader(&base, &training(200)).unwrap();
    let constants = ConstantsManager::new(&base, &training(200)).unwrap();
    let model = knows_by_heart(loader.first(24), &constants);

    let mut grid = InferenceLogger::in_folder(InferType::Image, &folder).quiet();
    let samples = generate_samples(&model, &constants, 70, 1, &mut grid).unwrap();
    assert!(grid.picture().unwrap().alt.contains("64 images of 32 x 32"), "{:?}", grid.picture());
    let names = |files: &[PathBuf]| files.iter().map(|f| f.file_name().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(names(grid.written()), ["samples.png", "samples.json", "samples.npy"]);
    let npy = Tensor::read_npy(folder.join("0001/samples.npy")).unwrap();
    assert_eq!((npy.size(), npy.kind()), (vec![70, 3, 32, 32], Kind::Float));
    assert_eq!(npy, samples);
    let note: serde_json::Value = serde_json::from_slice(&fs::read(folder.join("0001/samples.json")).unwrap()).unwrap();
    assert_eq!((note["seed"].as_u64(), note["timesteps"].as_u64()), (Some(1), Some(200)));

    let mut film = InferenceLogger::in_folder(InferType::Gif, &folder).quiet();
    let _samples = generate_samples(&model, &constants, 20, 1, &mut film).unwrap();
    let bytes = &film.picture().unwrap().bytes;
    assert!(bytes.len() < 5_000_000 && names(film.written())[0] == "process.gif", "{} bytes", bytes.len());
    let alt = &film.picture().unwrap().alt;
    assert!(alt.contains("x_t, t = 200 to x_t, t = 0"), "{alt}");

    visualize_nearest(&samples, &loader).unwrap().save(folder.join("nearest.png")).unwrap();
    for other in [samples.narrow(2, 0, 16), samples.narrow(0, 0, 0), Tensor::from(1.0)] {
        let error = visualize_nearest(&other, &loader).unwrap_err().to_string();
        assert!(error.contains("shaped like the training images, [3, 32, 32]"), "{error}");
    }
    visualize_forward(&constants, &loader).unwrap().save(folder.join("forward.png")).unwrap();
    visualize_data(&base).unwrap().save(folder.join("data.png")).unwrap();
}

#[test]
fn a_network_that_knows_images_by_heart_is_found_out() {
    let _generator = libtorch();
    let folder = gallery("copies");
    let (base, training) = (base(&folder, 64), TrainingConfig { validation_samples: 8, ..training(50) });
    let loader = get_dataloader(&base, &training).unwrap();
    let constants = ConstantsManager::new(&base, &training).unwrap();
    let learned = loader.first(56);
    let near = nearest_images(&(learned.flip([-1]) + 0.01), &loader).unwrap();
    assert!(near.images.allclose(&learned.flip([-1]), 0.0, 1e-6, false), "mirrored, and its own");
    assert!((&near.distances - 0.01).abs().max().double_value(&[]) < 1e-5, "{near:?}");

    let model = knows_by_heart(learned, &constants);
    let samples = generate_samples(&model, &constants, 20, 1, &mut InferenceLogger::new(InferType::None)).unwrap();
    let copied = nearest_images(&samples, &loader).unwrap().median_distance();
    let unseen = nearest_images(&loader.held_out().unwrap(), &loader).unwrap().median_distance();
    assert!(copied < 0.05 && unseen > 0.2, "{copied}, {unseen}");
}

#[test]
fn what_cannot_show_images_says_so() {
    let _generator = libtorch();
    let folder = gallery("refused");
    let constants = ConstantsManager::new(&base(&folder, 24), &training(5)).unwrap();
    let model = ClosedForm::new(&[3, 8, 8], |x, _| x.zeros_like());
    for infer_type in [InferType::Plot, InferType::PlotProcess] {
        let mut logger = InferenceLogger::in_folder(infer_type, &folder);
        let error = generate_samples(&model, &constants, 2, 0, &mut logger).unwrap_err().to_string();
        assert!(error.contains("Image or Gif"), "{error}");
    }
    assert!(fs::read_dir(&folder).unwrap().next().is_none());
    let network = NetworkConfig::Unet(UnetConfig::small());
    let config = |inference_type| ModelConfig {
        base: base(&folder, 24),
        network: network.clone(),
        training: TrainingConfig { checkpoints: checkpoints(100, inference_type), ..training(5) },
    };
    for (infer_type, fits) in
        [(InferType::Image, true), (InferType::Gif, true), (InferType::None, true), (InferType::Plot, false)]
    {
        assert_eq!(config(infer_type).validate().is_ok(), fits, "{infer_type:?}");
    }
}

#[test]
fn the_growth_over_a_training_is_laid_side_by_side() {
    let _generator = libtorch();
    let folder = gallery("progress");
    let dataset = Dataset::PaintedFlowers(PaintedFlowers { size: [16, 24], ..Default::default() });
    let base = BaseConfig { dataset, ..base(&folder, 10) };
    let training = TrainingConfig { checkpoints: checkpoints(4, InferType::Image), batch_size: 10, ..training(6) };
    let unet = UnetConfig {
        image_shape: [3, 16, 24],
        base_channels: 8,
        channel_multipliers: vec![1, 1],
        attention: vec![false, false],
        ..UnetConfig::small()
    };
    let manager = ModelManager::new(&base, "m", unet, &training).unwrap();
    assert!(visualize_progress(&manager).unwrap_err().to_string().contains("m has no checkpoint yet"));
    let model = manager.get_model().unwrap();
    let (loader, constants) =
        (get_dataloader(&base, &training).unwrap(), ConstantsManager::new(&base, &training).unwrap());
    train(&manager, &model, &loader, &constants, &mut |_| ()).unwrap();
    for epoch in 1..=3 {
        let log = manager.folder().join(format!("inference_logs/epoch_000{epoch}"));
        assert!(log.join("samples.png").is_file() && log.join("samples.npy").is_file());
    }
    let picture = visualize_progress(&manager).unwrap();
    assert!(picture.alt.contains("Grid of 12 images of 16 x 24"), "{}", picture.alt);
    picture.save(folder.join("progress.png")).unwrap();
}

#[test]
fn the_inside_of_a_network_has_pictures_that_say_what_they_are() {
    let _generator = libtorch();
    let folder = gallery("inside");
    let config = UnetConfig {
        image_shape: [3, 8, 12],
        base_channels: 8,
        channel_multipliers: vec![1, 2],
        attention: vec![false, true],
        residual_blocks: 1,
        ..Default::default()
    };
    let look = |config: &UnetConfig| {
        let unet = Unet::new(config, Precision::F32, Device::Cpu).unwrap();
        let (x_t, t) = (Tensor::randn([2, 3, 8, 12], (Kind::Float, Device::Cpu)), Tensor::from_slice(&[3_i64, 3]));
        unet.look_inside(&x_t, &t).unwrap()
    };
    let inside = look(&config);
    let features = visualize_features(&inside).unwrap();
    assert!(features.alt.contains("images of 8 x 12 pixels: The first 8 channels"), "{}", features.alt);
    let attention = visualize_attention(&inside, [7, 11]).unwrap();
    // A row a block that has it, a column for each of four heads.
    let images = 4 * inside.attention.len();
    let expected = format!("Grid of {images} images of 8 x 12 pixels: What the pixel in row 7, column 11 attends to");
    assert_eq!(attention.alt, expected);
    for (name, picture) in [("features.png", &features), ("attention.png", &attention)] {
        assert!(picture.bytes.starts_with(b"\x89PNG") && picture.width > 100, "{picture:?}");
        picture.save(folder.join(name)).unwrap();
    }
    assert!(visualize_attention(&inside, [8, 0]).unwrap_err().to_string().contains("a row below 8"));
    assert!(visualize_features(&Inside::default()).unwrap_err().to_string().contains("no features"));
}
