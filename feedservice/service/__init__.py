"""The shell: the only rooms that act. They read directories, write files and know the time."""
