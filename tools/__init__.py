"""What developers run now and then; nothing of it is needed at run time."""
