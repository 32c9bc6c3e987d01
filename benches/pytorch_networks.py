"""The networks of `cargo xtask bench` in PyTorch: those of src/networks, layer for layer.

tests/fixtures/make_original.py has the same U-Net with the attention layer of the original tutorial.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn


def sinusoids(t, width):
    half = width // 2
    frequencies = torch.exp(-math.log(10000) / (half - 1) * torch.arange(half))
    angles = t.unsqueeze(1) * frequencies
    return torch.cat([angles.sin(), angles.cos()], dim=1)


class Fnn(nn.Module):
    sample_shape = (2,)

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


class TimeEmbeddings(nn.Module):
    def __init__(self, base, width, timesteps=1000):
        super().__init__()
        table = nn.Embedding.from_pretrained(sinusoids(torch.arange(timesteps), base))
        self.time_blocks = nn.Sequential(table, nn.Linear(base, width), nn.SiLU(), nn.Linear(width, width))

    def forward(self, t):
        return self.time_blocks(t - 1)


class Attention(nn.Module):
    """With scaled_dot_product_attention: nn.MultiheadAttention makes the U-Net 7 % slower to train, and 14 % to sample."""

    def __init__(self, channels, heads=4):
        super().__init__()
        self.heads = heads
        self.group_norm = nn.GroupNorm(8, channels)
        self.in_proj = nn.Linear(channels, 3 * channels)
        self.out_proj = nn.Linear(channels, channels)

    def forward(self, x):
        pixels = self.group_norm(x).flatten(2).transpose(1, 2)
        q, k, v = self.in_proj(pixels).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        seen = self.out_proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))
        return x + seen.transpose(1, 2).reshape(x.shape)


class Residual(nn.Module):
    """`attention`: the layer behind it, made from a number of channels; or none."""

    def __init__(self, inputs, outputs, time, attention, dropout):
        super().__init__()
        self.normlize_1 = nn.GroupNorm(8, inputs)
        self.conv_1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.dense_1 = nn.Linear(time, outputs)
        self.normlize_2 = nn.GroupNorm(8, outputs)
        self.dropout = nn.Dropout2d(dropout)
        self.conv_2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.match_input = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1)
        self.attention = attention(outputs) if attention else nn.Identity()

    def forward(self, x, time):
        h = self.conv_1(F.silu(self.normlize_1(x)))
        h = h + self.dense_1(time)[:, :, None, None]
        h = self.conv_2(self.dropout(F.silu(self.normlize_2(h))))
        return self.attention(h + self.match_input(x))


class Downsample(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.downsample = nn.Conv2d(channels, channels, 3, stride=2, padding=1)

    def forward(self, x, _):
        return self.downsample(x)


class Upsample(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.upsample = nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(channels, channels, 3, padding=1))

    def forward(self, x, _):
        return self.upsample(x)


class Unet(nn.Module):
    sample_shape = (3, 32, 32)

    def __init__(
        self,
        base,
        multipliers=(1, 2, 4, 4),
        attention=(False, True, True, False),
        blocks=2,
        dropout=0.1,
        channels=3,
        time_multiplier=2,
        attention_layer=Attention,
    ):
        super().__init__()
        time, width, skips, encoder, decoder = time_multiplier * base, base, [base], [], []
        layers = [attention_layer if attends else None for attends in attention]
        levels = list(zip([base * multiplier for multiplier in multipliers], layers))
        self.time_embeddings = TimeEmbeddings(base, time)
        self.first = nn.Conv2d(channels, base, 3, padding=1)
        for i, (outputs, layer) in enumerate(levels):
            for _ in range(blocks):
                encoder.append(Residual(width, outputs, time, layer, dropout))
                width = outputs
                skips.append(width)
            if i < len(levels) - 1:
                encoder.append(Downsample(width))
                skips.append(width)
        self.encoder_blocks = nn.ModuleList(encoder)
        self.bottleneck_blocks = nn.ModuleList(
            [Residual(width, width, time, layer, dropout) for layer in (attention_layer, None)]
        )
        for i, (outputs, layer) in reversed(list(enumerate(levels))):
            for _ in range(blocks + 1):
                decoder.append(Residual(width + skips.pop(), outputs, time, layer, dropout))
                width = outputs
            if i > 0:
                decoder.append(Upsample(width))
        self.decoder_blocks = nn.ModuleList(decoder)
        self.final = nn.Sequential(nn.GroupNorm(8, width), nn.SiLU(), nn.Conv2d(width, channels, 3, padding=1))

    def forward(self, x_t, t):
        # Every block starts with the SiLU of the time: it is taken once.
        time = F.silu(self.time_embeddings(t))
        h = self.first(x_t)
        skips = [h]
        for block in self.encoder_blocks:
            h = block(h, time)
            skips.append(h)
        for block in self.bottleneck_blocks:
            h = block(h, time)
        for block in self.decoder_blocks:
            if isinstance(block, Residual):
                h = torch.cat([h, skips.pop()], dim=1)
            h = block(h, time)
        return self.final(h)
