"""What run files of the network experiments share: the data, the network on it, and the landscape that they make.

The split into training and test samples and all label noise follow from `data.seed` alone: runs of different seeds see
the same data.
"""

from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from runs.spec import RunSpec, Section

if TYPE_CHECKING:
    from mcmc.landscapes.network import MLP, Data

Width = Annotated[int, Field(ge=1, le=4096)]
Count = Annotated[int, Field(ge=2)]

DIGITS_BY_CLASS = (178, 182, 177, 183, 181, 182, 181, 179, 174, 180)
FASHION = (60000, 10000)
"""Training and test samples."""

REPLACEMENT: dict[str, bool | Literal["epoch"]] = {"epoch": "epoch", "without": False, "with": True}
"""How batches are drawn: as a run file says it, and as batches take it."""


class Samples(Section):
    """What the network is trained and tested on."""

    name: Literal["digits", "fashion-mnist", "images", "teacher-student"] = Field(
        "digits",
        description="digits (scikit-learn), fashion-mnist (Debian's package), images (fashion-mnist where it is "
        "installed, else digits), or random inputs with a teacher",
    )
    side: Annotated[int, Field(ge=1, le=28)] | None = Field(
        None, description="side of the images in pixels after averaging; left out: their own (8 or 28)"
    )
    train: Count | None = Field(None, description="training samples, chosen at random; left out: all there are")
    test: Count | None = Field(
        None, validate_default=True, description="test samples; left out: a fifth of digits, or all of fashion-mnist"
    )
    label_noise: Annotated[float, Field(ge=0, le=1)] = Field(
        0.0, description="probability that a training label is replaced by another class"
    )
    features: Annotated[int, Field(ge=1)] | None = Field(
        None, validate_default=True, description="inputs of teacher-student data"
    )
    teacher: list[Width] = Field([], description="hidden layers of the teacher; none: a perceptron, two classes")
    classes: Annotated[int, Field(ge=2, le=1000)] = Field(2, description="classes of teacher-student data")
    seed: Annotated[int, Field(ge=0, lt=2**64)] = Field(0, description="seed of the split, the teacher and label noise")

    @field_validator("side")
    @classmethod
    def _side_of_images(cls, value: int | None, info: ValidationInfo) -> int | None:
        name = info.data.get("name")
        if value is not None and name == "teacher-student":
            raise ValueError("belongs to images; teacher-student data have features")
        if value is not None and name in ("digits", "images") and value > 8:
            raise ValueError("digits have 8 x 8 pixels; take 8 or less")
        return value

    @field_validator("test")
    @classmethod
    def _as_many_as_there_are(cls, value: int | None, info: ValidationInfo) -> int | None:
        name, train = info.data.get("name"), info.data.get("train")
        if name == "fashion-mnist":
            if value is not None and value > FASHION[1]:
                raise ValueError(f"fashion-mnist has {FASHION[1]} test samples")
            if train is not None and train > FASHION[0]:
                raise ValueError(f"train = {train}: fashion-mnist has {FASHION[0]} training samples")
        if name in ("digits", "images"):
            if value is not None and value > 0.9 * sum(DIGITS_BY_CLASS):
                raise ValueError(f"at most 1617 of the {sum(DIGITS_BY_CLASS)} digits can be kept for testing")
            left = _digits_left(value)
            if train is not None and train > left:
                tested = sum(DIGITS_BY_CLASS) - left
                raise ValueError(f"train = {train}: {left} digits are left for training when {tested} are tested on")
        return value

    @field_validator("features")
    @classmethod
    def _features_of_a_teacher(cls, value: int | None, info: ValidationInfo) -> int | None:
        name = info.data.get("name")
        if value is not None and name not in ("teacher-student", None):
            raise ValueError('belongs to name = "teacher-student"; images have their pixels')
        if value is None and name == "teacher-student":
            raise ValueError("teacher-student data need `features`, the number of inputs")
        return value

    @field_validator("teacher")
    @classmethod
    def _layers_of_a_teacher(cls, value: list[int], info: ValidationInfo) -> list[int]:
        if value and info.data.get("name") not in ("teacher-student", None):
            raise ValueError('belongs to name = "teacher-student"; images have their own labels')
        return value

    @field_validator("classes")
    @classmethod
    def _classes_of_a_teacher(cls, value: int, info: ValidationInfo) -> int:
        name = info.data.get("name")
        if value != 2 and name not in ("teacher-student", None):
            raise ValueError('belongs to name = "teacher-student"; images have 10 classes')
        if value != 2 and name == "teacher-student" and info.data.get("teacher") == []:
            raise ValueError("a perceptron as teacher has 2; give hidden layers as `teacher` for more")
        return value

    @property
    def source(self) -> str:
        """Where samples come from: the name, for images what is installed."""
        from mcmc.landscapes.network.images import DEBIAN_FOLDER

        if self.name != "images":
            return self.name
        return "fashion-mnist" if DEBIAN_FOLDER.is_dir() else "digits"

    @property
    def training_samples(self) -> int:
        """How many there are to train on, without looking at the data."""
        if self.train is not None:
            return self.train
        return {"fashion-mnist": FASHION[0], "teacher-student": 1000}.get(self.source, _digits_left(self.test))

    @property
    def inputs(self) -> int:
        """Inputs of a network, without looking at the data."""
        return self.features or (self.side or {"fashion-mnist": 28}.get(self.source, 8)) ** 2

    @property
    def outputs(self) -> int:
        """Classes, without looking at the data."""
        return self.classes if self.name == "teacher-student" else 10

    def require(self) -> None:
        """Raise LandscapeError where data are not installed, with the command, MemoryLimitError where too large."""
        from mcmc.landscapes.network import digits, fashion_mnist
        from mcmc.memory import require_memory

        if self.source == "fashion-mnist":
            fashion_mnist(side=1, samples=1, test_samples=1)
        elif self.name == "teacher-student":
            count, features = (self.train or 1000) + (self.test or 2000), self.features or 1
            require_memory(32.0 * count * features, f"{count} samples of {features} features", "take fewer samples")
        else:
            digits()

    def draw(self) -> "Data":
        """The samples. Raises LandscapeError where they are not installed."""
        return _drawn(self.model_dump_json())


class Network(Section):
    """The built-in multilayer network."""

    hidden: list[Width] = Field([32], description="widths of the hidden layers")
    activation: Literal["tanh", "relu", "softplus", "identity"] = Field("tanh", description="of the hidden layers")
    weight_decay: Annotated[float, Field(ge=0)] = Field(0.0, description="w: the energy has w |x|^2 / 2 besides")

    def weights(self, data: Samples) -> int:
        """Weights and biases of the network on such samples, without looking at them."""
        return sum((a + 1) * b for a, b in pairwise([data.inputs, *self.hidden, data.outputs]))


class OnNetworks(RunSpec):
    """What every experiment on networks has, before its `grid`."""

    data: Samples = Field(default_factory=lambda: Samples.model_validate({}))
    network: Network = Field(default_factory=lambda: Network.model_validate({}))

    @field_validator("device")
    @classmethod
    def _on_the_cpu(cls, value: str) -> str:
        if value != "cpu":
            raise ValueError("the network experiments run on the cpu; leave it out")
        return value

    def require(self) -> None:
        """Raise an EntroscapeError where the data are not installed or do not fit into memory."""
        self.data.require()

    def landscape(self, data: "Data | None" = None) -> "MLP":
        """Mean loss of the network, on all training samples or on `data`."""
        from mcmc.landscapes.network import mlp

        network = self.network
        return mlp(
            self.data.draw() if data is None else data, network.hidden, activation=network.activation,
            weight_decay=network.weight_decay,
        )  # fmt: skip


@lru_cache(maxsize=4)
def _drawn(said: str) -> "Data":
    """Kept, since every point of a run in one process asks for the same samples."""
    wanted = Samples.model_validate_json(said)
    found = _made(wanted)
    return found if wanted.name == "teacher-student" else _noisy(found, wanted)


def _made(wanted: Samples) -> "Data":
    from mcmc.landscapes.network import fashion_mnist, teacher_student

    if wanted.name == "teacher-student":
        assert wanted.features is not None
        return teacher_student(
            wanted.features, wanted.train or 1000, teacher=wanted.teacher or "perceptron", classes=wanted.classes,
            label_noise=wanted.label_noise, test_samples=wanted.test or 2000, seed=wanted.seed,
        )  # fmt: skip
    if wanted.source == "fashion-mnist":
        side = 28 if wanted.side is None else wanted.side
        return fashion_mnist(side=side, samples=wanted.train, test_samples=wanted.test, seed=wanted.seed)
    return _digits(wanted)


def _digits(wanted: Samples) -> "Data":
    """Scikit-learn's digits; fewer training samples are the first of a random order."""
    from mcmc.landscapes.network import Data, digits, pooled
    from mcmc.landscapes.network.datasets import scaled

    whole = digits(seed=wanted.seed, scale="unit", **_share(wanted.test))
    inputs, tested = whole.inputs, whole.test_inputs
    if wanted.side is not None:
        inputs, tested = pooled(inputs, wanted.side), pooled(tested, wanted.side)
    kept = slice(0, wanted.train)
    chosen = Data(inputs[kept], whole.targets[kept], tested, whole.test_targets, "digits")
    return scaled(chosen, "standard")


def _digits_left(test: int | None) -> int:
    """Digits to train on when `test` are kept for testing, the same share of each class."""
    share = 0.2 if test is None else min(0.9, test / sum(DIGITS_BY_CLASS))
    return sum(count - round(share * count) for count in DIGITS_BY_CLASS)


def _share(test: int | None) -> dict[str, Any]:
    return {} if test is None else {"test_fraction": min(0.9, test / sum(DIGITS_BY_CLASS))}


def _noisy(data: "Data", wanted: Samples) -> "Data":
    from dataclasses import replace

    from mcmc.landscapes.network.datasets import noisy_labels

    if not wanted.label_noise:
        return data
    return replace(data, targets=noisy_labels(data.targets, data.outputs, wanted.label_noise, wanted.seed))
