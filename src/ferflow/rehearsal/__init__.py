"""A rehearsal of a study: fabricated data in its publishers' layout, and what each kind of its jobs takes."""
