"""Late fusion: several models as one, from their predictions alone (thesis, section 3.2.6)."""
