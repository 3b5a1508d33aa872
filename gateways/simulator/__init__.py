"""The other side of every protocol: a gateway that takes no money, speaks over HTTP and can be told to misbehave."""

from gateways.simulator.app import create_app, run, serving
from gateways.simulator.config import Delays, SimulatorConfig, SimulatorRefused, Terminal
from gateways.simulator.refunds import RefundScenario
from gateways.simulator.scenarios import Scenario

__all__ = [
    "Delays",
    "RefundScenario",
    "Scenario",
    "SimulatorConfig",
    "SimulatorRefused",
    "Terminal",
    "create_app",
    "run",
    "serving",
]
