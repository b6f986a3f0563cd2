"""Energy changes of all flips at once, bit-sliced over the weights: 512 weights in one vector.

The energy change of flipping weight i is a count over the few patterns at the boundary. Added up as bit planes by
carry-save adders, the counts of all weights take a handful of instructions a pattern; the weights of one energy
change are then those whose planes spell its number. Layout of the count: [word // 8][bit][word % 8], flat.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

from perceptron.kernels.lanes import (
    INT64,
    LANES,
    VECTOR,
    _add_to,
    _constant,
    _load,
    _loop,
    _pointer,
    _popcount,
    _splat,
    _store,
    _sum,
    intrinsic,
)

FIRST = 3
"""Planes that carry-save adders keep in registers; eights go to memory."""

DECODED = 8
"""Numbers that `count_numbers` tells apart in one call."""

GROUP = 8
"""Rows added together; lists of rows are padded to a multiple of it with rows that add nothing."""


def _full_adder(builder, a, b, c):
    """Sum and carry of three bits in every lane; the carry is a choice by a xor b, which can be one instruction."""
    both = builder.xor(a, b)
    carry = builder.or_(builder.and_(both, c), builder.and_(builder.not_(both), a))
    return builder.xor(both, c), carry


@intrinsic
def add_rows(typingctx, rows, index, start, stop, invert, words, count, plane, bits):
    """count[i] = sum over k in [start, stop) of bit i of (rows[index[k] * words ...] xor invert), added to count.

    stop - start is a multiple of 8; `bits` >= 3 planes hold the total.
    """

    def generate(context, builder, signature, arguments):
        data = _pointer(context, builder, signature, arguments, 0)
        listed = _pointer(context, builder, signature, arguments, 1)
        planes = _pointer(context, builder, signature, arguments, 6, 7)
        start, stop, words, bits = arguments[2], arguments[3], arguments[5], arguments[8]
        inverted = _splat(builder, arguments[4])
        eight = ir.Constant(INT64, LANES)
        size = builder.mul(bits, eight)
        low = [cgutils.alloca_once(builder, VECTOR) for _ in range(FIRST)]
        carried = cgutils.alloca_once(builder, VECTOR)
        with _loop(builder, words) as (w, _):
            group = builder.gep(planes, [builder.mul(w, bits)])
            for bit, register in enumerate(low):
                builder.store(_load(builder, group, ir.Constant(INT64, bit * LANES)), register)
            with cgutils.for_range_slice(builder, start, stop, ir.Constant(INT64, GROUP), intp=INT64) as (k, _):
                row = []
                for j in range(GROUP):
                    number = builder.load(builder.gep(listed, [builder.add(k, ir.Constant(INT64, j))]))
                    offset = builder.add(builder.mul(number, words), w)
                    row.append(builder.xor(_load(builder, data, offset), inverted))
                level: list[Any] = row
                carries: list[Any] = []
                for register in low:
                    total = builder.load(register)
                    carries = []
                    for a, b in zip(level[::2], level[1::2], strict=True):
                        total, carry = _full_adder(builder, total, a, b)
                        carries.append(carry)
                    builder.store(total, register)
                    level = carries
                builder.store(carries[0], carried)
                with cgutils.for_range_slice(builder, ir.Constant(INT64, FIRST * LANES), size, eight, intp=INT64) as (
                    b,
                    _,
                ):
                    old, carry = _load(builder, group, b), builder.load(carried)
                    builder.store(builder.and_(old, carry), carried)
                    _store(builder, builder.xor(old, carry), group, b)
            for bit, register in enumerate(low):
                _store(builder, builder.load(register), group, ir.Constant(INT64, bit * LANES))
        return context.get_dummy_value()

    integer = types.int64
    return types.void(rows, index, integer, integer, types.uint64, integer, count, integer, integer), generate


@intrinsic
def subtract(typingctx, count, plane, mask, start, total, amount, words, bits):
    """count = count - amount, and total - count - amount in the weights of mask[start + w]; two's complement planes."""

    def generate(context, builder, signature, arguments):
        planes = _pointer(context, builder, signature, arguments, 0, 1)
        where = _pointer(context, builder, signature, arguments, 2, 3)
        words, bits = arguments[6], arguments[7]
        one = ir.Constant(INT64, 1)
        plain = builder.neg(arguments[5])
        # total - count = not count + total + 1
        mirrored = builder.add(builder.add(arguments[4], one), plain)
        carry = cgutils.alloca_once(builder, VECTOR)
        size = builder.mul(bits, ir.Constant(INT64, LANES))
        with _loop(builder, words) as (w, _):
            group = builder.gep(planes, [builder.mul(w, bits)])
            here = _load(builder, where, w)
            elsewhere = builder.not_(here)
            builder.store(_constant(0), carry)
            with _loop(builder, size) as (b, _):
                place = builder.lshr(b, ir.Constant(INT64, 3))
                first, second = (
                    _splat(builder, builder.neg(builder.and_(builder.lshr(value, place), one)))
                    for value in (mirrored, plain)
                )
                added = builder.or_(builder.and_(first, here), builder.and_(second, elsewhere))
                flipped = builder.xor(_load(builder, group, b), here)
                value, carried = _full_adder(builder, flipped, added, builder.load(carry))
                _store(builder, value, group, b)
                builder.store(carried, carry)
        return context.get_dummy_value()

    integer = types.int64
    return types.void(count, integer, mask, integer, integer, integer, integer, integer), generate


@intrinsic
def count_negative(typingctx, count, plane, mask, start, words, bits, out, first):
    """out[first + w] = those of mask[start + w] whose number is negative; returns how many."""

    def generate(context, builder, signature, arguments):
        planes = _pointer(context, builder, signature, arguments, 0, 1)
        where = _pointer(context, builder, signature, arguments, 2, 3)
        out = _pointer(context, builder, signature, arguments, 6, 7)
        words, bits = arguments[4], arguments[5]
        top = builder.mul(builder.sub(bits, ir.Constant(INT64, 1)), ir.Constant(INT64, LANES))
        total = cgutils.alloca_once_value(builder, _constant(0))
        with _loop(builder, words) as (w, _):
            sign = _load(builder, builder.gep(planes, [builder.mul(w, bits)]), top)
            found = builder.and_(sign, _load(builder, where, w))
            _store(builder, found, out, w)
            _add_to(builder, total, _popcount(builder, found))
        return _sum(builder, builder.load(total))

    integer = types.int64
    return integer(count, integer, mask, integer, integer, integer, out, integer), generate


@intrinsic
def count_numbers(typingctx, count, plane, mask, start, words, bits, window, out, first):
    """out[first + v] = weights of mask[start + w] whose number is 8 window + v, for v < 8; bits >= 4."""

    def generate(context, builder, signature, arguments):
        planes = _pointer(context, builder, signature, arguments, 0, 1)
        where = _pointer(context, builder, signature, arguments, 2, 3)
        words, bits, window = arguments[4], arguments[5], arguments[6]
        found = _pointer(context, builder, signature, arguments, 7, 8)
        one, eight = ir.Constant(INT64, 1), ir.Constant(INT64, LANES)
        totals = [cgutils.alloca_once_value(builder, _constant(0)) for _ in range(DECODED)]
        above = cgutils.alloca_once(builder, VECTOR)
        size = builder.mul(bits, eight)
        with _loop(builder, words) as (w, _):
            group = builder.gep(planes, [builder.mul(w, bits)])
            builder.store(_load(builder, where, w), above)
            with cgutils.for_range_slice(builder, ir.Constant(INT64, 3 * LANES), size, eight, intp=INT64) as (b, _):
                place = builder.sub(builder.lshr(b, ir.Constant(INT64, 3)), ir.Constant(INT64, 3))
                wanted = builder.and_(builder.lshr(window, place), one)
                # All ones where the wanted bit is 0: xor with it leaves the planes that agree.
                agrees = builder.xor(_load(builder, group, b), _splat(builder, builder.sub(wanted, one)))
                builder.store(builder.and_(builder.load(above), agrees), above)
            bit = [_load(builder, group, ir.Constant(INT64, b * LANES)) for b in range(3)]
            no = [builder.not_(plane) for plane in bit]
            high = builder.load(above)
            halves = [builder.and_(no[2], high), builder.and_(bit[2], high)]
            pairs = [builder.and_((bit if v & 1 else no)[0], (bit if v & 2 else no)[1]) for v in range(4)]
            for v, total in enumerate(totals):
                _add_to(builder, total, _popcount(builder, builder.and_(pairs[v % 4], halves[v // 4])))
        for v, total in enumerate(totals):
            builder.store(_sum(builder, builder.load(total)), builder.gep(found, [ir.Constant(INT64, v)]))
        return context.get_dummy_value()

    integer: Any = types.int64
    return types.void(count, integer, mask, integer, integer, integer, integer, out, integer), generate
