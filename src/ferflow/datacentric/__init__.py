"""The data, not the network: what is wrong with the images, and what resampling is worth (Adel 2023)."""
