"""Features of an image made by hand: local phase quantisation and pyramids of edge directions."""
