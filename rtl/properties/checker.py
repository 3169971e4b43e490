"""The base of all properties."""

from collections.abc import Iterable, Mapping
from typing import ClassVar

from amaranth.hdl import Module, Signal, Value, ValueLike
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["Checker"]


def _listening(signature: wiring.Signature) -> dict[str, wiring.Member]:
    """The same members, all of them as inputs."""
    return {
        name: (
            Out(wiring.Signature(_listening(member.signature))) if member.is_signature else In(member.shape)
        ).array(*member.dimensions)
        for name, member in signature.members.items()
    }


class Checker(wiring.Component):
    """Listens to all ports of a component, and reports the rules that are violated in each cycle.

    It has no effect on the component, and is plain logic, for a proof, a simulation or an FPGA. In a proof,
    ``violated`` must never be 1, each bit of ``reached`` must be 1 at some time, and ``broken`` is assumed to be 0;
    where the component is embedded, ``broken`` must never be 1 either.

    Parameters
    ----------
    watched : Signature
        Of the component to listen to.
    chosen : mapping of str to Shape
        Further inputs, constant over time: the sources, contexts and harts of the rules. In a proof they can have any
        value.

    Members
    -------
    violated : Out(StructLayout({rule: 1}))
        A rule is violated in this cycle.
    reached : Out(StructLayout({rule: 1}))
        A rule applies in this cycle.
    broken : Out(StructLayout({assumption: 1}))
        The surroundings break an assumption in this cycle.
    relied : Out(StructLayout({assumption: 1}))
        An assumption applies in this cycle.

    All others are the members of ``watched``, and those in ``chosen``, as inputs.
    """

    RULES: ClassVar[tuple[str, ...]] = ()
    """Names of the rules."""

    ASSUMPTIONS: ClassVar[Mapping[str, str]] = {}
    """Assumptions about the surroundings, each with its reason."""

    def __init__(self, watched: wiring.Signature, chosen: Mapping[str, int]) -> None:
        self.chosen = tuple(chosen)
        rules = data.StructLayout(dict.fromkeys(self.RULES, 1))
        super().__init__(
            _listening(watched)
            | {name: In(shape) for name, shape in chosen.items()}
            | {
                "violated": Out(rules),
                "reached": Out(rules),
                "broken": Out(data.StructLayout(dict.fromkeys(self.ASSUMPTIONS, 1))),
                "relied": Out(data.StructLayout(dict.fromkeys(self.ASSUMPTIONS, 1))),
            }
        )

    def rule(self, m: Module, name: str, *, when: ValueLike, then: ValueLike) -> None:
        """States a rule: whenever ``when`` is 1, so is ``then``."""
        m.d.comb += [self.reached[name].eq(when), self.violated[name].eq(Value.cast(when) & ~Value.cast(then))]

    def assume(self, m: Module, name: str, *, then: ValueLike, when: ValueLike = 1) -> None:
        """States an assumption: whenever ``when`` is 1, so is ``then``."""
        m.d.comb += [self.relied[name].eq(when), self.broken[name].eq(Value.cast(when) & ~Value.cast(then))]


def delayed(m: Module, value: ValueLike, cycles: int, name: str, *, init: int = 0) -> Value:
    """``value`` as it was ``cycles`` ago; ``init`` before there was such a cycle."""
    result = Value.cast(value)
    for i in range(cycles):
        register = Signal(len(result), name=f"{name}_{i + 1}_ago", init=init)
        m.d.sync += register.eq(result)
        result = register
    return result


def recent(m: Module, value: ValueLike, cycles: int, name: str) -> Value:
    """1 if ``value`` was 1 in any of the last ``cycles`` cycles, this one apart."""
    history = [delayed(m, value, 1, name)]
    for i in range(1, cycles):
        history.append(delayed(m, history[-1], 1, f"{name}{i}"))
    return any_of(history)


def changed(m: Module, value: Value, name: str) -> Value:
    """1 if the value is another than in the cycle before, there being one."""
    return delayed(m, 1, 1, f"{name}_before") & (value != delayed(m, value, 1, name))


def withdrawn(m: Module, valid: Value, ready: Value, payload: Value, name: str) -> tuple[Value, Value]:
    """A transfer waited in the cycle before; and it was withdrawn, or has changed."""
    waited = delayed(m, valid & ~ready, 1, f"{name}_waited")
    return waited, waited & (~valid | (payload != delayed(m, payload, 1, f"{name}_payload")))


def any_of(values: Iterable[ValueLike]) -> Value:
    """1 if any of the values is not 0."""
    result: Value = Value.cast(0)
    for value in values:
        result = result | Value.cast(value).any()
    return result


def at_most_one(bits: Value) -> Value:
    """1 if not more than one bit is set."""
    return (bits & (bits - 1)[: len(bits)]) == 0
