"""Crash rounds: every process of a hub is killed at random moments under load, and afterwards everybody's books must agree."""
