# The images of a study, and what each of its networks says of those that it is tested on.
COUNTED = {name: folder for name, folder in S.images.folders.items() if folder}
ENSEMBLES = S.images.averaged()
