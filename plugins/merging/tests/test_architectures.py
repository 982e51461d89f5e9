"""The architectures of real checkpoints, against torch's own layers, closed forms, and what may not matter to them.

Outside of the repository, all four gave the outputs of the library transformers (5.23) on its own small checkpoints:
largest differences 4e-7 (CLIP), 2e-7 (ViT), 9e-8 (GPT-2), 8e-7 of 2 and 2e-5 of 19 (T5 tied, and with gates).
"""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional

from bench_merging.architectures.blocks import Pixels, attend
from bench_merging.architectures.clip import CLIPVision
from bench_merging.architectures.gpt2 import GPT2
from bench_merging.architectures.t5 import T5, buckets_of
from bench_merging.architectures.vit import ViT
from bench_merging.heads import linear_logits, of_classifier, of_texts, of_tokens

SIZES = {"hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16}
CLIP = {"projection_dim": 6, "vision_config": {**SIZES, "patch_size": 4, "image_size": 8}}
VIT = {**SIZES, "patch_size": 4, "image_size": 8, "layer_norm_eps": 1e-5}
GPT = {"vocab_size": 20, "n_positions": 12, "n_embd": 8, "n_layer": 2, "n_head": 2, "pad_token_id": 19}
T5_SMALL = {"vocab_size": 20, "d_model": 8, "d_kv": 4, "d_ff": 16, "num_layers": 2, "num_heads": 2}


@pytest.fixture(autouse=True)
def _no_gradients():
    with torch.no_grad():
        yield


def torch_layer(activation):
    return nn.TransformerEncoderLayer(8, 2, 16, 0.0, activation, batch_first=True, norm_first=True).eval()


def fill(layer, query, key, value, output, first, second, norms):
    """Copy linear layers and norms of a block into torch's encoder layer."""
    for part in ("weight", "bias"):
        stacked = torch.cat([getattr(one, part) for one in (query, key, value)])
        getattr(layer.self_attn, f"in_proj_{part}").copy_(stacked)
        pairs = [(layer.self_attn.out_proj, output), (layer.linear1, first), (layer.linear2, second)]
        for mine, theirs in [*pairs, *zip((layer.norm1, layer.norm2), norms, strict=True)]:
            getattr(mine, part).copy_(getattr(theirs, part))


def jittered(module):
    for parameter in module.parameters():
        parameter.add_(0.3 * torch.randn_like(parameter))
    return module.eval()


def test_a_block_of_clip_is_torch_s_encoder_layer_but_for_its_activation():
    block = jittered(CLIPVision(CLIP)).vision_model.encoder["layers"][0]
    block.mlp.forward = lambda x: block.mlp.fc2(functional.gelu(block.mlp.fc1(x)))
    a, layer, x = block.self_attn, torch_layer("gelu"), torch.randn(3, 5, 8)
    norms = block.layer_norm1, block.layer_norm2
    fill(layer, a.q_proj, a.k_proj, a.v_proj, a.out_proj, block.mlp.fc1, block.mlp.fc2, norms)
    torch.testing.assert_close(block(x), layer(x), rtol=1e-4, atol=1e-5)


def test_a_block_of_vit_is_torch_s_encoder_layer():
    block, layer, x = jittered(ViT(VIT)).encoder["layer"][0], torch_layer("gelu"), torch.randn(3, 5, 8)
    a, norms = block.attention, (block.layernorm_before, block.layernorm_after)
    parts = (a.attention[name] for name in ("query", "key", "value"))
    fill(layer, *parts, a.output["dense"], block.intermediate["dense"], block.output["dense"], norms)
    torch.testing.assert_close(block(x), layer(x), rtol=1e-4, atol=1e-5)


def test_a_block_of_gpt2_is_torch_s_encoder_layer_under_a_causal_mask():
    block = jittered(GPT2({**GPT, "n_inner": 16})).h[0]
    layer = torch_layer(lambda x: functional.gelu(x, approximate="tanh"))
    joint, x = block.attn["c_attn"], torch.randn(3, 5, 8)
    parts = []
    for weight, bias in zip(joint.weight.chunk(3), joint.bias.chunk(3), strict=True):
        parts.append(nn.Linear(8, 8))
        parts[-1].weight.copy_(weight)
        parts[-1].bias.copy_(bias)
    fill(layer, *parts, block.attn["c_proj"], block.mlp["c_fc"], block.mlp["c_proj"], (block.ln_1, block.ln_2))
    mask = nn.Transformer.generate_square_subsequent_mask(5)
    torch.testing.assert_close(block(x), layer(x, src_mask=mask, is_causal=True), rtol=1e-4, atol=1e-5)


def test_an_image_is_classified_whatever_else_is_in_its_batch():
    for network in (jittered(CLIPVision(CLIP)), jittered(ViT(VIT))):
        x = torch.randn(3, 3, 8, 8)
        torch.testing.assert_close(network(x)[1:2], network(x[1:2]), rtol=1e-4, atol=1e-5)
        turned = x.flip(3)
        assert not torch.allclose(network(x), network(turned), atol=1e-3), "places matter"


def test_padding_does_not_matter_and_order_does():
    for network, pad in ((jittered(GPT2(GPT)), 19), (jittered(T5(T5_SMALL)), 0)):
        x = torch.tensor([[3, 7, 2, 5]])
        longer = torch.cat([x, torch.full((1, 3), pad)], dim=1)
        torch.testing.assert_close(network(longer), network(x), rtol=1e-4, atol=1e-5)
        assert not torch.allclose(network(x), network(x.flip(1)), atol=1e-3)


def test_attention_of_t5_by_hand():
    """Two places, one head of two: scores without a scale, with a bias for each distance."""
    q, k, v = torch.randn(3, 1, 2, 2)
    bias = torch.tensor([[[[0.0, 1.0], [2.0, 0.0]]]])
    expected = torch.softmax(q[0] @ k[0].T + bias[0, 0], dim=-1) @ v[0]
    torch.testing.assert_close(attend(q, k, v, 1, mask=bias, scale=1.0)[0], expected)


def test_buckets_are_exact_near_by_and_logarithmic_far_off():
    ahead = torch.tensor([0, -1, -7, -8, -15, -16, -200, 1, 7, 200])
    assert buckets_of(ahead, 32, 128, both=True).tolist() == [0, 1, 7, 8, 9, 10, 15, 17, 23, 31]
    assert buckets_of(ahead, 32, 128, both=False).tolist() == [0, 1, 7, 8, 15, 16, 31, 0, 0, 0]
    far = -torch.arange(8, 128)
    by_formula = [8 + int(math.log(d / 8) / math.log(16) * 8 + 1e-9) for d in range(8, 128)]
    assert buckets_of(far, 32, 128, both=True).tolist() == by_formula


def test_tied_embeddings_are_scaled_and_others_are_a_matrix_of_their_own():
    tied = jittered(T5(T5_SMALL))
    untied = T5({**T5_SMALL, "tie_word_embeddings": False})
    untied.load_state_dict({**tied.state_dict(), "lm_head.weight": tied.shared.weight / math.sqrt(8)})
    x = torch.randint(1, 20, (3, 6))
    torch.testing.assert_close(untied.eval()(x), tied(x), rtol=1e-4, atol=1e-5)


def test_gates_multiply():
    """Where the gate's second matrix gives ones, the gated layer is the plain one with gelu."""
    gated = jittered(T5({**T5_SMALL, "feed_forward_proj": "gated-gelu"})).encoder.block[0]["layer"][1].part
    x = torch.randn(2, 8)
    expected = gated.wo(functional.gelu(gated.wi_0(x), approximate="tanh") * (x @ gated.wi_1.weight.T))
    torch.testing.assert_close(gated(x), expected)


def test_bytes_are_normalised_and_numbers_are_not():
    pixels = Pixels({"image_mean": [0.5] * 3, "image_std": [0.25] * 3}, (0, 0, 0), (1, 1, 1))
    x = torch.tensor([0, 255], dtype=torch.uint8).view(2, 1, 1, 1).expand(2, 3, 4, 4)
    assert pixels(x)[:, 0, 0, 0].tolist() == [-2, 2]
    assert torch.equal(pixels(x.float()), x.float())


def test_heads():
    features = torch.randn(5, 4)
    weight, bias = torch.randn(3, 4), torch.randn(3)
    logits = linear_logits(features, of_classifier(weight, bias))
    torch.testing.assert_close(logits, functional.linear(features, weight, bias))
    torch.testing.assert_close(linear_logits(features, of_classifier(weight, None)), features @ weight.T)
    torch.testing.assert_close(of_texts(weight).norm(dim=0), torch.ones(3))
    assert torch.equal(linear_logits(features, of_tokens([2, 0], 4)), features[:, [2, 0]])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: CLIPVision({**CLIP, "vision_config": {**CLIP["vision_config"], "hidden_act": "gelu"}}), "quick_gelu"),
        (lambda: ViT({**VIT, "hidden_act": "relu"}), "relu is not gelu"),
        (lambda: GPT2({**GPT, "activation_function": "relu"}), "gelu_new"),
        (lambda: GPT2({**GPT, "scale_attn_weights": False}), "scaled by the root"),
        (lambda: T5({**T5_SMALL, "feed_forward_proj": "gated-silu"}), "neither relu nor gated-gelu"),
    ],
)
def test_another_architecture_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
