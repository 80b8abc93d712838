"""The study of static faces in scenes: images, folds, and networks whose first stages are frozen."""
