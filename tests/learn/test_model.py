"""The network: shapes, size, names of layers, parts at every cell, shares of gradients."""

import pytest

torch = pytest.importorskip("torch")

from gemax_cli.errors import SettingsError  # noqa: E402
from gemax_cli.learn.loss import attention_loss  # noqa: E402
from gemax_cli.learn.model import (  # noqa: E402
    FacialAttention,
    FacialAttentionNet,
    NetworkShape,
    ScaleNorm,
    Stream,
    cut_parts,
    part_corners,
    pass_share,
    vgg16,
)
from gemax_cli.learn.weights import first_weights, save_weights  # noqa: E402

BOTH = {"texture": 3, "depth": 1}
FULL = NetworkShape(BOTH, 6)
TINY = NetworkShape(BOTH, 6, size=64, width=1 / 32)


def tiny(seed=0, **changes):
    """A small network and a batch of two."""
    torch.manual_seed(seed)
    shape = NetworkShape(**{**vars(TINY), **changes})
    images = {name: torch.rand(2, channels, shape.size, shape.size) for name, channels in shape.channels.items()}
    return FacialAttentionNet(shape), images


def test_the_full_network_has_29_7_million_parameters():
    net = FacialAttentionNet(FULL)
    assert sum(values.numel() for values in net.parameters()) == 29_740_318
    assert net.classifier.in_features == 6 * 512


def test_shapes_at_full_size():
    net, images = tiny(size=224)
    with torch.inference_mode():
        found = net(images)
        features = net.streams["texture"].features(images["texture"])
    assert features.shape == (2, 16, 7, 7)
    assert found.logits.shape == (2, 6)
    assert found.auxiliary.shape == (4, 2, 6)
    assert {name: maps.shape for name, maps in found.maps.items()} == dict.fromkeys(BOTH, (2, 2, 7, 7))
    assert {name: corners.shape for name, corners in found.corners.items()} == dict.fromkeys(BOTH, (2, 2, 2))
    assert all(torch.equal(found.maps[name], found.constrained[name]) for name in BOTH)
    assert torch.allclose(found.maps["depth"].sum((2, 3)), torch.ones(2, 2), atol=1e-3)


@pytest.mark.parametrize(
    ("changes", "inputs", "auxiliary"),
    [
        ({"parts": 0}, 2 * 16, 0),
        ({"parts": 3}, 2 * 4 * 16, 6),
        ({"whole": False}, 2 * 2 * 16, 4),
        ({"channels": {"depth": 5}}, 3 * 16, 2),
        ({"auxiliary_of_map": True}, 2 * 3 * 16, 4),
    ],
)
def test_variants(changes, inputs, auxiliary):
    net, images = tiny(**changes)
    found = net(images)
    assert net.classifier.in_features == inputs
    assert found.logits.shape == (2, 6)
    assert len(found.auxiliary) == auxiliary
    found.logits.sum().backward()


def test_shared_parts_are_the_same_in_both_streams():
    net, images = tiny(shared_parts=True)
    corners = net(images).corners
    assert torch.equal(corners["texture"], corners["depth"])


def test_layers_are_numbered_as_torchvision_s():
    """https://docs.pytorch.org/vision: vgg16_bn ends its features with the pooling 43, vgg16 with 30."""
    with_norm, without = vgg16(3), vgg16(3, batch_norm=False)
    assert (len(with_norm), len(without)) == (44, 31)
    kinds = [type(layer).__name__ for layer in with_norm[:7]]
    assert kinds == ["Conv2d", "ScaleNorm", "ReLU", "Conv2d", "ScaleNorm", "ReLU", "MaxPool2d"]
    shapes = {name: tuple(values.shape) for name, values in with_norm.state_dict().items()}
    assert shapes["0.weight"] == (64, 3, 3, 3)
    assert shapes["40.weight"] == (512, 512, 3, 3)
    assert shapes["41.running_mean"] == (512,)


def test_convolutions_begin_with_kaiming_s_variance_over_the_fan_out():
    torch.manual_seed(0)
    weights = vgg16(3)[7].weight.detach()
    assert weights.std().item() == pytest.approx((2 / (128 * 9)) ** 0.5, rel=0.02)


@pytest.mark.parametrize("cell", range(49))
def test_a_part_is_centred_on_its_cell_and_shifted_at_the_border(cell):
    top, left = part_corners(torch.tensor(cell), FULL).tolist()
    row, column = divmod(cell, 7)
    assert top == min(max(32 * row + 16 - 48, 0), 224 - 96)
    assert left == min(max(32 * column + 16 - 48, 0), 224 - 96)
    places = torch.arange(224.0)
    images = torch.stack([places[:, None].expand(224, 224), places.expand(224, 224)])[None]
    part = cut_parts(images, torch.tensor([[top, left]]), FULL)
    assert part.shape == (1, 2, 224, 224)
    expected = torch.nn.functional.interpolate(
        images[:, :, top : top + 96, left : left + 96], size=(224, 224), mode="bilinear", align_corners=False
    )
    assert torch.equal(part, expected)
    assert (part[0, 0, 0, 0].item(), part[0, 1, 0, 0].item()) == (top, left)


def test_each_image_of_a_batch_gets_its_own_part():
    images = torch.rand(5, 3, 64, 64)
    corners = torch.randint(0, 64 - TINY.part_side + 1, (5, 2))
    parts = cut_parts(images, corners, TINY)
    for i in range(5):
        assert torch.equal(parts[i : i + 1], cut_parts(images[i : i + 1], corners[i : i + 1], TINY))


def test_maps_begin_on_different_channels():
    attention = FacialAttention(16, 2)
    with torch.no_grad():
        for encoder in attention.encoders:
            encoder[2].weight.zero_()
    features = torch.zeros(1, 16, 2, 2)
    features[0, 0::2, 0, 0] = 1.0
    features[0, 1::2, 1, 1] = 1.0
    maps = attention(features)
    assert maps[0, :, [0, 1], [0, 1]].tolist() == [[pytest.approx(1, abs=1e-5), 0], [0, pytest.approx(1, abs=1e-5)]]


def test_features_of_zero_give_maps_of_zero_not_of_nan():
    assert torch.equal(FacialAttention(16, 2)(torch.zeros(1, 16, 2, 2)), torch.zeros(1, 2, 2, 2))


@pytest.mark.parametrize("share", [0.0, 0.01, 1.0])
def test_a_share_of_the_gradient_of_l_fa_passes_to_the_convolutions(share):
    """The attention layers get all of it, whatever the share; of the convolutions' it is exactly the share."""
    gradients = {}
    for given in (1.0, share):
        net, images = tiny()
        net.fa_gradient = given
        net.eval()
        attention_loss(net(images).constrained["depth"]).backward()
        stream = net.streams["depth"]
        convolution = stream.features[0].weight.grad
        gradients[given] = (
            torch.zeros_like(stream.features[0].weight) if convolution is None else convolution,
            stream.attention.encoders[0][0].weight.grad,
        )
    assert gradients[1.0][0].abs().max() > 0
    assert torch.allclose(gradients[share][0], share * gradients[1.0][0], rtol=1e-3, atol=1e-9)
    assert torch.equal(gradients[share][1], gradients[1.0][1])


def test_pass_share_changes_no_value():
    values = torch.rand(5)
    assert torch.equal(pass_share(values, 0.01), values)


def test_no_gradient_of_parts_reaches_the_attention_layers():
    net, images = tiny()
    net(images).logits.sum().backward()
    assert all(p.grad is None for p in net.streams["depth"].attention.parameters())


def test_whole_images_and_parts_have_statistics_of_their_own():
    norm = ScaleNorm(1)
    whole, part = torch.randn(64, 1, 8, 8), torch.randn(64, 1, 8, 8) * 3 + 5
    for _ in range(100):
        norm.of_parts = False
        norm(whole)
        norm.of_parts = True
        norm(part)
    norm.eval()
    for of_parts, images in ((False, whole), (True, part)):
        norm.of_parts = of_parts
        normalised = norm(images)
        assert abs(normalised.mean().item()) < 0.05
        assert normalised.std().item() == pytest.approx(1, abs=0.05)


def test_a_network_that_was_told_of_parts_is_told_of_whole_images_again():
    net, images = tiny()
    net(images)
    assert not any(layer.of_parts for layer in net.modules() if isinstance(layer, ScaleNorm))


# --- first weights


@pytest.fixture
def file(tmp_path):
    """Weights of all layers as torchvision's vgg16_bn writes them, here of a narrow network."""
    torch.manual_seed(5)
    layers = vgg16(3, 1 / 32).state_dict()
    named = {f"features.{name}": values for name, values in layers.items() if "part" not in name}
    for values in named.values():
        if values.dtype.is_floating_point:
            values.normal_().abs_()
    torch.save({**named, "classifier.0.weight": torch.zeros(3, 3)}, tmp_path / "vgg.pth")
    return tmp_path / "vgg.pth"


def test_first_weights_go_to_every_stream(file):
    net, _ = tiny(channels={"texture": 3, "depth": 1})
    first_weights(file)(net)
    given = torch.load(file)
    texture, depth = (net.streams[name].features.state_dict() for name in ("texture", "depth"))
    assert torch.equal(texture["0.weight"], given["features.0.weight"])
    assert torch.allclose(depth["0.weight"], given["features.0.weight"].sum(1, keepdim=True))
    assert torch.equal(depth["40.weight"], given["features.40.weight"])
    assert torch.equal(depth["41.part_var"], given["features.41.running_var"])


def test_first_weights_from_safetensors(file, tmp_path):
    safetensors = pytest.importorskip("safetensors.torch")
    safetensors.save_file(torch.load(file), tmp_path / "vgg.safetensors")
    net, other = tiny()[0], tiny(seed=1)[0]
    first_weights(file)(net)
    first_weights(tmp_path / "vgg.safetensors")(other)
    assert torch.equal(net.streams["depth"].features[40].weight, other.streams["depth"].features[40].weight)


@pytest.mark.parametrize("content", [b"", b"no weights", b"PK\x03\x04 half a zip"])
@pytest.mark.parametrize("name", ["vgg.pth", "vgg.safetensors"])
def test_a_file_that_holds_no_weights_is_named(tmp_path, content, name):
    if name.endswith("safetensors"):
        pytest.importorskip("safetensors")
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SettingsError, match=name):
        first_weights(tmp_path / name)


def test_weights_that_would_run_code_are_refused(tmp_path):
    import pickle

    class Evil:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "ran",))

    from pathlib import Path

    (tmp_path / "evil.pth").write_bytes(pickle.dumps({"features.0.weight": Evil()}))
    with pytest.raises(SettingsError, match="evil"):
        first_weights(tmp_path / "evil.pth")
    assert not (tmp_path / "ran").exists()


def test_weights_of_another_width_are_refused(file):
    net, _ = tiny(width=1 / 16)
    with pytest.raises(SettingsError, match="does not fit the network"):
        first_weights(file)(net)


def test_saved_weights_give_the_same_network(tmp_path):
    net, images = tiny()
    save_weights(net, tmp_path / "weights.pt")
    other, _ = tiny(seed=1)
    other.load_state_dict(torch.load(tmp_path / "weights.pt", weights_only=True))
    net.eval()
    other.eval()
    assert torch.equal(net(images).logits, other(images).logits)


def test_a_stream_alone_can_be_asked_for_its_features():
    stream = Stream(1, TINY)
    assert stream.features(torch.rand(2, 1, 64, 64)).shape == (2, 16, 2, 2)
