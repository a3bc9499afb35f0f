"""Settings of a training: frozen, checked when made. Everything here changes the numbers of a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from gemax_cli.errors import SettingsError
from gemax_cli.settings import DEFAULT_TAUS

MapName = Literal["gemax", "ri", "he", "normals", "curvature", "shape-index", "gem"]
Streams = Literal["both", "texture", "depth"]
Recipe = Literal["default", "paper"]
MappingScope = Literal["scan", "dataset"]
TauSampling = Literal["each", "draw"]
Auxiliary = Literal["features", "map"]

GEM = ("ri", "normals", "curvature")  # the paper's GeM, section 4.4: "combining RI, NoM and CuM"
STREAM_NAMES = ("texture", "depth")
CELL = 32  # pixels of an image per cell of the attention maps, after five poolings
IMAGE, PART = 224, 96  # sides in pixels, section 4.2
SMALLEST, LARGEST = 64, 1024


class RecipeValues(NamedTuple):
    """What a recipe decides.

    Attributes:
        lr: first learning rate.
        batch_norm: after every convolution.
        fa_gradient: share of L_FA's gradient that passes to the convolutions.
        flip: half of the training samples, drawn in every epoch, are mirrored.
    """

    lr: float
    batch_norm: bool
    fa_gradient: float
    flip: bool


RECIPES: dict[Recipe, RecipeValues] = {
    "default": RecipeValues(1e-4, True, 0.01, True),
    "paper": RecipeValues(0.1, False, 1.0, False),
}
"""``paper`` is what section 4.2 prints: VGG-16 without batch norm, from scratch, Adam from 0.1. Its loss is expected to
stay at the logarithm of the number of classes; ``default`` is our reading that learns.

A hundredth of L_FA's gradient passes, by a small network (width 1/8, 96 pixels) on 16 simulated subjects: with 0.001
and 0.01 the two maps of every face peak in different cells and 90 % of unseen subjects' faces are right, as many as
without L_FA; with 0.1 and 1 a third to a half are. With 0, or without L_FA, most faces' maps of the depth peak in
one cell. The parts differ, but they are not features of a face: some lie on the background."""


@dataclass(frozen=True)
class TrainSettings:
    """How the network is trained and tested.

    Attributes:
        map: the depth stream's image; ``gem`` stacks range image, normals and curvature, the paper's -GeM variant.
        taus: of the training maps, levels, a GEMax map each. Other maps have no tau.
        test_tau: of the test maps, levels.
        streams: texture and depth map, or one of them.
        parts: N_M, facial parts per stream; 0 leaves Facial Attention out.
        whole: the whole image goes to the fused classifier; without it the parts alone (Table 6, "facial part").
        depth_mm: of the block; None where the folder has one.
        mapping: ``scan`` gives every scan cuts of its own, as in the paper; ``dataset`` gives all of them the cuts of
            the pooled histogram of the fold's training scans.
        tau_sampling: ``each`` makes a sample of every scan and tau, its texture repeated: five tau are an augmentation
            (Table 6 against Table 5 of the paper). ``draw`` draws one tau per scan and epoch.
        epochs: passes over the training samples; the last one's network is tested. The learning rate is divided by ten
            after each third of them: every 10 of 30 epochs, as in the paper.
        batch_size: samples per step.
        recipe: values of what the paper leaves open or prints, see ``RECIPES``.
        lr: first learning rate; None takes the recipe's.
        width: multiplies the channels of all layers.
        size: side of the network's images, pixels; maps are resized, depth codes never.
        fa_gradient: share of L_FA's gradient that passes to the convolutions: 1 is the paper to the letter, 0 freezes
            them as MA-CNN does; None takes the recipe's.
        fa_weight: lambda_LA, the weight of L_FA; 0 trains without it.
        auxiliary: auxiliary classifiers see the features under the map, or the map alone, the paper to the letter.
        share_parts: texture and depth take their parts at the same places.
        val_subjects: training subjects held out; their accuracy after each epoch is recorded, nothing is chosen by it.
        seed: same seed, device and number of threads: same numbers.
    """

    map: MapName = "gemax"
    taus: tuple[int, ...] = DEFAULT_TAUS
    test_tau: int = 20
    streams: Streams = "both"
    parts: int = 2
    whole: bool = True
    depth_mm: float | None = None
    mapping: MappingScope = "scan"
    tau_sampling: TauSampling = "each"
    epochs: int = 30
    batch_size: int = 32
    recipe: Recipe = "default"
    lr: float | None = None
    width: float = 1.0
    size: int = IMAGE
    fa_gradient: float | None = None
    fa_weight: float = 1.0
    auxiliary: Auxiliary = "features"
    share_parts: bool = False
    val_subjects: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "taus", tuple(sorted(set(self.taus))))
        for wrong, message in self._rules():
            if wrong:
                raise SettingsError(message)

    def _rules(self) -> tuple[tuple[bool, str], ...]:
        """Conditions that must not hold, each with what to say."""
        lr, share = self.learning_rate, self.attention_gradient
        size_fits = SMALLEST <= self.size <= LARGEST and self.size % CELL == 0
        return (
            (not self.taus, "no tau is given: give at least one."),
            (self.parts < 0 or self.parts == 1, f"parts is {self.parts}: give 0, or 2 or more: L_FA compares maps."),
            (not self.whole and not self.parts, "neither the whole image nor parts are given: the network sees none."),
            (self.share_parts and self.streams != "both", "shared parts take both streams: give streams both."),
            (self.mapping != "scan" and self.map != "gemax", f"{self.map} has no mapping to fit: give map gemax."),
            (self.epochs < 1, f"epochs is {self.epochs}: give 1 or more."),
            (self.batch_size < 2, f"batch-size is {self.batch_size}: give 2 or more, batch norm needs them."),
            (not 0 < lr < 10, f"lr is {lr}: give more than 0."),
            (not 0.01 <= self.width <= 4, f"width is {self.width}: give 0.01 to 4."),
            (not size_fits, f"size is {self.size}: give a multiple of {CELL} from {SMALLEST} to {LARGEST} pixels."),
            (not 0 <= share <= 1, f"fa-gradient is {share}: give 0 to 1."),
            (not 0 <= self.fa_weight < 1e6, f"fa-weight is {self.fa_weight}: give 0 or more."),
            (self.val_subjects < 0, f"val-subjects is {self.val_subjects}: give 0 or more."),
            (not 0 <= self.seed < 1 << 63, f"seed is {self.seed}: give 0 or more."),
        )

    @property
    def learning_rate(self) -> float:
        """The first learning rate."""
        return RECIPES[self.recipe].lr if self.lr is None else self.lr

    @property
    def attention_gradient(self) -> float:
        """Share of L_FA's gradient that passes to the convolutions."""
        return RECIPES[self.recipe].fa_gradient if self.fa_gradient is None else self.fa_gradient

    @property
    def batch_norm(self) -> bool:
        """Whether batch norm follows every convolution."""
        return RECIPES[self.recipe].batch_norm

    @property
    def flip(self) -> bool:
        """Whether half of the training samples, drawn in every epoch, are mirrored."""
        return RECIPES[self.recipe].flip

    @property
    def stream_names(self) -> tuple[str, ...]:
        """The streams of the network, texture first."""
        return STREAM_NAMES if self.streams == "both" else (self.streams,)

    @property
    def map_names(self) -> tuple[str, ...]:
        """Names of the maps that are stacked for the depth stream."""
        return GEM if self.map == "gem" else (self.map,)


def part_side(size: int) -> int:
    """Side of a part of an image of ``size`` pixels: 96 of 224."""
    return round(PART * size / IMAGE)
