"""A task in one small file, without a data set of its own."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import nn

from harness import Build, Context, Outputs


@dataclass(frozen=True)
class RunningMean:
    length: int = 16
    d_model: int = 4
    steps: int = 20

    def run(self, build: Build, context: Context) -> Iterator[Outputs]:
        torch.manual_seed(context.seeds.init)
        mixer = build(d_model=self.d_model, l_max=self.length, causal=True)
        model = nn.Sequential(nn.Linear(1, self.d_model), mixer, nn.Linear(self.d_model, 1)).to(context.device)
        adam = torch.optim.Adam(model.parameters(), lr=0.01)
        generator = torch.Generator().manual_seed(context.seeds.data)
        for step in range(self.steps + 1):
            x = torch.randn(32, self.length, 1, generator=generator).to(context.device)
            y = x.cumsum(1) / torch.arange(1, self.length + 1, device=context.device)[:, None]
            prediction = model(x)
            if step == self.steps:
                size = sum(p.numel() for p in model.parameters())
                yield Outputs(split="test", step=step, prediction=prediction.detach(), target=y, parameters=size)
                return
            loss = nn.functional.mse_loss(prediction, y)
            adam.zero_grad()
            loss.backward()
            adam.step()
            context.report(step, self.steps, loss=loss.item())
