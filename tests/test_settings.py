import pickle

import pytest

from gemax_cli.errors import InfeasibleTau, SettingsError
from gemax_cli.settings import BlockSettings, NoseSettings, QuantisationSettings, Settings


def test_defaults_are_the_papers():
    settings = Settings()
    assert settings.taus == (20, 30, 40, 50, 60)
    assert settings.depths == (60.0,)
    assert (settings.quantisation.levels, settings.quantisation.bins, settings.block.size) == (4096, 256, 224)


def test_order_and_repeats_do_not_matter():
    assert Settings(taus=(30, 20, 30), depths=(60, 50)) == Settings(taus=(20, 30), depths=(50.0, 60.0))


def test_settings_are_frozen_and_hashable():
    with pytest.raises(AttributeError):
        Settings().taus = (20,)
    assert hash(Settings()) == hash(Settings())


def test_digest_leaves_out_tau_alone():
    assert Settings(taus=(20,)).digest == Settings(taus=(30, 40)).digest
    others = [
        Settings(depths=(70,)),
        Settings(stack="rgb"),
        Settings(block=BlockSettings(size=112)),
        Settings(quantisation=QuantisationSettings(bins=250)),
        Settings(nose=NoseSettings(mode="detect")),
    ]
    assert len({s.digest for s in [Settings(), *others]}) == 6


def test_survives_a_trip_to_a_worker():
    assert pickle.loads(pickle.dumps(Settings())) == Settings()


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: Settings(taus=()), "no tau"),
        (lambda: Settings(depths=()), "no depth"),
        (lambda: Settings(depths=(0.5,)), "depth is 0.5"),
        (lambda: Settings(depths=(float("nan"),)), "depth is nan"),
        (lambda: Settings(taus=(70000,)), "tau is 70000"),
        (lambda: BlockSettings(size=4), "size is 4"),
        (lambda: BlockSettings(mm_per_pixel=0), "mm-per-pixel is 0"),
        (lambda: BlockSettings(mm_per_pixel=float("nan")), "mm-per-pixel is nan"),
        (lambda: BlockSettings(front_mm=-1), "front is -1"),
        (lambda: BlockSettings(max_edge_mm=0), "max-edge is 0"),
        (lambda: BlockSettings(max_hole_mm2=-1), "max-hole is -1"),
        (lambda: QuantisationSettings(bins=257), "bins is 257"),
        (lambda: QuantisationSettings(bins=1), "bins is 1"),
        (lambda: QuantisationSettings(levels=65536), "levels is 65536"),
        (lambda: NoseSettings(min_confidence=2), "min-confidence is 2"),
        (lambda: NoseSettings(up="+y", forward="-y"), "same axis"),
    ],
)
def test_impossible_settings_are_told(make, told):
    with pytest.raises(SettingsError, match=told):
        make()


def test_infeasible_tau_says_which_one_works():
    with pytest.raises(InfeasibleTau, match="use tau = 16 or more") as caught:
        Settings(taus=(15,))
    assert caught.value.smallest_tau == 16
    Settings(taus=(16,))


def test_a_reserved_zero_takes_one_bin():
    reserved = QuantisationSettings(reserve_zero=True)
    assert (reserved.face_bins, reserved.first_code) == (255, 1)
    with pytest.raises(InfeasibleTau, match="use tau = 17 or more"):
        Settings(taus=(16,), quantisation=reserved)


def test_more_bins_than_levels_is_told():
    with pytest.raises(InfeasibleTau, match="at least 256 levels or fewer bins"):
        Settings(quantisation=QuantisationSettings(levels=100))


def test_settings_come_back_from_their_dictionary():
    settings = Settings(taus=(20, 40), depths=(50, 62.5), stack="rgb", maps=("ri",), nose=NoseSettings(align="auto"))
    assert Settings.from_dict(settings.as_dict()) == settings
    assert Settings.from_dict({"taus": [20]}) == Settings(taus=(20,))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"taus": 20}, "taus: '20' is no list"),
        ({"taus": ["20"]}, "taus: '20' is no whole number"),
        ({"depths": [0]}, "depth is 0 mm"),
        ({"tau": [20]}, "unknown: tau"),
        ({"stack": "heap"}, "stack: 'heap' is none of files, rgb"),
        ({"block": {"size": 7}}, "block: size is 7"),
        ({"maps": ["painting"]}, "'painting' is no comparison map"),
    ],
)
def test_damaged_settings_are_a_sentence(values, message):
    with pytest.raises(SettingsError, match=f"the settings are damaged .*{message}"):
        Settings.from_dict(values)


def test_texture_and_mask_may_be_named_among_the_maps():
    for made in (Settings(maps=("texture", "ri", "mask")), Settings.from_dict({"maps": ["texture", "ri", "mask"]})):
        assert made == Settings(maps=("ri",), texture=True, mask=True)
        assert made.digest == Settings().digest
