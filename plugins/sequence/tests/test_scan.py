"""The associative scan against the loop that defines it."""

import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck

from bench_sequence import scan
from bench_sequence.scan import in_chunks, linear_scan, sequential_scan


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def draw(length, decay_length, dtype=torch.complex128):
    x = torch.randn(2, length, 3, dtype=dtype)
    a = torch.randn(2 if decay_length > 1 else 1, decay_length, 3, dtype=dtype)
    return a / (1 + a.abs()), x


@pytest.mark.parametrize("constant", [True, False])
@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
@pytest.mark.parametrize("length", [1, 2, 3, 7, 8, 100])
def test_scan_is_the_loop(length, dtype, constant):
    a, x = draw(length, 1 if constant else length, dtype)
    initial = torch.randn(2, 3, dtype=dtype)
    for start in (None, initial):
        torch.testing.assert_close(linear_scan(a, x, start), sequential_scan(a, x, start), rtol=0, atol=1e-13)
        backwards = sequential_scan(a.flip(1), x.flip(1), start).flip(1)
        torch.testing.assert_close(linear_scan(a, x, start, reverse=True), backwards, rtol=0, atol=1e-13)


@pytest.mark.parametrize("length", [1, 6])
@pytest.mark.parametrize("constant", [True, False])
@pytest.mark.parametrize("reverse", [True, False])
def test_gradients_are_those_of_the_loop(length, constant, reverse):
    a, x = draw(length, 1 if constant else length)
    leaves = [z.requires_grad_() for z in (a, x, torch.randn(2, 3, dtype=x.dtype))]

    def one_way(*arguments):
        return linear_scan(*arguments, reverse=reverse)

    assert gradcheck(one_way, leaves)
    assert gradgradcheck(one_way, leaves)


def test_depth_is_logarithmic(monkeypatch):
    rounds = []
    one_round = scan._scan
    monkeypatch.setattr(scan, "_scan", lambda a, x: rounds.append(x.shape[1]) or one_round(a, x))
    linear_scan(*draw(4096, 4096))
    assert rounds == [4096 >> i for i in range(13)]


def test_decays_that_underflow_forget():
    a, x = torch.full((1, 1, 1), 1e-200, dtype=torch.float64), torch.ones(1, 64, 1, dtype=torch.float64)
    assert torch.equal(linear_scan(a, x), x)


@pytest.mark.parametrize("chunk", [1, 5, 16, 17, 100])
def test_chunks_give_the_whole_and_its_gradient(chunk):
    a, x = draw(17, 17, torch.float64)

    def advance(state, a, x):
        h = linear_scan(a, x, state)
        return h.sum(-1, keepdim=True), h[:, -1]

    def run(chunk):
        leaves = [z.clone().requires_grad_() for z in (a, x, torch.ones(2, 3, dtype=x.dtype))]
        y, state = in_chunks(advance, leaves[2], tuple(leaves[:2]), chunk)
        (y.square().sum() + state.sum()).backward()
        return [y, state, *(leaf.grad for leaf in leaves)]

    for chunked, whole in zip(run(chunk), run(17), strict=True):
        torch.testing.assert_close(chunked, whole, rtol=0, atol=1e-13)


def test_chunks_keep_the_states_of_one_chunk_alone():
    """What training keeps for the backward pass does not hold the wide states of all positions."""
    L, width = 256, 64
    kept = []

    def advance(state, x):
        h = linear_scan(torch.full((1, 1, width), 0.5), x.expand(-1, -1, width), state)
        return h.mean(-1, keepdim=True), h[:, -1]

    def pack(tensor):
        kept.append(tensor.numel())
        return tensor

    x = torch.randn(1, L, 1, requires_grad=True)
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        in_chunks(advance, torch.zeros(1, width), (x,), L)
        whole, kept = sum(kept), []
        in_chunks(advance, torch.zeros(1, width), (x,), 16)
        assert sum(kept) < whole / 4
