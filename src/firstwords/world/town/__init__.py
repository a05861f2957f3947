"""The town of Plumwick: who lives there, what is true of them, and what everyone knows."""
