"""The PyTorch side of `cargo xtask bench`: what an informed user writes in eager mode for the same network and steps.

Reads commands, answers each with seconds (see benches/worker.rs, its counterpart):

    train STEPS        so many training steps on batches of 512
    sample N T TIMES   draws N points in T steps, so many times
    about              version and threads

A number as argument sets the threads; without it PyTorch chooses them.
"""

import math
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

BATCH = 512
TIMESTEPS = 40


class Fnn(nn.Module):
    def __init__(self, width=2, time_embedding=16, hidden=128):
        super().__init__()
        half = time_embedding // 2
        exponent = -math.log(10000) / (half - 1) * torch.arange(half)
        self.register_buffer("frequencies", exponent.exp())
        self.layers = nn.Sequential(
            nn.Linear(width + time_embedding, hidden),
            nn.ReLU(),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Linear(hidden, width),
        )

    def forward(self, x_t, t):
        angle = t.unsqueeze(1) * self.frequencies
        return self.layers(torch.cat([x_t, angle.sin(), angle.cos()], dim=1))


class Constants:
    """The cosine schedule, its constants computed once."""

    def __init__(self, timesteps):
        t = torch.arange(timesteps + 1, dtype=torch.float64) / timesteps
        alpha_bar = torch.cos((t + 0.008) / 1.008 * math.pi / 2) ** 2
        beta = (1 - alpha_bar[1:] / alpha_bar[:-1]).clamp(max=0.999)
        alpha_bar = (1 - beta).cumprod(0)
        self.timesteps = timesteps
        self.sqrt_alpha_bar = alpha_bar.sqrt().float()
        self.sqrt_one_minus_alpha_bar = (1 - alpha_bar).sqrt().float()
        # Plain numbers for the sampler: all points are at the same step.
        self.eps_weight = (beta / (1 - alpha_bar).sqrt()).tolist()
        self.sqrt_recip_alpha = (1 - beta).rsqrt().tolist()
        self.sigma = beta.sqrt().tolist()


def forward_diffusion(constants, x0, t):
    eps = torch.randn_like(x0)
    mean = constants.sqrt_alpha_bar[t - 1].unsqueeze(1) * x0
    return mean + constants.sqrt_one_minus_alpha_bar[t - 1].unsqueeze(1) * eps, eps


class Training:
    def __init__(self, data):
        self.data = data
        self.constants = Constants(TIMESTEPS)
        self.model = Fnn()
        self.parameters = list(self.model.parameters())
        self.average = [p.detach().clone() for p in self.parameters]
        self.optimizer = torch.optim.AdamW(self.parameters, lr=1e-3)

    def epoch(self):
        total = 0.0
        shuffled = self.data[torch.randperm(len(self.data))]
        for x0 in shuffled.split(BATCH):
            t = torch.randint(1, TIMESTEPS + 1, (len(x0),))
            x_t, eps = forward_diffusion(self.constants, x0, t)
            loss = F.mse_loss(self.model(x_t, t), eps)
            self.optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(self.parameters, 1.0)
            self.optimizer.step()
            with torch.no_grad():
                torch._foreach_lerp_(self.average, self.parameters, 1 - 0.999)
            # The Rust side shows the loss of every step, too.
            total += loss.item()
        return total / math.ceil(len(self.data) / BATCH)


@torch.inference_mode()
def generate_samples(model, constants, n):
    x = torch.randn(n, 2)
    for t in range(constants.timesteps, 0, -1):
        eps_theta = model(x, torch.full((n,), t))
        mean = constants.sqrt_recip_alpha[t - 1] * (x - constants.eps_weight[t - 1] * eps_theta)
        x = mean + constants.sigma[t - 1] * torch.randn_like(x) if t > 1 else mean
    return x


def swiss_roll(n):
    phi = 1.5 * math.pi * (1 + 2 * torch.rand(n))
    return 0.1 * torch.stack([phi * phi.cos(), phi * phi.sin()], dim=1)


def main():
    if len(sys.argv) > 1:
        torch.set_num_threads(int(sys.argv[1]))
    torch.manual_seed(0)
    trainings, model, schedules = {}, Fnn().eval(), {}
    for line in sys.stdin:
        command, *numbers = line.split()
        numbers = [int(number) for number in numbers]
        if command == "about":
            print(f"PyTorch {torch.__version__}, threads: {torch.get_num_threads()}", flush=True)
            continue
        if command == "train":
            steps = numbers[0]
            training = trainings.setdefault(steps, None) or Training(swiss_roll(steps * BATCH))
            trainings[steps] = training
            started = time.perf_counter()
            loss = training.epoch()
            seconds = time.perf_counter() - started
            if not math.isfinite(loss):
                sys.exit("the loss is not finite")
        elif command == "sample":
            n, timesteps, times = numbers
            constants = schedules.setdefault(timesteps, Constants(timesteps))
            started = time.perf_counter()
            for _ in range(times):
                generate_samples(model, constants, n)
            seconds = time.perf_counter() - started
        else:
            sys.exit(f"unknown command {command}: train STEPS, sample N T TIMES, about")
        print(seconds, flush=True)


if __name__ == "__main__":
    main()
