"""How people talk in the built-in world: the conversations of stage two, with checks of the answers."""
