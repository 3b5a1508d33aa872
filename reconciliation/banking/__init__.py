"""From what gateways say they pay over to what the bank's statements show: payouts, statements, and what was banked."""
