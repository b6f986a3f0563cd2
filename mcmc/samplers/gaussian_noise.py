"""Standard normals in bulk, for noise that every weight of every chain gets in every step.

Box & Muller 1958 in float32, four normals from the four words of one counter: value j + k Q of a chain, Q = ceil(dim /
4), is output k of the counter (j, sweep, chain), so that a loop over j runs in vector lanes. Words are drawn first and
turned into normals by a second loop, since integers of 64 bits would halve the lanes of the floats. Logarithm, sine and
cosine are polynomials (those of Moshier's Cephes library, right to 1e-7), since calls would not vectorise. 32-bit
uniforms reach 6.7 standard deviations; the first moments and tails are held by a test.
"""

import numpy as np

from mcmc.compiled import kernel_tied_to, piece
from mcmc.random import philox4x32, stream_word

VERSION = 2
"""Of the bits: a file of `sample` says it where they are its noise. 1, never written, were those of other polynomials.
"""
LN_2 = np.float32(0.69314718056)
HALF = np.float32(0.5)
ONE = np.float32(1.0)
ROOT_HALF_BITS = np.int32(0x3F3504F3)
WORD = np.float32(2.0**-32)
HALF_TURN = np.float32(2.0**-31)
SIGN = np.uint32(0x80000000)
QUARTER = np.pi / 4
SINE_1, COSINE_2 = np.float32(QUARTER), np.float32(-0.5 * QUARTER**2)
SINE_3, COSINE_4 = np.float32(-1.6666654611e-1 * QUARTER**3), np.float32(4.166664568298827e-2 * QUARTER**4)
SINE_5, COSINE_6 = np.float32(8.3321608736e-3 * QUARTER**5), np.float32(-1.388731625493765e-3 * QUARTER**6)
SINE_7, COSINE_8 = np.float32(-1.9515295891e-4 * QUARTER**7), np.float32(2.443315711809948e-5 * QUARTER**8)


@piece
def minus_log(word):
    """-ln u, float32, of u = (word + 1/2) / 2^32."""
    u = (np.float32(word) + HALF) * WORD
    bits = np.float32(u).view(np.int32)
    # The mantissa is taken between sqrt(1/2) and sqrt(2), where the polynomial is.
    exponent = np.int32(np.int32(bits - ROOT_HALF_BITS) >> np.int32(23))
    x = np.int32(bits - np.int32(exponent << np.int32(23))).view(np.float32) - ONE
    y = np.float32(7.0376836292e-2)
    y = y * x - np.float32(1.1514610310e-1)
    y = y * x + np.float32(1.1676998740e-1)
    y = y * x - np.float32(1.2420140846e-1)
    y = y * x + np.float32(1.4249322787e-1)
    y = y * x - np.float32(1.6668057665e-1)
    y = y * x + np.float32(2.0000714765e-1)
    y = y * x - np.float32(2.4999993993e-1)
    y = y * x + np.float32(3.3333331174e-1)
    return (HALF - y * x) * (x * x) - x - np.float32(exponent) * LN_2


@piece
def diagonal_pair(word):
    """sqrt(2) times a point of the unit circle, two float32: signs from two bits, the angle from the other thirty.

    The angle in the quadrant is pi / 4 + r with |r| <= pi / 4, so that its cosine and sine are those of r, c and s, as
    (c - s, c + s) / sqrt(2): no quadrant is to be told from another.
    """
    a = np.float32(np.int32(np.uint32(word << np.uint32(2)))) * HALF_TURN
    z = a * a
    s = (((SINE_7 * z + SINE_5) * z + SINE_3) * z + SINE_1) * a
    c = (((COSINE_8 * z + COSINE_6) * z + COSINE_4) * z + COSINE_2) * z + ONE
    first = np.float32(c - s).view(np.uint32) ^ (word & SIGN)
    second = np.float32(c + s).view(np.uint32) ^ (np.uint32(word << np.uint32(1)) & SIGN)
    return np.uint32(first).view(np.float32), np.uint32(second).view(np.float32)


@kernel_tied_to()
def _turn_into_normals(first, second, radii, angles):
    """Two normals, float32, from each pair of words."""
    for j in range(np.uint32(first.size)):
        # sqrt(-2 ln u) = sqrt(2) r, and that sqrt(2) is in the pair.
        r = np.sqrt(minus_log(radii[j]))
        a, b = diagonal_pair(angles[j])
        first[j] = r * a
        second[j] = r * b


@kernel_tied_to()
def fill_noise(out, sweep, chain, stream, k0, k1):
    """Standard normals for every entry of `out` (chains, 4 Q) float32; `chain` (chains,) uint32 their identities."""
    fourth = stream_word(stream, 0)
    quarter = np.uint32(out.shape[1] // 4)
    step = np.uint32(sweep)
    words = np.empty((4, quarter), np.uint32)
    w0, w1, w2, w3 = words[0], words[1], words[2], words[3]
    for c in range(out.shape[0]):
        identity = chain[c]
        for j in range(quarter):
            a, b, d, e = philox4x32(np.uint32(j), step, identity, fourth, k0, k1)
            w0[j] = a
            w1[j] = b
            w2[j] = d
            w3[j] = e
        row = out[c]
        _turn_into_normals(row[:quarter], row[quarter : 2 * quarter], w0, w1)
        _turn_into_normals(row[2 * quarter : 3 * quarter], row[3 * quarter : 4 * quarter], w2, w3)
