"""What two parties disagree about: a row with its money, for a person to own."""
