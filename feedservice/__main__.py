"""``python -m feedservice``."""

from feedservice.cli import main

if __name__ == "__main__":
    main()
