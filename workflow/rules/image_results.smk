# From predictions to metrics, tables and figures of an image study.
