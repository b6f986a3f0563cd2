"""A small experiment for the tests of the batch layer: AR(1) chains x' = rho x + noise, one point per rho.

Its spec can ask for trouble: a pause per chunk, a point that raises, a process that kills itself.
"""

import os
import signal
import time
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
from pydantic import Field

from mcmc.random import Stream, normals
from mcmc.store.checkpoint import load_checkpoint, save_checkpoint
from mcmc.store.provenance import Provenance
from mcmc.store.reader import open_run_file
from mcmc.store.writer import SeriesWriter
from runs.experiments import Experiment
from runs.grid import point_seed, points
from runs.spec import RunSpec, Section

Rho = Annotated[float, Field(ge=0, lt=1)]


class Chain(Section):
    draws: int = Field(ge=1, description="draws of each chain, a total")
    chains: int = Field(4, ge=1)
    chunk: int = Field(50, ge=1)


class Grid(Section):
    rho: list[Rho] = Field(min_length=1, description="autocorrelation of neighbouring draws")


class Trouble(Section):
    pause: float = 0.0
    raises: list[float] = Field(default_factory=list)
    deaths: dict[str, int] = Field(default_factory=dict)
    figures: bool = True


class Spec(RunSpec):
    chain: Chain
    grid: Grid
    trouble: Trouble = Trouble()


class State(NamedTuple):
    x: np.ndarray


class AR1(Experiment):
    """Autoregressive chains of order one."""

    Spec = Spec
    extendable = ("chain.draws", "grid.rho")

    def points(self, spec):
        return points({"rho": spec.grid.rho})

    def draws(self, spec, point):
        return spec.chain.draws

    def memory(self, spec, point):
        return 64 * spec.chain.chains * spec.chain.chunk

    def run_point(self, spec, point, path, control):
        rho, total = point.parameters["rho"], spec.chain.draws
        if rho in spec.trouble.raises:
            raise ValueError(f"rho {rho} was told to fail")
        seed, checkpoint = point_seed(spec.seed, point.name), path.with_suffix(".checkpoint")
        template = State(np.zeros(spec.chain.chains))
        if path.exists():
            writer = SeriesWriter.open(path, Provenance.collect(control.spec_text, spec.seed, control.device))
            state, meta = load_checkpoint(checkpoint, template)
            writer.rewind(meta["draws"])
            draw = meta["draws"]
        else:
            writer = self._create(spec, path, control)
            state, draw = template, 0
            save_checkpoint(checkpoint, state, {"draws": 0})
        with writer:
            while draw < total:
                if control.stop():
                    writer.finish("stopped", {})
                    return False
                count = min(spec.chain.chunk, total - draw)
                series = advance(state.x, rho, seed, draw, count)
                state, draw = State(series[:, -1].copy()), draw + count
                writer.append({"x": series.T})
                writer.commit()
                save_checkpoint(checkpoint, state, {"draws": draw})
                control.progress(draw, total)
                time.sleep(spec.trouble.pause)
                kill_yourself(spec.trouble.deaths.get(point.name, 0), path)
            writer.finish("done", {"sampling": 0.1})
        return True

    def _create(self, spec, path, control):
        return SeriesWriter.create(
            path,
            dims={"chain": spec.chain.chains, "draw": None},
            coords={"chain": np.arange(spec.chain.chains)},
            variables={"x": (("chain", "draw"), np.float64, {"long_name": "position", "units": "1"})},
            provenance=Provenance.collect(control.spec_text, spec.seed, control.device),
            chunk_draws=spec.chain.chunk,
        )

    def assemble(self, spec, files, bins=None):
        import xarray as xr

        from mcmc.statistics.jackknife import jackknife

        rho = np.array(spec.grid.rho)
        values = np.full((2, rho.size), np.nan)
        for i, point in enumerate(self.points(spec)):
            if point.name in files:
                x = open_run_file(files[point.name])["x"].values
                values[:, i] = jackknife(lambda v: v, x**2, bins=bins or 20)
        results = xr.Dataset(
            {
                "variance": ("rho", values[0], {"long_name": "variance", "units": "1"}),
                "variance_error": ("rho", values[1]),
                "mean_variance": ((), np.nanmean(values[0]), {"long_name": "variance over all points"}),
                "mean_variance_error": ((), float(np.sqrt(np.nansum(values[1] ** 2)) / rho.size)),
            },
            coords={"rho": rho},
        )
        return results

    def figures(self, results, out):
        if "figures = false" in results.attrs["spec"]:
            return []
        from runs import figures

        figure, axes = figures.new_figure()
        axes.errorbar(results["rho"], results["variance"], results["variance_error"], fmt="o")
        axes.set_xlabel("rho")
        axes.set_ylabel("variance")
        return [figures.save(figure, out, "variance", "Variance of the chains & theory <1/(1 - rho^2)>.")]

    def summary(self, results):
        return [f"variance over all points: {float(results['mean_variance']):.3f}"]


def advance(x, rho, seed, first, count):
    """The next `count` draws, shape (chains, count)."""
    series = np.empty((x.size, count))
    noise = normals(
        seed, Stream.CUSTOM_PROPOSAL, 0, np.arange(first, first + count)[None, :], np.arange(x.size)[:, None]
    )
    for k in range(count):
        x = rho * x + noise[:, k, 0]
        series[:, k] = x
    return series


def kill_yourself(times: int, path: Path) -> None:
    """As the kernel's out-of-memory killer would, once a chunk, `times` times over the run."""
    deaths = path.with_suffix(".deaths")
    count = len(deaths.read_text()) if deaths.exists() else 0
    if count < times:
        deaths.write_text("x" * (count + 1))
        os.kill(os.getpid(), signal.SIGKILL)


def expected(rho, draws=400, chains=4, seed=3):
    """The samples of a point, without any of the machinery."""
    return advance(np.zeros(chains), rho, point_seed(seed, f"rho-{rho:g}"), 0, draws)
