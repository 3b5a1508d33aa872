"""Unapplied receipts: money that came and could not pay, until it is allocated, given back or reversed."""
