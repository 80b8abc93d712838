"""How well people recognise the clips: their answers, what they agree on, and what they mistake."""
