"""The citizen's side: what is owed, to whom, and the way to the bank."""

from flask import Blueprint

from payhub.checkout import assets, returns, views

BLUEPRINTS: list[Blueprint] = [views.bp, returns.bp, assets.bp]
