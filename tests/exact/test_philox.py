"""Philox4x32-10 against published vectors and a second implementation; the registry of streams; the uniforms."""

import numpy as np
import pytest
from numba import njit
from scipy import stats

from mcmc import random
from mcmc.errors import ArgumentError
from mcmc.random import Stream

VECTORS = [
    ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
]
"""Counter, key, output: Random123 1.14, tests/kat_vectors."""

EDGES = np.array([0, 1, 2, 511, 512, 2**31 - 1, 2**31, 2**32 - 512, 2**32 - 2, 2**32 - 1], dtype=np.uint32)


def hexadecimal(text):
    return [np.uint32(int(word, 16)) for word in text.split()]


def plain_philox(counter, key):
    """The definition in Python's integers. Salmon et al. 2011, section 4.1."""
    c, (k0, k1) = [int(word) for word in counter], [int(word) for word in key]
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(p1 >> 32) ^ c[1] ^ k0, p1 & 0xFFFFFFFF, (p0 >> 32) ^ c[3] ^ k1, p0 & 0xFFFFFFFF]
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return c


@pytest.fixture(scope="module")
def some_words():
    rng = np.random.default_rng(0)
    return np.concatenate([EDGES, rng.integers(2**32, size=100_000, dtype=np.uint32)])


@njit
def mapped(function, values):
    out = np.empty(values.size, np.float64)
    for i in range(values.size):
        out[i] = function(values[i])
    return out


@njit
def uniforms64(high, low):
    out = np.empty(high.size)
    for i in range(high.size):
        out[i] = random.uniform64(high[i], low[i])
    return out


@pytest.mark.parametrize(("counter", "key", "output"), VECTORS)
def test_published_vectors(counter, key, output):
    assert list(random.philox4x32(*hexadecimal(counter), *hexadecimal(key))) == hexadecimal(output)
    assert plain_philox(hexadecimal(counter), hexadecimal(key)) == hexadecimal(output)


def test_words_are_philox_of_the_documented_counter():
    rng = np.random.default_rng(1)
    for _ in range(50):
        seed = int(rng.integers(2**64, dtype=np.uint64))
        site, sweep, chain = (int(v) for v in rng.integers(2**32, size=3))
        draw, stream = int(rng.integers(2**24)), Stream(int(rng.choice(list(Stream))))
        expected = plain_philox([site, sweep, chain, stream << 24 | draw], [seed & 0xFFFFFFFF, seed >> 32])
        assert random.words(seed, stream, site, sweep, chain, draw).tolist() == expected


def test_a_word_depends_on_its_counter_alone():
    site, chain = np.arange(40)[:, None], np.arange(7)
    together = random.words(5, Stream.METROPOLIS, site, 9, chain)
    np.testing.assert_array_equal(together[3:8, 2:4], random.words(5, Stream.METROPOLIS, site[3:8], 9, chain[2:4]))


def test_stream_ids_are_unique_and_fit_their_byte():
    # A repeated value in an enum is an alias, which iteration leaves out but __members__ keeps.
    ids = [int(member) for member in Stream.__members__.values()]
    assert len(set(ids)) == len(ids)
    assert min(ids) > 0
    assert max(ids) < 256


def test_stream_ids_never_change():
    """Stored runs record the layout's version only: these numbers are part of it."""
    assert random.LAYOUT_VERSION == 1
    first = "INITIAL METROPOLIS HEAT_BATH WOLFF_SEED WOLFF_BOND SWAP LANGEVIN_NOISE MALA_ACCEPT COUPLING PHASE GRAPH"
    assert [Stream[name].value for name in first.split()] == list(range(1, 12))


def test_stream_word_packs_both_numbers():
    assert random.stream_word(np.uint32(Stream.SWAP), np.uint32(0xABCDEF)) == 0x06ABCDEF


@pytest.mark.parametrize("seed", [-1, 2**64, 1.0, True, None, "7"])
def test_seeds_beyond_64_bits_are_refused(seed):
    with pytest.raises(ArgumentError, match="an integer from 0 to"):
        random.split_seed(seed)


def test_symmetric32_is_symmetric_to_the_last_bit(some_words):
    values = mapped(random.symmetric32, some_words)
    mirrored = mapped(random.symmetric32, ~some_words)
    np.testing.assert_array_equal(values, -mirrored)
    assert np.abs(values).max() < 1.0
    assert values.min() < -0.9999 < 0.9999 < values.max()


def test_uniform32_never_is_zero_and_resolves_rare_events(some_words):
    values = mapped(random.uniform32, some_words)
    assert values.min() == 2.0**-33
    assert values.max() == 1.0
    # (word + 1/2) 2^-32 to the rounding of float32.
    exact = (some_words.astype(np.float64) + 0.5) * 2.0**-32
    assert np.abs(values / exact - 1.0).max() <= 2.0**-23


def test_uniform64_stays_inside_and_the_array_form_is_the_scalar_one(some_words):
    values = uniforms64(some_words, some_words[::-1])
    assert values.min() > 0.0
    assert values.max() < 1.0
    words = random.words(3, Stream.INITIAL, np.arange(1000), 1, 2)
    expected = np.stack([uniforms64(words[:, 0], words[:, 1]), uniforms64(words[:, 2], words[:, 3])], axis=1)
    np.testing.assert_array_equal(random.uniforms(3, Stream.INITIAL, np.arange(1000), 1, 2), expected)


@pytest.mark.parametrize("axis", ["site", "sweep", "chain", "draw", "stream"])
def test_words_along_each_counter_are_uniform_and_uncorrelated(seed, axis):
    """False alarm 1e-6 each. A generator whose neighbouring counters were alike would fail the correlation."""
    n = 200_000
    counter = dict.fromkeys(["site", "sweep", "chain", "draw"], 0)
    if axis == "stream":
        series = np.concatenate([random.words(seed, s, np.arange(n // 10), 0, 0) for s in list(Stream)[:10]])
    else:
        counter[axis] = np.arange(n)
        series = random.words(seed, Stream.METROPOLIS, **counter)
    for column in series.T:
        counts = np.bincount(column >> 24, minlength=256)
        assert stats.chisquare(counts).pvalue > 1e-6
        u = column / 2.0**32 - 0.5
        # Products of independent uniforms have variance 1 / 144.
        assert abs(np.mean(u[1:] * u[:-1])) * 12.0 * np.sqrt(n) < 4.9
    # Control: a counter used as it is.
    control = np.arange(n, dtype=np.uint32) * np.uint32(2**32 // n) / 2.0**32 - 0.5
    assert abs(np.mean(control[1:] * control[:-1])) * 12.0 * np.sqrt(n) > 4.9


def test_normals_are_normal(seed):
    values = random.normals(seed, Stream.LANGEVIN_NOISE, np.arange(100_000), 0, 0)
    assert stats.kstest(values[:, 0], "norm").pvalue > 1e-6
    assert stats.kstest(values[:, 1], "norm").pvalue > 1e-6
    assert abs(np.mean(values[:, 0] * values[:, 1])) * np.sqrt(100_000) < 4.9
    assert stats.kstest(1.02 * values.ravel() + 0.02, "norm").pvalue < 1e-6
