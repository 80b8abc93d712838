# Transfer learning on faces in scenes (SFEW).
