"""The other side of every protocol: gateways that take no money, speak over HTTP and can be told to misbehave."""

from gateways.simulator.app import create_app, run, serving
from gateways.simulator.config import Delays, SimulatorConfig, SimulatorRefused, Terminal
from gateways.simulator.refunds import RefundScenario
from gateways.simulator.scenarios import Scenario
from gateways.simulator.terms import Tariff, Terms
from gateways.simulator.troubles import Trouble

__all__ = [
    "Delays",
    "RefundScenario",
    "Scenario",
    "SimulatorConfig",
    "SimulatorRefused",
    "Tariff",
    "Terminal",
    "Terms",
    "Trouble",
    "create_app",
    "run",
    "serving",
]
