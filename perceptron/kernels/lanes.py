"""Bit-sliced stabilities, eight words of 64 patterns at a time.

The stability of pattern mu is kept as a counter, u = (number of weights that agree with the pattern) + 2^(bits-1) -
(the number that just makes it right): pattern mu is right exactly when the top bit of u is set. Bit b of all counters
stands in plane b, so one vector instruction works on 512 patterns: a flip of one weight adds or subtracts 1 in every
counter, by a ripple carry over the planes, and the patterns at the boundary are found by comparing planes.

The vectors are written out, since the loops are too short for the compiler to find them. On processors with shorter
vectors LLVM splits them. Layout of the planes of one configuration: [word // 8][bit][word % 8], flat.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic as numba_intrinsic

# What is called in compiled code has other arguments than the function that writes it.
intrinsic: Any = numba_intrinsic

LANES = 8
INT64 = ir.IntType(64)
VECTOR = ir.VectorType(INT64, LANES)


def _load(builder, pointer, offset):
    at = builder.gep(pointer, [offset])
    return builder.load(builder.bitcast(at, VECTOR.as_pointer()), align=8)


def _store(builder, value, pointer, offset):
    at = builder.gep(pointer, [offset])
    builder.store(value, builder.bitcast(at, VECTOR.as_pointer()), align=8)


def _constant(value):
    return ir.Constant(VECTOR, [value] * LANES)


def _splat(builder, scalar):
    undefined = ir.Constant(VECTOR, ir.Undefined)
    first = builder.insert_element(undefined, scalar, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(first, undefined, ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES))


def _popcount(builder, vector):
    function = ir.FunctionType(VECTOR, [VECTOR])
    return builder.call(cgutils.get_or_insert_function(builder.module, function, "llvm.ctpop.v8i64"), [vector])


def _sum(builder, vector):
    function = ir.FunctionType(INT64, [VECTOR])
    name = "llvm.vector.reduce.add.v8i64"
    return builder.call(cgutils.get_or_insert_function(builder.module, function, name), [vector])


def _pointer(context, builder, signature, arguments, position, offset=None):
    data = context.make_array(signature.args[position])(context, builder, arguments[position]).data
    return data if offset is None else builder.gep(data, [arguments[offset]])


def _loop(builder, stop):
    """Offsets 0, 8, 16, ... below `stop`."""
    return cgutils.for_range_slice(builder, INT64(0), stop, INT64(LANES), intp=INT64)


def _add_to(builder, variable, value):
    builder.store(builder.add(builder.load(variable), value), variable)


@intrinsic
def popcount(typingctx, word):
    """Bits set in a uint64, int64."""

    def generate(context, builder, signature, arguments):
        return builder.ctpop(arguments[0])

    return types.int64(types.uint64), generate


@intrinsic
def trailing_zeros(typingctx, word):
    """Position of the lowest bit set in a uint64 that is not 0, int64."""

    def generate(context, builder, signature, arguments):
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.uint64), generate


@intrinsic
def masked_count(typingctx, columns, column, flip, mask, start, words):
    """Bits of (columns[column + w] xor flip) and mask[start + w], summed over w < words (a multiple of 8)."""

    def generate(context, builder, signature, arguments):
        here = _pointer(context, builder, signature, arguments, 0, 1)
        boundary = _pointer(context, builder, signature, arguments, 3, 4)
        flipped = _splat(builder, arguments[2])
        total = cgutils.alloca_once_value(builder, _constant(0))
        with _loop(builder, arguments[5]) as (w, _):
            bits = builder.xor(_load(builder, here, w), flipped)
            _add_to(builder, total, _popcount(builder, builder.and_(bits, _load(builder, boundary, w))))
        return _sum(builder, builder.load(total))

    integer = types.int64
    return integer(columns, integer, types.uint64, mask, integer, integer), generate


@intrinsic
def step_counters(typingctx, planes, plane, columns, column, flip, words, bits):
    """Add 1 to the counters of patterns whose bit of (columns[column + w] xor flip) is 0, subtract 1 from the others.

    With d the patterns that go down, u - 1 = not (not u + 1): so 1 is added to u xor d, and xor d undone.
    """

    def generate(context, builder, signature, arguments):
        counters = _pointer(context, builder, signature, arguments, 0, 1)
        here = _pointer(context, builder, signature, arguments, 2, 3)
        flipped, words, bits = _splat(builder, arguments[4]), arguments[5], arguments[6]
        carry = cgutils.alloca_once(builder, VECTOR)
        size = builder.mul(bits, INT64(LANES))
        with _loop(builder, words) as (w, _):
            down = builder.xor(_load(builder, here, w), flipped)
            group = builder.gep(counters, [builder.mul(w, bits)])
            builder.store(_constant(-1), carry)
            with _loop(builder, size) as (b, _):
                old, carried = _load(builder, group, b), builder.load(carry)
                builder.store(builder.and_(carried, builder.xor(old, down)), carry)
                _store(builder, builder.xor(old, carried), group, b)
        return context.get_dummy_value()

    integer = types.int64
    return types.void(planes, integer, columns, integer, types.uint64, integer, integer), generate


@intrinsic
def counters_equal(typingctx, planes, plane, valid, first, value, words, bits, mask, start):
    """mask[start + w] = those of valid[first + w] whose counter is `value`; returns how many."""

    def generate(context, builder, signature, arguments):
        counters = _pointer(context, builder, signature, arguments, 0, 1)
        real = _pointer(context, builder, signature, arguments, 2, 3)
        out = _pointer(context, builder, signature, arguments, 7, 8)
        value, words, bits = arguments[4], arguments[5], arguments[6]
        equal, total = cgutils.alloca_once(builder, VECTOR), cgutils.alloca_once_value(builder, _constant(0))
        size = builder.mul(bits, INT64(LANES))
        with _loop(builder, words) as (w, _):
            group = builder.gep(counters, [builder.mul(w, bits)])
            builder.store(_load(builder, real, w), equal)
            with _loop(builder, size) as (b, _):
                bit = builder.and_(builder.lshr(value, builder.lshr(b, INT64(3))), INT64(1))
                # All ones where the wanted bit is 0: xor with it leaves the planes that agree.
                differs = builder.xor(_load(builder, group, b), _splat(builder, builder.sub(bit, INT64(1))))
                builder.store(builder.and_(builder.load(equal), differs), equal)
            found = builder.load(equal)
            _store(builder, found, out, w)
            _add_to(builder, total, _popcount(builder, found))
        return _sum(builder, builder.load(total))

    integer = types.int64
    return integer(planes, integer, valid, integer, integer, integer, integer, mask, integer), generate


@intrinsic
def boundary(typingctx, planes, plane, valid, words, bits, mask, start):
    """mask[start + w] = patterns one step right or wrong of the boundary; returns how many are wrong."""

    def generate(context, builder, signature, arguments):
        counters = _pointer(context, builder, signature, arguments, 0, 1)
        real = _pointer(context, builder, signature, arguments, 2)
        out = _pointer(context, builder, signature, arguments, 5, 6)
        words, bits = arguments[3], arguments[4]
        some, every = cgutils.alloca_once(builder, VECTOR), cgutils.alloca_once(builder, VECTOR)
        total = cgutils.alloca_once_value(builder, _constant(0))
        low = builder.mul(builder.sub(bits, INT64(1)), INT64(LANES))
        with _loop(builder, words) as (w, _):
            group = builder.gep(counters, [builder.mul(w, bits)])
            builder.store(_constant(0), some)
            builder.store(_constant(-1), every)
            with _loop(builder, low) as (b, _):
                bit = _load(builder, group, b)
                builder.store(builder.or_(builder.load(some), bit), some)
                builder.store(builder.and_(builder.load(every), bit), every)
            top, valid_here = _load(builder, group, low), _load(builder, real, w)
            wrong = builder.and_(builder.and_(builder.load(every), builder.not_(top)), valid_here)
            right = builder.and_(builder.and_(builder.not_(builder.load(some)), top), valid_here)
            _store(builder, builder.or_(wrong, right), out, w)
            _add_to(builder, total, _popcount(builder, wrong))
        return _sum(builder, builder.load(total))

    integer = types.int64
    return integer(planes, integer, valid, integer, integer, mask, integer), generate


@intrinsic
def wrong_side(typingctx, planes, plane, valid, words, bits, mask, start):
    """mask[start + w] = patterns below the boundary (top bit clear); returns how many."""

    def generate(context, builder, signature, arguments):
        counters = _pointer(context, builder, signature, arguments, 0, 1)
        real = _pointer(context, builder, signature, arguments, 2)
        out = _pointer(context, builder, signature, arguments, 5, 6)
        words, bits = arguments[3], arguments[4]
        total = cgutils.alloca_once_value(builder, _constant(0))
        low = builder.mul(builder.sub(bits, INT64(1)), INT64(LANES))
        with _loop(builder, words) as (w, _):
            top = _load(builder, builder.gep(counters, [builder.mul(w, bits)]), low)
            wrong = builder.and_(builder.not_(top), _load(builder, real, w))
            _store(builder, wrong, out, w)
            _add_to(builder, total, _popcount(builder, wrong))
        return _sum(builder, builder.load(total))

    integer = types.int64
    return integer(planes, integer, valid, integer, integer, mask, integer), generate
