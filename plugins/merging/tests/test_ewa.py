"""Experts Weights Averaging: what sharing keeps and shrinks, whose token goes where, and when it is the plain layer."""

import copy

import pytest
import torch

from bench_merging.feedforward_tasks import VisionTransformer
from bench_merging.methods.ewa import ExpertsWeightsAveraging, FeedForward
from harness.testing import conformance_cases


@pytest.mark.parametrize("case", conformance_cases("feed-forward"), ids=str)
def test_conformance(case):
    case.check()


def experts_of(layer):
    return torch.stack([torch.cat([p.flatten() for p in expert.parameters()]) for expert in layer.experts]).detach()


@pytest.mark.parametrize(("count", "share"), [(4, 0.1), (3, 0.5), (2, 0.5), (4, 0.75)])
def test_sharing_keeps_the_mean_and_shrinks_what_differs(count, share):
    layer = ExpertsWeightsAveraging(width=5, hidden=7, experts=count, share=share)
    before = experts_of(layer)
    layer.share_weights()
    after = experts_of(layer)
    others = (before.sum(0) - before) / (count - 1)
    torch.testing.assert_close(after, (1 - share) * before + share * others)
    torch.testing.assert_close(after.mean(0), before.mean(0))
    shrink = 1 - share * count / (count - 1)
    torch.testing.assert_close(after - after.mean(0), shrink * (before - before.mean(0)), rtol=1e-4, atol=1e-6)


def test_equal_experts_are_the_plain_layer_whatever_the_partition():
    layer = ExpertsWeightsAveraging(width=5, hidden=7, experts=3, start="copies").train()
    x = torch.randn(4, 8, 5)
    plain = layer.averaged()
    for _ in range(3):
        torch.testing.assert_close(layer(x), plain(x))
    torch.testing.assert_close(layer.eval()(x), plain(x))


def test_every_token_goes_through_one_expert_and_comes_back_to_its_place():
    layer = ExpertsWeightsAveraging(width=2, hidden=3, experts=4, share=0.0).train()
    with torch.no_grad():  # expert i gives i, whatever it sees
        for i, expert in enumerate(layer.experts):
            for parameter in expert.parameters():
                parameter.zero_()
            expert.fc2.bias.fill_(i)
    y = layer(torch.randn(3, 6, 2))[..., 0]
    assert sorted(y.flatten().tolist()) == [0] * 5 + [1] * 5 + [2] * 4 + [3] * 4  # 18 tokens: the first two get 5
    seen = [layer(torch.randn(3, 6, 2))[..., 0] for _ in range(2)]
    assert not torch.equal(*seen)
    whole = ExpertsWeightsAveraging(width=2, hidden=3, experts=4, share=0.0).train()
    x = torch.randn(3, 6, 2)
    out, by_expert = whole(x), torch.stack([expert(x) for expert in whole.experts])
    assert ((out - by_expert).abs().amax(-1) < 1e-6).any(0).all()


def test_full_sharing_and_a_summed_loss_train_the_plain_layer_at_a_share_of_the_rate():
    torch.manual_seed(1)
    layer = ExpertsWeightsAveraging(width=4, hidden=6, experts=4, share=0.75, start="copies").train()
    plain = copy.deepcopy(layer.averaged())
    pairs = [(layer, 0.04), (plain, 0.01)]
    optimisers = [torch.optim.SGD(model.parameters(), lr=rate) for model, rate in pairs]
    for _ in range(5):
        x, target = torch.randn(6, 4, 4), torch.randn(6, 4, 4)
        for (model, _), optimiser in zip(pairs, optimisers, strict=True):
            optimiser.zero_grad()
            (model(x) - target).square().sum().backward()
            optimiser.step()
    for a, b in zip(layer.averaged().parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


def test_the_transformer_does_not_depend_on_the_order_of_the_batch():
    model = VisionTransformer(8, 2, [FeedForward(width=8, hidden=16) for _ in range(2)]).eval()
    images = torch.randn(5, 16, 16)
    torch.testing.assert_close(model(images.flip(0)), model(images).flip(0))
    assert model(images).shape == (5, 10)
