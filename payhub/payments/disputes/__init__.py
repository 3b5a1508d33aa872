"""Chargebacks: what a citizen's bank wants back, reserved while it is disputed and booked when it is lost."""
