"""What each contender runs, in a process of its own, written as its own documentation would have a user write it."""
