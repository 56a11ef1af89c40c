import pytest

from qtlrun.error import BadValue
from qtlrun.statistic import Margin


def test_a_number_is_nats_beside_every_reference():
    margin = Margin.of(0.05)
    assert margin.beside(0.2) == margin.beside(2.3) == 0.05 and margin.words() == "0.05 nats"
    assert Margin.of("0.05") == margin  # in quotes on the command line


@pytest.mark.parametrize(
    ("value", "share"), [("5%", 0.05), ("0.5%", 0.005), (".5%", 0.005), ("50%", 0.5)]
)
def test_a_percentage_is_a_share_of_the_nll_of_the_reference(value, share):
    margin = Margin.of(value)
    # one rounding of the division by 100, one of the product
    assert margin.beside(0.4) == pytest.approx(share * 0.4, rel=1e-15)
    assert margin.words("C") == f"{100 * share:g} % of C's NLL"


def test_a_margin_is_above_zero_beside_a_reference_without_a_loss():
    assert 0 < Margin.of("5%").beside(0.0) < 1e-300


def test_a_parsed_margin_stays_as_it_is():
    margin = Margin.of("5%")
    assert Margin.of(margin) is margin


@pytest.mark.parametrize(
    "value",
    [
        "0%", "-1%", "200%", "50.1%", "abc", "", "%", "5", "5%%", "+5%", "1e-2%", "nan%", "inf%",
        "5,5%", "\u0665%", "5 percent", 0, -0.05, 0.6, float("nan"), float("inf"),
    ],
)  # fmt: skip
def test_what_is_no_margin_is_refused_by_name_value_reason_and_fix(value):
    with pytest.raises(BadValue) as error:
        Margin.of(value)
    refusal = error.value
    assert (refusal.key, refusal.value) == ("margin", value)
    assert "above 0 and at most 0.5" in refusal.reason
    assert refusal.fix.endswith("above 0% and at most 50%, as 5%")


@pytest.mark.parametrize("value", ["5 %", " 5%", "5% "])
def test_a_space_in_a_percentage_is_named(value):
    with pytest.raises(BadValue) as error:
        Margin.of(value)
    assert error.value.fix.endswith("as 5% without a space")
