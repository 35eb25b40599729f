"""HTTP in: what is asked and what is answered."""
