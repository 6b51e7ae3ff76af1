"""What each contender runs, written as its own documentation would have a user write it. Each is a process of its own."""
