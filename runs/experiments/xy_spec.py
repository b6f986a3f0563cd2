"""The run file of the experiments on the XY model, and the model and sampler it describes."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, ValidationInfo, field_validator

from runs.grid import Point, Sizes, Temperatures, point_seed
from runs.spec import RunSpec, Says, Section

if TYPE_CHECKING:
    from mcmc.landscapes.graphs import Graph
    from mcmc.landscapes.xy.model import XYModel

Lattice = Literal["chain", "ring", "square", "triangular", "cubic", "random_regular", "complete"]
Update = Literal["metropolis", "heat_bath", "wolff", "langevin", "mala"]
RANDOM_COUPLINGS = ("plus-minus", "gaussian")
ON_SPINS = ("metropolis", "heat_bath", "wolff")
SMALLEST_SCALE, LARGEST_SCALE = 1e-12, 1e6
"""Moduli of couplings and fields that `mcmc.landscapes.xy.XYModel` takes; importing it would slow every command."""
FARTHEST_DRAW = 10.0
"""Deviations within which every normal coupling lies."""
UNSTABLE = 2.0
"""Langevin steps times curvature from which they diverge."""
FEWEST_DRAWS = 8
"""Split R-hat is defined from here on."""


class RandomCoupling(Section):
    """J = mean +- scale with equal probability, or normal with that mean and deviation."""

    kind: Literal["plus-minus", "gaussian"]
    mean: float = 0.0
    scale: float = 1.0


def _written_as(value: Any) -> str:
    if isinstance(value, str):
        return "name"
    return "table" if isinstance(value, (Mapping, RandomCoupling)) else "number"


if TYPE_CHECKING:
    Coupling = float | str | RandomCoupling
    Phase = float | str
else:
    Coupling = Annotated[
        Annotated[float, Tag("number")]
        | Annotated[Literal["plus-minus", "gaussian"], Tag("name")]
        | Annotated[RandomCoupling, Tag("table")],
        Discriminator(_written_as),
        Says("number, plus-minus, gaussian, or {kind, mean, scale}"),
    ]
    Phase = Annotated[
        Annotated[float, Tag("number")] | Annotated[Literal["uniform"], Tag("name")],
        Discriminator(_written_as),
        Says("number in radians, or uniform"),
    ]


class Landscape(Section):
    """H = -sum J_ij cos(theta_i - theta_j - A_ij) - h sum cos theta_i."""

    lattice: Lattice = Field("square", description="graph of the spins; lattices are periodic, the chain is open")
    coupling: Coupling = Field(1.0, description="J of a bond (J/N on the complete graph)")
    field: float = Field(0.0, validate_default=True, description="h")
    phase: Phase | None = Field(None, description="A of a bond; uniform in (-pi, pi) is the gauge glass")
    degree: int | None = Field(
        None, ge=1, validate_default=True, description="bonds of each site, for random_regular alone"
    )

    @field_validator("coupling", "phase")
    @classmethod
    def _mean_field_is_uniform(cls, value: Any, info: ValidationInfo) -> Any:
        given = value is not None if info.field_name == "phase" else not isinstance(value, (int, float))
        if given and info.data.get("lattice") == "complete":
            raise ValueError("the complete graph takes one number as coupling, and no phase")
        return value

    @field_validator("coupling")
    @classmethod
    def _coupling_not_too_large(cls, value: Any) -> Any:
        if _modulus(value) > LARGEST_SCALE:
            raise ValueError(f"|J| must not exceed {LARGEST_SCALE:g}; choose the unit of energy closer to J")
        return value

    @field_validator("field")
    @classmethod
    def _scale_within_range(cls, value: float, info: ValidationInfo) -> float:
        if abs(value) > LARGEST_SCALE:
            raise ValueError(f"|h| must not exceed {LARGEST_SCALE:g}; choose the unit of energy closer to it")
        largest = max(abs(value), _modulus(info.data.get("coupling", 1.0)))
        if 0.0 < largest < SMALLEST_SCALE:
            raise ValueError(
                f"the larger of |J| and |h| is {largest:g}, below {SMALLEST_SCALE:g}; choose the unit of energy closer "
                "to it"
            )
        return value

    @field_validator("degree")
    @classmethod
    def _degree_where_it_belongs(cls, value: int | None, info: ValidationInfo) -> int | None:
        lattice = info.data.get("lattice")
        if lattice == "random_regular" and value is None:
            raise ValueError("missing; lattice = random_regular needs the bonds of each site, an integer >= 1")
        if lattice is not None and lattice != "random_regular" and value is not None:
            raise ValueError(f"belongs to lattice = random_regular; a {lattice} lattice takes none")
        return value

    @property
    def disordered(self) -> bool:
        """Whether instances differ: random couplings, phases or bonds."""
        return (
            not isinstance(self.coupling, (int, float)) or self.phase == "uniform" or self.lattice == "random_regular"
        )

    @property
    def positive(self) -> bool:
        """Every J > 0 whatever is drawn, and no phase: spins that bonds pull together are parallel."""
        if self.phase is not None:
            return False
        if isinstance(self.coupling, (int, float)):
            return self.coupling > 0
        # Names stand for a mean of zero, and a normal J has no bound.
        if not isinstance(self.coupling, RandomCoupling) or self.coupling.kind == "gaussian":
            return False
        return self.coupling.mean > abs(self.coupling.scale)

    @property
    def largest_coupling(self) -> float | None:
        """The largest |J| of any bond; None where it is not known before bonds are drawn."""
        gaussian = "gaussian" in (self.coupling, getattr(self.coupling, "kind", None))
        return None if gaussian else _modulus(self.coupling)

    @property
    def steepest(self) -> float | None:
        """A bound on the eigenvalues of the Hessian of H: twice the sum of |J| at a site, and |h|; None as above."""
        largest = self.largest_coupling
        if largest is None:
            return None
        # On the complete graph each of N - 1 bonds has J/N.
        bonds = {"chain": 2, "ring": 2, "square": 4, "triangular": 6, "cubic": 6, "complete": 1}
        return 2.0 * bonds.get(self.lattice, self.degree or 1) * largest + abs(self.field)

    @property
    def ferromagnetic(self) -> bool:
        """One coupling J > 0, no phase, no field: the pure model whose transitions are known."""
        number = isinstance(self.coupling, (int, float)) and self.coupling > 0
        return number and self.phase is None and self.field == 0.0

    def graph(self, size: int, seed: int) -> "Graph":
        """The graph of one size; `seed` of its random bonds."""
        from mcmc.landscapes.graphs import lattice

        if self.lattice == "random_regular":
            return lattice(self.lattice, size, degree=self.degree, seed=seed)
        return lattice(self.lattice, size)

    def model(self, size: int, seed: int, device: str = "cpu") -> "XYModel":
        """The XY model of one size; `seed` of whatever is random in it."""
        from mcmc.landscapes.xy import xy_model

        coupling = self.coupling.model_dump() if isinstance(self.coupling, RandomCoupling) else self.coupling
        return xy_model(self.graph(size, seed), coupling, self.field, self.phase, seed, device=device)


class Sampler(Section):
    """How configurations are drawn."""

    kind: Literal["tempering", "metropolis", "heat_bath", "wolff", "langevin", "mala"] = Field(
        "tempering", description="tempering runs all temperatures of a size together, the others each by itself"
    )
    update: Update | None = Field(
        None, validate_default=True, description="what tempering exchanges; by default metropolis"
    )
    over_relaxation: Annotated[int, Field(ge=0)] = Field(
        0, description="energy-preserving sweeps after each metropolis or heat_bath sweep"
    )
    thermalization: Annotated[int, Field(ge=0)] = Field(
        1000, description="sweeps before measuring, in which proposals are tuned"
    )
    chains: Annotated[int, Field(ge=1)] = Field(4, description="independent chains at each temperature")
    thin: Annotated[int, Field(ge=1)] = Field(5, description="sweeps per draw")
    sweeps: Annotated[int, Field(ge=1)] = Field(
        10000, validate_default=True, description="measured sweeps, a total: raising it later extends the run"
    )
    swap_every: int | None = Field(
        None, ge=1, validate_default=True, description="sweeps between exchanges of tempering; by default 1"
    )
    step_size: float | None = Field(
        None,
        gt=0,
        validate_default=True,
        description="langevin: eta, by default 0.01; mala: eta to start from, by default 0.1",
    )

    @field_validator("update")
    @classmethod
    def _update_of_tempering(cls, value: str | None, info: ValidationInfo) -> str | None:
        return _belonging(value, "metropolis", info.data.get("kind") == "tempering", "kind = tempering")

    @field_validator("swap_every")
    @classmethod
    def _swaps_of_tempering(cls, value: int | None, info: ValidationInfo) -> int | None:
        return _belonging(value, 1, info.data.get("kind") == "tempering", "kind = tempering")

    @field_validator("step_size")
    @classmethod
    def _step_of_langevin(cls, value: float | None, info: ValidationInfo) -> float | None:
        update = _inner(info.data)
        usual = 0.01 if update == "langevin" else 0.1
        return _belonging(value, usual, update in ("langevin", "mala"), "langevin and mala")

    @field_validator("over_relaxation")
    @classmethod
    def _over_relaxation_of_spins(cls, value: int, info: ValidationInfo) -> int:
        update = _inner(info.data)
        if value and update is not None and update not in ("metropolis", "heat_bath"):
            raise ValueError(f"{update} takes no over-relaxation; use metropolis or heat_bath, or leave it 0")
        return value

    @field_validator("sweeps")
    @classmethod
    def _enough_draws(cls, value: int, info: ValidationInfo) -> int:
        thin = info.data.get("thin", 1)
        if value // thin < FEWEST_DRAWS:
            raise ValueError(f"gives {value // thin} draws with thin = {thin}; at least {FEWEST_DRAWS * thin} sweeps")
        return value

    @property
    def moves(self) -> str:
        """The update that moves the spins, inside tempering or by itself."""
        return str(self.update if self.kind == "tempering" else self.kind)

    @property
    def draws(self) -> int:
        """Draws of each chain."""
        return self.sweeps // self.thin


class Grid(Section):
    """Where to measure."""

    size: Sizes = Field(description="sites per side; of a chain, random or complete graph the number of sites")
    temperature: Temperatures = Field(description="k_B = 1, in units of the energy")
    instances: Annotated[int, Field(ge=1)] = Field(
        1, description="realisations of random couplings, phases or bonds to average over"
    )


class OnLandscape(RunSpec):
    """What every experiment on the XY model has."""

    landscape: Landscape = Field(default_factory=lambda: Landscape.model_validate({}))

    @field_validator("landscape")
    @classmethod
    def _device_can_serve(cls, value: Landscape, info: ValidationInfo) -> Landscape:
        if info.data.get("device") == "cuda" and value.lattice == "complete":
            raise ValueError("the complete graph does not run on cuda; use device = cpu")
        return value


class XYSpec(OnLandscape):
    """An XY model over sizes and temperatures."""

    sampler: Sampler = Field(default_factory=lambda: Sampler.model_validate({}))
    grid: Grid

    @field_validator("sampler")
    @classmethod
    def _sampler_can_serve(cls, value: Sampler, info: ValidationInfo) -> Sampler:
        landscape = info.data.get("landscape")
        if info.data.get("device") == "cuda" and value.moves != "metropolis":
            raise ValueError(
                f"{value.moves} does not run on cuda; use metropolis (with over_relaxation), or device = cpu"
            )
        if value.moves == "wolff" and landscape is not None and not _ferromagnetic(landscape):
            raise ValueError(
                "wolff needs couplings J >= 0, no phase and field = 0; use metropolis or heat_bath for this landscape"
            )
        steepest = None if landscape is None else landscape.steepest
        if value.moves == "langevin" and steepest and (value.step_size or 0.0) * steepest >= UNSTABLE:
            raise ValueError(
                f"step_size = {value.step_size:g} is unstable for langevin: times {steepest:g}, twice the couplings at "
                f"a site plus the field, it must stay below {UNSTABLE:g}; use less than {UNSTABLE / steepest:.3g}, or "
                "mala, which is exact"
            )
        return value

    @field_validator("grid")
    @classmethod
    def _grid_fits(cls, value: Grid, info: ValidationInfo) -> Grid:
        sampler, landscape = info.data.get("sampler"), info.data.get("landscape")
        if sampler is not None and sampler.kind == "tempering" and len(value.temperature) < 2:
            raise ValueError("temperature has one value; tempering needs two or more, metropolis does with one")
        if landscape is None:
            return value
        if value.instances > 1 and not landscape.disordered:
            raise ValueError(f"instances = {value.instances}, but nothing in the landscape is random; needs 1")
        check_sizes(landscape, value.size)
        return value


def check_sizes(landscape: Landscape, sizes: list[int]) -> None:
    """Raises ValueError where no random regular graph of that size exists."""
    for size in sizes if landscape.degree is not None else ():
        degree = landscape.degree or 0
        if degree >= size or size * degree % 2:
            raise ValueError(
                f"size {size} with degree {degree}: no such random regular graph; degree < size and an even "
                "size * degree are needed"
            )


def disorder_seed(seed: int, point: Point) -> int:
    """Seed of what is random in the landscape: the same at every temperature, another for each instance."""
    place = {key: value for key, value in point.parameters.items() if key != "temperature"}
    return point_seed(seed, f"disorder {sorted(place.items())}")


def _ferromagnetic(landscape: Landscape) -> bool:
    return (
        isinstance(landscape.coupling, (int, float))
        and landscape.coupling >= 0
        and (landscape.phase is None and landscape.field == 0.0)
    )


def _modulus(coupling: Any) -> float:
    """What |J| does not exceed."""
    if isinstance(coupling, (int, float)):
        return abs(float(coupling))
    if not isinstance(coupling, RandomCoupling):
        coupling = RandomCoupling(kind=coupling)
    reach = FARTHEST_DRAW if coupling.kind == "gaussian" else 1.0
    return abs(coupling.mean) + reach * abs(coupling.scale)


def _inner(data: Mapping[str, Any]) -> str | None:
    kind = data.get("kind")
    return data.get("update") if kind == "tempering" else kind


def _belonging(value: Any, default: Any, belongs: bool, where: str) -> Any:
    if belongs:
        return default if value is None else value
    if value is not None:
        raise ValueError(f"belongs to {where}; leave it out")
    return None
