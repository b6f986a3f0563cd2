"""Arrays that are none of NumPy's, with its functions: as strict as CuPy's, which work with no array but their own."""

import numpy as np


class Array:
    """A NumPy array out of sight. NumPy's functions reach it by its two protocols alone, as they do a CuPy array."""

    __cuda_array_interface__ = None

    def __init__(self, values):
        self._values = values

    def __array__(self, *args, **kwargs):
        raise TypeError("implicit conversion to a NumPy array")

    def __array_ufunc__(self, ufunc, method, *args, **kwargs):
        return shown(getattr(ufunc, method)(*hidden(args), **hidden(kwargs)))

    def __array_function__(self, function, types, args, kwargs):
        return shown(function(*hidden(args), **hidden(kwargs)))

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        found = getattr(self._values, name)
        return (lambda *args, **kw: shown(found(*hidden(args), **hidden(kw)))) if callable(found) else shown(found)

    def __getitem__(self, key):
        return shown(self._values[hidden(key)])

    def __setitem__(self, key, value):
        self._values[hidden(key)] = hidden(value)

    def __len__(self):
        return len(self._values)

    def __int__(self):
        return int(self._values)


def _operators():
    for name in ("add", "sub", "mul", "truediv", "pow", "gt", "ne", "matmul"):
        for form in (f"__{name}__", f"__r{name}__", f"__i{name}__"):
            if not hasattr(np.ndarray, form):
                continue

            def operate(self, other, form=form):
                found = getattr(self._values, form)(hidden(other))
                return self if found is self._values else shown(found)

            setattr(Array, form, operate)
    Array.__neg__ = lambda self: shown(-self._values)


_operators()


def shown(values):
    """NumPy's arrays and numbers, also inside a tuple, as Array."""
    if isinstance(values, tuple) and any(isinstance(value, np.ndarray) for value in values):
        return tuple(shown(value) for value in values)
    return Array(np.asarray(values)) if isinstance(values, (np.ndarray, np.generic)) else values


def hidden(values):
    """The other way, for arguments. Raises TypeError for an array of NumPy's among them."""
    if isinstance(values, (tuple, list)):
        return type(values)(hidden(value) for value in values)
    if isinstance(values, dict):
        return {name: hidden(value) for name, value in values.items()}
    if isinstance(values, np.ndarray):
        raise TypeError("a NumPy array where one of this module is needed")
    return values._values if isinstance(values, Array) else values


def asarray(values):
    """An Array of any array."""
    return values if isinstance(values, Array) else Array(np.array(values))


def arange(*args):
    """numpy.arange."""
    return Array(np.arange(*args))


def ones(*args, **kwargs):
    """numpy.ones."""
    return Array(np.ones(*args, **kwargs))
