"""The run file of experiments that use no accelerator."""

from pydantic import field_validator

from runs.spec import RunSpec


class CpuSpec(RunSpec):
    """A run file whose device is the CPU; another one would be recorded as what made the results, and is refused."""

    @field_validator("device")
    @classmethod
    def _on_the_cpu(cls, value: str) -> str:
        if value != "cpu":
            raise ValueError("this experiment runs on the cpu; leave it out")
        return value
