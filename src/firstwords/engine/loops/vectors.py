"""A register full of float32 numbers, for compiled loops: load, splat, fused multiply-add, store.

    sums = splat(F32(0))
    for i in range(inputs):
        sums = multiply_add(splat(x_I[i]), load(weights, LANES * i), sums)

numba turns most plain loops into such instructions by itself, but it cannot be told to keep the sums of a matrix
product in registers. Each function becomes one or two instructions: LANES is how many numbers fit into a register, 16
with AVX-512, 8 with AVX2 (a processor with smaller registers takes several instructions for each).
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic, models, register_model

from firstwords.engine.arrays import LANES

VECTOR = ir.VectorType(ir.FloatType(), LANES)
INTEGERS = ir.VectorType(ir.IntType(32), LANES)


class Register(types.Type):
    """The type of such a value in compiled code; it never reaches Python."""

    def __init__(self) -> None:
        super().__init__("register")


register = Register()


@register_model(Register)
class _Register(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, VECTOR)


@intrinsic
def load(typingctx, array, first):
    """LANES numbers of a one-dimensional array (float32, or int8 converted to float32) that begin at `first`."""

    def codegen(context, builder, signature, arguments):
        kind = signature.args[0]
        size = 1 if kind.dtype == types.int8 else 4
        vector = builder.load(_pointer(context, builder, kind, arguments), align=size)
        return builder.sitofp(builder.sext(vector, INTEGERS), VECTOR) if size == 1 else vector

    return register(array, types.intp), codegen


@intrinsic
def store(typingctx, array, first, vector):
    """Write LANES numbers into a one-dimensional float32 array from `first` on."""

    def codegen(context, builder, signature, arguments):
        builder.store(arguments[2], _pointer(context, builder, signature.args[0], arguments), align=4)
        return context.get_dummy_value()

    return types.void(array, types.intp, register), codegen


@intrinsic
def prefetch(typingctx, array, first):
    """Ask for a number's cache line before it is needed. It need not exist."""

    def codegen(context, builder, signature, arguments):
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        address = builder.bitcast(builder.gep(data, [arguments[1]]), ir.IntType(8).as_pointer())
        flag = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [address.type, flag, flag, flag])
        function = builder.module.declare_intrinsic("llvm.prefetch", [address.type], kind)
        builder.call(function, [address, flag(0), flag(3), flag(1)])  # for reading, into all caches, data
        return context.get_dummy_value()

    return types.void(array, types.intp), codegen


@intrinsic
def splat(typingctx, number):
    """A float32 number in all lanes."""

    def codegen(context, builder, signature, arguments):
        undefined, zero = ir.Constant(VECTOR, ir.Undefined), ir.Constant(ir.IntType(32), 0)
        single = builder.insert_element(undefined, arguments[0], zero)
        return builder.shuffle_vector(single, undefined, ir.Constant(INTEGERS, [0] * LANES))

    return register(types.float32), codegen


@intrinsic
def multiply_add(typingctx, a, b, c):
    """a * b + c, rounded once where the processor can."""

    def codegen(context, builder, signature, arguments):
        fused = ("contract",)
        return builder.fadd(builder.fmul(arguments[0], arguments[1], flags=fused), arguments[2], flags=fused)

    return register(register, register, register), codegen


@intrinsic
def larger(typingctx, a, b):
    """The larger of each pair of numbers."""

    def codegen(context, builder, signature, arguments):
        first, second = arguments
        return builder.select(builder.fcmp_ordered(">", first, second), first, second)

    return register(register, register), codegen


@intrinsic
def lane(typingctx, vector, number):
    """One of the numbers."""

    def codegen(context, builder, signature, arguments):
        return builder.extract_element(arguments[0], builder.trunc(arguments[1], ir.IntType(32)))

    return types.float32(register, types.intp), codegen


def _pointer(context: Any, builder: Any, kind: Any, arguments: Any) -> Any:
    data = context.make_array(kind)(context, builder, arguments[0]).data
    first = builder.gep(data, [arguments[1]], inbounds=True)
    return builder.bitcast(first, ir.VectorType(context.get_data_type(kind.dtype), LANES).as_pointer())
