"""The board design: everything on a board but its pins and its clock."""

from amaranth.hdl import Cat, Module, ResetInserter, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect

from hic.rtl.controller import Controller
from hic.rtl.parameters import Cause, Parameters

from .boot import Boot
from .bridge import Bridge
from .bus import Arbiter, Decoder
from .framing import Framer, Unframer
from .generators import Burst, Button, Generator, LevelDevice, Timer
from .latency import LatencyMeter
from .lights import LIGHTS, Lights
from .plan import Kind, Pace, Plan
from .registers import BOARD_BITS, BoardRegisters
from .serial import SerialReceiver, SerialTransmitter
from .taker import Taker

__all__ = ["Board"]


class Board(wiring.Component):
    """A controller that a board shows at work, and that a host can use over a serial line.

    After power-up it sets itself up and runs as ``Plan`` says, without software. A host may look on, or stop all that
    (CONTROL) and drive the wires and the controller itself.

    Parameters
    ----------
    parameters : Parameters
        The controller's.
    clock_hz : int
        The clock's frequency.
    baud : int
        Bits per second on the serial line, at most a quarter of ``clock_hz``.
    button_count : int
        Number of buttons.
    pace : Pace, optional
        The pace of the demonstration; ``Pace.visible(clock_hz)`` if not given.
    build : int
        Identifies the build; a host can read it.
    tunable : bool
        A host can change the pace. Leave it out on a small part.

    Members
    -------
    rx : In(1)
        The serial line from the host.
    tx : Out(1)
        The serial line to the host.
    buttons : In(button_count)
        1 while pressed.
    lights : Out(6)
        Bit i is LIGHTS[i]; 1 is on.

    Raises
    ------
    TypeError, ValueError
        The controller is too small for the plan, or the clock is too slow for the serial line.
    """

    def __init__(
        self,
        parameters: Parameters,
        *,
        clock_hz: int,
        baud: int,
        button_count: int = 1,
        pace: Pace | None = None,
        build: int = 0,
        tunable: bool = True,
    ) -> None:
        self._parameters = parameters
        self._clock_hz = clock_hz
        self._divisor = round(clock_hz / baud)
        self._build = build
        self._tunable = tunable
        self._pace = Pace.visible(clock_hz) if pace is None else pace
        self._plan = Plan(parameters, button_count)
        self._receiver, self._transmitter = SerialReceiver(self._divisor), SerialTransmitter(self._divisor)
        super().__init__({"rx": In(1, init=1), "tx": Out(1), "buttons": In(button_count), "lights": Out(len(LIGHTS))})

    @property
    def plan(self) -> Plan:
        """The plan of what the board does by itself."""
        return self._plan

    @property
    def divisor(self) -> int:
        """Clock cycles per bit of the serial line."""
        return self._divisor

    def elaborate(self, platform: object) -> Module:
        m = Module()
        p, plan = self._parameters, self._plan
        reset = Signal()

        # The link: not reset by the host, whose request it is.
        m.submodules.receiver = receiver = self._receiver
        m.submodules.transmitter = transmitter = self._transmitter
        m.submodules.unframer = unframer = Unframer()
        m.submodules.framer = framer = Framer()
        m.submodules.bridge = bridge = Bridge()
        connect(m, framer.data, transmitter.data)
        connect(m, bridge.response, framer.body)
        cycle = Signal(32)
        m.d.sync += cycle.eq(cycle + 1)
        with m.If(reset):
            m.d.sync += cycle.eq(0)
        m.d.comb += [
            receiver.rx.eq(self.rx), self.tx.eq(transmitter.tx),
            unframer.data.eq(receiver.data), unframer.take.eq(receiver.valid), unframer.broken.eq(receiver.broken),
            unframer.hold.eq(bridge.busy), bridge.request.eq(unframer.body), bridge.valid.eq(unframer.valid),
            bridge.cycle.eq(cycle),
        ]

        # The controller and its registers.
        again = ResetInserter(reset)
        controller = Controller(p)
        m.submodules.controller = again(controller)
        m.submodules.registers = registers = BoardRegisters(
            plan, self._pace, tunable=self._tunable, clock_hz=self._clock_hz, divisor=self._divisor, build=self._build
        )
        m.d.comb += reset.eq(registers.reset)
        directs = [getattr(controller, f"direct{h}") for h in range(p.hart_count)]
        traps = [getattr(controller, f"trap{h}") for h in range(p.hart_count)]

        # The harts.
        takers = [Taker(p, h, plan.sharers) for h in range(p.hart_count)]
        boot = Boot(list(plan.writes()))
        m.submodules.boot = again(boot)
        working = Signal()
        m.d.comb += [boot.enable.eq(registers.run), working.eq(registers.run & boot.done)]
        for h, taker in enumerate(takers):
            m.submodules[f"taker{h}"] = again(taker)
            m.d.comb += [taker.enable.eq(working), taker.take.eq(registers.take), taker.serve.eq(registers.serve)]
            for line, listeners in (
                (directs[h], (taker.direct, registers.direct[h])), (traps[h], (taker.trap, registers.trap[h]))
            ):
                for listener in listeners:
                    m.d.comb += [
                        getattr(listener, name).eq(getattr(line, name))
                        for name, member in line.signature.members.items() if member.flow is Out
                    ]
            m.d.comb += directs[h].acknowledge.eq(taker.direct.acknowledge | registers.direct[h].acknowledge)

        # The bus.
        initiators = [bridge.bus, boot.bus, *(taker.bus for taker in takers)]
        arbiter = Arbiter(len(initiators))
        m.submodules.arbiter = again(arbiter)
        m.submodules.decoder = decoder = Decoder(controller_bits=p.address_bits, board_bits=BOARD_BITS)
        for initiator, port in zip(initiators, arbiter.initiators, strict=True):
            connect(m, initiator, port)
        connect(m, arbiter.bus, decoder.bus)
        connect(m, decoder.controller, controller.bus)
        connect(m, decoder.board, registers.bus)

        # The wires.
        generators = self._generators()
        meter = LatencyMeter(len(generators))
        m.submodules.meter = again(meter)
        for source, generator in zip(plan.sources, generators, strict=True):
            m.submodules[f"{source.kind.value}{source.number}"] = again(generator)
            m.d.comb += [
                generator.enable.eq(working),
                generator.period.eq(registers.periods[source.number - 1]),
                generator.serviced.eq(Cat(taker.serviced == source.number for taker in takers).any()),
                meter.shown[source.number - 1].eq(Cat(
                    *(line.valid & (line.source == source.number) for line in directs),
                    *(line.valid & (line.source == source.number) & (line.cause == Cause.INTERRUPT) for line in traps),
                ).any()),
            ]
        buttons = [each for each in generators if isinstance(each, Button)]
        m.d.comb += [
            *(button.pin.eq(pin) for button, pin in zip(buttons, self.buttons, strict=True)),
            controller.irq.eq(registers.wires | Cat(each.active for each in generators)),
            meter.wires.eq(controller.irq),
            meter.address.eq(registers.latency_address),
            registers.latency_data.eq(meter.data),
            registers.dropped.eq(unframer.dropped),
        ]

        m.submodules.lights = lights = Lights(stretch_bits=self._pace.stretch_bits)
        m.d.comb += [
            lights.ready.eq(controller.ready),
            lights.direct.eq(Cat(line.valid for line in directs).any()),
            lights.trap.eq(Cat(line.valid & (line.cause == Cause.INTERRUPT) for line in traps).any()),
            lights.doorbell.eq(Cat(line.valid & (line.cause == Cause.DOORBELL) for line in traps).any()),
            lights.link.eq(unframer.valid),
            lights.fault.eq(Cat(boot.fault, *(taker.fault for taker in takers), registers.dropped).any()),
            self.lights.eq(lights.lights),
        ]
        return m

    def _generators(self) -> list[Generator]:
        made: list[Generator] = []
        for source in self._plan.sources:
            match source.kind:
                case Kind.TIMER:
                    made.append(Timer())
                case Kind.BURST:
                    made.append(Burst())
                case Kind.LEVEL:
                    made.append(LevelDevice())
                case Kind.BUTTON:
                    made.append(Button(settle_bits=self._pace.settle_bits))
        return made
