import pytest

from gemax_cli.errors import SettingsError
from gemax_cli.images.settings import ImageSettings, Tau, ValueRange


@pytest.mark.parametrize(
    ("text", "levels", "label"),
    [("1.25x", 20, "tau1.25x"), ("20", 20, "tau020"), ("0.5%", 20, "tau0.5pc"), ("1x", 16, "tau1x"),
     ("3.75x", 60, "tau3.75x"), ("100%", 4096, "tau100pc"), ("5000", 4096, "tau5000")],
)  # fmt: skip
def test_three_notations_of_tau(text, levels, label):
    tau = Tau.parse(text)
    assert tau.in_levels(4096, 256) == levels
    assert tau.label == label
    assert Tau.parse(tau.text) == tau


def test_a_multiple_is_rounded_up_so_that_it_is_feasible_and_a_share_down_so_that_it_holds():
    for levels in range(256, 2000, 7):
        assert Tau.parse("1x").in_levels(levels, 255) * 255 >= levels
        assert Tau.parse("3.3%").in_levels(levels, 255) <= 0.033 * levels


@pytest.mark.parametrize("text", ["", "x", "0.9x", "-3", "2.5", "0", "0%", "101%", "20 30", "1.2.3x", "nan", "1e3"])
def test_no_tau(text):
    with pytest.raises(SettingsError, match="give"):
        Tau.parse(text)


@pytest.mark.parametrize("text", ["auto", "p0.1:p99.9", "-25:5", "0:16383", "-1e-3:2.5"])
def test_ranges(text):
    assert ValueRange.parse(ValueRange.parse(text).text) == ValueRange.parse(text)


@pytest.mark.parametrize(
    "text", ["", "5", "5:5", "7:3", "p5:9", "p-1:p50", "p0:p101", "a:b", "nan:1", "1:inf", "1e999:2"]
)
def test_no_range(text):
    with pytest.raises(SettingsError, match="range"):
        ValueRange.parse(text)


@pytest.mark.parametrize(
    "wrong",
    [{"taus": ()}, {"bins": 1}, {"bins": 257}, {"levels": 0}, {"levels": 70000}, {"nodata": "often"}, {"band": 0}],
)
def test_settings_check_themselves(wrong):
    with pytest.raises(SettingsError):
        ImageSettings(**wrong)


def test_settings_come_back_from_json_and_only_tau_may_join():
    settings = ImageSettings(taus=("20", "1.5x", "0.5%"), scale="db", range="-25:5", levels=1000, band=2)
    assert ImageSettings.from_dict(settings.as_dict()) == settings
    assert settings.digest == ImageSettings(taus=("30",), scale="db", range="-25:5", levels=1000, band=2).digest
    assert settings.digest != ImageSettings(scale="db", range="-25:5", levels=1000).digest
    with pytest.raises(SettingsError):
        ImageSettings.from_dict({**settings.as_dict(), "scale": "cubic"})
