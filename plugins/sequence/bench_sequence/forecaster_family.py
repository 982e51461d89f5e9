"""The family of forecasters: whole models of the future of series, where a sequence mixer is a layer in one.

A network that is trained by a loss of its own, or feeds its forecasts back, is no mixer in a backbone that is alike for
all; so SpaceTime and TimesNet are here as their papers have them.
"""

from types import MappingProxyType

from harness import Family

FORECASTER = Family(
    name="forecaster",
    contract=(
        "(*, lookback: int, horizon: int, series: int, calendar: int, **params) -> nn.Module from windows (batch, "
        "lookback, series) and their calendar (batch, lookback, calendar), numbers in [-0.5, 0.5], to forecasts "
        "(batch, horizon, series). In training mode it may return anything that its loss(output, target) takes; "
        "without such a method the loss is the mean squared error"
    ),
    given=frozenset({"lookback", "horizon", "series", "calendar"}),
    traits=MappingProxyType(
        {
            "shift": "what is added to a series of a window is added to its forecast",
            "separate": "each series is forecast from itself alone, all of them alike",
        }
    ),
    checks="bench_sequence.forecaster_checks",
    exercise="bench_sequence.exercise:forecaster",
)
