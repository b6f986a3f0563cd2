"""What the picture of local entropies shows, read back from its axes."""

import math

import numpy as np
import pytest

from mcmc.errors import ArgumentError
from mcmc.local_entropy import LocalEntropy, plot
from mcmc.local_entropy.figure import binary_entropy


@pytest.fixture
def axes():
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure()
    FigureCanvasAgg(figure)
    return figure.add_subplot()


def a_curve(kind="distance", scale=(0.3, 0.1, 0.2), value=(0.4, 0.2, math.nan), **more):
    return LocalEntropy(
        kind, np.array(scale), np.array(value), np.full(len(scale), 0.01), more.pop("method", "integration"),
        np.ones(11, np.int8), 1.0, **more,
    )  # fmt: skip


def labels(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_points_come_in_order_and_nan_is_left_out(axes):
    ax = plot(a_curve(), ax=axes)
    points = ax.containers[0].lines[0]
    np.testing.assert_array_equal(points.get_xdata(), [0.1, 0.3])
    np.testing.assert_array_equal(points.get_ydata(), [0.2, 0.4])
    assert ax is axes
    assert "integration" in labels(ax)
    assert "nats per weight" in ax.get_ylabel()


def test_the_bound_is_above_every_count(axes):
    ax = plot(a_curve(), ax=axes)
    x, y = ax.lines[0].get_data()
    np.testing.assert_allclose(y[1:], [-d * math.log(d) - (1 - d) * math.log(1 - d) for d in x[1:]], rtol=1e-12)
    np.testing.assert_allclose(binary_entropy([0.0, 0.5, 1.0]), [0.0, math.log(2), 0.0], atol=1e-15)
    axes.clear()
    assert "all configurations" not in labels(plot(a_curve(), bounds=False, ax=axes))


def test_theory_and_several_curves_are_named(axes):
    curves = {"a": a_curve(), "b": a_curve(warnings=("distance 0.1: not converged",))}
    ax = plot(curves, theory={"large deviations": ([0.1, 0.2], [0.3, 0.4])}, ax=axes)
    assert set(labels(ax)) == {"all configurations", "large deviations", "a", "b, with warnings"}
    assert ax.containers[1].lines[0].get_markerfacecolor() == "none"
    assert ax.containers[0].lines[0].get_markerfacecolor() != "none"


def test_companions_are_drawn_when_asked_for(axes):
    curve = a_curve(companions={"mbar": a_curve(method="mbar")})
    assert "integration, mbar" in labels(plot([curve], companions=True, ax=axes))


def test_scales_are_logarithmic_and_have_no_bound(axes):
    ax = plot(a_curve("scale", (0.1, 1.0, 10.0), (1.0, 2.0, 3.0)), ax=axes)
    assert ax.get_xscale() == "log"
    assert labels(ax) == ["integration"]
    assert "u(x, t)" in ax.get_ylabel()


def test_a_figure_is_made_when_none_is_given():
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    ax = plot(a_curve())
    assert ax.figure.axes == [ax]
    plt.close(ax.figure)


@pytest.mark.parametrize(
    ("curves", "theory", "said"),
    [
        (3, None, "curves: got int"),
        ([], None, "curves: got none"),
        (["text"], None, "curves: got str"),
        ([a_curve(), a_curve("scale")], None, "distances and some over scales"),
        (a_curve(), {"line": 3}, "theory: 'line'"),
        (a_curve(), {"line": ([1, 2], [1])}, "theory: 'line'"),
    ],
)
def test_bad_arguments_are_named(curves, theory, said, axes):
    with pytest.raises(ArgumentError, match=said):
        plot(curves, theory=theory, ax=axes)
