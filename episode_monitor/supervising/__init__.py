"""Several workers as one: a supervisor that starts them again, and what each of them is given."""
