"""The citizen's side: what is owed, to whom, and the way to the bank."""
