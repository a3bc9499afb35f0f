import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemax_cli.cli.argv import spread
from gemax_cli.cli.options import integers, lengths, shard

WORDS = st.sampled_from(
    ["convert", "raw", "out", "--tau", "--depth", "20", "30,40", "20:60:10", "-q", "--", "--tau=20"]
)


@pytest.mark.parametrize(
    ("line", "spelled"),
    [
        ("convert raw out --tau 20 30 40", "convert raw out --tau 20 --tau 30 --tau 40"),
        ("convert --tau 20 30 40 raw out", "convert --tau 20 --tau 30 --tau 40 raw out"),
        ("convert raw --tau 20 30 out", "convert raw --tau 20 --tau 30 out"),
        ("convert raw out --tau 20,30,40", "convert raw out --tau 20,30,40"),
        ("convert raw out --tau 20:60:10 70", "convert raw out --tau 20:60:10 --tau 70"),
        ("convert raw out --tau 20 --tau 30 40", "convert raw out --tau 20 --tau 30 --tau 40"),
        ("convert raw out --tau=20 30", "convert raw out --tau=20 --tau 30"),
        ("convert raw out --depth 50 60.5 --tau 20", "convert raw out --depth 50 --depth 60.5 --tau 20"),
        ("convert raw out --size 112 20", "convert raw out --size 112 20"),
        ("convert --tau 20 ./30 out", "convert --tau 20 ./30 out"),
        ("convert --tau 20 -- 30 out", "convert --tau 20 -- 30 out"),
        ("convert raw out --tau", "convert raw out --tau"),
        ("convert raw out --tau x 20", "convert raw out --tau x 20"),
        ("convert raw out --subject F0001 bs001", "convert raw out --subject F0001 --subject bs001"),
        (
            "convert --subject F0001 m0002 02463 raw out",
            "convert --subject F0001 --subject m0002 --subject 02463 raw out",
        ),
        ("convert raw --subject F0001,bs001 F00* out1", "convert raw --subject F0001,bs001 --subject F00* out1"),
        ("convert --subject F0001 raw/F00* out", "convert --subject F0001 raw/F00* out"),
        ("convert --subject F0001 ./F0002 out20", "convert --subject F0001 ./F0002 out20"),
        ("convert raw out --expression HA,SA happy", "convert raw out --expression HA,SA --expression happy"),
        ("convert --expression HA sa raw out", "convert --expression HA --expression sa raw out"),
        ("convert --dataset bu3dfe frgc raw out", "convert --dataset bu3dfe --dataset frgc raw out"),
        ("convert raw out --level 3 4 --select paper", "convert raw out --level 3 --level 4 --select paper"),
        ("convert --level 3, raw out", "convert --level 3, raw out"),
        ("", ""),
    ],
)
def test_spread(line, spelled):
    assert spread(line.split()) == spelled.split()


@given(arguments=st.lists(WORDS, max_size=12))
def test_nothing_is_lost_and_twice_is_once(arguments):
    done = spread(arguments)
    assert spread(done) == done
    assert [a for a in done if a not in ("--tau", "--depth")] == [a for a in arguments if a not in ("--tau", "--depth")]


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("20", (20,)),
        ("20,30", (20, 30)),
        ("20:60:10", (20, 30, 40, 50, 60)),
        ("3:5", (3, 4, 5)),
        ("20,40:50:10", (20, 40, 50)),
    ],
)
def test_integers(text, numbers):
    assert integers(text) == numbers
    assert all(isinstance(number, int) for number in integers(text))


def test_lengths_reach_the_end_of_a_range():
    assert lengths("50:140:10") == tuple(range(50, 150, 10))
    assert lengths("0:1:0.1")[-1] == pytest.approx(1.0)


@pytest.mark.parametrize("text", ["x", "20:10:5", "1:2:0", "1:2:3:4", "1:99999999:1", "1.5", "20;30"])
def test_no_number_is_a_usage_error(text):
    with pytest.raises(click.BadParameter, match="is no number"):
        integers(text)


def test_shard():
    assert shard("2/8") == (2, 8)


@pytest.mark.parametrize("text", ["", "1", "0/3", "4/3", "a/b", "1/0", "-1/3", "1/3/5"])
def test_no_shard_is_a_usage_error(text):
    with pytest.raises(click.BadParameter, match="is no part"):
        shard(text)
