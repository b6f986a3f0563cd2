"""Standard normals in bulk, for noise that every weight of every chain gets in every step.

Box & Muller 1958 in float32, four normals from the four words of one counter: value j + k Q of a chain, Q = ceil(dim /
4), is output k of the counter (j, sweep, chain), so that a loop over j runs in vector lanes. Logarithm, sine and cosine
are polynomials (those of Moshier's Cephes library, right to 1e-7), since calls would not vectorise. 32-bit uniforms
reach 6.7 standard deviations; the first moments and tails are held by a test.
"""

import numpy as np

from mcmc.compiled import kernel_tied_to, piece
from mcmc.random import philox4x32, stream_word

LN_2 = np.float32(0.69314718056)
HALF = np.float32(0.5)
ONE = np.float32(1.0)
ROOT_2 = np.float32(1.41421356237)
WORD = np.float32(2.0**-32)
HALF_TURN = np.float32(2.0**-31)
QUARTER_TURN = np.float32(1.57079632679)


@piece
def minus_two_log(word):
    """-2 ln u, float32, of u = (word + 1/2) / 2^32."""
    u = (np.float32(word) + HALF) * WORD
    bits = np.float32(u).view(np.int32)
    exponent = np.float32(np.int32(bits >> np.int32(23)) - np.int32(127))
    mantissa = np.int32((bits & np.int32(0x7FFFFF)) | np.int32(0x3F800000)).view(np.float32)
    large = mantissa > ROOT_2
    exponent = exponent + ONE if large else exponent
    x = (mantissa * HALF if large else mantissa) - ONE
    y = np.float32(7.0376836292e-2)
    y = y * x - np.float32(1.1514610310e-1)
    y = y * x + np.float32(1.1676998740e-1)
    y = y * x - np.float32(1.2420140846e-1)
    y = y * x + np.float32(1.4249322787e-1)
    y = y * x - np.float32(1.6668057665e-1)
    y = y * x + np.float32(2.0000714765e-1)
    y = y * x - np.float32(2.4999993993e-1)
    y = y * x + np.float32(3.3333331174e-1)
    square = x * x
    log = y * x * square - HALF * square + x + exponent * LN_2
    return max(np.float32(-2.0) * log, np.float32(0.0))


@piece
def sine_and_cosine(word):
    """Of pi a, float32, with a = word / 2^31 taken as a signed number, -1 to 1."""
    a = np.float32(np.int32(word)) * HALF_TURN
    quarter = np.int32(np.rint(a + a))
    r = (a + a - np.float32(quarter)) * QUARTER_TURN
    z = r * r
    sine = ((np.float32(-1.9515295891e-4) * z + np.float32(8.3321608736e-3)) * z - np.float32(1.6666654611e-1)) * z
    sine = sine * r + r
    cosine = (np.float32(2.443315711809948e-5) * z - np.float32(1.388731625493765e-3)) * z
    cosine = (cosine + np.float32(4.166664568298827e-2)) * z * z - HALF * z + ONE
    odd = (quarter & np.int32(1)) != np.int32(0)
    first, second = (cosine if odd else sine), (sine if odd else cosine)
    below = (quarter & np.int32(2)) != np.int32(0)
    # Quarters 1 and 2 have a negative cosine.
    left = ((quarter + np.int32(1)) & np.int32(2)) != np.int32(0)
    return (-first if below else first), (-second if left else second)


@piece
def four_normals(call, sweep, chain, fourth, k0, k1):
    """Four independent standard normals, float32."""
    w0, w1, w2, w3 = philox4x32(call, sweep, chain, fourth, k0, k1)
    r, s = np.sqrt(minus_two_log(w0)), np.sqrt(minus_two_log(w2))
    a, b = sine_and_cosine(w1)
    c, d = sine_and_cosine(w3)
    return r * a, r * b, s * c, s * d


@kernel_tied_to()
def fill_noise(out, sweep, chain, stream, k0, k1):
    """Standard normals for every entry of `out` (chains, 4 Q) float32; `chain` (chains,) uint32 their identities."""
    fourth = stream_word(stream, 0)
    quarter = np.uint32(out.shape[1] // 4)
    step = np.uint32(sweep)
    for c in range(out.shape[0]):
        first, second = out[c, :quarter], out[c, quarter : 2 * quarter]
        third, last = out[c, 2 * quarter : 3 * quarter], out[c, 3 * quarter : 4 * quarter]
        identity = chain[c]
        for j in range(quarter):
            a, b, d, e = four_normals(np.uint32(j), step, identity, fourth, k0, k1)
            first[j] = a
            second[j] = b
            third[j] = d
            last[j] = e
