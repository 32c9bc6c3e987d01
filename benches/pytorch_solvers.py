"""Sampling with diffusers' schedulers, for the rows of `cargo xtask bench` on solvers."""

import torch
from diffusers import DPMSolverMultistepScheduler

ALGORITHMS = {"dpm-solver++2m": "dpmsolver++", "sde-dpm-solver++2m": "sde-dpmsolver++"}


def scheduler(name, constants, steps):
    """As its documentation shows it, with the settings of the other side: equal steps from T, the last one to 0."""
    made = DPMSolverMultistepScheduler(
        num_train_timesteps=constants.timesteps,
        trained_betas=constants.beta,
        algorithm_type=ALGORITHMS[name],
        solver_order=2,
        prediction_type="epsilon",
        timestep_spacing="trailing",
        final_sigmas_type="zero",
    )
    made.set_timesteps(steps)
    return made


@torch.inference_mode()
def solve(model, name, constants, n, steps):
    steps = scheduler(name, constants, steps)
    x = torch.randn(n, *model.sample_shape, device=constants.device)
    for t in steps.timesteps:
        # Its steps count from 0, those of the network from 1.
        eps_theta = model(x, (t + 1).expand(n))
        x = steps.step(eps_theta, t, x).prev_sample
    return x
