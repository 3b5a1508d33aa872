"""The workbench: discrepancies in front of people, with what each side says, what they suggest, and what can be done."""
