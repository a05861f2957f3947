"""What the built-in world writes: the documents of stage one."""
