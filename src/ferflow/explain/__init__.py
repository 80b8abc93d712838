"""Pictures that explain a video study: the way in, what the networks see, and what they got wrong."""
