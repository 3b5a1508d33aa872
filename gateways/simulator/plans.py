"""Reading what a driver plans: every word is known, or nothing is planned."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import date

from gateways.simulator.orders import Fact
from gateways.simulator.pages import PageRefused, decision_of
from gateways.simulator.protocols import PROTOCOLS, protocol_of_terminal
from gateways.simulator.refunds import RefundScenario
from gateways.simulator.scenarios import Scenario
from gateways.simulator.settlement import DISAGREEMENTS
from gateways.simulator.simulation import Simulation
from gateways.simulator.troubles import Trouble

FOREVER_S = 10.0**9


def planned(told: Fact) -> Fact:
    """What becomes of one order by its reference, of every order of a gateway, or of every order."""
    gateway, reference = _meant(told)
    plan = {name: told[name] for name in ("scenario", "mix", "code", "automatic") if name in told}
    if told.keys() - plan.keys() - {"default", "gateway", "reference"}:
        raise PageRefused(400, "wanted: reference, gateway or default, with scenario or mix, and code, automatic if you like")
    scenarios = plan.get("mix", {str(plan.get("scenario")): 1})
    if not isinstance(scenarios, dict) or not scenarios or scenarios.keys() - set(Scenario):
        raise PageRefused(400, f"scenario: one of {', '.join(Scenario)}")
    if any(type(weight) is not int or weight < 0 for weight in scenarios.values()) or not any(scenarios.values()):
        raise PageRefused(400, "mix: whole weights of 0 and more, not all 0")
    if gateway and scenarios.keys() & PROTOCOLS[gateway].cannot:
        raise PageRefused(400, f"scenario: {gateway} has no words for {', '.join(sorted(PROTOCOLS[gateway].cannot))}")
    decision_of({"code": plan.get("code", "")}.get, gateway)
    return {"fact": "planned", "gateway": gateway, "reference": reference, "plan": plan}


def refund_planned(told: Fact) -> Fact:
    """What becomes of the refunds of one order by its reference, of a gateway's, or of all."""
    gateway, reference = _meant(told)
    if told.keys() - {"default", "gateway", "reference", "scenario"}:
        raise PageRefused(400, "wanted: reference (of the order), gateway or default, with scenario")
    if told.get("scenario") not in tuple(RefundScenario):
        raise PageRefused(400, f"scenario: one of {', '.join(RefundScenario)}")
    return {"fact": "refund_planned", "gateway": gateway, "reference": reference, "scenario": told["scenario"]}


def troubled(told: Fact) -> Fact:
    """What is wrong with a gateway from now on, or that nothing is."""
    gateway, trouble = told.get("gateway"), told.get("trouble")
    if not isinstance(gateway, str) or gateway not in PROTOCOLS or trouble not in (*Trouble, "none"):
        raise PageRefused(400, f"wanted: gateway ({', '.join(PROTOCOLS)}) and trouble ({', '.join(Trouble)}, none)")
    if told.keys() - {"gateway", "trouble", "share", "for_s", "by_s", "calls"}:
        raise PageRefused(400, "besides those only share, for_s, by_s, calls")
    share, calls = told.get("share", 100), told.get("calls", list(PROTOCOLS[gateway].calls))
    if type(share) is not int or not 0 <= share <= 100:
        raise PageRefused(400, "share: per cent of the calls, a whole number")
    if not isinstance(calls, list) or not calls or any(each not in (*PROTOCOLS[gateway].calls, "page") for each in calls):
        raise PageRefused(400, f"calls: of {', '.join(PROTOCOLS[gateway].calls)}, page")
    until = time.time() + _number(told, "for_s", FOREVER_S)
    fact = {
        "gateway": gateway,
        "trouble": trouble,
        "share": share,
        "calls": calls,
        "by_s": _number(told, "by_s", 0),
        "until": until,
    }
    return {"fact": "troubled", "trouble": fact}


def disagreement(gateway: Simulation, told: Fact) -> Fact:
    """A line in which a settlement file will disagree."""
    kind = told.get("kind")
    wanted = ("kind", "terminal", "date") if kind == "extra" else ("kind", "terminal", "reference")
    if kind not in (*DISAGREEMENTS, "extra") or any(not isinstance(told.get(name), str) for name in wanted):
        raise PageRefused(400, "wanted: kind, terminal and reference (extra: date)")
    if told.keys() - {*wanted, "reference", "amount"} or type(told.get("amount", 1)) is not int:
        raise PageRefused(400, "besides those only amount, in whole VND, and for extra a reference")
    if protocol_of_terminal(gateway.config, told["terminal"]) is None:
        raise PageRefused(404, "no such terminal")
    if kind == "extra":
        day_of(told["date"])
    return told


def day_of(text: str) -> date:
    """Read a date. Raises PageRefused."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise PageRefused(400, "a date is yyyy-mm-dd") from None


def _meant(told: Fact) -> tuple[str, str]:
    gateway = told.get("gateway", "")
    reference = told.get("reference", "" if told.get("default") or gateway else None)
    if not isinstance(gateway, str) or (gateway and gateway not in PROTOCOLS):
        raise PageRefused(400, f"gateway: one of {', '.join(PROTOCOLS)}")
    if not isinstance(reference, str):
        raise PageRefused(400, "wanted: a reference, a gateway, or default")
    return gateway, "" if told.get("default") else reference


def _number(told: Mapping[str, object], name: str, usual: float) -> float:
    given = told.get(name, usual)
    if isinstance(given, bool) or not isinstance(given, int | float) or abs(given) > FOREVER_S:
        raise PageRefused(400, f"{name}: seconds")
    return float(given)
