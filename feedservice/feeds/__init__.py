"""Posts → Feed → Document: what readers get. Pure: the same posts give the same bytes."""
