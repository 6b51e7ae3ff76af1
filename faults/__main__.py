"""`python -m faults`."""

from faults.runner import main

if __name__ == "__main__":
    main()
