"""Source → Post: what a file says. Pure: the same bytes give the same post."""
