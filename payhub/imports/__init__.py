"""Registers kept by files: each register said once, read and written as CSV, checked whole, changed by two people."""
