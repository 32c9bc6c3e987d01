use ddpm_tutor::prelude::*;
use std::time::Instant;
fn main() {
    let cfg = UnetConfig { base_channels: 32, ..Default::default() };
    for precision in [Precision::F32, Precision::Bf16] {
        let mut u = Unet::new(&cfg, precision, Device::Cpu).unwrap();
        {
            // load
            let ts: std::collections::HashMap<String, Tensor> =
                Tensor::read_safetensors("/tmp/w/u.safetensors").unwrap().into_iter().collect();
            let vars = u.var_store().variables();
            assert_eq!(ts.len(), vars.len());
            let _g = tch::no_grad_guard();
            for (n, mut v) in vars {
                v.copy_(&ts[&n]);
            }
        }
        let io: std::collections::HashMap<String, Tensor> =
            Tensor::read_safetensors("/tmp/w/io.safetensors").unwrap().into_iter().collect();
        let y = tch::no_grad(|| u.predict_noise(&io["x"], &io["t"]));
        println!(
            "{precision:?} max diff {} of {}",
            (&y - &io["y"]).abs().max().double_value(&[]),
            io["y"].abs().max().double_value(&[])
        );
        let _ = &mut u;
    }
    println!("{}", Unet::new(&cfg, Precision::F32, Device::Cpu).unwrap().summary().unwrap());
    for (name, cfg, bs) in [
        ("B32 1244 bs16", UnetConfig { base_channels: 32, ..Default::default() }, 16),
        ("B32 1244 bs64", UnetConfig { base_channels: 32, ..Default::default() }, 64),
        ("B64 1222 bs64", UnetConfig { channel_multipliers: vec![1, 2, 2, 2], ..Default::default() }, 64),
        (
            "B48 1224 R1 bs64",
            UnetConfig {
                base_channels: 48,
                residual_blocks: 1,
                channel_multipliers: vec![1, 2, 2, 4],
                ..Default::default()
            },
            64,
        ),
        (
            "B48 1224 R1 noattn16 bs32",
            UnetConfig {
                base_channels: 48,
                residual_blocks: 1,
                channel_multipliers: vec![1, 2, 2, 4],
                attention: vec![false, false, true, false],
                ..Default::default()
            },
            32,
        ),
        (
            "B48 1224 R1 noattn16 bs64",
            UnetConfig {
                base_channels: 48,
                residual_blocks: 1,
                channel_multipliers: vec![1, 2, 2, 4],
                attention: vec![false, false, true, false],
                ..Default::default()
            },
            64,
        ),
        (
            "B48 1223 R2 noattn16 bs64",
            UnetConfig {
                base_channels: 48,
                residual_blocks: 2,
                channel_multipliers: vec![1, 2, 2, 3],
                attention: vec![false, false, true, false],
                ..Default::default()
            },
            64,
        ),
        (
            "B64 122 R1 noattn16 bs64",
            UnetConfig {
                base_channels: 64,
                residual_blocks: 1,
                channel_multipliers: vec![1, 2, 2],
                attention: vec![false, false, true],
                ..Default::default()
            },
            64,
        ),
        (
            "B64 123 R1 bs64",
            UnetConfig {
                base_channels: 64,
                residual_blocks: 1,
                channel_multipliers: vec![1, 2, 3],
                attention: vec![false, true, true],
                ..Default::default()
            },
            64,
        ),
    ] {
        for precision in [Precision::Bf16] {
            let base = BaseConfig::default();
            let u = Unet::new(&cfg, precision, Device::Cpu).unwrap();
            let tc = TrainingConfig { timesteps: 1000, ..Default::default() };
            let mut st = TrainingState::new(&u, &base, &tc).unwrap();
            let mut best = f64::MAX;
            for _ in 0..4 {
                let x = Tensor::randn([bs, 3, 32, 32], (Kind::Float, Device::Cpu));
                let t = Tensor::randint(999, [bs], (Kind::Int64, Device::Cpu)) + 1;
                let eps = x.randn_like();
                let s = Instant::now();
                let loss = u.predict_noise_in_training(&x, &t).mse_loss(&eps, tch::Reduction::Mean);
                st.descend(&loss, 10).unwrap();
                best = best.min(s.elapsed().as_secs_f64());
            }
            println!(
                "{name} {precision:?} params {} {:.0} ms, {:.1} ms/image",
                parameter_count(&u),
                best * 1e3,
                best * 1e3 / bs as f64
            );
        }
    }
}
